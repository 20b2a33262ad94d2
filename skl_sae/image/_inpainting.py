"""Inpainting: missing values are filled in and patches coded, and their estimates become better fillings."""

import numpy as np
from scipy.fft import dct

from ..coding import sparse_encode
from ._denoising import Noise
from ._patches import BAND, Average, extract, padded, side_positions

# How far an iteration goes from the last filling to the estimate and beyond.
RELAXATION = 1.5
# The error allowed at the end, as a share of the deviation of the patches.
LAST_ERROR = 1 / 40


class Cosines:
    """Patches by the cosines, of all that there are, whose coefficients are larger than a threshold.

    Parameters
    ----------
    shape : tuple of int
        Height, width and channels of a patch.
    """

    # The threshold over the standard deviation of the noise.
    THRESHOLD = 3.0

    def __init__(self, shape):
        height, width, channels = (dct(np.eye(side), norm="ortho", axis=0) for side in shape)
        self.atoms = np.kron(np.kron(height, width), channels)

    def __call__(self, rows, noise):
        """Estimates of patches, which need not be closer than noise would."""
        atoms = self.atoms.astype(rows.dtype)
        codes = rows @ atoms.T
        codes[np.abs(codes) <= self.THRESHOLD * noise.sigma] = 0
        return codes @ atoms


class BoundedPursuit:
    """Patches by as few atoms as leave an error, and by no more than a quarter as many as a patch has numbers.

    Where much is missing, more atoms than that could describe any filling.

    Parameters
    ----------
    atoms : ndarray of shape (n_components, n_numbers)
    """

    def __init__(self, atoms):
        self.atoms = atoms

    def __call__(self, rows, noise):
        """Estimates of patches, which need not be closer than noise would."""
        atoms, n = self.atoms.astype(rows.dtype, copy=False), rows.shape[1]
        options = {"tol": noise.squared_error(n), "n_nonzero_coefs": max(1, n // 4)}
        return sparse_encode(rows, atoms, **options, sparse_output=True) @ atoms


class MeanOf:
    """Patches by the mean of several estimates, whose errors differ."""

    def __init__(self, *estimates):
        self.estimates = estimates

    def __call__(self, rows, noise):
        """Estimates of patches, which need not be closer than noise would."""
        return sum(estimate(rows, noise) for estimate in self.estimates) / len(self.estimates)


def inpaint(values, missing, sigma, estimate, patch, stride, errors, tell):
    """An image with its missing values filled in.

    What is missing is filled with a guess, and patches are coded as if all of it were observed. Their mean is the next
    filling, and so on. The first codes leave a large error, so that only what is certain is described; it falls along a
    geometric line. (Iterated denoising: O. G. Guleryuz, "Nonlinear approximation based image recovery using adaptive
    sparse reconstructions and iterated denoising", IEEE Transactions on Image Processing 15(3), 2006.) An iteration
    takes a part of the patches, those of a grid, which moves; the last one takes all.

    Parameters
    ----------
    values : ndarray of shape (height, width, channels)
        With a guess of what is missing.
    missing : ndarray of bool of the same shape
    sigma : float
        Standard deviation of the noise of the values.
    estimate : callable
        Makes estimates of patches, less their means, and the `Noise` that they are said to have.
    patch : tuple of int
        Height and width.
    stride : int
        That of the last iteration.
    errors : ndarray
        The error that is allowed in each iteration, as a share of the deviation of the patches themselves.
    tell : callable
        Told which share of the work is done.

    Returns
    -------
    filled : ndarray of shape (height, width, channels)
        Equal to the values where these are observed.
    """
    height, width = values.shape[:2]
    values, missing = padded(values, patch), padded(missing, patch)
    coarse, unit = max(stride, min(patch) // 2), typical_deviation(values, missing, patch)
    for i, error in enumerate(errors if unit > 0 else ()):
        last, noise = i == len(errors) - 1, Noise(max(error * unit, sigma), 1.0)
        step = stride if last else coarse
        tops, lefts = positions_of_holes(missing, patch, step, *offsets(i, step))
        average, done = Average(values.shape, patch, values.dtype), 0
        for here in parts(tops, lefts, patch[0] * patch[1] * values.shape[2]):
            rows, means = extract(values, *here, patch)
            average.add(estimate(rows, noise), means, *here)
            done += len(rows) / len(tops)
            tell((i + done) / len(errors))
        change = average.result() - values
        values = np.where(missing, values + (1 if last else values.dtype.type(RELAXATION)) * change, values)
    return np.ascontiguousarray(values[:height, :width])


def falling_errors(first, number):
    """The errors of iterations, from the first one down, as shares of the deviation of the patches."""
    return np.geomspace(first, LAST_ERROR, number) if number > 1 else np.array([LAST_ERROR])


def typical_deviation(values, missing, patch):
    """The root mean square of the patches that have something missing, less their means."""
    tops, lefts = positions_of_holes(missing, patch, min(patch), 0, 0)
    total, numbers = 0.0, patch[0] * patch[1] * values.shape[2]
    for here in parts(tops, lefts, numbers):
        rows = extract(values, *here, patch)[0]
        total += float(np.einsum("ij,ij->", rows, rows, dtype=np.float64))
    return np.sqrt(total / (max(1, len(tops)) * numbers))


def parts(tops, lefts, numbers):
    """Positions in parts that are worked on at a time."""
    size = max(1, BAND // numbers)
    for lo in range(0, len(tops), size):
        yield tops[lo : lo + size], lefts[lo : lo + size]


def offsets(iteration, stride):
    """Where the grid of an iteration begins, below and right of the first pixel: it visits all places in turn."""
    # about the golden section of their number, so that places in a row are far from each other
    step = next(k for k in range(max(1, int(0.618 * stride**2)), stride**2 + 1) if np.gcd(k, stride**2) == 1)
    return divmod(iteration * step % stride**2, stride)


def positions_of_holes(missing, patch, stride, down, right):
    """Positions of those patches of a grid that have something missing."""
    tops = np.unique(np.append(0, down + side_positions(missing.shape[0] - down, patch[0], stride)))
    lefts = np.unique(np.append(0, right + side_positions(missing.shape[1] - right, patch[1], stride)))
    counts = np.pad(missing.any(axis=2).cumsum(axis=0).cumsum(axis=1), [(1, 0), (1, 0)])
    above, below = counts[tops], counts[tops + patch[0]]
    number = below[:, lefts + patch[1]] - below[:, lefts] - above[:, lefts + patch[1]] + above[:, lefts]
    row, column = np.nonzero(number)
    return tops[row], lefts[column]
