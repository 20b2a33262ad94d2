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
        return self.numbers[: self.n][i]

    def __iter__(self):
        return iter(self.numbers[: self.n])


def longer(curve, *numbers):
    """The curve that goes on with these numbers.

    The list is shared unless it has gone on in another way, as in a chunk that was interrupted before its end.
    """
    shared = curve.numbers if isinstance(curve, Curve) and len(curve.numbers) == curve.n else list(curve)
    shared.extend(numbers)
    return Curve(shared, len(shared))


def as_list(value):
    """What is read of an attribute that may be kept as a curve: a list of its own, or else the very value."""
    return list(value) if isinstance(value, Curve) else value
