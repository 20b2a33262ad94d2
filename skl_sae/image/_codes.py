"""Codes of patches as sections of a stream, and back.

1. The residuals of the means, signed numbers, channel by channel.
2. A bit for each patch: 0 for atoms, 1 for axes.
3. For the atoms, and then for the axes, if they have patches: how many entries each patch has; the order of the
   dictionary, a number of atoms (0: as it is) and as many; the gaps between the places in this order of the entries of
   a patch, which begin with the first place; the levels' sizes less one, and their signs as bits (1 is negative),
   both by place and then by patch.
"""

from dataclasses import dataclass

import numpy as np

from ._prediction import levels_of, residuals
from ._sections import CorruptImageError, pack, pack_bits, pack_numbers, pack_signed


@dataclass
class PartCodes:
    """Entries of the patches of one part, patch by patch: how many, which atoms, and their levels; int64."""

    counts: np.ndarray
    atoms: np.ndarray
    levels: np.ndarray

    @classmethod
    def of(cls, levels):
        """Of dense levels of shape (n_patches, n_atoms)."""
        patches, atoms = np.nonzero(levels)
        counts = np.bincount(patches, minlength=len(levels))
        return cls(*(array.astype(np.int64) for array in (counts, atoms, levels[patches, atoms])))

    @classmethod
    def joined(cls, several):
        """Of one after the other."""
        none = np.zeros(0, np.int64)
        arrays = [(part.counts, part.atoms, part.levels) for part in several] or [(none, none, none)]
        return cls(*(np.concatenate(each) for each in zip(*arrays, strict=True)))


@dataclass
class Codes:
    """What a stream says of all patches.

    Attributes
    ----------
    means : ndarray of int64 of shape (rows, columns, channels)
        Levels of the means.
    by_axes : ndarray of bool of shape (rows * columns,)
    parts : list of PartCodes
        Of the patches by atoms, and of those by axes.
    """

    means: np.ndarray
    by_axes: np.ndarray
    parts: list


def write_codes(codes, n_images):
    """All sections."""
    out = pack_signed(residuals(codes.means, n_images)) + pack(pack_bits(codes.by_axes))
    return out + b"".join(_write_part(part) for part in codes.parts if len(part.counts))


def _write_part(part):
    out = pack_numbers(part.counts)
    if not len(part.atoms):
        return out
    used, usage = np.unique(part.atoms, return_counts=True)
    ordered = used[np.argsort(-usage, kind="stable")]
    places = np.zeros(used[-1] + 1, np.int64)
    places[ordered] = np.arange(len(ordered))
    plain = pack_numbers([0]) + _write_entries(part, part.atoms)
    sorted_ = pack_numbers([len(ordered)]) + pack_numbers(ordered) + _write_entries(part, places[part.atoms])
    return out + min(plain, sorted_, key=len)


def _write_entries(part, places):
    """Entries whose atoms have these places."""
    patches = np.repeat(np.arange(len(part.counts)), part.counts)
    order = np.lexsort((places, patches))
    places, levels = places[order], part.levels[order]
    gaps = np.diff(places, prepend=0) - 1
    first = np.cumsum(part.counts) - part.counts
    first = first[part.counts > 0]
    gaps[first] = places[first]
    levels = levels[np.argsort(places, kind="stable")]
    return pack_numbers(gaps) + pack_numbers(np.abs(levels) - 1) + pack_bits(levels < 0)


def read_codes(reader, header, codebook):
    """The inverse of `write_codes`; what it takes is bounded by the number of pixels in the header."""
    rows, columns = header.n_images * header.grid[0], header.grid[1]
    n = rows * columns
    left = reader.signed(n * header.channels).reshape(header.channels, rows, columns)
    means = levels_of(left, header.n_images)
    packed = np.frombuffer(reader.unpack(-(-n // 8)), np.uint8)
    by_axes = np.unpackbits(packed, count=n).astype(bool)
    sizes = n - np.count_nonzero(by_axes), np.count_nonzero(by_axes)
    n_features = header.patch_height * header.patch_width * header.channels
    parts = [_read_part(reader, size, len(part), n_features) for size, part in zip(sizes, codebook.parts, strict=True)]
    reader.finish()
    return Codes(means, by_axes, parts)


def _read_part(reader, n, n_atoms, n_features):
    counts = reader.numbers(n, min(n_features, n_atoms))
    total = int(counts.sum())
    if total == 0:
        return PartCodes(counts, *np.zeros((2, 0), np.int64))
    n_ordered = int(reader.numbers(1, n_atoms)[0])
    ordered = reader.numbers(n_ordered, n_atoms - 1) if n_ordered else np.arange(n_atoms)
    gaps = reader.numbers(total, n_atoms - 1) + 1
    first = np.cumsum(counts) - counts
    sums = np.cumsum(gaps)
    before = np.repeat(sums[first[counts > 0]] - gaps[first[counts > 0]], counts[counts > 0])
    places = sums - before - 1
    if places.max() >= len(ordered):
        raise CorruptImageError("The stream names an atom that the dictionary does not have.")
    sizes = reader.numbers(total) + 1
    signs = reader.bits(total).astype(np.int64)
    levels = np.empty(total, np.int64)
    levels[np.argsort(places, kind="stable")] = sizes * (1 - 2 * signs)
    return PartCodes(counts, ordered[places], levels)
