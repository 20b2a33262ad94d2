"""What files of other libraries must hold: values of known types in their JSON, and arrays by known names."""

import json
import reprlib

from ._errors import ModelFileError

#: Bytes of a configuration, which is short; and the largest number that a size in it may be.
LONGEST, LARGEST = 10_000_000, 2**40
#: In the place of a default: the value must be there.
NEEDED = object()


class Config:
    """Values of a JSON file by name, each checked when it is asked for.

    Parameters
    ----------
    values : dict
    source : path
        The file, for errors.
    """

    def __init__(self, values, source):
        self.values, self.source = values, source

    @classmethod
    def read(cls, path):
        """Read a file that must hold an object."""
        if not path.is_file():
            raise ModelFileError(f"{path} is missing, or it is not a file.")
        try:
            with path.open("rb") as file:
                text = file.read(LONGEST + 1)
            if len(text) > LONGEST:
                raise ValueError(f"it is longer than {LONGEST} bytes")
            values = json.loads(text)
        except (OSError, ValueError, RecursionError) as error:
            raise ModelFileError(f"{path} is not a configuration in JSON: {error}.") from error
        if not isinstance(values, dict):
            raise ModelFileError(f"{path} holds {reprlib.repr(values)}, expected an object in JSON.")
        return cls(values, path)

    def _value(self, name, default, kind, allowed):
        """The value of a name if it is of this type and `allowed`, in words; of a name that is missing, the default."""
        value = self.values.get(name, default)
        if value is NEEDED or (value is not default and type(value) is not kind):
            got = "nothing" if value is NEEDED else reprlib.repr(value)
            raise ModelFileError(f"{self.source}: got {got} for {name!r}, expected {allowed}.")
        return value

    def integer(self, name, least, default=NEEDED):
        """Value that is a whole number, from `least` on."""
        allowed = f"a whole number from {least} to {LARGEST}"
        value = self._value(name, default, int, allowed)
        if value is not default and not least <= value <= LARGEST:
            raise ModelFileError(f"{self.source}: got {reprlib.repr(value)} for {name!r}, expected {allowed}.")
        return value

    def boolean(self, name, default=NEEDED):
        """Value that is true or false."""
        return self._value(name, default, bool, "true or false")

    def text(self, name, default=NEEDED):
        """Value that is a string."""
        return self._value(name, default, str, "a string")

    def part(self, name):
        """Value that is an object; an empty one where it is missing."""
        return Config(self._value(name, {}, dict, "an object"), self.source)


def check_names(arrays, source, needed, allowed=()):
    """Raise unless there are arrays of all names that are `needed`, and none but these and the `allowed` ones."""
    missing, unknown = set(needed) - set(arrays), set(arrays) - {*needed, *allowed}
    if missing or unknown:
        found = reprlib.repr(sorted(arrays))
        expected = ", ".join(sorted(needed)) + (f" and perhaps {', '.join(sorted(allowed))}" if allowed else "")
        raise ModelFileError(f"{source} has arrays of the names {found}, expected {expected}.")
