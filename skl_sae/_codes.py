"""A batch of codes in three layouts.

===========  ==============================================  =======================================
`DenseCode`  arrays (rows, units)                            what an elementwise rule writes
`RowCode`    the entries of each row, padded to one width    what a selecting rule writes, what the decoder reads
`UnitCode`   the same entries, ordered by unit, then row     what weight gradients and a rule's hooks read
===========  ==============================================  =======================================

A compressed layout holds every entry whose *gradient* is needed. Rules see `DenseCode` or `UnitCode` and need not
know which: ``values``, ``grad`` and ``pre`` are arrays of one shape, ``per_unit`` broadcasts to it and ``by_unit``
reduces it.
"""

import numpy as np

from ._noise import drop, drop_entries
from ._numba import jit, jit_views, row_of
from ._products import multiply, multiply_t


class Reading:
    """How the decoder reads a code.

    Parameters
    ----------
    cuts : list of (int, float), optional
        Each ``(stop, weight)`` is a reconstruction from the units before `stop`, and its weight in the loss.
        Default: one reconstruction from all units.
    target : {"input", "residual"}
        What is reconstructed: the input, or what the first code left of it, without the decoder's bias.
    frozen : bool
        Whether the decoder takes no gradient from this code.
    """

    def __init__(self, cuts=None, target="input", frozen=False):
        self.cuts, self.target, self.frozen = cuts, target, frozen


class DenseCode:
    """Values of shape (rows, units).

    Parameters
    ----------
    values : ndarray of shape (rows, units)
    pre : ndarray of shape (rows, units), optional
        The pre-activations, if the rule's hooks need them.
    support : ndarray of bool of shape (rows, units), optional
        The entries whose gradient is needed. Default: those with a value other than zero.
    selects : bool
        Whether entries outside the support are dropped whatever the activation's slope there; such a code is always
        compressed.
    reading : Reading, optional
    """

    def __init__(self, values, pre=None, support=None, selects=False, reading=None, grad=None):
        self.values, self.pre, self.support, self.selects = values, pre, support, selects
        self.reading = reading or Reading()
        self.grad = grad

    def rows(self, lo, hi):
        """Rows ``lo..hi``, as views."""
        return self._view(np.s_[lo:hi])

    def block(self, lo, hi):
        """Units ``lo..hi``, as views."""
        return self._view(np.s_[:, lo:hi])

    def _view(self, at):
        pre, support, grad = (None if x is None else x[at] for x in (self.pre, self.support, self.grad))
        return DenseCode(self.values[at], pre, support, self.selects, self.reading, grad)

    def put(self, at, code):
        """Copy a code into the place `at`, rows or a block of units, unless it was written there."""
        for name in ("values", "pre", "support"):
            mine, its = getattr(self, name), getattr(code, name)
            if mine is not None and its.base is not mine:
                mine[at] = its

    def decode(self, decoder, start, stop, out, origin=None):
        """Add the decoder's rows of the units ``start..stop``, times the values, to `out` or to `origin`."""
        multiply(self.values[:, start:stop], decoder[start:stop], out, out if origin is None else origin)

    def pull(self, decoder, gradient, start, stop):
        """Gradient of the values of the units ``start..stop`` from row gradients."""
        multiply_t(gradient, decoder[start:stop], self.grad[:, start:stop])

    def as_gradient(self):
        """A code whose values are the gradient."""
        return DenseCode(self.grad)

    def entries(self, values):
        """An array in this layout as entries ordered by unit: ``ptr``, ``row`` and values, as in a `UnitCode`."""
        n, m = values.shape
        return np.arange(0, n * m + 1, n), np.tile(np.arange(n, dtype=np.int32), m), values.T.reshape(-1)

    def fired(self):
        """Of each unit, whether it has a positive value."""
        return _any_positive(self.values)

    def n_active(self):
        """Number of entries whose gradient is needed."""
        return _count_nonzero(self.values) if self.support is None else np.count_nonzero(self.support)

    def scatter(self, x, out):
        """Add an array in this layout to a dense one (rows, units)."""
        out += x

    def per_unit(self, v):
        """One number per unit, broadcast to the entries."""
        return v

    def by_unit(self, x):
        """Sum over the entries of each unit."""
        return sum_columns(x) if x.dtype == self.values.dtype else x.sum(axis=0)

    def drop(self, x, key, row, unit, level):
        """Dropout, in place, of an array in this layout; the first entry is that of `row` and `unit`."""
        drop(x, key, row, unit, level)

    def correlate(self, values, x, out, add):
        """Write, or add, ``values.T @ x``: the gradient of a weight matrix of these units."""
        multiply(values.T, x, out, out if add else None)


