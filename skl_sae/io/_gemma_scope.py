"""Models of Gemma Scope: `params.npz` (1), or `params.safetensors` with or without `config.json` (2).

They are JumpReLU autoencoders whose encoder sees the data as it is, without the decoder's bias: Lieberum et al., *Gemma
Scope*, 2024, arXiv:2408.05147. The second collection has the same arrays under names in lower case.
"""

import math
import zipfile

import numpy as np
from numpy.lib import format as npy

from . import _safetensors
from ._errors import ModelFileError
from ._json import expect, read_json
from ._plain import PlainSAE, to_estimator

FIRST, SECOND, CONFIG = "params.npz", "params.safetensors", "config.json"
SHAPES = {"w_enc": "(n_features, n_units)", "w_dec": "(n_units, n_features)"}
VECTORS = "b_enc", "b_dec", "threshold"
#: The path past the code of some transcoders.
SKIP = "affine_skip_connection"
# Bytes of all arrays for each byte of the file, at most, and those of small files: numbers hardly can be compressed.
MOST_EXPANSION, HEADER = 20, 1 << 20
# What NumPy writes. Others are expanded as a whole by `zipfile`, however little is asked for.
COMPRESSIONS = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED
_NONE = np.empty(0)


def recognises(path):
    """Whether this is one of the files, or a folder with one."""
    return path.name in (FIRST, SECOND) if path.is_file() else _file_in(path) is not None


def read(path):
    """A fitted estimator.

    Parameters
    ----------
    path : path
        Of a file or of its folder.

    Returns
    -------
    sae : SparseAutoencoder
    """
    file = path if path.is_file() else _file_in(path)
    arrays = _read_npz(file) if file.name == FIRST else _safetensors.read(file)[0]
    config = read_json(file.parent / CONFIG) if (file.parent / CONFIG).is_file() and file.name == SECOND else {}
    arrays = {f"w_{name[2:]}" if name.startswith("W_") else name: array for name, array in arrays.items()}
    _check(arrays, config, file)
    plain = PlainSAE(
        **{"kind": "jumprelu", "encoder": arrays["w_enc"].T, "encoder_bias": arrays["b_enc"]},
        **{"decoder": arrays["w_dec"], "bias": arrays["b_dec"], "threshold": arrays["threshold"], "centred": False},
    )
    sae = to_estimator(plain, file)
    names = {"model_name": "model_name", "hf_hook_point_in": "hf_hook_name"}
    metadata = {theirs: config[name] for name, theirs in names.items() if name in config}
    sae.file_metadata_ = {"gemma_scope": config, "saelens": {"cfg": {}, "metadata": metadata}}
    return sae


def _file_in(folder):
    """The file of a model in a folder, or None."""
    return next((folder / name for name in (FIRST, SECOND) if (folder / name).is_file()), None)


def _check(arrays, config, file):
    """Raise unless these are the arrays of an autoencoder."""
    architecture = expect(config, "architecture", str, "jump_relu", file.parent / CONFIG)
    if architecture != "jump_relu":
        raise ModelFileError(f"{file}: got the architecture {architecture[:60]!r}, expected 'jump_relu'.")
    expected = {*SHAPES, *VECTORS}
    found = ", ".join(f"{name[:30]} {array.shape}" for name, array in sorted(arrays.items())[:12])
    if SKIP in arrays or config.get("affine_connection") or config.get("hf_hook_point_out") or _crosses(arrays):
        raise ModelFileError(
            f"{file} is a transcoder: it predicts the activations of another layer, and an autoencoder reconstructs "
            f"its input. Found {found}."
        )
    if set(arrays) != expected or arrays["w_enc"].ndim != 2:
        words = ", ".join(f"{name} {SHAPES.get(name, '(vector)')}" for name in sorted(expected))
        raise ModelFileError(f"{file}: got the arrays {found or 'none'}, expected {words}.")


def _crosses(arrays):
    """Whether the decoder writes to several layers, or to one of another width."""
    encoder, decoder = arrays.get("w_enc", _NONE), arrays.get("w_dec", _NONE)
    same_units = encoder.ndim == decoder.ndim == 2 and encoder.shape[1] == decoder.shape[0]
    return decoder.ndim == 3 or (same_units and encoder.shape[0] != decoder.shape[1])


def _read_npz(path):
    """The arrays of a file of NumPy's, of which none is made by a pickle and none is larger than the file allows."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if not all(entry.compress_type in COMPRESSIONS for entry in entries):
                raise ValueError("it is compressed in another way than NumPy does")
            total, most = sum(entry.file_size for entry in entries), MOST_EXPANSION * path.stat().st_size + HEADER
            if total > most:
                raise ValueError(f"it would have {total} bytes when expanded, of {path.stat().st_size}")
            return {entry.filename.removesuffix(".npy"): _read_entry(archive, entry) for entry in entries}
    except Exception as error:  # the readers of archives and headers raise errors of many types
        raise ModelFileError(f"{path} is not a file of NumPy arrays, or it is damaged: {error}.") from error


def _read_entry(archive, entry):
    """One array; its memory is claimed when the archive has as many bytes as its header says."""
    with archive.open(entry) as file:
        read_header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[npy.read_magic(file)]
        shape, by_columns, dtype = read_header(file)
        size, n_bytes = math.prod(shape) * dtype.itemsize, entry.file_size - file.tell()
        if dtype.kind != "f" or min(shape, default=0) < 0 or size != n_bytes:
            raise ValueError(f"{entry.filename[:30]} says {shape} of {dtype}, and has {n_bytes} bytes")
        array = np.frombuffer(file.read(n_bytes), dtype)
    return array.reshape(shape, order="F" if by_columns else "C")
