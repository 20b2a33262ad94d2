"""Blocks over a pool of threads."""

import gc
import signal
import threading
import time
import weakref
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skl_sae._kernels import threads
from skl_sae._kernels.threads import partition, run


@pytest.fixture
def four_threads(monkeypatch):
    """A pool of its own with four threads, on any machine."""
    monkeypatch.setattr(threads, "n_slots", lambda: 4)
    monkeypatch.setattr(threads, "n_threads", lambda: 4)
    monkeypatch.setattr(threads, "_pool", threads._Pool())


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


class Data:
    """Something large that a task holds."""


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("n_blocks", [2, 40])
def test_nothing_of_a_task_is_kept(n_blocks, fails, four_threads):
    """Neither by idle workers nor by an exception that was raised in one, even without the garbage collector."""
    data = Data()
    watched, begun = weakref.ref(data), []

    def task(block, slot, data=data):
        mine = data  # noqa: F841
        begun.append(block)
        time.sleep(0.002)
        if fails and len(begun) > 1:
            raise ZeroDivisionError

    gc.disable()
    try:
        for _ in range(3):
            begun.clear()
            try:
                run(task, n_blocks)
                assert not fails
            except ZeroDivisionError:
                assert fails
        del task, data
        time.sleep(0.05)
        assert watched() is None
    finally:
        gc.enable()


def test_a_call_that_was_over_before_a_worker_woke_leaves_nothing(four_threads):
    """Its ticket is still in the queue of the worker."""
    data = Data()
    watched = weakref.ref(data)
    for _ in range(200):
        run(lambda block, slot, data=data: None, 2)
    del data
    assert watched() is None


def test_a_worker_that_sleeps_is_not_waited_for(four_threads):
    """Whoever takes a ticket first decides."""
    run(Calls(0.01), 8)
    late = threading.Event()
    serve = threads._Worker._serve_one
    for worker in threads._pool._workers:
        worker._serve_one = lambda worker=worker: (late.wait(10), serve(worker))[1]
    run(Calls(0.02), 8)  # workers already wait for this one
    calls, start = Calls(), time.perf_counter()
    run(calls, 50)
    assert time.perf_counter() - start < 5
    calls.assert_each_once(50)
    assert {slot for _, slot, _ in calls.notes} == {0}
    late.set()


def test_no_more_threads_can_be_started(four_threads, monkeypatch):
    """The caller does the work, or with fewer workers."""

    class NoThread(threading.Thread):
        def start(self):
            raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading, "Thread", NoThread)
    calls = Calls()
    run(calls, 20)
    calls.assert_each_once(20)


def test_workers_do_not_warn_of_numbers(four_threads):
    """Whatever the settings of the thread that calls."""
    meet = threading.Barrier(4)
    zeros = np.zeros(3)

    def task(block, slot):
        meet.wait(20)
        if slot:
            assert set(np.geterr().values()) == {"ignore"}
            zeros / zeros, np.float32(1e-30) * np.float32(1e-30)

    run(task, 4)


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
