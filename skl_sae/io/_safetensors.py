"""Arrays in safetensors files, mapped into memory instead of read.

A file is 8 bytes with the length of the header, the header in JSON, and the arrays; these fill the rest of the file
without gaps (https://huggingface.co/docs/safetensors, "Format"). The format's own package is not used, but the tests
compare with it: what it gives to NumPy is a copy, and it cannot give bfloat16.
"""

import json
import math
import mmap
import sys
from pathlib import Path

import numpy as np

from .._kernels.memory import LINE
from ._errors import ModelFileError
from ._json import unique

# Types by the names that the format has for them. Numbers of 16 bits that NumPy has no type for are widened.
TYPES = {
    **{"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1"},
    **{"U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?"},
}
NAMES = {np.dtype(dtype): name for name, dtype in TYPES.items()}
BF16 = "BF16"
# Bytes of a header, at most: what other readers of the format accept.
LARGEST_HEADER = 100_000_000
# Axes of an array, at most: what NumPy has. The product of more of them could take for ever.
MOST_AXES = 64


def write(path, arrays, metadata=None):
    """Write arrays by name. The first one begins on a line of the cache when the file is mapped into memory.

    Parameters
    ----------
    path : path
    arrays : dict of str to ndarray
    metadata : dict of str to str, optional
    """
    arrays = {name: np.asarray(array) for name, array in arrays.items()}
    arrays = {name: np.asarray(array, array.dtype.newbyteorder("<"), order="C") for name, array in arrays.items()}
    first, position = next(iter(arrays), None), 0
    header = {"__metadata__": metadata} if metadata else {}
    names = sorted(arrays, key=lambda name: -arrays[name].dtype.itemsize)  # so that each is aligned to its type
    for name in names:
        array, start = arrays[name], position
        position += array.nbytes
        shape, offsets = list(map(int, array.shape)), [start, position]
        header[name] = {"dtype": NAMES[array.dtype], "shape": shape, "data_offsets": offsets}
    text = json.dumps(header).encode()
    text += b" " * (-(8 + len(text) + (header[first]["data_offsets"][0] if arrays else 0)) % LINE)
    with Path(path).open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in names:
            file.write(arrays[name].reshape(-1).view(np.uint8).data)


def read(path):
    """Map the arrays of a file into memory; they cannot be written to.

    Parameters
    ----------
    path : path

    Returns
    -------
    arrays : dict of str to ndarray
        In the types of the file; numbers in bfloat16 as float32, in memory.
    metadata : dict of str to str
    """
    return split(mapped(path), path)


def mapped(path):
    """The bytes of a file, mapped into memory."""
    if not Path(path).is_file():  # opening a pipe would wait for ever
        raise ModelFileError(f"{path} is missing, or is no file.")
    try:
        with Path(path).open("rb") as file:  # no `np.memmap`: joblib would let other processes open the path again
            return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)
    except (OSError, ValueError) as error:  # it is empty, or another process has removed it
        raise ModelFileError(f"{path} cannot be read: {error}.") from error


def split(content, path):
    """The arrays of a file whose bytes are given, as views, and the metadata.

    Parameters
    ----------
    content : ndarray of uint8
    path : path
        For errors.

    Returns
    -------
    arrays : dict of str to ndarray
    metadata : dict of str to str
    """
    try:
        size = int.from_bytes(content[:8].tobytes(), "little")
        start = 8 + size
        if content.size < start or size > LARGEST_HEADER:
            raise ValueError(f"it has {content.size} bytes, and says that its header has {size}")
        header = json.loads(content[8:start].tobytes(), object_pairs_hook=unique)
        metadata = header.pop("__metadata__", {})
        if not all(type(text) is str for text in metadata.values()):
            raise ValueError("its metadata is something else than text")
        _check_places(header, content.size - start)
        return {name: _view(content[start:], **entry) for name, entry in header.items()}, metadata
    except (ValueError, TypeError, AttributeError, LookupError, RecursionError) as error:
        raise ModelFileError(f"{path} is not a safetensors file, or it is damaged: {error}.") from error


def _check_places(header, n_bytes):
    """Raise unless the arrays have the sizes that they say, and fill the bytes behind the header without gaps."""
    position = 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        kind, shape, (first, last) = entry["dtype"], entry["shape"], entry["data_offsets"]
        if kind not in TYPES and kind != BF16:
            raise ValueError(f"{name} has the type {kind!r}, expected one of {', '.join([*TYPES, BF16])}")
        if not all(type(n) is int and 0 <= n < sys.maxsize for n in [*shape, first, last]):
            raise ValueError(f"{name} has the shape {shape} and the place {first, last}, expected whole numbers")
        if len(shape) > MOST_AXES:
            raise ValueError(f"{name} has {len(shape)} axes")
        size = math.prod(shape) * _dtype(kind).itemsize
        if first != position or last - first != size:
            raise ValueError(f"{name} is at the bytes {first} to {last}, expected {size} bytes from {position} on")
        position = last
    if position != n_bytes:
        raise ValueError(f"its arrays end at the byte {position} of {n_bytes}")


def _dtype(kind):
    return np.dtype("<u2" if kind == BF16 else TYPES[kind])


def _view(content, dtype, shape, data_offsets):
    """One array of a file whose header has been checked."""
    content = content[slice(*data_offsets)]
    if dtype == "BOOL" and content.max(initial=0) > 1:
        raise ValueError("a truth value is neither 0 nor 1")
    array = content.view(_dtype(dtype)).reshape(shape)
    if dtype == BF16:
        return widened(array)
    return array if array.flags.aligned else array.copy()


def widened(halves):
    """The numbers in bfloat16 whose bits are given, as float32: these are the upper halves of their bits."""
    return (halves.astype(np.uint32) << 16).view(np.float32)
