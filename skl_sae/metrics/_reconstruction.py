"""How well a reconstruction explains the data."""

from typing import NamedTuple

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils import check_array

from .._kernels.reductions import explained_fraction
from .._kernels.sparse_structure import check_sparse_structure
from .._parameters import check_named_array
from .._warning import warn
from ._blocks import dense_rows, encoded_blocks, row_chunks

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
    X = _check_data(X)
    blocks = [(slice(0, X.shape[0]), _check_reconstruction(X_reconstructed, X.shape))]
    return _explained_variance(X, blocks, multioutput)


def explained_variance_of_estimator(estimator, X):
    """The same of what an estimator decodes from its codes, of which one block of rows is held at a time."""
    numbers = _check_data(X)
    decoded = (
        (rows, _check_reconstruction(estimator.inverse_transform(codes), (rows.stop - rows.start, numbers.shape[1])))
        for rows, codes in encoded_blocks(estimator, X, numbers.shape[1])
    )
    return _explained_variance(numbers, decoded, "variance_weighted")


def _check_data(X):
    check_sparse_structure(X)
    return check_array(X, accept_sparse="csr", dtype="numeric", ensure_all_finite="allow-nan", input_name="X")


def _check_reconstruction(decoded, shape):
    check_sparse_structure(decoded, "X_reconstructed")
    decoded = check_named_array("X_reconstructed", decoded, accept_sparse="csr", dtype="numeric")
    if decoded.shape != shape:
        raise ValueError(f"X_reconstructed has shape {decoded.shape}; expected the shape of X, {shape}.")
    return decoded


def _explained_variance(X, blocks, multioutput):
    """Explained variance of checked data by a reconstruction that comes in blocks, with the slices of their rows."""
    weights = _check_weights(multioutput, X.shape[1])
    raw = isinstance(multioutput, str) and multioutput == "raw_values"
    if X.shape[0] < 2:
        warn("R2 is not defined with less than two rows.", UndefinedMetricWarning)
        return np.full(X.shape[1], np.nan) if raw else float("nan")
    survey = _survey(X)
    residual, error_exponents = _squared_errors(X, blocks)
    total = _squared_deviations(X, survey)
    if isinstance(multioutput, str) and multioutput == "variance_weighted":
        residual, exponent = _add(residual, error_exponents)
        total, exponent_of_total = _add(total, survey.exponents)
        return float(explained_fraction(residual, total, exponent - exponent_of_total))
    values = explained_fraction(residual, total, 2 * (error_exponents - survey.exponents))
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
    """What has to be known of each column before its deviations are summed.

    The reference is the first observed value: the deviations of a constant column are then exactly zero, and those of
    a column with a large offset lose no digits. Before they are squared, deviations from the reference are divided by
    two to the power of an exponent, which is 0 unless squares would leave the range of numbers.
    """

    reference: np.ndarray
    counts: np.ndarray
    exponents: np.ndarray


def _survey(X):
    """Look at all of the data once."""
    n_features = X.shape[1]
    reference = np.full(n_features, np.nan)
    counts = np.zeros(n_features, dtype=np.int64)
    largest = np.zeros(n_features)
    for rows in row_chunks(X):
        block = dense_rows(X, rows)
        missing = np.isnan(block)
        if np.isnan(reference).any():
            first = block[missing.argmin(axis=0), np.arange(n_features)]
            reference = np.where(np.isnan(reference), first, reference)
        counts += len(block) - missing.sum(axis=0)
        largest = _larger(largest, block, reference)
    if not counts.any():
        raise ValueError("Every entry of X is NaN; expected at least one observed value.")
    return _Survey(reference, counts, _exponents(largest))


def _larger(largest, block, other):
    """The largest absolute difference of each column so far, halved, because that of large numbers can overflow."""
    return np.fmax(largest, np.fmax.reduce(np.abs(0.5 * block - 0.5 * other)))


def _exponents(largest):
    """By which halved differences up to `largest` are divided before they are squared."""
    exponents = np.frexp(largest)[1] + 1
    exponents[(largest == 0) | (np.abs(exponents) < _SAFE_EXPONENT)] = 0
    return exponents


def _difference(block, other, exponents):
    """Difference, divided by two to the power of `exponents`; 0 where a value is missing."""
    difference = np.ldexp(0.5 * block - 0.5 * other, 1 - exponents) if exponents.any() else block - other
    difference[np.isnan(difference)] = 0.0
    return difference


def _squared_errors(X, blocks):
    """Sums of the squared errors of each column, and the exponents of the errors.

    A reconstruction is read once, so the exponents are those of what was seen so far; they grow with it.
    """
    largest, sums = np.zeros((2, X.shape[1]))
    exponents = _exponents(largest)
    for rows, decoded in blocks:
        for chunk in row_chunks(decoded):
            block = dense_rows(X, slice(rows.start + chunk.start, rows.start + chunk.stop))
            other = dense_rows(decoded, chunk)
            largest = _larger(largest, block, other)
            known, exponents = exponents, _exponents(largest)
            if (known != exponents).any():
                sums = np.ldexp(sums, 2 * (known - exponents))
            error = _difference(block, other, exponents)
            sums += np.square(error, out=error).sum(axis=0)
    return sums, exponents


def _squared_deviations(X, survey):
    """Sums of squared distances from the mean of each column."""
    mean, total = np.zeros((2, X.shape[1]))
    for rows in row_chunks(X):
        mean += _difference(dense_rows(X, rows), survey.reference, survey.exponents).sum(axis=0)
    mean /= np.maximum(survey.counts, 1)
    for rows in row_chunks(X):
        block = dense_rows(X, rows)
        deviation = _difference(block, survey.reference, survey.exponents)
        np.subtract(deviation, mean, out=deviation, where=~np.isnan(block))
        total += np.square(deviation, out=deviation).sum(axis=0)
    return total


def _add(sums, exponents):
    """Add sums of squares of numbers that were divided by two to some exponents; return the sum and its exponent."""
    if not exponents.any() or not sums.any():
        return sums.sum(), 0
    shifts = 2 * exponents
    common = (np.frexp(sums)[1] + shifts)[sums > 0].max()
    return np.ldexp(sums, shifts - common).sum(), common
