"""A sparsity rule in one file: the example of the page "Extending"."""

import numpy as np

from skl_sae.sparsity import BaseSparsity


class Hoyer(BaseSparsity):
    r"""Hoyer's measure of how many rows share a unit.

    Adds :math:`\alpha \sum_j \bar f_j^2 / (\overline{f_j^2} + \epsilon)` to the loss, with the means of :math:`|f_j|`
    and of :math:`f_j^2` over the batch. The quotient is the share of rows in which unit j is active if it has one
    value there, and less if few large values stand out. It does not change when a unit shrinks, so the decoder's norm
    needs no constraint. :math:`\epsilon = 10^{-8}` keeps the slope of a unit that is nearly silent finite.

    Parameters
    ----------
    alpha : float, default=0.01
        Weight of the penalty: the cost of one active unit in every row.

    Examples
    --------
    >>> Hoyer(0.02)
    Hoyer(alpha=0.02)
    """

    def __init__(self, alpha=0.01):
        self.alpha = alpha

    def initialize(self, n_units, activation):
        """Check the setting."""
        if not 0 <= self.alpha < np.inf:
            raise ValueError(f"Hoyer: got alpha={self.alpha!r}, expected a number of at least 0.")
        return {}

    def penalty(self, codes, p, g, step):
        """Charge each unit of the block for the rows that it is active in."""
        (code,) = codes
        mean = step.weight * code.by_unit(np.abs(code.values))
        square = step.weight * code.by_unit(code.values**2) + 1e-8
        ratio = mean / square
        slope = np.sign(code.values) - code.per_unit(ratio) * code.values
        code.grad += 2 * self.alpha * step.weight * code.per_unit(ratio) * slope
        return self.alpha * float((mean * ratio).sum(dtype=np.float64))
