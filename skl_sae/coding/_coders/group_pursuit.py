"""Orthogonal matching pursuit of groups of rows that share one support."""

import numpy as np

from ..._kernels.gram_qr import append, limits_of, solve, start, subtract
from ..._kernels.jit import jit, row_of
from ..._kernels.kernel import kernel
from ..._kernels.sparse_products import WIDE
from .pursuit import Pursuit


class GroupPursuit(Pursuit):
    """Simultaneous orthogonal matching pursuit (Tropp, Gilbert & Strauss 2006, in its form with squares).

    In each step the atom joins the support whose products with the residuals, over its norm, have the largest sum of
    squares over the rows of the group. Each row has its own coefficients, those of least squares. A group is done when
    the squared norms of its residuals have a sum of no more than `tol` times the number of its rows.
    """

    def __init__(self, dictionary, options):
        super().__init__(dictionary, options)
        if options.positive:
            raise ValueError("groups have codes of any sign: got positive=True, expected False.")

    def encode(self, tile, out):
        bounds = np.flatnonzero(np.diff(tile.groups, prepend=-1, append=-1))
        args = tile.correlations, tile.energy, self.tolerances(tile), bounds, *self.sources(tile)
        _pursue_groups(*args, limits_of(out.dtype), min(self.options.n_nonzero_coefs, out.shape[1]), out)
        return 0


@jit
def _choose_together(p, free, n_rows, bound):
    """The free atom with the largest sum of squared products, if that exceeds a bound; else -1."""
    sums = np.zeros_like(free)
    for r in range(n_rows):
        q = row_of(p, r)
        for m in range(sums.size):
            sums[m] += q[m] * q[m]
    k, most = -1, bound
    for m in range(sums.size):
        if free[m] > 0 and sums[m] > most:
            k, most = m, np.float64(sums[m])
    return k


@kernel("T2", "d1", "d1", "l1", "T2", "T2", "T2", "b2", "d1", "n", "T2!")
def _pursue_groups(correlations, energy, tolerance, bounds, products, inverse, columns, observed, limits, most, out):
    """Pursue all groups, rows ``bounds[i]..bounds[i + 1]``. Without missing entries, one QR serves all rows of one."""
    width, kind, masked = WIDE // out.itemsize, out.dtype, columns.size > 0
    n_chunks, largest_group = products.shape[1] // width, (bounds[1:] - bounds[:-1]).max()
    own = largest_group if masked else 1
    V, L = np.zeros((own, n_chunks, most, width), kind), np.zeros((own, most, most), kind)
    w, order, count = np.zeros(most, kind), np.arange(most).astype(np.int32), np.zeros(largest_group, np.int64)
    p, y = np.zeros((largest_group, n_chunks * width), kind), np.zeros((largest_group, most), kind)
    free, joint = np.zeros(n_chunks * width, kind), np.zeros(n_chunks * width, kind)
    best, z, chosen = np.zeros(n_chunks, kind), np.zeros(most, kind), np.zeros((largest_group, most), np.int64)
    features, values, g = np.zeros(columns.shape[0], np.int32), np.zeros(columns.shape[0], kind), np.zeros_like(free)
    for group in range(bounds.size - 1):
        lo, n_rows = bounds[group], bounds[group + 1] - bounds[group]
        left, allowed, total = 0.0, 0.0, 0.0
        joint[:] = 0
        for r in range(n_rows):
            norms = row_of(inverse, lo + r if masked else 0)
            start(row_of(correlations, lo + r), norms, (row_of(y, r), row_of(p, r), free, best), width, False)
            joint += free
            count[r] = 0
            left, allowed, total = left + energy[lo + r], allowed + tolerance[lo + r], total + energy[lo + r]
        n = 0
        while n < most and left > allowed:
            k = _choose_together(p, joint, n_rows, limits[1] * limits[1] * total)
            if k < 0:
                break
            joint[k], joined, fits = 0, False, False
            for r in range(n_rows):
                s, at, c = (r if masked else 0), row_of(p, r), count[r]
                there = row_of(observed, lo + r if masked else 0)
                norms = row_of(inverse, lo + r if masked else 0)
                source = products, columns, there, norms, features, values, g
                if masked or r == 0:
                    fits = norms[k] > 0 and append(k, c, False, (V[s], L[s], w, order), source, limits[0])
                if fits:
                    y[r, c] = at[k] / L[s, c, c]
                    subtract(V[s], c, y[r, c], at, free, best, False)
                    left -= np.float64(y[r, c]) * np.float64(y[r, c])
                    chosen[r, c], count[r], joined = k, c + 1, True
            n += joined
        for r in range(n_rows):
            norms, to = row_of(inverse, lo + r if masked else 0), row_of(out, lo + r)
            solve(L[r if masked else 0], row_of(y, r), count[r], z)
            for a in range(count[r]):
                to[chosen[r, a]] = z[a] * norms[chosen[r, a]]
