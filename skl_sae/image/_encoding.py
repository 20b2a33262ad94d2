"""Images as codes.

An image is cut into patches side by side, the last ones completed by the last row and column. Of each patch there are
the means of its channels, in whole multiples of a step, and levels of atoms or of axes; see `_rate_distortion`.
"""

from dataclasses import replace

import numpy as np

from ._codes import Codes, PartCodes
from ._decoding import BAND, decode, mean_step, scale, step_of
from ._patches import extract
from ._pictures import full_scale, list_of_images, read_pictures
from ._rate_distortion import Costs, choose_part
from ._stream import ARRAY, DEEP, DEEP_LIST, DTYPES, FLAT, FLAT_LIST, Header

# Passes over the patches, at the first step and at others: bits are estimated anew in each.
FIRST_PASSES, PASSES = 4, 2


def read_images(images):
    """A header without dictionary and step, and all images as one, one above the other, between 0 and 1."""
    arrays = [np.asarray(image) for image in list_of_images(images)]
    pictures = read_pictures(arrays)
    shapes = sorted({image.shape for image in arrays}), sorted({str(image.dtype) for image in arrays})
    if max(map(len, shapes)) > 1:
        raise ValueError(
            f"Images of one stream must have the same shape and type: got {shapes[0]} and {shapes[1]}. Compress them "
            "one by one."
        )
    flat = arrays[0].ndim == 2
    if isinstance(images, (list, tuple)):
        kind = FLAT_LIST if flat else DEEP_LIST
    else:
        kind = ARRAY if np.ndim(images) == 4 else FLAT if flat else DEEP
    dtype = arrays[0].dtype.newbyteorder("=")
    values = np.stack(pictures).astype(np.float64)
    low, high = 0.0, 1.0
    if dtype.kind == "u":
        values = np.rint(values * full_scale(dtype)) / full_scale(dtype)
    else:
        low, high = float(values.min()), float(values.max())
        with np.errstate(over="ignore"):
            span = np.float64(high) - low
        if not np.isfinite(span):
            raise ValueError(f"The image has values from {low} to {high}: expected a range that float64 can hold.")
        values = (values - low) / (span or 1)
    header = Header(kind, DTYPES.index(dtype), *values.shape, 1, 1, 0, 0, 0, b"", low, high)
    return header, values


class Encoder:
    """An image on its way to bytes.

    Parameters
    ----------
    images : array-like or list
    codebook : Codebook
    """

    def __init__(self, images, codebook):
        header, values = read_images(images)
        patch = codebook.patch[:2]
        self.codebook, self._values, self._costs = codebook, values, None
        self.header = replace(
            header,
            patch_height=patch[0],
            patch_width=patch[1],
            n_atoms=len(codebook.parts[0]),
            n_axes=len(codebook.parts[1]),
            fingerprint=codebook.fingerprint,
        )
        missing = [count * side - size for count, side, size in zip(self.header.grid, patch, values.shape[1:3])]
        padded = np.pad(values, [(0, 0), (0, missing[0]), (0, missing[1]), (0, 0)], mode="edge")
        self._tall = padded.reshape(-1, *padded.shape[2:])

    def encode(self, index):
        """The codes with the step of an index, and the stream's header."""
        n_passes = PASSES
        if self._costs is None:
            self._costs, n_passes = [Costs(len(part)) for part in self.codebook.parts], FIRST_PASSES
            self._pass(step_of(index), every=True)
        for _ in range(n_passes - 1):
            self._pass(step_of(index))
        return replace(self.header, step=index), self._pass(step_of(index))

    def _pass(self, step, every=False):
        """Codes of all patches; costs follow. With `every`, costs are those of all patches by either part."""
        codes = [], [], ([], [])
        for rows, means in self._bands():
            codes[0].append(np.rint(means / mean_step(step, self.codebook.patch)).astype(np.int64))
            levels, by_axes = choose_part(rows, self.codebook, self._costs, step)
            codes[1].append(by_axes)
            for i, mine in enumerate((~by_axes, by_axes)):
                codes[2][i].append(levels[i][mine])
                self._costs[i].count(levels[i] if every else levels[i][mine], len(rows))
        for costs in self._costs:
            costs.update()
        rows, columns = len(self._tall) // self.codebook.patch[0], self._tall.shape[1] // self.codebook.patch[1]
        means = np.concatenate(codes[0]).reshape(rows, columns, -1)
        return Codes(means, np.concatenate(codes[1]), [PartCodes.joined(several) for several in codes[2]])

    def _bands(self):
        """Patches less their means, and these, band by band."""
        height, width, channels = self.codebook.patch
        columns = self._tall.shape[1] // width
        widest = max(height * width * channels, *map(len, self.codebook.parts))
        some = max(1, BAND // (widest * columns))
        lefts = np.arange(columns) * width
        for lo in range(0, len(self._tall), some * height):
            tops = np.arange(lo, min(lo + some * height, len(self._tall)), height)
            places = np.repeat(tops, columns), np.tile(lefts, len(tops))
            yield extract(self._tall, *places, (height, width))

    @property
    def least_error(self):
        """An error, on the scale from 0 to 1, below which integers are reproduced exactly, or nearly so."""
        dtype = DTYPES[self.header.dtype]
        return (0.2 / full_scale(dtype)) ** 2 if self.header.integers else 1e-12

    def error(self, header, codes):
        """Mean squared error of what is decoded, on the scale from 0 to 1."""
        values = scale(decode(header, codes, self.codebook), header).astype(np.float64)
        if header.integers:
            values /= full_scale(DTYPES[header.dtype])
        else:
            values = (values - header.low) / ((header.high - header.low) or 1)
        return np.mean((values - self._values) ** 2)
