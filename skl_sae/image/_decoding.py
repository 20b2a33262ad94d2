"""Images from codes: exact, sums in integers and then a product and a sum in float64."""

import math

import numpy as np

from ._codebook import UNIT
from ._patches import BAND
from ._pictures import full_scale
from ._stream import DTYPES

# Steps are 2 ** (index / 12 - 18), of indices up to this one. The factors of an octave, as every machine has them.
COARSEST = 255
OCTAVE = (
    *(1.0, 1.0594630943592953, 1.122462048309373, 1.189207115002721, 1.2599210498948732, 1.3348398541700344),
    *(1.4142135623730951, 1.4983070768766815, 1.5874010519681994, 1.681792830507429, 1.7817974362806785),
    1.8877486253633868,
)


def step_of(index):
    """Step of an index, as a share of the full scale."""
    octave, rest = divmod(index, len(OCTAVE))
    return math.ldexp(OCTAVE[rest], octave - 18)


def nearest_step(step):
    """Index of the step that is nearest to one."""
    return min(max(round(len(OCTAVE) * (18 + math.log2(step))), 0), COARSEST)


def mean_step(step, patch):
    """Step of means: that of the coefficient of a constant atom of norm one."""
    return step / math.sqrt(patch[0] * patch[1])


def decode(header, codes, codebook):
    """Images from codes, between 0 and 1 but for rounding.

    Returns
    -------
    values : ndarray of float64 of shape (n_images, height, width, channels)
    """
    height, width, channels = codebook.patch
    rows, columns = codes.means.shape[:2]
    step, out = step_of(header.step), np.empty((rows * height, columns * width, channels))
    starts = [np.concatenate([[0], np.cumsum(part.counts)]) for part in codes.parts]
    done = [0, 0]
    some = max(1, BAND // (height * width * channels * columns))
    for lo in range(0, rows, some):
        hi = min(lo + some, rows)
        by_axes = codes.by_axes[lo * columns : hi * columns]
        sums = np.empty((len(by_axes), height * width * channels), np.int64)
        for i, (mine, part, dictionary) in enumerate(
            zip((~by_axes, by_axes), codes.parts, codebook.parts, strict=True)
        ):
            first, last = done[i], done[i] + np.count_nonzero(mine)
            entries = slice(starts[i][first], starts[i][last])
            sums[mine] = dictionary.decode(part.counts[first:last], part.atoms[entries], part.levels[entries])
            done[i] = last
        values = (sums * (step / UNIT)).reshape(hi - lo, columns, height, width, channels)
        values += (codes.means[lo:hi] * mean_step(step, codebook.patch))[:, :, None, None]
        out[lo * height : hi * height] = values.transpose(0, 2, 1, 3, 4).reshape(-1, *out.shape[1:])
    out = out.reshape(header.n_images, -1, *out.shape[1:])
    return out[:, : header.height, : header.width]


def scale(values, header):
    """Values between 0 and 1 as values of the image's type."""
    dtype = DTYPES[header.dtype]
    values = np.clip(values, 0, 1)
    if header.integers:
        return np.rint(values * full_scale(dtype)).astype(dtype)
    return np.clip(header.low + values * (header.high - header.low), header.low, header.high).astype(dtype)
