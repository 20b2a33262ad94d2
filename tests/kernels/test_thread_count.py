"""How many threads work: what the user, a container or another library allows."""

import multiprocessing
import os
import subprocess
import sys
import threading
from pathlib import Path

import joblib
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from skl_sae._kernels import blas, thread_count, threads
from skl_sae._kernels.blas import single_threaded_blas
from skl_sae._kernels.thread_count import n_slots, n_threads

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def eightprocessors(monkeypatch):
    """And nobody asks for anything."""
    monkeypatch.delenv("NUMBA_NUM_THREADS", raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(thread_count.config, "NUMBA_NUM_THREADS", thread_count.config.NUMBA_DEFAULT_NUM_THREADS)
    monkeypatch.setattr(thread_count, "processors", lambda: 8)
    monkeypatch.setattr(thread_count, "openmp_threads", lambda: 8)
    monkeypatch.setattr(thread_count, "n_slots", lambda: 8)
    monkeypatch.setattr(thread_count.parallel, "_is_initialized", False)


def test_allprocessors():
    assert n_threads() == 8


@pytest.mark.parametrize("value, n", [("3", 3), ("1", 1), ("20", 8), ("", 8), ("many", 8), ("0", 8), ("-2", 8)])
def test_the_environment_is_read_at_the_call(value, n, monkeypatch):
    monkeypatch.setenv("NUMBA_NUM_THREADS", value)
    assert n_threads() == n


def test_a_number_that_was_given_to_numba(monkeypatch):
    monkeypatch.setattr(thread_count.config, "NUMBA_NUM_THREADS", 3)
    monkeypatch.setattr(thread_count.config, "NUMBA_DEFAULT_NUM_THREADS", 4)
    assert n_threads() == 3


def test_openmp_s_number_is_a_limit(monkeypatch):
    monkeypatch.setattr(thread_count, "openmp_threads", lambda: 2)
    assert n_threads() == 2
    monkeypatch.setenv("NUMBA_NUM_THREADS", "6")
    assert n_threads() == 2, "somebody lowered it now"
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert n_threads() == 6, "what was said of this library counts more than what was said of all"


def test_without_openmp(monkeypatch):
    monkeypatch.setattr(thread_count, "openmp_threads", lambda: None)
    assert n_threads() == 8
    monkeypatch.setenv("NUMBA_NUM_THREADS", "5")
    assert n_threads() == 5


def test_never_more_than_there_is_scratch_for(monkeypatch):
    monkeypatch.setattr(thread_count, "n_slots", lambda: 2)
    assert n_threads() == 2


@pytest.mark.skipif(
    not any(info["user_api"] == "openmp" for info in threadpool_info()), reason="no OpenMP library is loaded"
)
def test_threadpool_limits(monkeypatch):
    """For the thread that sets them; the library's own limit of BLAS is none."""
    monkeypatch.setattr(thread_count, "openmp_threads", blas.openmp_threads)
    with threadpool_limits(4):
        assert n_threads() == 4
        with single_threaded_blas():
            assert n_threads() == 4
        with threadpool_limits(1):
            assert n_threads() == 1
            monkeypatch.setenv("NUMBA_NUM_THREADS", "4")
            assert n_threads() == 1
        calls = []
        with threadpool_limits(1):
            threads.run(lambda block, slot: calls.append((slot, threading.get_ident())), 50)
        assert set(calls) == {(0, threading.get_ident())}


def test_workers_of_multiprocessing_have_one(monkeypatch):
    """Unless they are told."""
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: object())
    assert n_threads() == 1
    monkeypatch.setenv("NUMBA_NUM_THREADS", "3")
    assert n_threads() == 3


def in_process(code, **environment):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    return result.stdout.split()


PRINT = "from skl_sae._kernels.thread_count import n_slots, n_threads; print(n_threads(), n_slots())\n"
PROCESSORS = joblib.cpu_count()


def test_the_bound_is_that_of_the_start():
    code = PRINT + "import os; os.environ['NUMBA_NUM_THREADS'] = '1'; print(n_threads(), n_slots());"
    code += "os.environ['NUMBA_NUM_THREADS'] = '50'; print(n_threads(), n_slots())"
    more = str(PROCESSORS + 3)
    assert in_process(code, NUMBA_NUM_THREADS=more) == [more, more, "1", more, more, more]
    assert in_process(PRINT, OMP_NUM_THREADS="1")[0] == "1"


def test_numba_set_num_threads():
    """Which starts numba's threads; until then asking must not."""
    code = PRINT + "from numba.np.ufunc import parallel; assert not parallel._is_initialized\n"
    code += "import numba; numba.set_num_threads(1); print(n_threads()); numba.set_num_threads(3); print(n_threads())"
    assert in_process(code, NUMBA_NUM_THREADS="3")[2:] == ["1", "3"]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity")
@pytest.mark.skipif(PROCESSORS < 2, reason="one processor")
def test_affinity_and_quota():
    """As they are now."""
    code = "import os\nfirst = min(os.sched_getaffinity(0))\n" + PRINT
    code += "os.sched_setaffinity(0, {first})\nimport time; time.sleep(1.1)\nprint(n_threads())"
    assert in_process(code)[2] == "1"
    code = "import joblib; joblib.cpu_count = lambda: 1\n" + PRINT
    assert in_process(code) == ["1", "1"]


@pytest.mark.skipif(PROCESSORS < 2, reason="one processor")
def test_joblib_s_inner_threads():
    code = """
from joblib import Parallel, delayed, parallel_config
from skl_sae._kernels.thread_count import n_threads
for inner in (1, 2):
    with parallel_config(backend="loky", inner_max_num_threads=inner):
        print(*Parallel(n_jobs=2)(delayed(n_threads)() for _ in range(2)))
"""
    assert in_process(code) == ["1", "1", "2", "2"]


def test_slots_are_fixed():
    assert n_slots() == n_slots() >= 1
