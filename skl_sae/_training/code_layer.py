"""Gradients and updates of the code's layer, which the rules have a say in: a block of units at a time.

The gradient of a block lives in scratch memory and is used up by the update while it is in cache, so it never exists
as a whole. Behind hidden layers it does, because it must pass through them before any weight may move.
"""

import numpy as np

from .._kernels.norms import normalise_rows, remove_radial
from .._kernels.thread_count import n_slots
from .._kernels.threads import partition
from .._model.codes import DenseCode
from .._model.parameters import Units
from .weights import BLOCK_SIZE, add_weight_penalty


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
    fired : ndarray of bool of shape (n_units,)
        Whether a unit had a positive value in the last batch.
    """

    def __init__(self, network, encoder, penalties):
        self.network, self.encoder, self.penalties = network, encoder, penalties
        p = network.parameters
        n_units = network.architecture.n_units
        self.blocks = partition(n_units, max(16, BLOCK_SIZE // p.units.encoder.shape[1]))
        self.units = [p.units.block(lo, hi) for lo, hi in self.blocks]
        self.fired = np.zeros(n_units, bool)
        if encoder.depth > 1:
            whole = _empty_gradients(p, n_units)
            self._gradients = [[whole.block(lo, hi) for lo, hi in self.blocks]] * n_slots()
        else:
            largest = [_empty_gradients(p, max(hi - lo for lo, hi in self.blocks)) for _ in range(n_slots())]
            self._gradients = [[each.block(0, hi - lo) for lo, hi in self.blocks] for each in largest]

    def pull(self, batch, block, slot):
        """Let the rules turn gradients of codes, in ``grad``, into those of pre-activations; returns the penalties."""
        lo, hi = self.blocks[block]
        p, g = self.units[block], self._gradients[slot][block]
        parameters = self.network.parameters
        for name in ("encoder_bias", *parameters.norm_arrays, *parameters.own):
            getattr(g, name)[:] = 0
        value, add = 0.0, False
        for rule, passes in batch.rules:
            codes = [each.whole.block(lo, hi) for each in passes]
            if rule is self.network.rule:
                self.fired[lo:hi] = codes[0].fired()
            for each, code in zip(passes, codes, strict=True):
                if not each.decoding.frozen:
                    each.decoder_gradient(batch, code, lo, hi, g.decoder, add)
                    add = True
            if rule.overrides("penalty"):
                value += rule.penalty(codes, p, g, batch.context)
            delta = rule.backward(codes, p, g, batch.context)
            if delta is not codes[0].grad:
                codes[0].grad[:] = delta
            g.encoder_bias += codes[0].by_unit(codes[0].grad)
        if self.encoder.norm:
            self._pull_norm(batch, lo, hi, g)
        return value

    def _pull_norm(self, batch, lo, hi, g):
        """Back through the code layer's batch normalisation: every entry of a unit takes part."""
        delta = self.encoder.norm.delta[: batch.n_rows, lo:hi]
        delta[:] = 0
        for _, passes in batch.rules:
            code = passes[0].whole.block(lo, hi)
            code.scatter(code.grad, delta)
        g.norm_gain[:], _ = self.encoder.pull_norm(batch, self.encoder.depth - 1, lo, hi)

    def update(self, batch, block, slot):
        """Gradients of the weights of a block, and the update of all its parameters; returns the penalties."""
        value = 0.0 if self.encoder.depth > 1 else self.pull(batch, block, slot)
        (lo, hi), network = self.blocks[block], self.network
        p, g, tied = self.units[block], self._gradients[slot][block], network.architecture.tied
        for i, delta in enumerate(self._deltas(batch, lo, hi)):
            self.encoder.correlate(batch, self.encoder.depth - 1, delta, g.encoder, tied or i > 0)
        value += add_weight_penalty(p.encoder, g.encoder, *self.penalties)
        if not tied:
            value += add_weight_penalty(p.decoder, g.decoder, *self.penalties)
        if network.unit_norm:
            remove_radial(p.decoder, g.decoder)
        for short, name in network.parameters.unit_names.items():
            if not (tied and short == "decoder"):
                gradient = getattr(g, short)
                start = network.parameters.start[name] + lo * (gradient.size // (hi - lo))
                batch.update(start, gradient.reshape(-1))
        if network.unit_norm:
            normalise_rows(p.decoder)
        return value

    def _deltas(self, batch, lo, hi):
        """Gradients of the code layer's products, as codes, of the units ``lo..hi``."""
        if self.encoder.norm:
            delta = self.encoder.norm.delta[: batch.n_rows, lo:hi]
            return [DenseCode(delta, grad=delta)]
        return [passes[0].whole.block(lo, hi) for _, passes in batch.rules]


def _empty_gradients(parameters, n):
    """Arrays for the gradients of `n` units; tied weights have one for both sides."""
    units, dtype = parameters.units, parameters.theta.dtype
    encoder = np.empty((n, units.encoder.shape[1]), dtype)
    decoder = encoder if parameters.architecture.tied else np.empty((n, units.decoder.shape[1]), dtype)
    vectors = {name: np.empty(n, dtype) for name in ("encoder_bias", *parameters.norm_arrays, *parameters.own)}
    return Units(encoder=encoder, decoder=decoder, **vectors)
