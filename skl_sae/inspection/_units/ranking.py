"""The largest entries of each row."""

import numpy as np


def largest(keys, n):
    """Return the columns of the n largest keys of each row, largest first; of ties, the first column.

    Parameters
    ----------
    keys : ndarray of shape (n_rows, n_columns)
        Numbers without NaN.
    n : int
        At most `n_columns`.

    Returns
    -------
    ndarray of shape (n_rows, n)
        Columns.
    """
    n_rows, n_columns = keys.shape
    if n >= n_columns:
        return np.argsort(-keys, axis=1, kind="stable")
    least = np.partition(keys, n_columns - n, axis=1)[:, n_columns - n]
    rows, columns = np.nonzero(keys >= least[:, None])
    order = np.lexsort((columns, -keys[rows, columns], rows))
    rows, columns = rows[order], columns[order]
    place = np.arange(len(rows)) - np.searchsorted(rows, rows)
    return columns[place < n].reshape(n_rows, n)
