"""How well a reconstruction explains the data."""

from typing import NamedTuple

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils import check_array

from .._kernels.reductions import explained_fraction
from .._kernels.sparse_structure import check_sparse_structure
from .._parameters import check_named_array
from .._warning import warn
from ._blocks import dense_rows, row_chunks

_AVERAGES = ("variance_weighted", "uniform_average", "raw_values")
# Differences whose binary exponent is larger than this, or smaller than minus this, are scaled before they are squared.
_SAFE_EXPONENT = 400


def explained_variance(X, X_reconstructed, *, multioutput="variance_weighted"):
    r"""Fraction of the variance of `X` that its reconstruction explains.

    .. math::

        1 - \mathrm{FVU} = 1 - \frac{\sum_{i} \lVert x_i - \hat x_i \rVert^2}{\sum_{i} \lVert x_i - \bar x \rVert^2}

    with both sums over the whole set and :math:`\bar x` the mean of its rows: R2 with features weighted by their
    variance. A constant offset between `X` and its reconstruction counts as error. Sums are accumulated in float64,
    a block of rows at a time, so the memory used does not depend on the number of rows. Numbers whose squares would
    overflow or vanish are scaled first.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The data. NaN marks a missing value; sums and means run over the observed entries only.
    X_reconstructed : {array-like, sparse matrix} of shape (n_samples, n_features)
        The reconstruction, finite everywhere.
    multioutput : {"variance_weighted", "uniform_average", "raw_values"} or array-like, default="variance_weighted"
        How features are combined. "variance_weighted": the formula above. "raw_values": R2 of each. Otherwise the
        mean of these over the features with observed values, plain or with the given weights, one a feature.

    Returns
    -------
    float or ndarray of shape (n_features,)
        At most 1. Where the columns of `X` are constant, 1.0 for an exact reconstruction and 0.0 for any other. NaN,
        with an ``UndefinedMetricWarning``, if there is a single row. In an array, NaN for a feature without any
        observed value.

    See Also
    --------
    sklearn.metrics.r2_score : The same for dense and complete data, except that with ``"variance_weighted"`` it
        leaves out the errors of constant features.

    References
    ----------
    A. Karvonen et al., *SAEBench*, 2025, arXiv:2503.09532: explained variance as a measure of sparse autoencoders.

    Examples
    --------
    >>> import numpy as np
    >>> from skl_sae.metrics import explained_variance
    >>> X = np.array([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]])
    >>> explained_variance(X, X + 0.5)
    0.25
    >>> explained_variance(X, X + [0.5, 0.0], multioutput="raw_values")
    array([0.625, 1.   ])
    >>> X[0, 1] = np.nan
    >>> explained_variance(X, np.nan_to_num(X, nan=7.0))
    1.0
    """
    check_sparse_structure(X)
    check_sparse_structure(X_reconstructed, "X_reconstructed")
    X = check_array(X, accept_sparse="csr", dtype="numeric", ensure_all_finite="allow-nan", input_name="X")
    X_reconstructed = check_named_array("X_reconstructed", X_reconstructed, accept_sparse="csr", dtype="numeric")
    if X_reconstructed.shape != X.shape:
        raise ValueError(f"X_reconstructed has shape {X_reconstructed.shape}; expected the shape of X, {X.shape}.")
    weights = _check_weights(multioutput, X.shape[1])
    raw = isinstance(multioutput, str) and multioutput == "raw_values"
    if X.shape[0] < 2:
        warn("R2 is not defined with less than two rows.", UndefinedMetricWarning)
        return np.full(X.shape[1], np.nan) if raw else float("nan")
    survey = _survey(X, X_reconstructed)
    residual, total = _sums(X, X_reconstructed, survey)
    if isinstance(multioutput, str) and multioutput == "variance_weighted":
        residual, exponent = _add(residual, survey.error_exponents)
        total, exponent_of_total = _add(total, survey.deviation_exponents)
        return float(explained_fraction(residual, total, exponent - exponent_of_total))
    values = explained_fraction(residual, total, 2 * (survey.error_exponents - survey.deviation_exponents))
    values[survey.counts == 0] = np.nan
    if raw:
        return values
    chosen = (survey.counts > 0) & (weights > 0)
    if not chosen.any():
        raise ValueError("multioutput has no weight above 0 for a feature with observed values; expected one at least.")
    return float(np.average(values[chosen], weights=weights[chosen]))


