"""Fisher's exact test of many pairs of rates."""

import numpy as np

# Probabilities that differ by less than this part of their size are equal: rounding is far below it.
_SAME = 1e-10
# Logarithm of a number that float64 cannot tell from zero, and the first number of steps to look at.
_NOTHING, _STEPS = -750.0, 64


def fisher_p_values(active_a, active_b, n_a, n_b):
    r"""Two-sided p-values: whether rows are active as often in two sets.

    If the active rows are spread over both sets by chance, the number x of those in the first one has the probability

    .. math::

        P(x) = \binom{n_a}{x} \binom{n_b}{k - x} \Big/ \binom{n_a + n_b}{k}

    with k the active rows in all, and the p-value is the sum of the probabilities that are at most that of the number
    found. They are products of ratios of neighbours, walked from the most probable number to both sides until nothing
    is left of them: some standard deviations, which is far less than all numbers.

    Parameters
    ----------
    active_a, active_b : ndarray of int of shape (n_units,)
        Active rows of each set.
    n_a, n_b : int
        Rows of each set.

    Returns
    -------
    ndarray of shape (n_units,)
        p-values.
    """
    pairs, place = np.unique(np.column_stack([active_a, active_b]), axis=0, return_inverse=True)
    p = np.array([_p_value(a, b, n_a, n_b) for a, b in pairs.tolist()])
    return p[place.reshape(-1)]


def _p_value(a, b, n_a, n_b):
    k = a + b
    mode = (k + 1) * (n_a + 1) // (n_a + n_b + 2)
    above, below = _weights(mode, k, n_a, n_b), _weights(k - mode, k, n_b, n_a)
    side, step = (above, a - mode) if a >= mode else (below, mode - a)
    found = side[step] if step < len(side) else 0.0
    weights = np.concatenate([above, below[1:]])
    return weights[weights <= found * (1 + _SAME)].sum() / weights.sum()


def _weights(start, k, n, n_others):
    """Probabilities of start, start + 1, ... active rows among n, in those of start, until they vanish."""
    n_steps, last = _STEPS, min(k, n) - start
    while n_steps < last and n_steps / 2 * np.log(_ratio(start + n_steps // 2, k, n, n_others)) > _NOTHING:
        n_steps *= 2  # ratios fall, so half of them are below the middle one
    ratios = _ratio(start + np.arange(min(n_steps, last)), k, n, n_others)
    with np.errstate(under="ignore"):
        return np.cumprod(np.concatenate([[1.0], ratios]))


def _ratio(x, k, n, n_others):
    """Probability of x + 1 active rows among n over that of x."""
    return (k - x) * (n - x) / ((x + 1) * (n_others - k + x + 1))
