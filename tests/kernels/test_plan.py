"""Plans: kernels recorded once and called often, by any number of threads."""

import gc
import os
import sys
import threading
import time
import weakref

import numpy as np
import pytest
from numba import config
from numpy.testing import assert_array_equal

from skl_sae._kernels import addresses, crew, memory, plan, threads
from skl_sae._kernels.addresses import Addresses
from skl_sae._kernels.jit import row_of
from skl_sae._kernels.kernel import add, copy, kernel, recording
from skl_sae._kernels.memory import LINE, Scratch, empty, empty_rows
from skl_sae._kernels.plan import Plan
from skl_sae._kernels.reductions import add_sums

compiled = pytest.mark.skipif(config.DISABLE_JIT, reason="nothing is compiled")
BUSY = 50 if config.DISABLE_JIT else 20_000


@kernel("T2", "T2!", "n")
def spin(x, out, times):
    """``out = 2 x``, after a while."""
    for _ in range(times):
        for j in range(x.shape[1]):
            out[0, j] = x[0, j] + out[0, j] % 2
    for i in range(x.shape[0]):
        a, b = row_of(x, i), row_of(out, i)
        for j in range(a.size):
            b[j] = 2 * a[j]


@pytest.fixture(params=[1, 2, 8, 64])
def n_threads(request, monkeypatch):
    """So many threads, on however few cores."""
    for module in (threads, crew, addresses, memory):
        monkeypatch.setattr(module, "n_slots", lambda: request.param)
    for module in (threads, crew):
        monkeypatch.setattr(module, "n_threads", lambda: request.param)
    monkeypatch.setattr(threads, "_pool", threads._Pool())
    yield request.param
    for worker in threads._pool._workers:
        worker.dismiss()


def numbers(*shape):
    return np.random.default_rng(0).integers(-8, 9, shape).astype(float)


def test_regions_follow_one_another(n_threads):
    """Each item of a region sees what all items of the last one have written; and again in the next run."""
    x, a, b = numbers(40, 5), np.zeros((40, 5)), np.zeros((40, 5))
    recorded = Plan()
    recorded.region(40, lambda i: spin(x[i : i + 1], a[i : i + 1], BUSY if i == 39 else 1))
    recorded.region(40, lambda i: (copy(a[::-1][i : i + 1], b[i : i + 1]), add(a[:1], b[i : i + 1])))
    for _ in range(20):
        a[:], b[:] = np.nan, np.nan
        recorded.run()
        assert_array_equal(b, 2 * x[::-1] + 2 * x[0])
        x += 1


def test_calls_of_the_interpreter_stand_in_their_place(n_threads):
    x, out, seen = numbers(8, 3), np.zeros((8, 3)), []

    def between(row, i):
        row *= 10
        seen.append(i)

    recorded = Plan()
    recorded.region(8, lambda i: (copy(x[i], out[i]), recorded.call(between, out[i], i), add(x[i], out[i])))
    for _ in range(5):
        seen.clear()
        recorded.run()
        assert_array_equal(out, 11 * x)
        assert sorted(seen) == list(range(8))


