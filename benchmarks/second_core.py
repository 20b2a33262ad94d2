"""Whether all cores are really there: a virtual machine's neighbours, or another process, may have taken one.

The probe multiplies small matrices, which needs no memory and holds no lock: once in one thread, and once in as many
threads as there are cores. Two virtual cores may also be the two halves of one: then a loop that leaves its units for
arithmetic idle most of the time runs twice as fast on both, and products do not. Where the probe is not nearly as many
times as fast, libraries with threads are slower than their share, and the ratio of two of them means nothing.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import numpy as np
from threadpoolctl import threadpool_limits

from processors import n_cores

#: Least speed-up with two cores; with more of them, as large a share.
ENOUGH = 1.7
# Threads of the last peer may spin for a while after its turn: a third of a second outlasts those of Intel's OpenMP.
SETTLE = 0.3
# Longer than the turn that a scheduler grants to a thread which has just woken up, whatever else is running.
SIDE, PRODUCTS = 256, 100
REPETITIONS = 5

# Shortest time of the loop in one thread so far: where others take both cores, it is slower even alone.
_alone = [float("inf")]


def probe(settle=SETTLE):
    """Speed-up of the loop by all cores: their number at best, 1 where there is only one."""
    cores = n_cores()
    if cores == 1:
        return 1.0
    time.sleep(settle)
    together = []
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(cores) as threads:
        for _ in range(REPETITIONS):
            _alone.append(_seconds(threads, 1))
            together.append(_seconds(threads, cores))
    _alone[:] = [min(_alone)]
    return cores * _alone[0] / median(together)


def is_there(speedup, cores):
    """Whether a speed-up is that of all cores."""
    return cores == 1 or speedup >= ENOUGH / 2 * cores


def _seconds(threads, n):
    """Time of the loop in n threads at once."""
    start = time.perf_counter()
    list(threads.map(_work, range(n)))
    return time.perf_counter() - start


def _work(_):
    """Some tens of milliseconds without the interpreter's lock."""
    x = np.ones((SIDE, SIDE), np.float32)
    out = np.empty_like(x)
    for _ in range(PRODUCTS):
        np.matmul(x, x, out=out)
