"""How much more frequent a class is among the rows of a unit, with an interval."""

import numpy as np
from scipy.special import ndtri


def class_lifts(joint, n_on, n_class, n_rows, confidence=0.95):
    r"""Lift of each class in the rows in which each unit is on, with intervals.

    .. math::

        L = \frac{P(class \mid on)}{P(class)} = \frac{a\, n}{n_{on}\, n_{class}}
        \qquad
        \operatorname{var}(\log L) \approx \frac{1}{a} - \frac{1}{n_{on}} - \frac{1}{n_{class}}
        + \frac{2 a}{n_{on} n_{class}} - \frac{1}{n}

    with a the number of rows of the class in which the unit is on: a log relative risk, of which the variance is that
    of the delta method for a table of four multinomial counts. Intervals are computed after 1/2 has been added to each
    of the four counts, so that counts of zero have one too; that of a = 0 begins at 0.

    Parameters
    ----------
    joint : ndarray of shape (n_units, n_classes)
        Rows of each class in which each unit is on.
    n_on : ndarray of shape (n_units,)
        Rows in which each unit is on.
    n_class : ndarray of shape (n_classes,)
        Rows of each class.
    n_rows : int
        All rows.
    confidence : float
        Of the two-sided intervals.

    Returns
    -------
    lift, low, high : ndarray of shape (n_units, n_classes)
        NaN for a unit that is never on.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        lift = joint * n_rows / (n_on[:, None] * n_class)
    a, on, in_class, n = joint + 0.5, n_on[:, None] + 1.0, n_class + 1.0, n_rows + 2.0
    variance = 1 / a - 1 / on - 1 / in_class + 2 * a / (on * in_class) - 1 / n
    middle = np.log(a) + np.log(n) - np.log(on) - np.log(in_class)
    reach = ndtri(0.5 + confidence / 2) * np.sqrt(np.maximum(variance, 0.0))
    low = np.where(joint == 0, 0.0, np.fmin(np.exp(middle - reach), lift))
    high = np.fmax(np.exp(middle + reach), lift)
    never = n_on == 0
    low[never] = high[never] = np.nan
    return lift, low, high
