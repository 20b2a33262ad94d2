"""The encoder under training: from the input to the units' pre-activations, and back through the hidden layers.

Without batch normalisation a tile of rows passes all layers at once. With it, the rows of a batch are coupled: each
layer is a pass over tiles of rows and one over blocks of units.
"""

import numpy as np

from .._kernels.kernel import clear, copy
from .._kernels.memory import empty_rows
from .._kernels.noise import drop
from .._kernels.products import multiply, multiply_t
from .._kernels.reductions import sum_columns
from .._model.activations import ACTIVATIONS
from .._model.codes import DenseCode
from .normalisation import Normalisation


class EncoderPass:
    """Workspace of the encoder, for batches of up to `batch_size` rows.

    A `TrainingStep` is given one. Another class can take its place: the step uses the attributes below, `batch_size`,
    `window`, and the public methods, in which `batch` is the step's `Batch`. They are called while a plan is recorded:
    what they do with arrays is to call kernels, or else it goes through ``batch.plan.call``.

    Parameters
    ----------
    network : Network
    batch_size : int
    dropout : float
        Probability that the value of a hidden unit is dropped.
    window : int, optional
        Rows of the data's own array, where it need not hold a batch because the products read `Batch.sparse`.

    Attributes
    ----------
    depth : int
        Number of layers, that of the code included. With one, nothing has to wait for gradients to pass back.
    inputs : list of ndarray of shape (batch_size, fan_in)
        What each layer reads; the first is the data, to be filled by the step.
    values, gradients : list of ndarray of shape (batch_size, width)
        Values of the hidden layers, and the gradients of their pre-activations; before `pull`, the last one's is that
        of its values.
    norm : Normalisation or None
        What batch normalisation needs.
    """

    def __init__(self, network, batch_size, dropout=0.0, window=None):
        self.parameters, self.dropout, self.batch_size, self.window = network.parameters, dropout, batch_size, window
        self.activation = ACTIVATIONS[network.architecture.hidden_activation]
        widths, dtype = network.architecture.encoder_sizes, network.dtype

        def allocate(widths):
            return [empty_rows(batch_size, n, dtype) for n in widths]

        self.depth = len(widths) - 1
        self.values, self.gradients = allocate(widths[1:-1]), allocate(widths[1:-1])
        data = empty_rows(window or batch_size, widths[0], dtype)
        self.inputs = [data, *(allocate(widths[1:-1]) if dropout else self.values)]
        self.norm = Normalisation(network.parameters, batch_size) if network.architecture.batch_norm else None

    # tiles of rows

    def forward(self, batch, lo, hi, out):
        """Pre-activations of the units of rows ``lo..hi``, in `out`."""
        for i in range(self.depth):
            a = self.product(batch, i, lo, hi, out, self.parameters[f"enc{i}.bias"])
            if i < self.depth - 1:
                self._activate(batch, i, np.s_[lo:hi], lo, 0)
        return a

    def product(self, batch, i, lo, hi, out, bias=None):
        """``x @ W.T + bias`` of rows ``lo..hi`` at layer i, in its own place or, of the code layer, in `out`."""
        if i < self.depth - 1:
            out = self.values[i][lo:hi]
        weights = self.parameters[f"enc{i}.weight"]
        if i == 0 and batch.sparse is not None:
            bias = np.zeros_like(weights[:, 0]) if bias is None else bias
            return batch.sparse.multiply_t(weights, bias, lo, hi, out)
        return multiply_t(self.inputs[i][lo:hi], weights, out, bias)

    def correlate(self, batch, i, code, out, add=False):
        """Write, or add, the gradient of weights of layer i, from that of its products: a code of a block of units."""
        if i == 0 and batch.sparse is not None:
            batch.sparse.correlate(code, out, add)
        else:
            code.correlate("grad", self.inputs[i][: batch.n_rows], out, add)

    def _activate(self, batch, i, at, row, unit):
        self.activation.forward(self.values[i][at])
        if self.dropout:
            kept = self.inputs[i + 1][at]
            copy(self.values[i][at], kept)
            drop(kept, batch.context.key, i, row, unit, self.dropout)

    def pull_code(self, batch, lo, hi, deltas):
        """Gradient of rows ``lo..hi`` at the last hidden layer, from those of the pre-activations, as codes."""
        dh, units = self.gradients[-1][lo:hi], self.parameters.units.encoder
        clear(dh)
        for delta in deltas:
            delta.decode(units, 0, len(units), dh)

    def pull(self, batch, i, lo, hi):
        """Gradient of rows ``lo..hi`` at hidden layer i, from that of the layer above, back through the activation."""
        dh = self.gradients[i][lo:hi]
        if i < self.depth - 2:
            multiply(self.gradients[i + 1][lo:hi], self.parameters[f"enc{i + 1}.weight"], dh)
        if self.dropout:
            drop(dh, batch.context.key, i, lo, 0, self.dropout)
        self.activation.backward(self.values[i][lo:hi], dh)

    # blocks of units, with batch normalisation

    def normalise(self, batch, i, lo, hi):
        """Units ``lo..hi`` of layer i, from products to pre-activations, of hidden layers to values."""
        at, hidden = np.s_[: batch.n_rows, lo:hi], i < self.depth - 1
        self.norm.forward(i, (self.values[i] if hidden else self.norm.pre)[at], at)
        if hidden:
            self._activate(batch, i, at, 0, lo)

    def pull_norm(self, batch, i, lo, hi):
        """Back from pre-activations to products; the gradients of gain and bias are left in ``norm.gradients``."""
        at = np.s_[: batch.n_rows, lo:hi]
        self.norm.backward(i, (self.gradients[i] if i < self.depth - 1 else self.norm.delta)[at], at)

    # gradients of what is not the code layer's

    def vector_gradient(self, batch, name):
        """Gradient of a hidden layer's bias, or of an array of its batch normalisation."""
        i, array = _place(name)
        return self.norm.gradients[i][array] if self.norm else sum_columns(self.gradients[i][: batch.n_rows])

    def weight_gradient(self, batch, name, lo, hi, out):
        """Write the gradient of rows ``lo..hi`` of a hidden layer's weights."""
        i, _ = _place(name)
        delta = self.gradients[i][: batch.n_rows, lo:hi]
        self.correlate(batch, i, DenseCode(delta, grad=delta), out)

    def add_code_gradient(self, batch, lo, hi, gradient):
        """Add what other layers that share the weights of the units ``lo..hi`` of the code have to their gradient."""


def _place(name):
    """Layer and array of a parameter of the encoder."""
    layer, _, array = name.removeprefix("enc").partition(".")
    return int(layer), array
