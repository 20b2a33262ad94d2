"""Rows of the data, dense or CSR, read tile by tile, and their moments. X is never changed; NaN is a missing value.

What need not be copied is read where it lies, a tile at a time: memory maps of any order and type, and data whose
conversion would be large. So a fit needs its parameters and a few batches, however large X is.
"""

import numpy as np
from scipy import sparse
from sklearn.utils import assert_all_finite

from .._kernels.jit import jit, row_of
from .._kernels.kernel import kernel
from .._kernels.threads import partition, run
from .mapped import map_of, read_ahead

# Parts in which some rows of sparse data are copied, for sums over them.
COPIES = 64
# Blocks of rows whose sums are taken at once, and numbers that are read or converted at a time.
SUM_BLOCKS, TILE_SIZE = 8, 1 << 18
# Bytes up to which data in another type or order is converted at once: cheaper than to convert it in every epoch.
SMALL = 1 << 26


@kernel("S2", "l1", "T1", "d1", "T1", "T2!")
def _gather(X, rows, offset, factor, fill, out):
    for i in range(rows.size):
        x, o = row_of(X, rows[i]), row_of(out, i)
        for c in range(o.size):
            value = x[c] if x[c] == x[c] else fill[c]
            o[c] = (value - offset[c]) * X.dtype.type(factor[c])


@kernel("S1", "J1", "J1", "l1", "T1", "d1", "T2!")
def _gather_csr(data, indices, indptr, rows, offset, factor, out):
    """Each entry is computed as `_gather` does, so that sparse rows have the bits of dense ones."""
    zero = data.dtype.type(0)
    for i in range(rows.size):
        o = row_of(out, i)
        for c in range(o.size):
            o[c] = (zero - offset[c]) * data.dtype.type(factor[c])
        for q in range(indptr[rows[i]], indptr[rows[i] + 1]):
            c = indices[q]
            o[c] = (data[q] - offset[c]) * data.dtype.type(factor[c])


@jit
def _add_differences(X, shift, sums, count):
    for i in range(X.shape[0]):
        x = X[i]
        for c in range(x.size):
            seen = x[c] == x[c]
            sums[c] += x[c] - shift[c] if seen else 0.0
            count[c] += 1 if seen else 0


@jit
def _add_squares(X, shift, factor, sums, of_rows):
    for i in range(X.shape[0]):
        x, total = X[i], 0.0
        for c in range(x.size):
            difference = (x[c] - shift[c]) * factor[c] if x[c] == x[c] else 0.0
            sums[c] += difference * difference
            total += difference * difference
        of_rows[i] = total


@jit
def _add_stored(data, indices, indptr, shift, factor, squared, sums, stored, of_rows):
    """The same of what is stored in CSR; an entry that is not stored differs from the shift by minus the shift."""
    for i in range(indptr.size - 1):
        total = 0.0
        for q in range(indptr[i], indptr[i + 1]):
            c = indices[q]
            difference, absent = (data[q] - shift[c]) * factor[c], shift[c] * factor[c]
            sums[c] += difference * difference if squared else difference
            stored[c] += 1
            total += difference * difference - absent * absent
        of_rows[i] = total