class RowCode:
    """Entries ``index[i, :count[i]]``, ``values[i, :count[i]]`` of row i.

    Parameters
    ----------
    index : ndarray of int32 of shape (rows, width)
        Units.
    values : ndarray of shape (rows, width)
    count : ndarray of int32 of shape (rows,)
    """

    def __init__(self, index, values, count, reading=None, grad=None):
        self.index, self.values, self.count = index, values, count
        self.reading = reading or Reading()
        self.grad = grad

    @classmethod
    def empty(cls, n_rows, width, dtype):
        """Buffers to be filled by `put` or `compress`."""
        index, count = np.empty((n_rows, width), np.int32), np.zeros(n_rows, np.int32)
        return cls(index, np.empty((n_rows, width), dtype), count, grad=np.empty((n_rows, width), dtype))

    def rows(self, lo, hi):
        """Rows ``lo..hi``, as views."""
        grad = None if self.grad is None else self.grad[lo:hi]
        return RowCode(self.index[lo:hi], self.values[lo:hi], self.count[lo:hi], self.reading, grad)

    def put(self, lo, hi, code):
        """Copy a tile's code into rows ``lo..hi``."""
        width = code.index.shape[1]
        self.index[lo:hi, :width], self.values[lo:hi, :width], self.count[lo:hi] = code.index, code.values, code.count

    def compress(self, lo, hi, code):
        """Fill rows ``lo..hi`` from a dense tile."""
        if code.support is None:
            _compress_nonzero(code.values, self.index[lo:hi], self.values[lo:hi], self.count[lo:hi])
        else:
            _compress_support(code.values, code.support, self.index[lo:hi], self.values[lo:hi], self.count[lo:hi])

    def decode(self, decoder, start, stop, out, origin=None):
        """Add the decoder's rows of the entries with units ``start..stop`` to `out`, or to `origin`."""
        if origin is not None:
            out[:] = origin
        _decode_rows(self.index, self.values, self.count, decoder, start, stop, out)

    def pull(self, decoder, gradient, start, stop):
        """Gradient of the entries with units ``start..stop``: dot products of row gradients with decoder rows."""
        _pull_rows(self.index, self.count, decoder, gradient, start, stop, self.grad)

    def drop(self, x, key, row, unit, level):
        """Dropout, in place, of an array in this layout; the first entry is that of `row` and `unit`."""
        rows = np.repeat(np.arange(len(x)), x.shape[1])
        drop_entries(x.reshape(-1), rows, self.index.reshape(-1), key, row, unit, level)

    def as_gradient(self):
        """A code whose values are the gradient."""
        return RowCode(self.index, self.grad, self.count)

    def n_active(self):
        """Number of entries."""
        return int(self.count.sum())

    def ordered(self, n_units, pre=None):
        """The same entries ordered by unit."""
        n = self.n_active()
        ptr, row, position = np.empty(n_units + 1, np.int64), np.empty(n, np.int32), np.empty(n, np.int64)
        values, grad = np.empty(n, self.values.dtype), np.empty(n, self.values.dtype)
        _order_by_unit(self.index, self.values, self.grad, self.count, ptr, row, position, values, grad)
        code = UnitCode(ptr, row, position, values, grad, self.reading)
        if pre is not None:
            code.pre = pre[row, code.unit]
        return code


class UnitCode:
    """Entries ``ptr[j]..ptr[j + 1]`` of unit j; ``row`` and ``position`` say where they stand in the `RowCode`."""

    def __init__(self, ptr, row, position, values, grad, reading, pre=None):
        self.ptr, self.row, self.position = ptr, row, position
        self.values, self.grad, self.pre, self.reading = values, grad, pre, reading

    @property
    def unit(self):
        """Unit of each entry, counted from the first of this block."""
        return np.repeat(np.arange(self.ptr.size - 1), np.diff(self.ptr))

    def per_unit(self, v):
        """One number per unit, broadcast to the entries."""
        return np.repeat(v, np.diff(self.ptr))

    def by_unit(self, x):
        """Sum over the entries of each unit."""
        out = np.empty(self.ptr.size - 1, x.dtype)
        _sum_segments(self.ptr, x, out)
        return out

    def block(self, lo, hi):
        """Units ``lo..hi``, as views."""
        a, b = self.ptr[lo], self.ptr[hi]
        pre = None if self.pre is None else self.pre[a:b]
        ptr = self.ptr[lo : hi + 1] - a
        return UnitCode(ptr, self.row[a:b], self.position[a:b], self.values[a:b], self.grad[a:b], self.reading, pre)

    def drop(self, x, key, row, unit, level):
        """Dropout, in place, of an array in this layout; the first unit of this block is `unit`."""
        drop_entries(x, self.row, self.unit, key, row, unit, level)

    def scatter(self, x, out):
        """Add an array in this layout to a dense one (rows, units)."""
        out[self.row, self.unit] += x

    def correlate(self, values, x, out, add):
        """Write, or add, the sum over the entries of each unit of value times row of `x`."""
        _correlate_units(self.ptr, self.row, values, x, out, add)

    def entries(self, values):
        """An array in this layout with ``ptr`` and ``row``."""
        return self.ptr, self.row, values

    def fired(self):
        """Of each unit, whether it has a positive value."""
        return _any_positive_segments(self.ptr, self.values)

    def to_rows(self, values, out):
        """Write entries into the places of the `RowCode` that this was made from."""
        out.reshape(-1)[self.position] = values


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
def _any_positive(x):
    out = np.zeros(x.shape[1], np.bool_)
    for i in range(x.shape[0]):
        row = row_of(x, i)
        for j in range(row.size):
            out[j] |= row[j] > 0
    return out


