"""A weight matrix as it is kept for inference: sparse or dense, its numbers in 32, 16 or 8 bits, or in 64.

Products read it as it is kept. Sparse weights are multiplied one by one where they are few; else dense blocks are made
while they are needed. The number of rows has no say in that: a row has the same bits whatever rows are beside it.
"""

import numpy as np
from scipy import sparse

from .._kernels.products import multiply, multiply_rows_t
from .._kernels.sparse_weights import add_weighted, fill_rows, multiply_entries_t
from . import bitmaps
from .codes import RowCode
from .sparse_rows import SparseRows

# Share of entries up to which sparse weights are visited one by one, and the size of a matrix from which on: elsewhere
# it is faster to make dense blocks and multiply these. Measured from 64 x 64 to 2048 x 768, with 1 to 320 rows.
WORTH_IT, SMALLEST = 0.3, 1 << 13
# Numbers in a dense block: it stays in the cache.
BLOCK = 1 << 18
# Smaller weights than this are zero: arithmetic on denormal numbers is many times slower.
TINY = 1e-30
# Types of numbers in few bits, which are multiples of a scale. They become floats ten times as fast as half floats do.
INTEGERS = {16: np.dtype(np.int16), 8: np.dtype(np.int8)}


class StoredMatrix:
    """Weights (inner, outer), read-only: row j is ``scale[j] * values``.

    Parameters
    ----------
    shape : tuple of int
    dtype : dtype
        In which products are made.
    values : ndarray
        Of shape (inner, outer), or the entries of CSR; float64, float32, int16 or int8.
    scale : ndarray of shape (inner,), optional
        What the values of each row are multiplied by.
    indptr, indices : ndarray of int64 and of int32, optional
        Places of the entries, where the matrix is sparse.
    """

    def __init__(self, shape, dtype, values, scale=None, indptr=None, indices=None):
        self.shape, self.dtype = tuple(map(int, shape)), np.dtype(dtype)
        self.values, self.scale, self.indptr, self.indices = values, scale, indptr, indices

    @classmethod
    def of(cls, weights, bits=None):
        """Keep an array of weights, in `bits` a number where given."""
        dtype = weights.dtype
        weights = np.where(np.abs(weights) < TINY, dtype.type(0), weights)
        if bits is None:
            return cls(weights.shape, dtype, weights)
        largest, steps = np.abs(weights).max(axis=1, initial=0), 2 ** (bits - 1) - 1
        scale = np.where(largest > 0, largest / dtype.type(steps), dtype.type(1)).astype(dtype)
        weights /= scale[:, None]
        values = np.rint(weights, out=weights).astype(INTEGERS[bits])
        return cls(weights.shape, dtype, values, scale)

    def kept(self, support):
        """The same, as an array, with these entries alone: an array of bool."""
        inner, outer = np.nonzero(support)
        indptr = np.concatenate([[0], np.bincount(inner, minlength=len(self)).cumsum()]).astype(np.int64)
        return StoredMatrix(self.shape, self.dtype, self.values[support], self.scale, indptr, outer.astype(np.int32))

    @property
    def sparse(self):
        """Whether only some entries are kept."""
        return self.indptr is not None

    @property
    def bits(self):
        """Bits of a number, where they are fewer than those of the type."""
        return 8 * self.values.itemsize if self.values.dtype in INTEGERS.values() else None

    @property
    def nbytes(self):
        """Bytes in memory."""
        arrays = self.values, self.scale, self.indptr, self.indices
        return sum(array.nbytes for array in arrays if array is not None)

    @property
    def by_entries(self):
        """Whether products visit the entries one by one."""
        size = self.shape[0] * self.shape[1]
        return self.sparse and size >= SMALLEST and self.values.size <= WORTH_IT * size

    def __len__(self):
        return self.shape[0]

    # as a plain matrix

    def rows(self, lo, hi, scaled=True):
        """The rows ``lo..hi`` as an array, with the scale or without it."""
        if self.sparse:
            out = np.empty((hi - lo, self.shape[1]), self.dtype)
            first, last = self.indptr[lo], self.indptr[hi]
            entries = self.indices[first:last], self._numbers(first, last)
            fill_rows(self.indptr[lo : hi + 1] - first, *entries, out)
        else:
            out = self.values[lo:hi].astype(self.dtype, order="C", copy=scaled and self.scale is not None)
        if scaled and self.scale is not None:
            out *= self.scale[lo:hi, None]
        return out

    def to_dense(self):
        """All rows."""
        return np.concatenate([self.rows(lo, hi) for lo, hi in self._blocks()])

    def support(self):
        """Whether an entry is kept, an array of bool."""
        if not self.sparse:
            return np.ones(self.shape, bool)
        out = np.zeros(self.shape, bool)
        out[np.repeat(np.arange(len(self)), np.diff(self.indptr)), self.indices] = True
        return out

    def to_csr(self):
        """The kept entries in CSR, as an array of scipy's."""
        values = self._numbers(0, self.values.size).copy()
        if self.scale is not None:
            values *= np.repeat(self.scale, np.diff(self.indptr))
        return sparse.csr_array((values, self.indices.copy(), self.indptr.copy()), shape=self.shape)

    def multiplied(self, factor):
        """The same matrix with its rows times a factor; it shares the entries."""
        scale = factor if self.scale is None else self.scale * factor
        return StoredMatrix(self.shape, self.dtype, self.values, scale, self.indptr, self.indices)

    def _numbers(self, first, last):
        """Entries of CSR in the type of the products."""
        return self.values[first:last].astype(self.dtype, copy=False)

    def _blocks(self):
        step = max(1, BLOCK // max(1, self.shape[1]))
        return [(lo, min(len(self), lo + step)) for lo in range(0, len(self), step)]

    # products

    def multiply_t(self, x, bias):
        """``x @ W.T + bias`` of a tile of rows, an array or a `SparseRows`."""
        if isinstance(x, SparseRows):
            parts = [x.multiply_t(self.rows(lo, hi), bias[lo:hi]) for lo, hi in self._blocks()]
            return np.concatenate(parts, axis=1)
        if self.by_entries:
            initial = bias if self.scale is None else np.zeros_like(bias)
            out = multiply_entries_t(x, self.indptr, self.indices, self._numbers(0, self.values.size), initial)
        else:
            out = np.empty((len(x), len(self)), self.dtype)
            for lo, hi in self._blocks():
                initial = bias[lo:hi] if self.scale is None else np.zeros(hi - lo, self.dtype)
                out[:, lo:hi] = multiply_rows_t(x, self.rows(lo, hi, scaled=False), initial)
        if self.scale is not None:
            out *= self.scale
            out += bias
        return out

    def add_multiple(self, t, out):
        """``out += t @ W`` of a tile of rows."""
        for lo, hi in self._blocks():
            multiply(np.ascontiguousarray(t[:, lo:hi]), self.rows(lo, hi), out, out)

    def decode(self, code, out):
        """Add to `out`, for each row of a code, the rows of W of its units times their values."""
        if not isinstance(code, RowCode):
            self.add_multiple(code.values, out)
            return
        filled = np.arange(code.index.shape[1]) < code.count[:, None]  # what is behind the count is anything
        index, values = np.where(filled, code.index, 0), np.where(filled, code.seen, 0)
        if self.scale is not None:
            values = values * self.scale[index]
        if self.by_entries:
            entries = self.indptr, self.indices, self._numbers(0, self.values.size)
            add_weighted(index, values, code.count, *entries, out)
            return
        units, place = np.unique(index, return_inverse=True)
        index = place.reshape(index.shape).astype(np.int32)
        RowCode(index, values, code.count).decode(self._chosen(units), 0, units.size, out)

    def _chosen(self, units):
        """Some rows as an array, without the scale."""
        if not self.sparse:
            return self.values[units].astype(self.dtype, copy=False)
        counts = np.diff(self.indptr)[units]
        ptr = np.concatenate([[0], counts.cumsum()]).astype(np.int64)
        at = np.arange(ptr[-1]) + np.repeat(self.indptr[units] - ptr[:-1], counts)
        out = np.empty((units.size, self.shape[1]), self.dtype)
        fill_rows(ptr, self.indices[at], self.values[at].astype(self.dtype, copy=False), out)
        return out

    # in files

    def __getstate__(self):
        """Places as a compressed map of bits: they take less than indices."""
        state = {name: getattr(self, name) for name in ("shape", "dtype", "values", "scale")}
        return {**state, "places": bitmaps.pack(self.shape, self.indptr, self.indices) if self.sparse else None}

    def __setstate__(self, state):
        self.__init__(*(state[name] for name in ("shape", "dtype", "values", "scale")))
        n_values, shape = self.shape[0] * self.shape[1], self.shape
        if state["places"] is not None:
            self.indptr, self.indices = bitmaps.unpack(self.shape, state["places"])
            n_values, shape = self.indices.size, (self.indices.size,)
        fits = self.values.shape == shape and self.values.dtype in (self.dtype, *INTEGERS.values())
        if not fits or (self.scale is not None and self.scale.shape != self.shape[:1]):
            raise ValueError(
                f"The stored weights are corrupt: got {self.values.size} values of {self.values.dtype} for {n_values} "
                f"places of a matrix of shape {self.shape}. {bitmaps.REMEDY}"
            )
