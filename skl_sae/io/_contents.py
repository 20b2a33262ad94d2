"""What the folders of other libraries hold, a file of arrays and one of settings: how it is checked and written."""

import json
import reprlib

from . import _safetensors
from ._atomic import write_files
from ._errors import ModelFileError


def check_arrays(arrays, source, needed, allowed=(), whole=()):
    """Raise unless there are arrays of all names that are `needed`, and none but these and the `allowed` ones.

    They hold floating-point numbers, except those that may be `whole`.
    """
    missing, unknown = set(needed) - set(arrays), set(arrays) - {*needed, *allowed}
    if missing or unknown:
        found = reprlib.repr(sorted(arrays))
        expected = ", ".join(sorted(needed)) + (f" and perhaps {', '.join(sorted(allowed))}" if allowed else "")
        raise ModelFileError(f"{source} has arrays of the names {found}, expected {expected}.")
    for name, array in arrays.items():
        if array.dtype.kind != "f" and name not in whole:
            raise ModelFileError(f"{source}: {name} has the type {array.dtype}, expected floating-point numbers.")


def write_contents(folder, arrays, settings, indent=None):
    """Write both files, each a pair of its name and of what it holds; the settings make the arrays count."""
    (arrays_name, arrays), (settings_name, settings) = arrays, settings
    text = json.dumps(settings, indent=indent, allow_nan=False)
    write_files(
        folder,
        {
            arrays_name: lambda path: _safetensors.write(path, arrays),
            settings_name: lambda path: path.write_text(text, encoding="utf-8"),
        },
    )
