"""The container of a compressed image: header, checksum and limits."""

import math
import struct
import zlib
from dataclasses import dataclass, fields

import numpy as np

from ._sections import CorruptImageError, Reader, varint

MAGIC, VERSION = b"SPIC", 1
DTYPES = tuple(np.dtype(name) for name in ("uint8", "uint16", "float16", "float32", "float64", "longdouble"))
# What was compressed: an image without or with an axis of channels, a list of such images, or an array of images.
FLAT, DEEP, FLAT_LIST, DEEP_LIST, ARRAY = range(5)
CHANNELS = 1, 3, 4
FINGERPRINT = 8


@dataclass(frozen=True)
class Header:
    """What a stream says of its image before the codes.

    Attributes
    ----------
    kind, dtype : int
        Index of the kind and of the type of the values.
    n_images, height, width, channels : int
        Of the image, or of each of the images.
    patch_height, patch_width : int
    n_atoms, n_axes : int
        Of the dictionary.
    step : int
        Index of the quantiser's step.
    fingerprint : bytes
        Of the dictionary.
    low, high : float
        What 0 and 1 stand for, in floating images.
    """

    kind: int
    dtype: int
    n_images: int
    height: int
    width: int
    channels: int
    patch_height: int
    patch_width: int
    n_atoms: int
    n_axes: int
    step: int
    fingerprint: bytes
    low: float = 0.0
    high: float = 1.0

    @property
    def grid(self):
        """Rows and columns of patches that cover an image."""
        return -(-self.height // self.patch_height), -(-self.width // self.patch_width)

    @property
    def n_pixels(self):
        """Pixels of the patches that cover all images."""
        rows, columns = self.grid
        return self.n_images * rows * columns * self.patch_height * self.patch_width

    @property
    def shape(self):
        """Of an image as it was."""
        flat = self.kind in (FLAT, FLAT_LIST)
        return (self.height, self.width) if flat else (self.height, self.width, self.channels)

    @property
    def integers(self):
        return self.dtype < 2

    def check(self, max_pixels):
        """Raise an error if this is no image, or one that is too large."""
        sizes = self.n_images, self.height, self.width, self.patch_height, self.patch_width
        single = self.kind in (FLAT, DEEP) and self.n_images != 1
        flat = self.shape == (self.height, self.width) and self.channels != 1
        if self.kind > ARRAY or self.channels not in CHANNELS or 0 in sizes or single or flat:
            raise CorruptImageError("The header of the stream describes no image.")
        if self.dtype >= len(DTYPES):
            raise CorruptImageError("The header of the stream names an unknown type of values.")
        largest = 1.0 if self.integers else float(np.finfo(DTYPES[self.dtype]).max)
        if not (-largest <= self.low <= self.high <= largest and math.isfinite(self.high - self.low)):
            raise CorruptImageError("The header of the stream has no finite range of values.")
        if self.n_pixels > max_pixels:
            raise CorruptImageError(
                f"The stream stands for {self.n_pixels} pixels: expected max_pixels={max_pixels} at most. Raise "
                "max_pixels if you trust where it comes from."
            )


def _numbers():
    return [field.name for field in fields(Header) if field.type is int]


def write_stream(header, body):
    """A header and a body as bytes."""
    out = b"".join(varint(getattr(header, name)) for name in _numbers()) + header.fingerprint
    if not header.integers:
        out += struct.pack("<2d", header.low, header.high)
    rest = bytes([VERSION]) + out + body
    return MAGIC + struct.pack("<I", zlib.crc32(rest)) + rest


def read_stream(data, max_pixels):
    """The header of a stream, checked, and a `Reader` of what follows."""
    reader = Reader(data)
    start = reader.take(min(len(data), 4))
    if start != MAGIC:
        raise CorruptImageError(f"No compressed image: it begins with {start}, expected {MAGIC}.")
    checksum = struct.unpack("<I", reader.take(4))[0]
    version = reader.take(1)[0]
    if version != VERSION:
        raise CorruptImageError(f"The stream has version {version}, and this release reads version {VERSION}.")
    if zlib.crc32(data[8:]) != checksum:
        raise CorruptImageError("The stream is damaged: its checksum does not agree.")
    values = {name: reader.varint() for name in _numbers()}
    values["fingerprint"] = reader.take(FINGERPRINT)
    header = Header(**values)
    if not header.integers:
        values["low"], values["high"] = struct.unpack("<2d", reader.take(16))
        header = Header(**values)
    header.check(max_pixels)
    return header, reader
