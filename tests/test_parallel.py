"""Blocks over a pool of threads, and the limit of the BLAS threads."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_info, threadpool_limits

from skl_sae import _parallel
from skl_sae._parallel import partition, run, single_threaded_blas

ROOT = Path(__file__).parents[1]


@pytest.fixture
def four_threads(monkeypatch):
    """A pool of its own with four threads, on any machine."""
    monkeypatch.setattr(_parallel, "n_slots", lambda: 4)
    monkeypatch.setattr(_parallel, "_pool", _parallel._Pool())


@pytest.fixture
def interruptible():
    """Interrupts raise, also in a process that was started in the background, where they are ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Calls:
    """A task that notes who ran which block."""

    def __init__(self, wait=0.0):
        self.wait, self.notes = wait, []

    def __call__(self, block, slot):
        self.notes.append((block, slot, threading.get_ident()))
        time.sleep(self.wait)

    def assert_each_once(self, n_blocks):
        assert Counter(block for block, _, _ in self.notes) == dict.fromkeys(range(n_blocks), 1)


@pytest.mark.parametrize("n_blocks", [0, 1, 2, 3, 4, 5, 100])
def test_every_block_runs_once(n_blocks, four_threads):
    for _ in range(20):
        calls = Calls()
        run(calls, n_blocks)
        calls.assert_each_once(n_blocks)


def test_blocks_run_on_several_threads_with_slots_of_their_own(four_threads):
    meet, notes = threading.Barrier(4), set()

    def task(block, slot):
        meet.wait(20)
        notes.add((slot, threading.get_ident()))

    run(task, 4)
    assert {slot for slot, _ in notes} == {0, 1, 2, 3}
    assert (0, threading.get_ident()) in notes and len({thread for _, thread in notes}) == 4
    run(task, 40)
    assert len(notes) == 4, "a thread keeps its slot"


def test_no_more_threads_than_blocks(four_threads):
    calls = Calls(wait=0.02)
    run(calls, 2)
    assert {slot for _, slot, _ in calls.notes} <= {0, 1}


def test_inline_runs_in_order_on_the_calling_thread(four_threads):
    calls = Calls()
    run(calls, 7, inline=True)
    assert calls.notes == [(block, 0, threading.get_ident()) for block in range(7)]


@pytest.mark.parametrize("inline", [False, True])
@pytest.mark.parametrize("bad", [0, 3, 19])
def test_an_exception_is_raised_in_the_caller_and_the_pool_lives_on(bad, inline, four_threads):
    running, calls = [], Calls()

    def task(block, slot):
        running.append(block)
        if block == bad:
            raise ZeroDivisionError(block)
        time.sleep(0.001)
        running.remove(block)

    with pytest.raises(ZeroDivisionError, match=str(bad)):
        run(task, 20, inline)
    assert running == [bad], "other blocks must have ended"
    run(calls, 20, inline)
    calls.assert_each_once(20)


def test_after_an_exception_no_block_is_begun(four_threads):
    begun = []

    def task(block, slot):
        begun.append(block)
        if block == 0:
            raise ZeroDivisionError
        time.sleep(0.05)

    with pytest.raises(ZeroDivisionError):
        run(task, 1000)
    assert len(begun) < 500


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="needs signals for a thread")
@pytest.mark.parametrize("when", ["at work", "waiting"])
def test_an_interrupt_waits_for_the_workers(when, four_threads, interruptible):
    """They still use the caller's arrays."""
    caller, others, ended = threading.get_ident(), threading.Event(), []

    def task(block, slot):
        if slot == 0:
            others.wait(10)
            if when == "waiting":
                return
        elif not others.is_set():
            others.set()
            time.sleep(0.05)
            signal.pthread_kill(caller, signal.SIGINT)
            time.sleep(0.1)
            ended.append(block)
            return
        time.sleep(0.1)

    with pytest.raises(KeyboardInterrupt):
        run(task, 2 if when == "waiting" else 4)
    assert len(ended) == 1
    calls = Calls()
    run(calls, 20)
    calls.assert_each_once(20)


def test_nested_runs_work_inline(four_threads):
    """A block may call what uses the pool."""
    inner, threads = Calls(), []

    def task(block, slot):
        threads.append(threading.get_ident())
        run(lambda b, s: inner(10 * block + b, s), 10)

    run(task, 5)
    inner.assert_each_once(50)
    assert {thread for _, _, thread in inner.notes} <= set(threads)


