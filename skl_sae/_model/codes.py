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

from .._kernels.layouts import compress_nonzero, compress_support, order_by_unit, pack_rows, scatter_rows
from .._kernels.noise import drop, drop_entries
from .._kernels.products import multiply, multiply_t
from .._kernels.reductions import any_positive, any_positive_segments, count_nonzero, sum_columns, sum_segments
from .._kernels.sparse_products import sddmm, spmm, spmm_by_unit

# A dense code is compressed where fewer of its entries are active: dense products cost more than the work on these
# entries, and compression.
DENSITY_BREAK_EVEN = 0.15


class Decoding:
    """How the decoder reads a code.

    Parameters
    ----------
    prefixes : list of (int, float), optional
        Each ``(stop, weight)`` is a reconstruction from the units before `stop`, and its weight in the loss.
        Default: one reconstruction from all units.
    target : {"input", "residual"}
        What is reconstructed: the input, or what the first code left of it, without the decoder's bias.
    frozen : bool
        Whether the decoder takes no gradient from this code.
    """

    def __init__(self, prefixes=None, target="input", frozen=False):
        self.prefixes, self.target, self.frozen = prefixes, target, frozen


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
    decoding : Decoding, optional
    grad : ndarray of shape (rows, units), optional
        Gradient of the values, which the training step fills in.
    """

    def __init__(self, values, pre=None, support=None, selects=False, decoding=None, grad=None):
        self.values, self.pre, self.support, self.selects = values, pre, support, selects
        self.decoding = decoding or Decoding()
        self.grad = grad

    def rows(self, lo, hi):
        """Rows ``lo..hi``, as views."""
        return self._view(np.s_[lo:hi])

    def block(self, lo, hi):
        """Units ``lo..hi``, as views."""
        return self._view(np.s_[:, lo:hi])

    def _view(self, at):
        pre, support, grad = (None if x is None else x[at] for x in (self.pre, self.support, self.grad))
        return DenseCode(self.values[at], pre, support, self.selects, self.decoding, grad)

    def compact(self):
        """The same code in the layout that is decoded faster: as entries, if there are few."""
        return self if self.n_active() >= DENSITY_BREAK_EVEN * self.values.size else self.to_rows()

    def to_rows(self):
        """The entries of each row."""
        code = RowCode.empty(*self.values.shape, self.values.dtype)
        code.compress(0, len(self.values), self)
        return code

    def to_dense(self, out):
        """Write the values of all units into an array (rows, units)."""
        out[:] = self.values

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
        return any_positive(self.values)

    def n_active(self):
        """Number of entries whose gradient is needed."""
        return count_nonzero(self.values) if self.support is None else np.count_nonzero(self.support)

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
    decoding : Decoding, optional
    grad : ndarray of shape (rows, width), optional
        Gradient of the values, which the training step fills in.
    """

    def __init__(self, index, values, count, decoding=None, grad=None):
        self.index, self.values, self.count = index, values, count
        self.decoding = decoding or Decoding()
        self.grad = grad

    @classmethod
    def empty(cls, n_rows, width, dtype):
        """Buffers to be filled by `put` or `compress`."""
        index, count = np.empty((n_rows, width), np.int32), np.zeros(n_rows, np.int32)
        return cls(index, np.empty((n_rows, width), dtype), count, grad=np.empty((n_rows, width), dtype))

    def rows(self, lo, hi):
        """Rows ``lo..hi``, as views."""
        grad = None if self.grad is None else self.grad[lo:hi]
        return RowCode(self.index[lo:hi], self.values[lo:hi], self.count[lo:hi], self.decoding, grad)

    def put(self, lo, hi, code):
        """Copy a tile's code into rows ``lo..hi``."""
        width = code.index.shape[1]
        self.index[lo:hi, :width], self.values[lo:hi, :width], self.count[lo:hi] = code.index, code.values, code.count

    def compress(self, lo, hi, code):
        """Fill rows ``lo..hi`` from a dense tile."""
        if code.support is None:
            compress_nonzero(code.values, self.index[lo:hi], self.values[lo:hi], self.count[lo:hi])
        else:
            compress_support(code.values, code.support, self.index[lo:hi], self.values[lo:hi], self.count[lo:hi])

    def decode(self, decoder, start, stop, out, origin=None):
        """Add the decoder's rows of the entries with units ``start..stop`` to `out`, or to `origin`."""
        if origin is not None:
            out[:] = origin
        spmm(self.index, self.values, self.count, decoder, start, stop, out)

    def pull(self, decoder, gradient, start, stop):
        """Gradient of the entries with units ``start..stop``: dot products of row gradients with decoder rows."""
        sddmm(self.index, self.count, decoder, gradient, start, stop, self.grad)

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

    def to_rows(self):
        """The entries of each row."""
        return self

    def to_dense(self, out):
        """Write the values of all units into an array (rows, units)."""
        scatter_rows(self.index, self.values, self.count, out)

    def packed(self):
        """Units and values of all entries, each in one array, by ascending unit within a row."""
        return pack_rows(self.index, self.values, self.count)

    def ordered(self, n_units, pre=None):
        """The same entries ordered by unit."""
        n = self.n_active()
        ptr, row, position = np.empty(n_units + 1, np.int64), np.empty(n, np.int32), np.empty(n, np.int64)
        values, grad = np.empty(n, self.values.dtype), np.empty(n, self.values.dtype)
        order_by_unit(self.index, self.values, self.grad, self.count, ptr, row, position, values, grad)
        code = UnitCode(ptr, row, position, values, grad, self.decoding)
        if pre is not None:
            code.pre = pre[row, code.unit]
        return code


