"""How much of the variance would be lost without each unit."""

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import gen_batches

from .._model import BLOCK_ENTRIES


class Shares:
    r"""Squared errors in the space of the learner, and what each unit takes off them.

    Without unit j, the squared error of a row with code c and residual e grows by
    :math:`2 c_j \langle e, a_j \rangle + c_j^2 \lVert a_j \rVert^2` where decoding is affine; this is summed.

    Parameters
    ----------
    zero : ndarray of shape (1, n_columns)
        Reconstruction of a code of zeros.
    atoms : ndarray of shape (n_units, n_columns) or None
        What each unit adds at a value of one; None where decoding is not affine: the gains have to come from elsewhere.
    weights : ndarray of shape (n_columns,) or float
        Weight of a column's error in the loss of the learner, under the square.
    """

    def __init__(self, zero, atoms, weights):
        self._zero, self._weights = zero[0] * weights, weights
        self._atoms = None if atoms is None else atoms * weights
        self._n = np.zeros(len(zero[0]))
        self._sums, self._squares = np.zeros((2, len(zero[0])))
        self._error, self._gains = 0.0, 0.0
        self._values, self._correlations = 0.0, 0.0  # of CSR: sums of codes, and of codes times data times atoms

    def add(self, Z, codes, decode):
        """Add a block of data and codes."""
        if issparse(Z) and self._atoms is not None:
            self._add_sparse(Z, codes)
            return
        Z = (Z.toarray() if issparse(Z) else Z) * self._weights - self._zero
        seen = ~np.isnan(Z)
        Z = np.where(seen, Z, 0.0)
        self._n += seen.sum(axis=0)
        self._sums += Z.sum(axis=0)
        self._squares += np.square(Z).sum(axis=0)
        if self._atoms is None:
            error = np.where(seen, Z - (decode(codes) * self._weights - self._zero), 0.0)
        else:
            error = np.where(seen, Z - codes @ self._atoms, 0.0)
            self._gains = self._gains + self._dense_gains(error, codes, seen)
        self._error += np.square(error).sum()

    def _dense_gains(self, error, codes, seen):
        """What the squared errors grow by without each unit."""
        gains = np.zeros(codes.shape[1])
        transposed, complete = codes.T.tocsr(), seen.all()
        for units in gen_batches(len(gains), max(1, BLOCK_ENTRIES // error.shape[1])):
            some, atoms = transposed[units], self._atoms[units]
            gains[units] = 2 * np.einsum("jd,jd->j", some @ error, atoms)
            squares = some.power(2)
            if complete:
                gains[units] += squares.sum(axis=1) * np.einsum("jd,jd->j", atoms, atoms)
            else:
                gains[units] += np.einsum("jd,jd->j", squares @ seen.astype(np.float64), np.square(atoms))
        return gains

    def _add_sparse(self, Z, codes):
        """Sums from which errors follow, without a reconstruction."""
        Z = Z.multiply(self._weights).tocsr() if np.ndim(self._weights) else Z
        self._n += Z.shape[0]
        self._sums += np.asarray(Z.sum(axis=0)).ravel()
        self._squares += np.asarray(Z.power(2).sum(axis=0)).ravel()
        self._values = self._values + np.asarray(codes.sum(axis=0)).ravel()
        products = codes.T.tocsr() @ Z
        units = np.repeat(np.arange(products.shape[0]), np.diff(products.indptr))
        terms = products.data * self._atoms[units, products.indices]
        self._correlations = self._correlations + np.bincount(units, terms, products.shape[0])

    def finish(self, gram, gains=None):
        """Return the share of each unit in the explained variance; gains are needed where decoding is not affine."""
        sums, squares, error = self._sums, self._squares, self._error
        if np.ndim(self._values):
            zero, n = self._zero, self._n
            linear = self._correlations - self._values * (self._atoms @ zero)
            common, own = self._common(gram)
            gains = 2 * (linear - common) + own
            squares = squares - 2 * zero * sums + n * zero**2
            sums = sums - n * zero
            error = squares.sum() - 2 * linear.sum() + common.sum()
        elif gains is None:
            gains = self._gains
        total = (squares - sums**2 / np.maximum(self._n, 1)).sum()
        explained = total - error
        return gains / explained if explained > 0 else np.full(len(gains), np.nan)

    def _common(self, gram):
        """Products of codes times products of atoms: sums over the other unit, and of a unit with itself."""
        common = np.zeros(gram.shape[0])
        for units in gen_batches(len(common), 512):
            common[units] = (gram[units].toarray() * (self._atoms[units] @ self._atoms.T)).sum(axis=1)
        return common, gram.diagonal() * np.einsum("jd,jd->j", self._atoms, self._atoms)
