"""Gated: one path decides which units are active, another how much."""

import numpy as np

from .._model.codes import Decoding, DenseCode
from ._base import BaseSparsity
from ._penalties import check_non_negative


class Gated(BaseSparsity):
    r"""A gate :math:`1[a > 0]` times a magnitude :math:`\mathrm{relu}(e^{r} u + b_m)`, :math:`u = a - b_e`.

    The L1 penalty acts on the gate's pre-activations only, so that it does not shrink magnitudes. To give the gate a
    gradient, :math:`\mathrm{relu}(a)` must reconstruct the data too, through a copy of the decoder that takes no
    gradient: :math:`L = \|x - \hat x\|^2 + \alpha \sum_j \mathrm{relu}(a_j) + \|x - \hat x_{gate}\|^2`.

    Parameters
    ----------
    alpha : float, default=0.1
        Weight of the penalty.

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

    def __init__(self, alpha=0.1):
        self.alpha = alpha

    def initialize(self, n_units, activation):
        """Check the setting; gain and bias of the magnitudes are learned."""
        if activation != "relu":
            raise ValueError(f"Gated is an activation of its own: expected activation='relu', got {activation!r}.")
        check_non_negative("Gated", "alpha", self.alpha)
        return {"gain": 0.0, "magnitude_bias": 0.0}

    def encode(self, a, p, step):
        """Return the code, and the gate as a second code that the decoder does not learn from."""
        on = a > 0
        code = DenseCode(_gated_magnitude(a, on, p), pre=a.copy(), support=on)
        return [code, DenseCode(a * on, support=on, decoding=Decoding(frozen=True))]

    def penalty(self, codes, p, g, step):
        """Charge the gate."""
        gate = codes[1]
        cost = self.alpha * step.weight
        gate.grad += cost
        return cost * float(gate.values.sum(dtype=np.float64))

    def backward(self, codes, p, g, step):
        """Pass gradients through both paths; the magnitude does not see the gate's bias."""
        code, gate = codes
        gain = code.per_unit(np.exp(p.gain))
        d_magnitude = code.grad * (code.values > 0)
        d_shared = d_magnitude * gain
        g.magnitude_bias += code.by_unit(d_magnitude)
        g.gain += code.by_unit(d_shared * (code.pre - code.per_unit(p.encoder_bias)))
        g.encoder_bias -= code.by_unit(d_shared)
        return d_shared + gate.grad * (gate.values > 0)

    def deployed(self):
        """Return a rule without the second code; a subclass with an `encode` of its own is deployed as it is."""
        return _GatedCode() if type(self).encode is Gated.encode else self


class _GatedCode(BaseSparsity):
    """The code alone."""

    def encode(self, a, p, step):
        return [DenseCode(_gated_magnitude(a, a > 0, p))]


def _gated_magnitude(a, on, p):
    """relu(e^r (a - b_e) + b_m) where the gate is on."""
    magnitude = np.maximum((a - p.encoder_bias) * np.exp(p.gain) + p.magnitude_bias, 0)
    return np.where(on, magnitude, a.dtype.type(0))  # a product would make NaN of a magnitude that overflows
