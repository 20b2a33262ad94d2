"""What units add to a row."""

from typing import NamedTuple

import numpy as np
from sklearn.utils import gen_batches

from .._model import BLOCK_ENTRIES
from .ranking import largest

# Columns whose effects are kept beside those asked for: names need some.
_FOR_NAMES = 8


class Strongest(NamedTuple):
    """Columns that a unit changes most.

    Parameters
    ----------
    columns : ndarray of shape (n_units, n)
        The columns with the largest strengths, largest first.
    strengths : ndarray of shape (n_units, n)
        Amounts in spreads of the columns.
    squares : ndarray of shape (n_units,)
        Sum of the squared strengths of all columns.
    """

    columns: np.ndarray
    strengths: np.ndarray
    squares: np.ndarray


def strongest(amounts, spreads, n):
    """Compare amounts, or contrasts, with the spreads of columns; a constant column is left out."""
    n_units, n_features = amounts.shape
    n = min(max(n, _FOR_NAMES), n_features)
    columns, strengths, squares = np.zeros((n_units, n), int), np.zeros((n_units, n)), np.zeros(n_units)
    for units in gen_batches(n_units, max(1, BLOCK_ENTRIES // max(amounts.shape))):
        some = amounts[units]
        found = np.divide(some, spreads, out=np.zeros(some.shape), where=spreads > 0)
        columns[units] = largest(np.abs(found), n)
        strengths[units] = np.take_along_axis(found, columns[units], axis=1)
        squares[units] = np.square(found).sum(axis=1)
    return Strongest(columns, strengths, squares)


class LocalEffects(NamedTuple):
    """What is lost when a unit is set to zero, on average over some of the rows in which it is active.

    Parameters
    ----------
    amounts : ndarray of shape (n_units, n_features)
        What is lost of reconstructions; of values with the rarer sign it is what would be lost with the other one.
    directions : ndarray of shape (n_units, n_columns)
        The same in the space of the learner.
    gains : ndarray of shape (n_units,)
        What the squared error of these rows grows by, over the sum of the squared values: large values matter most, and
        are rare.
    """

    amounts: np.ndarray
    directions: np.ndarray
    gains: np.ndarray


def local_effects(model, X, rows, signs, weights):
    """Set each unit to zero in some rows.

    Parameters
    ----------
    model : InspectedModel
        The model.
    X : {ndarray, csr_matrix} of shape (n_samples, n_features)
        Numbers.
    rows : list of ndarray
        Of each unit, rows in which it is active.
    signs : ndarray of shape (n_units,)
        The more frequent sign of the values of each unit.
    weights : ndarray of shape (n_columns,)
        What columns are multiplied by before squares are summed.

    Returns
    -------
    LocalEffects
        Means over the rows.
    """
    counts = np.array([len(each) for each in rows])
    rows, units = np.concatenate(rows).astype(np.int64), np.repeat(np.arange(len(counts)), counts)
    amounts, directions = np.zeros((len(counts), model.n_features)), np.zeros((len(counts), len(weights)))
    gains, squares = np.zeros((2, len(counts)))
    for some in gen_batches(max(len(rows), 1), max(1, BLOCK_ENTRIES // max(model.n_units, model.n_features))):
        unit, Z = units[some], model.for_learner(X[rows[some]])
        if not len(unit):
            break
        codes = model.learner_encode(Z).toarray()
        at = np.arange(len(unit)), unit
        sign = (np.sign(codes[at]) * signs[unit])[:, None]
        without = codes.copy()
        without[at] = 0.0
        decoded, decoded_without = model.learner_decode(codes), model.learner_decode(without)
        np.add.at(directions, unit, (decoded - decoded_without) * sign)
        np.add.at(amounts, unit, (model.decode(codes) - model.decode(without)) * sign)
        Z = Z.toarray() if hasattr(Z, "toarray") else Z
        errors = (np.nansum(np.square((Z - each) * weights), axis=1) for each in (decoded_without, decoded))
        gains += np.bincount(unit, np.subtract(*errors), len(gains))
        squares += np.bincount(unit, np.square(codes[at], dtype=np.float64), len(gains))
    n = np.maximum(counts, 1)
    ratios = np.divide(gains, squares, out=np.zeros(len(gains)), where=squares > 0)
    return LocalEffects(amounts / n[:, None], directions / n[:, None], ratios)


def row_gains(model, row, weights):
    """Set each active unit of one row to zero.

    Parameters
    ----------
    model : InspectedModel
        The model.
    row : {ndarray, csr_matrix} of shape (1, n_features)
        Numbers.
    weights : ndarray of shape (n_columns,)
        What columns are multiplied by before squares are summed.

    Returns
    -------
    units, values : ndarray of shape (n_active,)
        The active units and their values.
    gains : ndarray of shape (n_active,)
        What the squared error grows by, over the squared distance of the row from the reconstruction of zeros.
    """
    Z = model.for_learner(row)
    codes = model.learner_encode(Z)
    units, values = codes.indices.copy(), codes.data.copy()
    Z = Z.toarray() if hasattr(Z, "toarray") else Z

    def errors(some_codes):
        return np.nansum(np.square((Z - model.learner_decode(some_codes)) * weights), axis=1)

    code, without = codes.toarray(), np.zeros(len(units))
    for some in gen_batches(max(len(units), 1), max(1, BLOCK_ENTRIES // max(model.n_units, len(weights)))):
        less = np.repeat(code, len(units[some]), axis=0)
        less[np.arange(len(less)), units[some]] = 0.0
        without[some] = errors(less) if len(less) else 0.0
    return units, values, (without - errors(code)) / (errors(0 * code)[0] or 1.0)
