"""How much of the explained variance would be lost without each unit."""

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import gen_batches

from .._model import BLOCK_ENTRIES
from .totals import rows_of


class Shares:
    r"""Squared errors in the space of the learner, and what they grow by without each unit.

    Without unit j, the squared error of a row with code c and residual e grows by
    :math:`2 c_j \langle e, a_j \rangle + c_j^2 \lVert a_j \rVert^2` where decoding is affine, with :math:`a_j` what
    the unit adds at a value of one. Missing values are no part of e and :math:`a_j`. Of CSR, no reconstruction is
    made: :math:`e = x - b - \sum_l c_l a_l`, so products of codes with data and with codes are enough.

    Parameters
    ----------
    zero : ndarray of shape (n_columns,)
        Reconstruction of a code of zeros, weighted.
    atoms : ndarray of shape (n_units, n_columns) or None
        What units add at a value of one, weighted; None where decoding is not affine.
    weights : ndarray of shape (n_columns,)
        What a column is multiplied by before squares are summed.
    """

    def __init__(self, zero, atoms, weights):
        self._zero, self._atoms, self._weights = zero, atoms, weights
        self._n, self._sums, self._squares = np.zeros((3, len(zero)))
        self._error, self._gains = 0.0, 0.0
        self._values, self._products = 0.0, None  # of CSR: sums of codes, and of codes times data times atoms

    def add(self, Z, codes, decode):
        """Add a block of numbers in the space of the learner, and codes; `decode` is used if decoding is not affine."""
        if issparse(Z) and self._atoms is not None:
            self._add_sparse(Z, codes)
            return
        Z = (Z.toarray() if issparse(Z) else Z) * self._weights - self._zero
        seen = ~np.isnan(Z)
        Z[~seen] = 0.0
        self._n += seen.sum(axis=0)
        self._sums += Z.sum(axis=0)
        self._squares += np.square(Z).sum(axis=0)
        decoded = codes @ self._atoms if self._atoms is not None else decode(codes) * self._weights - self._zero
        error = np.where(seen, Z - decoded, 0.0)
        self._error += np.square(error).sum()
        if self._atoms is not None:
            self._gains = self._gains + self._dense_gains(error, codes, seen)

    def _dense_gains(self, error, codes, seen):
        gains = np.zeros(codes.shape[1])
        transposed, complete = codes.astype(np.float64).T.tocsr(), seen.all()
        for units in gen_batches(len(gains), max(1, BLOCK_ENTRIES // error.shape[1])):
            some, atoms = transposed[units], self._atoms[units]
            gains[units] = 2 * _row_products(some @ error, atoms)
            if complete:
                gains[units] += some.power(2).sum(axis=1) * _row_products(atoms, atoms)
            else:
                gains[units] += _row_products(some.power(2) @ seen.astype(np.float64), np.square(atoms))
        return gains

    def _add_sparse(self, Z, codes):
        Z, codes = Z.multiply(self._weights).tocsr(), codes.astype(np.float64)
        self._n += Z.shape[0]
        self._sums += Z.sum(axis=0).ravel()
        self._squares += Z.power(2).sum(axis=0).ravel()
        self._values = self._values + codes.sum(axis=0)
        products = codes.T.tocsr() @ Z
        units = rows_of(products)
        found = np.bincount(units, products.data * self._atoms[units, products.indices], products.shape[0])
        self._products = found if self._products is None else self._products + found

    def finish(self, squares_of_codes, common, gains=None):
        """Return the share of each unit in the explained variance.

        Parameters
        ----------
        squares_of_codes : ndarray of shape (n_units,)
            Of each unit, summed over all rows.
        common : ndarray of shape (n_units,)
            Products of codes times products of atoms, summed over the other unit.
        gains : ndarray of shape (n_units,), default=None
            What errors grow by without each unit, where decoding is not affine.

        Returns
        -------
        ndarray of shape (n_units,)
            Shares; NaN where nothing is explained.
        """
        sums, squares, error = self._sums, self._squares, self._error
        if self._products is not None:
            zero, n = self._zero, self._n
            linear = self._products - self._values * (self._atoms @ zero)
            gains = 2 * (linear - common) + squares_of_codes * _row_products(self._atoms, self._atoms)
            squares = squares - 2 * zero * sums + n * zero**2
            sums = sums - n * zero
            error = squares.sum() - 2 * linear.sum() + common.sum()
        elif gains is None:
            gains = self._gains
        explained = (squares - sums**2 / np.maximum(self._n, 1)).sum() - error
        return gains / explained if explained > 0 else np.full(len(gains), np.nan)


def _row_products(a, b):
    return np.einsum("ij,ij->i", a, b, dtype=np.float64)
