"""Gradients and updates of the code's layer, which the rules have a say in: a block of units at a time.

The gradient of a block lives in scratch memory and is used up by the update while it is in cache, so it never exists
as a whole. Behind hidden layers it does, because it must pass through them before any weight may move.
"""

import numpy as np

from .._kernels.kernel import clear, copy, recording
from .._kernels.memory import Scratch
from .._kernels.norms import normalise_rows, remove_radial
from .._model.codes import DenseCode
from .._model.parameters import Units
from .weights import add_weight_penalty, blocks_of


class CodeLayer:
    """The units of the code under training, in blocks.

    Parameters
    ----------
    network : Network
    encoder : EncoderPass
    penalties : tuple of float
        Weight penalties ``l2 / 2 * ||W||^2 + l1 * |W|_1``.

    Attributes
    ----------
    blocks : list of (int, int)
        Ranges of units.
    units : list of Units
        The parameters of each block.
    scratch : list of Scratch
        Memory for the gradients, with a part for each thread.
    fired : ndarray of bool of shape (n_units,)
        Whether a unit had a value other than zero in the last batch.
    context : StepContext
        Of the step that is run, for hooks that are not recorded.
    """

    def __init__(self, network, encoder, penalties):
        self.network, self.encoder, self.penalties, self.context = network, encoder, penalties, None
        p = network.parameters
        n_units = network.architecture.n_units
        self.blocks = blocks_of(n_units, p.units.encoder.shape[1])
        self.units = [p.units.block(lo, hi) for lo, hi in self.blocks]
        self.fired = np.zeros(n_units, bool)
        # behind hidden layers all gradients must wait
        shared = encoder.depth > 1
        largest = n_units if shared else max(hi - lo for lo, hi in self.blocks)
        room = Scratch(_shapes(p, largest), network.dtype, n_parts=1 if shared else None)
        self.scratch, whole = [] if shared else [room], _gradients(p, room)
        self._gradients = [whole.block(lo, hi) if shared else whole.block(0, hi - lo) for lo, hi in self.blocks]

    def pull(self, batch, block):
        """Let the rules turn gradients of codes, in ``grad``, into those of pre-activations."""
        lo, hi = self.blocks[block]
        network, g, parameters = self.network, self._gradients[block], self.network.parameters
        for name in ("encoder_bias", *parameters.norm_arrays, *parameters.own):
            clear(getattr(g, name))
        adds = False
        for rule, passes in batch.rules:
            codes = [each.whole.block(lo, hi) for each in passes]
            if rule is network.rule:
                codes[0].find_fired(self.fired[lo:hi])
            for each, code in zip(passes, codes, strict=True):
                if not (each.decoding.frozen or network.parameters.unit_names["decoder"] in network.frozen):
                    each.decoder_gradient(batch, code, lo, hi, g.decoder, adds)
                    adds = True
            self._call_hooks(batch, block, rule, codes)
            codes[0].add_sums_of_gradients(g.encoder_bias)
        if self.encoder.norm:
            self._pull_norm(batch, lo, hi, g)

    def _call_hooks(self, batch, block, rule, codes):
        """The rule's say: recorded, if its hooks are, or run in each step."""
        p, g = self.units[block], self._gradients[block]
        for hook, use in ("penalty", _charge), ("backward", _turn):
            if hook == "penalty" and not rule.overrides(hook):
                continue
            cost = batch.costs.new() if hook == "penalty" else None
            if rule.records(hook):
                use(getattr(rule, hook)(codes, p, g, batch.context), codes, cost)
            else:
                names, gradients = list(vars(g)), vars(g).values()
                batch.plan.call(self._run_hook, getattr(rule, hook), use, codes, p, cost, names, *gradients)

    def _run_hook(self, hook, use, codes, p, cost, names, *gradients):
        """Called in a step; the gradients are those of the thread."""
        g = Units(**dict(zip(names, gradients, strict=True)))
        use(hook(codes, p, g, self.context), codes, cost)

    def _pull_norm(self, batch, lo, hi, g):
        """Back through the code layer's batch normalisation: every entry of a unit takes part."""
        delta = self.encoder.norm.delta[: batch.n_rows, lo:hi]
        clear(delta)
        for _, passes in batch.rules:
            passes[0].whole.block(lo, hi).add_gradient(delta)
        self.encoder.pull_norm(batch, self.encoder.depth - 1, lo, hi)
        copy(self.encoder.norm.gradients[-1]["norm_gain"][lo:hi], g.norm_gain)

    def update(self, batch, block):
        """Gradients of the weights of a block, and the update of all its parameters."""
        if self.encoder.depth == 1:
            self.pull(batch, block)
        (lo, hi), network = self.blocks[block], self.network
        p, g, tied = self.units[block], self._gradients[block], network.architecture.tied
        for i, delta in enumerate(self._deltas(batch, lo, hi)):
            self.encoder.correlate(batch, self.encoder.depth - 1, delta, g.encoder, tied or i > 0)
        self.encoder.add_code_gradient(batch, lo, hi, g.encoder)
        add_weight_penalty(p.encoder, g.encoder, *self.penalties, batch.costs.new())
        frozen = [short for short, name in network.parameters.unit_names.items() if name in network.frozen]
        if not (tied or "decoder" in frozen):
            add_weight_penalty(p.decoder, g.decoder, *self.penalties, batch.costs.new())
        if network.unit_norm:
            remove_radial(p.decoder, g.decoder)
        for short, name in network.parameters.unit_names.items():
            if not (tied and short == "decoder") and short not in frozen:
                gradient, width = getattr(g, short), getattr(p, short)[0].size
                batch.move(network.parameters.start[name] + lo * width, gradient)
        if network.unit_norm:
            self._normalise(lo, hi)

    def _normalise(self, lo, hi):
        """Bring the decoder's rows to norm one, but those that are fixed."""
        parameters, restraint, free = self.network.parameters, self.network.restraint, [(0, hi - lo)]
        rows = parameters.units.decoder[lo:hi]
        if restraint is not None:
            start = parameters.start[parameters.unit_names["decoder"]] + lo * rows.shape[1]
            free = restraint.free_rows(start, rows)
        for first, last in free:
            normalise_rows(rows[first:last])

    def _deltas(self, batch, lo, hi):
        """Gradients of the code layer's products, as codes, of the units ``lo..hi``."""
        if self.encoder.norm:
            delta = self.encoder.norm.delta[: batch.n_rows, lo:hi]
            return [DenseCode(delta, grad=delta)]
        return [passes[0].whole.block(lo, hi) for _, passes in batch.rules]


