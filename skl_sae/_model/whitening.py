"""Whitening of a sample: directions that many rows share are shortened, so that rows differ in all that they have."""

import numpy as np

from .._kernels.blas import single_threaded_blas

# Directions with more than this share of the variance, and more than so many times the mean, are shortened to that.
SHARE, TIMES = 0.05, 3.0
# Rows that the covariance is taken from, at most. With more features than `WIDE` it is found from the products of rows
# with one another: of so many rows, or so many numbers. With more than `WIDEST` it is not done.
ROWS, WIDE, ROWS_OF_WIDE, SIZE_OF_WIDE, WIDEST = 4096, 1024, 512, 1 << 22, 1 << 15


class Whitening:
    r"""The map :math:`z = x - V (1 - \sqrt{f / \lambda}) V^T x`, with :math:`\lambda > f` and V the large eigenvalues
    of the covariance and their vectors, and the floor f. It is ZCA whitening with a floor, times :math:`\sqrt f`.

    Parameters
    ----------
    load : callable
        ``load(lo, hi)`` returns rows of the sample, about their mean, as a dense array.
    n_rows, width : int
        Shape of the sample.
    """

    def __init__(self, load, n_rows, width):
        self.vectors = self.shrinkage = None
        if width > WIDEST or n_rows < 2:
            return
        with single_threaded_blas():
            values, vectors = _spectrum(load, min(n_rows, ROWS), width)
        floor = max(SHARE, TIMES / width) * values.sum()
        large = values > floor
        if floor > 0 and large.any():
            self.vectors, self.shrinkage = vectors[:, large], 1 - np.sqrt(floor / values[large])

    def __call__(self, x):
        """Whiten rows; returns other ones."""
        if self.vectors is None:
            return x
        with single_threaded_blas():
            vectors = self.vectors.astype(x.dtype)
            return x - ((x @ vectors) * self.shrinkage.astype(x.dtype)) @ vectors.T


def _spectrum(load, n_rows, width):
    """Eigenvalues of the covariance, and their vectors as columns; of those that may be positive."""
    if width > WIDE:
        n_rows = min(n_rows, ROWS_OF_WIDE, SIZE_OF_WIDE // width)
        x = load(0, n_rows).astype(np.float64)
        values, left = np.linalg.eigh(x @ x.T / n_rows)
        positive = values > 1e-10 * values[-1]
        values, left = values[positive], left[:, positive]
        return values, x.T @ left / np.sqrt(values * n_rows)
    covariance = np.zeros((width, width))
    for lo in range(0, n_rows, WIDE):
        x = load(lo, min(n_rows, lo + WIDE)).astype(np.float64)
        covariance += x.T @ x
    return np.linalg.eigh(covariance / n_rows)
