"""JumpReLU: a learned threshold for each unit."""

import numpy as np

from .._kernels.exponentials import EXACT, tanh
from .._kernels.jit import row_of
from .._kernels.kernel import kernel, recordable
from .._kernels.memory import read_only
from .._kernels.quantile import MARGIN, upper_quantile
from .._model.codes import DenseCode
from .._parameters import is_number
from ._base import BaseSparsity
from ._batch_topk import Threshold
from ._target import WeightMixin, check_non_negative, check_target, state, steer, warn_of_missed_target

# Active entries that the size of a unit's activations is a running mean over.
MEMORY = 200
# Factor on the largest pre-activation that is remembered of a unit, a step.
FADING = 0.999
# Least threshold, in units of the activations: at zero it would get no gradient from the reconstruction.
LEAST = 1e-3
# Factor by which a dead unit lowers its threshold at each step.
RETREAT = 0.99


@kernel("T2!", "T1", "T1", "d1", "T2!", "b2!")
def _jump(a, threshold, size, half, pre, near):
    """Cut at the thresholds, in place. `near` tells the entries that need a gradient: also those just below."""
    zero, factor = a.dtype.type(0), a.dtype.type(half[0])
    for i in range(a.shape[0]):
        x, before, support = row_of(a, i), row_of(pre, i), row_of(near, i)
        for j in range(x.size):
            value = x[j]
            before[j] = value
            support[j] = value > threshold[j] - factor * size[j]
            x[j] = value if value > threshold[j] else zero


@kernel("T2", "T1", "T1", "d1", "T1", "T1!", "l1", "d1!")
def _charge_active(pre, threshold, size, half, cost, slope, ptr, value):
    """`value` <- the cost of active entries; take the slope of the counts off `slope`."""
    real, factor, total = pre.dtype.type, pre.dtype.type(half[0]), 0.0
    for i in range(pre.shape[0] if ptr.size == 0 else 0):
        x = row_of(pre, i)
        for j in range(x.size):
            width = factor * size[j]
            slope[j] -= cost[j] / (real(2) * width) if abs(x[j] - threshold[j]) < width else real(0)
            total += cost[j] if x[j] > threshold[j] else real(0)
    for u in range(ptr.size - 1):
        x, width, within, active = row_of(pre, 0), factor * size[u], 0, 0
        for q in range(ptr[u], ptr[u + 1]):
            within += abs(x[q] - threshold[u]) < width
            active += x[q] > threshold[u]
        if within > 0:
            slope[u] -= cost[u] * real(within) / (real(2) * width)
        total += cost[u] * active
    value[0] = total


@kernel("T2", "T1!")
def _find_norms(rows, norms):
    for j in range(rows.shape[0]):
        x, square = row_of(rows, j), rows.dtype.type(0)
        for c in range(x.size):
            square += x[c] * x[c]
        norms[j] = np.sqrt(square)


@kernel("T2", "T2!", "T1", "T1", "d1", "T1!", "l1", "d1!", fastmath=EXACT)
def _charge_smoothly(values, grad, norms, cost, sharpness, slope, ptr, value):
    """`value` <- the cost of ``tanh(sharpness * value * norm)``; add its gradient; `slope` <- that of the norms."""
    real, single, total, c = values.dtype.type, values.itemsize == 4, 0.0, values.dtype.type(sharpness[0])
    for j in range(slope.size):
        slope[j] = 0
    for i in range(values.shape[0] if ptr.size == 0 else 0):
        v, g = row_of(values, i), row_of(grad, i)
        for j in range(v.size):
            t = tanh(c * v[j] * norms[j], real, single)
            part = cost[j] * c * (real(1) - t * t)
            g[j] += part * norms[j]
            slope[j] += part * v[j]
            total += cost[j] * t
    for u in range(ptr.size - 1):
        v, g = row_of(values, 0), row_of(grad, 0)
        for q in range(ptr[u], ptr[u + 1]):
            t = tanh(c * v[q] * norms[u], real, single)
            part = cost[u] * c * (real(1) - t * t)
            g[q] += part * norms[u]
            slope[u] += part * v[q]
            total += cost[u] * t
    value[0] = total


@kernel("T2", "T1", "T1", "T2!")
def _add_norm_gradient(rows, norms, slope, gradient):
    """Add to the gradient of some rows that of ``slope @ norms``; a row of zeros gets none."""
    for j in range(rows.shape[0]):
        x, g = row_of(rows, j), row_of(gradient, j)
        factor = slope[j] / norms[j] if norms[j] > 0 else rows.dtype.type(0)
        for c in range(x.size):
            g[c] += factor * x[c]


