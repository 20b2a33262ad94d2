"""Where recorded arrays are: those that may be replaced, and memory of which each thread has its own part.

A recorded address is a number plus an entry of a table with a row for each thread. Column 0 is zero, for arrays that
stay where they are. Behind the column of an array that is replaced stands one with its length.
"""

from typing import NamedTuple

import numpy as np

from .thread_count import n_slots


class Moved(NamedTuple):
    """A recorded array in an array that moves: it begins `offset` bytes behind the table's entry in `column`.

    If it is the `whole` array, it may be of another length later.
    """

    x: np.ndarray
    column: int
    offset: int
    whole: bool = False


def address_of(array):
    """Of its first number."""
    return array.__array_interface__["data"][0]


def extent(x):
    """Bytes before and behind the first number that an array reaches; none if it is empty."""
    if not x.size:
        return 0, 0
    reaches = [(n - 1) * stride for n, stride in zip(x.shape, x.strides, strict=True)]
    return sum(min(reach, 0) for reach in reaches), sum(max(reach, 0) for reach in reaches) + x.itemsize


class Addresses:
    """The arrays that move.

    Attributes
    ----------
    table : ndarray of int64 of shape (n_slots, n_columns)
    """

    def __init__(self):
        self.table, self._arrays, self._strides, self._names = np.zeros((n_slots(), 1), np.int64), [None], [0], {}

    def follow(self, name, array):
        """From now on `name` is this array, of the type of the one before.

        It is no smaller, unless it was recorded as a whole.
        """
        column = self._names.setdefault(name, len(self._arrays))
        if column == len(self._arrays):
            self._add(array, 0)
            self._add(None, 0)
        if self._arrays[column] is not array or self.table[0, column + 1] == 0:
            self._arrays[column] = array
            self.table[:, column], self.table[:, column + 1] = address_of(array), len(array)

    def share(self, scratch):
        """Each thread has its own part of this `Scratch`; plans are recorded with that of slot 0."""
        self._add(scratch.memory, scratch.memory.strides[0])

    def _add(self, array, stride):
        self._arrays.append(array)
        self._strides.append(stride)
        column = (0 if array is None else address_of(array)) + stride * np.arange(len(self.table))
        self.table = np.ascontiguousarray(np.column_stack([self.table, column]))

    def moved(self, x):
        """An argument as it is recorded: a `Moved` if it lies in an array that moves."""
        if not isinstance(x, np.ndarray):
            return x
        arrays = [(column, array) for column, array in enumerate(self._arrays) if array is not None]
        for column, array in arrays:
            if array is x:
                return Moved(x, column, 0, whole=True)
        if x.size:
            address = address_of(x)
            for column, array in arrays:
                offset = address - int(self.table[0, column])
                if 0 <= offset < array.nbytes:
                    return Moved(x, column, offset)
        return x

    def at(self, x, slot):
        """An argument as it is meant now, in a slot."""
        if not isinstance(x, Moved):
            return x
        owner, start = self._arrays[x.column], self._strides[x.column] * slot + x.offset
        if x.whole:
            return owner
        return np.ndarray(x.x.shape, x.x.dtype, owner.reshape(-1).view(np.uint8), start, x.x.strides)

    def check(self, x):
        """Raise IndexError if a `Moved` array does not lie within that which it belongs to, in any slot."""
        owner, stride = self._arrays[x.column], self._strides[x.column]
        if x.whole:
            return
        low, high = extent(x.x)
        size = stride or owner.nbytes
        first = x.offset % size if stride else x.offset
        if first + low < 0 or first + high > size:
            raise IndexError(f"{x.x.shape} at {x.offset} reaches beyond the {size} bytes of its array.")
