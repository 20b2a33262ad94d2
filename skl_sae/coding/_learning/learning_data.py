"""Data as dictionary learning reads it: zeros where values are missing, and numbers whose squares are safe."""

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array, issparse

# Data is scaled where its largest number is beyond two to the power of this, or below two to minus it.
SAFE_EXPONENT = 20


class LearningData(NamedTuple):
    """Rows of the data times two to the power of minus `exponent`.

    Parameters
    ----------
    X : {ndarray, CSR array} of shape (n_samples, n_features)
        Zero where a value is missing.
    observed : ndarray of bool of shape (n_samples, n_features) or None
        None where no value is missing.
    exponent : int
    floor : float
        Squared norm of a residual that may be rounding.
    """

    X: object
    observed: object
    exponent: int
    floor: float

    @property
    def shape(self):
        return self.X.shape

    def take(self, rows):
        """Some rows, in memory."""
        observed = None if self.observed is None else self.observed[rows]
        if observed is not None and observed.all():
            observed = None
        part = self.X[rows]
        return self._replace(X=part if issparse(part) else np.ascontiguousarray(part), observed=observed)

    def in_its_unit(self, loss):
        """A loss, in squares of the unit that the data had; infinite or 0 where numbers cannot express it."""
        with np.errstate(over="ignore", under="ignore"):
            return float(np.ldexp(loss, 2 * self.exponent))


def learning_data(X, exponent=None):
    """Take data that was validated, of type float32 or float64; it is not changed, and copied only where it must be.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        NaN where a value is missing.
    exponent : int, optional
        That of data that came before.
    """
    observed = None
    if issparse(X):
        X = csr_array(X)
    else:
        with np.errstate(over="ignore", invalid="ignore"):
            complete = np.isfinite(X.sum(dtype=np.float64)) or not np.isnan(X).any()
        if not complete:
            observed = ~np.isnan(X)
            X = np.where(observed, X, X.dtype.type(0))
    numbers = X.data if issparse(X) else X
    largest = max(float(numbers.max(initial=0)), -float(numbers.min(initial=0)))
    needed = int(np.frexp(largest)[1])
    needed = 0 if abs(needed) <= SAFE_EXPONENT or largest == 0 else needed
    if exponent is None or needed > exponent + SAFE_EXPONENT:
        exponent = needed
    if exponent:
        if issparse(X):
            X = X.copy()
            X.data = np.ldexp(X.data, -exponent)
        else:
            X = np.ldexp(X, -exponent)
    rounding = 4 * np.finfo(X.dtype).eps * np.ldexp(largest, -exponent)
    return LearningData(X, observed, exponent, X.shape[1] * rounding**2)
