"""Tensors by name in files that `torch.save` writes, read with neither PyTorch nor `pickle`.

Such a file is a zip archive, not compressed: ``<name>/data.pkl``, a pickle whose tensors refer to storages, and
``<name>/data/<key>``, the numbers of each (PyTorch, "Serialization semantics"; written since version 1.6).
"""

import math
import zipfile

import numpy as np

from . import _pickles
from ._errors import ModelFileError
from ._safetensors import widened

# Storages by their types; numbers of 16 bits that NumPy has no type for are widened.
TYPES = {
    **{"DoubleStorage": "<f8", "FloatStorage": "<f4", "HalfStorage": "<f2", "BFloat16Storage": "<u2"},
    **{"LongStorage": "<i8", "IntStorage": "<i4", "BoolStorage": "?"},
}
MOST_FILES, MOST_AXES = 10_000, 8
# What `zipfile` raises for archives that are damaged or of a kind it does not know.
OF_ARCHIVES = zipfile.BadZipFile, OSError, EOFError, ValueError, KeyError, NotImplementedError, RuntimeError
SIGNATURE = b"PK\x03\x04"


def read(path):
    """Read the arrays of a file.

    Parameters
    ----------
    path : path

    Returns
    -------
    arrays : dict of str to ndarray
        In the types of the file; numbers in bfloat16 as float32.
    """
    try:
        with path.open("rb") as file:
            if file.read(4) != SIGNATURE:
                raise ModelFileError(
                    f"{path} is not a zip archive: files of PyTorch before 1.6 are plain pickles. Load it there, and "
                    "save it again."
                )
            with zipfile.ZipFile(file) as archive:
                return _read(archive, path)
    except OF_ARCHIVES as error:
        if isinstance(error, ModelFileError):
            raise
        raise ModelFileError(f"{path} is a damaged archive: {error}.") from error


def _read(archive, path):
    """The arrays of an archive."""
    sizes = _sizes(archive, path)
    pickles = [name for name in sizes if name.endswith("/data.pkl") and name.count("/") == 1]
    if len(pickles) != 1:
        raise ModelFileError(
            f"{path} is an archive without data.pkl, or with many, expected a file that torch.save has written."
        )
    pickle, folder = pickles[0], pickles[0].partition("/")[0]
    if f"{folder}/byteorder" in sizes and archive.read(f"{folder}/byteorder") != b"little":
        raise ModelFileError(f"{path} has numbers in another order of bytes than little-endian.")
    if sizes[pickle] > _pickles.LONGEST:
        raise ModelFileError(f"{path}: data.pkl is longer than {_pickles.LONGEST} bytes.")
    state = _pickles.read(archive.read(pickle), TYPES, path)
    if not isinstance(state, _pickles.Entries):
        raise ModelFileError(f"{path} holds no tensors by name, expected the state of a module.")
    storages, arrays = {}, {}
    for name, tensor in state.items():
        if not isinstance(tensor, _pickles.Tensor):
            raise ModelFileError(f"{path}: {name[:100]!r} is no tensor, expected the state of a module.")
        if tensor.storage not in storages:
            storages[tensor.storage] = _numbers(archive, f"{folder}/data/{tensor.storage.key}", tensor.storage, sizes)
        arrays[name] = _view(storages[tensor.storage], tensor, f"{path}: {name[:100]!r}")
    return arrays


def _sizes(archive, path):
    """Bytes of each file of an archive whose files stand in it as they are, each once: it holds what it weighs."""
    entries = archive.infolist()
    file = archive.fp
    whole = file.seek(0, 2)
    stored = all(e.compress_type == zipfile.ZIP_STORED and e.file_size == e.compress_size for e in entries)
    sizes = {entry.filename: entry.file_size for entry in entries}
    if not stored or len(sizes) != len(entries) or len(entries) > MOST_FILES or sum(sizes.values()) > whole:
        raise ModelFileError(
            f"{path}: files of this archive are compressed, overlap, have the same name or are too many, expected an "
            "archive that torch.save has written."
        )
    return sizes


def _numbers(archive, name, storage, sizes):
    """The numbers of a storage, which may be read once for each type that a file says they have."""
    dtype = np.dtype(TYPES[storage.kind])
    if sizes.get(name) != storage.size * dtype.itemsize:
        raise ModelFileError(
            f"{archive.filename or archive.fp.name}: got {sizes.get(name)} bytes for a storage, expected "
            f"{storage.size!s:.30} numbers of {dtype.itemsize} bytes."
        )
    numbers = np.frombuffer(archive.read(name), dtype)
    return widened(numbers) if storage.kind == "BFloat16Storage" else numbers


def _view(numbers, tensor, source):
    """A tensor as a view of its storage, of which it may not show more than there is."""
    shape, strides = tensor.shape, tensor.strides
    inside = len(shape) <= MOST_AXES and min((tensor.offset, *strides), default=0) >= 0 and min(shape, default=1) > 0
    if inside:
        last = tensor.offset + sum((n - 1) * stride for n, stride in zip(shape, strides))
        inside = last < numbers.size and math.prod(shape) <= numbers.size
    if not inside:
        raise ModelFileError(f"{source} is empty, or reaches beyond its storage of {numbers.size} numbers.")
    steps = [stride * numbers.itemsize for stride in strides]
    return np.lib.stride_tricks.as_strided(numbers[tensor.offset :], shape, steps, writeable=False)