def _charge(value, codes, cost):
    """Note a penalty: a number, or the array of one that a kernel writes."""
    if isinstance(value, np.ndarray):
        copy(value, cost)
    else:
        cost[0] = value


def _turn(delta, codes, cost):
    """Put the gradient of the pre-activations where that of the code was."""
    if delta is None or delta is codes[0].grad:
        return
    if recording() is not None:
        copy(delta, codes[0].grad)
    else:
        codes[0].grad[:] = delta


def _names(parameters):
    """Of the vectors of a unit's gradients."""
    return "encoder_bias", *parameters.norm_arrays, *parameters.own


def _shapes(parameters, n):
    """Of arrays for the gradients of `n` units: encoder, decoder if it has its own, vectors."""
    p, tied = parameters.units, parameters.architecture.tied
    matrices = [(n, p.encoder.shape[1])] + ([] if tied else [(n, p.decoder.shape[1])])
    return matrices + [(1, n)] * len(_names(parameters))


def _gradients(parameters, room):
    """These arrays in the first slot of their memory; tied weights have one for both sides."""
    arrays = room.arrays(0)
    encoder, decoder = arrays[0], arrays[0 if parameters.architecture.tied else 1]
    vectors = [array[0] for array in arrays[-len(_names(parameters)) :]]
    return Units(encoder=encoder, decoder=decoder, **dict(zip(_names(parameters), vectors, strict=True)))
