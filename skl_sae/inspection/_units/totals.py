"""Sums over all rows, block by block."""

import numpy as np
from scipy.sparse import csr_array, issparse, vstack

# Stored codes that wait for their products: one large sparse product costs less than many small ones.
_WAITING = 1 << 22


class Totals:
    """What is summed over the rows.

    Parameters
    ----------
    survey : Survey
        Signs and thresholds; a sign that it does not know becomes that of the first values that are met.
    n_top : int
        Rows to keep of each unit, those with the largest values.
    n_classes : int
        Number of classes, 0 without any.
    """

    def __init__(self, survey, n_top, n_classes=0):
        self.signs, self.thresholds = survey.signs.copy(), survey.thresholds
        n_units = len(self.signs)
        self.active, self.positive, self.on, self.magnitude = np.zeros((4, n_units))
        self.gram = csr_array((n_units, n_units))
        self.joint = csr_array((n_units, n_units))
        self.classes, self.n_class = np.zeros((n_units, n_classes)), np.zeros(n_classes)
        self.terms = None
        self.top = TopRows(n_units, n_top)
        self._waiting = []

    def add(self, first_row, codes, labels=None, terms=None):
        """Add a block: its first row, codes, the number of each row's class, and ones in CSR where a term stands."""
        n_units = codes.shape[1]
        units, values = codes.indices, codes.data.astype(np.float64)
        sums = np.bincount(units, values, n_units)
        self.signs = np.where(self.signs == 0, np.sign(sums), self.signs)
        self.active += np.bincount(units, minlength=n_units)
        self.positive += np.bincount(units[values > 0], minlength=n_units)
        self.magnitude += np.bincount(units, np.abs(values), n_units)
        on = codes.copy()
        on.data = (values * self.signs[units] > self.thresholds[units]).astype(np.float64)
        on.eliminate_zeros()
        self.on += np.bincount(on.indices, minlength=n_units)
        if labels is not None:
            n, k = len(labels), self.classes.shape[1]
            self.n_class += np.bincount(labels, minlength=k)
            self.classes += (on.T @ csr_array((np.ones(n), (np.arange(n), labels)), shape=(n, k))).toarray()
        rows = first_row + np.repeat(np.arange(codes.shape[0]), np.diff(codes.indptr))
        self.top.add(units, rows, values * self.signs[units])
        self._waiting.append((codes.astype(np.float64), on, terms))
        if sum(each[0].nnz for each in self._waiting) > _WAITING:
            self.flush()

    def flush(self):
        """Add the products of the blocks that wait."""
        if not self._waiting:
            return
        codes, on, terms = zip(*self._waiting, strict=True)
        self._waiting = []
        codes, on = vstack(codes, format="csr"), vstack(on, format="csr")
        self.gram = self.gram + codes.T @ codes
        self.joint = self.joint + on.T @ on
        if terms[0] is not None:
            found = on.T @ vstack(terms, format="csr")
            self.terms = found if self.terms is None else self.terms + found


class TopRows:
    """Rows with the largest values of each unit.

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
        """Look at values of given units and rows; rows rise from call to call. Ties: the first row."""
        good = values > self._least[units]
        units = np.concatenate([self._units, units[good]])
        rows = np.concatenate([self._rows, rows[good]])
        values = np.concatenate([self._values, values[good]])
        order = np.lexsort((rows, -values, units))
        units = units[order]
        starts = np.searchsorted(units, np.arange(self._n_units))
        place = np.arange(len(units)) - starts[units]
        kept = order[place < self._n_top]
        last = place == self._n_top - 1
        self._least[units[last]] = values[order[last]]
        self._units, self._rows, self._values = units[place < self._n_top], rows[kept], values[kept]

    def by_unit(self):
        """Return lists of rows and of values, an array of each unit, largest first."""
        ends = np.searchsorted(self._units, np.arange(1, self._n_units))
        return np.split(self._rows, ends), np.split(self._values, ends)


def presence(X):
    """Ones in CSR where a number is not zero."""
    found = csr_array(X) if issparse(X) else csr_array(np.nan_to_num(X))
    found.eliminate_zeros()
    found.data = np.ones(len(found.data))
    return found