@kernel("T2", "T2!", "T1", "T1", "d1", "T1!", "l1")
def _pass_through(pre, grad, threshold, size, half, slope, ptr):
    """Gradients to the thresholds, from entries near them, and on to the pre-activations of active entries."""
    real, factor, zero = pre.dtype.type, pre.dtype.type(half[0]), pre.dtype.type(0)
    for i in range(pre.shape[0] if ptr.size == 0 else 0):
        x, g = row_of(pre, i), row_of(grad, i)
        for j in range(x.size):
            width = factor * size[j]
            slope[j] -= threshold[j] * g[j] / (real(2) * width) if abs(x[j] - threshold[j]) < width else zero
            g[j] = g[j] if x[j] > threshold[j] else zero
    for u in range(ptr.size - 1):
        x, g, width, part = row_of(pre, 0), row_of(grad, 0), factor * size[u], zero
        for q in range(ptr[u], ptr[u + 1]):
            part += g[q] if abs(x[q] - threshold[u]) < width else zero
            g[q] = g[q] if x[q] > threshold[u] else zero
        if part != 0:
            slope[u] -= threshold[u] * part / (real(2) * width)


@kernel("T2", "T1", "l1", "d1!", "d1!", "T1!")
def _observe(pre, threshold, ptr, squares, counts, largest):
    """Of each unit, sum of squares and number of the active entries, and the largest pre-activation."""
    for j in range(counts.size):
        squares[j], counts[j], largest[j] = 0.0, 0.0, -np.inf
    for i in range(pre.shape[0] if ptr.size == 0 else 0):
        x = row_of(pre, i)
        for j in range(x.size):
            squares[j] += x[j] * x[j] if x[j] > threshold[j] else 0.0
            counts[j] += 1.0 if x[j] > threshold[j] else 0.0
            largest[j] = max(largest[j], x[j])
    for u in range(ptr.size - 1):
        x = row_of(pre, 0)
        for q in range(ptr[u], ptr[u + 1]):
            if x[q] > threshold[u]:
                squares[u] += x[q] * x[q]
                counts[u] += 1.0
            largest[u] = max(largest[u], x[q])


