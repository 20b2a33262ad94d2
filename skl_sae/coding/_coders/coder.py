"""What algorithms that find codes have in common, and the way through all tiles."""

from typing import NamedTuple

import numpy as np
from scipy import sparse

from ..._kernels.blas import single_threaded_blas
from ..._kernels.layouts import compress_nonzero, pack_rows
from ..._kernels.threads import run

# Work, in numbers of codes and of data, up to which the calling thread does it alone.
SMALL = 1 << 14
# A penalty with which every code is zero, and whose multiples are finite in float32 too.
ENDLESS = 1e30


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

    def __init__(self, dictionary, options):
        self.dictionary, self.options = dictionary, options

    def prepare(self):
        """Make what all tiles need, before any of them: all threads may work on that."""

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
        with np.errstate(over="ignore"):
            penalties = self.options.alpha * (self.dictionary.scale * tile.scale)
        return np.minimum(penalties, ENDLESS)

    def exponents(self, tile):
        """Powers of two that turn each row's code into that of the row as it was, with the atoms as they were."""
        return exponent_of(self.dictionary.scale) - exponent_of(tile.scale)

    def tolerances(self, tile):
        """Squared norm of the residual at which each row is done; 0 without a `tol`.

        It is meant for a row with all its entries; of one with missing entries, its share.
        """
        if not self.options.tol:
            return np.zeros(len(tile.scale))
        with np.errstate(over="ignore"):  # then any residual is small enough
            tolerance = self.options.tol * np.square(tile.scale)
        return tolerance if tile.observed is None else tolerance * tile.observed.mean(axis=1)


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
        _shift(codes, coder.exponents(tile))
        if out is None:
            return failed, _compressed(codes)
        if not in_place:
            out[signals.rows(lo, hi)] = codes
        return failed, None

    small = n * (width + signals.X.shape[1]) < SMALL
    coder.prepare()
    with single_threaded_blas():
        results = run(work, len(edges) - 1, inline=small)
    failed = sum(result[0] for result in results)
    if out is not None:
        return out, failed
    return _stacked([result[1] for result in results], signals, width), failed


def exponent_of(power):
    """Of a power of two."""
    return np.frexp(power)[1] - 1


def _shift(codes, exponents):
    """Multiply rows by powers of two, in place; zeros stay, even if the power is not a finite number."""
    if not exponents.any():
        return
    with np.errstate(over="ignore"):
        factors = np.ldexp(codes.dtype.type(1), exponents)
    if np.isfinite(factors).all() and factors.all():
        codes *= factors[:, None]
    else:
        np.ldexp(codes, exponents[:, None], out=codes)


def _compressed(codes):
    """Numbers of active atoms, which they are, and their values."""
    index, values = np.empty(codes.shape, np.int32), np.empty_like(codes)
    count = np.empty(len(codes), np.int32)
    compress_nonzero(codes, index, values, count)
    return count, *pack_rows(index, values, count)


def _stacked(parts, signals, width):
    """The tiles' codes as one matrix, in the order of X."""
    count, index, values = (np.concatenate(each) for each in zip(*parts, strict=True))
    ptr = np.concatenate([[0], count.cumsum(dtype=np.int64)])
    codes = sparse.csr_array((values, index, ptr), shape=(len(signals), width))
    return codes if signals.order is None else codes[np.argsort(signals.order)]
