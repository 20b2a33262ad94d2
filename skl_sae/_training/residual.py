"""The pass of the auxiliary code, which is to reconstruct what the rule's own code leaves over."""

import numpy as np

from .decoder import DecoderPass


class ResidualPass(DecoderPass):
    """A code that is to reconstruct what another one leaves over.

    The residual is minus half the gradient of the loss at the output of the decoder's first layer, for one row of
    weight one: ``x - x_hat`` for a decoder of one layer with linear output and squared error. It takes no gradient.
    The loss is relative to the residual's variance over the batch.
    """

    def aim(self, first, n_rows, row_weight):
        """Take the residual of `first`, after it has been read."""
        self.residual = first.gradients[-1][:n_rows] / (-2 * row_weight * first.prefixes[-1][1])
        if self.windowed:
            self.squares += np.square(self.residual).sum(dtype=np.float64)
            self.sums += self.residual.sum(axis=0)
            self.factor = 1.0
        else:
            spread = np.square(self.residual - self.residual.mean(axis=0)).sum(dtype=np.float64) * row_weight
            self.factor = 1 / float(spread) if spread > 0 else 0.0

    @property
    def windowed(self):
        """Whether the residual is as wide as the data and comes in windows."""
        return self.window is not None and self.network.architecture.decoder_depth == 1

    def begin(self, key, density=1.0):
        """Open a step."""
        super().begin(key, density)
        if self.windowed:
            self.squares, self.sums = 0.0, np.zeros(self.network.architecture.n_features)

    def rescale(self, n_rows, row_weight):
        """After all windows: divide what was read by the variance of the residual; returns the factor."""
        spread = (self.squares - (self.sums**2).sum() / n_rows) * row_weight
        factor = 1 / spread if spread > 0 else 0.0
        self.code.rows(0, n_rows).grad *= self.network.dtype.type(factor)
        self.window.weight *= self.network.dtype.type(factor)
        return factor

    def _origin(self):
        return 0

    def _compare(self, i, weight, lo, hi, u, target):
        u -= self.residual[self._rows(self.network.architecture.decoder_depth - 1, lo, hi)]
        if self.network.architecture.decoder_depth == 1:
            u[np.isnan(target)] = 0
        loss = weight * self.factor * float(np.square(u).sum(dtype=np.float64))
        u *= 2 * weight * self.factor
        return loss
