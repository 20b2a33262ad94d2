"""Ctrl-C at any instruction: threads, BLAS and the next call are as before, and no thread still uses the arrays."""

import signal
import threading
import time

import pytest
from interrupts import Interrupt
from processes import run_well

from skl_sae._kernels import addresses, blas, compiling, crew, threads
from skl_sae._kernels.blas import single_threaded_blas
from skl_sae._kernels.plan import Plan
from skl_sae._kernels.threads import run

pytestmark = pytest.mark.usefixtures("interruptible")


@pytest.fixture
def three_threads(monkeypatch):
    monkeypatch.setattr(threads, "n_slots", lambda: 3)
    monkeypatch.setattr(threads, "n_threads", lambda: 3)
    monkeypatch.setattr(threads, "_pool", threads._Pool())


def assert_all_threads_work():
    meet, slots = threading.Barrier(3), []

    def task(block, slot):
        meet.wait(10)
        slots.append(slot)

    run(task, 3)
    assert sorted(slots) == [0, 1, 2]


class Work:
    """A task that knows how many threads are in it."""

    def __init__(self):
        self.inside, self.done = [], []

    def __call__(self, block, slot):
        self.inside.append(block)
        time.sleep(0.0003)
        self.done.append(block)
        self.inside.remove(block)


@pytest.mark.parametrize("by_signal, new", [(False, True), (False, False), (True, True), (True, False)])
def test_an_interrupt_anywhere_in_the_pool(by_signal, new, three_threads, monkeypatch):
    """When the exception arrives nobody works any more, and the next call has all threads."""
    n, interrupts = 0, 0
    assert_all_threads_work()
    while True:
        n += 1
        if new:
            monkeypatch.setattr(threads, "_pool", threads._Pool())
        work, interrupt = Work(), Interrupt(n, [threads], by_signal)
        try:
            with interrupt:
                run(work, 6)
            assert sorted(work.done) == list(range(6))
        except KeyboardInterrupt:
            interrupts += 1
        assert not work.inside, n
        assert_all_threads_work()
        if not interrupt.done:
            break
    assert interrupts > 50
    if new:
        threads._pool.retire()


@pytest.mark.parametrize("by_signal", [False, True])
def test_an_interrupt_anywhere_in_the_run_of_a_plan(by_signal, three_threads, monkeypatch):
    """When the exception arrives no thread makes a call any more, and the next run makes all of them."""
    for name, value in ("n_slots", 3), ("n_threads", 3):
        monkeypatch.setattr(crew, name, lambda value=value: value)
    monkeypatch.setattr(addresses, "n_slots", lambda: 3)
    work, recorded, n, interrupts = Work(), Plan(), 0, 0
    recorded.region(6, lambda i: recorded.call(work, i, None))
    recorded.region(2, lambda i: recorded.call(work, 6 + i, None))
    while True:
        n += 1
        work.done.clear()
        interrupt = Interrupt(n, [crew], by_signal)
        try:
            with interrupt:
                recorded.run()
            assert sorted(work.done) == list(range(8))
        except KeyboardInterrupt:
            interrupts += 1
        assert not work.inside, n
        work.done.clear()
        recorded.run()
        assert sorted(work.done) == list(range(8)), n
        if not interrupt.done:
            break
    assert interrupts > 50


@pytest.mark.parametrize("nested", [False, True])
def test_an_interrupt_anywhere_in_the_limit_of_blas(nested, blas_threads):
    """Afterwards the limit has ended, and another thread can still take it."""
    n, interrupts = 0, 0
    while True:
        n += 1
        interrupt, inside = Interrupt(n, [blas], True), []
        try:
            with interrupt, single_threaded_blas():
                inside.append(blas_threads())
                if nested:
                    with single_threaded_blas():
                        inside.append(blas_threads())
                    inside.append(blas_threads())
        except KeyboardInterrupt:
            interrupts += 1
        assert blas_threads() == {2}, n
        assert all(threads == {1} for threads in inside)
        thread = threading.Thread(target=single_threaded_blas().__enter__, daemon=True)
        thread.start()
        thread.join(10)
        assert not thread.is_alive() and blas_threads() == {2}
        if not interrupt.done:
            break
    assert interrupts > 50


