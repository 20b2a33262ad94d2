"""What is high or low in the rows of a unit, for its name."""

import numpy as np
from scipy.sparse import csr_array


class Contrasts:
    r"""Reconstructions of the rows of each unit, less those of all rows.

    With the codes c, the reconstructions :math:`\hat x` and their mean :math:`\bar x`, the contrast of unit j is

    .. math::

        d_j = s_j \frac{\sum_i c_{ij} (\hat x_i - \bar x)}{\sum_i |c_{ij}|}
        = s_j \frac{\operatorname{cov}(c_j, \hat x)}{\operatorname{mean} |c_j|}

    with :math:`s_j` the more frequent sign of its values: a mean over its rows, in which a row counts as much as the
    value of the unit. Where the units vary independently, this is what the unit adds, in proportion. Where another one
    would be active in its place, it is the difference to that one. So it does not depend on what all units have in
    common: where each row has k active ones, something could be added to the typical contribution of each of them, and
    k times as much taken from the reconstruction of a code of zeros, with the same result.

    Contrasts are found when they are asked for, by slices of units: products of codes with codes are known, and the
    whole would be as large as the dictionary.

    Parameters
    ----------
    atoms : ndarray of shape (n_units, n_features) or None
        What units add at a value of one; None where decoding is not affine, and reconstructions are needed.
    zero : ndarray of shape (1, n_features)
        Reconstruction of a code of zeros.
    totals : Totals
        Sums of codes.
    """

    def __init__(self, atoms, zero, totals):
        self._atoms, self._zero, self._totals = atoms, zero, totals
        self.shape = len(totals.signs), zero.shape[1]
        self._products, self._sums, self._n = 0.0, 0.0, 0

    def add(self, codes, decode):
        """Add a block of codes; `decode` is used if decoding is not affine."""
        self._n += codes.shape[0]
        if self._atoms is None:
            decoded = np.asarray(decode(codes) - self._zero, dtype=np.float64)
            self._products = self._products + csr_array(codes, dtype=np.float64).T @ decoded
            self._sums = self._sums + decoded.sum(axis=0)

    def __getitem__(self, units):
        """Return contrasts of a slice of the units, in the units of the columns; zeros for a dead one."""
        totals = self._totals
        if self._atoms is None:
            products, sums = self._products[units], self._sums
        else:
            products, sums = totals.gram[units].toarray() @ self._atoms, totals.values @ self._atoms
        found = products - totals.values[units, None] * (sums / self._n)
        lengths = (totals.signs * totals.magnitude)[units, None]
        return np.divide(found, lengths, out=np.zeros(found.shape), where=lengths != 0)
