"""Gradients and updates of all parameters but those of the code's layer, which the rules have a say in.

They are taken from what the encoder and the passes of the codes have left behind.
"""

import numpy as np

from .._kernels.threads import partition
from .._model.codes import DenseCode
from .weights import add_weight_penalty


class HiddenLayers:
    """The hidden layers and the output's bias, in a batch.

    Parameters
    ----------
    parameters : Parameters
    encoder : EncoderPass
    l2, l1 : float
        Weight penalties.
    block_size : int
        Entries of a weight matrix that are updated at once.

    Attributes
    ----------
    blocks : list of tuple
        Arguments of `update_weights` for all weights.
    """

    def __init__(self, parameters, encoder, l2, l1, block_size):
        self.parameters, self.encoder, self.penalties = parameters, encoder, (l2, l1)
        self.vectors, self.blocks = [], []
        for name, view in parameters.views.items():
            side, layer, array = name[:3], name[3 : name.index(".")], name[name.index(".") + 1 :]
            if name in parameters.unit_names.values():
                continue
            if view.ndim == 1:
                self.vectors.append((name, side, int(layer), array))
            elif not (parameters.tied and side == "dec"):
                blocks = partition(len(view), max(16, block_size // view.shape[1]))
                self.blocks += [(name, side, int(layer), lo, hi) for lo, hi in blocks]

    def begin(self, passes, n_rows, update):
        """Open a step.

        Parameters
        ----------
        passes : list of DecoderPass
            Of all codes.
        n_rows : int
        update : callable
            See `TrainingStep`.
        """
        # the codes that reconstruct the input and teach the decoder
        self.passes = [r for r in passes if r.decoding.target == "input" and not r.decoding.frozen]
        self.n_rows, self.update = n_rows, update

    def update_vectors(self):
        """Update all that is not a matrix."""
        for name, side, i, array in self.vectors:
            self.update(self.parameters.start[name], self._vector_gradient(side, i, array))

    def _vector_gradient(self, side, i, array):
        if side == "enc":
            return self.encoder.vector_gradient(i, array, self.n_rows)
        return sum(reader.bias_gradient(i) for reader in self.passes)

    def update_weights(self, name, side, i, lo, hi):
        """Update rows ``lo..hi`` of the weights `name` of layer i; returns their penalty."""
        weights, gradient = self.parameters[name][lo:hi], self._weight_gradient(name, side, i, lo, hi)
        value = add_weight_penalty(weights, gradient, *self.penalties)
        self.update(self.parameters.start[name] + lo * weights.shape[1], gradient.reshape(-1))
        return value

    def _weight_gradient(self, name, side, i, lo, hi):
        """Gradient of some rows; of tied weights, the sum of both sides."""
        n, add = self.n_rows, False
        gradient = np.empty_like(self.parameters[name][lo:hi])
        if side == "enc":
            delta = self.encoder.gradients[i][:n, lo:hi]
            self.encoder.correlate(i, DenseCode(delta, grad=delta), n, gradient)
            if not self.parameters.tied:
                return gradient
            add = True
        for reader in self.passes:
            reader.weight_gradient(i, lo, hi, gradient, add)
            add = True
        return gradient
