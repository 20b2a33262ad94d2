"""What a coder of patches learns from, patches drawn from images, and what it is told of their noise."""

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.utils.random import sample_without_replacement

from ._patches import extract, padded, side_positions

# The variance of a patch over that of the noise, below which nothing is to be learned from it.
FAINT = 0.03


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


def is_dictionary(coder):
    """Whether codes are found by optimisation with atoms, which another pursuit may use as well."""
    coder = coder.estimator if isinstance(coder, FrozenEstimator) else coder
    return "transform_algorithm" in coder.get_params(deep=False)


def accept_noise(coder, squared_error):
    """Let a coder leave an error that is the noise of its data, if it can be told."""
    parameters = coder.get_params(deep=False)
    if {"tol", "n_nonzero_coefs", "algorithm"} <= set(parameters) and parameters["algorithm"] == "omp":
        coder.set_params(tol=squared_error, n_nonzero_coefs=None)


def learn_to_remove(coder, noise, rows):
    """Let an autoencoder see rows with Gaussian noise and be compared with the rows as they are.

    Returns the rows that are worth learning from: those that are not nearly constant, measured by the noise. The others
    need no coder.
    """
    parameters = coder.get_params(deep=False)
    if not {"corruption", "corruption_level", "scale"} <= set(parameters):
        raise ValueError(
            f"noise is for an autoencoder that learns to remove it: got noise and {type(coder).__name__}, which has no "
            "parameter corruption. Give sigma to fit or denoise instead."
        )
    worth_it = np.einsum("ij,ij->i", rows, rows, dtype=np.float64) > FAINT * rows.shape[1] * noise**2
    rows = rows[worth_it] if worth_it.any() else rows
    scale = "total" if parameters["scale"] == "auto" else parameters["scale"]
    deviation = 1.0 if scale is False else float(np.sqrt(rows.var(axis=0, dtype=np.float64).mean()))
    level = noise / deviation if deviation > 0 else 0.0
    coder.set_params(corruption="gaussian", corruption_level=level, scale=scale)
    return rows
