"""Mann and Whitney's test of two samples, whatever their sizes are."""

from math import comb

import numpy as np
from scipy.special import ndtr

# Without ties, the distribution is exact where one of the samples has at most so many values.
_FEW = 8


def mann_whitney(a, b):
    r"""Share of the pairs in which a value of b is above one of a, ties counting one half, and a two-sided p-value.

    With U the number of such pairs of m and n values, and :math:`t_i` the sizes of groups of equal values,

    .. math::

        z = \frac{|U - m n / 2| - 1/2}{\sqrt{\frac{m n}{12} \Big( m + n + 1
        - \sum_i \frac{t_i^3 - t_i}{(m + n)(m + n - 1)} \Big)}}

    is normal but for few values. There, the p-value comes from the exact distribution of U if no values are equal: that
    of :func:`scipy.stats.mannwhitneyu`, which takes minutes for it where the other sample is large. Ranks are exact for
    single precision, too.

    Parameters
    ----------
    a, b : ndarray
        Values, at least one of each.

    Returns
    -------
    superiority, p_value : float
    """
    a, b = np.sort(a), np.sort(b)
    m, n, pairs = len(a), len(b), len(a) * len(b)
    u = (np.searchsorted(a, b, "left").sum() + np.searchsorted(a, b, "right").sum()) / 2
    both = np.sort(np.concatenate([a, b]), kind="stable")
    starts = np.concatenate([[True], both[1:] != both[:-1], [True]])
    ties = np.diff(np.flatnonzero(starts)).astype(np.float64)
    if min(m, n) <= _FEW and len(ties) == m + n:
        p = 2 * _share_up_to(round(min(u, pairs - u)), min(m, n), max(m, n))
    elif len(ties) == 1:
        p = 1.0
    else:
        spread = pairs / 12 * (m + n + 1 - (ties**3 - ties).sum() / ((m + n) * (m + n - 1)))
        p = 2 * ndtr((0.5 - abs(u - pairs / 2)) / np.sqrt(spread))
    return u / pairs, min(p, 1.0)


def _share_up_to(u, m, n):
    r"""Share of the orders of m and n values in which at most u pairs are reversed.

    The numbers of such orders are the coefficients of :math:`\prod_{i=1}^m (1 - q^{n+i}) / (1 - q^i)`. For few factors
    the differences lose no digits that matter.
    """
    counts = np.zeros(u + 1)
    counts[0] = 1.0
    for i in range(1, m + 1):
        steps = np.zeros((u // i + 1, i))
        steps.ravel()[: u + 1] = counts
        counts = steps.cumsum(axis=0).ravel()[: u + 1]
        counts[n + i :] -= counts[: max(u + 1 - n - i, 0)].copy()
    return counts.sum() / comb(m + n, m)
