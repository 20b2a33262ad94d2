"""What is known of the columns of the data."""

import numpy as np
from scipy.sparse import issparse


class Columns:
    """Spread of each column, and whether it is an indicator.

    Parameters
    ----------
    scale : ndarray of shape (n_features,)
        Powers of two that numbers are divided by, so that squares stay in range.
    """

    def __init__(self, scale):
        self._scale, self._offset = scale, None
        self._n, self._sums, self._squares = np.zeros((3, len(scale)))
        self._lowest, self._highest = np.full(len(scale), np.inf), np.full(len(scale), -np.inf)
        self._shares_a_unit = False
        self.indicators = np.ones(len(scale), dtype=bool)

    def add(self, X):
        """Add a block."""
        if issparse(X):
            self._shares_a_unit = True
            self.indicators[X.indices[(X.data != 0) & (X.data != 1)]] = False
            return
        seen = ~np.isnan(X)
        self.indicators &= ((X == 0) | (X == 1) | ~seen).all(axis=0)
        X = X / self._scale
        self._lowest = np.fmin(self._lowest, np.fmin.reduce(X, axis=0))
        self._highest = np.fmax(self._highest, np.fmax.reduce(X, axis=0))
        n = seen.sum(axis=0)
        if self._offset is None:  # squares are summed around the means of the first block
            self._offset = np.nansum(X, axis=0) / np.maximum(n, 1)
        X = np.where(seen, X - self._offset, 0.0)
        self._n += n
        self._sums += X.sum(axis=0, dtype=np.float64)
        self._squares += np.square(X, dtype=np.float64).sum(axis=0)

    def spreads(self):
        """Standard deviations, 0 for a constant column; ones for CSR, or where all columns are constant."""
        n = np.maximum(self._n, 1)
        spreads = np.sqrt(np.maximum(self._squares / n - np.square(self._sums / n), 0.0)) * self._scale
        spreads[self._lowest >= self._highest] = 0.0  # rounding alone would make it a small number
        return np.ones(len(spreads)) if self._shares_a_unit or not spreads.any() else spreads
