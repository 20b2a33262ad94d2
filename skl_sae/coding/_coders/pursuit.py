"""Orthogonal matching pursuit of many rows: atoms one by one, and after each the best coefficients of all."""

from functools import cached_property

import numpy as np

from ..._kernels.gram_qr import choose, join, limits_of, padded, solve, start
from ..._kernels.jit import jit, row_of
from ..._kernels.kernel import kernel
from ..._kernels.sparse_products import WIDE
from .coder import Coder
from .norms import squared_norms
from .residuals import apart


class Pursuit(Coder):
    r"""Orthogonal matching pursuit (Pati, Rezaiifar & Krishnaprasad 1993).

    In each step the atom with the largest product with the residual, over its norm, joins the support, and the
    coefficients of the support become those of least squares. With `positive`, those of non-negative least squares,
    and only positive products count (Bruckstein, Elad & Zibulevsky 2008). A row with missing entries is coded by what
    is observed, with the norms that the atoms have there.
    """

    def prepare(self):
        self.gram  # noqa: B018 - it is kept

    def encode(self, tile, out):
        tolerances, most = self.tolerances(tile), min(self.options.n_nonzero_coefs, out.shape[1])
        for rows, part in apart(tile):
            codes = out if len(rows) == len(out) else np.zeros((len(rows), out.shape[1]), out.dtype)
            args = part.correlations, part.energy, tolerances[rows], *self.sources(part), limits_of(out.dtype), most
            _pursue(*args, self.options.positive, codes)
            if codes is not out:
                out[rows] = codes
        return 0

    def sources(self, tile):
        """Products of the atoms, one over their norms, and, with missing entries, what is needed for those of a row."""
        if tile.observed is None or tile.observed.all():
            return self.gram, self.inverse[None], np.empty((0, 0), self.dictionary.dtype), np.empty((1, 0), bool)
        inverse = _inverse_root(squared_norms(tile, self.dictionary))
        return self.products, inverse, self.columns, tile.observed

    @cached_property
    def inverse(self):
        """One over the norm of each atom, 0 of those that are never used."""
        return _inverse_root(self.dictionary.squared_norms).astype(self.dictionary.dtype)

    @cached_property
    def gram(self):
        """Products of the atoms, of norm one, in whole chunks."""
        return padded(self.dictionary.gram * self.inverse * self.inverse[:, None])

    @cached_property
    def products(self):
        """Products of the atoms as they are, in whole chunks."""
        return padded(self.dictionary.gram)

    @cached_property
    def columns(self):
        """The values that the atoms have in each feature, in whole chunks."""
        return padded(self.dictionary.transposed)


def _inverse_root(squares):
    """One over the root; 0 of zeros."""
    return np.where(squares > 0, 1 / np.sqrt(np.where(squares > 0, squares, 1)), 0)


@jit
def _keep_positive(n, chosen, z, old, correlations, geometry, signal, source, dependent):
    """Non-negative least squares on the n chosen atoms, by the steps of Lawson & Hanson (1974); returns how many stay.

    `old` are the coefficients before the last atom, and become the new ones.
    """
    newest = chosen[n - 1]
    old[n - 1] = 0
    while True:
        solve(geometry[1], signal[0], n, z)
        step, at = 1.0, -1
        for a in range(n):
            if not z[a] > 0:
                ratio = old[a] / (old[a] - z[a]) if old[a] > 0 else 0.0
                if at < 0 or ratio < step:
                    step, at = ratio, a
        for a in range(n):
            old[a] = old[a] + step * (z[a] - old[a]) if at >= 0 else z[a]
        if at < 0:
            return n
        kept = 0
        for a in range(n):
            if a != at and old[a] > 0:
                chosen[kept], old[kept] = chosen[a], old[a]
                kept += 1
        start(correlations, source[3], signal, geometry[0].shape[2], True)
        n = 0
        for a in range(kept):
            k, value = chosen[a], old[a]
            if join(k, n, False, geometry, signal, source, dependent, True):
                chosen[n], old[n] = k, value
                n += 1
        signal[2][newest] = 0


@kernel("T2", "d1", "d1", "T2", "T2", "T2", "b2", "d1", "n", "n", "T2!")
def _pursue(correlations, energy, tolerance, products, inverse, columns, observed, limits, most, positive, out):
    """Pursue all rows. With missing entries, `columns` are the atoms' values by feature, and `inverse` has all rows."""
    width, kind, masked = WIDE // out.itemsize, out.dtype, columns.size > 0
    n_chunks = products.shape[1] // width
    V, L = np.zeros((n_chunks, most, width), kind), np.zeros((most, most), kind)
    geometry = V, L, np.zeros(most, kind), np.arange(most).astype(np.int32)
    p, free, best = np.zeros(n_chunks * width, kind), np.zeros(n_chunks * width, kind), np.zeros(n_chunks, kind)
    y, z, old, chosen = np.zeros(most, kind), np.zeros(most, kind), np.zeros(most, kind), np.zeros(most, np.int64)
    signal = y, p, free, best
    features, values, g = np.zeros(columns.shape[0], np.int32), np.zeros(columns.shape[0], kind), np.zeros_like(p)
    for r in range(out.shape[0]):
        norms, to = row_of(inverse, r if masked else 0), row_of(out, r)
        source = products, columns, row_of(observed, r if masked else 0), norms, features, values, g
        start(row_of(correlations, r), norms, signal, width, positive)
        n, joined, left, rounding = 0, 0, energy[r], limits[1] * np.sqrt(energy[r])
        while n < most and joined < 8 * most and left > tolerance[r]:
            k = choose(p, free, best, width, positive)
            if k < 0 or abs(p[k]) <= rounding:
                break
            joined += 1
            if join(k, n, n + 1 == most and not positive, geometry, signal, source, limits[0], positive):
                chosen[n] = k
                n += 1
                if positive:
                    n = _keep_positive(n, chosen, z, old, row_of(correlations, r), geometry, signal, source, limits[0])
                left = energy[r]
                for a in range(n):
                    left -= np.float64(y[a]) * np.float64(y[a])
        solve(L, y, n, z)
        for a in range(n):
            to[chosen[a]] = (old[a] if positive else z[a]) * norms[chosen[a]]
