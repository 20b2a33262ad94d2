"""What is known of the data as a whole: sizes, extremes and moments, added up over the blocks in float64."""

from types import SimpleNamespace
from typing import NamedTuple

import numpy as np

from .._estimator.data_checks import check_probabilities
from .._model.rows import Rows
from ._fetching import fetch

# Rows, evenly spaced, that the client looks at, and numbers in them, at most: of wide data fewer rows, down to a batch.
SAMPLE_ROWS, SAMPLE_SIZE, FEWEST_SAMPLED = 4096, 1 << 26, 128


class Facts(NamedTuple):
    """Of some blocks.

    Parameters
    ----------
    sizes : tuple of int
        Number of rows of each block.
    dtype : dtype
        float32 if all rows are, else float64.
    sparse : tuple of bool
        Whether there is a sparse block, and a dense one.
    n_stored : int
        Number of values in memory.
    extremes : tuple of float
        The smallest and the largest observed value.
    mean, variance, count : ndarray of shape (n_features,)
        Of the observed values of each feature.
    """

    sizes: tuple
    dtype: np.dtype
    sparse: tuple
    n_stored: int
    extremes: tuple
    mean: np.ndarray
    variance: np.ndarray
    count: np.ndarray


def facts_of(name, X, block):
    """Those of a block, for an estimator of this name; raises where a value is infinite."""
    rows = Rows(X, np.float32 if X.dtype == np.float32 else np.float64)
    n, d = rows.shape
    kinds = (rows.sparse, not rows.sparse) if n else (False, False)
    if not n:
        return Facts((0,), rows.dtype, kinds, 0, (np.nan, np.nan), *np.zeros((3, d)))
    with np.errstate(all="ignore"):
        rows.assert_no_infinity(name)
        return Facts((n,), rows.dtype, kinds, X.nnz if rows.sparse else n * d, rows.extremes(), *rows.moments())


def join(a, b):
    """Those of the blocks of both; moments of a constant feature stay exact."""
    if a.mean.size != b.mean.size:
        raise ValueError(
            f"Blocks of X have {a.mean.size} and {b.mean.size} columns, expected the same number in all of them."
        )
    count = a.count + b.count
    with np.errstate(all="ignore"):
        share = b.count / np.maximum(count, 1)
        difference = np.where(a.count > 0, np.where(b.count > 0, b.mean - a.mean, 0.0), 0.0)
        mean = np.where(a.count > 0, a.mean + difference * share, b.mean)
        within = a.variance + (b.variance - a.variance) * share
        variance = within + difference**2 * share * (1 - share)
    low, high = np.fmin(a.extremes[0], b.extremes[0]), np.fmax(a.extremes[1], b.extremes[1])
    kinds = tuple(np.logical_or(a.sparse, b.sparse).tolist())
    dtype = max(a.dtype, b.dtype, key=lambda dtype: dtype.itemsize)
    if 0 in (sum(a.sizes), sum(b.sizes)):  # a block without rows has no say
        dtype = a.dtype if sum(a.sizes) else b.dtype
    return Facts(
        a.sizes + b.sizes, dtype, kinds, a.n_stored + b.n_stored, (float(low), float(high)), mean, variance, count
    )


class RemoteRows:
    """What the client knows of rows that are on the cluster; what it asks of them is asked of `Rows` elsewhere.

    Parameters
    ----------
    facts : Facts
    fetch : callable
        ``fetch(numbers)`` returns rows as `Rows`.
    """

    target = None

    def __init__(self, facts, fetch):
        self.facts, self.dtype, self.sparse, self.fetch = facts, facts.dtype, facts.sparse == (True, False), fetch
        self.shape = sum(facts.sizes), facts.mean.size
        self._evenly = None

    def __len__(self):
        return self.shape[0]

    @property
    def X(self):
        """What `Scaling` asks of sparse data."""
        return SimpleNamespace(nnz=self.facts.n_stored, shape=self.shape)

    def extremes(self):
        """The smallest and the largest observed value."""
        return self.facts.extremes

    def means(self):
        """Mean of the observed values of each feature, and their number."""
        return self.facts.mean, self.facts.count

    def moments(self):
        """Mean and variance of the observed values of each feature, and their number."""
        return self.facts.mean, self.facts.variance, self.facts.count

    @property
    def at_hand(self):
        """Some rows, evenly spaced, fetched once: for units of features, and to calibrate what has been learned."""
        if self._evenly is None:
            n = min(len(self), SAMPLE_ROWS, max(FEWEST_SAMPLED, SAMPLE_SIZE // self.shape[1]))
            self._evenly = self.fetch(np.linspace(0, len(self) - 1, n).astype(np.int64))
        return self._evenly

    def brought(self, numbers):
        """The rows of these numbers, fetched, and the numbers that they have there."""
        drawn = self.fetch(numbers[: len(self)])  # with more units than rows, the others come once more
        return drawn, np.resize(np.arange(len(drawn)), len(numbers))


def look_at(cluster, sae, seen):
    """One pass over the data: `RemoteRows`. Raises where there are no rows, or none that the estimator accepts."""
    facts = cluster.sum("look", facts_of, join, cluster.send(type(sae).__name__))
    if not sum(facts.sizes):
        raise ValueError(f"Found X with no rows in {len(facts.sizes)} blocks: expected at least one.")
    n_features = facts.mean.size
    if seen.n_features_in_ not in (0, n_features):  # 0 stands for a number that is not known before
        raise ValueError(
            f"X should have {seen.n_features_in_} columns, and its blocks have {n_features}: expected what it says of "
            "itself. Correct the shape, or the columns of its meta."
        )
    seen.n_features_in_ = n_features
    rows = RemoteRows(facts, lambda numbers: fetch(cluster, facts.sizes, facts.dtype, numbers))
    if sae.loss == "binary_cross_entropy":
        check_probabilities(rows)
    return rows
