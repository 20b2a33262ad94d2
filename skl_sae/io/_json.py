"""JSON in files of strangers: an object of plain values, or one error."""

import json
import math
from pathlib import Path

from ._errors import ModelFileError

# Settings are small and flat: more is no settings, and could exhaust memory or the stack, here or where it is written.
MOST_BYTES, MOST_LEVELS, LARGEST = 1 << 24, 50, 1 << 63


def read_json(path):
    """The object in a file.

    Parameters
    ----------
    path : path

    Returns
    -------
    settings : dict of str to object

    Raises
    ------
    ModelFileError
        If it is not an object, has a name twice, a number that is not finite, or too many levels or bytes.
    """
    try:
        if not Path(path).is_file():
            raise ValueError("it is missing, or it is no file")
        if Path(path).stat().st_size > MOST_BYTES:
            raise ValueError(f"it has more than {MOST_BYTES} bytes")
        return _parsed(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelFileError(f"{path} cannot be read as JSON: {error}.") from error


def _parsed(text):
    hooks = {"object_pairs_hook": unique, "parse_constant": _number, "parse_float": _number, "parse_int": _whole}
    settings = json.loads(text, **hooks)
    if not isinstance(settings, dict):
        raise ValueError(f"it holds a {type(settings).__name__}, not an object with names")
    if _levels(settings) > MOST_LEVELS:
        raise ValueError(f"it has more than {MOST_LEVELS} levels")
    return settings


def check_metadata(metadata):
    """Raise unless it is a dict for each format, and is read again as it is after it was written as JSON."""
    try:
        if _parsed(json.dumps(metadata, allow_nan=False)) != metadata:
            raise ValueError("JSON has no tuples, and no names but text")
        if not all(isinstance(each, dict) for each in metadata.values()):
            raise ValueError("a format has something else than a dict")
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(
            f"file_metadata_ is {metadata!s:.200}, expected a dict of dicts, one for each format, of what JSON can "
            f"hold: text, finite numbers, True, False, None, lists, and dicts whose names are text. {error}."
        ) from error


def unique(pairs):
    """The object of these names and values, if no name stands in it twice."""
    names = dict(pairs)
    if len(names) < len(pairs):
        raise ValueError("a name stands twice in an object")
    return names


def _number(text):
    """A finite number."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text[:20]} is not finite")
    return number


def _whole(text):
    """A whole number of up to 64 bits: larger ones are no settings, and products of them could not be printed."""
    number = int(text)
    if not -LARGEST <= number < LARGEST:
        raise ValueError(f"the number {text[:20]} is too large")
    return number


def _levels(value):
    """How deep objects and arrays stand in each other; found level by level, because the stack has an end."""
    level, n = [value], 0
    while level:
        inner = [each.values() if isinstance(each, dict) else each for each in level if isinstance(each, dict | list)]
        level, n = [child for each in inner for child in each], n + 1
    return n - 1


def expect(settings, name, kind, default, path):
    """A setting of a known type.

    Parameters
    ----------
    settings : dict
    name : str
    kind : type
        bool, int, float, str or dict; whole numbers may be written as floats.
    default : object
        Where the setting is missing or null.
    path : path
        For errors.

    Returns
    -------
    value : object
    """
    value = settings.get(name)
    if value is None:
        return default
    if kind is int and isinstance(value, float) and value.is_integer() and abs(value) < LARGEST:
        value = int(value)
    if kind is float and type(value) is int and abs(value) < 1 << 53:
        value = float(value)
    if type(value) is not kind:
        raise ModelFileError(f"{path}: got {name}={str(value)[:60]!r}, expected a value of the type {kind.__name__}.")
    return value
