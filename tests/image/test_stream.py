"""The container: what it says comes back, and what is no image is refused, by one kind of error."""

import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
from codec_problems import coder, picture

from skl_sae.image import CorruptImageError
from skl_sae.image._stream import DTYPES, Header, read_stream, write_stream

HEADER = Header(0, 0, 1, 300, 200, 1, 8, 8, 256, 63, 140, bytes(range(8)))
MANY = 1 << 26


@pytest.mark.parametrize(
    "header",
    [
        HEADER,
        replace(HEADER, kind=1, channels=3, dtype=1),
        replace(HEADER, kind=2, n_images=1000, dtype=4, low=-1.5, high=1e100),
        replace(HEADER, kind=4, channels=4, n_images=3, height=1, width=1, patch_height=9),
    ],
)
def test_headers_come_back(header):
    again, reader = read_stream(write_stream(header, b"body"), MANY)
    assert again == header
    assert reader.take(4) == b"body"
    reader.finish()


def test_byte_by_byte():
    data = write_stream(HEADER, b"body")
    assert data[:4] == b"SPIC"
    assert data[4:8] == struct.pack("<I", zlib.crc32(data[8:]))
    numbers = [1, 0, 0, 1, 0xAC, 0x02, 0xC8, 0x01, 1, 8, 8, 0x80, 0x02, 63, 0x8C, 0x01]
    assert data[8:] == bytes(numbers) + bytes(range(8)) + b"body"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": 5}, "describes no image"),
        ({"channels": 3}, "describes no image"),
        ({"kind": 1, "channels": 2}, "describes no image"),
        ({"n_images": 2}, "describes no image"),
        ({"height": 0}, "describes no image"),
        ({"patch_width": 0}, "describes no image"),
        ({"dtype": len(DTYPES)}, "unknown type"),
        ({"dtype": 4, "low": float("nan")}, "no finite range"),
        ({"dtype": 4, "low": 2.0, "high": 1.0}, "no finite range"),
        ({"dtype": 4, "low": -1e308, "high": 1e308}, "no finite range"),
        ({"dtype": 2, "low": -1.0, "high": 1e5}, "no finite range"),
        ({"height": 1 << 14, "width": (1 << 12) + 1}, "expected max_pixels=67108864 at most"),
        ({"height": 1 << 40, "width": 1 << 40}, "expected max_pixels=67108864 at most"),
        ({"patch_height": 1 << 20, "patch_width": 1 << 7}, "expected max_pixels=67108864 at most"),
    ],
)
def test_headers_that_are_refused(change, message):
    with pytest.raises(CorruptImageError, match=message):
        read_stream(write_stream(replace(HEADER, **change), b""), MANY)


def test_damage_is_seen():
    image = picture((30, 30))
    data = coder().compress(image)
    for i in range(len(data)):
        damaged = bytearray(data)
        damaged[i] ^= 1 << i % 8
        with pytest.raises(CorruptImageError):
            coder().decompress(damaged)
        with pytest.raises(CorruptImageError):
            coder().decompress(data[:i])
    with pytest.raises(CorruptImageError, match="checksum"):
        coder().decompress(data + b"\0")
    with pytest.raises(CorruptImageError, match="begins with b'\\\\xff\\\\xd8"):
        coder().decompress(b"\xff\xd8\xff\xe0JFIF")
    newer = data[:8] + bytes([2]) + data[9:]
    with pytest.raises(CorruptImageError, match="version 2, and this release reads version 1"):
        coder().decompress(newer)
    for kind in (bytearray, memoryview):
        np.testing.assert_array_equal(coder().decompress(kind(data)), coder().decompress(data))


def test_more_pixels_than_allowed():
    data = coder().compress(picture((30, 30)))
    assert coder().decompress(data, max_pixels=32 * 32).shape == (30, 30)
    with pytest.raises(CorruptImageError, match="1024 pixels: expected max_pixels=1023"):
        coder().decompress(data, max_pixels=1023)
