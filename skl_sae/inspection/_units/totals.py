"""Sums of codes over all rows, block by block."""

import numpy as np
from scipy.sparse import csr_array, vstack

from .survey import known_signs
from .top_rows import TopRows

# Stored codes that wait for their products: one large sparse product costs less than many small ones.
_WAITING = 1 << 22
# Products of codes with a larger share of numbers that are not zero are dense ones.
_DENSE = 0.2


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

    def __init__(self, survey, n_top, n_classes):
        self.signs, self._thresholds = survey.signs.copy(), survey.thresholds
        n_units = len(self.signs)
        self.active, self.positive, self.on, self.magnitude, self.values = np.zeros((5, n_units))
        self.gram, self.joint = (csr_array((n_units, n_units)) for _ in range(2))
        self.by_class, self.n_class = csr_array((n_units, n_classes)), np.zeros(n_classes)
        self.by_term, self.n_term = None, None
        self.top = TopRows(n_units, n_top)
        self._waiting = []

    def add(self, first_row, codes, members=None, terms=None):
        """Add a block.

        Parameters
        ----------
        first_row : int
            Place of its first row.
        codes : csr_array of shape (n, n_units)
            Codes, without stored zeros.
        members : csr_array of shape (n, n_classes), default=None
            Ones where a row belongs to a class.
        terms : csr_array of shape (n, n_terms), default=None
            Ones where a row has a term.
        """
        n_units, units, values = codes.shape[1], codes.indices, codes.data.astype(np.float64)
        self.signs = known_signs(self.signs, units, values)
        self.active += np.bincount(units, minlength=n_units)
        self.positive += np.bincount(units[values > 0], minlength=n_units)
        self.magnitude += np.bincount(units, np.abs(values), n_units)
        self.values += np.bincount(units, values, n_units)
        aligned = values * self.signs[units]
        on = codes.astype(np.float64)
        on.data = (aligned > self._thresholds[units]).astype(np.float64)
        on.eliminate_zeros()
        self.on += np.bincount(on.indices, minlength=n_units)
        if members is not None:
            self.n_class += members.sum(axis=0)
            self.by_class = self.by_class + csr_array(on.T @ members)
        self.top.add(units, rows_of(codes) + first_row, aligned)
        self._waiting.append((codes.astype(np.float64), on, terms))
        if sum(each[0].nnz for each in self._waiting) > _WAITING:
            self.flush()

    def flush(self):
        """Add the products of the blocks that wait; after the last block, this has to be called."""
        codes, on, terms = zip(*self._waiting, strict=True)
        self._waiting = []
        codes, on = vstack(codes, format="csr"), vstack(on, format="csr")
        self.gram = self.gram + _with_itself(codes)
        self.joint = self.joint + _with_itself(on)
        if terms[0] is not None:
            terms = vstack(terms, format="csr")
            by_term, n_term = csr_array(on.T @ terms), np.bincount(terms.indices, minlength=terms.shape[1])
            self.by_term = by_term if self.by_term is None else self.by_term + by_term
            self.n_term = n_term if self.n_term is None else self.n_term + n_term


def rows_of(codes):
    """Return the row of each stored entry of CSR."""
    return np.repeat(np.arange(codes.shape[0]), np.diff(codes.indptr))


def _with_itself(codes):
    """Products of the columns, in CSR."""
    if codes.nnz > _DENSE * codes.shape[0] * codes.shape[1]:
        codes = codes.toarray()
    return csr_array(codes.T @ codes)
