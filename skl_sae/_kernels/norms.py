"""Norms of rows: to compute them, to make them one, and to keep them one."""

import numpy as np

from .jit import row_of
from .kernel import kernel


def row_norms(x):
    """Norm of each row."""
    return np.sqrt(np.einsum("ij,ij->i", x, x))


def unit_rows(x):
    """Divide rows by their norms; a row of zeros stays.

    They are scaled by powers of two first, which is exact, so that squares neither vanish nor overflow.
    """
    largest = np.abs(x).max(axis=1, initial=0, keepdims=True)
    x = np.ldexp(x, -np.frexp(np.where(np.isfinite(largest), largest, 0))[1])
    norms = np.linalg.norm(x, axis=1, keepdims=True)
    return x / np.where(norms > 0, norms, 1)


@kernel("T2", "T2!")
def remove_radial(weights, gradient):
    """Remove the part of each row's gradient along the row, which has norm one: it would only change the norm."""
    for i in range(weights.shape[0]):
        w, g = row_of(weights, i), row_of(gradient, i)
        radial = w.dtype.type(0)
        for c in range(w.size):
            radial += w[c] * g[c]
        for c in range(w.size):
            g[c] -= radial * w[c]


@kernel("T2!")
def normalise_rows(weights):
    """Divide each row by its norm; a row of zeros stays, and one whose norm overflows becomes NaN."""
    for i in range(weights.shape[0]):
        w = row_of(weights, i)
        square = w.dtype.type(0)
        for c in range(w.size):
            square += w[c] * w[c]
        if square != 0:
            factor = 1 / np.sqrt(square) if square < np.inf else w.dtype.type(np.nan)
            for c in range(w.size):
                w[c] *= factor
