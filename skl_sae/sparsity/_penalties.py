"""Rules that leave the code dense and charge for it: L1 and the KL divergence."""

import math

import numpy as np

from .._kernels.jit import row_of
from .._kernels.kernel import kernel, recordable
from .._kernels.memory import read_only
from .._kernels.norms import row_norms
from .._kernels.quantile import lowest, upper_quantile
from .._parameters import is_number
from ._base import BaseSparsity
from ._batch_topk import Threshold
from ._target import WeightMixin, check_bools, check_non_negative, check_target, state, steer, warn_of_missed_target

# A target raises the weight until active entries are as far below their least-squares values as this share of what is
# left of them: more would end with codes of zero.
MOST_SHRINKAGE = 0.5


@kernel("T2", "T2!", "T1", "l1", "d1!")
def charge(values, grad, cost, ptr, value):
    """Add ``cost * sign(value)`` to the gradients; `value` <- the sum of ``cost * |value|``. One cost a unit."""
    zero, total = values.dtype.type(0), 0.0
    for i in range(values.shape[0] if ptr.size == 0 else 0):
        v, g, part = row_of(values, i), row_of(grad, i), zero
        for j in range(v.size):
            part += cost[j] * abs(v[j])
            g[j] += cost[j] if v[j] > 0 else (-cost[j] if v[j] < 0 else zero)
        total += part
    for u in range(ptr.size - 1):  # the entries of units, in one row
        v, g, part = row_of(values, 0), row_of(grad, 0), zero
        for q in range(ptr[u], ptr[u + 1]):
            part += cost[u] * abs(v[q])
            g[q] += cost[u] if v[q] > 0 else (-cost[u] if v[q] < 0 else zero)
        total += part
    value[0] = total


@kernel("T2", "T1!", "l1", "n")
def sum_by_unit(values, sums, ptr, absolute):
    """Sums of the values of units, or of their sizes."""
    for j in range(sums.size):
        sums[j] = 0
    for i in range(values.shape[0] if ptr.size == 0 else 0):
        v = row_of(values, i)
        for j in range(v.size):
            sums[j] += abs(v[j]) if absolute else v[j]
    for u in range(ptr.size - 1):
        v = row_of(values, 0)
        for q in range(ptr[u], ptr[u + 1]):
            sums[u] += abs(v[q]) if absolute else v[q]


@kernel("T2", "T1", "T1!", "T2!")
def _charge_norms(decoder, sums, cost, gradient):
    """Add ``cost * sum * decoder / norm`` to the gradient, and multiply each cost by the norm."""
    for j in range(decoder.shape[0]):
        w, g, square = row_of(decoder, j), row_of(gradient, j), decoder.dtype.type(0)
        for c in range(w.size):
            square += w[c] * w[c]
        norm = np.sqrt(square)
        slope = cost[j] * sums[j] / norm if norm > 0 else decoder.dtype.type(0)
        for c in range(w.size):
            g[c] += slope * w[c]
        cost[j] *= norm


@kernel("T2!", "T1", "l1")
def _add_by_unit(grad, slopes, ptr):
    """Add one number a unit."""
    for i in range(grad.shape[0] if ptr.size == 0 else 0):
        g = row_of(grad, i)
        for j in range(g.size):
            g[j] += slopes[j]
    for u in range(ptr.size - 1):
        g = row_of(grad, 0)
        for q in range(ptr[u], ptr[u + 1]):
            g[q] += slopes[u]


