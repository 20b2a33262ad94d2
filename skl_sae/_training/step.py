"""The one training step: loss, penalties and gradient of a batch, and the update of each parameter on the way.

    tiles of rows     load -> hidden encoder -> pre-activations -> rule.encode -> decoder -> loss -> back to the code
    blocks of units   rule.penalty, rule.backward -> gradients of encoder and decoder rows -> update
    (deep networks)   in between: tiles of rows, back through the hidden encoder; with the units, all other layers

Each tile or block is claimed by one thread and writes what nobody else writes. The gradient of a block lives in
scratch memory and is used up by the update while it is in cache, so it never exists as a whole.
"""

from itertools import pairwise

import numpy as np

from .._kernels.norms import normalise_rows, remove_radial
from .._kernels.thread_count import n_slots
from .._kernels.threads import partition, run
from .._model.codes import DenseCode
from .._model.context import StepContext
from .._model.parameters import Units
from .decoder import DecoderPass, ResidualPass
from .encoder import EncoderPass
from .hidden_layers import HiddenLayers
from .weights import add_weight_penalty

# Steps with fewer multiplications in the encoder than this are not worth waking a thread.
SMALL_WORK = 1 << 22
# Entries of a weight matrix that are updated as one block: gradient and moments stay in the cache of one core.
BLOCK_SIZE = 40_000


