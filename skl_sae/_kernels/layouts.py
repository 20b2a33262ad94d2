"""Layouts of a code: dense, the entries of each row, the entries of each unit.

The entries of a row are padded to one width: `index` (units) and `values` are (rows, width), and the first ``count[i]``
of row i are used. The entries of unit u stand from ``ptr[u]`` to ``ptr[u + 1]`` in flat arrays.
"""

import numpy as np

from .jit import jit, row_of
from .kernel import kernel


@kernel("T2", "i2!", "T2!", "i1!")
def compress_nonzero(dense, index, values, count):
    """Write the entries that are not zero."""
    for i in range(dense.shape[0]):
        row, at, to = row_of(dense, i), row_of(index, i), row_of(values, i)
        n = 0
        for j in range(row.size):
            if row[j] != 0:
                at[n] = j
                to[n] = row[j]
                n += 1
        count[i] = n


@kernel("T2", "b2", "i2!", "T2!", "i1!")
def compress_support(dense, support, index, values, count):
    """Write the entries of the support, zeros too."""
    for i in range(dense.shape[0]):
        row, keep, at, to = row_of(dense, i), row_of(support, i), row_of(index, i), row_of(values, i)
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


@kernel("i2", "T2", "i1", "i2!", "T2!", "i1!")
def copy_rows(index, values, count, to_index, to_values, to_count):
    """Copy the entries of rows, unused places too."""
    for i in range(count.size):
        at, v, to, w = row_of(index, i), row_of(values, i), row_of(to_index, i), row_of(to_values, i)
        for j in range(at.size):
            to[j], w[j] = at[j], v[j]
        to_count[i] = count[i]


@kernel("i2", "T2", "i1", "T2!")
def add_rows(index, values, count, out):
    """Add the entries of rows to a dense array (rows, units)."""
    for i in range(count.size):
        at, v, o = row_of(index, i), row_of(values, i), row_of(out, i)
        for j in range(count[i]):
            o[at[j]] += v[j]


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


@kernel("i2", "T2", "T2", "i1", "l1!", "i1!", "l1!", "T1!", "T1!")
def order_by_unit(index, values, grad, count, ptr, row, position, out_values, out_grad):
    """Counting sort of the entries by unit; stable, so rows ascend within a unit. `position` is the place before.

    Indices are made unsigned: those that are signed would be checked for being negative.
    """
    width = index.shape[1]
    for u in range(ptr.size):
        ptr[u] = 0
    for i in range(count.size):
        units = row_of(index, i)
        for j in range(count[i]):
            ptr[np.uint32(units[j]) + 1] += 1
    start = 0
    for u in range(1, ptr.size):  # ptr[u + 1] walks from the start of unit u to its end
        n, ptr[u] = ptr[u], start
        start += n
    for i in range(count.size):
        units, v, g = row_of(index, i), row_of(values, i), row_of(grad, i)
        for j in range(count[i]):
            u = np.uint32(units[j]) + 1
            q = np.uint64(ptr[u])
            ptr[u] = q + 1
            row[q] = i
            position[q] = i * width + j
            out_values[q] = v[j]
            out_grad[q] = g[j]


@kernel("T2", "T2!")
def transpose(x, out):
    """Write the transposed array."""
    for i in range(x.shape[0]):
        row = row_of(x, i)
        for j in range(row.size):
            out[j, i] = row[j]


@kernel("l1", "l1", "T1", "T2!")
def restore_rows(ptr, position, entries, out):
    """Write entries ordered by unit into the places that they were taken from."""
    width = out.shape[1]
    for q in range(ptr[0], ptr[ptr.size - 1]):
        place = np.uint64(position[q])
        out[place // np.uint64(width), place % np.uint64(width)] = entries[q]


@kernel("l1", "i1", "T2", "T1!")
def take_entries(ptr, row, dense, out):
    """Write the entries' numbers in a dense array (rows, units)."""
    for u in range(ptr.size - 1):
        for q in range(ptr[u], ptr[u + 1]):
            out[q] = dense[row[q], u]


@kernel("l1", "i1", "T1", "T2!")
def add_entries(ptr, row, entries, out):
    """Add entries to a dense array (rows, units)."""
    for u in range(ptr.size - 1):
        for q in range(ptr[u], ptr[u + 1]):
            out[row[q], u] += entries[q]
