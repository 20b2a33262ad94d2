"""How noisy an image is."""

import numpy as np

from .._parameters import is_number
from ._pictures import LARGEST

# The high-pass filter of Daubechies' wavelet with two vanishing moments: slopes leave no trace in it.
WAVELET = np.array([0.4829629131445341, -0.8365163037378079, 0.2241438680420134, 0.1294095225512604])
# The median of the size of standard normal numbers.
MEDIAN = 0.6744897501960817


def estimate_sigma(values):
    r"""Standard deviation of white noise, the mean over the channels.

    .. math::

        \hat\sigma = \operatorname{median}(|d|) / 0.6745

    of the finest diagonal wavelet coefficients d that are not zero (D. L. Donoho and I. M. Johnstone, "Ideal spatial
    adaptation by wavelet shrinkage", Biometrika 81(3), 1994), at all shifts. Few of them stem from the edges of a
    photograph; fine textures count as noise.

    Parameters
    ----------
    values : ndarray of shape (height, width, channels)
        A side that is shorter than the wavelet, 4, is left out; without a longer one the estimate is 0.

    Returns
    -------
    sigma : float
    """
    details = values
    for axis in range(2):
        length = values.shape[axis] - len(WAVELET) + 1
        if length > 0:
            parts = [np.take(details, range(k, k + length), axis) for k in range(len(WAVELET))]
            details = sum(values.dtype.type(w) * part for w, part in zip(WAVELET, parts, strict=True))
    if details is values:
        return 0.0
    # coefficients of a flat image are rounding errors
    floor = 16 * np.finfo(values.dtype).eps * np.abs(values).max()
    sizes = [np.abs(details[..., k])[np.abs(details[..., k]) > floor] for k in range(values.shape[2])]
    return float(np.mean([np.median(size) / MEDIAN if size.size else 0.0 for size in sizes]))


def check_sigma(sigma, otherwise=", or None"):
    """A standard deviation; the error names what else is possible."""
    if not is_number(sigma) or not 0 <= float(sigma) <= LARGEST:
        raise ValueError(f"sigma must be a number of at least 0 and at most {LARGEST:.0e}{otherwise}: got {sigma!r}.")
    return float(sigma)
