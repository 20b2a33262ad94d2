"""Arrays between pages that no one may touch: a kernel that leaves one by a byte ends the process.

    python tests/kernels/guard_pages.py

Bounds checks of numba do not see kernels that are written with llvmlite, and nothing sees a read beyond an array that
happens to hit other memory. Linux only.
"""

import ctypes
import itertools
import mmap
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))  # where the package is not installed

from skl_sae._kernels import layouts, noise, reductions, sparse_products, sparse_weights, top_k
from skl_sae._kernels.products import multiply, multiply_t
from skl_sae._model import rows as data_rows
from skl_sae._model import sparse_rows
from skl_sae._training.optimizers import OPTIMIZERS

DTYPES = [np.float32, np.float64]


def guarded(array, end=True):
    """A copy of an array whose end, or else its start, touches a page that may be neither read nor written."""
    array, page = np.ascontiguousarray(array), mmap.PAGESIZE
    room = -(-max(array.nbytes, 1) // page) * page
    memory = mmap.mmap(-1, room + 2 * page)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for at in start, start + page + room:
        if ctypes.CDLL(None, use_errno=True).mprotect(ctypes.c_void_p(at), page, 0):
            raise OSError(ctypes.get_errno(), "mprotect")
    copy = np.ndarray(array.shape, array.dtype, memory, page + (room - array.nbytes if end else 0))
    copy[...] = array
    return copy


class Arrays:
    """Random arrays, all guarded at one side."""

    def __init__(self, end, seed=0):
        self.end, self.rng = end, np.random.default_rng(seed)

    def __call__(self, array, dtype=None):
        return guarded(np.asarray(array, dtype), self.end)

    def normal(self, *shape, dtype):
        return self(self.rng.standard_normal(shape), dtype)

    def integers(self, stop, *shape, dtype=np.int32):
        return self(self.rng.integers(0, stop, shape), dtype)


def products(make, dtype):
    """Shapes around the blocks of the kernels, and the three starts."""
    for m, depth, n in itertools.product([1, 3, 8, 9, 17], [1, 2, 7, 8, 16, 19, 33], [1, 2, 3, 7, 16, 24, 49]):
        x, w, wt = (
            make.normal(m, depth, dtype=dtype),
            make.normal(depth, n, dtype=dtype),
            make.normal(n, depth, dtype=dtype),
        )
        out, start = make.normal(m, n, dtype=dtype), make.normal(n, dtype=dtype)
        for first in None, start, out:
            multiply(x, w, out, first)
            multiply_t(x, wt, out, first)
    x, w, out = make.normal(9, 1030, dtype=dtype), make.normal(1030, 65, dtype=dtype), make.normal(9, 65, dtype=dtype)
    multiply(x, w, out)
    multiply(x[:, 3:], w[3:, 2:61], out[:, 2:61])
    multiply_t(x, make(w.T), out)
    multiply_t(x[:, 3:], make(w.T)[:60, 3:], out[:, 5:])


def selection(make, dtype):
    """Short and long rows, with numbers of all kinds."""
    odd = [np.inf, -np.inf, np.nan, np.finfo(dtype).max, 0, 1e-45]
    for m, k in [(1, 1), (7, 3), (7, 7), (300, 40), (2049, 1), (2200, 60), (4096, 32)]:
        for strange in 0, 0.02, 0.5, 1:
            a = make.rng.standard_normal((9, m)) * 10.0 ** make.rng.integers(-30, 30, (9, 1))
            a = np.where(make.rng.random(a.shape) < strange, make.rng.choice(odd, a.shape), a)
            a[::3] = np.round(a[::3])
            a = make(a, dtype)
            for floor, signed in (1e-45, False), (-np.inf, False), (0, True):
                index, values, count = (
                    make(np.zeros((9, k), np.int32)),
                    make(np.zeros((9, k), dtype)),
                    make(np.zeros(9, np.int32)),
                )
                top_k.select_largest_entries(a, dtype(floor), index, values, count, signed)
                assert 0 <= count.min() <= count.max() <= k
                top_k.column_bounds(a, min(k, 9), make(np.array([floor], float)), make(np.zeros(m, dtype)))
                layouts.scatter_rows(index, values, count, make(np.zeros((9, m), dtype)))
                layouts.pack_rows(index, values, count)


def code_kernels(make, dtype):
    """Codes of every density, compressed, decoded, ordered and summed."""
    for n, m, width, density in itertools.product([1, 5], [1, 6, 40], [1, 4, 16, 21, 70, 131], [0, 0.3, 1]):
        support = make.rng.random((n, m)) < density
        dense = make(np.where(support, make.rng.standard_normal((n, m)), 0), dtype)
        index, values = make(np.zeros((n, m), np.int32)), make(np.zeros((n, m), dtype))
        count, grad = make(np.zeros(n, np.int32)), make(np.zeros((n, m), dtype))
        layouts.compress_nonzero(dense, index, values, count)
        layouts.compress_support(dense, make(support), index, values, count)
        decoder, rows = make.normal(m, width, dtype=dtype), make.normal(n, width, dtype=dtype)
        for start, stop in (0, m), (m // 2, m), (0, m // 2):
            sparse_products.spmm(index, values, count, decoder, start, stop, make(np.zeros((n, width), dtype)))
            sparse_products.sddmm(index, count, decoder, rows, start, stop, grad)
        size = int(count.sum())
        ptr, row, position = (
            make(np.zeros(m + 1, np.int64)),
            make(np.zeros(size, np.int32)),
            make(np.zeros(size, np.int64)),
        )
        entries, slopes = make(np.zeros(size, dtype)), make(np.zeros(size, dtype))
        layouts.order_by_unit(index, values, grad, count, ptr, row, position, entries, slopes)
        reductions.sum_segments(ptr, entries)
        reductions.find_nonzero_segments(ptr, entries, make(np.zeros(m, bool)))
        layouts.restore_rows(ptr, position, entries, grad)
        layouts.take_entries(ptr, row, dense, entries)
        layouts.add_entries(ptr, row, entries, make(np.zeros((n, m), dtype)))
        for add in False, True:
            sparse_products.spmm_by_unit(ptr, row, entries, rows, make(np.zeros((m, width), dtype)), add)
        reductions.sum_columns(dense)
        reductions.find_nonzero(dense, make(np.zeros(m, bool)))
        reductions.count_nonzero(dense, make(np.zeros(1)))
        key = make(np.array([5]))
        noise.drop(dense, key, 0, 0, 0, 0.5)
        noise.drop_in_units(ptr, row, entries, entries, key, 0, 0, 0, 0.5)
        noise.drop_in_rows(index, grad, count, grad, key, 0, 0, 0.5)


def weights_of_units(make, dtype):
    """Sparse weights of every density, with rows one by one and as tiles of whole vectors."""
    lanes = sparse_weights.REGISTER // np.dtype(dtype).itemsize
    for n, m, d, density in itertools.product([1, 5, 40], [1, 7], [1, 9, 33], [0, 0.3, 1]):
        kept = make.rng.random((m, d)) < density
        ptr = make(np.append(0, np.count_nonzero(kept, axis=1).cumsum()))
        index, values = make(np.nonzero(kept)[1].astype(np.int32)), make.normal(int(kept.sum()), dtype=dtype)
        x, factors = make.normal(n, d, dtype=dtype), make.normal(n, m, dtype=dtype)
        sparse_weights._add_by_row(ptr, index, values, x, make(np.zeros((n, m), dtype)))
        for vectors in [1, 2, 4, 8, 15] if lanes else []:
            columns, out = make.normal(d, vectors * lanes, dtype=dtype), make(np.zeros((m, vectors * lanes), dtype))
            sparse_weights._add_by_tile(ptr, index, values, columns, out)
        units, count = make(np.tile(np.arange(m, dtype=np.int32), (n, 1))), make(np.full(n, m, np.int32))
        sparse_weights.add_weighted(units, factors, count, ptr, index, values, make(np.zeros((n, d), dtype)))
        sparse_weights.fill_rows(ptr, index, values, make(np.zeros((m, d), dtype)))


def data(make, dtype):
    """Rows of dense and sparse data, also such as have no entries."""
    for n, d, m, density in itertools.product([1, 4, 9], [1, 3, 33], [1, 4, 7], [0, 0.4, 1]):
        X = make(np.where(make.rng.random((n, d)) < density, make.rng.standard_normal((n, d)), 0), dtype)
        offset, fill, rows = (
            make.normal(d, dtype=dtype),
            make.normal(d, dtype=dtype),
            make.integers(n, 5, dtype=np.int64),
        )
        factor, one_factor = make.normal(d, dtype=float), make(np.array([0.5]))
        data_rows._gather(X, rows, offset, factor, fill, make(np.zeros((5, d), dtype)))
        shift = make.normal(d, dtype=float)
        data_rows._add_differences(X, shift, make(np.zeros(d)), make(np.zeros(d, np.int64)))
        data_rows._add_squares(X, shift, factor, make(np.zeros(d)), make(np.zeros(n)))
        noise.mask_inputs(X.copy(), fill, np.array([5]), 0, 0.5)
        at = np.nonzero(X)
        indptr = np.append(0, np.cumsum(np.count_nonzero(X, axis=1)))
        for kind in np.int32, np.int64:
            arrays = make(X[at], dtype), make(at[1], kind), make(indptr, kind)
            data_rows._gather_csr(*arrays, rows, offset, factor, make(np.zeros((5, d), dtype)))
            for squared in False, True:
                sums = make(np.zeros(d)), make(np.zeros(d, np.int64)), make(np.zeros(n))
                data_rows._add_stored(*arrays, shift, factor, squared, *sums)
            weights, bias = make.normal(m, d, dtype=dtype), make.normal(m, dtype=dtype)
            sparse_rows._multiply_t(*arrays, rows, offset, one_factor, weights, make(np.zeros((5, m), dtype)), bias)
            entries = make(np.arange(0, 5 * m + 1, 5)), make(np.tile(np.arange(5, dtype=np.int32), m))
            grads = make.normal(5 * m, dtype=dtype)
            out = make(np.zeros((m, d), dtype))
            sparse_rows._correlate(*entries, grads, *arrays, rows, offset, one_factor, out, False)


def optimizers(make, dtype):
    params = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8, "momentum": 0.9, "nesterovs_momentum": True}
    for solver, size in itertools.product(OPTIMIZERS.values(), [1, 5, 16, 33]):
        optimizer, theta = solver(size, np.dtype(dtype), params), make.normal(size, dtype=dtype)
        for name, value in vars(optimizer).items():
            if isinstance(value, np.ndarray):
                setattr(optimizer, name, make(value))
        settings = make(np.array(optimizer.begin(0.1), float))
        optimizer.update(theta, 0, make.normal(size, dtype=dtype), settings, make(np.zeros(1)))


def main():
    for kernels, dtype, end in itertools.product(
        [products, selection, code_kernels, weights_of_units, data, optimizers], DTYPES, [True, False]
    ):
        with np.errstate(all="ignore"):
            kernels(Arrays(end), dtype)
        print(kernels.__name__, dtype.__name__, "end" if end else "start", flush=True)


if __name__ == "__main__":
    main()
