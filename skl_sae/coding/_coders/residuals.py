"""Rows that are coded together, a step of all at a time; those that are done leave."""

import numpy as np
from scipy import sparse

from ..._kernels.products import multiply_rows_t


class Residuals:
    """Some rows of a tile, and the correlations of all atoms with what codes leave of them.

    Through the Gram matrix, or by way of the residuals: where these have fewer numbers than that, or entries are
    missing. A row does not depend on the rows beside it.

    Parameters
    ----------
    tile : Tile
        Its rows are complete, or each has missing entries.
    dictionary : Dictionary
    """

    def __init__(self, tile, dictionary):
        n_components, n_features = dictionary.shape
        self.dictionary, self.rows = dictionary, np.arange(len(tile.energy))
        self.correlations, self.energy, self.observed = tile.correlations, tile.energy, tile.observed
        by_gram = self.observed is None and n_components <= 2 * n_features
        self.x = None if by_gram else tile.x.toarray() if sparse.issparse(tile.x) else tile.x

    def __len__(self):
        return len(self.rows)

    def of(self, codes):
        """Correlations of the atoms with the residuals of codes (rows, n_components)."""
        if self.x is None:
            return self.correlations - _product(codes, self.dictionary.gram)
        residuals = self.x - _product(codes, self.dictionary.transposed)
        if self.observed is not None:
            residuals *= self.observed
        return _product(residuals, self.dictionary.atoms)

    def keep(self, rows):
        """Let the other rows leave."""
        for name in ("rows", "correlations", "energy", "observed", "x"):
            value = getattr(self, name)
            setattr(self, name, None if value is None else value[rows])


def _product(x, weights):
    return multiply_rows_t(x, weights, np.zeros(len(weights), x.dtype))


def apart(tile):
    """The parts of a tile whose rows are complete, and whose rows are not: which rows these are, and their tile.

    Complete rows are coded as if no entries of others were missing, to the last bit.
    """
    if tile.observed is None:
        return [(np.arange(len(tile.energy)), tile)]
    whole = tile.observed.all(axis=1)
    parts = (np.flatnonzero(whole), tile._replace(observed=None)), (np.flatnonzero(~whole), tile)
    return [(rows, part.take(rows)) for rows, part in parts if rows.size]
