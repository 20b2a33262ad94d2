"""What units add to a row, where decoding is not affine: at rows in which they are active."""

import numpy as np
from sklearn.utils import gen_batches

from .._model import BLOCK_ENTRIES


class LocalEffects:
    """What is lost when a unit is set to zero, on average over some of the rows in which it is active.

    Parameters
    ----------
    model : InspectedModel
        The model.
    X : {ndarray, csr_matrix} of shape (n_samples, n_features)
        Numbers.
    rows : list of ndarray
        Of each unit, rows in which it is active.
    signs : ndarray of shape (n_units,)
        Sign of most values: where a value has the other one, what it adds is counted with the opposite sign.
    """

    def __init__(self, model, X, rows, signs):
        self._model, self._X, self._signs = model, X, signs
        self._rows = np.concatenate(rows).astype(np.int64)
        self._units = np.repeat(np.arange(len(rows)), [len(each) for each in rows])

    def pairs(self):
        """Yield units, data in the space of the learner, codes, and codes in which the unit is zero, by blocks."""
        model = self._model
        for some in gen_batches(len(self._rows), max(1, BLOCK_ENTRIES // max(model.n_units, model.n_features))):
            units = self._units[some]
            Z = model.for_learner(self._X[self._rows[some]])
            codes = model.learner_encode(Z).toarray()
            without = codes.copy()
            without[np.arange(len(units)), units] = 0.0
            signs = np.sign(codes[np.arange(len(units)), units]) * self._signs[units]
            yield units, Z, codes, without, signs

    def amounts(self, decode, n_columns):
        """Mean of what is lost, of shape (n_units, n_columns)."""
        n_units = len(self._signs)
        found = np.zeros((n_units, n_columns))
        for units, _, codes, without, signs in self.pairs():
            np.add.at(found, units, (decode(codes) - decode(without)) * signs[:, None])
        return found / np.maximum(np.bincount(self._units, minlength=n_units), 1)[:, None]

    def gains(self, active, weights):
        """What the squared errors of all rows grow by without each unit, from the mean over the pairs."""
        n_units, decode = len(self._signs), self._model.learner_decode
        found = np.zeros(n_units)
        for units, Z, codes, without, _ in self.pairs():
            Z = Z.toarray() if hasattr(Z, "toarray") else Z
            without, with_it = ((Z - decode(each)) * weights for each in (without, codes))
            found += np.bincount(units, np.nansum(without**2 - with_it**2, axis=1), n_units)
        return found / np.maximum(np.bincount(self._units, minlength=n_units), 1) * active
