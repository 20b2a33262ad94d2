"""The encoder under training: from the input to the units' pre-activations, and back through the hidden layers.

Without batch normalisation a tile of rows passes all layers at once. With it, the rows of a batch are coupled: each
layer is a pass over tiles of rows and one over blocks of units.
"""

import numpy as np

from .._kernels.noise import drop, layer_key
from .._kernels.products import multiply, multiply_t
from .._kernels.reductions import sum_columns
from .._kernels.threads import partition
from .._model import batch_norm
from .._model.activations import ACTIVATIONS

# Units that are normalised as one block.
NORM_UNITS = 64


class EncoderPass:
    """Workspace of the encoder, for batches of up to `batch_size` rows.

    Parameters
    ----------
    network : Network
    batch_size : int
    dropout : float
        Probability that the value of a hidden unit is dropped.
    window : int, optional
        Rows of the data's own array, where it need not hold a batch because the products read `sparse`.

    Attributes
    ----------
    inputs : list of ndarray of shape (batch_size, fan_in)
        What each layer reads; the first is the data, to be filled by the caller.
    sparse : SparseRows or None
        The data once more, for the first layer's products, where they are faster so.
    gradients : list of ndarray of shape (batch_size, width)
        Of the pre-activations of the hidden layers; before `pull`, the last one's is of its values.
    """

    def __init__(self, network, batch_size, dropout=0.0, window=None):
        self.parameters, self.dropout, self.batch_size = network.parameters, dropout, batch_size
        self.activation = ACTIVATIONS[network.hidden_activation]
        widths, dtype = self.parameters.encoder_sizes, network.dtype

        def allocate(widths):
            return [np.empty((batch_size, n), dtype) for n in widths]

        self.depth = len(widths) - 1
        self.values, self.gradients = allocate(widths[1:-1]), allocate(widths[1:-1])
        data = np.empty((window or batch_size, widths[0]), dtype)
        self.inputs = [data, *(allocate(widths[1:-1]) if dropout else self.values)]
        self.key, self.sparse = 0, None
        self.norm = self.parameters.batch_norm
        if self.norm:
            self.pre = self.delta = None
            self.standardised = allocate(widths[1:])
            self.inverse = [np.empty(n, dtype) for n in widths[1:]]
            names = ("bias", *self.parameters.norm_arrays)  # state among them keeps a gradient of zero
            self.norm_gradients = [{name: np.zeros(n, dtype) for name in names} for n in widths[1:-1]]
            self.norm_blocks = [partition(n, NORM_UNITS) for n in widths[1:]]

    def allocate_code(self, pre):
        """Room for the pre-activations of a whole batch, `pre` if that is an array, and for their gradient."""
        shape = self.batch_size, self.parameters.n_units
        self.pre = np.empty(shape, self.inputs[0].dtype) if pre is None else pre
        self.delta = np.empty(shape, self.inputs[0].dtype)

    # tiles of rows

    def forward(self, lo, hi, out):
        """Pre-activations of the units of rows ``lo..hi``, in `out`."""
        for i in range(self.depth):
            a = self.product(i, lo, hi, out, self.parameters[f"enc{i}.bias"])
            if i < self.depth - 1:
                self._activate(i, np.s_[lo:hi], lo, 0)
        return a

    def product(self, i, lo, hi, out, bias=None):
        """``x @ W.T + bias`` of rows ``lo..hi`` at layer i, in its own place or, of the code layer, in `out`."""
        if i < self.depth - 1:
            out = self.values[i][lo:hi]
        weights = self.parameters[f"enc{i}.weight"]
        if i == 0 and self.sparse is not None:
            bias = np.zeros_like(weights[:, 0]) if bias is None else bias
            return self.sparse.multiply_t(weights, bias, lo, hi, out)
        return multiply_t(self.inputs[i][lo:hi], weights, out, bias)

    def correlate(self, i, code, n_rows, out, add=False):
        """Write, or add, the gradient of weights of layer i, from that of its products: a code of a block of units."""
        if i == 0 and self.sparse is not None:
            self.sparse.correlate(code, out, add)
        else:
            code.correlate(code.grad, self.inputs[i][:n_rows], out, add)

    def _activate(self, i, at, row, unit):
        self.activation.forward(self.values[i][at])
        if self.dropout:
            kept = self.inputs[i + 1][at]
            kept[:] = self.values[i][at]
            drop(kept, layer_key(self.key, i), row, unit, self.dropout)

    def pull(self, i, lo, hi):
        """Gradient of rows ``lo..hi`` at hidden layer i, from that of the layer above, back through the activation."""
        dh = self.gradients[i][lo:hi]
        if i < self.depth - 2:
            multiply(self.gradients[i + 1][lo:hi], self.parameters[f"enc{i + 1}.weight"], dh)
        if self.dropout:
            drop(dh, layer_key(self.key, i), lo, 0, self.dropout)
        self.activation.backward(self.values[i][lo:hi], dh)

    # blocks of units, with batch normalisation

    def _arrays(self, i, lo, hi):
        p = self.parameters
        return [p[f"enc{i}.{name}"][lo:hi] for name in ("norm_gain", "bias", "norm_mean", "norm_variance")]

    def normalise(self, i, lo, hi, n_rows):
        """Units ``lo..hi`` of layer i, from products to pre-activations, of hidden layers to values."""
        at, hidden = np.s_[:n_rows, lo:hi], i < self.depth - 1
        a = (self.values[i] if hidden else self.pre)[at]
        self.inverse[i][lo:hi] = batch_norm.forward(a, self.standardised[i][at], *self._arrays(i, lo, hi))
        if hidden:
            self._activate(i, at, 0, lo)

    def pull_norm(self, i, lo, hi, n_rows):
        """Back from pre-activations to products; returns the gradients of gain and bias."""
        at = np.s_[:n_rows, lo:hi]
        delta = (self.gradients[i] if i < self.depth - 1 else self.delta)[at]
        gain = self._arrays(i, lo, hi)[0]
        return batch_norm.backward(delta, self.standardised[i][at], self.inverse[i][lo:hi], gain)

    def pull_hidden_norm(self, i, lo, hi, n_rows):
        """The same of a hidden layer, whose gradients are kept for `vector_gradient`."""
        kept = self.norm_gradients[i]
        kept["norm_gain"][lo:hi], kept["bias"][lo:hi] = self.pull_norm(i, lo, hi, n_rows)

    def vector_gradient(self, i, name, n_rows):
        """Gradient of a hidden layer's bias, or of an array of its batch normalisation."""
        return self.norm_gradients[i][name] if self.norm else sum_columns(self.gradients[i][:n_rows])
