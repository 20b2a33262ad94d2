"""Models in files: saved in the format of this library or of another one, and recognised when they are loaded."""

from pathlib import Path
from typing import NamedTuple

from sklearn.utils.validation import check_is_fitted

from .._autoencoder import SparseAutoencoder
from .._parameters import checked
from ..sparsity import BaseSparsity
from . import _dictionary_learning, _gemma_scope, _own, _saelens, _sentence_transformers, _sparsify
from ._atomic import locked
from ._errors import ModelFileError
from ._json import check_metadata


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
    own : bool
        Whether it is that of this library, which is looked for first: then ``read(path, trusted, verify)``.
    """

    holds: str
    recognises: callable
    read: callable
    write: callable = None
    own: bool = False


FORMATS = {
    "skl_sae": Format(f"{_own.NAME} and a file of arrays", _own.recognises, _own.read, _own.write, own=True),
    "saelens": Format("sae_weights.safetensors and cfg.json", _saelens.recognises, _saelens.read, _saelens.write),
    "gemma_scope": Format("params.npz, or params.safetensors", _gemma_scope.recognises, _gemma_scope.read),
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
    sae : SparseAutoencoder or SparseRecoveryAutoencoder
        Fitted.
    folder : str or path
        Made if it does not exist. Files of an earlier model are replaced when the new ones are complete: whenever the
        process or the machine stops, the folder holds one of the two. In the formats of others, whose two files cannot
        be replaced at once, it may also, for a moment, hold none.
    format : str, default="skl_sae"
        Format of the files. "skl_sae" is that of this library, and holds all that ``transform`` needs and all that
        ``partial_fit`` and ``fit`` with `warm_start` go on from; see :doc:`/exchange`.

    Raises
    ------
    ValueError
        If the format is unknown, or cannot hold such a model; or if the folder holds a model of another format, which
        would be loaded in its place.
    TypeError
        If `sae` is something else than such an autoencoder.
    OSError
        If the files cannot be written. What the folder held is then as it was.

    See Also
    --------
    load : Read it again.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from skl_sae import SparseAutoencoder
    >>> from skl_sae.io import load, save
    >>> X, y = load_digits(return_X_y=True)
    >>> sae = SparseAutoencoder(n_components=64, max_iter=5, random_state=0).fit(X)
    >>> with TemporaryDirectory() as folder:
    ...     save(sae, folder)
    ...     np.array_equal(load(folder).transform(X), sae.transform(X))
    True
    """
    if not isinstance(sae, SparseAutoencoder):
        raise TypeError(
            f"save takes a fitted SparseAutoencoder, got {type(sae).__name__}. Keep other estimators, and Pipelines, "
            "with joblib.dump or skops.io.dump."
        )
    writable = [name for name, each in FORMATS.items() if each.write]
    if not isinstance(format, str) or format not in writable:
        raise ValueError(f"Got format={format!r}, expected one of {', '.join(map(repr, writable))}.")
    check_is_fitted(sae)
    check_metadata(getattr(sae, "file_metadata_", {}))
    others = [name for name, each in FORMATS.items() if name != format and each.recognises(Path(folder))]
    if others and not FORMATS[format].own:
        raise ValueError(
            f"{folder} holds a model of the format {others[0]!r}, which files of the format {format!r} would be mixed "
            "up with. Save into another folder, or remove what is there."
        )
    FORMATS[format].write(sae, folder)


@checked({"verify": ["boolean"], "trusted": [type, list, tuple, set]}, prefer_skip_nested_validation=False)
def load(folder, *, trusted=(), verify=True):
    """Read an autoencoder from a folder or a file, whatever format it has.

    In files of this library the weights are not read but mapped into memory: it takes little time, and processes share
    them. Training goes on with a copy. Those of others are copied to the layout that the network has.

    Parameters
    ----------
    folder : str or path
        Where the model is.
    trusted : type or list of type, default=()
        Classes of rules that the model may have besides those of :mod:`skl_sae.sparsity`, derived from
        :class:`~skl_sae.sparsity.BaseSparsity`. A file names the class of its rule, and no class is looked up by such a
        name; a class that is given is found by its ``__name__``. For files of this library.
    verify : bool, default=True
        Whether all arrays are read once, compared with their checksum, and looked through for NaN. Without that a
        damaged array may not be noticed, and a large model is there at once. For files of this library; others have no
        checksums.

    Returns
    -------
    sae : SparseAutoencoder
        Fitted. What files of other libraries say besides, where it is kept, is in its attribute ``file_metadata_``, a
        dict with a key for each format.

    Raises
    ------
    ModelFileError
        If there is no model, or it is damaged, or cannot be read. Nothing in a file is executed.
    TypeError
        If `trusted` holds something else than classes of rules.

    Warns
    -----
    InconsistentVersionWarning
        If the model was saved by another version of the library.

    See Also
    --------
    save : Write such files.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from skl_sae import SparseAutoencoder
    >>> from skl_sae.io import load, save
    >>> X = np.random.default_rng(0).normal(size=(200, 8))
    >>> sae = SparseAutoencoder(16, max_iter=5, random_state=0).partial_fit(X)
    >>> with TemporaryDirectory() as folder:
    ...     save(sae, folder)
    ...     again = load(folder).partial_fit(X)
    >>> np.array_equal(again.transform(X), sae.partial_fit(X).transform(X))
    True
    """
    trusted = [trusted] if isinstance(trusted, type) else trusted
    for each in trusted:
        if not (isinstance(each, type) and issubclass(each, BaseSparsity)):
            raise TypeError(f"Got {each!r} in trusted, expected classes that are derived from BaseSparsity.")
    path = Path(folder)
    if not path.exists():
        raise ModelFileError(f"{path} does not exist.")
    if _own.recognises(path):
        return _own.read(path, trusted, verify)
    with locked(path if path.is_dir() else path.parent, shared=True):  # a model is read whole, before or after a save
        for each in FORMATS.values():
            if each.recognises(path):
                return each.read(path)
    found = ", ".join(sorted(entry.name for entry in path.iterdir())[:10]) if path.is_dir() else "a file"
    expected = "; ".join(f"{name}: {each.holds}" for name, each in FORMATS.items())
    raise ModelFileError(
        f"{path} holds no model of a format that is known. Found: {found or 'nothing'}. Known are {expected}."
    )