def test_four_threads_run_at_once(four_threads):
    """Only one has the pool; the others work on their own; nobody takes another's block."""
    calls = [Calls(wait=0.0005) for _ in range(4)]
    errors = []

    def work(mine):
        try:
            for _ in range(10):
                mine.notes.clear()
                run(mine, 25)
                mine.assert_each_once(25)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(mine,)) for mine in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not errors and not any(thread.is_alive() for thread in threads)


FORK = """
import os, threading, time
from threadpoolctl import threadpool_info, threadpool_limits
from skl_sae import _parallel
from skl_sae._parallel import run, single_threaded_blas

def blas():
    return {info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"}

def works():
    meet, slots = threading.Barrier(4), []

    def task(block, slot):
        meet.wait(20)
        slots.append(slot)

    run(task, 4)
    return sorted(slots) == [0, 1, 2, 3]

def child_is_well(where):
    pid = os.fork()
    if pid == 0:
        if where == "inside":
            unlimited = blas() == {2}
            with single_threaded_blas():
                limited = blas() == {1}
        else:
            unlimited = limited = True
        os._exit(0 if works() and unlimited and limited and blas() == {2} else 1)
    for _ in range(300):
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status == 0
        time.sleep(0.1)
    os.kill(pid, 9)
    return False

threadpool_limits(2, user_api="blas")
assert works()
assert child_is_well("after")
inside = threading.Event()
leave = threading.Event()

def hold(block, slot):
    inside.set()
    leave.wait(60)

def fit():
    with single_threaded_blas():
        run(hold, 8)

thread = threading.Thread(target=fit, daemon=True)
thread.start()
inside.wait(60)
assert child_is_well("inside")
leave.set()
thread.join()
assert works() and blas() == {2}
print("well")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_forked_child_makes_its_own_workers():
    """Also where the parent's pool was at work, and BLAS limited, at the time of the fork."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NUMBA_NUM_THREADS": "4"}
    result = subprocess.run(
        [sys.executable, "-c", FORK], env=environment, capture_output=True, text=True, timeout=120, cwd=ROOT
    )
    assert result.stdout.strip() == "well", result.stderr


def n_blas_threads():
    return {info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"}


@pytest.fixture
def two_blas_threads():
    with threadpool_limits(2, user_api="blas"):
        if n_blas_threads() != {2}:
            pytest.skip("this BLAS takes no limit of two threads")
        yield


def test_blas_limit_nests(two_blas_threads):
    with single_threaded_blas():
        assert n_blas_threads() == {1}
        with single_threaded_blas():
            assert n_blas_threads() == {1}
        assert n_blas_threads() == {1}
    assert n_blas_threads() == {2}


def test_blas_limit_ends_with_an_exception(two_blas_threads):
    with pytest.raises(ZeroDivisionError), single_threaded_blas():
        raise ZeroDivisionError
    assert n_blas_threads() == {2}


@pytest.mark.parametrize("first_to_leave", [0, 1])
def test_blas_limit_lasts_until_the_last_holder_leaves(first_to_leave, two_blas_threads):
    """In whichever order two threads end."""
    leave, entered = [threading.Event(), threading.Event()], [threading.Event(), threading.Event()]

    def hold(i):
        with single_threaded_blas():
            entered[i].set()
            leave[i].wait(30)

    threads = [threading.Thread(target=hold, args=(i,)) for i in range(2)]
    for i, thread in enumerate(threads):
        thread.start()
        assert entered[i].wait(30)
    seen = [n_blas_threads()]
    for i in first_to_leave, 1 - first_to_leave:
        leave[i].set()
        threads[i].join(30)
        seen.append(n_blas_threads())
    assert seen == [{1}, {1}, {2}]


@given(st.integers(0, 5000), st.integers(0, 400), st.sampled_from([1, 16, 64]))
def test_partition_covers_the_range_in_order(n, more, multiple):
    size = multiple + more  # a size below the multiple makes no sense
    blocks = partition(n, size, multiple)
    assert [i for lo, hi in blocks for i in range(lo, hi)] == list(range(n))
    assert all(lo % multiple == 0 for lo, _ in blocks)
    assert max((hi - lo for lo, hi in blocks), default=0) <= 2 * size, "scratch memory is made for twice the size"


def test_partition_does_not_depend_on_the_threads(four_threads):
    blocks = partition(1000, 48)
    assert len(blocks) == 21
    assert np.ptp([hi - lo for lo, hi in blocks]) <= 40


def test_numba_s_number_of_threads_is_used(monkeypatch):
    monkeypatch.setattr(_parallel.config, "NUMBA_NUM_THREADS", 3)
    assert _parallel.n_slots() == 3
