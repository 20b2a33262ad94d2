"""A first look at some rows: which sign of a unit counts, and from which value on it counts as on."""

from typing import NamedTuple

import numpy as np
from scipy.sparse import issparse, vstack

# Rows that are looked at, spread over the data.
_ROWS = 1 << 13
# A unit that is active in more than this share of the rows is on only where its values are among the highest quarter.
_OFTEN, _HIGHEST = 0.5, 0.75
# Below the quantile by so much, so that a value which is the quantile is above it on any processor.
_SLIGHTLY = 1e-6


class Survey(NamedTuple):
    """What some rows tell.

    Parameters
    ----------
    codes : csr_array of shape (n_surveyed, n_units)
        Codes of rows spread over the data.
    signs : ndarray of shape (n_units,)
        The sign of most values of a unit; 0 where none was seen.
    thresholds : ndarray of shape (n_units,)
        A unit is on in a row where its value times the sign is above this.
    sizes : ndarray of shape (n_features,)
        Power of two above the largest number of each column, to keep squares in range.
    learner_sizes : ndarray of shape (n_columns,)
        The same in the space of the learner.
    """

    codes: object
    signs: np.ndarray
    thresholds: np.ndarray
    sizes: np.ndarray
    learner_sizes: np.ndarray


def survey(model, X):
    """Look at some rows."""
    codes, largest, largest_for_learner = [], 0.0, 0.0
    for block, Z, code in _surveyed(model, X):
        codes.append(code)
        largest = np.maximum(largest, _largest(block))
        largest_for_learner = np.maximum(largest_for_learner, _largest(Z))
    codes = vstack(codes, format="csr")
    positive, negative = _counts(codes)
    signs = _signs(positive, negative)
    often = np.flatnonzero(positive + negative > _OFTEN * codes.shape[0])
    thresholds = np.zeros(len(signs))
    columns = codes.tocsc()
    for unit in often:
        values = columns[:, [unit]].toarray() * signs[unit]
        thresholds[unit] = max(0.0, np.quantile(values, _HIGHEST) * (1 - _SLIGHTLY))
    return Survey(codes, signs, thresholds, _power_above(largest), _power_above(largest_for_learner))


def survey_signs(model, X):
    """Return the signs alone."""
    return _signs(*sum(np.array(_counts(codes)) for _, _, codes in _surveyed(model, X)))


def known_signs(signs, units, values):
    """Replace signs that no row has told yet by those of these values."""
    return np.where(signs == 0, np.sign(np.bincount(units, values, len(signs))), signs)


def _surveyed(model, X):
    """Yield blocks of rows spread over the data, the same as the learner takes them, and their codes."""
    n = X.shape[0]
    chosen = np.unique(np.linspace(0, n - 1, min(n, _ROWS)).astype(np.int64))
    for rows in model.batches(chosen):
        block = X[chosen[rows]]
        Z = model.for_learner(block)
        yield block, Z, model.learner_encode(Z)


def _counts(codes):
    """Numbers of positive and of negative values of each unit."""
    sides = codes.data > 0, codes.data < 0
    return [np.bincount(codes.indices[side], minlength=codes.shape[1]) for side in sides]


def _signs(positive, negative):
    return np.where(positive + negative == 0, 0.0, np.where(positive >= negative, 1.0, -1.0))


def _largest(X):
    """Largest absolute number of each column, 0 where there is none."""
    if issparse(X):
        return abs(X.astype(np.float64)).max(axis=0).toarray().ravel()
    return np.fmax.reduce(np.abs(X.astype(np.float64)), axis=0, initial=0.0)


def _power_above(numbers):
    return np.ldexp(1.0, np.minimum(np.frexp(numbers)[1], 1000))
