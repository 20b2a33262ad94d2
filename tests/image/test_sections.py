"""Sections of a stream: bytes and numbers come back, and nothing else is taken for one."""

import itertools
import lzma
import zlib

import numpy as np
import pytest

from skl_sae.image import CorruptImageError
from skl_sae.image._sections import (
    BITS,
    DEFLATE,
    DIRECT,
    LZMA,
    STORED,
    SWAPPED,
    Reader,
    _deflate,
    _lzma,
    _rice,
    pack,
    pack_bits,
    pack_numbers,
    pack_signed,
    varint,
)

NUMBERS = {
    "none": [],
    "one": [0],
    "small": [0, 1, 2, 127],
    "edges": [127, 128, 129, 191, 192, 255, 256, (1 << BITS) - 1],
    "zeros": [0] * 5000,
    "geometric": np.random.default_rng(0).geometric(0.2, 3000),
    "large": np.random.default_rng(1).integers(0, 1 << BITS, 500),
    "chain": np.repeat(np.random.default_rng(2).integers(0, 9, 400), 11),
}


def sequence(n):
    """Bytes that depend on the one before."""
    rng = np.random.default_rng(0)
    probability, out = rng.dirichlet(np.full(14, 0.25), 14), [0]
    while len(out) < n:
        out.append(int(rng.choice(14, p=probability[out[-1]])))
    return bytes(out)


def token(number):
    """The token of a number, and the bits that it leaves open, one by one."""
    if number < DIRECT:
        return number, []
    digits = bin(number)[2:]
    return DIRECT + 2 * (len(digits) - 8) + int(digits[1]), [int(digit) for digit in digits[2:]]


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_come_back(name):
    numbers = np.asarray(NUMBERS[name], np.int64)
    data = pack_numbers(numbers) + b"rest"
    reader = Reader(data)
    np.testing.assert_array_equal(reader.numbers(len(numbers)), numbers)
    assert reader.take(4) == b"rest"
    reader.finish()
    tokens, bits = zip(*map(token, numbers.tolist()), strict=True) if len(numbers) else ((), ())
    assert data[:-4] == pack(bytes(tokens)) + pack_bits(list(itertools.chain(*bits)))


def test_signed_numbers_come_back():
    numbers = np.array([0, 1, -1, 2, -2, 1000, -100000, 0])
    np.testing.assert_array_equal(Reader(pack_signed(numbers)).signed(len(numbers)), numbers)


@pytest.mark.parametrize("name", ["geometric", "chain", "zeros", "uniform", "dependent"])
def test_each_method_is_read(name):
    rng = np.random.default_rng(0)
    data = {
        "geometric": (rng.geometric(0.3, 500) - 1).astype(np.uint8).tobytes(),
        "chain": NUMBERS["chain"].astype(np.uint8).tobytes(),
        "zeros": bytes(5000),
        "uniform": rng.integers(0, 256, 300, np.uint8).tobytes(),
        "dependent": sequence(3000),
    }[name]
    packed = [data, _deflate(data), _lzma(data, LZMA), _lzma(data, SWAPPED), _rice(data)]
    assert len(pack(data)) <= min(map(len, packed)) + 3
    assert Reader(pack(data)).unpack(len(data)) == data
    for method, some in enumerate(packed):
        assert Reader(section(method, some)).unpack(len(data)) == data
        for n in (len(data) + 100, len(data) - 1):
            if method in (STORED, DEFLATE) or n > len(data):  # what stands behind the end of the others is not read
                with pytest.raises(CorruptImageError):
                    Reader(section(method, some)).unpack(n)


def section(method, data):
    return varint(8 * len(data) + method) + data


@pytest.mark.parametrize("method", [1, 2, 3])
def test_bombs_give_no_more_than_asked_for(method):
    """Thirty megabytes of zeros, where a thousand bytes are expected."""
    n = 30_000_000
    if method == 1:
        encoder = zlib.compressobj(9, zlib.DEFLATED, -15)
        data = encoder.compress(bytes(n)) + encoder.flush()
        with pytest.raises(CorruptImageError, match="1000 bytes"):
            Reader(section(method, data)).unpack(1000)
    else:
        filters = [{"id": lzma.FILTER_LZMA1, "lc": 4 if method == 3 else 0, "lp": 0, "pb": 0, "dict_size": 1 << 20}]
        data = lzma.compress(bytes(n), lzma.FORMAT_RAW, filters=filters)[1:]
        assert Reader(section(method, data)).unpack(1000) == bytes(1000)  # the end of LZMA is not in a stream


@pytest.mark.parametrize(
    ("data", "read", "message"),
    [
        (b"", lambda reader: reader.take(1), "ends too early"),
        (b"\xff" * 9, lambda reader: reader.varint(), "more than 63 bits"),
        (b"\xff", lambda reader: reader.varint(), "ends too early"),
        (section(0, b"abc"), lambda reader: reader.unpack(4), "4 bytes"),
        (varint(8 * 10**15) + b"abc", lambda reader: reader.unpack(4), "ends too early"),
        (section(1, b"\xff\xff\xff"), lambda reader: reader.unpack(4), "cannot be decompressed"),
        (section(2, b"\xff" * 40), lambda reader: reader.unpack(400), "decompressed|400 bytes"),
        (section(5, b"abcd"), lambda reader: reader.unpack(4), "method 5"),
        (section(4, b""), lambda reader: reader.unpack(4), "4 bytes"),
        (section(4, bytes([8, 255])), lambda reader: reader.unpack(4), "4 bytes"),
        (section(4, bytes([7, 255])), lambda reader: reader.unpack(4), "4 bytes"),
        (section(4, bytes([0, 0b11100000])), lambda reader: reader.unpack(4), "4 bytes"),
        (section(4, bytes([0, *[0] * 40, 255])), lambda reader: reader.unpack(4), "4 bytes"),
        (section(0, bytes([255])), lambda reader: reader.numbers(1), "too many bits"),
        (section(0, bytes([140])), lambda reader: reader.numbers(1), "ends too early"),
        (section(0, bytes([9])), lambda reader: reader.numbers(1, 8), "expected 8 at most"),
        (b"abc", lambda reader: reader.finish(), "3 bytes"),
    ],
)
def test_what_is_refused(data, read, message):
    with pytest.raises(CorruptImageError, match=message):
        read(Reader(data))
