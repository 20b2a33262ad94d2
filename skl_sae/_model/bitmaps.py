"""The places of a sparse matrix's entries as compressed bits, one for each place: smaller in files than indices."""

import zlib

import numpy as np

# Rows that are made bits at a time: whole bytes, whatever the width.
STEP = 8


def pack(shape, indptr, indices):
    """The places in CSR, sorted within each row, as bytes."""
    packer, parts = zlib.compressobj(9), []
    step = _step(shape)
    for lo in range(0, shape[0], step):
        hi = min(shape[0], lo + step)
        bits = np.zeros((hi - lo, shape[1]), bool)
        counts = np.diff(indptr[lo : hi + 1])
        bits[np.repeat(np.arange(hi - lo), counts), indices[indptr[lo] : indptr[hi]]] = True
        parts.append(packer.compress(np.packbits(bits).tobytes()))
    return b"".join([*parts, packer.flush()])


def unpack(shape, packed):
    """`indptr` (int64) and `indices` (int32) of what `pack` has made; raises ValueError for anything else."""
    unpacker, step, rest = zlib.decompressobj(), _step(shape), packed
    counts, columns = [np.zeros(1, np.int64)], [np.empty(0, np.int32)]
    for lo in range(0, shape[0], step):
        n = min(shape[0], lo + step) - lo
        try:
            part = _read(unpacker, rest, -(-n * shape[1] // 8))
        except zlib.error as error:
            raise ValueError(f"The stored weights are corrupt: {error}. {REMEDY}") from error
        rest = unpacker.unconsumed_tail
        bits = np.unpackbits(np.frombuffer(part, np.uint8), count=n * shape[1]).reshape(n, shape[1])
        counts.append(np.count_nonzero(bits, axis=1))
        columns.append(np.nonzero(bits)[1].astype(np.int32))
    try:
        more = unpacker.decompress(rest, 1)
    except zlib.error as error:
        raise ValueError(f"The stored weights are corrupt: {error}. {REMEDY}") from error
    if more or not unpacker.eof or unpacker.unused_data:
        raise ValueError(f"The stored weights are corrupt: got too many bytes of places for {shape}. {REMEDY}")
    return np.concatenate(counts).cumsum(dtype=np.int64), np.concatenate(columns)


#: What an error tells to do.
REMEDY = "Load the model from a file that is whole."


def _read(unpacker, packed, size):
    """So many bytes, and no more."""
    part = unpacker.decompress(packed, size)
    if len(part) < size:
        raise ValueError(f"The stored weights are corrupt: got {len(part)} bytes of places for {size}. {REMEDY}")
    return part


def _step(shape):
    """Rows at a time."""
    return STEP * max(1, (1 << 20) // max(1, shape[1]))
