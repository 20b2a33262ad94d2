"""Which rows of the target a source explains worst, and what it leaves of them."""

import numpy as np
from scipy.sparse import issparse

# Rows, evenly spaced, that are looked at, unless more are needed.
ROWS = 4096


def worst_rows(errors, n, random_state):
    """Numbers of n rows, drawn with probability proportional to their errors; each once, if there are so many.

    Rows with the smallest waiting times are taken, where a row waits for an event with its error as the rate.
    """
    waits = random_state.standard_exponential(len(errors)) / np.maximum(errors, np.finfo(float).tiny)
    return np.resize(np.argsort(waits, kind="stable"), n)


def residual_rows(X, decode, n, random_state):
    """What is left of n badly explained rows, zero where a value is missing.

    Parameters
    ----------
    X : {ndarray, CSR matrix} of shape (n_samples, n_features)
        NaN where a value is missing.
    decode : callable
        Makes reconstructions of rows, an array.
    n : int
    random_state : RandomState

    Returns
    -------
    residual : ndarray of float64 of shape (n, n_features)
    """
    if X.shape[0] > (most := max(ROWS, n)):
        X = X[np.linspace(0, X.shape[0] - 1, most).astype(np.int64)]
    known = X.toarray() if issparse(X) else X
    residual = np.nan_to_num(np.subtract(known, decode(X), dtype=np.float64))
    return residual[worst_rows(np.square(residual).sum(axis=1), n, random_state)]