class JumpReLU(WeightMixin, BaseSparsity):
    r"""Units are active above a threshold of their own, which is learned: :math:`f_j = a_j 1[a_j > \theta_j]`.

    Thresholds get their gradient from the entries within half a bandwidth of them, by straight-through estimators
    with a rectangular kernel K: :math:`\partial f_j / \partial \theta_j = -(\theta_j / \epsilon_j) K((a_j - \theta_j) /
    \epsilon_j)`, :math:`\partial 1[a_j > \theta_j] / \partial \theta_j = -(1 / \epsilon_j) K(\cdot)`. A threshold
    stays below the largest pre-activation that its unit has had of late.

    Parameters
    ----------
    alpha : float, default=0.001
        Weight of the penalty: on the number of active units (``cost="l0"``), or on its smooth form.
    threshold : float, default=0.03
        Thresholds at the start, on the scale of the network's own activations. Above zero, because a threshold at
        zero gets no gradient from the reconstruction.
    bandwidth : float, default=0.25
        Width of the window in which entries move the threshold, in units of the activations:
        :math:`\epsilon_j` is `bandwidth` times the root mean square of the unit's active entries.
    cost : {"l0", "tanh"}, default="l0"
        The penalty of a row: the number of active units, or :math:`\sum_j \tanh(c f_j \|d_j\|)` with d the decoder's
        rows, which are free then.
    sharpness : float, default=4.0
        The constant c of ``cost="tanh"``.
    target_l0 : float or None, default=None
        Mean number of active units to reach. `alpha` is then the weight at the start and is adapted during the fit;
        at its end, one factor on all thresholds meets the target on rows that were held out for that (see the
        :ref:`user guide <guide_target_l0>`). At most the number of units; if fewer pre-activations are positive, the
        fit ends with a warning of what was reached.

    Attributes
    ----------
    threshold_ : ndarray of shape (n_components,)
        What an entry must exceed to be active, on the scale of the codes that ``transform`` gives: it is compared with
        the pre-activation, ``X @ coefs_[0] + intercepts_[0]`` where there are no hidden layers.
    alpha_ : float
        With `target_l0`, the weight at the end.

    References
    ----------
    Rajamanoharan et al., *Jumping Ahead: Improving Reconstruction Fidelity with JumpReLU Sparse Autoencoders*, 2024,
    arXiv:2407.14435.

    Examples
    --------
    >>> from skl_sae.sparsity import JumpReLU
    >>> JumpReLU(target_l0=20)
    JumpReLU(target_l0=20)
    """

    dead_units = "auxiliary"

    def __init__(self, alpha=0.001, threshold=0.03, bandwidth=0.25, cost="l0", sharpness=4.0, target_l0=None):
        self.alpha, self.threshold, self.bandwidth = alpha, threshold, bandwidth
        self.cost, self.sharpness, self.target_l0 = cost, sharpness, target_l0

    @property
    def unit_norm(self):
        """Whether the decoder's rows are kept at norm one."""
        return self.cost == "l0"

    def initialize(self, n_units, activation):
        """Check the setting; thresholds are learned, sizes and peaks of the activations are state."""
        if activation != "relu":
            raise ValueError(f"JumpReLU is an activation of its own: expected activation='relu', got {activation!r}.")
        if not isinstance(self.cost, str) or self.cost not in ("l0", "tanh"):
            raise ValueError(f"JumpReLU: got cost={self.cost!r}, expected 'l0' or 'tanh'.")
        for name in ("threshold", "bandwidth", "sharpness"):
            value = getattr(self, name)
            if not (is_number(value) and value > 0):
                raise ValueError(f"JumpReLU: got {name}={value!r}, expected a number above 0.")
        check_non_negative("JumpReLU", "alpha", self.alpha)
        check_target("JumpReLU", self.target_l0, n_units)
        own = {"threshold": self.threshold, "size": self.threshold, "peak": self.threshold}
        return own if self.target_l0 is None else own | state(self.alpha)

    @property
    def _half(self):
        return np.array([self.bandwidth / 2])

    @recordable
    def encode(self, a, p, step):
        """Cut at the thresholds; the support also holds the entries whose window contains the threshold."""
        pre, near = np.empty(a.shape, a.dtype), np.empty(a.shape, bool)
        _jump(a, p.threshold, p.size, self._half, pre, near)
        return [DenseCode(a, pre=pre, support=near)]

    @recordable
    def penalty(self, codes, p, g, step):
        """Charge for active units."""
        (values, grad, pre), ptr = codes[0].arrays("values", "grad", "pre")
        cost, value, n = self._costs(p, step), np.zeros(1), len(p.threshold)
        if self.cost == "l0":
            _charge_active(pre, p.threshold, p.size, self._half, cost, g.threshold, ptr, value)
            return value
        norms, slope = np.empty(n, pre.dtype), np.empty(n, pre.dtype)
        _find_norms(p.decoder, norms)
        _charge_smoothly(values, grad, norms, cost, np.array([self.sharpness]), slope, ptr, value)
        _add_norm_gradient(p.decoder, norms, slope, g.decoder)
        return value

    @recordable
    def backward(self, codes, p, g, step):
        """Pass gradients straight through to thresholds, and to pre-activations where the unit is active."""
        (grad, pre), ptr = codes[0].arrays("grad", "pre")
        _pass_through(pre, grad, p.threshold, p.size, self._half, g.threshold, ptr)

    def after_step(self, codes, p, step):
        """Follow the sizes of the activations, keep thresholds within their reach, and adapt the weight."""
        (pre,), ptr = codes[0].arrays("pre")
        n = len(p.threshold)
        squares, counts, largest = np.zeros(n), np.zeros(n), np.empty(n, pre.dtype)
        _observe(pre, p.threshold, ptr, squares, counts, largest)
        if self.target_l0 is not None:
            steer(p, counts.sum() * step.weight, self.target_l0, step)
        share = counts / (counts + MEMORY)
        mean_square = (1 - share) * p.size.astype(np.float64) ** 2 + squares / (counts + MEMORY)
        limits = np.finfo(p.size.dtype)
        p.size[:] = np.clip(np.sqrt(mean_square), limits.tiny, limits.max)
        p.peak[:] = np.clip(np.maximum(largest, FADING * p.peak), limits.tiny, limits.max)
        if step.dead is not None:
            p.threshold[step.dead] *= RETREAT
        np.clip(p.threshold, np.minimum(p.peak, LEAST * p.size), p.peak, out=p.threshold)

    def after_fit(self, tiles, p):
        """Scale all thresholds so that the target is met, and keep each within reach of its unit's pre-activations."""
        if self.target_l0 is not None:
            bound, reached = upper_quantile(lambda: (a / p.threshold for a in tiles()), self.target_l0)
            if bound <= 0:
                counts = [(np.count_nonzero(a > 0), len(a)) for a in tiles()]
                bound, reached = 0.0, np.divide(*np.sum(counts, axis=0))
            p.threshold[:] = np.minimum(p.threshold.astype(np.float64) * bound, np.finfo(p.threshold.dtype).max)
            warn_of_missed_target("JumpReLU", self.target_l0, reached)
        largest = np.max([a.max(axis=0) for a in tiles()], axis=0)
        np.minimum(p.threshold, np.maximum(largest, 0) * (1 + MARGIN), out=p.threshold)

    def publish(self, p, unit):
        """Set the thresholds and, with a target, the weight."""
        super().publish(p, unit)
        self.threshold_ = read_only(p.threshold / p.threshold.dtype.type(unit))

    def deployed(self):
        """Return the thresholded code; a subclass with an `encode` of its own is deployed as it is."""
        return Threshold() if type(self).encode is JumpReLU.encode else self
