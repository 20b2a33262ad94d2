"""What the codes leave of the data, as a dense array, and its energy; all by tiles of rows on the threads."""

from typing import NamedTuple

import numpy as np
from scipy.sparse import issparse

from ..._kernels.memory import empty_rows
from ..._kernels.sparse_products import spmm_by_unit
from ..._kernels.threads import partition, run

# Rows that a thread works on at a time.
ROWS = 256


def over_rows(task, n_rows):
    """Results of ``task(rows)`` for slices that cover the rows and do not depend on the number of threads."""
    tiles = [slice(*edges) for edges in partition(n_rows, ROWS, 1)]
    return run(lambda tile, slot: task(tiles[tile]), len(tiles))


def decode(codes, atoms, out):
    """Add ``codes @ atoms`` to `out`.

    Parameters
    ----------
    codes : CSR array of shape (n_samples, n_components)
    atoms : ndarray of shape (n_components, n_features)
    out : ndarray of shape (n_samples, n_features)
    """
    ptr, index = codes.indptr.astype(np.int64, copy=False), codes.indices.astype(np.int32, copy=False)
    over_rows(
        lambda rows: spmm_by_unit(ptr[rows.start : rows.stop + 1], index, codes.data, atoms, out[rows], True), len(out)
    )


def residual_of(X, codes, atoms, observed=None):
    """``X - codes @ atoms``; zero where a value is missing.

    Parameters
    ----------
    X : {ndarray, CSR array} of shape (n_samples, n_features)
    codes : CSR array of shape (n_samples, n_components)
    atoms : ndarray of shape (n_components, n_features)
    observed : ndarray of bool of shape (n_samples, n_features), optional

    Returns
    -------
    residual : ndarray of shape (n_samples, n_features)
    """
    residual = empty_rows(*X.shape, atoms.dtype)

    def subtract(rows):
        tile = residual[rows]
        tile[...] = -(X[rows].toarray() if issparse(X) else X[rows])

    over_rows(subtract, len(residual))
    decode(codes, atoms, residual)
    over_rows(lambda rows: _finish(residual[rows], None if observed is None else observed[rows]), len(residual))
    return residual


class Rest(NamedTuple):
    """The same for sparse rows, of which some are asked for: ``rest[rows]``."""

    X: object
    codes: object
    atoms: np.ndarray

    def __getitem__(self, rows):
        return residual_of(self.X[rows], self.codes[rows], self.atoms)


def _finish(tile, observed):
    tile *= -1  # np.negative, in place, mixes up the rows of a column whose items lie apart (NumPy 2.4)
    if observed is not None:
        tile *= observed


def row_energies(x):
    """Squared norm of each row, in float64."""
    out = np.empty(len(x))

    def square(rows):
        out[rows] = np.einsum("ij,ij->i", x[rows], x[rows], dtype=np.float64)

    over_rows(square, len(x))
    return out
