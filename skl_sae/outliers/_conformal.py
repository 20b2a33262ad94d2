"""How sure it is that a row is unlike the others: its rank among rows that were held out."""

from numbers import Integral

import numpy as np

# Scores that differ by less than this part of their size, or by less than the square of a millionth of a unit, are
# equal: no outcome hangs on the rounding of a product.
SAME, NOTHING = 1e-6, 1e-12
# With 19, 39, 59, ... held-out rows there is a p-value of exactly 5 %. With fewer than 60 rows, 19 are too many.
ROUND, FEWEST_TO_ROUND = 20, 60


def p_values(scores, held_out):
    """Share of the held-out rows that are at least as extreme, the row itself counted among them.

    Parameters
    ----------
    scores : ndarray of shape (n_samples,)
        Low where a row is extreme; never positive.
    held_out : ndarray of shape (n_held_out,)
        Scores of the held-out rows, in increasing order.

    Returns
    -------
    p : ndarray of shape (n_samples,)
    """
    at_least_as_extreme = np.searchsorted(held_out, scores + _rounding(scores), side="right")
    return (1 + at_least_as_extreme) / (len(held_out) + 1)


def threshold(held_out, level):
    """The score below which p-values are at most `level`; without such a p-value, that of the smallest there is."""
    most_extreme = max(1, int(level * (len(held_out) + 1) + 1e-9))
    return below(held_out[most_extreme - 1])


def below(score):
    """A line below a score, and below those that are equal to it."""
    return float(score - _rounding(score))


def _rounding(scores):
    return SAME * np.abs(scores) + NOTHING


def number_of_held_out(share, n_samples):
    """How many rows to hold out, for a share or a number of them; `ROUND` says why a share is rounded."""
    if isinstance(share, Integral):
        if share >= n_samples:
            raise ValueError(
                f"Got calibration={share}, rows to hold out, and X has {n_samples} rows; expected less, or a share."
            )
        return int(share)
    if n_samples < FEWEST_TO_ROUND:
        return min(max(1, round(share * n_samples)), n_samples - 1)
    return ROUND * min(max(1, round(share * n_samples / ROUND)), n_samples // ROUND) - 1
