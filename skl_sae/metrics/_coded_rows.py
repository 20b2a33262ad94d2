"""Rows as a model tells them: codes that are rounded, counted, and decoded again."""

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array, issparse
from scipy.special import gammaln
from sklearn.utils import assert_all_finite, gen_batches

from ._blocks import BLOCK_ENTRIES, dense_rows, encoded_blocks
from ._rate import scaled_difference

# The finest step of a code, as a share of the unit's largest: no more digits matter.
FINEST_STEP = 2.0**-30
# A unit and a step of its code, in one number.
SHIFT = 32
MIDDLE = 1 << (SHIFT - 1)


class Told(NamedTuple):
    """What it takes to tell rows.

    `support` and `values` are bits of all rows. `errors` are sums of squares, one a column, and `atoms` (n_components,
    n_features) what units add at their largest code, both on the scale of `CodedRows`. `squares` are sums of squares of
    the rounded codes, as shares of the largest.
    """

    support: float
    values: float
    errors: np.ndarray
    atoms: np.ndarray
    squares: np.ndarray


class CodedRows:
    """An estimator that encodes and decodes rows by blocks, of numbers divided by two to the power of `exponent`."""

    def __init__(self, estimator, exponent):
        self.estimator = estimator
        self.exponent = exponent

    def measure(self, X, numbers, noise):
        """Tell the rows of X, which are `numbers`, such that a rounded value costs an error of `noise`."""
        largest = self._largest(X, numbers)
        atoms = self._atoms(largest)
        sizes = np.sqrt(np.einsum("ij,ij->i", atoms, atoms))
        steps = np.maximum(np.sqrt(12 * noise) / np.where(sizes > 0, sizes, 1), FINEST_STEP)
        inverse_steps = np.where(sizes > 0, 1 / steps, 0)  # a unit without an effect is never told
        errors, squares = np.zeros(numbers.shape[1]), np.zeros(largest.size)
        counts = np.zeros(0, np.int64), np.zeros(0, np.int64)
        for rows, codes in self._encoded(X, numbers):
            unit = codes.indices
            share = codes.data / np.where(largest[unit] > 0, largest[unit], 1)
            bins = np.rint(share * inverse_steps[unit])
            share = bins * steps[unit]
            squares += np.bincount(unit, share**2, minlength=largest.size)
            codes.data = share * largest[unit]
            block = dense_rows(numbers, rows)
            errors += np.nansum(scaled_difference(block, self._decode(codes), self.exponent) ** 2, axis=0)
            active = bins != 0
            counts = _count((unit[active].astype(np.int64) << SHIFT) + bins[active].astype(np.int64) + MIDDLE, counts)
        return Told(*_bits(*counts, largest.size, numbers.shape[0]), errors, atoms, squares)

    def _encoded(self, X, numbers):
        """Slices of the rows, and their codes in CSR, float64."""
        for rows, codes in encoded_blocks(self.estimator, X, numbers.shape[1]):
            dtype = np.dtype(getattr(codes, "dtype", np.float64))
            self._kind = issparse(codes), dtype if dtype.kind == "f" else np.dtype(np.float64)
            codes = csr_array(codes, dtype=np.float64)
            assert_all_finite(codes, input_name="codes")
            codes.sum_duplicates()
            yield rows, codes

    def _largest(self, X, numbers):
        """Largest absolute code of each unit."""
        found = [abs(codes).max(axis=0) for _, codes in self._encoded(X, numbers)]
        return np.max([each.toarray().ravel() for each in found], axis=0)

    def _decode(self, codes):
        """Reconstructions of codes in CSR, which are given to the estimator as it gives its own."""
        sparse, dtype = self._kind
        codes = codes.astype(dtype)
        decoded = self.estimator.inverse_transform(codes if sparse else codes.toarray())
        decoded = np.asarray(decoded.toarray() if issparse(decoded) else decoded, dtype=np.float64)
        assert_all_finite(decoded, input_name="reconstruction")
        return decoded

    def _atoms(self, values):
        """What each unit alone adds to the reconstruction of a row, at the given code."""
        at_zero = self._decode(csr_array((1, values.size)))
        effects = []
        for units in gen_batches(values.size, max(1, BLOCK_ENTRIES // max(values.size, at_zero.size))):
            at = np.arange(units.start, units.stop)
            codes = csr_array((values[at], (at - units.start, at)), shape=(at.size, values.size))
            effects.append(scaled_difference(self._decode(codes), at_zero, self.exponent))
        return np.concatenate(effects)


def _count(keys, counts):
    """Count more keys: different ones, in order, and how often each was seen."""
    known, numbers = counts
    known, place = np.unique(np.concatenate([known, keys]), return_inverse=True)
    total = np.bincount(place, np.concatenate([numbers, np.ones(keys.size)]), minlength=known.size)
    return known, total.astype(np.int64)


def _bits(keys, counts, n_units, n_samples):
    """Bits for the support and for the values of all rows."""
    units, bins = keys >> SHIFT, keys & ((1 << SHIFT) - 1)
    active = np.bincount(units, counts, minlength=n_units)
    support = _log_gamma_ratio(active).sum() + _log_gamma_ratio(n_samples - active).sum()
    support -= n_units * gammaln(n_samples + 1)
    used = np.flatnonzero(active)
    first, last = (np.searchsorted(units, used, side) for side in ("left", "right"))
    half = (bins[last - 1] - bins[first] + 1) / 2
    values = _log_gamma_ratio(counts).sum() + (gammaln(half) - gammaln(active[used] + half)).sum()
    return -support / np.log(2), -values / np.log(2)


def _log_gamma_ratio(counts):
    """Logarithm of gamma(count + 1/2) / gamma(1/2)."""
    return gammaln(counts + 0.5) - gammaln(0.5)
