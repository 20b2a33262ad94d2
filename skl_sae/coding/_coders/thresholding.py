"""Codes that are read from the correlations of the atoms with the row, without iterations."""

import numpy as np

from ..._kernels.jit import row_of
from ..._kernels.kernel import kernel
from ..._kernels.layouts import scatter_rows
from ..._kernels.top_k import select_largest_entries
from .coder import Coder, exponent_of
from .norms import squared_norms


class Threshold(Coder):
    """Correlations of the atoms with the row, shrunk towards zero by `alpha`; with `positive`, only those above it.

    The same as scikit-learn's ``algorithm="threshold"``; one step of `Fista` from zero, for a step of length one. The
    correlations are those with what is observed. Atoms should have norm one: a code is not divided by their norms.
    """

    def encode(self, tile, out):
        _shrink(tile.correlations, self.penalties(tile), self.options.positive, out)
        return 0

    def exponents(self, tile):
        """A code is a product with atoms, where others are divided by them."""
        return -exponent_of(self.dictionary.scale) - exponent_of(tile.scale)


@kernel("T2", "d1", "n", "T2!")
def _shrink(correlations, alpha, positive, out):
    for i in range(out.shape[0]):
        p, z, threshold = row_of(correlations, i), row_of(out, i), out.dtype.type(alpha[i])
        for j in range(p.size):
            z[j] = p[j] - threshold if p[j] > threshold else p[j] + threshold if p[j] < -threshold else p[j] * 0
            if positive and p[j] < 0:
                z[j] = 0


class TopK(Coder):
    """The `n_nonzero_coefs` atoms that alone explain most of the row, each with its own least-squares coefficient.

    Atoms are compared by their correlation with the row over their norm, and the coefficient is that correlation over
    the squared norm; with missing entries, over the norms that the atoms have where the row is observed. Coefficients
    are good where atoms are nearly orthogonal, and too large where they are not. With `positive`, only atoms with a
    positive correlation count.
    """

    def encode(self, tile, out):
        most = min(self.options.n_nonzero_coefs, out.shape[1])
        squares = squared_norms(tile, self.dictionary)
        scores, index = np.empty_like(out), np.empty((len(out), most), np.int32)
        values, count = np.empty(index.shape, out.dtype), np.empty(len(out), np.int32)
        _score(tile.correlations, squares, self.options.positive, scores)
        select_largest_entries(scores, np.finfo(out.dtype).tiny, index, values, count)
        _divide(tile.correlations, squares, index, count, values)
        scatter_rows(index, values, count, out)
        return 0


@kernel("T2", "T2", "n", "T2!")
def _score(correlations, squares, positive, scores):
    """Correlations over norms; 0 for atoms that don't count."""
    for i in range(scores.shape[0]):
        p, q, to = row_of(correlations, i), row_of(squares, i), row_of(scores, i)
        for j in range(p.size):
            size = p[j] if positive else abs(p[j])
            to[j] = size / np.sqrt(q[j]) if q[j] > 0 and size > 0 else size * 0


@kernel("T2", "T2", "i2", "i1", "T2!")
def _divide(correlations, squares, index, count, values):
    for i in range(count.size):
        for j in range(count[i]):
            values[i, j] = correlations[i, index[i, j]] / squares[i, index[i, j]]
