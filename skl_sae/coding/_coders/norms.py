"""Norms of the atoms where rows are observed."""

import numpy as np

from ..._kernels.products import multiply_rows_t

# Share of an atom's squared norm that must be observed in a row, or the row does not use the atom.
LEAST_OBSERVED = 1e-6


def squared_norms(tile, dictionary):
    """Squared norms (rows, n_components) of the atoms where each row of a tile is observed; 0 of atoms not to use."""
    squares = dictionary.squared_norms
    if tile.observed is None:
        return np.broadcast_to(squares, tile.correlations.shape)
    whole = tile.observed.all(axis=1)[:, None]
    observed = tile.observed.astype(dictionary.dtype)
    parts = multiply_rows_t(observed, dictionary.squares, np.zeros(len(squares), dictionary.dtype))
    return np.where(whole, squares, np.where(parts > LEAST_OBSERVED * squares, parts, 0))
