"""Entries and arrays of a file, each of which must be there once, and be what it is expected to be."""

import math

import numpy as np

from .._kernels.reductions import all_finite
from ._errors import ModelFileError

#: Kinds of entries, in words, and how they are told.
KINDS = {
    "true or false": lambda value: type(value) is bool,
    "a text": lambda value: type(value) is str,
    "an object": lambda value: type(value) is dict,
    "a count": lambda value: type(value) is int and 0 <= value < 1 << 62,
    "a number": lambda value: isinstance(value, float | np.floating),
    "a positive number": lambda value: isinstance(value, float | np.floating) and 0 < value < math.inf,
    "a number of at least 0": lambda value: isinstance(value, float | np.floating) and 0 <= value < math.inf,
    "a list of numbers": lambda value: type(value) is list and all(map(KINDS["a number"], value)),
    "a list of lists of numbers": lambda value: type(value) is list and all(map(KINDS["a list of numbers"], value)),
    "a list of texts": lambda value: type(value) is list and all(type(v) is str for v in value),
    "a random state": lambda value: isinstance(value, np.random.RandomState),
    "a list of shares": lambda value: type(value) is list and all(type(v) is float and 0 <= v <= 1 for v in value),
}


class Fields:
    """The entries of an object of a file.

    Parameters
    ----------
    entries : dict
    where : str
        What it is called in errors.
    """

    def __init__(self, entries, where):
        if type(entries) is not dict:
            raise ModelFileError(f"{where} is {entries!r:.80}, expected an object")
        self.entries, self.where = dict(entries), where

    def take(self, name, kind):
        """The value of an entry of a kind; each is taken once."""
        if name not in self.entries:
            raise ModelFileError(f"{self.where} has no {name!r}")
        value = self.entries.pop(name)
        if not KINDS[kind](value):
            raise ModelFileError(f"{self.where}: {name} is {value!r:.80}, expected {kind}")
        return value

    def optional(self, name, kind):
        """The same, or None where it is None or not there."""
        if self.entries.get(name) is None:
            self.entries.pop(name, None)
            return None
        return self.take(name, kind)

    def close(self):
        """Raise if an entry has not been taken."""
        if self.entries:
            raise ModelFileError(f"{self.where} has the unknown entry {next(iter(self.entries))!r}")


class Arrays:
    """The arrays of a file.

    Parameters
    ----------
    arrays : dict of str to ndarray
    looks : bool, default=True
        Whether the numbers are looked through for those that are not finite.
    """

    def __init__(self, arrays, looks=True):
        self.arrays, self.looks = dict(arrays), looks
        self.nbytes = sum(array.nbytes for array in arrays.values())

    def __contains__(self, name):
        return name in self.arrays

    def take(self, name, shape=None, dtype=None, finite=False):
        """An array, taken once, which must have this shape and type where they are given."""
        if name not in self.arrays:
            raise ModelFileError(f"the array {name} is missing")
        array = self.arrays.pop(name)
        for what, got, expected in ("shape", array.shape, shape), ("type", array.dtype, dtype):
            if expected is not None and got != expected:
                raise ModelFileError(f"the array {name} has the {what} {got}, expected {expected}")
        if finite and self.looks and array.dtype.kind == "f" and not all_finite(array):
            raise ModelFileError(f"the array {name} has numbers that are not finite")
        return array

    def close(self):
        """Raise if an array has not been taken."""
        if self.arrays:
            raise ModelFileError(f"the array {next(iter(self.arrays))} is unknown")
