"""What a training step knows of one batch, and a code of the whole batch in the layout of the step."""

from typing import NamedTuple

import numpy as np

from .._model.activations import ACTIVATIONS
from .._model.codes import DENSITY_BREAK_EVEN, DenseCode, RowCode
from .._model.context import StepContext
from .._model.sparse_rows import SparseRows


class Batch(NamedTuple):
    """One batch in one step. All threads read it, and nobody writes to it.

    Parameters
    ----------
    load : callable
        ``load(lo, hi, x, target)`` writes rows ``lo..hi`` on the network's scale.
    n_rows : int
    context : StepContext
    update : callable
        ``update(start, gradient)`` is told the gradient of ``theta[start:start + gradient.size]``, when it is complete
        and the parameters are no longer needed. Each parameter is told once.
    sparse : SparseRows or None
        The inputs once more, for the products with them.
    tiles : list of (int, int)
        Ranges of rows that are worked on at once.
    rules : list of (BaseSparsity, list of DecoderPass)
        The rules of this step with a pass for each of their codes; the first is the network's.
    inline : bool
        Whether the work is too small to wake a thread.
    """

    load: callable
    n_rows: int
    context: StepContext
    update: callable
    sparse: SparseRows | None
    tiles: list
    rules: list
    inline: bool

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


class BatchCode:
    """A code of a whole batch: dense or compressed, whichever is less work.

    Parameters
    ----------
    architecture : Architecture
    example : DenseCode or RowCode
        The rule's code of one row: tells which layouts it can have.
    batch_size : int
        Number of rows to make room for.

    Attributes
    ----------
    dense : DenseCode or None
    entries : RowCode or None
    compressed : bool
        Whether the step works on `entries`.
    may_change : bool
        Whether the layout depends on the density of the last step.
    """

    def __init__(self, architecture, example, batch_size):
        self.compressed, self.decoding = isinstance(example, RowCode) or example.selects, example.decoding
        has_zeros = ACTIVATIONS[architecture.activation].zeros
        self.may_change = not self.compressed and (has_zeros or example.support is not None)
        self.dense = self.entries = None
        shape, dtype = (batch_size, architecture.n_units), architecture.dtype
        if isinstance(example, RowCode):
            self._make_room(batch_size, example.index.shape[1], dtype)
            return
        self.dense = DenseCode(np.empty(shape, dtype), decoding=self.decoding, grad=np.empty(shape, dtype))
        self.dense.pre = None if example.pre is None else np.empty(shape, dtype)
        self.dense.support = None if example.support is None else np.empty(shape, bool)
        if self.compressed:
            self._make_room(*shape, dtype)

    def _make_room(self, batch_size, width, dtype):
        self.entries = RowCode.empty(batch_size, width, dtype)
        self.entries.decoding = self.decoding

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
        if self.compressed:
            self.entries.compress(lo, hi, code)

    def rows(self, lo, hi):
        """Rows ``lo..hi`` in the layout of this step."""
        return (self.entries if self.compressed else self.dense).rows(lo, hi)

    def by_unit(self, lo, hi, n_units):
        """Rows ``lo..hi`` in the layout that is read by blocks of units."""
        code = self.rows(lo, hi)
        if not self.compressed:
            return code
        return code.ordered(n_units, None if self.dense is None or self.dense.pre is None else self.dense.pre[lo:hi])
