"""What the machine can do, and the least time that a step could take on it.

The least time of a step is ``flops that remain / rate of a large float32 product + bytes of parameters and moments,
read and written once / bandwidth``. Both rates are measured in the same run as the steps, with every core; the
bandwidth on arrays of the size of the case's parameters, because small ones stay in the caches.
"""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np

SIDE = 2048
# A code with a larger share of active entries counts as dense.
WORTH_IT = 0.15


def n_parameters(sizes):
    """Weights and intercepts."""
    return sum(a * b + b for a, b in pairwise(sizes))


def flops(case, sizes, density, input_density=1.0):
    """Operations of a step that remain when zeros of the code and of the input are left out.

    A layer costs three products: forward, and the gradients of its weights and of its input, the latter not for the
    first. The layer that makes the code is dense forward; all that lies between code and weights is as sparse as the
    code, if that is sparse enough for a product to gain from it.
    """
    total, middle = 0.0, len(sizes) // 2 - 1
    density = density if density < WORTH_IT else 1.0
    for i, (a, b) in enumerate(pairwise(sizes)):
        product = 2 * case.batch * a * b
        thin = density if i in (middle, middle + 1) else 1.0
        forward = density if i == middle + 1 else 1.0
        if i == 0:
            total += product * input_density * (forward + thin)
        else:
            total += product * (forward + 2 * thin)
    return total


class Machine:
    """Rates of the machine, measured between the peers' turns.

    Parameters
    ----------
    size : int
        Number of parameters.
    """

    def __init__(self, size):
        rng = np.random.default_rng(0)
        self.a, self.b = rng.standard_normal((2, SIDE, SIDE), dtype=np.float32)
        self.c = np.empty_like(self.a)
        # parameters and both moments, a share for each core
        self.n_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        self.shares = [np.ones((3, -(-size // self.n_cores)), np.float32) for _ in range(self.n_cores)]
        self.threads = ThreadPoolExecutor(self.n_cores)
        self.measure(0.1)

    def measure(self, seconds):
        """Flops and bytes a second: each the best of the repetitions that `seconds` allows, at least one."""
        product = self._best(seconds / 2, lambda: np.matmul(self.a, self.b, out=self.c))
        sweep = self._best(seconds / 2, lambda: list(self.threads.map(_sweep, self.shares)))
        return {"flops": 2 * SIDE**3 / product, "bytes": sum(8 * s.size for s in self.shares) * 16 / sweep}

    @staticmethod
    def _best(seconds, work):
        best, end = np.inf, time.perf_counter() + seconds
        while True:
            start = time.perf_counter()
            work()
            now = time.perf_counter()
            best = min(best, now - start)
            if now > end:
                return best


def _sweep(share):
    """Read and write an array sixteen times."""
    for _ in range(16):
        np.negative(share, out=share)
