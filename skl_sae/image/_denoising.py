"""Denoising: every patch is replaced by what its coder makes of it, and overlapping patches are averaged."""

from typing import NamedTuple

import numpy as np

from ..coding import sparse_encode
from ._patches import Average, bands, extract, padded


class Noise(NamedTuple):
    """White noise: its standard deviation, and by how much of that the root mean square of it may be exceeded."""

    sigma: float
    gain: float

    def squared_error(self, n):
        r"""What may be left of n numbers: :math:`n (\text{gain} \cdot \sigma)^2`."""
        return n * (self.gain * self.sigma) ** 2


class Pursuit:
    """Patches by as few atoms as leave no more than the noise (Elad & Aharon 2006).

    Parameters
    ----------
    atoms : ndarray of shape (n_components, n_numbers)
    """

    def __init__(self, atoms):
        self.atoms = atoms

    def __call__(self, rows, noise):
        """Estimates of patches with noise."""
        atoms = self.atoms.astype(rows.dtype, copy=False)
        return sparse_encode(rows, atoms, tol=noise.squared_error(rows.shape[1]), sparse_output=True) @ atoms


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

    def __call__(self, rows, noise):
        """Estimates of patches with noise."""
        scale = rows.dtype.type(1 if self.noise is None else self.noise / noise.sigma)
        if hasattr(self.coder, "reconstruct"):
            return self.coder.reconstruct(rows * scale) / scale
        return self.coder.inverse_transform(self.coder.transform(rows * scale)) / scale


def denoise(values, noise, estimate, patch, stride, weigh, tell):
    """An image without its noise.

    A patch that differs from its mean by no more than the noise becomes its mean.

    Parameters
    ----------
    values : ndarray of shape (height, width, channels)
    noise : Noise
        In the unit of the values.
    estimate : callable
        Makes patches without noise of patches, less their means, and the `Noise` that they have.
    patch : tuple of int
        Height and width.
    stride : int
    weigh : callable
        Gives the weight of the noisy image in the mean, where each of the patches has weight one, from their mean.
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
        more = np.einsum("ij,ij->i", rows, rows, dtype=np.float64) > noise.squared_error(rows.shape[1])
        estimates = np.zeros_like(rows)
        if more.any():
            estimates[more] = estimate(rows[more], noise)
        average.add(estimates, means, tops, lefts)
        tell((tops[-1] + patch[0]) / len(values))
    average.mix(values, weigh(average.result()))
    return np.ascontiguousarray(average.result()[:height, :width])
