"""Images as codes.

An image is cut into patches side by side, the last ones completed by the last row and column. Of each patch there are
the means of its channels, in whole multiples of a step, and levels of atoms or of axes; see `_rate_distortion`.
"""

from copy import deepcopy
from dataclasses import replace

import numpy as np

from ._codes import Codes, PartCodes, write_codes
from ._decoding import decode, mean_step, scale, step_of
from ._patches import BAND, extract
from ._pictures import full_scale, list_of_images, read_pictures, without_mask
from ._rate_distortion import PRICE, Costs, choose_part
from ._stream import ARRAY, DEEP, DEEP_LIST, DTYPES, FLAT, FLAT_LIST, Header, write_stream

# Passes over the patches in which each chooses between atoms and axes; bits are estimated anew in each.
PASSES = 3
# Where the error falls by less than the price of the bits says: it falls with about this power of the size, 4 decibels
# an octave.
SLOPE = 1.33


def read_images(images):
    """A header without dictionary and step, and all images as one, one above the other, between 0 and 1."""
    arrays = [without_mask(image) for image in list_of_images(images)]
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
        span = high - low
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
        if header.channels != codebook.patch[2]:
            raise ValueError(
                f"The image has {header.channels} channels, but the coder was fitted on images with "
                f"{codebook.patch[2]}."
            )
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

    def best(self, found, index):
        """Of streams with their errors, the one whose bits are worth their price."""
        data, error = found[-1]
        size, bits = self._values.size, 8 * len(data)
        price = min(PRICE * step_of(index) ** 2, SLOPE * error * size / bits)
        return min(found, key=lambda it: it[1] * size + price * 8 * len(it[0]))

    def candidates(self, index):
        """Streams and their errors: all patches by atoms, all by axes, and each as it likes."""
        step, header = step_of(index), replace(self.header, step=index)
        if self._costs is None:
            self._costs = [Costs(len(part)) for part in self.codebook.parts]
            self._pass(step, self._costs, mixed=False)
        several = self._pass(step, self._costs, mixed=False)
        costs = deepcopy(self._costs)
        for _ in range(PASSES):
            mixed = self._pass(step, costs, mixed=True)
        return [(self._stream(header, codes), self._error(header, codes)) for codes in several + mixed]

    def _pass(self, step, costs, mixed):
        """Codes of all patches: `mixed`, or by atoms and by axes alone. Costs are adapted to them."""
        means, choices, found = [], [], ([], [])
        for rows, some in self._bands():
            means.append(np.rint(some / mean_step(step, self.codebook.patch)).astype(np.int64))
            levels, by_axes = choose_part(rows, self.codebook, costs, step)
            choices.append(by_axes)
            for i, mine in enumerate((~by_axes, by_axes)):
                kept = levels[i][mine] if mixed else levels[i]
                found[i].append(PartCodes.of(kept))
                costs[i].count(kept, len(rows))
        for each in costs:
            each.update()
        height, _width, channels = self.codebook.patch
        means = np.concatenate(means).reshape(len(self._tall) // height, -1, channels)
        parts, by_axes = [PartCodes.joined(several) for several in found], np.concatenate(choices)
        if mixed:
            return [Codes(means, by_axes, parts)]
        nothing = PartCodes.joined([])
        by_atoms = Codes(means, np.zeros_like(by_axes), [parts[0], nothing])
        return [by_atoms, Codes(means, np.ones_like(by_axes), [nothing, parts[1]])]

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

    def _stream(self, header, codes):
        return write_stream(header, write_codes(codes, header.n_images))

    def _error(self, header, codes):
        """Of what is decoded."""
        values = scale(decode(header, codes, self.codebook), header).astype(np.float64)
        if header.integers:
            values /= full_scale(DTYPES[header.dtype])
        else:
            values = (values - header.low) / ((header.high - header.low) or 1)
        return np.mean((values - self._values) ** 2)
