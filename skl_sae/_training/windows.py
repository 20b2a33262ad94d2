"""Sums over windows of rows, where a batch of the data is too wide to be dense as a whole."""

import numpy as np

from .._kernels.kernel import add, clear, copy


class WindowSums:
    """Gradients next to the data, summed over the windows of a batch, and the window that is read.

    Parameters
    ----------
    network : Network
    frozen : bool
        Whether the weights get no gradient.

    Attributes
    ----------
    weight : ndarray or None
        Gradient of the weights next to the data.
    bias : ndarray of shape (n_features,)
        Gradient of the output's bias.
    first, n_rows : int
        The rows of the window.
    room : UnitCode or None
        Room for the window's entries ordered by unit.
    code : DenseCode or UnitCode
        The window's code.
    """

    def __init__(self, network, frozen):
        self.weight = None if frozen else np.empty(network.parameters["dec0.weight"].shape, network.dtype)
        self.bias = np.empty(network.architecture.n_features, network.dtype)
        self.first, self.n_rows, self.room, self.code = 0, 0, None, None

    def clear(self):
        """Begin a batch."""
        clear(self.bias)
        if self.weight is not None:
            clear(self.weight)

    def open(self, lo, hi):
        """Read rows ``lo..hi`` next."""
        self.first, self.n_rows = lo, hi - lo

    def give_weight(self, lo, hi, out, adds):
        """Write, or add, rows ``lo..hi`` of the weights' gradient."""
        (add if adds else copy)(self.weight[lo:hi], out)
