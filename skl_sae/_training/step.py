"""The one training step: loss, penalties and gradient of a batch, and the update of each parameter on the way.

    tiles of rows     load -> hidden encoder -> pre-activations -> rule.encode -> decoder -> loss -> back to the code
    blocks of units   rule.penalty, rule.backward -> gradients of encoder and decoder rows -> update
    (deep networks)   in between: tiles of rows, back through the hidden encoder; with the units, all other layers

Each tile or block is claimed by one thread, and writes what nobody else writes. The methods below say what is done, and
are called once, while a plan is recorded; each step runs the plan. What depends on the step is in arrays.
"""

from functools import partial
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from .._kernels.cells import Cells
from .._kernels.memory import Scratch, empty_rows
from .._kernels.plan import Plans
from .._kernels.threads import partition
from .._model.codes import DenseCode
from .._model.context import RecordedContext, StepContext
from .batch import Batch
from .code_layer import CodeLayer
from .dead_units import mask_living
from .decoder import DecoderPass
from .hidden_layers import HiddenLayers
from .reading import read_residual, read_windows
from .residual import ResidualPass

# Steps with fewer multiplications in the encoder than this are done by one thread.
SMALL_WORK = 1 << 19


class Now(NamedTuple):
    """What changes from step to step: number and progress, the dead units, the key of the random numbers."""

    numbers: np.ndarray
    dead: np.ndarray
    key: np.ndarray

    def set(self, context):
        self.numbers[:] = context.number, context.progress
        self.dead[:], self.key[:] = False if context.dead is None else context.dead, context.key


