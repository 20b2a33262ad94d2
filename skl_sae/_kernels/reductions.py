"""Sums over the rows of each column and over the entries of each unit, and what is made of sums."""

import numpy as np

from .jit import jit, jit_views, row_of


@jit_views("x")
def sum_columns(x):
    """Sum over the rows."""
    out = np.zeros(x.shape[1], x.dtype)
    for i in range(x.shape[0]):
        row = row_of(x, i)
        for j in range(row.size):
            out[j] += row[j]
    return out


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


@jit
def sum_segments(ptr, x):
    out = np.empty(ptr.size - 1, x.dtype)
    for u in range(out.size):
        total = x.dtype.type(0)
        for q in range(ptr[u], ptr[u + 1]):
            total += x[q]
        out[u] = total
    return out


@jit
def any_positive_segments(ptr, x):
    out = np.zeros(ptr.size - 1, np.bool_)
    for u in range(out.size):
        for q in range(ptr[u], ptr[u + 1]):
            out[u] |= x[q] > 0
    return out


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
