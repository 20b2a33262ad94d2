"""The format of this library: a file of JSON, and a file of arrays that it names with its checksum.

A model is replaced by replacing the file of JSON. The array's file has a name that is made of its checksum: so the one
that the old file names stays as it is until the new one is in its place.
"""

import hashlib
import json
from contextlib import suppress
from pathlib import Path

import numpy as np
from sklearn.exceptions import InconsistentVersionWarning

from .._version import __version__
from .._warning import warn
from . import _safetensors
from ._atomic import replacing
from ._errors import ModelFileError
from ._own_estimator import describe, restore
from ._own_fields import Arrays, Fields
from ._own_values import Reader

#: The file that makes a folder a model.
NAME = "skl_sae.json"
ARRAYS, DIGITS = "arrays-{}.safetensors", 16
#: Raised when older versions of the library could misread what is written. Files of older formats are read.
FORMAT_VERSION = 1


def write(sae, folder):
    """Write an estimator into a folder, and remove what belongs to the model that was there."""
    record, arrays = describe(sae)
    with replacing(folder) as (room, put):
        _safetensors.write(room / "arrays", arrays)
        content = _safetensors.mapped(room / "arrays")
        digest = hashlib.sha256(content).hexdigest()
        name = ARRAYS.format(digest[:DIGITS])
        (room / "arrays").rename(room / name)
        model = {**record, "arrays": {"file": name, "n_bytes": content.size, "sha256": digest}}
        whole = {"format_version": FORMAT_VERSION, "skl_sae_version": __version__, "model": model}
        (room / NAME).write_text(_readable({**whole, "sha256": digest_of(whole)}), encoding="utf-8")
        del content
        put([name, NAME])
        for old in Path(folder).glob(ARRAYS.format(DIGITS * "[0-9a-f]")):
            if old.name != name:
                with suppress(OSError):  # on Windows, a file that is mapped into memory stays
                    old.unlink()


def _readable(content):
    """JSON with a line for each entry of the model."""
    lines = [f'  "{key}": {json.dumps(value, allow_nan=False)}' for key, value in content["model"].items()]
    model = ",\n".join(lines)
    others = [f'"{key}": {json.dumps(value)}' for key, value in content.items() if key != "model"]
    return ",\n".join(["{" + others[0], *others[1:], '"model": {\n' + model + "\n}}\n"])


def digest_of(content):
    """Checksum of the description of a model, as it is written in any way."""
    return hashlib.sha256(_canonical(content)).hexdigest()


def _canonical(content):
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def recognises(path):
    """Whether a folder holds such a model."""
    return (path / NAME).is_file()


def read(path, trusted=(), verify=True):
    """Read an estimator; its arrays are mapped into memory.

    Parameters
    ----------
    path : path
        Of the folder.
    trusted : list of type
        Classes of rules, besides those of the library.
    verify : bool
        Whether the arrays are compared with their checksum, and looked through for numbers that are not finite.
    """
    try:
        version, sae = _read(path, trusted, verify)
    except ModelFileError as error:
        raise ModelFileError(f"{path / NAME}: {error}".rstrip(".") + ".") from error
    except Exception as error:  # whatever numbers of a file make of it
        raise ModelFileError(f"{path / NAME} holds no valid model: {error}") from error
    if version != __version__:
        versions = {"current_sklearn_version": __version__, "original_sklearn_version": version}
        warn(InconsistentVersionWarning(estimator_name=type(sae).__name__, **versions))
    return sae


def _read(path, trusted, verify):
    """The version that a model was written by, and the estimator."""
    while True:
        text = (path / NAME).read_bytes()
        version, model = _checked(json.loads(text))
        try:
            content = _content(path, model.pop("arrays", None), verify)
            break
        except ModelFileError:
            if (path / NAME).read_bytes() == text:
                raise  # else another process has replaced the model meanwhile
    arrays = Arrays(_safetensors.split(content, "its file of arrays")[0], verify)
    reader, metadata = Reader(arrays, trusted, model.pop("generators", [])), model.pop("file_metadata", None)
    with np.errstate(all="ignore"):
        return version, restore(reader.value(model), arrays, metadata)


def _checked(content):
    """The version that a description was written by, and the model that it tells of."""
    fields = Fields(content, "the file")
    format_version = fields.take("format_version", "a count")
    if format_version > FORMAT_VERSION:
        raise ModelFileError(
            f"it has the format {format_version}, and this version of skl_sae ({__version__}) knows formats up to "
            f"{FORMAT_VERSION}. Install a newer one"
        )
    digest = fields.take("sha256", "a text")
    if digest_of({key: value for key, value in content.items() if key != "sha256"}) != digest:
        raise ModelFileError("it is damaged or was edited: its checksum is another one. Take a copy that is whole")
    version, model = fields.take("skl_sae_version", "a text"), fields.take("model", "an object")
    fields.close()
    return version, model


def _content(path, record, verify):
    """The bytes of the file of arrays, which must be those that the record tells of."""
    fields = Fields(record, "arrays")
    name, n_bytes, digest = (
        fields.take(*each) for each in (("file", "a text"), ("n_bytes", "a count"), ("sha256", "a text"))
    )
    fields.close()
    if name != ARRAYS.format(digest[:DIGITS]) or "/" in name or "\\" in name:
        raise ModelFileError(f"it names the file of arrays {name!r}, expected {ARRAYS.format('...')!r}, in the folder")
    content = _safetensors.mapped(path / name)
    if content.size != n_bytes or (verify and hashlib.sha256(content).hexdigest() != digest):
        raise ModelFileError(f"its file of arrays {name} is damaged: its size or its checksum is another one")
    return content
