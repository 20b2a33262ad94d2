"""Rules that keep the largest entries: of each row (TopK), or of each unit over a batch (LifetimeTopK)."""

from copy import copy
from numbers import Integral

import numpy as np

from .._kernels.kernel import recordable
from .._kernels.top_k import clear_others, column_bounds, mark_reaching, select_largest_entries
from .._model.codes import DenseCode, RowCode
from .._parameters import is_count, is_number
from ._base import BaseSparsity


class TopK(BaseSparsity):
    r"""The k largest units of each row; the others are zero.

    :math:`f = \mathrm{act}(a) \odot 1[a \text{ among the } k \text{ largest of its row}]`. With relu, units that are
    kept but not positive are zero too, so a row has at most k active units. Ties go to the unit of lower index.

    Parameters
    ----------
    k : int, float or None, default=None
        Number of units kept: an int of at least 1, or a float in (0, 1], a fraction of the units. More than there are
        units means all of them. None means ``max(1, min(32, n_components // 8))``.
    transform_k : int, float or None, default=None
        Number of units kept by ``transform``, read like `k`. A classifier often gains from a few more units than the
        reconstruction was trained with. None means `k`. ``score`` always uses `k`.

    Attributes
    ----------
    k_, transform_k_ : int
        Numbers of units kept in the training and by ``transform``, resolved.

    References
    ----------
    Makhzani & Frey, *k-Sparse Autoencoders*, 2013. Gao et al., *Scaling and evaluating sparse autoencoders*, 2024.

    Examples
    --------
    >>> from skl_sae.sparsity import TopK
    >>> TopK(16)
    TopK(k=16)
    """

    scope = "row"
    dead_units = "auxiliary"

    def __init__(self, k=None, transform_k=None):
        self.k, self.transform_k = k, transform_k

    def initialize(self, n_units, activation):
        """Resolve the numbers of units."""
        self.k_ = resolve_k("k", self.k, n_units)
        self.transform_k_ = self.k_ if self.transform_k is None else resolve_k("transform_k", self.transform_k, n_units)
        return {}

    @recordable
    def encode(self, a, p, step):
        """Keep the k largest of each row."""
        return [select_largest(a, self.k_, step)]

    def deployed(self):
        """Return the rule with `transform_k`."""
        rule = copy(self)
        rule.k_ = self.transform_k_
        return rule


class LifetimeTopK(BaseSparsity):
    r"""Winner takes all: each unit keeps the largest fraction of its activations over a batch.

    Sparsity is asked of units instead of rows, so no unit stays unused. ``transform`` applies the plain activation: a
    batch decides in the training alone, and there is no threshold that is learned or kept.

    Parameters
    ----------
    fraction : float, default=0.05
        Share of the rows of a batch in which a unit is active, in (0, 1]; at least one row.

    References
    ----------
    Makhzani & Frey, *Winner-Take-All Autoencoders*, 2015, section 2.

    Examples
    --------
    >>> from skl_sae.sparsity import LifetimeTopK
    >>> LifetimeTopK(0.07)
    LifetimeTopK(fraction=0.07)
    """

    scope = "unit"

    def __init__(self, fraction=0.05):
        self.fraction = fraction

    def initialize(self, n_units, activation):
        """Check the fraction."""
        if not (is_number(self.fraction) and 0 < self.fraction <= 1):
            raise ValueError(f"LifetimeTopK: got fraction={self.fraction!r}, expected a number in (0, 1].")
        return {}

    @recordable
    def encode(self, a, p, step):
        """Keep the largest entries of each unit; entries tied with the last one stay too."""
        bounds, keep = np.empty(a.shape[1], a.dtype), np.empty(a.shape, bool)
        floor = np.array([smallest_live(a.dtype, step)], np.float64)
        column_bounds(a, max(1, round(self.fraction * len(a))), floor, bounds)
        mark_reaching(a, bounds, keep)
        step.activation.forward(a)
        clear_others(keep, a)
        return [DenseCode(a, support=keep, selects=True)]

    def deployed(self):
        """Return the plain activation."""
        return BaseSparsity()


def resolve_k(name, k, n_units):
    """Number of units that `k` stands for, at most `n_units`."""
    if k is None:
        return max(1, min(32, n_units // 8))
    if is_count(k):
        return min(int(k), n_units)
    if is_number(k) and not isinstance(k, Integral) and 0 < k <= 1:
        return max(1, round(k * n_units))
    raise ValueError(
        f"Got {name}={k!r}, expected None, an int of at least 1 (a number of units) or a float in (0, 1] "
        "(a fraction of the units)."
    )


def select_largest(a, k, step, signed=False):
    """Compress each row of `a` to its k largest entries, activated; if `signed`, of the largest absolute values."""
    n_rows, dtype = len(a), a.dtype
    index, values, count = np.empty((n_rows, k), np.int32), np.zeros((n_rows, k), dtype), np.empty(n_rows, np.int32)
    select_largest_entries(a, smallest_live(dtype, step, signed), index, values, count, signed)
    step.activation.forward(values)
    return RowCode(index, values, count)


def smallest_live(dtype, step, signed=False):
    """Smallest pre-activation that may be kept, or absolute value: with relu only positive ones have a gradient."""
    return np.finfo(dtype).smallest_subnormal if signed or step.activation.zeros else dtype.type(-np.inf)