class TrainingStep:
    """Workspace of the training step.

    Parameters
    ----------
    network : Network
    encoder : EncoderPass
        The encoder's workspace; it says how many rows a batch may have, and whether wide data comes in windows.
    penalties : tuple of float
        Weight penalties ``l2 / 2 * ||W||^2 + l1 * |W|_1``, over all weight matrices.
    auxiliary : BaseSparsity, optional
        A second rule of scope row, for the dead units, in the steps that have some.
    dropout : float
        Probability that the decoder does not see an entry of the code.
    own_target : bool
        Whether the target is not the input: `load` must then fill both.
    decoder_pass : type, optional
        Class of the pass of each code of the network's rule: `DecoderPass`, or another that can take its place.
    target_width : int, optional
        Number of columns of an own target, by default as many as the decoder gives.
    densities : list of float, optional
        Of each code, the share of its entries that needed a gradient in the last step. The step reads the list, and
        writes to it.

    Attributes
    ----------
    units : CodeLayer
        Its `fired` tells which units had a value other than zero in the last batch.
    plans : Plans
        What has been recorded, and the threads that run it.
    finite : bool
        Whether all parameters were finite numbers after the last step.
    """

    def __init__(
        self,
        network,
        encoder,
        penalties=(0.0, 0.0),
        auxiliary=None,
        dropout=0.0,
        own_target=True,
        densities=None,
        decoder_pass=DecoderPass,
        target_width=None,
    ):
        self.network, self.encoder, kind = network, encoder, network.architecture
        shape = len(encoder.inputs[0]), target_width or kind.decoder_sizes[0]
        self.target = empty_rows(*shape, network.dtype) if own_target else encoder.inputs[0]
        self.work = encoder.batch_size * sum(outer * inner for outer, inner in pairwise(kind.encoder_sizes))
        self.tile_rows = _rows_of_a_tile(encoder.batch_size, self.work)
        self.now = Now(np.zeros(2), np.zeros(kind.n_units, bool), np.zeros(1, np.int64))
        self.passes = self._make_passes(network.rule, decoder_pass, dropout)
        self.auxiliary = None if auxiliary is None else (auxiliary, self._make_passes(auxiliary, ResidualPass))
        self.densities = [] if densities is None else densities
        self.densities += [1.0] * (len(self.passes) - len(self.densities))
        self.units = CodeLayer(network, encoder, penalties)
        self.hidden = HiddenLayers(network, encoder, penalties)
        self.plans, self.finite = Plans(), True
        self._pre, self._masked = self._place_pre_activations()
        for scratch in self.units.scratch + self.hidden.scratch:
            self.plans.addresses.share(scratch)

    def _place_pre_activations(self):
        """Where no dense code has room for them: arrays for a tile's, and for those of its dead units."""
        encoder, dense = self.encoder, self.passes[0].code.dense
        if encoder.norm and dense is not None:
            encoder.norm.pre = dense.values
        n_rows, n_units = min(encoder.batch_size, 2 * self.tile_rows), self.network.architecture.n_units
        needed = not encoder.norm and dense is None, self.auxiliary is not None
        scratch = Scratch([(n_rows if each else 0, n_units) for each in needed], self.network.dtype)
        self.plans.addresses.share(scratch)
        return scratch.arrays(0)

    def _make_passes(self, rule, kind, dropout=0.0):
        """A pass of this kind for each of the rule's codes, with the layout of those of one row of zeros."""
        architecture, encoder = self.network.architecture, self.encoder
        context = StepContext(architecture.activation, dead=np.ones(architecture.n_units, bool))
        row = np.zeros((1, architecture.n_units), self.network.dtype)
        examples = rule.encode(row, self.network.parameters.units, context)
        sizes = encoder.batch_size, dropout, encoder.inputs[0], encoder.window
        return [kind(self.network, example, *sizes) for example in examples]

    def __call__(self, load, n_rows, context, update, sparse=None):
        """Run one step; see `Batch` for the parameters, and `StepContext`.

        Returns
        -------
        value, auxiliary : float
            Mean over the rows of loss and penalties, plus the weight penalties; the loss of the dead units' code.
        """
        auxiliary = self.auxiliary is not None and context.dead is not None and bool(context.dead.any())
        for each, density in zip(self.passes, self.densities, strict=False):
            each.code.choose(density)
        self.now.set(context)
        self.units.context = context
        if auxiliary:
            rule, (residual,) = self.auxiliary
            residual.share[0] = rule.share(context.dead)
        batch = self._plan_for(load, n_rows, update, sparse, auxiliary)
        for each in batch.passes:
            each.take(n_rows)
        batch.plan.run(inline=self.work < SMALL_WORK)
        self.finite = bool(np.isfinite(batch.checks.total()))
        for i, each in enumerate(self.passes):
            if each.code.may_change:
                self.densities[i] = batch.active[i].total() / (n_rows * self.network.architecture.n_units)
        if self.network.rule.overrides("after_step"):
            self._follow(context)
        return batch.costs.total(), batch.auxiliary_costs.total()

    def _follow(self, context):
        """Let the rule follow the codes of the step; of its own parameters, those that are fixed stay."""
        parameters, restraint = self.network.parameters, self.network.restraint
        codes = [each.whole for each in self.passes]
        change = partial(self.network.rule.after_step, codes, parameters.units, context)
        if restraint is None:
            change()
        else:
            restraint.keep(parameters.theta, change, parameters.of_rule)

    def _plan_for(self, load, n_rows, update, sparse, auxiliary):
        """The recorded plan of such steps; a new one where there is none."""
        layouts = [each.code.compressed for each in self.passes]

        def record(plan):
            rules = [(self.network.rule, self.passes)] + ([self.auxiliary] if auxiliary else [])
            context = RecordedContext(self.network.architecture.activation, 1 / n_rows, *self.now)
            shares = Cells(), Cells(), Cells(), [Cells() for _ in self.passes]
            tiles = partition(n_rows, self.tile_rows)
            theta, restraint = self.network.parameters.theta, self.network.restraint
            restrain = None if restraint is None else partial(restraint.apply, theta)
            batch = Batch(plan, load, n_rows, context, update, sparse, tiles, rules, *shares, restrain)
            for each in batch.passes:
                each.take(n_rows)
            self._record(batch)
            return batch

        return self.plans.find((load, n_rows, update, sparse, auxiliary, *layouts), record)

    def _record(self, batch):
        """All that a step does."""
        self._forward(batch)
        batch.region(len(batch.passes), lambda batch, i: batch.passes[i].order(batch.n_rows))
        if self.encoder.depth > 1:
            batch.region(len(self.units.blocks), self.units.pull)
            batch.region(len(batch.passes), lambda batch, i: batch.passes[i].restore_rows())
            self._backward_hidden(batch)
        batch.region(1 + len(self.units.blocks) + len(self.hidden.blocks), self._update)

    # tiles of rows

    def _forward(self, batch):
        """From the rows to the gradients of the codes."""
        n, scope = len(batch.tiles), self.network.rule.scope
        if self.encoder.norm:
            self._normalise_layers(batch)
        if scope in ("entry", "row"):
            batch.region(n, self._forward_tile)
        else:
            batch.region(n, self._pre_activate)
            everything = [(np.s_[: batch.n_rows], self.network.parameters.units)]
            parts = self._parts_by_unit(batch) if scope == "unit" else everything
            batch.region(len(parts), lambda batch, i: self._encode(batch, *parts[i]))
            batch.region(n, self._compress_and_read)
        if self.encoder.window:
            read_windows(self, batch)
        elif batch.auxiliary:
            read_residual(self, batch)

    def _normalise_layers(self, batch):
        """The encoder layer by layer, because batch normalisation must see all rows of a unit."""
        encoder = self.encoder
        for i in range(encoder.depth):

            def multiply(batch, tile, i=i):
                lo, hi = batch.tiles[tile]
                if i == 0:
                    self._load(batch, lo, hi)
                encoder.product(batch, i, lo, hi, encoder.norm.pre[lo:hi])

            def normalise(batch, block, i=i):
                encoder.normalise(batch, i, *encoder.norm.blocks[i][block])

            batch.region(len(batch.tiles), multiply)
            batch.region(len(encoder.norm.blocks[i]), normalise)

    def _load(self, batch, lo, hi):
        if not self.encoder.window:  # else rows are loaded when they are read
            batch.plan.do(batch.load, lo, hi, self.encoder.inputs[0][lo:hi], self.target[lo:hi])

    def _pre_activate(self, batch, tile):
        lo, hi = batch.tiles[tile]
        if self.encoder.norm:
            a = self.encoder.norm.pre[lo:hi]
        else:
            self._load(batch, lo, hi)
            dense = self.passes[0].code.dense
            out = self._pre[: hi - lo] if dense is None else dense.values[lo:hi]
            a = self.encoder.forward(batch, lo, hi, out)
        if batch.auxiliary:
            rule, residual = batch.auxiliary
            masked = self._masked[: hi - lo]
            mask_living(a, batch.context.dead, masked)
            residual.code.put(lo, hi, rule.encode(masked, self.network.parameters.units, batch.context)[0])
        return a

    def _forward_tile(self, batch, tile):
        (lo, hi), a = batch.tiles[tile], self._pre_activate(batch, tile)
        self._call_encode(batch, a, self.network.parameters.units, lambda each, code: each.code.put(lo, hi, code))
        self._read(batch, tile)

    def _parts_by_unit(self, batch):
        """All rows of blocks of units, for a rule of scope unit."""
        blocks = zip(self.units.blocks, self.units.units, strict=True)
        return [(np.s_[: batch.n_rows, lo:hi], units) for (lo, hi), units in blocks]

    def _encode(self, batch, at, units):
        """Encode the pre-activations of all rows, of some units or of all, where they stand."""
        a = self.passes[0].code.dense.values[at]
        self._call_encode(batch, a, units, lambda each, code: each.code.dense.put(at, code))

    def _call_encode(self, batch, a, units, put):
        """Let the rule encode: recorded, if its hook is, or in each step."""
        rule = self.network.rule

        def run(a, context):
            for each, code in zip(self.passes, rule.encode(a, units, context), strict=True):
                put(each, code)

        if rule.records("encode"):
            run(a, batch.context)
        else:
            batch.plan.call(lambda a: run(a, self.units.context), a)

    def _compress_and_read(self, batch, tile):
        for each in self.passes:
            each.code.compress(*batch.tiles[tile])
        self._read(batch, tile)

    def _read(self, batch, tile):
        lo, hi = batch.tiles[tile]
        if not self.encoder.window:  # else a window is read at a time
            for each, active in zip(self.passes, batch.active, strict=True):
                each.read(batch, lo, hi, self.target[lo:hi], active)

    # back through hidden layers

    def _backward_hidden(self, batch):
        encoder, n = self.encoder, len(batch.tiles)
        last = encoder.depth - 2
        if not encoder.norm:
            batch.region(n, lambda batch, tile: self._pull_tile(batch, tile, range(last, -1, -1)))
            return
        for i in range(last, -1, -1):

            def pull_norm(batch, block, i=i):
                encoder.pull_norm(batch, i, *encoder.norm.blocks[i][block])

            batch.region(n, lambda batch, tile, i=i: self._pull_tile(batch, tile, [i]))
            batch.region(len(encoder.norm.blocks[i]), pull_norm)

    def _pull_tile(self, batch, tile, layers):
        """A tile of rows back through hidden layers of the encoder."""
        lo, hi = batch.tiles[tile]
        for i in layers:
            if i == self.encoder.depth - 2:
                self.encoder.pull_code(batch, lo, hi, self._tile_deltas(batch, lo, hi))
            self.encoder.pull(batch, i, lo, hi)

    def _tile_deltas(self, batch, lo, hi):
        """Gradients of the code layer's products, as codes, of rows ``lo..hi``."""
        if self.encoder.norm:
            return [DenseCode(self.encoder.norm.delta[lo:hi])]
        return [passes[0].tile_gradient(lo, hi) for _, passes in batch.rules]

    # updates

    def _update(self, batch, number):
        """Vectors first, which gives the caller a head start, then blocks of weights."""
        n_blocks = len(self.units.blocks)
        if number == 0:
            self.hidden.update_vectors(batch)
        elif number <= n_blocks:
            self.units.update(batch, number - 1)
        else:
            self.hidden.update_weights(batch, *self.hidden.blocks[number - n_blocks - 1])


def _rows_of_a_tile(batch_size, work):
    """Few enough for many threads and their caches; enough to be worth the calls."""
    if work < SMALL_WORK:
        return batch_size
    if batch_size > 512:
        return 256
    return max(32, min(64 if work >= batch_size << 17 else 128, batch_size // 2))
