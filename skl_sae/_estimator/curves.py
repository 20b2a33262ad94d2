"""Curves of a stream: a number more costs no copy, and whoever has the curve of before keeps it as it was."""

from collections.abc import Sequence


class Curve(Sequence):
    """The first numbers of a list, which longer curves share.

    Parameters
    ----------
    numbers : list of float
        Only ever gets longer.
    n : int
        How many of them are meant.
    """

    def __init__(self, numbers, n):
        self.numbers, self.n = numbers, n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        return self.numbers[range(self.n)[i]]

    def __iter__(self):
        return iter(self.numbers[: self.n])


def longer(curve, *numbers):
    """The curve that goes on with these numbers.

    The list is shared unless it has gone on in another way, as in a chunk that was interrupted before its end.
    """
    shared = curve.numbers if isinstance(curve, Curve) and len(curve.numbers) == curve.n else list(curve)
    shared.extend(numbers)
    return Curve(shared, len(shared))


class CurveAttribute:
    """A fitted attribute that is a list, or None, for whoever reads it, and may be kept as a `Curve`."""

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, sae, owner=None):
        if sae is None:
            return self
        if self.name not in vars(sae):
            raise AttributeError(f"{type(sae).__name__!r} object has no attribute {self.name!r} before fit.")
        return plain(vars(sae)[self.name])

    def __set__(self, sae, value):
        vars(sae)[self.name] = value


def plain(value):
    """The same, if it is a curve as a list."""
    return list(value) if isinstance(value, Curve) else value
