"""Whether all cores are really there: a virtual machine's neighbours, or another process, may have taken one.

The probe is a loop that needs no memory and holds no lock: it runs once in one thread, and once in as many threads as
there are cores. Where it is not nearly as many times as fast, libraries with threads are slower than their share: those
whose threads wait by spinning most of all, and the ratio of two of them means nothing.
"""

import hashlib
import time
from concurrent.futures import ThreadPoolExecutor
from statistics import median

from processors import n_cores

#: Least speed-up with two cores; with more of them, as large a share.
ENOUGH = 1.7
# Threads of the last peer may spin for a while after its turn: a third of a second outlasts those of Intel's OpenMP.
SETTLE = 0.3
BLOCK = bytes(8_000_000)
REPETITIONS = 5


def probe(settle=SETTLE):
    """Speed-up of the loop by all cores: their number at best, 1 where there is only one."""
    cores = n_cores()
    if cores == 1:
        return 1.0
    time.sleep(settle)
    with ThreadPoolExecutor(cores) as threads:
        list(threads.map(_work, range(cores)))
        ratios = []
        for _ in range(REPETITIONS):
            start = time.perf_counter()
            next(threads.map(_work, range(1)))
            middle = time.perf_counter()
            list(threads.map(_work, range(cores)))
            ratios.append(cores * (middle - start) / (time.perf_counter() - middle))
    return median(ratios)


def is_there(speedup, cores):
    """Whether a speed-up is that of all cores."""
    return cores == 1 or speedup >= ENOUGH / 2 * cores


def _work(_):
    """Some milliseconds without the interpreter's lock."""
    hashlib.sha256(BLOCK).digest()
