"""How much more frequent a class is among the rows of a unit, with an interval."""

import numpy as np
from scipy.special import ndtri

# Logarithms of relative risks between which bounds are looked for, and how often the range is halved.
_RANGE, _HALVINGS = 40.0, 50


def class_lifts(joint, n_on, n_class, n_rows, confidence=0.95):
    r"""Lift of each class in the rows in which each unit is on, with intervals.

    The lift is the share of the class where the unit is on, over its share in all rows. With the relative risk
    :math:`\varphi` of the class where the unit is on against where it is not, and the share :math:`\pi` of the rows in
    which it is on, the lift is :math:`\varphi / (\pi \varphi + 1 - \pi)`, which rises with :math:`\varphi`. So its
    bounds are those of the relative risk: the values that the score test does not reject (Koopman 1984, "Confidence
    intervals for the ratio of two binomial proportions", Biometrics 40(2)). It needs no correction of counts of zero.

    Parameters
    ----------
    joint : ndarray of shape (n_units, n_classes)
        Rows of each class in which each unit is on.
    n_on : ndarray of shape (n_units,)
        Rows in which each unit is on.
    n_class : ndarray of shape (n_classes,)
        Rows of each class, at least one.
    n_rows : int
        All rows.
    confidence : float
        Of the two-sided intervals.

    Returns
    -------
    lift, low, high : ndarray of shape (n_units, n_classes)
        NaN for a unit that is never on; 1 for one that is always on.
    """
    on = np.broadcast_to(n_on[:, None], joint.shape).astype(float)
    some = (on > 0) & (on < n_rows)
    lift, low, high = np.where(on > 0, 1.0, np.nan), np.where(on > 0, 1.0, np.nan), np.where(on > 0, 1.0, np.nan)
    n_class = np.broadcast_to(n_class, joint.shape)[some]
    inside, on = joint[some].astype(float), on[some]
    counts = inside, on, n_class - inside, n_rows - on
    z = ndtri(0.5 + confidence / 2)
    found = inside * n_rows / (on * n_class)
    lift[some] = found
    low[some] = np.where(inside == 0, 0.0, np.minimum(_to_lift(_risk(*counts, z), on / n_rows), found))
    high[some] = np.maximum(_to_lift(_risk(*counts, -z), on / n_rows), found)
    return lift, low, high


def _to_lift(log_risk, share_on):
    """The lift, from the logarithm of the relative risk."""
    return 1.0 / (share_on + (1.0 - share_on) * np.exp(-log_risk))


def _risk(a, n, b, m, z):
    """Logarithm of the relative risk at which the score of a of n against b of m is z; the score falls with it."""
    low, high = np.full(len(a), -_RANGE), np.full(len(a), _RANGE)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        too_low = _score(a, n, b, m, np.exp(middle)) > z
        low, high = np.where(too_low, middle, low), np.where(too_low, high, middle)
    return 0.5 * (low + high)


def _score(a, n, b, m, risk):
    """Score of a relative risk: difference over its standard error where the risk is true."""
    # the largest likelihood with this risk: p against risk times p, a root of a quadratic
    half = n * risk + a + m + b * risk
    p = 2 * (a + b) / (half + np.sqrt(np.maximum(half**2 - 4 * (n + m) * risk * (a + b), 0.0)))
    p, q = np.minimum(p, 1.0), np.minimum(risk * p, 1.0)
    variance = q * (1 - q) / n + risk**2 * p * (1 - p) / m
    difference = a / n - risk * b / m
    return difference / np.sqrt(np.maximum(variance, np.finfo(float).tiny))
