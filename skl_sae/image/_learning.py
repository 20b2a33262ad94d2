"""What a coder of patches learns from: patches drawn from images."""

import numpy as np
from sklearn.utils.random import sample_without_replacement

from ._patches import extract, padded, side_positions


def draw_patches(pictures, patch, n, random_state):
    """Patches of images, less their means: all of them, or n different ones at random.

    Parameters
    ----------
    pictures : list of ndarray of shape (height, width, channels)
    patch : tuple of int
        Height and width. Smaller images are padded.
    n : int or None
    random_state : RandomState

    Returns
    -------
    rows : ndarray of shape (n_patches, patch_height * patch_width * channels)
        In float64 if an image is, otherwise in float32.
    """
    pictures = [padded(values, patch) for values in pictures]
    counts = [np.prod([values.shape[axis] - patch[axis] + 1 for axis in range(2)]) for values in pictures]
    total = int(sum(counts))
    if n is None or n >= total:
        chosen = np.arange(total)
    else:
        chosen = np.sort(sample_without_replacement(total, n, random_state=random_state))
    edges = np.searchsorted(chosen, np.cumsum([0, *counts]))
    parts, before = [], 0
    for values, count, lo, hi in zip(pictures, counts, edges[:-1], edges[1:], strict=True):
        width = len(side_positions(values.shape[1], patch[1], 1))
        tops, lefts = np.divmod(chosen[lo:hi].astype(np.int64) - before, width)
        parts.append(extract(values, tops, lefts, patch)[0])
        before += count
    return np.concatenate(parts)