def _check_weights(multioutput, n_features):
    """Weights of the features in a mean of their values."""
    if isinstance(multioutput, str):
        if multioutput not in _AVERAGES:
            raise ValueError(f"Got multioutput={multioutput!r}, expected one of {_AVERAGES} or an array of weights.")
        return np.ones(n_features)
    weights = check_named_array("multioutput", multioutput, dtype=np.float64, ensure_2d=False)
    if weights.shape != (n_features,) or (weights < 0).any():
        raise ValueError(
            f"Got multioutput={multioutput!r}, expected {n_features} weights of at least 0, one a feature of X."
        )
    return weights


class _Survey(NamedTuple):
    """What has to be known of each column before its differences are summed.

    The reference is the first observed value: the deviations of a constant column are then exactly zero, and those of
    a column with a large offset lose no digits. Before they are squared, errors and deviations from the reference are
    divided by two to the power of an exponent, which is 0 unless squares would leave the range of numbers.
    """

    reference: np.ndarray
    counts: np.ndarray
    error_exponents: np.ndarray
    deviation_exponents: np.ndarray


def _survey(X, X_reconstructed):
    """Look at all of the data once."""
    n_features = X.shape[1]
    reference = np.full(n_features, np.nan)
    counts = np.zeros(n_features, dtype=np.int64)
    largest = np.zeros((2, n_features))
    for rows in row_chunks(X):
        block = dense_rows(X, rows)
        missing = np.isnan(block)
        if np.isnan(reference).any():
            first = block[missing.argmin(axis=0), np.arange(n_features)]
            reference = np.where(np.isnan(reference), first, reference)
        counts += len(block) - missing.sum(axis=0)
        for i, other in enumerate((dense_rows(X_reconstructed, rows), reference)):
            # Halved, because the difference of two large numbers can overflow.
            np.fmax(largest[i], np.fmax.reduce(np.abs(0.5 * block - 0.5 * other)), out=largest[i])
    if not counts.any():
        raise ValueError("Every entry of X is NaN; expected at least one observed value.")
    exponents = np.frexp(largest)[1] + 1
    exponents[(largest == 0) | (np.abs(exponents) < _SAFE_EXPONENT)] = 0
    return _Survey(reference, counts, *exponents)


def _difference(block, other, exponents):
    """Difference, divided by two to the power of `exponents`; 0 where a value is missing."""
    difference = np.ldexp(0.5 * block - 0.5 * other, 1 - exponents) if exponents.any() else block - other
    difference[np.isnan(difference)] = 0.0
    return difference


def _sums(X, X_reconstructed, survey):
    """Sums of squared errors, and of squared distances from the mean, of each column."""
    mean = np.zeros(X.shape[1])
    for rows in row_chunks(X):
        mean += _difference(dense_rows(X, rows), survey.reference, survey.deviation_exponents).sum(axis=0)
    mean /= np.maximum(survey.counts, 1)
    residual, total = np.zeros((2, X.shape[1]))
    for rows in row_chunks(X):
        block = dense_rows(X, rows)
        error = _difference(block, dense_rows(X_reconstructed, rows), survey.error_exponents)
        residual += np.square(error, out=error).sum(axis=0)
        deviation = _difference(block, survey.reference, survey.deviation_exponents)
        np.subtract(deviation, mean, out=deviation, where=~np.isnan(block))
        total += np.square(deviation, out=deviation).sum(axis=0)
    return residual, total


def _add(sums, exponents):
    """Add sums of squares of numbers that were divided by two to some exponents; return the sum and its exponent."""
    if not exponents.any() or not sums.any():
        return sums.sum(), 0
    shifts = 2 * exponents
    common = (np.frexp(sums)[1] + shifts)[sums > 0].max()
    return np.ldexp(sums, shifts - common).sum(), common
