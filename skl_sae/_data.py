"""Rows of the data, dense or CSR, in the network's units, tile by tile. X is only read; NaN is a missing value."""

import numpy as np
from scipy import sparse

from ._numba import jit


@jit
def _gather(X, rows, offset, factor, fill, out):
    factor = X.dtype.type(factor)
    for i in range(rows.size):
        x, o = X[rows[i]], out[i]
        for c in range(o.size):
            value = x[c] if x[c] == x[c] else fill[c]
            o[c] = (value - offset[c]) * factor


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
        #: whether any value is missing
        self.missing = not self.sparse and bool(np.isnan(X.min()))

    def __len__(self):
        return self.X.shape[0]

    def take(self, rows, offset, factor, fill, out):
        """Write ``(X[rows] - offset) * factor``, with the feature's `fill` where a value is missing."""
        if self.sparse:
            _gather_csr(self.X.data, self.X.indices, self.X.indptr, rows, offset, factor, out)
        else:
            _gather(self.X, rows, offset, factor, fill, out)

    def tile(self, lo, hi):
        """Rows ``lo..hi`` as a dense array."""
        return self.X[lo:hi].toarray() if self.sparse else self.X[lo:hi]

    def means(self):
        """Mean of the observed values of each feature, in float64, and their number; of none, 0.

        The mean is that of the differences from the first row (where that is missing, from the smallest value), so that
        it is exact for a constant feature.
        """
        count = self._sum_over_rows(lambda x: ~np.isnan(x)) if self.missing else np.full(self.X.shape[1], len(self))
        first = self.tile(0, 1)[0].astype(np.float64)
        if self.missing:
            first = np.nan_to_num(np.where(np.isnan(first), np.fmin.reduce(self.X, axis=0), first))
        mean = first + self._sum_over_rows(lambda x: x - first) / np.maximum(count, 1)
        return mean, count

    def moments(self):
        """Mean and variance of the observed values of each feature, in float64, and their number."""
        mean, count = self.means()
        return mean, self._sum_over_rows(lambda x: (x - mean) ** 2) / np.maximum(count, 1), count

    def _sum_over_rows(self, function):
        n, d = self.X.shape
        step, total = max(1, (1 << 20) // d), np.zeros(d)
        for lo in range(0, n, step):
            terms = function(self.tile(lo, min(n, lo + step)))
            if self.missing:
                terms = np.where(np.isnan(terms), 0, terms)
            total += terms.sum(axis=0)
        return total
