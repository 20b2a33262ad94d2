"""Sections of a byte stream: bytes and numbers, each as small as the standard library makes them.

A section of bytes is a varint, ``8 * length + method``, and as many bytes. The reader knows how many bytes they stand
for. Methods: 0 stored; 1 deflate; 2 LZMA; 3 LZMA of bytes whose halves are swapped, with the last half as its context;
4 Rice, for the few bytes that pay for no table: a byte k, the k lowest bits of each, and what is above these as so many
zeros and a one.

A section of numbers, non-negative integers, is a section of one byte for each, its token, and then the bits that the
tokens leave open. Numbers below 128 are their own token. Of a larger one, in [2^e, 2^(e+1)), the token is
``128 + 2 (e - 7)`` plus the bit after the leading one, and the other e - 1 bits follow, the highest first.
"""

import lzma
import zlib

import numpy as np

STORED, DEFLATE, LZMA, SWAPPED, RICE = range(5)
# Numbers below this one are their own token; numbers have at most so many bits.
DIRECT, BITS = 128, 28
# Input of LZMA behind its end: bytes that it asks for, and that decide nothing.
TAIL = bytes(8)


class CorruptImageError(ValueError):
    """Bytes that are no image, or none that this coder may decompress.

    They are damaged, of another version, made with another dictionary, or stand for an image larger than allowed.

    Examples
    --------
    >>> from skl_sae.image import CorruptImageError
    >>> issubclass(CorruptImageError, ValueError)
    True
    """


def _filters(method):
    options = {"lc": 4 if method == SWAPPED else 0, "lp": 0, "pb": 0, "dict_size": 1 << 20}
    return [{"id": lzma.FILTER_LZMA1, "preset": 6, **options}]


def _swap(data):
    """The halves of all bytes exchanged."""
    x = np.frombuffer(data, np.uint8)
    return (x << 4 | x >> 4).tobytes()


def _inflate(data, method, n):
    """About n bytes that compressed ones stand for, and whether these are at their end."""
    if method == RICE:
        return _unrice(data, n), True
    if method == DEFLATE:
        decoder = zlib.decompressobj(-15)
        found = decoder.decompress(data, n + 1)
        return found, decoder.eof and not decoder.unused_data
    decoder = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=_filters(method))
    found = decoder.decompress(b"\0" + data + TAIL, n)
    return (_swap(found) if method == SWAPPED else found), True


def _deflate(data):
    """The best of what to look for: repetitions, runs, or nothing but how frequent bytes are."""
    found = []
    for strategy in (zlib.Z_DEFAULT_STRATEGY, zlib.Z_RLE, zlib.Z_HUFFMAN_ONLY):
        encoder = zlib.compressobj(9, zlib.DEFLATED, -15, 9, strategy)
        found.append(encoder.compress(data) + encoder.flush())
    return min(found, key=len)


def _rice(data):
    x = np.frombuffer(data, np.uint8).astype(np.int64)
    k = min(range(8), key=lambda k: (x >> k).sum() + len(x) * k)
    low = (x[:, None] >> np.arange(k)[::-1] & 1).ravel()
    high = np.zeros((x >> k).sum() + len(x), np.uint8)
    high[np.cumsum((x >> k) + 1) - 1] = 1
    return bytes([k]) + pack_bits(np.concatenate([low, high]))


def _unrice(data, n):
    """At most n bytes."""
    k = data[0] if data else 8
    bits = np.unpackbits(np.frombuffer(data[1 : 1 + 64 * n], np.uint8))
    if k > 7 or len(bits) < n * k:
        return b""
    ends = np.flatnonzero(bits[n * k :])[:n]
    x = np.diff(ends, prepend=-1) - 1 << k
    if len(x) < n or x.max() > 255:
        return b""
    low = bits[: n * k].reshape(n, k).astype(np.int64) << np.arange(k)[::-1]
    return (x + low.sum(axis=1)).astype(np.uint8).tobytes()


def _lzma(data, method):
    """Without the first byte, which is always 0, and without as much of the end as its reader can do without."""
    plain = _swap(data) if method == SWAPPED else data
    packed = lzma.compress(plain, lzma.FORMAT_RAW, filters=_filters(method))[1:]
    for cut in range(min(8, len(packed)), 0, -1):
        try:
            if _inflate(packed[:-cut], method, len(data))[0] == data:
                return packed[:-cut]
        except lzma.LZMAError:
            pass
    return packed


def varint(number):
    """A non-negative integer, 7 bits a byte, the lowest first; all bytes but the last have the highest bit set."""
    out = bytearray()
    while number > 127:
        out.append(128 | number & 127)
        number >>= 7
    return bytes(out) + bytes([number])