class Rows:
    """Access to the rows of X by number.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_samples, n_features)
        Validated; may be read-only, of any real type and, if it is dense, of any order.
    dtype : dtype, optional
        The type that rows are given in; that of X by default.
    chosen : ndarray of int, optional
        The rows of X that are meant, in their order; all by default.
    target : Rows, optional
        What the rows of X with the same numbers are to be turned into, where that is not themselves.
    """

    def __init__(self, X, dtype=None, chosen=None, target=None):
        self.dtype, self.chosen, self.target = np.dtype(X.dtype if dtype is None else dtype), chosen, target
        self.sparse = sparse.issparse(X)
        if self.sparse:
            X = _canonical(X.astype(self.dtype, copy=False))
        elif _is_better_converted(X, self.dtype):
            X = np.ascontiguousarray(X, self.dtype)
        self.X = X
        self.direct = self.sparse or (X.dtype == self.dtype and X.flags.c_contiguous and X.flags.aligned)
        self._means = self._moments = self._distances = None

    @property
    def missing(self):
        """Whether any value is missing."""
        return not self.sparse and bool((self.means()[1] < len(self)).any())

    def assert_no_infinity(self, estimator_name, known_means=False):
        """Raise scikit-learn's error if a value is infinite.

        With `known_means`, which is faster where the means are needed anyway, finite means are enough to pass.
        """
        if known_means and np.isfinite(self.means()[0]).all():
            return
        options = {"allow_nan": True, "input_name": "X", "estimator_name": estimator_name}
        if self.sparse:
            assert_all_finite(self.X, **options)
        elif self.X.dtype.kind == "f":
            for lo, hi in self.pieces():
                x = self._raw(np.s_[lo:hi])
                if not np.isfinite(x.sum()):  # scikit-learn's check takes longer than a row's code
                    assert_all_finite(x, **options)

    def __len__(self):
        return self.X.shape[0] if self.chosen is None else len(self.chosen)

    @property
    def shape(self):
        """Numbers of rows and features."""
        return len(self), self.X.shape[1]

    def subset(self, chosen):
        """Some of the rows, without a copy."""
        return Rows(self.X, self.dtype, chosen if self.chosen is None else self.chosen[chosen], self.target)

    @property
    def at_hand(self):
        """The rows that can be looked at one by one: all; of rows that are elsewhere, a sample."""
        return self

    def brought(self, numbers):
        """Rows at hand in which there are those of these numbers, and the numbers that they have there."""
        return self, numbers

    def sample(self, most):
        """Up to `most` of the rows, evenly spaced."""
        n = len(self)
        return self if n <= most else self.subset(np.linspace(0, n - 1, most).astype(np.int64))

    def numbers(self, rows):
        """Rows of X that some `rows` of this stand for."""
        return np.asarray(rows if self.chosen is None else self.chosen[rows], np.int64)

    def take(self, rows, offset, factor, fill, out):
        """Write ``(X[rows] - offset) * factor``, with the feature's `fill` where a value is missing."""
        self.gather(self.numbers(rows), offset, factor, fill, out)

    def gather(self, numbers, offset, factor, fill, out):
        """The same of the rows of X with these numbers; `factor`, in float64, has one number a feature."""
        if self.sparse:
            _gather_csr(self.X.data, self.X.indices, self.X.indptr, numbers, offset, factor, out)
        elif self.direct:
            _gather(self.X, numbers, offset, factor, fill, out)
        else:
            x = np.ascontiguousarray(self.X[numbers], self.dtype)
            _gather(x, np.arange(len(x), dtype=np.int64), offset, factor, fill, out)

    def arrays(self):
        """What `gather` reads without the interpreter, by name; nothing where it can't."""
        if self.sparse:
            return {name: getattr(self.X, name) for name in ("data", "indices", "indptr")}
        return {"X": self.X} if self.direct else {}

    def kind(self):
        """What must be the same of all data that a plan reads."""
        target = None if self.target is None else self.target.kind()
        return self.sparse, self.direct, self.X.indices.dtype if self.sparse else None, target

    def tile(self, lo, hi):
        """Rows ``lo..hi`` as a dense array of the type asked for."""
        return self._converted(np.s_[lo:hi])

    def read_ahead(self, lo, hi):
        """Let the system begin to read what lies in files of the rows ``lo..hi``, if their numbers rise."""
        first, last = (lo, hi) if self.chosen is None else (self.chosen[lo], self.chosen[hi - 1] + 1)
        for each in (self, self.target):
            if each is not None and not each.sparse:
                read_ahead(each.X, first, last)

    def _raw(self, rows):
        return self.X[rows if self.chosen is None else self.chosen[rows]]

    def _converted(self, rows):
        x = self._raw(rows)
        return x.toarray() if self.sparse else np.ascontiguousarray(x, self.dtype)

    def pieces(self, lo=0, hi=None):
        """Ranges of rows of about `TILE_SIZE` numbers."""
        hi, step = len(self) if hi is None else hi, max(1, TILE_SIZE // self.X.shape[1])
        return [(first, min(hi, first + step)) for first in range(lo, hi, step)]

    def blocks_of_features(self):
        """Yield ranges of features, and their columns as a dense array of about `TILE_SIZE` numbers, in float64."""
        x, chosen, (n, d) = self.X, np.s_[:] if self.chosen is None else self.chosen, self.shape
        step = max(1, TILE_SIZE // n)
        if self.sparse:
            x, chosen = x[chosen].tocsc(), np.s_[:]
        for lo in range(0, d, step):
            block = x[chosen, lo : lo + step]
            block = block.toarray() if self.sparse else block.astype(self.dtype)
            yield slice(lo, lo + step), block.astype(np.float64)

    def extremes(self):
        """The smallest and the largest observed value."""
        if self.sparse:
            values = self.X.data if self.X.nnz == self.X.shape[0] * self.X.shape[1] else np.append(self.X.data, 0)
            return float(values.min()), float(values.max())
        low = high = np.nan
        for lo, hi in self.pieces():
            x = self.tile(lo, hi)
            low, high = np.fmin(low, np.fmin.reduce(x, axis=None)), np.fmax(high, np.fmax.reduce(x, axis=None))
        return float(low), float(high)

    # sums over all rows, in float64

    def means(self):
        """Mean of the observed values of each feature, in float64, and their number; of none, 0.

        The mean is that of the differences from the first row (where that is missing, from the smallest value), so that
        it is exact for a constant feature.
        """
        if self._means is None:
            first = self.tile(0, 1)[0].astype(np.float64)
            if np.isnan(first).any():
                smallest = np.full(first.size, np.nan)
                for lo, hi in self.pieces():
                    smallest = np.fmin(smallest, np.fmin.reduce(self.tile(lo, hi), axis=0))
                first = np.nan_to_num(np.where(np.isnan(first), smallest, first))
            if self.sparse:
                sums, count = self._sum_sparse(first, np.ones_like(first), False)
            else:
                sums, count = self._sum(_add_differences, first)
            with np.errstate(all="ignore"):
                self._means = first + sums / np.maximum(count, 1), count
        return self._means

    def moments(self):
        """Mean and variance of the observed values of each feature, in float64, and their number."""
        if self._moments is None:
            mean, count = self.means()
            with np.errstate(all="ignore"):
                squares, self._distances = self._squares(mean, np.ones_like(mean))
                self._moments = mean, squares / np.maximum(count, 1), count
        return self._moments

    def distances(self, units):
        """Squared distance of each row from the mean, each feature in its unit, in float64.

        Those in units of 1 come with the moments. They are given away: a number a row is much, in a long file.
        """
        mean = self.moments()[0]
        distances, self._distances = self._distances, None
        known = distances is not None and (units == 1).all()
        return distances if known else self._squares(mean, 1 / units)[1]

    def _squares(self, mean, factor):
        """Sums of the squares of ``(X - mean) * factor``, of each feature and of each row."""
        if self.sparse:
            return self._sum_sparse(mean, factor, True)
        return self._sum(_add_squares, mean, factor)

    def _sum(self, kernel, *numbers):
        """Sums over all rows of the differences from a shift, or of their squares, by feature.

        `numbers` are what the kernel is told of the features. The sums are the same for any number of threads. The
        second result is the number of observed values of each feature, or the sum of each row.
        """
        n, d = self.shape
        blocks = partition(n, max(1, n / SUM_BLOCKS))
        sums, of_rows = np.zeros((len(blocks), d)), np.empty(n)
        count = np.zeros((len(blocks), d), np.int64)

        def add(block, slot):
            for lo, hi in self.pieces(*blocks[block]):
                kernel(self.tile(lo, hi), *numbers, sums[block], count[block] if counts else of_rows[lo:hi])

        counts = kernel is _add_differences
        run(add, len(blocks), inline=n * d < TILE_SIZE)
        return sums.sum(axis=0), count.sum(axis=0) if counts else of_rows

    def _sum_sparse(self, shift, factor, squared):
        """The same of CSR, from what is stored; every entry is observed."""
        n, d = self.shape
        sums, stored, of_rows = np.zeros(d), np.zeros(d, np.int64), np.empty(n)
        for lo, hi in [(0, n)] if self.chosen is None else partition(n, max(1, n / COPIES)):
            X = self.X if self.chosen is None else self.X[self.chosen[lo:hi]]
            _add_stored(X.data, X.indices, X.indptr, shift, factor, squared, sums, stored, of_rows[lo:hi])
        shift = shift * factor
        sums += (n - stored) * (shift * shift if squared else -shift)
        return sums, of_rows + shift @ shift if squared else np.full(d, n)


def _canonical(X):
    """CSR without duplicates, the caller's left as it is. Its flags may lie: they are found anew."""
    X = type(X)((X.data, X.indices, X.indptr), shape=X.shape, copy=False)
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    return X


def _is_better_converted(X, dtype):
    """Whether to make a copy of dense data in the kernels' type and order at once."""
    if X.dtype == dtype and X.flags.c_contiguous and X.flags.aligned:
        return False
    return X.size * dtype.itemsize <= SMALL or (X.dtype == dtype and map_of(X) is None)


def row_numbers(n):
    """The numbers from 0 on, in as few bytes as they need: of long files they are what takes most memory."""
    return np.arange(n, dtype=np.int32 if n <= np.iinfo(np.int32).max else np.int64)


def merge_means(mean, count, other_mean, other_count):
    """Moments of features that have been constant so far together with others that are, too.

    Means that differ by no more than they were rounded by are equal.
    """
    total = np.maximum(count + other_count, 1)
    apart = np.where((count > 0) & (other_count > 0), other_mean - mean, 0)
    apart[np.abs(apart) <= 1e-6 * np.abs(mean)] = 0
    variance = count * other_count / total**2 * apart**2
    return np.where(count > 0, mean, other_mean) + apart * other_count / total, variance, count + other_count
