"""Gradients and updates of all parameters but those of the code's layer, which the rules have a say in.

The passes of the encoder and of the decoder have left what they are made of.
"""

import numpy as np

from .._kernels.kernel import clear
from .._kernels.memory import Scratch
from .weights import add_weight_penalty, blocks_of


class HiddenLayers:
    """The hidden layers, the output's bias, the path past the code, and what else an encoder has.

    Parameters
    ----------
    network : Network
    encoder : EncoderPass
    penalties : tuple of float
        Weight penalties ``l2 / 2 * ||W||^2 + l1 * |W|_1``.

    Attributes
    ----------
    blocks : list of tuple
        Arguments of `update_weights` for all weights.
    scratch : list of Scratch
        Memory for the gradients, with a part for each thread.
    """

    def __init__(self, network, encoder, penalties):
        parameters = network.parameters
        self.parameters, self.encoder, self.penalties = parameters, encoder, penalties
        self.tied = parameters.architecture.tied
        self.vectors, self.blocks, self._room = [], [], {}
        for name, view in parameters.views.items():
            place = name.partition(".")[0]
            side = place.rstrip("0123456789")
            layer = place.removeprefix(side) or 0
            if name in parameters.unit_names.values() or name in network.frozen:
                continue
            if view.ndim == 1:
                self.vectors.append((name, side, int(layer)))
            elif not (self.tied and side == "dec"):
                blocks = blocks_of(*view.shape)
                self.blocks += [(name, side, int(layer), lo, hi) for lo, hi in blocks]
                largest = max(hi - lo for lo, hi in blocks), view.shape[1]
                self._room[name] = Scratch([largest], view.dtype)

    @property
    def scratch(self):
        """Memory for the gradients, with a part for each thread."""
        return list(self._room.values())

    def update_vectors(self, batch):
        """Update all that is not a matrix."""
        for name, side, i in self.vectors:
            batch.move(self.parameters.start[name], self._vector_gradient(batch, name, side, i))

    def _vector_gradient(self, batch, name, side, i):
        if side != "dec":
            return self.encoder.vector_gradient(batch, name)
        gradient = np.empty_like(self.parameters[name])
        clear(gradient)
        for each in batch.teachers:
            each.add_bias_gradient(batch, i, gradient)
        return gradient

    def update_weights(self, batch, name, side, i, lo, hi):
        """Update rows ``lo..hi`` of the weights `name` of layer i."""
        weights, gradient = self.parameters[name][lo:hi], self._weight_gradient(batch, name, side, i, lo, hi)
        add_weight_penalty(weights, gradient, *self.penalties, batch.costs.new())
        batch.move(self.parameters.start[name] + lo * weights.shape[1], gradient)

    def _weight_gradient(self, batch, name, side, i, lo, hi):
        """Gradient of some rows; of tied weights, the sum of both sides."""
        (gradient,), adds = self._room[name].arrays(0), False
        gradient = gradient[: hi - lo]
        if side not in ("dec", "skip"):
            self.encoder.weight_gradient(batch, name, lo, hi, gradient)
            if not self.tied or side != "enc":
                return gradient
            adds = True
        for each in batch.teachers:
            if side == "skip":
                each.skip_gradient(batch, lo, hi, gradient, adds)
            else:
                each.weight_gradient(batch, i, lo, hi, gradient, adds)
            adds = True
        return gradient
