"""Patches of an image as rows, and an image from rows: kernels, and the parts in which both are done.

Positions stand in two arrays, the top row and the left column of each patch. A patch is a row of
``height * width * channels`` numbers in C order.
"""

import numpy as np

from .._kernels.jit import row_of
from .._kernels.kernel import kernel
from .._kernels.threads import partition, run

# Patches that are extracted at a time by one thread; rows of the image that one thread adds to.
PATCHES, ROWS = 2048, 32
# Numbers of a band of patches, about: what is worked on at a time of a large image.
BAND = 1 << 21


def side_positions(length, size, stride):
    """Where patches begin along one side, so that they cover all of it: the last one ends with the side."""
    return np.unique(np.append(np.arange(0, length - size, stride), length - size))


def bands(shape, patch, stride):
    """Positions of the patches of a grid, band by band, from the top.

    Parameters
    ----------
    shape : tuple
        Of the image, at least that of a patch.
    patch : tuple of int
        Height and width.
    stride : int

    Yields
    ------
    tops, lefts : ndarray of shape (n_patches,)
    """
    tops, lefts = (side_positions(shape[axis], patch[axis], stride) for axis in range(2))
    rows = max(1, BAND // (len(lefts) * patch[0] * patch[1] * shape[2]))
    for lo in range(0, len(tops), rows):
        part = tops[lo : lo + rows]
        yield np.repeat(part, len(lefts)), np.tile(lefts, len(part))


def padded(values, patch):
    """The image, made at least as large as a patch by repeating its last row and column."""
    missing = [max(0, patch[axis] - values.shape[axis]) for axis in range(2)]
    return np.pad(values, [(0, missing[0]), (0, missing[1]), (0, 0)], mode="edge") if any(missing) else values


def extract(values, tops, lefts, patch):
    """Patches as rows, each less its mean in each channel.

    Parameters
    ----------
    values : ndarray of shape (height, width, channels)
        C-contiguous, floating.
    tops, lefts : ndarray of int64 of shape (n_patches,)
        Positions, in any order.
    patch : tuple of int
        Height and width.

    Returns
    -------
    rows : ndarray of shape (n_patches, patch_height * patch_width * channels)
    means : ndarray of shape (n_patches, channels)
        What was subtracted.
    """
    flat, channels = _flat(values), values.shape[2]
    rows = np.empty((len(tops), patch[0] * patch[1] * channels), values.dtype)
    means = np.empty((len(tops), channels), values.dtype)
    parts = partition(len(tops), PATCHES)

    def work(block, slot):
        some = slice(*parts[block])
        _extract(flat, tops[some], lefts[some], patch[0], patch[1] * channels, rows[some], means[some])

    run(work, len(parts), inline=rows.size < 1 << 15)
    return rows, means


class Average:
    """The mean of patches that overlap, as an image.

    Parameters
    ----------
    shape : tuple
        Of the image: height, width, channels.
    patch : tuple of int
        Height and width.
    dtype : dtype
    """

    def __init__(self, shape, patch, dtype):
        self.patch, self.sums, self.counts = patch, np.zeros(shape, dtype), np.zeros(shape[:2], dtype)

    def add(self, rows, means, tops, lefts):
        """Add patches.

        One thread writes to a pixel, and adds patches in their order: the bits depend on nothing else.

        Parameters
        ----------
        rows : ndarray of shape (n_patches, patch_height * patch_width * channels)
        means : ndarray of shape (n_patches, channels)
            Added to the values.
        tops, lefts : ndarray of int64 of shape (n_patches,)
        """
        flat, dtype = _flat(self.sums), self.sums.dtype
        rows, means = (np.ascontiguousarray(x, dtype) for x in (rows, means))
        parts = partition(len(flat), ROWS, multiple=1)

        def work(block, slot):
            lo, hi = parts[block]
            if tops.size and lo < tops.max() + self.patch[0] and hi > tops.min():
                _add(rows, means, tops, lefts, *self.patch, lo, flat[lo:hi], self.counts[lo:hi])

        run(work, len(parts), inline=rows.size < 1 << 15)

    def mix(self, values, weight):
        """Add an image to the mean, with the same weight at all pixels, where that of a patch is one."""
        self.sums += self.sums.dtype.type(weight) * values
        self.counts += self.counts.dtype.type(weight)

    def result(self):
        """The mean; zero where there are neither patches nor an image."""
        covered = self.counts > 0
        return self.sums / np.where(covered, self.counts, 1)[..., None]


def _flat(values):
    """The image with the channels of a pixel side by side."""
    return values.reshape(len(values), -1)


@kernel("T2", "l1", "l1", "n", "n", "T2!", "T2!")
def _extract(image, tops, lefts, height, width, rows, means):
    """Copy patches and subtract their means; the width is in numbers, channels side by side."""
    channels = means.shape[1]
    for i in range(tops.size):
        to, mean, left = row_of(rows, i), row_of(means, i), lefts[i] * channels
        for a in range(height):
            line = row_of(image, tops[i] + a)[left : left + width]
            for b in range(width):
                to[a * width + b] = line[b]
        if channels == 1:
            total = np.float64(0)
            for j in range(to.size):
                total += to[j]
            mean[0] = total / to.size
            for j in range(to.size):
                to[j] -= mean[0]
        else:
            for k in range(channels):
                total = np.float64(0)
                for j in range(k, to.size, channels):
                    total += to[j]
                mean[k] = total / (to.size // channels)
                for j in range(k, to.size, channels):
                    to[j] -= mean[k]


@kernel("T2", "T2", "l1", "l1", "n", "n", "n", "T2!", "T2!")
def _add(rows, means, tops, lefts, height, width, first, sums, counts):
    """Add to the rows of an image from `first` what patches have there; height and width are in pixels."""
    channels = means.shape[1]
    for i in range(tops.size):
        row, mean, left = row_of(rows, i), row_of(means, i), lefts[i]
        for a in range(max(0, first - tops[i]), min(height, first + sums.shape[0] - tops[i])):
            to = row_of(sums, tops[i] + a - first)[left * channels : (left + width) * channels]
            count = row_of(counts, tops[i] + a - first)[left : left + width]
            part = row[a * width * channels : (a + 1) * width * channels]
            if channels == 1:
                for b in range(width):
                    to[b] += part[b] + mean[0]
            else:
                for b in range(width):
                    for k in range(channels):
                        to[b * channels + k] += part[b * channels + k] + mean[k]
            for b in range(width):
                count[b] += 1
