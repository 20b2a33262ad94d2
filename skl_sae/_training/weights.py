"""Penalties on weights, and how many weights are updated at once."""

import numpy as np

from .._kernels.jit import row_of
from .._kernels.kernel import kernel
from .._kernels.threads import partition

# Entries of a weight matrix that are updated as one block: gradient and moments stay in the cache of one core.
BLOCK_SIZE = 80_000


def blocks_of(n_rows, width):
    """Ranges of rows of a weight matrix: at least four, if there are enough rows."""
    return partition(n_rows, max(16, min(BLOCK_SIZE // width, n_rows // 4)))


def add_weight_penalty(weights, gradient, l2, l1, value):
    """gradient += l2 w + l1 sign(w); value <- l2 / 2 sum w^2 + l1 sum |w|."""
    if l2 or l1:
        _add_penalty(weights, gradient, np.array([l2, l1], np.float64), value)


@kernel("T2", "T2!", "d1", "d1!")
def _add_penalty(weights, gradient, numbers, value):
    real = weights.dtype.type
    a, b, zero = real(numbers[0]), real(numbers[1]), real(0)
    squares, sizes = 0.0, 0.0
    for i in range(weights.shape[0]):
        w, g = row_of(weights, i), row_of(gradient, i)
        s, t = zero, zero
        for c in range(w.size):
            s += w[c] * w[c]
            t += abs(w[c])
            g[c] += a * w[c] + (b if w[c] > 0 else (-b if w[c] < 0 else zero))
        squares += s
        sizes += t
    value[0] = 0.5 * numbers[0] * squares + numbers[1] * sizes