class L1(WeightMixin, BaseSparsity):
    r"""L1 norm of the code.

    Adds :math:`\alpha \sum_j |f_j|` to the loss of a sample, and keeps the decoder's rows at norm one, so that the code
    cannot escape the penalty by shrinking while the decoder grows. With `norm_aware` the penalty is
    :math:`\alpha \sum_j |f_j| \|d_j\|` instead, and the rows of the decoder are free.

    Parameters
    ----------
    alpha : float, default=0.1
        Weight of the penalty. It applies to scaled data (see :class:`skl_sae.SparseAutoencoder`), so a value means
        the same whatever the scale of X.
    norm_aware : bool, default=False
        Whether activations are weighted by the norms of the decoder's rows.
    target_l0 : float or None, default=None
        Mean number of active units to reach. `alpha` is then the weight at the start and is adapted during the fit.
        At its end, one threshold below which entries are zero meets the target on rows that were held out for that
        (the validation data, where there is some), and one factor on the codes undoes the shrinkage that the penalty
        has caused. At most the number of units.
    unit_decoder : bool, default=True
        Whether the decoder's rows are kept at norm one. Without, and without `norm_aware`, this is the plain penalty
        of the classic tutorials: a small code and a large decoder escape it.

    Attributes
    ----------
    threshold_ : float or ndarray of shape (n_components,)
        With `target_l0`, the threshold on the scale of the codes that ``transform`` gives: what pre-activations,
        ``X @ coefs_[0] + intercepts_[0]`` without hidden layers, must exceed to be codes. One number a unit where units
        were scaled one by one, as by :func:`~skl_sae.compression.prune`.
    alpha_ : float
        With `target_l0`, the weight at the end.

    References
    ----------
    Bricken et al., *Towards Monosemanticity*, Transformer Circuits Thread, 2023; Conerly et al., *Update on how we
    train SAEs*, Transformer Circuits Thread, April 2024, for the norm-aware form.

    Examples
    --------
    >>> from skl_sae.sparsity import L1
    >>> L1(0.05)
    L1(alpha=0.05)
    """

    def __init__(self, alpha=0.1, norm_aware=False, target_l0=None, unit_decoder=True):
        self.alpha, self.norm_aware, self.target_l0 = alpha, norm_aware, target_l0
        self.unit_decoder = unit_decoder

    @property
    def unit_norm(self):
        """Whether the decoder's rows are kept at norm one."""
        return self.unit_decoder and not self.norm_aware

    def initialize(self, n_units, activation):
        """Check the setting; with a target, the weight changes during the fit and is state."""
        check_non_negative("L1", "alpha", self.alpha)
        check_bools("L1", norm_aware=self.norm_aware, unit_decoder=self.unit_decoder)
        check_target("L1", self.target_l0, n_units)
        if self.target_l0 is None:
            return {}
        if activation != "relu":
            raise ValueError(f"L1(target_l0=...) counts active units: expected activation='relu', got {activation!r}.")
        return state(self.alpha) | {"threshold": 0.0}

    @property
    def only_charges(self):
        """Whether layers before the code can be charged, too: a target is about the code."""
        return super().only_charges and self.target_l0 is None

    @property
    def shrinks(self):
        """Whether what is left of the codes is too small, and is to be enlarged after the fit."""
        return self.target_l0 is not None

    @recordable
    def penalty(self, codes, p, g, step):
        """Charge ``alpha`` times the L1 norm."""
        (values, grad), ptr = codes[0].arrays("values", "grad")
        cost, value = self._costs(p, step), np.zeros(1)
        if self.norm_aware:
            sums = np.empty_like(cost)
            sum_by_unit(values, sums, ptr, True)
            _charge_norms(p.decoder, sums, cost, g.decoder)
        charge(values, grad, cost, ptr, value)
        return value

    def after_step(self, codes, p, step):
        """Change the weight so that the target is approached."""
        if self.target_l0 is not None:
            (values,), ptr = codes[0].arrays("values")
            sums, n_active = np.empty(len(p.alpha), values.dtype), np.count_nonzero(codes[0].values)
            sum_by_unit(values, sums, ptr, True)
            if self.norm_aware:
                sums *= row_norms(p.decoder)
            mean = float(sums.sum(dtype=np.float64)) / n_active if n_active else np.inf
            steer(p, n_active * step.weight, self.target_l0, step, most=2 * MOST_SHRINKAGE * mean)

    def after_fit(self, tiles, p):
        """Set the threshold such that the target is met; below zero, shift the intercepts instead."""
        if self.target_l0 is not None:
            bound, reached = upper_quantile(tiles, self.target_l0)
            bound = bound if np.isfinite(bound) else lowest(tiles)
            p.threshold[:] = max(bound, 0.0)
            p.encoder_bias -= min(bound, 0.0)
            warn_of_missed_target("L1", self.target_l0, reached)

    def after_chunk(self, tiles, p):
        """Set the threshold from rows of the chunk."""
        if self.target_l0 is not None:
            p.threshold[:] = max(upper_quantile(tiles, self.target_l0)[0], 0.0)

    def scored(self):
        """Return what is deployed: training has no threshold."""
        return self.deployed()

    def deployed(self):
        """With a target, return the thresholded code; a subclass with an `encode` of its own is deployed as it is."""
        return self if self.target_l0 is None or self.overrides("encode") else Threshold()

    def publish(self, p, unit):
        """With a target, set threshold and weight."""
        super().publish(p, unit)
        if self.target_l0 is not None:
            one = bool((p.threshold == p.threshold[0]).all())
            self.threshold_ = (
                float(p.threshold[0]) / unit if one else read_only(p.threshold / p.threshold.dtype.type(unit))
            )


@kernel("T1", "T1", "d1", "d1", "T1!")
def _go_on(running, sums, numbers, now, means):
    """The running mean, with a batch whose mean is ``offset + slope * sum``; the first batch alone counts."""
    real = running.dtype.type
    offset, slope = real(numbers[0]), real(numbers[1])
    rate = real(max(1 - numbers[2], 1 / now[0]))  # no bias towards zero
    tiny = real(1e-6)
    for j in range(running.size):
        q = (real(1) - rate) * running[j] + rate * (offset + slope * sums[j])
        means[j] = tiny if q < tiny else (real(1) - tiny if q > real(1) - tiny else q)


