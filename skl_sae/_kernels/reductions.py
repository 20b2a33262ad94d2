"""Sums over the rows of each column and over the entries of each unit, and what is made of sums.

The entries of unit u stand from ``ptr[u]`` to ``ptr[u + 1]``. What a kernel finds it writes, or adds, to an array, so
that it can be recorded.
"""

import numpy as np

from .jit import row_of
from .kernel import clear, kernel


def sum_columns(x):
    """Sum over the rows."""
    out = np.empty(x.shape[1], x.dtype)
    clear(out)
    add_sums(x, out)
    return out


@kernel("T2", "T1!")
def add_sums(x, out):
    """Add the sum over the rows."""
    for i in range(x.shape[0]):
        row = row_of(x, i)
        for j in range(row.size):
            out[j] += row[j]


@kernel("T2", "b1!")
def find_nonzero(x, out):
    """Write of each column whether a number is not zero."""
    for j in range(out.size):
        out[j] = False
    for i in range(x.shape[0]):
        row = row_of(x, i)
        for j in range(row.size):
            out[j] |= row[j] != 0


@kernel("T2", "d1!")
def count_nonzero(x, out):
    """Write the number of entries that are not zero."""
    total = 0
    for i in range(x.shape[0]):
        row = row_of(x, i)
        for j in range(row.size):
            total += row[j] != 0
    out[0] = total


@kernel("b2", "d1!")
def count_true(x, out):
    """Write the number of entries that are true."""
    total = 0
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            total += x[i, j]
    out[0] = total


@kernel("i1", "d1!")
def sum_of_counts(count, out):
    """Write the sum of integers."""
    total = 0
    for i in range(count.size):
        total += count[i]
    out[0] = total


def sum_segments(ptr, x):
    """Sum over the entries of each unit."""
    out = np.zeros(ptr.size - 1, x.dtype)
    add_segments(ptr, x, out)
    return out


@kernel("l1", "T1", "T1!")
def add_segments(ptr, x, out):
    """Add the sum over the entries of each unit."""
    for u in range(out.size):
        total = x.dtype.type(0)
        for q in range(ptr[u], ptr[u + 1]):
            total += x[q]
        out[u] += total


@kernel("l1", "T1", "b1!")
def find_nonzero_segments(ptr, x, out):
    """Write of each unit whether an entry is not zero."""
    for u in range(out.size):
        found = False
        for q in range(ptr[u], ptr[u + 1]):
            found |= x[q] != 0
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
