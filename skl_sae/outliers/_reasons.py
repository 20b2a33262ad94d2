"""Which columns make a row unlike the others."""

import numpy as np

from .._extras import extra


def reasons(residuals, X, usual_errors, names, index, n_top):
    """A table of the columns with the largest shares of each row's error.

    Parameters
    ----------
    residuals : Residuals
    X : {ndarray, CSR} of shape (n_samples, n_features)
    usual_errors : ndarray of shape (n_features,)
    names : ndarray of str of shape (n_features,)
    index : sequence of length n_samples
        What rows are called.
    n_top : int

    Returns
    -------
    table : DataFrame
    """
    with extra("report"):
        import pandas as pd
    blocks = []
    for rows, observed, expected in residuals.blocks(X):
        squares, _ = residuals.errors(observed, expected)
        i, j = _largest(squares, n_top)
        shares = squares[i, j] / squares.sum(axis=1)[i]
        seen, awaited = observed[i, j], expected[i, j]
        with np.errstate(divide="ignore", over="ignore"):
            times = np.abs(seen - awaited) / usual_errors[j]
        blocks.append((rows.start + i, j, seen, awaited, shares, times))
    i, j, *values = (np.concatenate(each) for each in zip(*blocks, strict=True))
    columns = dict(zip(("observed", "expected", "share", "times_usual"), values, strict=True))
    return pd.DataFrame({"row": pd.Index(index).to_flat_index()[i], "column": names[j], **columns})


def _largest(squares, n_top):
    """Rows and columns of the largest entries above zero of each row, largest first."""
    order = np.argsort(-squares, axis=1, kind="stable")[:, :n_top]
    i, rank = np.nonzero(np.take_along_axis(squares, order, axis=1) > 0)
    return i, order[i, rank]
