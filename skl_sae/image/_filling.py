"""A first guess of what is missing in an image: smooth, and finite however large the holes are."""

import numpy as np


def fill_smoothly(values, missing):
    """Fill in missing values by averages of the observed ones near them.

    The image is halved, by averages of what is observed in each square of four pixels, until nothing is missing any
    more. On the way back, what is missing is interpolated between the four nearest pixels of the smaller image.

    Parameters
    ----------
    values : ndarray of shape (height, width, channels)
        What stands at missing values is not read.
    missing : ndarray of bool of the same shape
        Something is observed in each channel.

    Returns
    -------
    filled : ndarray of shape (height, width, channels)
        Equal to the values where they are observed.
    """
    if not missing.any():
        return values
    sides = [side + side % 2 for side in values.shape[:2]]
    padding = [(0, more - side) for more, side in zip(sides, values.shape[:2], strict=True)] + [(0, 0)]
    observed = np.pad(~missing, padding).astype(values.dtype)
    sums = np.pad(np.where(missing, 0, values), padding)
    counts, sums = _halved(observed), _halved(sums)
    smaller = fill_smoothly(sums / np.maximum(counts, 1), counts == 0)
    return np.where(missing, _doubled(_doubled(smaller, values.shape[0], 0), values.shape[1], 1), values)


def _halved(values):
    """Sums over squares of four pixels."""
    return values[::2, ::2] + values[1::2, ::2] + values[::2, 1::2] + values[1::2, 1::2]


def _doubled(values, length, axis):
    """The image twice as long along an axis: a pixel is three quarters its own parent's, and one the next one's."""
    place = np.arange(length)
    near = place // 2
    next_one = np.clip(np.where(place % 2 == 0, near - 1, near + 1), 0, values.shape[axis] - 1)
    quarter = values.dtype.type(0.25)
    return (1 - quarter) * np.take(values, near, axis) + quarter * np.take(values, next_one, axis)
