"""Rows with the largest values of each unit."""

import numpy as np


class TopRows:
    """Rows with the largest values of each unit, found block by block.

    Parameters
    ----------
    n_units : int
        Number of units.
    n_top : int
        Rows to keep of each.
    """

    def __init__(self, n_units, n_top):
        self._n_units, self._n_top = n_units, n_top
        self._units, self._rows, self._values = np.zeros(0, int), np.zeros(0, int), np.zeros(0)
        self._least = np.zeros(n_units)  # what a value has to exceed

    def add(self, units, rows, values):
        """Look at values of given units and rows, of which those above zero count; a tie goes to the row seen first."""
        good = values > self._least[units]
        units = np.concatenate([self._units, units[good]])
        rows = np.concatenate([self._rows, rows[good]])
        values = np.concatenate([self._values, values[good]])
        order = np.lexsort((rows, -values, units))
        units = units[order]
        place = np.arange(len(units)) - np.searchsorted(units, units)
        last = place == self._n_top - 1
        self._least[units[last]] = values[order[last]]
        kept = place < self._n_top
        self._units, self._rows, self._values = units[kept], rows[order[kept]], values[order[kept]]

    def by_unit(self):
        """Return rows and values, an array of each unit, largest first."""
        ends = np.searchsorted(self._units, np.arange(1, self._n_units))
        return np.split(self._rows, ends), np.split(self._values, ends)
