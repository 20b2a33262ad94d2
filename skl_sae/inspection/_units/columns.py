"""What is known of the columns of the data."""

import numpy as np
from scipy.sparse import issparse


class Columns:
    """Spread of each column, and whether it is an indicator.

    Parameters
    ----------
    offset : ndarray of shape (n_features,)
        Subtracted before squares are summed; best near the means.
    scale : float
        Numbers are divided by it, so that squares stay in range.
    """

    def __init__(self, offset, scale):
        self._offset, self._scale = offset / scale, scale
        self._n, self._sums, self._squares = np.zeros((3, len(offset)))
        self._shares_a_unit = False
        self.indicators = np.ones(len(offset), dtype=bool)

    def add(self, X):
        """Add a block."""
        if issparse(X):
            self._shares_a_unit = True
            self.indicators[X.indices[(X.data != 0) & (X.data != 1)]] = False
            return
        seen = ~np.isnan(X)
        self.indicators &= ((X == 0) | (X == 1) | ~seen).all(axis=0)
        X = np.where(seen, X / self._scale - self._offset, 0.0)
        self._n += seen.sum(axis=0)
        self._sums += X.sum(axis=0, dtype=np.float64)
        self._squares += np.square(X, dtype=np.float64).sum(axis=0)

    def spreads(self):
        """Standard deviations, 0 for a constant column; ones for CSR, or where all columns are constant."""
        n = np.maximum(self._n, 1)
        spreads = np.sqrt(np.maximum(self._squares / n - np.square(self._sums / n), 0.0)) * self._scale
        return np.ones(len(spreads)) if self._shares_a_unit or not spreads.any() else spreads
