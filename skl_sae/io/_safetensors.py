"""Arrays in safetensors files, mapped into memory instead of read.

The package `safetensors` writes the files and checks the header of those that are read: that the parts of all arrays
fill the file without gaps, and have the sizes that their shapes say. A file is 8 bytes with the length of the header,
the header in JSON, and the arrays (https://huggingface.co/docs/safetensors, "Format").
"""

import json
import math
from pathlib import Path

import numpy as np

from .._extras import extra
from ._errors import ModelFileError

# Types by the names that the format has for them. Numbers of 16 bits that NumPy has no type for are widened.
TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "?"}
BF16 = "BF16"


def write(path, arrays, metadata=None):
    """Write arrays by name.

    Parameters
    ----------
    path : path
    arrays : dict of str to ndarray
    metadata : dict of str to str, optional
    """
    with extra("exchange"):
        from safetensors.numpy import save_file
    save_file({name: np.asarray(array, order="C") for name, array in arrays.items()}, path, metadata)


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
    with extra("exchange"):
        from safetensors import SafetensorError, safe_open
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
        with Path(path).open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(size))
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelFileError(f"{path} is not a safetensors file, or it is damaged: {error}.") from error
    header.pop("__metadata__", None)
    return {name: _mapped(path, name, 8 + size, entry) for name, entry in header.items()}, metadata


def _mapped(path, name, start, entry):
    """One array of a file whose header has been checked."""
    shape, kind, first = tuple(entry["shape"]), entry["dtype"], start + entry["data_offsets"][0]
    if kind != BF16 and kind not in TYPES:
        raise ModelFileError(f"{path}: {name} has the type {kind}, expected one of {', '.join([*TYPES, BF16])}.")
    dtype = np.dtype("<u2" if kind == BF16 else TYPES[kind])
    if not math.prod(shape):
        return np.empty(shape, dtype)
    array = np.memmap(path, dtype, "r", first, shape).view(np.ndarray)
    return array if kind != BF16 else widened(array)


def widened(halves):
    """The numbers in bfloat16 whose bits are given, as float32: these are the upper halves of their bits."""
    return (halves.astype(np.uint32) << 16).view(np.float32)
