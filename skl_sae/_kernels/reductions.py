"""Sums over the rows of each column and over the entries of each unit, and what is made of sums."""

import numpy as np

from .jit import jit, jit_views, row_of

# Results are made in Python: room that is taken in a kernel takes as long to compile as the loops here.


def sum_columns(x):
    """Sum over the rows."""
    out = np.zeros((1, x.shape[1]), x.dtype)
    _sum_columns(x, out)
    return out[0]


@jit_views("x", "out")
def _sum_columns(x, out):
    total = row_of(out, 0)
    for i in range(x.shape[0]):
        row = row_of(x, i)
        for j in range(row.size):
            total[j] += row[j]


@jit_views("x")
def any_positive(x):
    out = np.zeros(x.shape[1], np.bool_)
    for i in range(x.shape[0]):
        row = row_of(x, i)
        for j in range(row.size):
            out[j] |= row[j] > 0
    return out


@jit_views("x")
def count_nonzero(x):
    total = 0
    for i in range(x.shape[0]):
        row = row_of(x, i)
        for j in range(row.size):
            total += row[j] != 0
    return total


def sum_segments(ptr, x):
    """Sum over the entries of each unit."""
    out = np.empty(ptr.size - 1, x.dtype)
    _sum_segments(ptr, x, out)
    return out


@jit
def _sum_segments(ptr, x, out):
    for u in range(out.size):
        total = x.dtype.type(0)
        for q in range(ptr[u], ptr[u + 1]):
            total += x[q]
        out[u] = total


def any_positive_segments(ptr, x):
    """Of each unit, whether an entry is positive."""
    out = np.empty(ptr.size - 1, np.bool_)
    _any_positive_segments(ptr, x, out)
    return out


@jit
def _any_positive_segments(ptr, x, out):
    for u in range(out.size):
        found = False
        for q in range(ptr[u], ptr[u + 1]):
            found |= x[q] > 0
        out[u] = found


def all_finite(x):
    """Whether no number of a contiguous array is NaN or infinite: the sum of squares tells, unless it overflows."""
    flat = x.reshape(-1)
    return bool(np.isfinite(np.dot(flat, flat)) or np.isfinite(flat).all())


def explained_fraction(residual, total, exponent=0):
    """``1 - residual / total * 2**exponent``; where `total` is zero, 1 for no residual and 0 for any other.

    The fraction of a variance that is explained, from sums of squares. Minus infinity below all numbers.
    """
    exact = np.where(residual == 0, 1.0, 0.0)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        ratio = np.ldexp(np.divide(residual, total), exponent)
    return np.where(total == 0, exact, 1.0 - ratio)
