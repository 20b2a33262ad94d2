"""JumpReLU: a learned threshold for each unit."""

from numbers import Real

import numpy as np

from .._kernels.norms import row_norms
from .._kernels.quantile import upper_quantile
from .._model.codes import DenseCode
from ._base import BaseSparsity
from ._batch_topk import Threshold
from ._penalties import add_norm_gradient, check_non_negative, check_target, warn_of_missed_target

# Factor by which a dead unit lowers its threshold at each step.
RETREAT = 0.99
# Thresholds are kept below this multiple of the largest pre-activation of a batch: further up, no entry would come
# near enough to bring them back.
OUT_OF_REACH = 2.0


class JumpReLU(BaseSparsity):
    r"""Units are active above a threshold of their own, which is learned: :math:`f_j = a_j 1[a_j > \theta_j]`.

    Thresholds get their gradient from the entries within half a bandwidth of them, by straight-through estimators
    with a rectangular kernel K: :math:`\partial f_j / \partial \theta_j = -(\theta_j / \epsilon) K((a_j - \theta_j) /
    \epsilon)`, :math:`\partial 1[a_j > \theta_j] / \partial \theta_j = -(1 / \epsilon) K(\cdot)`.

    Parameters
    ----------
    alpha : float, default=0.001
        Weight of the penalty: on the number of active units (``cost="l0"``), or on its smooth form.
    threshold : float, default=0.03
        Thresholds at the start, on the scale of the network's own activations. Above zero, because a threshold at
        zero gets no gradient from the reconstruction.
    bandwidth : float, default=0.4
        Width :math:`\epsilon` of the window in which entries move the threshold.
    cost : {"l0", "tanh"}, default="l0"
        The penalty of a row: the number of active units, or :math:`\sum_j \tanh(c f_j \|d_j\|)` with d the decoder's
        rows, which are free then.
    sharpness : float, default=4.0
        The constant c of ``cost="tanh"``.
    target_l0 : float or None, default=None
        Mean number of active units to reach. The thresholds are then driven together towards it during the fit, and
        set to it exactly on the training data (the validation data, where there is some) at its end. At most the
        number of units; if fewer pre-activations are positive, the fit ends with a warning of what was reached.

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

    def __init__(self, alpha=0.001, threshold=0.03, bandwidth=0.4, cost="l0", sharpness=4.0, target_l0=None):
        self.alpha, self.threshold, self.bandwidth = alpha, threshold, bandwidth
        self.cost, self.sharpness, self.target_l0 = cost, sharpness, target_l0

    @property
    def unit_norm(self):
        """Whether the decoder's rows are kept at norm one."""
        return self.cost == "l0"

    def initialize(self, n_units, activation):
        """Check the setting; thresholds are learned."""
        if activation != "relu":
            raise ValueError(f"JumpReLU is an activation of its own: expected activation='relu', got {activation!r}.")
        if self.cost not in ("l0", "tanh"):
            raise ValueError(f"JumpReLU: got cost={self.cost!r}, expected 'l0' or 'tanh'.")
        for name in ("threshold", "bandwidth", "sharpness"):
            value = getattr(self, name)
            if not (isinstance(value, Real) and 0 < value < np.inf):
                raise ValueError(f"JumpReLU: got {name}={value!r}, expected a number above 0.")
        check_non_negative("JumpReLU", "alpha", self.alpha)
        check_target("JumpReLU", self.target_l0, n_units)
        return {"threshold": self.threshold}

    def encode(self, a, p, step):
        """Cut at the thresholds; the support also holds the entries whose window contains the threshold."""
        values = np.where(a > p.threshold, a, a.dtype.type(0))
        return [DenseCode(values, pre=a.copy(), support=a > p.threshold - self.bandwidth / 2)]

    def _window(self, code, p):
        """The kernel K of each entry, divided by the bandwidth."""
        inside = np.abs(code.pre - code.per_unit(p.threshold)) < self.bandwidth / 2
        return inside * code.pre.dtype.type(1 / self.bandwidth)

    def penalty(self, codes, p, g, step):
        """Charge for active units."""
        (code,) = codes
        cost = self.alpha * step.weight
        on = code.pre > code.per_unit(p.threshold)
        if self.cost == "l0":
            g.threshold -= cost * code.by_unit(self._window(code, p))
            return cost * np.count_nonzero(on)
        norms = code.per_unit(row_norms(p.decoder))
        t = np.tanh(self.sharpness * code.values * norms)
        slope = cost * self.sharpness * (1 - t * t)
        code.grad += slope * norms
        add_norm_gradient(code.by_unit(slope * code.values), p.decoder, g.decoder)
        return cost * float(t.sum(dtype=np.float64))

    def backward(self, codes, p, g, step):
        """Pass gradients straight through to thresholds, and to pre-activations where the unit is active."""
        (code,) = codes
        g.threshold -= p.threshold * code.by_unit(self._window(code, p) * code.grad)
        code.grad *= code.pre > code.per_unit(p.threshold)
        return code.grad

    def after_step(self, codes, p, step):
        """Drive thresholds towards the target, and keep them above zero and within reach of the data."""
        least = max(1e-3 * self.threshold, float(np.finfo(p.threshold.dtype).tiny))
        np.maximum(p.threshold, least, out=p.threshold)
        if self.target_l0 is not None:
            p.threshold *= self._correction(codes[0], p, step)
        if step.dead is not None:
            p.threshold[step.dead] *= RETREAT
        pre = codes[0].pre
        most = min(OUT_OF_REACH * float(pre.max(initial=0)), float(np.finfo(pre.dtype).max) / OUT_OF_REACH)
        np.clip(p.threshold, least, max(least, most) if pre.size else None, out=p.threshold)

    def _correction(self, code, p, step):
        """Factor on all thresholds towards the one at which the batch meets the target, a tenth of the way.

        In the first half of a fit the target falls from an eighth of the units to its value, so that units can find
        their features before they compete.
        """
        start = max(p.threshold.size / 8, self.target_l0)
        anneal = min(1.0, 2 * step.progress) if step.progress > 0 else 1.0
        target = start ** (1 - anneal) * self.target_l0**anneal
        ratios = np.ravel(code.pre / code.per_unit(p.threshold))
        wanted = max(1, round(target / step.weight))
        if wanted >= ratios.size:
            return 0.9
        bound = np.partition(ratios, ratios.size - wanted)[ratios.size - wanted]
        return np.clip(bound, 0.4, 2.5) ** 0.1

    def after_fit(self, tiles, p):
        """Scale all thresholds so that the target is met."""
        if self.target_l0 is None:
            return
        bound, reached = upper_quantile(lambda: (a / p.threshold for a in tiles()), self.target_l0)
        if bound <= 0:
            counts = [(np.count_nonzero(a > 0), len(a)) for a in tiles()]
            bound, reached = 0.0, np.divide(*np.sum(counts, axis=0))
        p.threshold[:] = np.minimum(p.threshold.astype(np.float64) * bound, np.finfo(p.threshold.dtype).max)
        warn_of_missed_target("JumpReLU", self.target_l0, reached)

    def deployed(self):
        """Return the thresholded code; a subclass with an `encode` of its own is deployed as it is."""
        return Threshold() if type(self).encode is JumpReLU.encode else self
