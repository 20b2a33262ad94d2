"""Shrinkage: what makes the codes of an unrolled network sparse, layer by layer, and the rule of its last layer."""

import numpy as np

from ..._kernels.jit import row_of
from ..._kernels.kernel import copy, kernel, recordable
from ..._kernels.top_k import select_largest_entries
from ..._model.codes import DenseCode
from ...sparsity import BaseSparsity
from ...sparsity._penalties import charge
from ...sparsity._target import check_non_negative


@kernel("T2!", "T1", "T1", "n")
def _shrink(a, threshold, bound, positive):
    """Towards zero by the threshold, but not what reaches the row's bound."""
    zero = a.dtype.type(0)
    for i in range(a.shape[0]):
        x, least = row_of(a, i), bound[i]
        for j in range(x.size):
            theta = threshold[j] if positive else abs(threshold[j])
            size = x[j] if positive else abs(x[j])
            left = size if size >= least else size - theta
            left = zero if size <= theta else left  # NaN stays
            x[j] = left if positive or not x[j] < zero else -left


@kernel("T2", "T2!")
def clear_silent(z, gradient):
    """Back through the shrinkage: what is zero has no slope, all else has slope one."""
    zero = z.dtype.type(0)
    for i in range(z.shape[0]):
        value, g = row_of(z, i), row_of(gradient, i)
        for j in range(value.size):
            g[j] = g[j] if value[j] != zero else zero


@kernel("T2", "T2", "T1", "T1", "n", "T1!")
def add_threshold_gradient(z, delta, threshold, bound, positive, out):
    """Add the gradient of the thresholds, from the shrunk values and the gradient behind the shrinkage."""
    zero = z.dtype.type(0)
    for i in range(z.shape[0]):
        value, d, least = row_of(z, i), row_of(delta, i), bound[i]
        for j in range(value.size):
            shrunk = value[j] != zero and abs(value[j]) < least
            along = positive or (value[j] < zero) == (threshold[j] < zero)
            slope = -d[j] if along else d[j]
            out[j] += slope if shrunk else zero


@kernel("T2", "T2!", "n")
def _sizes(a, out, positive):
    for i in range(a.shape[0]):
        x, y = row_of(a, i), row_of(out, i)
        for j in range(x.size):
            y[j] = x[j] if positive else abs(x[j])


@kernel("T2", "i1", "T1!")
def _least(values, count, out):
    """The least of the entries of each row, or zero if there are not as many as there is room for."""
    for i in range(count.size):
        row, least = row_of(values, i), values.dtype.type(0)
        for j in range(row.size if count[i] == row.size else 0):
            least = row[j] if j == 0 or row[j] < least else least
        out[i] = least


def no_bound(n_rows, dtype):
    """Bounds that nothing reaches."""
    return np.full(n_rows, np.inf, dtype)


def shrink(a, threshold, positive, n_kept, bound):
    """Shrink pre-activations in place.

    Parameters
    ----------
    a : ndarray of shape (rows, units)
    threshold : ndarray of shape (units,)
        Its size counts, or if codes are `positive`, its value.
    positive : bool
        Whether negative values become zero.
    n_kept : int
        How many of the largest values of a row are not shrunk, if they exceed their thresholds.
    bound : ndarray of shape (rows,)
        Infinite; receives the least size that is not shrunk, if some are kept.
    """
    if n_kept:
        sizes, shape = np.empty(a.shape, a.dtype), (len(a), n_kept)
        index, values, count = np.empty(shape, np.int32), np.empty(shape, a.dtype), np.empty(len(a), np.int32)
        _sizes(a, sizes, positive)
        select_largest_entries(sizes, np.finfo(a.dtype).smallest_subnormal, index, values, count)
        _least(values, count, bound)
    _shrink(a, threshold, bound, positive)


@kernel("T2", "T2", "T2!", "T1", "T1!", "l1")
def _pull(values, pre, grad, threshold, slope, ptr):
    """Gradient of the thresholds and of the pre-activations, from that of the code."""
    zero = values.dtype.type(0)
    for i in range(values.shape[0] if ptr.size == 0 else 0):
        v, a, g = row_of(values, i), row_of(pre, i), row_of(grad, i)
        for j in range(v.size):
            g[j] = g[j] if v[j] != zero else zero
            along = (v[j] < zero) == (threshold[j] < zero)
            slope[j] += zero if v[j] == a[j] else (-g[j] if along else g[j])
    for u in range(ptr.size - 1):
        v, a, g = row_of(values, 0), row_of(pre, 0), row_of(grad, 0)
        for q in range(ptr[u], ptr[u + 1]):
            along = (v[q] < zero) == (threshold[u] < zero)
            slope[u] += zero if v[q] == a[q] else (-g[q] if along else g[q])


@kernel("T2", "b2!")
def _mark_active(values, out):
    for i in range(values.shape[0]):
        v, o = row_of(values, i), row_of(out, i)
        for j in range(v.size):
            o[j] = v[j] != 0


class SoftThreshold(BaseSparsity):
    r"""Signed codes by soft thresholds that are learned, one for each unit, with an L1 penalty.

    :math:`f_j = \mathrm{sign}(a_j) \max(|a_j| - |\theta_j|, 0)`, and :math:`\alpha \sum_j |f_j|` is added to the loss
    of a sample. The decoder's rows are kept at norm one, so that the code cannot escape the penalty. This is the last
    layer of a :class:`~skl_sae.coding.SparseRecoveryAutoencoder` with ``sparsity=None``.

    Parameters
    ----------
    alpha : float, default=0.1
        Weight of the penalty.
    threshold : float, default=0.1
        Thresholds at the start.
    kept : float, default=0.0
        Share of the units whose values, the largest of a row, are not shrunk.
    """

    scope = "row"
    unit_norm = True
    default_activation = "identity"

    def __init__(self, alpha=0.1, threshold=0.1, kept=0.0):
        self.alpha, self.threshold, self.kept = alpha, threshold, kept

    def initialize(self, n_units, activation):
        """Check the setting; thresholds are learned."""
        if activation != "identity":
            raise ValueError(
                f"Soft thresholds are an activation of their own: expected activation='identity', got {activation!r}."
            )
        check_non_negative("SoftThreshold", "alpha", self.alpha)
        self.n_kept_ = int(self.kept * n_units)
        return {"threshold": self.threshold}

    @recordable
    def encode(self, a, p, step):
        """Shrink; entries that are not zero need a gradient."""
        pre, active, bound = np.empty(a.shape, a.dtype), np.empty(a.shape, bool), no_bound(len(a), a.dtype)
        copy(a, pre)
        shrink(a, p.threshold, False, self.n_kept_, bound)
        _mark_active(a, active)
        return [DenseCode(a, pre=pre, support=active)]

    @recordable
    def penalty(self, codes, p, g, step):
        """Charge ``alpha`` times the L1 norm."""
        (values, grad), ptr = codes[0].arrays("values", "grad")
        cost, value = np.full(len(p.threshold), self.alpha * step.weight, values.dtype), np.zeros(1)
        charge(values, grad, cost, ptr, value)
        return value

    @recordable
    def backward(self, codes, p, g, step):
        """Slope one where the code is not zero; thresholds get the gradient of what they have shrunk."""
        (values, pre, grad), ptr = codes[0].arrays("values", "pre", "grad")
        _pull(values, pre, grad, p.threshold, g.threshold, ptr)
        return None
