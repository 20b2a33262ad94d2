"""How units relate: by what they add, and by the rows in which they are on."""

from typing import NamedTuple

import numpy as np
from sklearn.utils import gen_batches

from .ranking import largest

_UNITS = 1 << 9


class Relations(NamedTuple):
    """Neighbours of each unit.

    Parameters
    ----------
    nearest : list of list of (int, float)
        Units with the largest absolute cosine of what they add, with the cosine.
    coactive : list of list of (int, float)
        Units with the largest correlation of being on (phi coefficient), where it is positive.
    redundancy : ndarray of shape (n_units,)
        Largest absolute cosine of what two units add to all rows.
    common : ndarray of shape (n_units,)
        Products of codes times products of directions, summed over the other unit.
    """

    nearest: list
    coactive: list
    redundancy: np.ndarray
    common: np.ndarray


def relations(directions, totals, n_rows, n_top):
    """Compare units with one another, some at a time.

    Parameters
    ----------
    directions : ndarray of shape (n_units, n_columns)
        What each unit adds, in the space of the learner.
    totals : Totals
        Sums of codes.
    n_rows : int
        All rows.
    n_top : int
        Neighbours to keep.

    Returns
    -------
    Relations
        Of each unit.
    """
    lengths, code_lengths = np.linalg.norm(directions, axis=1), np.sqrt(totals.gram.diagonal())
    on, n_units = totals.on, len(directions)
    spread = np.sqrt(on * (n_rows - on))
    nearest, coactive, redundancy, common = [], [], np.zeros(n_units), np.zeros(n_units)
    for units in gen_batches(n_units, _UNITS):
        own = np.arange(units.stop - units.start), np.arange(units.start, units.stop)
        products, gram = directions[units] @ directions.T, totals.gram[units].toarray()
        common[units] = np.einsum("ij,ij->i", gram, products, dtype=np.float64)
        cosines = _over(products, lengths[units], lengths)
        phi = _over(n_rows * totals.joint[units].toarray() - on[units, None] * on, spread[units], spread)
        cosines[own], phi[own] = 0.0, 0.0
        redundancy[units] = np.abs(_over(gram, code_lengths[units], code_lengths) * cosines).max(axis=1)
        nearest += _pairs(cosines, np.abs(cosines), n_top)
        coactive += _pairs(phi, phi, n_top)
    return Relations(nearest, coactive, redundancy, common)


def _over(products, a, b):
    """Divide products by the lengths of rows and columns; 0 where one of them is 0."""
    inverse_a, inverse_b = (np.divide(1.0, x, out=np.zeros(len(x)), where=x > 0) for x in (a, b))
    return products * inverse_a[:, None] * inverse_b


def _pairs(values, keys, n_top):
    """Columns with the largest keys above zero, with the values."""
    order = largest(keys, min(n_top, keys.shape[1]))
    return [
        [(int(j), float(row[j])) for j in best if key[j] > 0]
        for row, key, best in zip(values, keys, order, strict=True)
    ]