def test_each_thread_has_its_own_scratch(n_threads):
    """Also calls of the interpreter are given that of their thread."""
    where, scratch = Addresses(), Scratch([(1, 5), (2, 3)], float)
    where.share(scratch)
    x, out, places = numbers(64, 5), np.zeros((64, 5)), set()
    room, other = scratch.arrays(0)

    def look(a, b):
        places.add(a.__array_interface__["data"][0])
        assert b.shape == (2, 3)

    recorded = Plan(where)
    recorded.region(
        64,
        lambda i: (
            spin(x[i : i + 1], room, BUSY // 20),
            recorded.call(look, room, other),
            copy(room, out[i : i + 1]),
        ),
    )
    recorded.run()
    assert_array_equal(out, 2 * x)
    assert 1 <= len(places) <= n_threads
    assert places <= {scratch.arrays(slot)[0].__array_interface__["data"][0] for slot in range(n_threads)}


def test_arrays_that_are_replaced():
    """Parts of one that is as large, and one that is recorded as a whole, of any length."""
    where, first, whole, out = Addresses(), numbers(6, 4), numbers(3), np.zeros((2, 4))
    where.follow("x", first)
    where.follow("y", whole)
    recorded, lengths = Plan(where), []
    recorded.region(1, lambda i: (copy(first[2:4], out), recorded.call(lambda y: lengths.append(y.size), whole)))
    for x, y in (first, whole), (first + 1, np.ones(0)), (first + 2, np.ones(9)):
        where.follow("x", x)
        where.follow("y", y)
        recorded.run()
        assert_array_equal(out, x[2:4])
        assert lengths[-1] == y.size


def test_arguments_beyond_their_arrays_are_seen(monkeypatch):
    where, first = Addresses(), numbers(6, 4)
    where.follow("x", first)
    recorded, out = Plan(where), np.zeros((2, 4))
    recorded.region(1, lambda i: copy(first[4:6], out))
    recorded.run()
    where.follow("x", numbers(5, 4))
    monkeypatch.setattr(plan, "CHECKS", True)
    with pytest.raises(IndexError, match="beyond the 160 bytes"):
        recorded.run()
    where.follow("x", numbers(6, 4))
    recorded.run()


def test_a_plan_keeps_its_arrays():
    plans, expected, out = [Plan()], numbers(1, 4), np.zeros((1, 4))

    def record(x):
        plans[0].region(1, lambda i: copy(x, out))
        return weakref.ref(x)

    kept = record(numbers(1, 4))
    gc.collect()
    plans[0].run()
    assert kept() is not None
    assert_array_equal(out, expected)
    plans.clear()
    gc.collect()
    assert kept() is None


def test_nothing_is_run_while_it_is_recorded():
    out, recorded = np.zeros((1, 2)), Plan()

    def task(i):
        assert recording() is recorded
        copy(np.ones((1, 2)), out)
        if i == 1:
            raise KeyError

    with pytest.raises(KeyError):
        recorded.region(2, task)
    assert recording() is None
    assert not out.any()
    copy(np.ones((1, 2)), out)
    assert out.all()


@compiled
def test_what_numba_would_refuse_is_refused():
    good, recorded = np.zeros((2, 3)), Plan()
    frozen = np.zeros((2, 3))
    frozen.flags.writeable = False
    total = np.zeros(6)[::2]
    refused = (copy, good, frozen), (copy, good, good.astype(int)), (add_sums, good, total), (copy, good, good[None])
    for call, *args in refused:
        with pytest.raises((TypeError, ValueError)):
            recorded.region(1, lambda i, call=call, args=args: call(*args))


@kernel("T2", "T2!", "l1")
def through_a_copy(x, out, size):
    room = np.empty(size[0], x.dtype)
    for j in range(x.shape[1]):
        room[j] = x[0, j]
        out[0, j] = room[j]


@compiled
@pytest.mark.parametrize("again", [False, True])
def test_a_kernel_without_memory(again, monkeypatch):
    """Whether or not there is some when it is asked why."""
    size, recorded, x = np.array([1 << 50]), Plan(), np.ones((1, 3))
    out = np.zeros((1, 3))
    recorded.region(1, lambda i: through_a_copy(x, out, size))
    if again:
        call = Plan._call
        monkeypatch.setattr(Plan, "_call", lambda *args: size.fill(3) or call(*args))
    with pytest.raises(MemoryError):
        recorded.run()
    size[:] = 3
    recorded.run()
    assert_array_equal(out, x)


@compiled
def test_a_kernel_that_fails_is_named():
    """Rows must be contiguous, which a kernel looks at when it is run."""
    x, out, recorded = np.asfortranarray(numbers(2, 3)), np.zeros((2, 3)), Plan()
    recorded.region(1, lambda i: add(x, out))
    with pytest.raises(RuntimeError, match="The kernel add has failed"):
        recorded.run()


def test_an_exception_ends_the_run(n_threads):
    """It is raised in the caller when all threads have stopped, later regions are not begun, and the plan goes on."""
    out, fails = np.zeros((50, 3)), [True]

    def call(i):
        if fails[0] and i == 20:
            raise ZeroDivisionError(i)

    recorded = Plan()
    recorded.region(50, lambda i: recorded.call(call, i))
    recorded.region(50, lambda i: add(np.ones((1, 3)), out[i : i + 1]))
    for _ in range(5):
        with pytest.raises(ZeroDivisionError, match="20"):
            recorded.run()
    assert not out.any()
    fails[0] = False
    recorded.run()
    assert_array_equal(out, 1)


@pytest.mark.parametrize("n_threads", [2, 64], indirect=True)
def test_waiting_is_bounded_and_nobody_burns_a_core(n_threads):
    """A thread that waits long sleeps, and after a run all do."""
    recorded = Plan()
    recorded.region(1, lambda i: recorded.call(time.sleep, 0.3))
    recorded.region(100, lambda i: recorded.call(int))
    start, used = time.perf_counter(), time.process_time()
    recorded.run()
    assert time.perf_counter() - start < 10
    assert time.process_time() - used < 0.25 * (1 if n_threads == 2 else 8)
    time.sleep(0.05)
    used = time.process_time()
    time.sleep(0.3)
    assert time.process_time() - used < 0.1


def test_two_threads_run_plans_at_once():
    """The pool has one caller at a time; the other one works alone."""
    outs = [np.zeros((30, 4)) for _ in range(3)]

    def make(out):
        recorded = Plan()
        recorded.region(30, lambda i: spin(np.ones((1, 4)), out[i : i + 1], BUSY // 100))
        recorded.region(30, lambda i: add(np.ones((1, 4)), out[i : i + 1]))
        return recorded

    plans = [make(out) for out in outs]
    workers = [threading.Thread(target=lambda p=p: [p.run() for _ in range(20)]) for p in plans]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    for out in outs:
        assert_array_equal(out, 3)


@compiled
def test_followers_come_again(monkeypatch):
    """However often they have left, and however late or early they find that nothing is left to do."""
    for module in (threads, crew):
        monkeypatch.setattr(module, "n_threads", lambda: 2)
        monkeypatch.setattr(module, "n_slots", lambda: 2)
    monkeypatch.setattr(addresses, "n_slots", lambda: 2)
    seen, meet = set(), threading.Barrier(2)
    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for pause in np.tile([0, 1e-5, 3e-4, 1e-3], 100):
            short = Plan()
            short.region(1, lambda i, short=short: short.call(int))
            short.run()
            time.sleep(pause)
            both = Plan(crew=short.crew)
            both.region(2, lambda i, both=both: both.call(lambda: (meet.wait(20), seen.add(threading.get_ident()))))
            both.run()  # ends only if two threads are in it
    finally:
        sys.setswitchinterval(switch)
    assert len(seen) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("n_threads", [1, 2], indirect=True)
def test_a_child_runs_the_plan_of_its_parent(n_threads):
    x, out = numbers(40, 5), np.zeros((40, 5))
    recorded = Plan()
    recorded.region(40, lambda i: spin(x[i : i + 1], out[i : i + 1], BUSY // 20))
    recorded.run()
    child = os.fork()
    if child == 0:
        out[:] = 0
        recorded.run()
        os._exit(0 if (out == 2 * x).all() else 1)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arrays_begin_on_lines(dtype):
    assert empty((3, 5), dtype).flags.c_contiguous
    for shape in (3, 5), (1, 1), (0, 4), (4, 16):
        for array in empty(shape, dtype), empty_rows(*shape, dtype), *Scratch([shape, (2, 3)], dtype).arrays(0):
            assert array.dtype == dtype
            if array.size:
                assert array.__array_interface__["data"][0] % LINE == 0
        rows = empty_rows(*shape, dtype)
        assert rows.shape == shape and rows.strides[0] % LINE == 0