class UnitCode:
    """Entries ``ptr[j]..ptr[j + 1]`` of unit j; ``row`` and ``position`` say where they stand in the `RowCode`.

    ``values``, ``grad`` and ``pre`` are arrays with one number an entry.
    """

    def __init__(self, ptr, row, position, values, grad, decoding, pre=None):
        self.ptr, self.row, self.position = ptr, row, position
        self.values, self.grad, self.pre, self.decoding = values, grad, pre, decoding

    @property
    def unit(self):
        """Unit of each entry, counted from the first of this block."""
        return np.repeat(np.arange(self.ptr.size - 1), np.diff(self.ptr))

    def per_unit(self, v):
        """One number per unit, broadcast to the entries."""
        return np.repeat(v, np.diff(self.ptr))

    def by_unit(self, x):
        """Sum over the entries of each unit."""
        return sum_segments(self.ptr, x)

    def block(self, lo, hi):
        """Units ``lo..hi``, as views."""
        a, b = self.ptr[lo], self.ptr[hi]
        pre = None if self.pre is None else self.pre[a:b]
        ptr = self.ptr[lo : hi + 1] - a
        return UnitCode(ptr, self.row[a:b], self.position[a:b], self.values[a:b], self.grad[a:b], self.decoding, pre)

    def drop(self, x, key, row, unit, level):
        """Dropout, in place, of an array in this layout; the first unit of this block is `unit`."""
        drop_entries(x, self.row, self.unit, key, row, unit, level)

    def scatter(self, x, out):
        """Add an array in this layout to a dense one (rows, units)."""
        out[self.row, self.unit] += x

    def correlate(self, values, x, out, add):
        """Write, or add, the sum over the entries of each unit of value times row of `x`."""
        spmm_by_unit(self.ptr, self.row, values, x, out, add)

    def entries(self, values):
        """An array in this layout with ``ptr`` and ``row``."""
        return self.ptr, self.row, values

    def fired(self):
        """Of each unit, whether it has a positive value."""
        return any_positive_segments(self.ptr, self.values)

    def restore_rows(self, values, out):
        """Write entries into the places of the `RowCode` that this was made from."""
        out.reshape(-1)[self.position] = values
