"""The one training step: loss, penalties and gradient of a batch, and the update of each parameter on the way.

    tiles of rows     load -> hidden encoder -> pre-activations -> rule.encode -> decoder -> loss -> back to the code
    blocks of units   rule.penalty, rule.backward -> gradients of encoder and decoder rows -> update
    (deep networks)   in between: tiles of rows, back through the hidden encoder; with the units, all other layers

Each tile or block is claimed by one thread and writes what nobody else writes. The gradient of a block lives in
scratch memory and is used up by the update while it is in cache, so it never exists as a whole.
"""

import numpy as np

from ._activations import ACTIVATIONS
from ._numba import jit
from ._parallel import n_slots, partition, run
from ._parameters import Units
from ._reading import Reader, ResidualReader
from .sparsity._base import BaseSparsity, Step

# Regions with fewer multiplications than this are not worth waking a thread.
SMALL_WORK = 1 << 22
# Entries of a weight matrix that are updated as one block: gradient and moments stay in the cache of one core.
BLOCK_SIZE = 50_000


class Backpropagation:
    """Workspace of the training step, for batches of up to `batch_size` rows.

    Parameters
    ----------
    network : Network
    batch_size : int
    l2, l1 : float
        Weight penalties ``l2 / 2 * ||W||^2 + l1 * |W|_1``, over all weight matrices.
    auxiliary : BaseSparsity, optional
        A second rule of scope row, for the dead units, in the steps that have some.
    """

    def __init__(self, network, batch_size, l2=0.0, l1=0.0, auxiliary=None):
        self.network, self.l2, self.l1 = network, l2, l1
        self.parameters = p = network.parameters
        self.deep = p.encoder_depth > 1
        widths, dtype = p.encoder_sizes, network.dtype
        self.x = np.empty((batch_size, widths[0]), dtype)
        self.target = self.x if network.centred else np.empty_like(self.x)
        self.hidden = [np.empty((batch_size, n), dtype) for n in widths[1:-1]]
        self.hidden_gradients = [np.empty_like(h) for h in self.hidden]
        self.work = batch_size * widths[-2] * widths[-1]
        self.tile_rows = batch_size if self.work < SMALL_WORK else 64 if batch_size <= 512 else 256
        self.main = (network.rule, self._readers(network.rule, batch_size, Reader))
        self.auxiliary = None
        if auxiliary is not None:
            self.auxiliary = (auxiliary, self._readers(auxiliary, batch_size, ResidualReader))
        self.first = self.main[1][0]
        self._own_tile = self.first.dense is None
        if self._own_tile:
            self._tiles = [np.empty((min(batch_size, 2 * self.tile_rows), widths[-1]), dtype) for _ in range(n_slots())]
        self.blocks = partition(p.n_units, max(16, BLOCK_SIZE // widths[-2]))
        self._block_units = [p.units.block(lo, hi) for lo, hi in self.blocks]
        self._allocate_gradients()
        self.tasks = self._layer_tasks()

    def _readers(self, rule, batch_size, kind):
        """Learn the layout of the rule's codes from one row of zeros."""
        p = self.parameters
        dead = np.ones(p.n_units, bool)
        step = Step(self.network.activation, dead=dead)
        examples = rule.encode(np.zeros((1, p.n_units), self.network.dtype), p.units, step)
        return [kind(self.network, example, batch_size) for example in examples]

    def _allocate_gradients(self):
        """Gradients of the units: one block a thread; of all units where deltas must pass through them first."""
        p, dtype = self.parameters, self.network.dtype

        def allocate(n):
            encoder = np.empty((n, p.encoder_sizes[-2]), dtype)
            decoder = encoder if p.tied else np.empty((n, p.decoder_sizes[-2]), dtype)
            own = {name: np.empty(n, dtype) for name in p.own}
            return Units(encoder=encoder, encoder_bias=np.empty(n, dtype), decoder=decoder, **own)

        if self.deep:
            whole = allocate(p.n_units)
            self._gradients = [[whole.block(lo, hi) for lo, hi in self.blocks]] * n_slots()
        else:
            largest = [allocate(max(hi - lo for lo, hi in self.blocks)) for _ in range(n_slots())]
            self._gradients = [[whole.block(0, hi - lo) for lo, hi in self.blocks] for whole in largest]

    # the step

    def __call__(self, load, n_rows, step, update):
        """Run one step.

        Parameters
        ----------
        load : callable
            ``load(lo, hi, x, target)`` writes rows ``lo..hi`` of the batch in the network's units.
        n_rows : int
        step : Step
        update : callable
            ``update(start, gradient)`` is told the gradient of ``theta[start:start + gradient.size]``, when it is
            complete and the parameters are no longer needed. Each parameter is told once.

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
        readers = [reader for _, each in self.rules for reader in each]
        for reader in readers:
            reader.begin()
        self.values = np.zeros(2 * len(self.tiles) + 2 * len(self.blocks) + len(self.tasks))
        self.inline = self.work < SMALL_WORK
        self._forward()
        for reader in readers:
            reader.order(n_rows)
        n_blocks = len(self.blocks)
        if self.deep:
            self._run(self._pull_block, n_blocks)
            for reader in readers:
                reader.restore_rows()
            self._run(self._backward_hidden, len(self.tiles))
        self._run(self._update_block, n_blocks + len(self.tasks))
        rule, each = self.main
        if overrides(rule, "after_step"):
            rule.after_step([reader.whole for reader in each], self.parameters.units, step)
        return float(self.values.sum())

    def _run(self, task, n):
        run(task, n, self.inline)

    # tiles of rows

    def _forward(self):
        rule, n = self.main[0], len(self.tiles)
        if rule.scope in ("entry", "row"):
            self._run(self._forward_tile, n)
        else:
            self._run(self._pre_activate, n)
            if rule.scope == "unit":
                self._run(self._encode_block, len(self.blocks))
            else:
                self._encode_batch()
            self._run(self._read_tile, n)
        if len(self.rules) > 1:
            self.auxiliary[1][0].aim(self.first, self.n_rows, self.step.weight)
            self._run(self._read_residual, n)

    def _pre_activate(self, tile, slot):
        lo, hi = self.tiles[tile]
        self._load(lo, hi, self.x[lo:hi], self.target[lo:hi])
        h = self.network.encode_hidden(self.x[lo:hi], [h[lo:hi] for h in self.hidden])
        out = self._tiles[slot][: hi - lo] if self._own_tile else self.first.dense.values[lo:hi]
        a = self.network.pre_activations(h, out)
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
            self.values[tile] += reader.read(lo, hi, self.target[lo:hi], self.step.weight)

    def _read_residual(self, tile, slot):
        lo, hi = self.tiles[tile]
        reader = self.auxiliary[1][0]
        self.values[len(self.tiles) + tile] = reader.read(lo, hi, self.target[lo:hi], self.step.weight)

    def _backward_hidden(self, tile, slot):
        lo, hi = self.tiles[tile]
        p, activation = self.parameters, ACTIVATIONS[self.network.hidden_activation]
        dh = self.hidden_gradients[-1][lo:hi]
        dh[:] = 0
        for _, each in self.rules:
            each[0].tile_gradient(lo, hi).decode(p.units.encoder, 0, p.n_units, dh)
        for i in range(p.encoder_depth - 2, -1, -1):
            activation.backward(self.hidden[i][lo:hi], dh)
            if i:
                dh = np.matmul(dh, p[f"enc{i}.weight"], out=self.hidden_gradients[i - 1][lo:hi])

    # blocks of units

    def _pull_block(self, block, slot):
        """Hooks of the rules: from the gradients of the codes to those of the pre-activations, left in ``grad``."""
        lo, hi = self.blocks[block]
        p, g = self._block_units[block], self._gradients[slot][block]
        g.encoder_bias[:] = 0
        for name in self.parameters.own:
            getattr(g, name)[:] = 0
        value, add = 0.0, False
        for rule, each in self.rules:
            codes = [reader.whole.block(lo, hi) for reader in each]
            for reader, code in zip(each, codes, strict=True):
                if not reader.reading.frozen:
                    for start, stop, du in reader.ranges(lo, hi):
                        part = code if stop - start == hi - lo else code.block(start, stop)
                        part.correlate(part.values, du[: self.n_rows], g.decoder[start:stop], add)
                    add = True
            if overrides(rule, "penalty"):
                value += rule.penalty(codes, p, g, self.step)
            delta = rule.backward(codes, p, g, self.step)
            if delta is not codes[0].grad:
                codes[0].grad[:] = delta
        self.values[2 * len(self.tiles) + block] = value

    def _update_block(self, block, slot):
        """Gradients of the weights, and the update; blocks beyond the units are the tasks of the other layers."""
        if block >= len(self.blocks):
            name, lo, hi = self.tasks[block - len(self.blocks)]
            self._update_layer(name, lo, hi, block)
            return
        if not self.deep:
            self._pull_block(block, slot)
        lo, hi = self.blocks[block]
        parameters, network = self.parameters, self.network
        p, g = self._block_units[block], self._gradients[slot][block]
        h = (self.hidden[-1] if self.deep else self.x)[: self.n_rows]
        add = parameters.tied
        for _, each in self.rules:
            delta = each[0].whole.block(lo, hi)
            delta.correlate(delta.grad, h, g.encoder, add)
            g.encoder_bias += delta.by_unit(delta.grad)
            add = True
        value = self._penalise(p.encoder, g.encoder)
        if not parameters.tied:
            value += self._penalise(p.decoder, g.decoder)
        self.values[2 * len(self.tiles) + len(self.blocks) + block] = value
        if network.unit_norm:
            _remove_radial(p.decoder, g.decoder)
        for short, name in parameters.unit_names.items():
            if not (parameters.tied and short == "decoder"):
                gradient = getattr(g, short)
                start = parameters.start[name] + lo * (gradient.size // (hi - lo))
                self.update(start, gradient.reshape(-1))
        if network.unit_norm:
            _normalise_rows(p.decoder)

    # all other layers

    def _layer_tasks(self):
        """``(name, lo, hi)`` of the blocks of every parameter but the units'."""
        p = self.parameters
        tasks = []
        for name, view in p.views.items():
            if name in p.unit_names.values() or (p.tied and name.startswith("dec") and view.ndim == 2):
                continue
            size = len(view) if view.ndim == 1 else max(16, BLOCK_SIZE // view.shape[1])
            tasks += [(name, lo, hi) for lo, hi in partition(len(view), size)]
        return tasks

    def _update_layer(self, name, lo, hi, block):
        p = self.parameters
        width = p[name].shape[1] if p[name].ndim == 2 else 1
        start = p.start[name] + lo * width
        if p[name].ndim == 1:
            self.update(start, self._bias_gradient(name))
            return
        weights = p[name][lo:hi]
        gradient = np.zeros_like(weights)
        for inner, outer in self._factors(name):
            gradient += inner[: self.n_rows, lo:hi].T @ outer[: self.n_rows]
        self.values[2 * len(self.tiles) + len(self.blocks) + block] = self._penalise(weights, gradient)
        self.update(start, gradient.reshape(-1))

    def _factors(self, name):
        """Pairs of arrays (rows, inner), (rows, outer) whose products are the gradient of a hidden weight matrix."""
        i = int(name[3 : name.index(".")])
        if name.startswith("enc"):
            yield self.hidden_gradients[i], self.hidden[i - 1] if i else self.x
            if not self.parameters.tied:
                return
        for reader in self._input_readers():
            for values, gradients in zip(reader.tail_values, reader.tail_gradients, strict=True):
                yield values[i], gradients[i]

    def _bias_gradient(self, name):
        i = int(name[3 : name.index(".")])
        n = self.n_rows
        if name.startswith("enc"):
            return self.hidden_gradients[i][:n].sum(axis=0)
        if i == self.parameters.decoder_depth - 1:
            return sum(reader.gradients[0][:n].sum(axis=0) for reader in self._input_readers())
        return sum(each[i][:n].sum(axis=0) for reader in self._input_readers() for each in reader.tail_gradients)

    def _input_readers(self):
        """The codes that reconstruct the input and teach the decoder."""
        for _, each in self.rules:
            for reader in each:
                if reader.reading.target == "input" and not reader.reading.frozen:
                    yield reader

    def _penalise(self, weights, gradient):
        if not (self.l2 or self.l1):
            return 0.0
        return _add_weight_penalty(weights, gradient, self.l2, self.l1)


def overrides(rule, hook):
    """Whether a rule has a hook of its own."""
    return getattr(type(rule), hook) is not getattr(BaseSparsity, hook)


@jit
def _add_weight_penalty(weights, gradient, l2, l1):
    """gradient += l2 w + l1 sign(w); returns l2 / 2 sum w^2 + l1 sum |w|."""
    real = weights.dtype.type
    a, b, zero = real(l2), real(l1), real(0)
    squares, sizes = 0.0, 0.0
    for i in range(weights.shape[0]):
        w, g = weights[i], gradient[i]
        s, t = zero, zero
        for c in range(w.size):
            s += w[c] * w[c]
            t += abs(w[c])
            g[c] += a * w[c] + (b if w[c] > 0 else (-b if w[c] < 0 else zero))
        squares += s
        sizes += t
    return 0.5 * l2 * squares + l1 * sizes


@jit
def _remove_radial(weights, gradient):
    """Project the gradient of each row on the tangent of the unit sphere."""
    for i in range(weights.shape[0]):
        w, g = weights[i], gradient[i]
        radial = w.dtype.type(0)
        for c in range(w.size):
            radial += w[c] * g[c]
        for c in range(w.size):
            g[c] -= radial * w[c]


@jit
def _normalise_rows(weights):
    for i in range(weights.shape[0]):
        w = weights[i]
        square = w.dtype.type(0)
        for c in range(w.size):
            square += w[c] * w[c]
        if square > 0:
            factor = 1 / np.sqrt(square)
            for c in range(w.size):
                w[c] *= factor
