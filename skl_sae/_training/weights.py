"""Penalties on weights, and how many weights are updated at once."""

from .._kernels.jit import jit

# Entries of a weight matrix that are updated as one block: gradient and moments stay in the cache of one core.
BLOCK_SIZE = 40_000


def add_weight_penalty(weights, gradient, l2, l1):
    """gradient += l2 w + l1 sign(w); returns l2 / 2 sum w^2 + l1 sum |w|."""
    return _add_penalty(weights, gradient, l2, l1) if l2 or l1 else 0.0


@jit
def _add_penalty(weights, gradient, l2, l1):
    real = weights.dtype.type
    a, b, zero = real(l2), real(l1), real(0)
    squares, sizes = 0.0, 0.0
    for i in range(weights.shape[0]):
        w, g = weights[i], gradient[i]
        s, t = zero, zero
        for c in range(w.size):
            s += w[c] * w[c]
            t += abs(w[c])
            g[c] += a * w[c] + (b if w[c] > 0 else (-b if w[c] < 0 else zero))
        squares += s
        sizes += t
    return 0.5 * l2 * squares + l1 * sizes
