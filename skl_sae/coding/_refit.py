"""Codes with the coefficients of least squares on their support."""

import numpy as np
from scipy.linalg import lstsq
from scipy.optimize import nnls

from .._kernels.blas import single_threaded_blas
from .._kernels.threads import run

# Rows that a thread works on at a time.
ROWS = 64


def refit(X, codes, atoms, positive):
    """Replace the coefficients of each row's code by the best ones on its support.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        NaN is missing.
    codes : ndarray of shape (n_samples, n_components)
        Changed in place.
    atoms : ndarray of shape (n_components, n_features)
    positive : bool
        Whether coefficients are non-negative.
    """

    def work(block, slot):
        for i in range(block * ROWS, min((block + 1) * ROWS, len(X))):
            support, there = np.flatnonzero(codes[i]), ~np.isnan(X[i])
            if support.size == 0:
                continue
            columns, target = atoms[np.ix_(support, there)].T, X[i, there]
            exponent = np.frexp(np.abs(target).max())[1]
            target = np.ldexp(target, -exponent)  # so that squares do not overflow
            best = lstsq(columns, target, check_finite=False)[0]
            if positive and best.min() < 0:
                best = nnls(columns, target)[0]
            codes[i, support] = np.ldexp(best, exponent)

    with single_threaded_blas():
        run(work, -(-len(X) // ROWS))
