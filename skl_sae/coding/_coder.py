"""What algorithms that find codes have in common, and the way through all tiles."""

from typing import NamedTuple

import numpy as np
from scipy import sparse

from .._kernels.blas import single_threaded_blas
from .._kernels.threads import run

# Work, in numbers of codes and of data, up to which the calling thread does it alone.
SMALL = 1 << 14


class Options(NamedTuple):
    """What a code should be; each algorithm reads what concerns it, and its docstring says how."""

    n_nonzero_coefs: int
    tol: float | None
    alpha: float
    positive: bool
    max_iter: int


class Coder:
    """An algorithm with a fixed dictionary.

    Parameters
    ----------
    dictionary : Dictionary
    options : Options
    """

    #: whether rows with missing entries can be coded, and rows that share one support
    accepts_missing, accepts_groups = True, False

    def __init__(self, dictionary, options):
        self.dictionary, self.options = dictionary, options

    def encode(self, tile, out):
        """Write the codes of a tile; returns the number of rows that did not converge.

        Called from several threads at once. A row's code must not depend on the rows beside it, except its group.

        Parameters
        ----------
        tile : Tile
        out : ndarray of shape (rows, n_components)
            Zeros. The codes to be written are those of the tile's scaled rows with the scaled dictionary.
        """
        raise NotImplementedError

    def penalties(self, tile):
        """Weight of the L1 norm for each row of a tile, in float64."""
        return self.options.alpha * self.dictionary.scale * tile.scale

    def tolerances(self, tile):
        """Squared norm of the residual at which each row is done; 0 without a `tol`.

        It is meant for a row with all its entries; of one with missing entries, its share.
        """
        tolerance = np.square(tile.scale) * (self.options.tol or 0.0)
        if tile.observed is not None:
            tolerance *= tile.observed.mean(axis=1)
        return tolerance


def encode(signals, coder, sparse_output=False):
    """Codes of all rows, as an array or CSR, and the number of rows that did not converge."""
    n, width = len(signals), len(coder.dictionary.atoms)
    edges = signals.edges()
    out = None if sparse_output else np.zeros((n, width), signals.dtype)

    def work(block, slot):
        lo, hi = edges[block], edges[block + 1]
        tile = signals.tile(lo, hi, coder.dictionary)
        in_place = out is not None and signals.order is None
        codes = out[lo:hi] if in_place else np.zeros((hi - lo, width), signals.dtype)
        failed = coder.encode(tile, codes)
        factors = coder.dictionary.scale / tile.scale
        if (factors != 1).any():
            codes *= factors.astype(codes.dtype)[:, None]
        if out is None:
            return failed, sparse.csr_array(codes)
        if not in_place:
            out[signals.rows(lo, hi)] = codes
        return failed, None

    small = n * (width + signals.X.shape[1]) < SMALL
    with single_threaded_blas():
        results = run(work, len(edges) - 1, inline=small)
    failed = sum(result[0] for result in results)
    if out is not None:
        return out, failed
    return _stacked([result[1] for result in results], signals, width), failed


def _stacked(parts, signals, width):
    """The tiles' codes as one matrix, in the order of X."""
    codes = sparse.vstack(parts, format="csr") if parts else sparse.csr_array((0, width), dtype=signals.dtype)
    if signals.order is not None:
        codes = codes[np.argsort(signals.order)]
    return sparse.csr_array(codes)
