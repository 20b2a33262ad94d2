"""The dictionary stage for sparse data, whose residual would be dense: all atoms are one block, rows come by tiles.

As in `_atoms`, atoms make their steps by sums over the codes instead of the residual; then the entries of each row are
refitted, by the residual of a tile of rows.
"""

import numpy as np

from .atoms import refit_entries
from .online import Pace, Statistics
from .residual import over_rows, residual_of, row_energies


def update_by_tiles(X, codes, entries, atoms, n_frozen, refit):
    """Update all atoms but the first ones, and the values of `codes`, in place.

    Parameters
    ----------
    X : CSR array of shape (n_samples, n_features)
    codes : CSR array of shape (n_samples, n_components)
    entries : Entries
        The same codes by atom; their values are left behind.
    atoms : ndarray of shape (n_components, n_features)
    n_frozen : int
    refit : ndarray of shape (2,)
        See `_atoms.update_atoms`.

    Returns
    -------
    energies : ndarray of shape (n_samples,)
        Squared norm of what is left of each row.
    """
    statistics = Statistics(*atoms.shape, atoms.dtype)
    statistics.add(codes, entries, X, Pace(None, None, 1.0))
    statistics.update(atoms, n_frozen)
    energies, still = np.empty(X.shape[0]), np.zeros_like(atoms)

    def refit_tile(rows):
        part = codes[rows]
        residual = residual_of(X[rows], part, atoms)
        row = np.repeat(np.arange(part.shape[0], dtype=np.int32), np.diff(part.indptr))
        where, values = np.arange(row.size), codes.data[codes.indptr[rows.start] : codes.indptr[rows.stop]]
        atom = part.indices.astype(np.int32, copy=False)
        free = atom >= n_frozen
        refit_entries(row[free], atom[free], where[free], values, still, atoms, residual, refit, 0, free.sum())
        energies[rows] = row_energies(residual)

    over_rows(refit_tile, X.shape[0])
    return energies
