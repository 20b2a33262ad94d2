"""Numbers that the calls of a plan leave for the caller, each in a place of its own: nobody waits to add to a sum."""

import numpy as np

CHUNK = 256


class Cells:
    """Places for float64 numbers; a place stays where it is."""

    def __init__(self):
        self._chunks, self._n = [], 0

    def new(self):
        """An array of one number, zero."""
        place = self._n % CHUNK
        if place == 0:
            self._chunks.append(np.zeros(CHUNK))
        self._n += 1
        return self._chunks[-1][place : place + 1]

    def total(self):
        """Sum of all numbers, always in the same order."""
        return float(sum(map(np.add.reduce, self._chunks)))