@jit_views("x")
def _count_nonzero(x):
    total = 0
    for i in range(x.shape[0]):
        row = row_of(x, i)
        for j in range(row.size):
            total += row[j] != 0
    return total


@jit
def _compress_nonzero(dense, index, values, count):
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
def _compress_support(dense, support, index, values, count):
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
def _decode_rows(index, values, count, decoder, start, stop, out):
    """out[i] += sum of values times decoder rows, four rows a visit of out[i]."""
    d = out.shape[1]
    for i in range(out.shape[0]):
        r, units, v = out[i], index[i], values[i]
        j, n = 0, count[i]
        if start > 0 or stop < decoder.shape[0]:
            for j in range(n):
                if start <= units[j] < stop:
                    w0, v0 = decoder[units[j]], v[j]
                    for c in range(d):
                        r[c] += v0 * w0[c]
            continue
        while j + 4 <= n:
            v0, v1, v2, v3 = v[j], v[j + 1], v[j + 2], v[j + 3]
            w0, w1 = decoder[units[j]], decoder[units[j + 1]]
            w2, w3 = decoder[units[j + 2]], decoder[units[j + 3]]
            for c in range(d):
                r[c] += v0 * w0[c] + v1 * w1[c] + v2 * w2[c] + v3 * w3[c]
            j += 4
        while j < n:
            v0, w0 = v[j], decoder[units[j]]
            for c in range(d):
                r[c] += v0 * w0[c]
            j += 1


@jit
def _pull_rows(index, count, decoder, gradient, start, stop, out):
    """out[i, j] = gradient[i] . decoder[index[i, j]], four dot products a visit of gradient[i]."""
    d = gradient.shape[1]
    zero = gradient.dtype.type(0)
    for i in range(gradient.shape[0]):
        r, units = gradient[i], index[i]
        j, n = 0, count[i]
        if start > 0 or stop < decoder.shape[0]:
            for j in range(n):
                if start <= units[j] < stop:
                    w0, s0 = decoder[units[j]], zero
                    for c in range(d):
                        s0 += r[c] * w0[c]
                    out[i, j] = s0
            continue
        while j + 4 <= n:
            w0, w1 = decoder[units[j]], decoder[units[j + 1]]
            w2, w3 = decoder[units[j + 2]], decoder[units[j + 3]]
            s0, s1, s2, s3 = zero, zero, zero, zero
            for c in range(d):
                y = r[c]
                s0 += y * w0[c]
                s1 += y * w1[c]
                s2 += y * w2[c]
                s3 += y * w3[c]
            out[i, j], out[i, j + 1], out[i, j + 2], out[i, j + 3] = s0, s1, s2, s3
            j += 4
        while j < n:
            w0, s0 = decoder[units[j]], zero
            for c in range(d):
                s0 += r[c] * w0[c]
            out[i, j] = s0
            j += 1


@jit
def _order_by_unit(index, values, grad, count, ptr, row, position, out_values, out_grad):
    """Counting sort of the entries by unit; stable, so rows ascend within a unit.

    Unsigned numbers save the check for negative ones.
    """
    width = index.shape[1]
    ptr[:] = 0
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


@jit
def _sum_segments(ptr, x, out):
    for u in range(out.size):
        total = x.dtype.type(0)
        for q in range(ptr[u], ptr[u + 1]):
            total += x[q]
        out[u] = total


@jit
def _any_positive_segments(ptr, x):
    out = np.zeros(ptr.size - 1, np.bool_)
    for u in range(out.size):
        for q in range(ptr[u], ptr[u + 1]):
            out[u] |= x[q] > 0
    return out


@jit
def _correlate_units(ptr, row, values, x, out, add):
    """out[u] (+)= sum over the entries of unit u of value times x[row], four rows a visit of out[u]."""
    d = out.shape[1]
    for u in range(out.shape[0]):
        g, q, stop = out[u], ptr[u], ptr[u + 1]
        if not add:
            for c in range(d):
                g[c] = 0
        while q + 4 <= stop:
            v0, v1, v2, v3 = values[q], values[q + 1], values[q + 2], values[q + 3]
            x0, x1, x2, x3 = x[row[q]], x[row[q + 1]], x[row[q + 2]], x[row[q + 3]]
            for c in range(d):
                g[c] += v0 * x0[c] + v1 * x1[c] + v2 * x2[c] + v3 * x3[c]
            q += 4
        while q < stop:
            v0, x0 = values[q], x[row[q]]
            for c in range(d):
                g[c] += v0 * x0[c]
            q += 1
