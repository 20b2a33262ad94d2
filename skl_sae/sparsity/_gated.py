"""Gated: one path decides which units are active, another how much."""

import math

import numpy as np

from .._kernels.jit import row_of
from .._kernels.kernel import kernel, recordable
from .._kernels.memory import read_only
from .._kernels.quantile import lowest, upper_quantile
from .._model.batch_norm import factor
from .._model.codes import Decoding, DenseCode
from ._base import BaseSparsity
from ._penalties import charge
from ._target import WeightMixin, check_non_negative, check_target, state, steer, warn_of_missed_target


@kernel("T1", "T1!")
def _exponentials(x, out):
    for j in range(x.size):
        out[j] = math.exp(x[j])


@kernel("T2!", "T1", "T1", "T1", "T2!", "T2!", "b2!")
def _open(a, bias, gain, magnitude_bias, pre, gate, on):
    """The code, in place, and what the gate is made of."""
    zero = a.dtype.type(0)
    for i in range(a.shape[0]):
        x, before, g, support = row_of(a, i), row_of(pre, i), row_of(gate, i), row_of(on, i)
        for j in range(x.size):
            value = x[j]
            magnitude = (value - bias[j]) * gain[j] + magnitude_bias[j]
            before[j], support[j] = value, value > zero
            g[j] = value if not value <= zero else zero  # NaN stays
            x[j] = magnitude if value > zero and not magnitude <= zero else (value if value != value else zero)


@kernel("T2", "T2", "T2!", "T2", "T1", "T1", "T1!", "T1!", "T1!", "l1")
def _pass_both(values, pre, grad, gate_grad, bias, gain, d_bias, d_gain, d_magnitude, ptr):
    """Turn the gradient of the code, in place, into that of the pre-activations, with the gate's; add the others."""
    zero = values.dtype.type(0)
    for i in range(values.shape[0] if ptr.size == 0 else 0):
        v, x, g, of_gate = row_of(values, i), row_of(pre, i), row_of(grad, i), row_of(gate_grad, i)
        for j in range(v.size):
            through = g[j] if v[j] > zero else zero
            shared = through * gain[j]
            d_magnitude[j] += through
            d_gain[j] += shared * (x[j] - bias[j])
            d_bias[j] -= shared
            g[j] = shared + (of_gate[j] if x[j] > zero else zero)
    for u in range(ptr.size - 1):
        v, x, g, of_gate = row_of(values, 0), row_of(pre, 0), row_of(grad, 0), row_of(gate_grad, 0)
        throughs, products = zero, zero
        for q in range(ptr[u], ptr[u + 1]):
            through = g[q] if v[q] > zero else zero
            throughs += through
            products += through * (x[q] - bias[u])
            g[q] = through * gain[u] + (of_gate[q] if x[q] > zero else zero)
        d_magnitude[u] += throughs
        d_gain[u] += products * gain[u]
        d_bias[u] -= throughs * gain[u]


