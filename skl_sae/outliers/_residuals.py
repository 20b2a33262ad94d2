"""What a fitted estimator leaves of each value, in comparison with what it usually leaves."""

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import gen_batches

from .._model.rows import Rows
from .._model.units import find_units, have_own_units

# Numbers of data and of reconstructions that are held at a time.
BLOCK_ENTRIES = 1 << 20
# A squared error is at most this, so that sums of many are finite.
LARGEST = 1e300


def reconstruct(estimator, X):
    """What the estimator expects in the place of X: its own reconstruction, or the decoded codes; dense."""
    if hasattr(estimator, "reconstruct"):
        return estimator.reconstruct(X)
    expected = estimator.inverse_transform(estimator.transform(X))
    return expected.toarray() if issparse(expected) else np.asarray(expected)


class Residuals:
    """A fitted estimator, and the unit in which an error of each column is measured.

    Parameters
    ----------
    estimator : estimator
        Fitted on the rows.
    X : {ndarray, CSR} of shape (n_samples, n_features)
        The rows.
    """

    def __init__(self, estimator, X):
        self.estimator = estimator
        self.units = _units(X)

    def blocks(self, X):
        """Yield slices of the rows, with what is observed and what is expected there, in float64."""
        for rows in gen_batches(X.shape[0], max(1, BLOCK_ENTRIES // X.shape[1])):
            block = X[rows]
            observed = (block.toarray() if issparse(block) else block).astype(np.float64)
            yield rows, observed, reconstruct(self.estimator, block).astype(np.float64)

    def errors(self, observed, expected):
        """Squared errors of a block in units, and how many there are in each row; 0 where nothing is observed.

        An expectation that is no number is as wrong as can be.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            squares = np.square((observed - expected) / self.units)
        seen = ~np.isnan(observed)
        squares[~seen] = 0.0
        return np.fmin(squares, LARGEST, out=squares), np.maximum(np.count_nonzero(seen, axis=1), 1)

    def scores(self, X):
        """Minus the mean squared error of the observed values of each row, in units."""
        scores = np.empty(X.shape[0])
        for rows, observed, expected in self.blocks(X):
            squares, n_seen = self.errors(observed, expected)
            scores[rows] = -(squares.sum(axis=1) / n_seen)
        return scores

    def usual_errors(self, X):
        """Root mean square of the errors of each column; NaN for one without any observed value."""
        sums, counts = np.zeros((2, X.shape[1]))
        for _, observed, expected in self.blocks(X):
            squares, _ = self.errors(observed, expected)
            sums += squares.sum(axis=0)
            counts += np.count_nonzero(~np.isnan(observed), axis=0)
        with np.errstate(invalid="ignore"):
            return np.sqrt(sums / counts) * self.units


def _units(X):
    """The unit of each column, where columns are evidently measured in different units; else one for all."""
    rows = Rows(X, np.float64)
    mean, variance, _ = rows.moments()
    if have_own_units(rows):
        return find_units(rows, mean, variance)
    total = np.sqrt(variance.mean())
    return np.full(X.shape[1], total if total > 0 else 1.0)
