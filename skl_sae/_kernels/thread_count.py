"""How many threads may work: what the user asks for, or the processors that the process may use.

Scratch memory is made for `n_slots` threads, once. `n_threads` is asked before each parallel region, and may change.
"""

import multiprocessing
import os
import time
from functools import cache, lru_cache

import joblib
from numba import config
from numba.np.ufunc import parallel

from .blas import openmp_threads


@cache
def n_slots():
    """The largest number of threads that ever work at once in this process."""
    return max(processors(), _asked() or 1)


def n_threads():
    """Number of threads that may work now, in a region that begins in this thread.

    It is ``NUMBA_NUM_THREADS``, also if that is set after the import. Otherwise it is the number of processors that the
    process may use (affinity, quota of a container), as in scikit-learn; and one in a worker process of
    `multiprocessing`, which has siblings. What lowers numba's or OpenMP's number for the calling thread, as
    ``threadpool_limits(1)`` does, lowers this one.
    """
    asked, openmp = _asked(), openmp_threads()
    if asked is not None:
        n = asked
        lowered = openmp is not None and openmp < _openmp_default()
    else:
        n = 1 if multiprocessing.parent_process() is not None else processors()
        lowered = openmp is not None
    if lowered:
        n = min(n, openmp)
    if getattr(parallel, "_is_initialized", False):  # else nobody has called set_num_threads, and asking starts threads
        masked = parallel._get_num_threads()
        if 0 < masked < config.NUMBA_NUM_THREADS:
            n = min(n, masked)
    return max(1, min(n, n_slots()))


def _asked():
    """Number of threads that the user asked numba for; None where it is numba's default."""
    number = _number("NUMBA_NUM_THREADS")
    if number is None and config.NUMBA_NUM_THREADS != config.NUMBA_DEFAULT_NUM_THREADS:
        number = config.NUMBA_NUM_THREADS
    return number


def _number(variable):
    """A positive number from the environment."""
    value = os.environ.get(variable, "").partition(",")[0].strip()
    return int(value) if value.isdecimal() and int(value) > 0 else None


def _openmp_default():
    """Threads that OpenMP has where nothing but the environment says otherwise."""
    return _number("OMP_NUM_THREADS") or processors()


def processors():
    """Number of processors that the process may use."""
    return _count_processors(int(time.monotonic()))


@lru_cache(maxsize=1)
def _count_processors(second):
    """Counted once a second, because it reads files."""
    return joblib.cpu_count()
