"""The entries of a batch of codes, ordered by unit: what weight gradients and a rule's hooks read; see `codes`.

How many entries there are is known only when they have been ordered, in a step. So a hook that is recorded can't look
at the arrays. It calls methods, which name kernels for the whole arrays and tell them where the entries of a unit are.
"""

import numpy as np

from .._kernels import layouts
from .._kernels.kernel import recording
from .._kernels.noise import drop_in_units
from .._kernels.reductions import add_segments, find_nonzero_segments, sum_segments
from .._kernels.sparse_products import spmm_by_unit


class UnitCode:
    """Entries ``ptr[j]..ptr[j + 1]`` of unit j; ``row`` and ``position`` say where they stand in the `RowCode`.

    ``values``, ``grad`` and ``pre`` are arrays with one number an entry. A block of units, or arrays with room for more
    entries, are views of the same: `bounds` counts in whole arrays, `ptr` from the first entry of the block.
    """

    def __init__(self, bounds, row, position, values, grad, decoding, pre=None, seen=None):
        self.bounds, self.decoding = bounds, decoding
        self.whole = {"row": row, "position": position, "values": values, "grad": grad, "pre": pre}
        self.whole["seen"] = values if seen is None else seen

    @classmethod
    def empty(cls, n_units, n_entries, dtype, decoding, with_pre=False, drops=False):
        """Room for some entries, which the system gives when it is first written to."""
        row, position = np.empty(n_entries, np.int32), np.empty(n_entries, np.int64)
        values, grad = np.empty(n_entries, dtype), np.empty(n_entries, dtype)
        pre, seen = (np.empty(n_entries, dtype) if wanted else None for wanted in (with_pre, drops))
        return cls(np.zeros(n_units + 1, np.int64), row, position, values, grad, decoding, pre, seen)

    def order(self, code, pre=None):
        """Fill with the entries of a `RowCode`; `pre` has those of a dense code."""
        row, position, values, grad = (self.whole[name] for name in ("row", "position", "values", "grad"))
        layouts.order_by_unit(code.index, code.values, code.grad, code.count, self.bounds, row, position, values, grad)
        if pre is not None:
            layouts.take_entries(self.bounds, row, pre, self.whole["pre"])

    def _entries(self, name):
        if recording() is not None:
            raise RuntimeError(
                f"`{name}` of a compressed code is not known while a hook is recorded. Call kernels through the code's "
                "methods, or leave out `recordable`, so that the hook is run in each step."
            )
        array = self.whole[name]
        return None if array is None else array[self.bounds[0] : self.bounds[-1]]

    def _set_gradient(self, x):
        self._entries("grad")[:] = x

    row = property(lambda self: self._entries("row"))
    position = property(lambda self: self._entries("position"))
    values = property(lambda self: self._entries("values"))
    pre = property(lambda self: self._entries("pre"))
    grad = property(lambda self: self._entries("grad"), _set_gradient)

    @property
    def ptr(self):
        """Where the entries of each unit begin, in the arrays of this block."""
        return self.bounds - self.bounds[0]

    @property
    def unit(self):
        """Unit of each entry, counted from the first of this block."""
        return np.repeat(np.arange(self.bounds.size - 1), np.diff(self.bounds))

    def per_unit(self, v):
        """One number per unit, broadcast to the entries."""
        return np.repeat(v, np.diff(self.bounds))

    def by_unit(self, x):
        """Sum over the entries of each unit."""
        return sum_segments(self.ptr, x)

    def block(self, lo, hi):
        """Units ``lo..hi``, as views."""
        return UnitCode(self.bounds[lo : hi + 1], decoding=self.decoding, **self.whole)

    # while a step is recorded, or in it: calls of kernels only

    def arrays(self, *names):
        """Arrays of two axes, for kernels, and what tells the place of the entries in their one row."""
        return [self.whole[name][None] for name in names], self.bounds

    def through(self, activation):
        """Turn the gradient, in place, into that of what an activation has made the values of; returns it."""
        activation.backward(self.whole["values"][None], self.whole["grad"][None], self.bounds)
        return None if recording() is not None else self.grad

    def add_sums_of_gradients(self, out):
        """Add the sum over the gradients of each unit."""
        add_segments(self.bounds, self.whole["grad"], out)

    def find_fired(self, out):
        """Write of each unit whether it has a value other than zero."""
        find_nonzero_segments(self.bounds, self.whole["values"], out)

    def add_gradient(self, out):
        """Add the gradient to a dense array (rows, units)."""
        layouts.add_entries(self.bounds, self.whole["row"], self.whole["grad"], out)

    def drop_values(self, key, layer, row, unit, level):
        """Fill what the decoder sees, with dropout; the first row is `row`, the first unit `unit`."""
        arrays = (self.whole[name] for name in ("row", "values", "seen"))
        drop_in_units(self.bounds, *arrays, key, layer, row, unit, level)

    def correlate(self, what, x, out, adds):
        """Write, or add, the sum over the entries of each unit of value times row of `x`: a gradient of weights."""
        spmm_by_unit(self.bounds, self.whole["row"], self.whole[what], x, out, adds)

    def entries(self, what):
        """What kernels need to visit the entries of an array: ``bounds``, ``row`` and numbers."""
        return self.bounds, self.whole["row"], self.whole[what]

    def restore_rows(self, out):
        """Write the gradient into the places of the `RowCode` that this was made from."""
        layouts.restore_rows(self.bounds, self.whole["position"], self.whole["grad"], out)