class TrainingStep:
    """Workspace of the training step, for batches of up to `batch_size` rows.

    Parameters
    ----------
    network : Network
    batch_size : int
    l2, l1 : float
        Weight penalties ``l2 / 2 * ||W||^2 + l1 * |W|_1``, over all weight matrices.
    auxiliary : BaseSparsity, optional
        A second rule of scope row, for the dead units, in the steps that have some.
    dropout : float
        Probability that a value of the encoder's hidden layers, or of the code, is dropped.
    own_target : bool
        Whether the target is not the input: `load` must then fill both.
    window : int, optional
        Rows that are made dense at a time, where the inputs are `sparse` and too wide for a whole batch.
    """

    def __init__(self, network, batch_size, l2=0.0, l1=0.0, auxiliary=None, dropout=0.0, own_target=True, window=None):
        self.network, self.l2, self.l1 = network, l2, l1
        self.parameters = p = network.parameters
        self.deep = p.encoder_depth > 1
        widths, dtype = p.encoder_sizes, network.dtype
        self.batch_size, self.window = batch_size, window
        self.encoder = EncoderPass(network, batch_size, dropout, window)
        self.x = self.encoder.inputs[0]
        self.own_target = own_target
        self.target = np.empty_like(self.x) if own_target else self.x
        self.work = batch_size * sum(outer * inner for outer, inner in pairwise(widths))
        self.tile_rows = _rows_of_a_tile(batch_size, self.work)
        self.main = (network.rule, self._readers(network.rule, DecoderPass, dropout))
        self.auxiliary = None
        if auxiliary is not None:
            self.auxiliary = (auxiliary, self._readers(auxiliary, ResidualPass))
        self.first = self.main[1][0]
        self._own_tile = self.first.dense is None
        if self.encoder.norm:
            self.encoder.allocate_code(None if self._own_tile else self.first.dense.values)
        elif self._own_tile:
            self._tiles = [np.empty((min(batch_size, 2 * self.tile_rows), widths[-1]), dtype) for _ in range(n_slots())]
        self.blocks = partition(p.n_units, max(16, BLOCK_SIZE // widths[-2]))
        self._block_units = [p.units.block(lo, hi) for lo, hi in self.blocks]
        self._allocate_gradients()
        #: of each unit, whether it had a positive value in the last batch
        self.fired = np.zeros(p.n_units, bool)
        self.layers = HiddenLayers(p, self.encoder, l2, l1, BLOCK_SIZE)
        self.n_updates = 1 + len(self.blocks) + len(self.layers.blocks)

    def _readers(self, rule, kind, dropout=0.0):
        """Learn the layout of the rule's codes from one row of zeros."""
        p = self.parameters
        dead = np.ones(p.n_units, bool)
        step = StepContext(self.network.activation, dead=dead)
        examples = rule.encode(np.zeros((1, p.n_units), self.network.dtype), p.units, step)
        return [kind(self.network, example, self.batch_size, dropout, self.window) for example in examples]

    def _allocate_gradients(self):
        """Gradients of the units: one block a thread; of all units where deltas must pass through them first."""
        p, dtype = self.parameters, self.network.dtype

        def allocate(n):
            encoder = np.empty((n, p.encoder_sizes[-2]), dtype)
            decoder = encoder if p.tied else np.empty((n, p.decoder_sizes[-2]), dtype)
            vectors = {name: np.empty(n, dtype) for name in ("encoder_bias", *p.norm_arrays, *p.own)}
            return Units(encoder=encoder, decoder=decoder, **vectors)

        if self.deep:
            whole = allocate(p.n_units)
            self._gradients = [[whole.block(lo, hi) for lo, hi in self.blocks]] * n_slots()
        else:
            largest = [allocate(max(hi - lo for lo, hi in self.blocks)) for _ in range(n_slots())]
            self._gradients = [[whole.block(0, hi - lo) for lo, hi in self.blocks] for whole in largest]

    # the step

    def __call__(self, load, n_rows, step, update, sparse=None):
        """Run one step.

        Parameters
        ----------
        load : callable
            ``load(lo, hi, x, target)`` writes rows ``lo..hi`` of the batch in the network's units.
        n_rows : int
        step : StepContext
        update : callable
            ``update(start, gradient)`` is told the gradient of ``theta[start:start + gradient.size]``, when it is
            complete and the parameters are no longer needed. Each parameter is told once.
        sparse : SparseRows, optional
            The inputs once more, for the products with them.

        Returns
        -------
        value : float
            Mean over the rows of loss and penalties, plus the weight penalties.
        """
        self.n_rows, self.step, self.update, self._load = n_rows, step, update, load
        self.tiles = partition(n_rows, self.tile_rows)
        self.rules = [self.main]
        if self.auxiliary and step.dead is not None and step.dead.any():
            self.rules.append(self.auxiliary)
        passes = [reader for _, each in self.rules for reader in each]
        for reader in passes:
            reader.begin(step.key)
        self.values = np.zeros(2 * len(self.tiles) + len(self.blocks) + self.n_updates)
        self.inline = self.work < SMALL_WORK
        self.encoder.key, self.encoder.sparse = step.key, sparse
        self.layers.begin(passes, n_rows, update)
        self._forward()
        for reader in passes:
            reader.order(n_rows)
        if self.deep:
            self._run(self._pull_block, len(self.blocks))
            for reader in passes:
                reader.restore_rows()
            self._backward_hidden()
        self._run(self._update, self.n_updates)
        rule, each = self.main
        if rule.overrides("after_step"):
            rule.after_step([reader.whole for reader in each], self.parameters.units, step)
        return float(self.values.sum())

    def _run(self, task, n):
        run(task, n, self.inline)

    # tiles of rows

    def _forward(self):
        rule, n = self.main[0], len(self.tiles)
        if self.encoder.norm:
            self._normalise_layers()
        if rule.scope in ("entry", "row"):
            self._run(self._forward_tile, n)
        else:
            self._run(self._pre_activate, n)
            if rule.scope == "unit":
                self._run(self._encode_block, len(self.blocks))
            else:
                self._encode_batch()
            self._run(self._read_tile, n)
        if self.window:
            self._read_windows()
        elif len(self.rules) > 1:
            self.auxiliary[1][0].aim(self.first, self.n_rows, self.step.weight)
            self._run(self._read_residual, n)

    def _normalise_layers(self):
        """The encoder layer by layer, because batch normalisation must see all rows of a unit."""
        encoder = self.encoder
        for i in range(encoder.depth):

            def multiply(tile, slot, i=i):
                lo, hi = self.tiles[tile]
                if i == 0:
                    self._load_tile(lo, hi)
                encoder.product(i, lo, hi, encoder.pre[lo:hi])

            def normalise(block, slot, i=i):
                encoder.normalise(i, *encoder.norm_blocks[i][block], self.n_rows)

            self._run(multiply, len(self.tiles))
            self._run(normalise, len(encoder.norm_blocks[i]))

    def _load_tile(self, lo, hi):
        if not self.window:  # else rows are loaded when they are read
            self._load(lo, hi, self.x[lo:hi], self.target[lo:hi])

    def _pre_activate(self, tile, slot):
        lo, hi = self.tiles[tile]
        if self.encoder.norm:
            a = self.encoder.pre[lo:hi]
        else:
            self._load_tile(lo, hi)
            out = self._tiles[slot][: hi - lo] if self._own_tile else self.first.dense.values[lo:hi]
            a = self.encoder.forward(lo, hi, out)
        if len(self.rules) > 1:
            rule, (reader,) = self.auxiliary
            reader.put(lo, hi, rule.encode(a, self.parameters.units, self.step)[0])
        return a

    def _forward_tile(self, tile, slot):
        a = self._pre_activate(tile, slot)
        self._read(tile, self.network.rule.encode(a, self.parameters.units, self.step))

    def _encode_block(self, block, slot):
        """All rows of a block of units, for a rule of scope unit; written in place."""
        at = np.s_[: self.n_rows, slice(*self.blocks[block])]
        codes = self.network.rule.encode(self.first.dense.values[at], self._block_units[block], self.step)
        for reader, code in zip(self.main[1], codes, strict=True):
            reader.dense.put(at, code)

    def _encode_batch(self):
        """Everything at once, for a rule of scope batch."""
        a = self.first.dense.values[: self.n_rows]
        codes = self.network.rule.encode(a, self.parameters.units, self.step)
        for reader, code in zip(self.main[1], codes, strict=True):
            reader.dense.put(np.s_[: self.n_rows], code)

    def _read_tile(self, tile, slot):
        self._read(tile, [reader.dense.rows(*self.tiles[tile]) for reader in self.main[1]])

    def _read(self, tile, codes):
        lo, hi = self.tiles[tile]
        for reader, code in zip(self.main[1], codes, strict=True):
            reader.put(lo, hi, code)
            if not self.window:
                self.values[tile] += reader.read(lo, hi, self.target[lo:hi], self.step.weight)

    def _read_windows(self):
        """All rows, a window of them dense at a time."""
        n, weight, streamed = self.n_rows, self.step.weight, list(self.main[1])
        if len(self.rules) > 1 and self.auxiliary[1][0].windowed:
            streamed.append(self.auxiliary[1][0])
        edges, residual = [*range(0, n, self.window), n], 0.0
        for lo, hi in pairwise(edges):
            target = self.target[: hi - lo]
            self._load(lo, hi, self.x[: hi - lo], target)
            for reader in streamed:
                reader.open_window(lo, hi)
                if reader in self.main[1]:
                    self.values[0] += reader.read(lo, hi, target, weight)
                else:
                    reader.aim(self.first, hi - lo, weight)
                    residual += reader.read(lo, hi, target, weight)
                reader.close_window()
            rows = partition(len(self.parameters["dec0.weight"]), max(16, BLOCK_SIZE // self.x.shape[1]))
            self._run(lambda i, slot, rows=rows: [reader.accumulate(*rows[i]) for reader in streamed], len(rows))
        if len(streamed) > len(self.main[1]):
            self.values[0] += residual * streamed[-1].rescale(n, weight)
        elif len(self.rules) > 1:
            self.auxiliary[1][0].aim(self.first, n, weight)
            self._run(self._read_residual, len(self.tiles))

    def _read_residual(self, tile, slot):
        lo, hi = self.tiles[tile]
        reader = self.auxiliary[1][0]
        # behind hidden layers nobody looks at the target
        self.values[len(self.tiles) + tile] = reader.read(lo, hi, self.target[lo:hi], self.step.weight)

    def _backward_hidden(self):
        encoder, last = self.encoder, self.parameters.encoder_depth - 2
        if not encoder.norm:
            self._run(lambda tile, slot: self._pull_tile(tile, range(last, -1, -1)), len(self.tiles))
            return
        for i in range(last, -1, -1):

            def pull_norm(block, slot, i=i):
                encoder.pull_hidden_norm(i, *encoder.norm_blocks[i][block], self.n_rows)

            self._run(lambda tile, slot, i=i: self._pull_tile(tile, [i]), len(self.tiles))
            self._run(pull_norm, len(encoder.norm_blocks[i]))

    def _pull_tile(self, tile, layers):
        """A tile of rows back through hidden layers of the encoder."""
        lo, hi = self.tiles[tile]
        p, encoder = self.parameters, self.encoder
        for i in layers:
            if i == p.encoder_depth - 2:
                dh = encoder.gradients[i][lo:hi]
                dh[:] = 0
                for delta in self._tile_deltas(lo, hi):
                    delta.decode(p.units.encoder, 0, p.n_units, dh)
            encoder.pull(i, lo, hi)

    def _tile_deltas(self, lo, hi):
        """Gradients of the code layer's products, as codes, of rows ``lo..hi``."""
        if self.encoder.norm:
            return [DenseCode(self.encoder.delta[lo:hi])]
        return [each[0].tile_gradient(lo, hi) for _, each in self.rules]

    # blocks of units

    def _pull_block(self, block, slot):
        """Hooks of the rules: from the gradients of the codes to those of the pre-activations, left in ``grad``."""
        lo, hi = self.blocks[block]
        p, g = self._block_units[block], self._gradients[slot][block]
        for name in ("encoder_bias", *self.parameters.norm_arrays, *self.parameters.own):
            getattr(g, name)[:] = 0
        value, add = 0.0, False
        for rule, each in self.rules:
            codes = [reader.whole.block(lo, hi) for reader in each]
            if rule is self.main[0]:
                self.fired[lo:hi] = codes[0].fired()
            for reader, code in zip(each, codes, strict=True):
                if not reader.decoding.frozen:
                    reader.decoder_gradient(code, lo, hi, g.decoder, add)
                    add = True
            if rule.overrides("penalty"):
                value += rule.penalty(codes, p, g, self.step)
            delta = rule.backward(codes, p, g, self.step)
            if delta is not codes[0].grad:
                codes[0].grad[:] = delta
            g.encoder_bias += codes[0].by_unit(codes[0].grad)
        if self.encoder.norm:
            self._pull_norm(lo, hi, g)
        self.values[2 * len(self.tiles) + block] = value

    def _pull_norm(self, lo, hi, g):
        """Back through the code layer's batch normalisation: every entry of a unit takes part."""
        delta = self.encoder.delta[: self.n_rows, lo:hi]
        delta[:] = 0
        for _, each in self.rules:
            code = each[0].whole.block(lo, hi)
            code.scatter(code.grad, delta)
        g.norm_gain[:], _ = self.encoder.pull_norm(self.encoder.depth - 1, lo, hi, self.n_rows)

    def _update(self, number, slot):
        """Gradients and updates: of vectors first, which gives the caller a head start, then of blocks of weights."""
        n_blocks = len(self.blocks)
        if number == 0:
            self.layers.update_vectors()
            return
        if number <= n_blocks:
            value = self._update_block(number - 1, slot)
        else:
            value = self.layers.update_weights(*self.layers.blocks[number - n_blocks - 1])
        self.values[2 * len(self.tiles) + n_blocks + number] = value

    def _update_block(self, block, slot):
        if not self.deep:
            self._pull_block(block, slot)
        lo, hi = self.blocks[block]
        parameters, network = self.parameters, self.network
        p, g = self._block_units[block], self._gradients[slot][block]
        add = parameters.tied
        for delta in self._block_deltas(lo, hi):
            self.encoder.correlate(parameters.encoder_depth - 1, delta, self.n_rows, g.encoder, add)
            add = True
        value = add_weight_penalty(p.encoder, g.encoder, self.l2, self.l1)
        if not parameters.tied:
            value += add_weight_penalty(p.decoder, g.decoder, self.l2, self.l1)
        if network.unit_norm:
            remove_radial(p.decoder, g.decoder)
        for short, name in parameters.unit_names.items():
            if not (parameters.tied and short == "decoder"):
                gradient = getattr(g, short)
                start = parameters.start[name] + lo * (gradient.size // (hi - lo))
                self.update(start, gradient.reshape(-1))
        if network.unit_norm:
            normalise_rows(p.decoder)
        return value

    def _block_deltas(self, lo, hi):
        """Gradients of the code layer's products, as codes, of the units ``lo..hi``."""
        if self.encoder.norm:
            delta = self.encoder.delta[: self.n_rows, lo:hi]
            return [DenseCode(delta, grad=delta)]
        return [each[0].whole.block(lo, hi) for _, each in self.rules]


def _rows_of_a_tile(batch_size, work):
    """Few enough for many threads and their caches; enough to be worth the calls."""
    if work < SMALL_WORK:
        return batch_size
    if batch_size > 512:
        return 256
    return max(32, min(64 if work >= batch_size << 17 else 128, batch_size // 2))
