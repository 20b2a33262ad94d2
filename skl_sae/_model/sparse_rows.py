"""The first layer on sparse data: products that visit only what is not zero.

A network sees ``factor * (x - offset)``, which is dense. But a product with it is one with the sparse x, less one with
the same row for all: ``W (x - offset) = W x - W offset``.
"""

import numpy as np

from .._kernels.jit import row_of
from .._kernels.kernel import kernel

# Share of entries below which visiting them, one by one, is faster than a dense product.
WORTH_IT = 0.01


class SparseRows:
    """Rows of a batch, as they are read by the first layer of the encoder.

    Parameters
    ----------
    X : CSR matrix of shape (n_samples, n_features)
    chosen : ndarray of shape (rows,)
        The rows of `X` that make the batch.
    offset : ndarray of shape (n_features,)
    factor : float, or an array of one
    """

    def __init__(self, X, chosen, offset, factor):
        self.read(X)
        self.chosen = chosen
        self.offset, self.factor = offset, np.asarray(factor, np.float64).reshape(1)

    def read(self, X):
        """Let the rows be those of another matrix."""
        self.arrays = X.data, X.indices, X.indptr

    def multiply_t(self, weights, bias, lo=0, hi=None, out=None):
        """``x @ weights.T + bias``, of all rows or of rows ``lo..hi``."""
        chosen = self.chosen[lo:hi]
        if out is None:
            out = np.empty((chosen.size, len(weights)), weights.dtype)
        _multiply_t(*self.arrays, chosen, self.offset, self.factor, weights, out, bias)
        return out

    def correlate(self, code, out, add):
        """Write, or add, the gradient of a weight matrix, from that of its products: a code of a block of units."""
        _correlate(*code.entries("grad"), *self.arrays, self.chosen, self.offset, self.factor, out, add)


@kernel("T1", "J1", "J1", "l1", "T1", "d1", "T2", "T2!", "T1")
def _multiply_t(data, indices, indptr, chosen, offset, factor, weights, out, bias):
    """Four units a visit of a row."""
    zero, factor = out.dtype.type(0), out.dtype.type(factor[0])
    for u in range(0, out.shape[1], 4):
        last = out.shape[1] - 1
        units = u, min(u + 1, last), min(u + 2, last), min(u + 3, last)
        w0, w1 = row_of(weights, units[0]), row_of(weights, units[1])
        w2, w3 = row_of(weights, units[2]), row_of(weights, units[3])
        b0, b1, b2, b3 = zero, zero, zero, zero
        for c in range(offset.size):
            b0 -= w0[c] * offset[c]
            b1 -= w1[c] * offset[c]
            b2 -= w2[c] * offset[c]
            b3 -= w3[c] * offset[c]
        for i in range(chosen.size):
            s0, s1, s2, s3 = b0, b1, b2, b3
            for q in range(indptr[chosen[i]], indptr[chosen[i] + 1]):
                c, v = indices[q], data[q]
                s0 += v * w0[c]
                s1 += v * w1[c]
                s2 += v * w2[c]
                s3 += v * w3[c]
            o = row_of(out, i)
            o[units[3]] = factor * s3 + bias[units[3]]
            o[units[2]] = factor * s2 + bias[units[2]]
            o[units[1]] = factor * s1 + bias[units[1]]
            o[u] = factor * s0 + bias[u]


@kernel("l1", "i1", "T1", "T1", "J1", "J1", "l1", "T1", "d1", "T2!", "n")
def _correlate(ptr, row, values, data, indices, indptr, chosen, offset, factor, out, add):
    """out[u] (+)= sum over the entries of unit u of value times row."""
    factor = out.dtype.type(factor[0])
    for u in range(out.shape[0]):
        g, total = row_of(out, u), out.dtype.type(0)
        if not add:
            for c in range(g.size):
                g[c] = 0
        for e in range(ptr[u], ptr[u + 1]):
            value = factor * values[e]
            total += value
            i = chosen[row[e]]
            for q in range(indptr[i], indptr[i + 1]):
                g[indices[q]] += value * data[q]
        for c in range(offset.size):
            g[c] -= total * offset[c]
