"""Forked children: after a fit, while another thread fits, and inside a fit."""

import os
import threading

import pytest
from processes import run_well

from skl_sae._kernels import compiling

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
# A fork beside other threads is a DeprecationWarning.
SETTINGS = {"NUMBA_NUM_THREADS": "4", "PYTHONWARNINGS": "ignore::DeprecationWarning"}

TOOLS = """
import faulthandler, os, threading, time
import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits
from skl_sae import SparseAutoencoder
from skl_sae._kernels import blas as blas_limit
from skl_sae.sparsity import TopK
from skl_sae._kernels.blas import single_threaded_blas
from skl_sae._kernels.threads import run

def blas():
    return {info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"}

def works():
    meet, slots = threading.Barrier(4), []

    def task(block, slot):
        meet.wait(20)
        slots.append(slot)

    run(task, 4)
    return sorted(slots) == [0, 1, 2, 3]

def ended_well(pid, seconds=30):
    for _ in range(50 * seconds):
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status == 0
        time.sleep(0.02)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    return False

def child_is_well(check):
    pid = os.fork()
    if pid == 0:
        well = False
        faulthandler.dump_traceback_later(20)  # where it hangs
        try:
            well = check()
        finally:
            os._exit(0 if well else 1)
    return ended_well(pid)

threadpool_limits(2, user_api="blas")
"""

# A child of its own, and one of a thread beside others that hold the pool and the limit.
BESIDE = """
def is_new():
    unlimited = blas() == {2}
    with single_threaded_blas():
        limited = blas() == {1}
    return unlimited and limited and works() and blas() == {2}

assert works()
assert child_is_well(is_new)
inside, leave = threading.Event(), threading.Event()

def hold(block, slot):
    inside.set()
    leave.wait(60)

def fit():
    with single_threaded_blas():
        run(hold, 8)

thread = threading.Thread(target=fit, daemon=True)
thread.start()
inside.wait(60)
assert child_is_well(is_new)
leave.set()
thread.join()
assert works() and blas() == {2}
print("well")
"""

# The child goes on where it was forked: it holds the limit, once for each time that it entered.
HOLDING = """
beside, leave = threading.Event(), threading.Event()

def also():
    with single_threaded_blas():
        beside.set()
        leave.wait(60)

thread = threading.Thread(target=also, daemon=True)
thread.start()
beside.wait(60)
pids = []
with single_threaded_blas():
    with single_threaded_blas():
        pid = os.fork()
        pids.append(pid)
        held = blas()
    held |= blas()
    if pid == 0:  # the other thread is not here
        seen = works()
        held |= blas()
if pid == 0:
    left = blas()
    with single_threaded_blas():
        held |= blas()
    os._exit(0 if seen and held == {1} and left == {2} == blas() and not blas_limit._limit.holds else 1)
assert ended_well(pid)
assert blas() == {1}
leave.set()
thread.join()
assert blas() == {2} and works()
print("well")
"""

# Inside a block of the caller, while a worker is at another, and when no worker has begun.
IN_A_BLOCK = """
main = threading.get_ident()

def go(busy):
    pids, begun, leave = [], threading.Event(), threading.Event()

    def task(block, slot):
        if threading.get_ident() != main:
            begun.set()
            leave.wait(30)
        elif not pids:
            if busy:
                begun.wait(30)
            pids.append(os.fork())
            leave.set()

    error = None
    try:
        with single_threaded_blas():
            if busy:
                run(task, 8)
            else:
                run(task, 1)
    except RuntimeError as caught:
        error = caught
    if pids == [0]:
        well = (error is not None) == busy and blas() == {2} and works() and blas() == {2}
        os._exit(0 if well else 1)
    assert error is None and ended_well(pids[0])

for busy in True, False:
    go(busy)
    assert works() and blas() == {2}
print("well")
"""

# A hundred children of the main thread while another fits; each fits and transforms.
STRESS = """
X = np.random.default_rng(0).normal(size=(400, 100)).astype(np.float32)

def make():
    return SparseAutoencoder(256, sparsity=TopK(8), max_iter=1, batch_size=200, random_state=0, tol=0)

expected = make().fit(X).transform(X)
end = threading.Event()

def fit():
    while not end.is_set():
        make().fit(X).transform(X)

thread = threading.Thread(target=fit, daemon=True)
thread.start()
for n in range(100):
    assert child_is_well(lambda: np.array_equal(make().fit(X).transform(X), expected)), n
    time.sleep(0.001 * (n % 7))
end.set()
thread.join(30)
assert not thread.is_alive()
print("well")
"""


@pytest.mark.parametrize("code", [BESIDE, HOLDING, IN_A_BLOCK], ids=["beside a fit", "holding", "in a block"])
def test_a_forked_child_is_well(code):
    """It has its own workers; BLAS is limited for those alone that the child has."""
    run_well(TOOLS + code, timeout=120, **SETTINGS)


@pytest.mark.slow
def test_a_hundred_forks_while_another_thread_fits():
    run_well(TOOLS + STRESS, timeout=400, **SETTINGS)


each_keeper = pytest.mark.parametrize("keeper", compiling.KEEPERS, ids=["numba", "llvmlite"])


@each_keeper
def test_a_fork_waits_until_nothing_is_compiled(keeper):
    """The locks of numba and llvmlite, and LLVM, would be inherited half way."""
    begun, order = threading.Event(), []

    def work():
        with keeper:
            begun.set()
            threading.Event().wait(0.2)
            order.append("compiled")

    thread = threading.Thread(target=work)
    thread.start()
    begun.wait(10)
    compiling._before_fork()
    order.append("forked")
    compiling._after_fork()
    thread.join()
    assert order == ["compiled", "forked"] and not keeper._lock._is_owned()

    def take():
        if keeper._lock.acquire(timeout=10):
            keeper._lock.release()
            order.append("free")

    thread = threading.Thread(target=take)
    thread.start()
    thread.join()
    assert order[-1] == "free"


@each_keeper
def test_a_fork_does_not_wait_for_ever(keeper, monkeypatch):
    """The child then has a lock of its own."""
    monkeypatch.setattr(compiling, "PATIENCE", 0.01)
    begun, leave = threading.Event(), threading.Event()

    def work():
        with keeper:
            begun.set()
            leave.wait(10)

    thread = threading.Thread(target=work)
    thread.start()
    begun.wait(10)
    parents = [each._lock for each in compiling.KEEPERS]
    try:
        compiling._before_fork()
        compiling._after_fork_in_child()
        with keeper:
            pass
    finally:
        for each, lock in zip(compiling.KEEPERS, parents, strict=True):
            each._lock = lock
        leave.set()
        thread.join()
