"""Arrays that the files of other libraries must hold."""

import reprlib

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
