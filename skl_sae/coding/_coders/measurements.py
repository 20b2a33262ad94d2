"""A measurement matrix in coordinates where its rows are orthonormal.

With the singular value decomposition ``A = U S W`` the equation ``A x = y`` is ``W x = b`` for ``b = U.T y / S``, if y
lies in the range of A, and ``||A x - y|| <= noise`` is ``||S (W x - b)|| <= radius``, where the part of y outside of
the range has taken its share of the noise. Projections on either set need no factorisation.
"""

from typing import NamedTuple

import numpy as np
from scipy.linalg import svd

from ..._kernels.products import multiply_rows_t

# Part of a measurement that may lie outside of the range of the matrix: rounding in a sum of many terms.
ROUNDING = {"float64": 1e-9, "float32": 1e-4}


class Targets(NamedTuple):
    """Rows of measurements in the coordinates of a `Measurements`, each multiplied by a power of two.

    Parameters
    ----------
    b : ndarray of shape (n_signals, rank), float64
    radius : ndarray of shape (n_signals,)
        Of the noise ball, in float64; zeros mean equality.
    exponent : ndarray of shape (n_signals,)
        What solutions are multiplied with: two to this power.
    needed : ndarray of shape (n_signals,)
        The least noise with which some signal has these measurements, 0 where the noise given is enough.
    """

    b: np.ndarray
    radius: np.ndarray
    exponent: np.ndarray
    needed: np.ndarray


class Measurements:
    """Singular value decomposition of a matrix of shape (n_measurements, n_features), without null directions.

    Parameters
    ----------
    matrix : ndarray of float32 or float64
    """

    def __init__(self, matrix):
        self.dtype, self.shape = matrix.dtype, matrix.shape
        exact = np.asarray(matrix, dtype=np.float64)
        self._exponent = int(np.frexp(np.abs(exact).max(initial=0.0))[1])
        left, weights, rows = svd(np.ldexp(exact, -self._exponent), full_matrices=False)
        least = weights.max(initial=0.0) * max(self.shape) * np.finfo(self.dtype).eps
        rank = int(np.count_nonzero(weights > least))
        rows[:, ~exact.any(axis=0)] = 0  # rounding would let a column of zeros explain something
        self.weights = weights[:rank]
        self.exact_rows = np.ascontiguousarray(rows[:rank])
        self.rows = self.exact_rows.astype(self.dtype, copy=False)
        self.columns = np.ascontiguousarray(self.rows.T)
        self._left = np.ascontiguousarray(left[:, :rank])
        self._zeros = np.zeros(max(self.shape))

    @property
    def rank(self):
        return self.weights.size

    def targets(self, y, noise):
        """Measurements in these coordinates.

        Parameters
        ----------
        y : ndarray of shape (n_signals, n_measurements)
        noise : float or ndarray of shape (n_signals,)

        Returns
        -------
        Targets
        """
        y = np.asarray(y, dtype=np.float64)
        size = np.abs(y).max(axis=1, initial=0.0)
        exponent = np.frexp(size)[1]
        y = np.ldexp(y, -exponent[:, None])
        with np.errstate(over="ignore"):
            noise = np.ldexp(np.broadcast_to(np.asarray(noise, dtype=np.float64), len(y)), -exponent)
        noise = np.minimum(noise, 2 * np.linalg.norm(y, axis=1))  # with more than once the norm, x is zero
        inside = multiply_rows_t(y, np.ascontiguousarray(self._left.T), self._zeros[: self.rank])
        rest = np.zeros(len(y))
        if self.rank < self.shape[0]:
            rest = np.linalg.norm(y - multiply_rows_t(inside, self._left, self._zeros[: self.shape[0]]), axis=1)
            rest[rest <= ROUNDING[self.dtype.name] * np.linalg.norm(y, axis=1)] = 0
        needed = np.where(rest > noise, np.ldexp(rest, exponent), 0)
        radius = np.sqrt(np.maximum(noise - rest, 0) * (noise + rest))
        radius[noise == 0] = 0
        return Targets(inside / self.weights, radius, exponent - self._exponent, needed)

    def measure(self, x):
        """``x @ rows.T``; each row has the same bits whatever rows are beside it."""
        return multiply_rows_t(x, self.rows, self._zeros[: self.rank].astype(self.dtype))

    def back(self, c):
        """``c @ rows``, likewise."""
        return multiply_rows_t(c, self.columns, self._zeros[: self.shape[1]].astype(self.dtype))
