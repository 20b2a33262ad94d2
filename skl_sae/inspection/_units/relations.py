"""How units relate: by what they add, and by the rows in which they are on."""

import numpy as np
from sklearn.utils import gen_batches

from ..._kernels.norms import unit_rows

_UNITS = 1 << 9


def relations(directions, gram, joint, n_on, n_rows, n_top):
    r"""Neighbours of each unit.

    Parameters
    ----------
    directions : ndarray of shape (n_units, n_columns)
        What each unit adds, in the space of the learner.
    gram : csr_array of shape (n_units, n_units)
        Products of codes, summed over rows.
    joint : csr_array of shape (n_units, n_units)
        Rows in which both are on.
    n_on : ndarray of shape (n_units,)
        Rows in which each is on.
    n_rows : int
        All rows.
    n_top : int
        Neighbours to keep.

    Returns
    -------
    nearest : list of list of (int, float)
        Units with the largest absolute cosine of what they add, with the cosine.
    coactive : list of list of (int, float)
        Units with the largest correlation of being on (phi coefficient), where it is positive.
    redundancy : ndarray of shape (n_units,)
        See `UnitFacts`.
    """
    rows = unit_rows(np.asarray(directions, dtype=np.float64))
    lengths = np.sqrt(gram.diagonal())
    nearest, coactive, redundancy = [], [], np.zeros(len(rows))
    for units in gen_batches(len(rows), _UNITS):
        own = np.arange(units.stop - units.start), np.arange(units.start, units.stop)
        cosines = rows[units] @ rows.T
        with np.errstate(divide="ignore", invalid="ignore"):
            codes = gram[units].toarray() / (lengths[units, None] * lengths)
            both = n_rows * joint[units].toarray() - n_on[units, None] * n_on
            spread = n_on * (n_rows - n_on)
            phi = both / np.sqrt(spread[units, None] * spread)
        contributions = np.abs(np.nan_to_num(codes) * cosines)
        contributions[own] = 0.0
        redundancy[units] = contributions.max(axis=1)
        cosines[own], phi[own] = 0.0, 0.0
        nearest += _largest(cosines, np.abs(cosines), n_top)
        coactive += _largest(phi, np.nan_to_num(phi), n_top)
    return nearest, coactive, redundancy


def _largest(values, keys, n_top):
    """Columns with the largest keys above zero, with the values."""
    order = np.argsort(-keys, axis=1, kind="stable")[:, :n_top]
    return [
        [(int(j), float(row[j])) for j in best if key[j] > 0]
        for row, key, best in zip(values, keys, order, strict=True)
    ]
