"""Denoising: every patch is replaced by what its coder makes of it, and overlapping patches are averaged."""

import numpy as np

from ..coding import sparse_encode
from ._patches import Average, bands, extract, padded


class Pursuit:
    """Patches by as few atoms as leave no more than the noise (Elad & Aharon 2006).

    Parameters
    ----------
    atoms : ndarray of shape (n_components, n_numbers)
    gain : float
        The root mean square of what may be left of a patch, over the standard deviation of the noise.
    """

    def __init__(self, atoms, gain):
        self.atoms, self.gain = atoms, gain

    def __call__(self, rows, sigma):
        """Estimates of patches with noise."""
        atoms = self.atoms.astype(rows.dtype, copy=False)
        codes = sparse_encode(rows, atoms, tol=error(rows.shape[1], sigma, self.gain), sparse_output=True)
        return codes @ atoms


class Network:
    """Patches as an encoder and a decoder make them.

    Parameters
    ----------
    coder : estimator
    noise : float or None
        Standard deviation of the noise that the coder has learned to remove. Patches are scaled so that theirs is the
        same. None: they are taken as they are.
    """

    def __init__(self, coder, noise):
        self.coder, self.noise = coder, noise

    def __call__(self, rows, sigma):
        """Estimates of patches with noise."""
        scale = rows.dtype.type(1 if self.noise is None else self.noise / sigma)
        if hasattr(self.coder, "reconstruct"):
            return self.coder.reconstruct(rows * scale) / scale
        return self.coder.inverse_transform(self.coder.transform(rows * scale)) / scale


def error(n, sigma, gain):
    r"""Squared error of a patch of n numbers that is as good as none: :math:`n (\text{gain} \cdot \sigma)^2`."""
    return n * (gain * sigma) ** 2


def denoise(values, sigma, estimate, patch, stride, weight, tell):
    """An image without its noise.

    Parameters
    ----------
    values : ndarray of shape (height, width, channels)
    sigma : float
        Standard deviation of the noise, in the unit of the values.
    estimate : callable
        Makes patches without noise of patches, less their means, and the standard deviation of their noise.
    patch : tuple of int
        Height and width.
    stride : int
    weight : float
        Weight of the noisy image in the mean, where each of the patches has weight one.
    tell : callable
        Told which share of the work is done.

    Returns
    -------
    values : ndarray of shape (height, width, channels)
    """
    height, width = values.shape[:2]
    values = padded(values, patch)
    average = Average(values.shape, patch, values.dtype)
    for tops, lefts in bands(values.shape, patch, stride):
        rows, means = extract(values, tops, lefts, patch)
        average.add(estimate(rows, sigma), means, tops, lefts)
        tell((tops[-1] + patch[0]) / len(values))
    average.mix(values, weight)
    return np.ascontiguousarray(average.result()[:height, :width])
