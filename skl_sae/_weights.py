"""Kernels over weights: penalties, the constraint of rows to norm one, and whether all numbers are finite."""

import numpy as np

from ._numba import jit


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


@jit
def remove_radial(weights, gradient):
    """Project the gradient of each row on the tangent of the unit sphere."""
    for i in range(weights.shape[0]):
        w, g = weights[i], gradient[i]
        radial = w.dtype.type(0)
        for c in range(w.size):
            radial += w[c] * g[c]
        for c in range(w.size):
            g[c] -= radial * w[c]


@jit
def normalise_rows(weights):
    """Divide each row by its norm; a row of zeros stays, and one whose norm overflows becomes NaN."""
    for i in range(weights.shape[0]):
        w = weights[i]
        square = w.dtype.type(0)
        for c in range(w.size):
            square += w[c] * w[c]
        if square != 0:
            factor = 1 / np.sqrt(square) if square < np.inf else w.dtype.type(np.nan)
            for c in range(w.size):
                w[c] *= factor


def all_finite(x):
    """Whether no number of a contiguous array is NaN or infinite: the sum of squares tells, unless it overflows."""
    flat = x.reshape(-1)
    return bool(np.isfinite(np.dot(flat, flat)) or np.isfinite(flat).all())
