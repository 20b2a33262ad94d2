"""The pass of the auxiliary code, which is to reconstruct what the rule's own code leaves over."""

import numpy as np

from .._kernels.jit import row_of
from .._kernels.kernel import kernel
from .._kernels.memory import empty_rows
from .decoder import DecoderPass


@kernel("T2", "d1", "T2!")
def _scale(x, factor, out):
    factor = out.dtype.type(factor[0])
    for i in range(x.shape[0]):
        a, b = row_of(x, i), row_of(out, i)
        for j in range(a.size):
            b[j] = factor * a[j]


@kernel("T2", "d1!")
def _add_moments(x, sums):
    """Sums of the columns, and last, that of all squares."""
    for i in range(x.shape[0]):
        row, part = row_of(x, i), 0.0
        for j in range(row.size):
            part += row[j] * row[j]
            sums[j] += row[j]
        sums[sums.size - 1] += part


@kernel("d1!", "n", "d1!")
def _find_factor(sums, n_rows, factor):
    """One over the mean square about the mean; the sums begin anew."""
    spread = sums[sums.size - 1]
    for j in range(sums.size - 1):
        spread -= sums[j] * sums[j] / n_rows
    for j in range(sums.size):
        sums[j] = 0
    factor[0] = n_rows / spread if spread > 0 else 0.0


@kernel("T2!", "T2", "T2", "n", "d1", "d1", "d1", "d1!")
def _compare(u, residual, target, masked, weight, share, factor, value):
    """u <- 2 s (u - residual) with s the product of the numbers, zero where a value is missing; value <- the loss."""
    zero, total, scale = u.dtype.type(0), 0.0, weight[0] * share[0] * factor[0]
    slope = u.dtype.type(2 * scale)
    for i in range(u.shape[0]):
        row, want, part = row_of(u, i), row_of(residual, i), zero
        for j in range(row.size):
            error = row[j] - want[j] if masked == 0 or target[i, j] == target[i, j] else zero
            part += error * error
            row[j] = slope * error
        total += part
    value[0] = scale * total


@kernel("d1", "d1!")
def _add_number(value, total):
    total[0] += value[0]


@kernel("d1!", "d1", "d1!")
def _close(total, factor, value):
    value[0], total[0] = factor[0] * total[0], 0.0


class ResidualPass(DecoderPass):
    """A code that is to reconstruct what another one leaves over.

    The residual is minus half the gradient of the loss at the output of the decoder's first layer, for one row of
    weight one: ``x - x_hat`` for a decoder of one layer with linear output and squared error. It takes no gradient.
    The loss is relative to the residual's variance over the batch.

    Attributes
    ----------
    share : ndarray of shape (1,)
        Factor on the loss, to be set before each step.
    """

    def __init__(self, network, example, batch_size, dropout, inputs, window):
        super().__init__(network, example, batch_size, dropout, inputs, window)
        like, n = self.gradients[0], self.gradients[0].shape[1]
        self.residual, self.share = empty_rows(*like.shape, like.dtype), np.ones(1)
        self._sums, self._factor, self._loss = np.zeros(n + 1), np.zeros(1), np.zeros(1)

    def aim(self, batch, first, n_rows):
        """Take the residual of `first`, after it has been read."""
        scale = np.array([-1 / (2 * batch.context.weight * first.prefixes[-1][1])])
        _scale(first.gradients[-1][:n_rows], scale, self.residual[:n_rows])
        _add_moments(self.residual[:n_rows], self._sums)
        if not self.windowed:
            self.find_factor(n_rows)

    def find_factor(self, n_rows):
        """Compare the loss with the variance of the residual."""
        _find_factor(self._sums, n_rows, self._factor)

    @property
    def windowed(self):
        """Whether the residual is as wide as the data and comes in windows."""
        return self.window is not None and self.network.architecture.decoder_depth == 1

    def rescale(self, batch):
        """After all windows: divide what was read by the variance of the residual."""
        self.find_factor(batch.n_rows)
        for array in self.code.rows(0, batch.n_rows).grad, self.window.weight:
            _scale(array, self._factor, array)
        _close(self._loss, self._factor, self._costs(batch).new())

    def _costs(self, batch):
        return batch.auxiliary_costs

    def _origin(self, lo, hi, u):
        return np.zeros_like(u[0])

    def _compare(self, i, weight, lo, hi, u, target, value):
        depth = self.network.architecture.decoder_depth
        residual, masked = self.residual[self._rows(depth - 1, lo, hi)], depth == 1
        weight, factor = np.array([weight]), np.ones(1) if self.windowed else self._factor
        if self.windowed:  # the factor is known after all windows
            value = np.zeros(1)
        _compare(u, residual, target if masked else u, masked, weight, self.share, factor, value)
        if self.windowed:
            _add_number(value, self._loss)
