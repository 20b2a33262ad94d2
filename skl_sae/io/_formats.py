"""Models in files: saved in the format of this library or of another one, and recognised when they are loaded."""

from pathlib import Path
from typing import NamedTuple

from .._autoencoder import SparseAutoencoder
from . import _dictionary_learning, _sentence_transformers, _sparsify
from ._errors import ModelFileError


class Format(NamedTuple):
    """A format of files. To add one, write these functions in a file of their own, and add a row to `FORMATS`.

    Parameters
    ----------
    holds : str
        Names of its files, in words, for errors.
    recognises : callable
        ``recognises(path)``: whether a folder, or a file, looks like it.
    read : callable
        ``read(path)`` returns a fitted `SparseAutoencoder`, or raises `ModelFileError`.
    write : callable or None
        ``write(sae, folder)``; None where the format is only read.
    """

    holds: str
    recognises: callable
    read: callable
    write: callable = None


FORMATS = {
    "sparsify": Format("sae.safetensors and cfg.json", _sparsify.recognises, _sparsify.read, _sparsify.write),
    "sentence_transformers": Format(
        "model.safetensors and config.json",
        _sentence_transformers.recognises,
        _sentence_transformers.read,
        _sentence_transformers.write,
    ),
    "dictionary_learning": Format("ae.pt", _dictionary_learning.recognises, _dictionary_learning.read),
}


def save(sae, folder, format="skl_sae"):
    """Write a fitted autoencoder into a folder.

    Parameters
    ----------
    sae : SparseAutoencoder
        Fitted.
    folder : str or path
        Made if it does not exist. Files of an earlier model are replaced when the new ones are complete.
    format : str, default="skl_sae"

    Raises
    ------
    ValueError
        If the format is unknown, or cannot hold such a model.
    TypeError
        If `sae` is something else than a `SparseAutoencoder`.
    """
    if not isinstance(sae, SparseAutoencoder):
        raise TypeError(f"save takes a fitted SparseAutoencoder, got {type(sae).__name__}.")
    writable = [name for name, each in FORMATS.items() if each.write]
    if format not in writable:
        raise ValueError(f"Got format={format!r}, expected one of {', '.join(map(repr, writable))}.")
    FORMATS[format].write(sae, folder)


def load(folder):
    """Read an autoencoder from a folder or a file, whatever format it has.

    Parameters
    ----------
    folder : str or path

    Returns
    -------
    sae : SparseAutoencoder
        Fitted.

    Raises
    ------
    ModelFileError
        If there is no model, or it is damaged, or cannot be read. Nothing in a file is executed.
    """
    path = Path(folder)
    if not path.exists():
        raise ModelFileError(f"{path} does not exist.")
    for each in FORMATS.values():
        if each.recognises(path):
            return each.read(path)
    found = ", ".join(sorted(entry.name for entry in path.iterdir())[:10]) if path.is_dir() else "a file"
    expected = "; ".join(f"{name}: {each.holds}" for name, each in FORMATS.items())
    raise ModelFileError(
        f"{path} holds no model of a format that is known. Found: {found or 'nothing'}. Known are {expected}."
    )
