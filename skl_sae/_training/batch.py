"""What is known of the batches that a plan is recorded for, and a code of a whole batch in the layout of the step."""

from typing import NamedTuple

import numpy as np

from .._kernels.cells import Cells
from .._kernels.memory import empty_rows
from .._kernels.plan import Plan
from .._model.activations import ACTIVATIONS
from .._model.codes import DENSITY_BREAK_EVEN, DenseCode, RowCode
from .._model.context import RecordedContext
from .._model.sparse_rows import SparseRows
from .._model.unit_code import UnitCode


class Batch(NamedTuple):
    """Batches of one size in steps of one kind, while their plan is recorded.

    Parameters
    ----------
    plan : Plan
    load : callable
        ``load(lo, hi, x, target)`` writes rows ``lo..hi`` on the network's scale.
    n_rows : int
    context : RecordedContext
    update : callable
        ``update(start, gradient, check)`` is told the gradient of ``theta[start:start + gradient.size]``, an array of
        one axis or two, when it is complete and the parameters are no longer needed. Each parameter is told once.
        `check` is for one number that is not finite if a parameter is not.
    sparse : SparseRows or None
        The inputs once more, for the products with them.
    tiles : list of (int, int)
        Ranges of rows that are worked on at once.
    rules : list of (BaseSparsity, list of DecoderPass)
        The rules of these steps with a pass for each of their codes; the first is the network's.
    costs, auxiliary_costs, checks : Cells
        Shares of the loss and of the penalties; of the loss of the dead units' code, which is kept apart; what updates
        have checked.
    active : list of Cells
        Of each of the network's codes, shares of the number of its entries that need a gradient.
    restrain : callable or None
        ``restrain(start, gradient, costs)`` changes a gradient before `update` is told; see `Restraint.apply`.
    """

    plan: Plan
    load: callable
    n_rows: int
    context: RecordedContext
    update: callable
    sparse: SparseRows | None
    tiles: list
    rules: list
    costs: Cells
    auxiliary_costs: Cells
    checks: Cells
    active: list
    restrain: callable = None

    @property
    def passes(self):
        """Of all codes."""
        return [each for _, passes in self.rules for each in passes]

    @property
    def auxiliary(self):
        """The rule of the dead units and the pass of its code, or None."""
        if len(self.rules) == 1:
            return None
        rule, (each,) = self.rules[1]
        return rule, each

    @property
    def teachers(self):
        """Of the codes that reconstruct the input and teach the decoder."""
        return [each for each in self.passes if each.decoding.target == "input" and not each.decoding.frozen]

    def region(self, n, task):
        """Record ``task(batch, i)`` of n items that may run at once."""
        self.plan.region(n, lambda i: task(self, i))

    def move(self, start, gradient):
        """Record the update of some parameters."""
        if self.restrain is not None:
            self.restrain(start, gradient, self.costs.new)
        self.plan.do(self.update, start, gradient, self.checks.new())


class BatchCode:
    """A code of a whole batch: dense or compressed, whichever is less work.

    Parameters
    ----------
    architecture : Architecture
    example : DenseCode or RowCode
        The rule's code of one row: tells which layouts it can have.
    batch_size : int
        Number of rows to make room for.
    drops : bool
        Whether the decoder does not see all entries.

    Attributes
    ----------
    dense : DenseCode or None
    entries : RowCode or None
    compressed : bool
        Whether the step works on `entries`.
    may_change : bool
        Whether the layout depends on the density of the last step.
    """

    def __init__(self, architecture, example, batch_size, drops=False):
        self.compressed, self.decoding = isinstance(example, RowCode) or example.selects, example.decoding
        has_zeros = ACTIVATIONS[architecture.activation].zeros
        self.may_change = not self.compressed and (has_zeros or example.support is not None)
        self.dense = self.entries = None
        self._drops, shape, dtype = drops, (batch_size, architecture.n_units), architecture.dtype
        if isinstance(example, RowCode):
            self._make_room(batch_size, example.index.shape[1], dtype)
            return
        values, grad = empty_rows(*shape, dtype), empty_rows(*shape, dtype)
        seen = empty_rows(*shape, dtype) if drops else None
        self.dense = DenseCode(values, decoding=self.decoding, grad=grad, seen=seen)
        self.dense.pre = None if example.pre is None else np.empty(shape, dtype)
        self.dense.support = None if example.support is None else np.empty(shape, bool)
        if self.compressed:
            self._make_room(*shape, dtype)

    def _make_room(self, batch_size, width, dtype):
        self.entries = RowCode.empty(batch_size, width, dtype)
        self.entries.decoding = self.decoding
        if self._drops:
            self.entries.seen = np.empty((batch_size, width), dtype)

    def choose(self, density):
        """Choose the layout of a step from the density of the last; counts decide, never timing."""
        if self.may_change:
            self.compressed = density < DENSITY_BREAK_EVEN
        if self.compressed and self.entries is None:
            self._make_room(*self.dense.values.shape, self.dense.values.dtype)

    def put(self, lo, hi, code):
        """Store a tile's code."""
        if self.dense is None:
            self.entries.put(lo, hi, code)
            return
        self.dense.put(np.s_[lo:hi], code)
        self.compress(lo, hi)

    def compress(self, lo, hi):
        """Compress rows that stand in the dense layout, if this step needs it."""
        if self.compressed:
            self.entries.compress(lo, hi, self.dense.rows(lo, hi))

    def rows(self, lo, hi):
        """Rows ``lo..hi`` in the layout of this step."""
        return (self.entries if self.compressed else self.dense).rows(lo, hi)

    def room_by_unit(self, n_rows, n_units):
        """Room for the entries of some rows ordered by unit, which is taken only as far as it is used."""
        n, dtype = n_rows * self.entries.index.shape[1], self.entries.values.dtype
        with_pre = self.dense is not None and self.dense.pre is not None
        return UnitCode.empty(n_units, n, dtype, self.decoding, with_pre, self._drops)

    def by_unit(self, lo, hi, room):
        """Rows ``lo..hi`` in the layout that is read by blocks of units, with `room` for the entries."""
        code = self.rows(lo, hi)
        if not self.compressed:
            return code
        room.order(code, None if self.dense is None or self.dense.pre is None else self.dense.pre[lo:hi])
        return room