def test_an_interrupt_anywhere_while_a_kernel_is_compiled():
    """It is raised at once or afterwards, and the work is done; another thread can compile."""
    n = 0
    while True:
        n += 1
        interrupt, done = Interrupt(n, [compiling], True), []
        try:
            with interrupt:
                assert compiling.out_of_reach(done.append, 1) is None
            assert done == [1]
        except KeyboardInterrupt:
            pass
        for thread in threading.enumerate():
            if thread.name == "skl_sae-compiler":
                thread.join(10)
        assert len(done) <= 1
        if not interrupt.done:
            break
    assert n > 20


def test_interrupts_in_a_row_wait_for_a_worker(three_threads):
    """As long as a block is at work, however many interrupts there are."""
    main, begun, ended = threading.get_ident(), threading.Event(), []

    def task(block, slot):
        if slot:
            begun.set()
            for _ in range(5):
                signal.pthread_kill(main, signal.SIGINT)
                time.sleep(0.02)
            ended.append(block)
        else:
            begun.wait(10)

    with pytest.raises(KeyboardInterrupt):
        run(task, 3)
    assert ended
    assert_all_threads_work()


def test_a_block_that_does_not_end_is_left_to_itself(three_threads, monkeypatch):
    """The caller waits for it no longer than its patience, and the next call has other workers."""
    main, leave, begun = threading.get_ident(), threading.Event(), threading.Event()
    monkeypatch.setattr(threads, "PATIENCE", 0.1)

    def task(block, slot):
        if slot:
            begun.set()
            leave.wait(60)
        else:
            begun.wait(10)
            signal.pthread_kill(main, signal.SIGINT)
            time.sleep(0.1)

    start = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        run(task, 3)
    assert time.perf_counter() - start < 10
    assert_all_threads_work()
    leave.set()


def test_a_kernel_is_not_compiled_in_the_main_thread():
    threads = []
    assert compiling.out_of_reach(lambda x: threads.append(threading.current_thread()) or x, 3) == 3
    assert threads[0] is not threading.main_thread()
    with pytest.raises(ZeroDivisionError):
        compiling.out_of_reach(lambda: 1 / 0)


STRESS = """
import random, signal, sys, time
import numpy as np
from interrupts import interrupted
from threadpoolctl import threadpool_info
from skl_sae import SparseAutoencoder
from skl_sae._kernels import threads
from skl_sae.sparsity import TopK

signal.signal(signal.SIGINT, signal.default_int_handler)

def blas():
    return {info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"}

X = np.random.default_rng(0).normal(size=(1500, 300)).astype(np.float32)
sae = SparseAutoencoder(512, sparsity=TopK(8), max_iter=2, batch_size=256, random_state=0, tol=0)
expected = sae.fit(X).transform(X)
before, pool, rng = blas(), threads._pool, random.Random(0)
calls = [lambda: sae.fit(X), lambda: sae.transform(X), lambda: SparseAutoencoder(
    512, sparsity=TopK(8), batch_size=256, random_state=0).partial_fit(X)]
start = time.perf_counter()
for call in calls:
    call()
mean, hits = (time.perf_counter() - start) / 3, 0
for n in range(int(sys.argv[1])):
    hits += interrupted(rng.choice(calls), rng.random() * mean)
    assert blas() == before, (n, blas())
    assert not threads._pool._owner
assert hits > int(sys.argv[1]) / 2, hits
assert threads._pool is pool
assert np.array_equal(sae.fit(X).transform(X), expected)
print("well")
"""


@pytest.mark.slow
def test_hundreds_of_interrupts_of_fits():
    run_well(STRESS, "300", timeout=300, NUMBA_NUM_THREADS="3")


LOADING = """
import signal, sys, threading
import numpy as np
from interrupts import interrupted
import skl_sae._kernels.products, skl_sae._model.activations
from skl_sae._model.activations import ACTIVATIONS

signal.signal(signal.SIGINT, signal.default_int_handler)

def load():
    for name, row in ACTIVATIONS.items():
        for dtype in (np.float32, np.float64):
            row.forward(np.ones((4, 16), dtype))
            row.backward(np.ones((4, 16), dtype), np.ones((4, 16), dtype))

threads = [threading.Thread(target=load) for _ in range(2)]
for thread in threads:
    thread.start()
interrupted(load, float(sys.argv[1]))
for thread in threads:
    thread.join()
load()
print("well")
"""


@pytest.mark.slow
def test_interrupts_while_kernels_are_loaded(tmp_path):
    """In the main thread, while others load the same."""
    run_well(LOADING, "0", timeout=120, NUMBA_CACHE_DIR=str(tmp_path))
    for n in range(25):
        run_well(LOADING, str(0.012 * n), timeout=60, NUMBA_CACHE_DIR=str(tmp_path))
