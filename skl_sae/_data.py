"""Rows of the data, dense or CSR, in the network's units, tile by tile. X is only read; NaN is a missing value."""

from functools import cached_property

import numpy as np
from scipy import sparse
from sklearn.utils import assert_all_finite

from ._numba import jit
from ._parallel import partition, run

# Blocks of rows whose sums are taken at once, and numbers that a block makes dense at a time.
SUM_BLOCKS, SUM_TILE = 8, 1 << 18


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


@jit
def _add_differences(X, shift, squared, sums, count):
    for i in range(X.shape[0]):
        x = X[i]
        for c in range(x.size):
            seen = x[c] == x[c]
            difference = x[c] - shift[c] if seen else 0.0
            sums[c] += difference * difference if squared else difference
            count[c] += 1 if seen else 0


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

    @cached_property
    def missing(self):
        """Whether any value is missing."""
        return not self.sparse and bool((self.means()[1] < len(self)).any())

    def assert_no_infinity(self, estimator_name):
        """Raise scikit-learn's error if a value is infinite."""
        if not np.isfinite(self.means()[0]).all():
            assert_all_finite(self.X, allow_nan=True, input_name="X", estimator_name=estimator_name)

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
        return self._means

    @cached_property
    def _means(self):
        first = self.tile(0, 1)[0].astype(np.float64)
        if np.isnan(first).any():
            first = np.nan_to_num(np.where(np.isnan(first), np.fmin.reduce(self.X, axis=0), first))
        sums, count = self._sum(first, squared=False)
        return first + sums / np.maximum(count, 1), count

    def moments(self):
        """Mean and variance of the observed values of each feature, in float64, and their number."""
        mean, count = self.means()
        return mean, self._sum(mean, squared=True)[0] / np.maximum(count, 1), count

    def _sum(self, shift, squared):
        """Sums over all rows of the differences from `shift`, or of their squares, and their number, by feature.

        They are the same for any number of threads.
        """
        n, d = self.X.shape
        blocks, step = partition(n, max(1, n / SUM_BLOCKS)), max(1, SUM_TILE // d)
        sums, count = np.zeros((len(blocks), d)), np.zeros((len(blocks), d), np.int64)

        def add(block, slot):
            lo, hi = blocks[block]
            for first in range(lo, hi, step):
                _add_differences(self.tile(first, min(hi, first + step)), shift, squared, sums[block], count[block])

        run(add, len(blocks), inline=n * d < SUM_TILE)
        return sums.sum(axis=0), count.sum(axis=0)