def pack(data):
    """A section of bytes; nothing for none."""
    if not data:
        return b""
    packed = [data, _deflate(data), _lzma(data, LZMA), _lzma(data, SWAPPED), _rice(data)]
    method = min(range(5), key=lambda i: (len(packed[i]), i))
    return varint(8 * len(packed[method]) + method) + packed[method]


def pack_bits(bits):
    """Bits, eight a byte, as they are."""
    return np.packbits(np.asarray(bits, np.uint8)).tobytes()


def _open_bits(numbers):
    """How many bits the token of each number leaves open."""
    exponents = np.frexp(np.maximum(numbers, 1).astype(np.float64))[1] - 1
    return np.where(numbers < DIRECT, 0, exponents - 1)


def pack_numbers(numbers):
    """A section of numbers."""
    numbers = np.asarray(numbers, np.int64).ravel()
    n_open = _open_bits(numbers)
    tokens = np.where(n_open > 0, DIRECT + 2 * (n_open - 6) + (numbers >> n_open) - 2, numbers)
    owner = np.repeat(np.arange(len(numbers)), n_open)
    place = np.cumsum(n_open)[owner] - np.arange(len(owner)) - 1
    return pack(tokens.astype(np.uint8).tobytes()) + pack_bits(numbers[owner] >> place & 1)


def pack_signed(numbers):
    """A section of integers: 0, 1, -1, 2, ... are the numbers 0, 1, 2, 3, ..."""
    numbers = np.asarray(numbers, np.int64)
    return pack_numbers(np.where(numbers > 0, 2 * numbers - 1, -2 * numbers))


class Reader:
    """What sections stand for, read from the front. Every error is a `CorruptImageError`.

    Parameters
    ----------
    data : bytes
    """

    def __init__(self, data):
        self._data, self._at = data, 0

    def take(self, n):
        """The next n bytes."""
        if n > len(self._data) - self._at:
            raise CorruptImageError(f"The stream ends too early: at byte {len(self._data)}, {n} more were expected.")
        self._at += n
        return self._data[self._at - n : self._at]

    def varint(self):
        number = 0
        for shift in range(0, 63, 7):
            byte = self.take(1)[0]
            number |= (byte & 127) << shift
            if byte < 128:
                return number
        raise CorruptImageError("A length in the stream has more than 63 bits.")

    def unpack(self, n):
        """A section of n bytes."""
        if n == 0:
            return b""
        length, method = divmod(self.varint(), 8)
        data = self.take(length)
        if method > RICE:
            raise CorruptImageError(f"A section of the stream has method {method}: expected {RICE} at most.")
        try:
            found, ended = (data, True) if method == STORED else _inflate(data, method, n)
        except (zlib.error, lzma.LZMAError, EOFError) as error:
            raise CorruptImageError(f"A section of the stream cannot be decompressed: {error}.") from None
        if len(found) != n or not ended:
            raise CorruptImageError(f"A section of the stream does not have the {n} bytes that were expected.")
        return found

    def bits(self, n):
        """n bits, as an array of 0 and 1."""
        return np.unpackbits(np.frombuffer(self.take(-(-n // 8)), np.uint8), count=n)

    def numbers(self, n, most=(1 << BITS) - 1):
        """A section of n numbers, none larger than `most`."""
        tokens = np.frombuffer(self.unpack(n), np.uint8)
        if n and tokens.max() >= DIRECT + 2 * (BITS - 7):
            raise CorruptImageError("A number in the stream has too many bits.")
        numbers = tokens.astype(np.int64)
        large = np.flatnonzero(tokens >= DIRECT)
        beyond = numbers[large] - DIRECT
        n_open = beyond // 2 + 6
        bits = self.bits(int(n_open.sum()))
        owner = np.repeat(np.arange(len(large)), n_open)
        place = np.cumsum(n_open)[owner] - np.arange(len(owner)) - 1
        rest = np.bincount(owner, bits.astype(np.int64) << place, minlength=len(large)).astype(np.int64)
        numbers[large] = (2 + beyond % 2 << n_open) + rest
        if n and numbers.max() > most:
            raise CorruptImageError(f"A number in the stream is {numbers.max()}: expected {most} at most.")
        return numbers

    def signed(self, n):
        """A section of n integers."""
        numbers = self.numbers(n)
        return np.where(numbers % 2, numbers // 2 + 1, -(numbers // 2))

    def finish(self):
        """Nothing may be left."""
        if self._at != len(self._data):
            raise CorruptImageError(f"{len(self._data) - self._at} bytes stand behind the end of the image.")
