"""How two sets of rows differ in one unit: how often it is active, and how strongly; with tests and intervals."""

from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from .fisher import fisher_p_values
from .mann_whitney import mann_whitney

# Halvings of an interval in which a bound is sought: more than a float64 has digits.
_HALVINGS = 60


class Effect(NamedTuple):
    """An effect of each unit, its interval and its p-value; arrays of shape (n_units,)."""

    estimate: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p_value: np.ndarray


def compare_rates(active_a, active_b, n_a, n_b, confidence):
    """Differences of rates, of b minus a: Fisher's exact test, and Newcombe's interval from those of both rates.

    Parameters
    ----------
    active_a, active_b : ndarray of int of shape (n_units,)
        Rows in which each unit is active.
    n_a, n_b : int
        Numbers of rows.
    confidence : float
        Of the two-sided intervals.

    Returns
    -------
    Effect
    """
    z = ndtri(0.5 + confidence / 2)
    a, b = active_a / n_a, active_b / n_b
    (low_a, high_a), (low_b, high_b) = wilson(active_a, n_a, z), wilson(active_b, n_b, z)
    low = b - a - np.hypot(b - low_b, high_a - a)
    high = b - a + np.hypot(high_b - b, a - low_a)
    return Effect(b - a, low, high, fisher_p_values(active_a, active_b, n_a, n_b))


def wilson(successes, n, z):
    """Wilson's interval of a rate: where the score test does not reject."""
    rate = successes / n
    middle = rate + z**2 / (2 * n)
    reach = z * np.sqrt(rate * (1 - rate) / n + z**2 / (4 * n**2))
    low, high = (middle - reach) / (1 + z**2 / n), (middle + reach) / (1 + z**2 / n)
    # Exact at the ends, where rounding would leave the interval on the wrong side of the rate.
    return np.minimum(np.maximum(low, 0.0), rate), np.maximum(np.minimum(high, 1.0), rate)


def compare_levels(codes_a, codes_b, confidence):
    """How probable it is that a value of b is above one of a, where both are active: Mann and Whitney's test.

    Parameters
    ----------
    codes_a, codes_b : csc_array
        Codes, without stored zeros.
    confidence : float
        Of the two-sided intervals.

    Returns
    -------
    Effect
        NaN for units that are inactive in one of the sets.
    """
    n_units = codes_a.shape[1]
    estimate, p = np.full((2, n_units), np.nan)
    m, n = np.diff(codes_a.indptr), np.diff(codes_b.indptr)
    for j in np.flatnonzero((m > 0) & (n > 0)):
        a, b = (codes.data[codes.indptr[j] : codes.indptr[j + 1]] for codes in (codes_a, codes_b))
        estimate[j], p[j] = mann_whitney(a, b)
    low, high = superiority_interval(estimate, m, n, ndtri(0.5 + confidence / 2))
    return Effect(estimate, low, high, p)


def superiority_interval(estimate, m, n, z):
    r"""Newcombe's interval of :math:`\theta = P(B > A) + P(B = A) / 2`: all values that a score test does not reject.

    .. math::

        |\hat\theta - \theta| \le z \sqrt{V(\theta)}, \qquad
        V(\theta) = \frac{\theta (1 - \theta)}{m n} \Big[ 1 + \Big( \frac{m + n}{2} - 1 \Big)
        \Big( \frac{1 - \theta}{2 - \theta} + \frac{\theta}{1 + \theta} \Big) \Big]

    Parameters
    ----------
    estimate : ndarray
        The share of pairs.
    m, n : ndarray of int
        Numbers of values.
    z : float
        Quantile of the normal distribution.

    Returns
    -------
    low, high : ndarray
        Within [0, 1], also where the estimate is 0 or 1.
    """
    pairs, half = np.maximum(m * n.astype(np.float64), 1.0), (m + n) / 2 - 1

    def rejected(theta):
        shape = 1 + half * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        return np.abs(estimate - theta) > z * np.sqrt(theta * (1 - theta) / pairs * np.maximum(shape, 0.0))

    bounds = []
    for end in (0.0, 1.0):
        outside, inside = np.full(estimate.shape, end), estimate.copy()
        for _ in range(_HALVINGS):
            middle = (outside + inside) / 2
            out = rejected(middle)
            outside, inside = np.where(out, middle, outside), np.where(out, inside, middle)
        bounds.append(inside)
    return bounds
