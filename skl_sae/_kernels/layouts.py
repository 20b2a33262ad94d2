"""Layouts of a code: dense, the entries of each row, the entries of each unit.

The entries of a row are padded to one width: `index` (units) and `values` are (rows, width), and the first ``count[i]``
of row i are used. The entries of unit u stand from ``ptr[u]`` to ``ptr[u + 1]`` in flat arrays.
"""

import numpy as np

from .jit import jit


@jit
def compress_nonzero(dense, index, values, count):
    """Write the entries that are not zero."""
    for i in range(dense.shape[0]):
        row, at, to = dense[i], index[i], values[i]
        n = 0
        for j in range(row.size):
            if row[j] != 0:
                at[n] = j
                to[n] = row[j]
                n += 1
        count[i] = n


@jit
def compress_support(dense, support, index, values, count):
    """Write the entries of the support, zeros too."""
    for i in range(dense.shape[0]):
        row, keep, at, to = dense[i], support[i], index[i], values[i]
        n = 0
        for j in range(row.size):
            if keep[j]:
                at[n] = j
                to[n] = row[j]
                n += 1
        count[i] = n


@jit
def scatter_rows(index, values, count, out):
    """Make the code dense."""
    for i in range(out.shape[0]):
        o = out[i]
        for j in range(o.size):
            o[j] = 0
        for j in range(count[i]):
            o[index[i, j]] = values[i, j]


@jit
def pack_rows(index, values, count):
    """The entries of all rows in one piece, by ascending unit within a row."""
    n = 0
    for i in range(count.size):
        n += count[i]
    out_index, out_values = np.empty(n, np.int32), np.empty(n, values.dtype)
    q = 0
    for i in range(count.size):
        first = q
        for j in range(count[i]):
            unit, value, at = index[i, j], values[i, j], q
            while at > first and out_index[at - 1] > unit:
                out_index[at], out_values[at] = out_index[at - 1], out_values[at - 1]
                at -= 1
            out_index[at], out_values[at] = unit, value
            q += 1
    return out_index, out_values


@jit
def order_by_unit(index, values, grad, count, ptr, row, position, out_values, out_grad):
    """Counting sort of the entries by unit; stable, so rows ascend within a unit. `position` is the place before.

    Indices are made unsigned: those that are signed would be checked for being negative.
    """
    width = index.shape[1]
    for u in range(ptr.size):
        ptr[u] = 0
    for i in range(count.size):
        units = index[i]
        for j in range(count[i]):
            ptr[np.uint32(units[j]) + 1] += 1
    start = 0
    for u in range(1, ptr.size):  # ptr[u + 1] walks from the start of unit u to its end
        n, ptr[u] = ptr[u], start
        start += n
    for i in range(count.size):
        units, v, g = index[i], values[i], grad[i]
        for j in range(count[i]):
            u = np.uint32(units[j]) + 1
            q = np.uint64(ptr[u])
            ptr[u] = q + 1
            row[q] = i
            position[q] = i * width + j
            out_values[q] = v[j]
            out_grad[q] = g[j]
