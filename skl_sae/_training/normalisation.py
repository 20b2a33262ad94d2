"""What batch normalisation keeps of a batch on the way forward, because the way back needs it."""

import numpy as np

from .._kernels.memory import empty_rows
from .._kernels.threads import partition
from .._model import batch_norm

# Units that are normalised as one block.
BLOCK_UNITS = 64


class Normalisation:
    """Arrays for the encoder's layers, for batches of up to `batch_size` rows.

    Parameters
    ----------
    parameters : Parameters
    batch_size : int

    Attributes
    ----------
    pre, delta : ndarray of shape (batch_size, n_units)
        Pre-activations of the code, and their gradient; `pre` may be replaced by an array that has room for them.
    blocks : list of list of (int, int)
        Of each layer, ranges of units that are normalised at once.
    gradients : list of dict
        Of each layer, the gradients of its vectors by name; those of the running statistics stay zero.
    """

    def __init__(self, parameters, batch_size):
        self.parameters = parameters
        widths, dtype = parameters.architecture.encoder_sizes[1:], parameters.theta.dtype
        self.pre, self.delta = (empty_rows(batch_size, widths[-1], dtype) for _ in range(2))
        self.standardised = [empty_rows(batch_size, n, dtype) for n in widths]
        self.inverse = [np.empty(n, dtype) for n in widths]
        names = ("bias", *parameters.norm_arrays)
        self.gradients = [{name: np.zeros(n, dtype) for name in names} for n in widths]
        self.blocks = [partition(n, BLOCK_UNITS) for n in widths]

    def _arrays(self, i, units):
        names = "norm_gain", "bias", "norm_mean", "norm_variance"
        return [self.parameters[f"enc{i}.{name}"][units] for name in names]

    def forward(self, i, a, at):
        """Turn products of layer i, of the rows and units `at`, into pre-activations, in place."""
        batch_norm.forward(a, self.standardised[i][at], *self._arrays(i, at[1]), self.inverse[i][at[1]])

    def backward(self, i, delta, at):
        """Turn the gradient of pre-activations into that of products, in place; those of gain and bias are kept."""
        units = at[1]
        gain, sums = self._arrays(i, units)[0], [self.gradients[i][name][units] for name in ("norm_gain", "bias")]
        batch_norm.backward(delta, self.standardised[i][at], self.inverse[i][units], gain, *sums)
