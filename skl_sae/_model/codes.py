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

from .._kernels import layouts
from .._kernels.kernel import add, copy, recording
from .._kernels.noise import drop, drop_in_rows
from .._kernels.products import multiply, multiply_t
from .._kernels.reductions import add_sums, count_nonzero, count_true, find_nonzero, sum_columns, sum_of_counts
from .._kernels.sparse_products import sddmm, spmm
from .activations import ALL
from .unit_code import UnitCode

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
    seen : ndarray of shape (rows, units), optional
        What the decoder sees of the values, where that is not all; the training step fills it in.
    """

    def __init__(self, values, pre=None, support=None, selects=False, decoding=None, grad=None, seen=None):
        self.values, self.pre, self.support, self.selects = values, pre, support, selects
        self.decoding = decoding or Decoding()
        self.grad, self.seen = grad, values if seen is None else seen

    def rows(self, lo, hi):
        """Rows ``lo..hi``, as views."""
        return self._view(np.s_[lo:hi])

    def block(self, lo, hi):
        """Units ``lo..hi``, as views."""
        return self._view(np.s_[:, lo:hi])

    def _view(self, at):
        pre, support, grad = (None if x is None else x[at] for x in (self.pre, self.support, self.grad))
        return DenseCode(self.values[at], pre, support, self.selects, self.decoding, grad, self.seen[at])

    def compact(self):
        """The same code in the layout that is decoded faster: as entries, if there are few."""
        self.count_active(n := np.zeros(1))
        return self if n[0] >= DENSITY_BREAK_EVEN * self.values.size else self.to_rows()

    def to_rows(self):
        """The entries of each row."""
        code = RowCode.empty(*self.values.shape, self.values.dtype)
        code.compress(0, len(self.values), self)
        return code

    # while a step is recorded, or in it: calls of kernels only

    def to_dense(self, out):
        """Write the values of all units into an array (rows, units)."""
        out[:] = self.values

    def put(self, at, code):
        """Copy a code into the place `at`, rows or a block of units, unless it was written there."""
        for name in "values", "pre", "support":
            mine, its = getattr(self, name), getattr(code, name)
            if mine is None or np.may_share_memory(mine, its):
                continue
            if recording() is None:
                mine[at] = its  # of any type: a hook in NumPy may have made it
            else:
                copy(its, mine[at])

    def add_values(self, out):
        """Add the values to a dense array (rows, units)."""
        add(self.values, out)

    def decode(self, decoder, start, stop, out, origin=None):
        """Add the decoder's rows of the units ``start..stop``, times the values, to `out` or to `origin`."""
        multiply(self.seen[:, start:stop], decoder[start:stop], out, out if origin is None else origin)

    def pull(self, decoder, gradient, start, stop):
        """Gradient of the values of the units ``start..stop`` from row gradients."""
        multiply_t(gradient, decoder[start:stop], self.grad[:, start:stop])

    def as_gradient(self):
        """A code whose values are the gradient."""
        return DenseCode(self.grad)

    def entries(self, what):
        """What kernels need to visit the entries of an array ordered by unit, as in a `UnitCode`."""
        n, m = self.values.shape
        ordered = np.empty((m, n), self.values.dtype)
        layouts.transpose(getattr(self, what), ordered)
        return np.arange(0, n * m + 1, n), np.tile(np.arange(n, dtype=np.int32), m), ordered.reshape(-1)

    def find_fired(self, out):
        """Write of each unit whether it has a value other than zero."""
        find_nonzero(self.values, out)

    def count_active(self, out):
        """Write the number of entries whose gradient is needed."""
        if self.support is None:
            count_nonzero(self.values, out)
        else:
            count_true(self.support, out)

    def add_gradient(self, out):
        """Add the gradient to a dense array (rows, units)."""
        add(self.grad, out)

    def through(self, activation):
        """Turn the gradient, in place, into that of what an activation has made the values of; returns it."""
        activation.backward(self.values, self.grad)
        return self.grad

    def add_sums_of_gradients(self, out):
        """Add the sum over the gradients of each unit."""
        add_sums(self.grad, out)

    def arrays(self, *names):
        """Arrays of two axes, for kernels, and what tells the place of the entries: here they are dense."""
        return [getattr(self, name) for name in names], ALL

    def per_unit(self, v):
        """One number per unit, broadcast to the entries."""
        return v

    def by_unit(self, x):
        """Sum over the entries of each unit."""
        return sum_columns(x) if x.dtype == self.values.dtype else x.sum(axis=0)

    def drop_values(self, key, layer, row, level):
        """Fill `seen`, with dropout; the first entry is that of `row` and unit 0."""
        copy(self.values, self.seen)
        drop(self.seen, key, layer, row, 0, level)

    def drop_gradient(self, key, layer, row, level):
        """Dropout of the gradient, in place."""
        drop(self.grad, key, layer, row, 0, level)

    def correlate(self, what, x, out, adds):
        """Write, or add, the product of an array of the code, transposed, with `x`: a gradient of weights."""
        multiply(getattr(self, what).T, x, out, out if adds else None)


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
    seen : ndarray of shape (rows, width), optional
        What the decoder sees of the values, where that is not all; the training step fills it in.
    """

    def __init__(self, index, values, count, decoding=None, grad=None, seen=None):
        self.index, self.values, self.count = index, values, count
        self.decoding = decoding or Decoding()
        self.grad, self.seen = grad, values if seen is None else seen

    @classmethod
    def empty(cls, n_rows, width, dtype):
        """Buffers to be filled by `put` or `compress`."""
        index, count = np.empty((n_rows, width), np.int32), np.zeros(n_rows, np.int32)
        return cls(index, np.empty((n_rows, width), dtype), count, grad=np.empty((n_rows, width), dtype))

    def rows(self, lo, hi):
        """Rows ``lo..hi``, as views."""
        grad = None if self.grad is None else self.grad[lo:hi]
        part = self.index[lo:hi], self.values[lo:hi], self.count[lo:hi]
        return RowCode(*part, self.decoding, grad, self.seen[lo:hi])

    def put(self, lo, hi, code):
        """Copy a tile's code into rows ``lo..hi``."""
        width = code.index.shape[1]
        mine = self.index[lo:hi, :width], self.values[lo:hi, :width], self.count[lo:hi]
        layouts.copy_rows(code.index, code.values, code.count, *mine)

    def compress(self, lo, hi, code):
        """Fill rows ``lo..hi`` from a dense tile."""
        mine = self.index[lo:hi], self.values[lo:hi], self.count[lo:hi]
        if code.support is None:
            layouts.compress_nonzero(code.values, *mine)
        else:
            layouts.compress_support(code.values, code.support, *mine)

    def add_values(self, out):
        """Add the values to a dense array (rows, units)."""
        layouts.add_rows(self.index, self.values, self.count, out)

    def decode(self, decoder, start, stop, out, origin=None):
        """Add the decoder's rows of the entries with units ``start..stop`` to `out`, or to `origin`."""
        if origin is not None:
            copy(np.broadcast_to(origin, out.shape), out)
        spmm(self.index, self.seen, self.count, decoder, start, stop, out)

    def pull(self, decoder, gradient, start, stop):
        """Gradient of the entries with units ``start..stop``: dot products of row gradients with decoder rows."""
        sddmm(self.index, self.count, decoder, gradient, start, stop, self.grad)

    def drop_values(self, key, layer, row, level):
        """Fill `seen`, with dropout; the first row is `row`."""
        drop_in_rows(self.index, self.values, self.count, self.seen, key, layer, row, level)

    def drop_gradient(self, key, layer, row, level):
        """Dropout of the gradient, in place."""
        drop_in_rows(self.index, self.grad, self.count, self.grad, key, layer, row, level)

    def as_gradient(self):
        """A code whose values are the gradient."""
        return RowCode(self.index, self.grad, self.count)

    def count_active(self, out):
        """Write the number of entries."""
        sum_of_counts(self.count, out)

    def to_rows(self):
        """The entries of each row."""
        return self

    def to_dense(self, out):
        """Write the values of all units into an array (rows, units)."""
        layouts.scatter_rows(self.index, self.values, self.count, out)

    def packed(self):
        """Units and values of all entries, each in one array, by ascending unit within a row."""
        return layouts.pack_rows(self.index, self.values, self.count)

    def ordered(self, n_units, pre=None):
        """The same entries ordered by unit."""
        n = int(self.count.sum())
        code = UnitCode.empty(n_units, n, self.values.dtype, self.decoding, pre is not None)
        code.order(self, pre)
        return code