class Gated(WeightMixin, BaseSparsity):
    r"""A gate :math:`1[a > 0]` times a magnitude :math:`\mathrm{relu}(e^{r} u + b_m)`, :math:`u = a - b_e`.

    The L1 penalty acts on the gate's pre-activations only, so that it does not shrink magnitudes. To give the gate a
    gradient, :math:`\mathrm{relu}(a)` must reconstruct the data too, through a copy of the decoder that takes no
    gradient: :math:`L = \|x - \hat x\|^2 + \alpha \sum_j \mathrm{relu}(a_j) + \|x - \hat x_{gate}\|^2`.

    Parameters
    ----------
    alpha : float, default=0.1
        Weight of the penalty.
    target_l0 : float or None, default=None
        Mean number of active units to reach. `alpha` is then the weight at the start and is adapted during the fit;
        at its end, one shift of the gates meets the target on rows that were held out for that (see the
        :ref:`user guide <guide_target_l0>`). At most the number of units.

    Attributes
    ----------
    gain_, magnitude_bias_ : ndarray of shape (n_components,)
        :math:`e^{r}` and :math:`b_m`, the latter on the scale of the codes that ``transform`` gives, with what
        ``batch_norm`` subtracts. Without hidden layers, the gate is open where ``X @ coefs_[0] + intercepts_[0]`` is
        above zero, and the magnitude is ``(X - mean_) @ coefs_[0] * gain_ + magnitude_bias_``.
    alpha_ : float
        With `target_l0`, the weight at the end.

    References
    ----------
    Rajamanoharan et al., *Improving Dictionary Learning with Gated Sparse Autoencoders*, 2024, arXiv:2404.16014.

    Examples
    --------
    >>> from skl_sae.sparsity import Gated
    >>> Gated(0.2)
    Gated(alpha=0.2)
    """

    unit_norm = True

    def __init__(self, alpha=0.1, target_l0=None):
        self.alpha, self.target_l0 = alpha, target_l0

    def initialize(self, n_units, activation):
        """Check the setting; gain and bias of the magnitudes are learned."""
        if activation != "relu":
            raise ValueError(f"Gated is an activation of its own: expected activation='relu', got {activation!r}.")
        check_non_negative("Gated", "alpha", self.alpha)
        check_target("Gated", self.target_l0, n_units)
        own = {"gain": 0.0, "magnitude_bias": 0.0}
        return own if self.target_l0 is None else own | state(self.alpha)

    @recordable
    def encode(self, a, p, step):
        """Return the code, and the gate as a second code that the decoder does not learn from."""
        pre, gate, on, gain = np.empty_like(a), np.empty_like(a), np.empty(a.shape, bool), np.empty_like(p.gain)
        _exponentials(p.gain, gain)
        _open(a, p.encoder_bias, gain, p.magnitude_bias, pre, gate, on)
        return [DenseCode(a, pre=pre, support=on), DenseCode(gate, support=on, decoding=Decoding(frozen=True))]

    @recordable
    def penalty(self, codes, p, g, step):
        """Charge the gate."""
        (values, grad), ptr = codes[1].arrays("values", "grad")
        value = np.zeros(1)
        charge(values, grad, self._costs(p, step), ptr, value)
        return value

    @recordable
    def backward(self, codes, p, g, step):
        """Pass gradients through both paths; the magnitude does not see the gate's bias."""
        (values, pre, grad), ptr = codes[0].arrays("values", "pre", "grad")
        (gate_grad,), _ = codes[1].arrays("grad")
        gain = np.empty_like(p.gain)
        _exponentials(p.gain, gain)
        gradients = g.encoder_bias, g.gain, g.magnitude_bias
        _pass_both(values, pre, grad, gate_grad, p.encoder_bias, gain, *gradients, ptr)

    def after_step(self, codes, p, step):
        """Change the weight so that the target is approached."""
        if self.target_l0 is not None:
            steer(p, np.count_nonzero(codes[0].values) * step.weight, self.target_l0, step)

    def after_fit(self, tiles, p):
        """Shift the gates so that the target is met; magnitudes stay."""
        if self.target_l0 is None:
            return

        def gates():
            return (np.where(_magnitude(a, p) > 0, a, -np.inf).astype(a.dtype) for a in tiles())

        bound, reached = upper_quantile(gates, self.target_l0)
        p.encoder_bias -= bound if np.isfinite(bound) else lowest(tiles)
        warn_of_missed_target("Gated", self.target_l0, reached)

    def publish(self, p, unit):
        """Set gains and biases of the magnitudes and, with a target, the weight."""
        super().publish(p, unit)
        gain, bias = np.exp(p.gain), p.magnitude_bias
        if hasattr(p, "norm_mean"):  # which is not in the weights
            bias = bias - gain * factor(p.norm_gain, p.norm_variance) * p.norm_mean
        self.gain_, self.magnitude_bias_ = read_only(gain), read_only(bias / bias.dtype.type(unit))

    def deployed(self):
        """Return a rule without the second code; a subclass with an `encode` of its own is deployed as it is."""
        return GatedCode() if type(self).encode is Gated.encode else self


class GatedCode(BaseSparsity):
    """The code alone."""

    def encode(self, a, p, step):
        on = a > 0  # a product would make NaN of a magnitude that overflows
        return [DenseCode(np.where(on, np.maximum(_magnitude(a, p), 0), a.dtype.type(0)))]


def _magnitude(a, p):
    """The magnitude before rectification: e^r (a - b_e) + b_m."""
    return (a - p.encoder_bias) * np.exp(p.gain) + p.magnitude_bias
