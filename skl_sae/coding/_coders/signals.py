"""Signals to be coded, read tile by tile: dense, CSR or in a file, with missing entries or without."""

from typing import NamedTuple

import numpy as np
from scipy import sparse

from ..._kernels.jit import row_of
from ..._kernels.kernel import kernel
from ..._kernels.products import multiply_rows_t
from .dictionary import LARGEST_EXPONENT

# Rows of a tile: as many as a product needs to read the atoms seldom, and few enough to share out.
TILE_ROWS = 128
# Energies between these bounds are neither lost nor infinite in the sums that follow, in float32 either.
SMALLEST, LARGEST = 1e-12, 1e12


class Tile(NamedTuple):
    """Some rows, and what every coder needs of them.

    ``x`` are the rows times ``scale``, powers of two that bring rows of extreme size near one, with zeros for what is
    missing; CSR stays CSR. ``observed`` tells what is there, None if that is everything. ``correlations`` are the
    products with the atoms, ``energy`` the squared norms in float64, ``groups`` the rows' labels, if they have some.
    """

    x: np.ndarray
    correlations: np.ndarray
    energy: np.ndarray
    scale: np.ndarray
    observed: np.ndarray | None
    groups: np.ndarray | None

    def take(self, rows):
        """The same of some of the rows."""
        return Tile(*(None if part is None else part[rows] for part in self))


class Signals:
    """Rows of X, by tiles.

    Parameters
    ----------
    X : ndarray or CSR of shape (n_samples, n_features)
        NaN is missing, in a dense array.
    dtype : dtype
        What tiles are converted to.
    mask : ndarray of bool of shape (n_samples, n_features), optional
        False where an entry is missing.
    groups : ndarray of int of shape (n_samples,), optional
        Rows of one label are in one tile.
    """

    def __init__(self, X, dtype, mask=None, groups=None):
        self.X, self.dtype, self.mask, self.groups = X, np.dtype(dtype), mask, groups
        self.order = None if groups is None else np.argsort(groups, kind="stable")

    def __len__(self):
        return self.X.shape[0]

    def edges(self):
        """Bounds of the tiles; groups stay together."""
        if self.groups is None:
            return [*range(0, len(self), TILE_ROWS), len(self)]
        labels = self.groups[self.order]
        starts = np.flatnonzero(np.diff(labels)) + 1
        edges, last = [0], 0
        for start in [*starts.tolist(), len(self)]:
            if start - edges[-1] > TILE_ROWS and last > edges[-1]:
                edges.append(last)
            last = start
        return [*edges, last]

    def rows(self, lo, hi):
        """Which rows of X a tile has."""
        return slice(lo, hi) if self.order is None else self.order[lo:hi]

    def tile(self, lo, hi, dictionary):
        """Read the tile of rows ``lo..hi``."""
        rows = self.rows(lo, hi)
        x = self.X[rows]
        groups = None if self.groups is None else self.groups[rows]
        if sparse.issparse(x):
            return self._sparse_tile(x, dictionary, groups)
        x, observed = np.ascontiguousarray(x, self.dtype), None
        energy = _energies(x)
        missing = np.isnan(energy).any()
        if missing or self.mask is not None:
            observed = ~np.isnan(x) if missing else np.ones(x.shape, bool)
            if self.mask is not None:
                observed &= self.mask[rows]
            x = np.where(observed, x, 0)
            energy, observed = _energies(x), None if observed.all() else observed
            if np.isinf(x).any():
                raise ValueError(
                    "X contains infinity where mask is True: expected finite numbers, or False in the mask."
                )
        scale = np.ones(len(x))
        extreme = (energy > 0) & ~((energy > SMALLEST) & (energy < LARGEST))
        extreme |= (energy == 0) & (x != 0).any(axis=1)
        if extreme.any():
            exponent = _exponents(extreme, np.abs(x).max(axis=1), groups)
            x, scale = np.ldexp(x, exponent[:, None]), np.ldexp(scale, exponent)
            energy = _energies(x)
        correlations = multiply_rows_t(x, dictionary.atoms, np.zeros(len(dictionary.atoms), self.dtype))
        return Tile(x, correlations, energy, scale, observed, groups)

    def _sparse_tile(self, x, dictionary, groups):
        """A tile of CSR; SciPy's product is good enough, as it reads the stored entries once."""
        x = sparse.csr_array(x, dtype=self.dtype)
        x.sum_duplicates()
        n, row = x.shape[0], np.repeat(np.arange(x.shape[0]), np.diff(x.indptr))
        largest = np.zeros(n, self.dtype)
        np.maximum.at(largest, row, np.abs(x.data))
        extreme = (largest > 0) & ~((largest > SMALLEST) & (largest < LARGEST))
        exponent = _exponents(extreme, largest, groups)
        x.data = np.ldexp(x.data, exponent[row])
        energy = np.bincount(row, np.square(x.data, dtype=np.float64), minlength=n).astype(np.float64)
        correlations = np.asarray(x @ dictionary.transposed)
        return Tile(x, correlations, energy, np.ldexp(np.ones(n), exponent), None, groups)


def _exponents(extreme, largest, groups):
    """Powers of two that bring rows of extreme size near one, by their largest numbers; one for all rows of a group."""
    if groups is not None and extreme.any():
        labels, which = np.unique(groups, return_inverse=True)
        most, some = np.zeros(len(labels), largest.dtype), np.zeros(len(labels), bool)
        np.maximum.at(most, which, largest)
        np.logical_or.at(some, which, extreme)
        largest, extreme = most[which], some[which]
    return np.where(extreme, np.minimum(-np.frexp(largest)[1], LARGEST_EXPONENT), 0)


@kernel("T2", "d1!")
def _add_squares(x, out):
    for i in range(x.shape[0]):
        row, total = row_of(x, i), 0.0
        for c in range(row.size):
            total += np.float64(row[c]) * np.float64(row[c])
        out[i] = total


def _energies(x):
    """Squared norm of each row, in float64."""
    out = np.empty(len(x))
    _add_squares(x, out)
    return out
