"""Means of patches, predicted from those above and to the left.

The median of the left one, the upper one, and their sum less the one between (Weinberger, Seroussi and Sapiro, *The
LOCO-I Lossless Image Compression Algorithm*, IEEE Transactions on Image Processing 9, 2000). The first mean of an image
is predicted by that of the image before.
"""

import numpy as np

from .._kernels.kernel import kernel

# The channel that the others, but a fourth one, are told as differences from.
GREEN = 1


def residuals(levels, n_images):
    """What prediction leaves.

    Parameters
    ----------
    levels : ndarray of int64 of shape (n_images * rows, columns, channels)
    n_images : int

    Returns
    -------
    left : ndarray of int64 of shape (channels, n_images * rows, columns)
    """
    planes = np.ascontiguousarray(levels.transpose(2, 0, 1))
    if len(planes) > 1:
        planes[[0, 2]] -= planes[GREEN]
    out = np.empty_like(planes)
    for plane, left in zip(planes, out, strict=True):
        _predict(plane, len(plane) // n_images, False, left)
    return out


def levels_of(left, n_images):
    """The inverse of `residuals`."""
    planes = np.empty_like(left)
    for plane, some in zip(planes, left, strict=True):
        _predict(some, len(some) // n_images, True, plane)
    if len(planes) > 1:
        planes[[0, 2]] += planes[GREEN]
    return np.ascontiguousarray(planes.transpose(1, 2, 0))


@kernel("l2", "n", "n", "l2!")
def _predict(given, height, undo, out):
    """Subtract predictions by what is given, or add predictions by what is out already."""
    known = out if undo else given
    for i in range(given.shape[0]):
        for j in range(given.shape[1]):
            if i % height > 0 and j > 0:
                left, up, corner = known[i, j - 1], known[i - 1, j], known[i - 1, j - 1]
                low, high = min(left, up), max(left, up)
                guess = low if corner >= high else high if corner <= low else left + up - corner
            elif j > 0:
                guess = known[i, j - 1]
            elif i % height > 0:
                guess = known[i - 1, 0]
            else:
                guess = known[i - height, 0] if i > 0 else np.int64(0)
            out[i, j] = given[i, j] + guess if undo else given[i, j] - guess
