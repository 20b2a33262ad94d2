"""The one training step: loss, penalties and gradient of a batch, and the update of each parameter on the way.

    tiles of rows     load -> hidden encoder -> pre-activations -> rule.encode -> decoder -> loss -> back to the code
    blocks of units   rule.penalty, rule.backward -> gradients of encoder and decoder rows -> update
    (deep networks)   in between: tiles of rows, back through the hidden encoder; with the units, all other layers

Each tile or block is claimed by one thread, writes what nobody else writes, and returns its share of the loss.
"""

from itertools import pairwise

import numpy as np

from .._kernels.thread_count import n_slots
from .._kernels.threads import partition, run
from .._model.codes import DenseCode
from .._model.context import StepContext
from .batch import Batch
from .code_layer import CodeLayer
from .decoder import DecoderPass
from .hidden_layers import HiddenLayers
from .residual import ResidualPass
from .weights import BLOCK_SIZE

# Steps with fewer multiplications in the encoder than this are not worth waking a thread.
SMALL_WORK = 1 << 22


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
    densities : list of float, optional
        Of each code, the share of its entries that needed a gradient in the last step. The step reads the list, and
        writes to it.

    Attributes
    ----------
    units : CodeLayer
        Its `fired` tells which units had a positive value in the last batch.
    """

    def __init__(
        self, network, encoder, penalties=(0.0, 0.0), auxiliary=None, dropout=0.0, own_target=True, densities=None
    ):
        self.network, self.encoder, kind = network, encoder, network.architecture
        self.own_target = own_target
        self.target = np.empty_like(encoder.inputs[0]) if own_target else encoder.inputs[0]
        self.work = encoder.batch_size * sum(outer * inner for outer, inner in pairwise(kind.encoder_sizes))
        self.tile_rows = _rows_of_a_tile(encoder.batch_size, self.work)
        self.passes = self._make_passes(network.rule, DecoderPass, dropout)
        self.auxiliary = None if auxiliary is None else (auxiliary, self._make_passes(auxiliary, ResidualPass))
        self.densities = [] if densities is None else densities
        self.densities += [1.0] * (len(self.passes) - len(self.densities))
        # a dense code is made where its pre-activations stand; for any other code they have arrays of their own
        dense, self._pre = self.passes[0].code.dense, None
        if encoder.norm and dense is not None:
            encoder.norm.pre = dense.values
        elif not encoder.norm and dense is None:
            shape = min(encoder.batch_size, 2 * self.tile_rows), kind.n_units
            self._pre = [np.empty(shape, network.dtype) for _ in range(n_slots())]
        self.units = CodeLayer(network, encoder, penalties)
        self.hidden = HiddenLayers(network.parameters, encoder, penalties)

    def _make_passes(self, rule, kind, dropout=0.0):
        """A pass of this kind for each of the rule's codes, with the layout of an example."""
        architecture, encoder = self.network.architecture, self.encoder
        context = StepContext(architecture.activation, dead=np.ones(architecture.n_units, bool))
        examples = self._example(rule, context)
        return [kind(self.network, example, encoder.batch_size, dropout, encoder.window) for example in examples]

    def _example(self, rule, context):
        """The rule's codes of one row of zeros."""
        row = np.zeros((1, self.network.architecture.n_units), self.network.dtype)
        return rule.encode(row, self.network.parameters.units, context)

    def __call__(self, load, n_rows, context, update, sparse=None):
        """Run one step; see `Batch` for the parameters.

        Returns
        -------
        value : float
            Mean over the rows of loss and penalties, plus the weight penalties.
        """
        rules = [(self.network.rule, self.passes)]
        if self.auxiliary and context.dead is not None and context.dead.any():
            rules.append(self.auxiliary)
        tiles = partition(n_rows, self.tile_rows)
        batch = Batch(load, n_rows, context, update, sparse, tiles, rules, self.work < SMALL_WORK)
        self._begin(batch)
        value = self._forward(batch)
        for each in batch.passes:
            each.order(n_rows)
        if self.encoder.depth > 1:
            value += sum(self._run(batch, self.units.pull, len(self.units.blocks)))
            for each in batch.passes:
                each.restore_rows()
            self._backward_hidden(batch)
        value += sum(self._run(batch, self._update, 1 + len(self.units.blocks) + len(self.hidden.blocks)))
        if self.network.rule.overrides("after_step"):
            codes = [each.whole for each in self.passes]
            self.network.rule.after_step(codes, self.network.parameters.units, context)
        return float(value)

    def _begin(self, batch):
        """Tell each pass of the new step. The weights of prefixes may differ from those of the last step."""
        for each, density in zip(self.passes, self.densities, strict=False):
            each.begin(batch.context.key, density)
        if batch.auxiliary:
            batch.auxiliary[1].begin(batch.context.key)
        for rule, passes in batch.rules:
            if any(each.decoding.prefixes for each in passes):
                for each, example in zip(passes, self._example(rule, batch.context), strict=True):
                    each.prefixes = example.decoding.prefixes or each.prefixes

    def _run(self, batch, task, n):
        return run(lambda i, slot: task(batch, i, slot), n, batch.inline)

    # tiles of rows

    def _forward(self, batch):
        """From the rows to the gradients of the codes; returns the loss."""
        n, scope = len(batch.tiles), self.network.rule.scope
        if self.encoder.norm:
            self._normalise_layers(batch)
        if scope in ("entry", "row"):
            shares = self._run(batch, self._forward_tile, n)
        else:
            self._run(batch, self._pre_activate, n)
            if scope == "unit":
                self._run(batch, self._encode_block, len(self.units.blocks))
            else:
                self._encode(batch, np.s_[: batch.n_rows], self.network.parameters.units)
            shares = self._run(batch, self._read_tile, n)
        if self.encoder.window:
            return self._read_windows(batch)
        return self._add_up(batch, shares) + (self._read_residual(batch) if batch.auxiliary else 0.0)

    def _add_up(self, batch, shares):
        """The loss, and for the next step the densities, from what tiles return of each code."""
        for i, each in enumerate(self.passes):
            if each.code.may_change:
                active = sum(tile[i].n_active for tile in shares)
                self.densities[i] = active / (batch.n_rows * self.network.architecture.n_units)
        return sum(share.loss for tile in shares for share in tile)

    def _normalise_layers(self, batch):
        """The encoder layer by layer, because batch normalisation must see all rows of a unit."""
        encoder = self.encoder
        for i in range(encoder.depth):

            def multiply(batch, tile, slot, i=i):
                lo, hi = batch.tiles[tile]
                if i == 0:
                    self._load(batch, lo, hi)
                encoder.product(batch, i, lo, hi, encoder.norm.pre[lo:hi])

            def normalise(batch, block, slot, i=i):
                encoder.normalise(batch, i, *encoder.norm.blocks[i][block])

            self._run(batch, multiply, len(batch.tiles))
            self._run(batch, normalise, len(encoder.norm.blocks[i]))

    def _load(self, batch, lo, hi):
        if not self.encoder.window:  # else rows are loaded when they are read
            batch.load(lo, hi, self.encoder.inputs[0][lo:hi], self.target[lo:hi])

    def _pre_activate(self, batch, tile, slot):
        lo, hi = batch.tiles[tile]
        if self.encoder.norm:
            a = self.encoder.norm.pre[lo:hi]
        else:
            self._load(batch, lo, hi)
            dense = self.passes[0].code.dense
            out = self._pre[slot][: hi - lo] if dense is None else dense.values[lo:hi]
            a = self.encoder.forward(batch, lo, hi, out)
        if batch.auxiliary:
            rule, residual = batch.auxiliary
            residual.code.put(lo, hi, rule.encode(a, self.network.parameters.units, batch.context)[0])
        return a

    def _forward_tile(self, batch, tile, slot):
        a = self._pre_activate(batch, tile, slot)
        return self._read(batch, tile, self.network.rule.encode(a, self.network.parameters.units, batch.context))

    def _encode_block(self, batch, block, slot):
        """All rows of a block of units, for a rule of scope unit."""
        self._encode(batch, np.s_[: batch.n_rows, slice(*self.units.blocks[block])], self.units.units[block])

    def _encode(self, batch, at, units):
        """Encode the pre-activations of all rows, of some units or of all, where they stand."""
        codes = self.network.rule.encode(self.passes[0].code.dense.values[at], units, batch.context)
        for each, code in zip(self.passes, codes, strict=True):
            each.code.dense.put(at, code)

    def _read_tile(self, batch, tile, slot):
        return self._read(batch, tile, [each.code.dense.rows(*batch.tiles[tile]) for each in self.passes])

    def _read(self, batch, tile, codes):
        (lo, hi), shares = batch.tiles[tile], []
        for each, code in zip(self.passes, codes, strict=True):
            each.code.put(lo, hi, code)
            if not self.encoder.window:
                shares.append(each.read(lo, hi, self.target[lo:hi], batch.context.weight))
        return shares

    def _read_residual(self, batch):
        """The code of the dead units, against what the rule's code leaves over; returns its loss."""
        _, residual = batch.auxiliary
        residual.aim(self.passes[0], batch.n_rows, batch.context.weight)

        def read(batch, tile, slot):
            lo, hi = batch.tiles[tile]
            # the target tells which values are missing; with hidden layers in the decoder it is not looked at
            return residual.read(lo, hi, self.target[lo:hi], batch.context.weight).loss

        return sum(self._run(batch, read, len(batch.tiles)))

    def _read_windows(self, batch):
        """All rows, a window of them dense at a time; returns the loss."""
        weight, shares, loss_of_residual = batch.context.weight, [], 0.0
        residual = batch.auxiliary[1] if batch.auxiliary else None
        windowed = [residual] if residual and residual.windowed else []
        for lo, hi in pairwise([*range(0, batch.n_rows, self.encoder.window), batch.n_rows]):
            x, target = self.encoder.inputs[0][: hi - lo], self.target[: hi - lo]
            batch.load(lo, hi, x, target)
            for each in self.passes + windowed:
                each.window.open(lo, hi)
            shares.append([each.read(lo, hi, target, weight) for each in self.passes])
            if windowed:
                residual.aim(self.passes[0], hi - lo, weight)
                loss_of_residual += residual.read(lo, hi, target, weight).loss
            self._sum_window(batch, self.passes + windowed, x.shape[1])
        if windowed:
            loss_of_residual *= residual.rescale(batch.n_rows, weight)
        elif residual:
            loss_of_residual = self._read_residual(batch)
        return self._add_up(batch, shares) + loss_of_residual

    def _sum_window(self, batch, passes, n_features):
        """Add the window to the gradients next to the data, by blocks of the weights' rows."""
        for each in passes:
            each.close_window()
        blocks = partition(len(self.network.parameters["dec0.weight"]), max(16, BLOCK_SIZE // n_features))

        def accumulate(batch, block, slot):
            for each in passes:
                each.accumulate(*blocks[block])

        self._run(batch, accumulate, len(blocks))

    # back through hidden layers

    def _backward_hidden(self, batch):
        encoder, n = self.encoder, len(batch.tiles)
        last = encoder.depth - 2
        if not encoder.norm:
            self._run(batch, lambda batch, tile, slot: self._pull_tile(batch, tile, range(last, -1, -1)), n)
            return
        for i in range(last, -1, -1):

            def pull_norm(batch, block, slot, i=i):
                encoder.pull_norm(batch, i, *encoder.norm.blocks[i][block])

            self._run(batch, lambda batch, tile, slot, i=i: self._pull_tile(batch, tile, [i]), n)
            self._run(batch, pull_norm, len(encoder.norm.blocks[i]))

    def _pull_tile(self, batch, tile, layers):
        """A tile of rows back through hidden layers of the encoder."""
        (lo, hi), units = batch.tiles[tile], self.network.parameters.units.encoder
        for i in layers:
            if i == self.encoder.depth - 2:
                dh = self.encoder.gradients[i][lo:hi]
                dh[:] = 0
                for delta in self._tile_deltas(batch, lo, hi):
                    delta.decode(units, 0, len(units), dh)
            self.encoder.pull(batch, i, lo, hi)

    def _tile_deltas(self, batch, lo, hi):
        """Gradients of the code layer's products, as codes, of rows ``lo..hi``."""
        if self.encoder.norm:
            return [DenseCode(self.encoder.norm.delta[lo:hi])]
        return [passes[0].tile_gradient(lo, hi) for _, passes in batch.rules]

    # updates

    def _update(self, batch, number, slot):
        """Vectors first, which gives the caller a head start, then blocks of weights; returns their penalties."""
        if number == 0:
            self.hidden.update_vectors(batch)
            return 0.0
        n_blocks = len(self.units.blocks)
        if number <= n_blocks:
            return self.units.update(batch, number - 1, slot)
        return self.hidden.update_weights(batch, *self.hidden.blocks[number - n_blocks - 1])


def _rows_of_a_tile(batch_size, work):
    """Few enough for many threads and their caches; enough to be worth the calls."""
    if work < SMALL_WORK:
        return batch_size
    if batch_size > 512:
        return 256
    return max(32, min(64 if work >= batch_size << 17 else 128, batch_size // 2))
