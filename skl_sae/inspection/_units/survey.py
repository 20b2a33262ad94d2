"""A first look at some rows: which sign of a unit counts, and from which value on it counts as on."""

from typing import NamedTuple

import numpy as np
from scipy.sparse import vstack

# Rows that are looked at, spread over the data.
SURVEYED_ROWS = 1 << 13
# A unit that is active in more than this share of the rows is on only where its values are among the highest quarter.
_DENSE, _HIGHEST = 0.5, 0.75


class Survey(NamedTuple):
    """What some rows tell of the units.

    Parameters
    ----------
    codes : csr_array of shape (n_surveyed, n_units)
        Codes of rows spread over the data.
    signs : ndarray of shape (n_units,)
        The sign of most values of a unit; 0 where none was seen.
    thresholds : ndarray of shape (n_units,)
        A unit is on in a row where its value times the sign is above this.
    """

    codes: object
    signs: np.ndarray
    thresholds: np.ndarray


def survey(model, X):
    """Look at some rows."""
    n = X.shape[0]
    chosen = np.unique(np.linspace(0, n - 1, min(n, SURVEYED_ROWS)).astype(np.int64))
    codes = vstack([model.encode(X[chosen[rows]]) for rows in model.batches(chosen)], format="csr")
    n_units, n_seen = codes.shape[1], codes.shape[0]
    positive, negative = (
        np.bincount(codes.indices[side], minlength=n_units) for side in (codes.data > 0, codes.data < 0)
    )
    signs = np.where(positive + negative == 0, 0.0, np.where(positive >= negative, 1.0, -1.0))
    thresholds = np.zeros(n_units)
    columns = codes.tocsc()
    for unit in np.flatnonzero(positive + negative > _DENSE * n_seen):
        values = columns.data[columns.indptr[unit] : columns.indptr[unit + 1]] * signs[unit]
        zeros = np.zeros(n_seen - len(values))
        thresholds[unit] = max(0.0, np.quantile(np.concatenate([values, zeros]), _HIGHEST))
    return Survey(codes, signs, thresholds)
