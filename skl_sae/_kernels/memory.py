"""Arrays where vectors can be read best: on boundaries of cache lines, and of rows if they have two axes.

NumPy aligns to 16 bytes only. A vector of 64 bytes that crosses a line costs two reads on many processors.
"""

import numpy as np

from .thread_count import n_slots

LINE = 64


def empty(shape, dtype):
    """Contiguous array that begins on a line."""
    return _array(shape, dtype, np.empty)


def zeros(shape, dtype):
    """The same, of zeros; pages of a large one take memory when they are written to."""
    return _array(shape, dtype, np.zeros)


def _array(shape, dtype, allocate):
    shape, dtype = np.atleast_1d(shape).tolist(), np.dtype(dtype)
    return block(int(np.prod(shape)) * dtype.itemsize, allocate).view(dtype).reshape(shape)


def read_only(array):
    """The array, so that writing to it fails: it is a copy, and what it was made from would not see the change."""
    array = np.asarray(array)
    array.flags.writeable = False
    return array


def empty_rows(n_rows, width, dtype):
    """Array (n_rows, width) each of whose rows begins on a line; they may lie apart."""
    return empty((n_rows, lines(width, dtype)), dtype)[:, :width]


def lines(n, dtype):
    """The least number of items, from `n` on, that fill whole lines."""
    per_line = LINE // np.dtype(dtype).itemsize
    return -(-n // per_line) * per_line


def block(n_bytes, allocate=np.empty):
    """Bytes that begin on a line."""
    whole = allocate(n_bytes + LINE, np.uint8)
    start = -whole.__array_interface__["data"][0] % LINE
    return whole[start : start + n_bytes]


class Scratch:
    """Memory of which each thread at work has its own part.

    Parameters
    ----------
    shapes : list of tuple
        Of the arrays in a part.
    dtype : dtype
    n_parts : int, optional
        By default one for each thread that may ever be at work.

    Attributes
    ----------
    memory : ndarray of uint8 of shape (n_parts, bytes)
    """

    def __init__(self, shapes, dtype, n_parts=None):
        self.shapes, self.dtype = shapes, np.dtype(dtype)
        self.sizes = [shape[0] * lines(shape[1], dtype) * self.dtype.itemsize for shape in shapes]
        n_parts = n_parts or n_slots()
        self.memory = block(n_parts * sum(self.sizes)).reshape(n_parts, -1)

    def arrays(self, slot):
        """The arrays of a slot; each row begins on a line."""
        out, start = [], 0
        for (n_rows, width), size in zip(self.shapes, self.sizes, strict=True):
            part = self.memory[slot, start : start + size].view(self.dtype)
            out.append(part.reshape(n_rows, -1)[:, :width] if size else np.empty((n_rows, width), self.dtype))
            start += size
        return out
