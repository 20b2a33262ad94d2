"""Bytes that nobody has compressed: one error, soon, and without large allocations.

Most are forged: their checksum is right. The long test has 10 000 of them.
"""

import lzma
import struct
import time
import tracemalloc
import zlib
from dataclasses import replace

import numpy as np
import pytest
from codec_problems import coder, picture

from skl_sae.image import CorruptImageError
from skl_sae.image._sections import varint
from skl_sae.image._stream import read_stream, write_stream

MAX_PIXELS = 1 << 16
# Bytes that may be allocated for a pixel, and seconds for a stream: what the largest image takes, and much more.
BYTES, SECONDS = 400, 5


def streams():
    """Streams of all kinds."""
    images = [
        picture((40, 40)),
        picture((9, 30), np.float32),
        [picture((12, 12), seed=i) for i in range(20)],
        np.full((16, 16), 3, np.uint16),
    ]
    return [coder().compress(image, psnr=psnr) for image in images for psnr in (25, 45)]


def sealed(rest):
    """With the checksum that belongs to it."""
    return b"SPIC" + struct.pack("<I", zlib.crc32(rest)) + rest


def bomb(rng):
    """A section that stands for megabytes of one byte."""
    data, method = (
        bytes([int(rng.choice([0, 1, 127, 181]))]) * (1 << int(rng.integers(10, 23))),
        int(rng.integers(1, 4)),
    )
    if method == 1:
        encoder = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = encoder.compress(data) + encoder.flush()
    else:
        filters = [{"id": lzma.FILTER_LZMA1, "lc": 4 if method == 3 else 0, "lp": 0, "pb": 0, "dict_size": 1 << 20}]
        packed = lzma.compress(data, lzma.FORMAT_RAW, filters=filters)[1:]
    return varint(8 * len(packed) + method) + packed


def flipped(data, rng):
    data = bytearray(data)
    for _ in range(rng.integers(1, 8)):
        data[rng.integers(len(data))] = rng.integers(256)
    return bytes(data)


def forged_header(data, rng):
    """Sizes that are not those of the body."""
    header, reader = read_stream(data, 1 << 26)
    name = str(
        rng.choice(["n_images", "height", "width", "kind", "step", "channels", "patch_height", "dtype", "n_atoms"])
    )
    value = int(rng.choice([0, 1, 2, 3, 7, 40, 255, 256, 1000, 1 << 16, 1 << 31, 1 << 62]))
    return write_stream(replace(header, **{name: value}), reader._data[reader._at :])


def with_bombs(data, rng):
    """A body of bombs, whole or behind some of the true one."""
    header, reader = read_stream(data, 1 << 26)
    if header.kind < 2:
        header = replace(header, height=int(rng.integers(1, 300)), width=int(rng.integers(1, 300)))
    body = reader._data[reader._at :]
    body = body[: rng.integers(len(body))] if rng.random() < 0.5 else b""
    return write_stream(header, body + b"".join(bomb(rng) for _ in range(rng.integers(1, 9))))


def made(rng, known):
    """A stream that was changed in one of many ways."""
    data = known[rng.integers(len(known))]
    way = rng.integers(8)
    if way == 0:
        return flipped(data, rng)
    if way == 1:
        return data[: rng.integers(len(data))]
    if way == 2:
        return rng.bytes(rng.integers(200))
    if way == 3:
        return sealed(b"\1" + rng.bytes(rng.integers(200)))
    if way == 4:
        return forged_header(data, rng)
    if way == 5:
        return with_bombs(data, rng)
    if way == 6:
        cut = rng.integers(9, len(data))
        return sealed(data[8:cut] + rng.bytes(rng.integers(50)) * rng.integers(2) + data[cut + rng.integers(20) :])
    return sealed(data[8:30] + flipped(data[30:], rng))


def check(n, seed):
    rng, images, known = np.random.default_rng(seed), coder(), streams()
    outcomes, largest, slowest = {"image": 0, "refused": 0}, 0, 0.0
    tracemalloc.start()
    try:
        for _ in range(n):
            data = made(rng, known)
            tracemalloc.reset_peak()
            before, start = tracemalloc.get_traced_memory()[0], time.perf_counter()
            try:
                image = images.decompress(data, max_pixels=MAX_PIXELS)
            except CorruptImageError:
                outcomes["refused"] += 1
            else:
                outcomes["image"] += 1
                assert np.asarray(image).size <= MAX_PIXELS
                assert np.isfinite(np.asarray(image, float)).all()
            largest = max(largest, tracemalloc.get_traced_memory()[1] - before)
            slowest = max(slowest, time.perf_counter() - start)
    finally:
        tracemalloc.stop()
    assert largest < BYTES * MAX_PIXELS, largest
    assert slowest < SECONDS, slowest
    # changed numbers with a right checksum are pictures, too, but most are none
    assert min(outcomes.values()) > n // 100, outcomes
    return outcomes, largest, slowest


def test_changed_streams():
    check(500, 0)


@pytest.mark.slow
def test_ten_thousand_changed_streams():
    print(check(10_000, 1))
