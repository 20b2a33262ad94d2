"""Rules that leave the code dense and charge for it: L1 and the KL divergence."""

import numpy as np

from ._base import BaseSparsity


class L1(BaseSparsity):
    r"""L1 norm of the code.

    Adds :math:`\alpha \sum_j |f_j|` to the loss of a sample. The decoder rows are kept at norm one, so that the code
    cannot escape the penalty by shrinking while the decoder grows.

    Parameters
    ----------
    alpha : float, default=0.1
        Weight of the penalty. Data is measured in units of its standard deviation (see
        :class:`skl_sae.SparseAutoencoder`), so a value means the same on any scale.

    References
    ----------
    Bricken et al., *Towards Monosemanticity*, Transformer Circuits Thread, 2023.

    Examples
    --------
    >>> from skl_sae.sparsity import L1
    >>> L1(0.05)
    L1(alpha=0.05)
    """

    unit_norm = True

    def __init__(self, alpha=0.1):
        self.alpha = alpha

    def start(self, n_units, activation):
        """Check the penalty's weight."""
        check_non_negative("L1", "alpha", self.alpha)
        return {}

    def penalty(self, codes, p, g, step):
        """Charge ``alpha`` for each unit of activation."""
        (code,) = codes
        cost = self.alpha * step.weight
        code.grad += cost * np.sign(code.values)
        return cost * float(np.abs(code.values).sum(dtype=np.float64))


class KLDivergence(BaseSparsity):
    r"""Kullback-Leibler divergence of the mean activation of each unit from a target.

    Adds :math:`\alpha \sum_j \rho \log\frac{\rho}{q_j} + (1 - \rho) \log\frac{1 - \rho}{1 - q_j}` to the loss, with
    :math:`q_j` the mean activation of unit j over the batch. A code of tanh is read as the probability
    :math:`(1 + f) / 2`.

    Parameters
    ----------
    target : float, default=0.05
        The mean activation :math:`\rho` that units are driven to, between 0 and 1.
    alpha : float, default=1.0
        Weight of the penalty.
    memory : float, default=0.0
        Share of the running mean that is kept at each step, between 0 (the mean of the batch alone) and 1. With small
        batches the mean of one batch is noisy and biases the penalty; 0.9 averages over about ten.

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

    def __init__(self, target=0.05, alpha=1.0, memory=0.0):
        self.target, self.alpha, self.memory = target, alpha, memory

    def start(self, n_units, activation):
        """Check the ranges, and that the code is bounded."""
        if activation not in ("sigmoid", "tanh"):
            raise ValueError(
                f"KLDivergence needs a bounded code: expected activation='sigmoid' or 'tanh', got {activation!r}."
            )
        if not 0 < self.target < 1:
            raise ValueError(f"KLDivergence: got target={self.target!r}, expected a number between 0 and 1.")
        if not 0 <= self.memory < 1:
            raise ValueError(f"KLDivergence: got memory={self.memory!r}, expected a number in [0, 1).")
        check_non_negative("KLDivergence", "alpha", self.alpha)
        self.slope_, self.offset_ = (1.0, 0.0) if activation == "sigmoid" else (0.5, 0.5)
        return {"mean_activation": 0.0}

    def _mean(self, code, p, step):
        q = self.offset_ + self.slope_ * step.weight * code.by_unit(code.values)
        rate = max(1 - self.memory, 1 / step.number)  # the first batch is taken whole: no bias towards zero
        tiny = 1e-6
        return np.clip((1 - rate) * p.mean_activation + rate * q, tiny, 1 - tiny)

    def penalty(self, codes, p, g, step):
        """Charge for the distance of the mean activations from the target.

        With memory, the slope is taken at the running mean, without the factor (1 - memory): an unbiased gradient of
        the penalty over all rows.
        """
        (code,) = codes
        t, q = self.target, self._mean(code, p, step)
        slope = self.alpha * self.slope_ * step.weight * ((1 - t) / (1 - q) - t / q)
        code.grad += code.per_unit(slope)
        divergence = t * np.log(t / q) + (1 - t) * np.log((1 - t) / (1 - q))
        return self.alpha * float(divergence.sum(dtype=np.float64))

    def after_step(self, codes, p, step):
        """Move the running mean."""
        p.mean_activation[:] = self._mean(codes[0], p, step)


def check_non_negative(rule, name, value):
    """Raise where a penalty's weight is not a number of at least 0."""
    if not value >= 0:
        raise ValueError(f"{rule}: got {name}={value!r}, expected a number of at least 0.")
