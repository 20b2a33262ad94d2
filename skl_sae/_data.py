"""Rows of the data, dense or CSR, in the network's units, tile by tile. X is only read."""

import numpy as np
from scipy import sparse

from ._numba import jit


@jit
def _gather(X, rows, offset, factor, out):
    factor = X.dtype.type(factor)
    for i in range(rows.size):
        x, o = X[rows[i]], out[i]
        for c in range(o.size):
            o[c] = (x[c] - offset[c]) * factor


@jit
def _gather_csr(data, indices, indptr, rows, offset, factor, out):
    factor = data.dtype.type(factor)
    for i in range(rows.size):
        o = out[i]
        for c in range(o.size):
            o[c] = -offset[c] * factor
        for q in range(indptr[rows[i]], indptr[rows[i] + 1]):
            o[indices[q]] += data[q] * factor


class Rows:
    """Access to the rows of X by number.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_samples, n_features)
        Validated; may be read-only.
    """

    def __init__(self, X):
        self.X = X
        self.sparse = sparse.issparse(X)
        if self.sparse and not X.has_canonical_format:
            self.X = X.copy()
            self.X.sum_duplicates()

    def __len__(self):
        return self.X.shape[0]

    def take(self, rows, offset, factor, out):
        """Write ``(X[rows] - offset) * factor``."""
        if self.sparse:
            _gather_csr(self.X.data, self.X.indices, self.X.indptr, rows, offset, factor, out)
        else:
            _gather(self.X, rows, offset, factor, out)

    def tile(self, lo, hi):
        """Rows ``lo..hi`` as a dense array."""
        return self.X[lo:hi].toarray() if self.sparse else self.X[lo:hi]

    def moments(self):
        """Mean and variance of each feature, in float64, two passes over tiles of rows.

        The mean is that of the differences from the first row, so that a constant feature has exactly no variance.
        """
        n, d = self.X.shape
        step = max(1, (1 << 20) // d)
        mean, variance = np.zeros(d), np.zeros(d)
        first = self.tile(0, 1)[0].astype(np.float64)
        for lo in range(0, n, step):
            mean += (self.tile(lo, min(n, lo + step)) - first).sum(axis=0)
        mean = first + mean / n
        for lo in range(0, n, step):
            variance += ((self.tile(lo, min(n, lo + step)) - mean) ** 2).sum(axis=0)
        return mean, variance / n