@kernel("T1", "d1", "T1!", "d1!")
def _diverge(means, numbers, slopes, value):
    """Slope of the divergence from the target, and its weighted sum; the numbers are target, alpha, slope of a mean."""
    target, total = numbers[0], 0.0
    for j in range(means.size):
        q = float(means[j])
        slopes[j] = numbers[1] * numbers[2] * ((1 - target) / (1 - q) - target / q)
        total += target * math.log(target / q) + (1 - target) * math.log((1 - target) / (1 - q))
    value[0] = numbers[1] * total


class KLDivergence(BaseSparsity):
    r"""Kullback-Leibler divergence of the mean activation of each unit from a target.

    Adds :math:`\alpha \sum_j \rho \log\frac{\rho}{q_j} + (1 - \rho) \log\frac{1 - \rho}{1 - q_j}` to the loss, with
    :math:`q_j` the mean activation of unit j over the batch. A code of tanh is read as the probability
    :math:`(1 + f) / 2`.

    Parameters
    ----------
    target : float, default=0.05
        The mean activation :math:`\rho` that units are driven to, between 0 and 1.
    alpha : float, default=0.1
        Weight of the penalty.
    momentum : float, default=0.0
        Share of the running mean that is kept at each step, between 0 (the mean of the batch alone) and 1. With small
        batches the mean of one batch is noisy and biases the penalty; 0.9 averages over about ten.

    Attributes
    ----------
    mean_activation_ : ndarray of shape (n_components,)
        The running mean :math:`q` of each unit's activation at the last step; with a `momentum` of 0 the mean over the
        last batch. Of a code of tanh, as a probability.

    References
    ----------
    A. Ng, *Sparse autoencoder*, CS294A lecture notes, Stanford University, 2011, section 3.

    Examples
    --------
    >>> from skl_sae.sparsity import KLDivergence
    >>> KLDivergence(0.1)
    KLDivergence(target=0.1)
    """

    default_activation = "sigmoid"

    @property
    def initial_bias(self):
        """The pre-activation at which the activation is the target."""
        return self._initial_bias

    def __init__(self, target=0.05, alpha=0.1, momentum=0.0):
        self.target, self.alpha, self.momentum = target, alpha, momentum

    def initialize(self, n_units, activation):
        """Check the ranges, and that the code is bounded."""
        if activation not in ("sigmoid", "tanh"):
            raise ValueError(
                f"KLDivergence needs a bounded code: expected activation='sigmoid' or 'tanh', got {activation!r}."
            )
        if not (is_number(self.target) and 0 < self.target < 1):
            raise ValueError(f"KLDivergence: got target={self.target!r}, expected a number between 0 and 1.")
        if not (is_number(self.momentum) and 0 <= self.momentum < 1):
            raise ValueError(f"KLDivergence: got momentum={self.momentum!r}, expected a number in [0, 1).")
        check_non_negative("KLDivergence", "alpha", self.alpha)
        self._slope, self._offset = (1.0, 0.0) if activation == "sigmoid" else (0.5, 0.5)
        self._initial_bias = self._slope * float(np.log(self.target / (1 - self.target)))
        return {"mean_activation": 0.0}

    def _means(self, code, p, step):
        """Running mean of each unit's activation, as a probability, with this batch."""
        (values,), ptr = code.arrays("values")
        sums, means = np.empty(len(p.mean_activation), values.dtype), np.empty(len(p.mean_activation), values.dtype)
        sum_by_unit(values, sums, ptr, False)
        numbers = np.array([self._offset, self._slope * step.weight, self.momentum])
        _go_on(p.mean_activation, sums, numbers, step.now, means)
        return means

    @recordable
    def penalty(self, codes, p, g, step):
        """Charge for the distance of the mean activations from the target.

        With momentum, the slope is taken at the running mean, without the factor (1 - momentum): an unbiased gradient
        of the penalty over all rows.
        """
        (grad,), ptr = codes[0].arrays("grad")
        means, value = self._means(codes[0], p, step), np.zeros(1)
        slopes = np.empty(means.size, means.dtype)
        _diverge(means, np.array([self.target, self.alpha, self._slope * step.weight]), slopes, value)
        _add_by_unit(grad, slopes, ptr)
        return value

    def after_step(self, codes, p, step):
        """Store the running mean."""
        p.mean_activation[:] = self._means(codes[0], p, step)

    def publish(self, p, unit):
        """Set the running mean."""
        self.mean_activation_ = read_only(p.mean_activation.copy())
