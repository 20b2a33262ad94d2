"""Arrays that lie in memory maps: how to tell them, and how their pages are read before they are needed."""

import mmap
import os
from contextlib import suppress

import numpy as np

# Bytes of a request to read ahead. Linux reads the first part of a longer one only: as much as a disk takes at a time.
REQUEST = 1 << 17


def map_of(X):
    """The memory map that an array lies in; None where it lies in none."""
    while X is not None:
        if isinstance(X, mmap.mmap):
            return X
        X = getattr(X, "base", None) if isinstance(X, np.ndarray) else getattr(X, "obj", None)
    return None


def read_ahead(X, lo, hi):
    """Let the system begin to read rows ``lo..hi`` of a mapped array in C order, from the first to the last.

    It returns at once. Where the system can't, rows are read when they are needed.
    """
    file = map_of(X)
    if file is None or not X.flags.c_contiguous or not hasattr(file, "madvise"):
        return
    start = X.ctypes.data - np.frombuffer(file, np.uint8).ctypes.data
    first, last = (start + int(row) * X.strides[0] for row in (lo, hi))  # bytes are beyond the type of row numbers
    first -= first % mmap.PAGESIZE
    with suppress(OSError):  # advice that is not taken
        for at in range(first, last, REQUEST):
            file.madvise(mmap.MADV_WILLNEED, at, min(REQUEST, last - at))


def physical_memory():
    """Bytes of the machine's memory; infinite where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return np.inf
