"""Columns that a ColumnTransformer scaled, in their own units again."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from ._as_seen import as_seen


class ColumnUnits(TransformerMixin, BaseEstimator):
    """What scalers inside a ColumnTransformer did to columns, as a step that inverts.

    A ColumnTransformer has no inverse, but where some of its transformers keep their columns and have one, these can
    be told in their own units. Others, as those of categories, stay what they are.

    Parameters
    ----------
    parts : list of (slice, object)
        Columns of the output, and the fitted transformer that made them from as many.
    following : object
        The fitted step that takes the output.
    """

    def __init__(self, parts, following):
        self.parts = parts
        self.following = following

    def fit(self, X, y=None):
        """Do nothing."""
        return self

    def __sklearn_is_fitted__(self):
        return True

    def transform(self, X):
        """Scale."""
        scaled = self._apply(X, lambda part, columns: part.transform(as_seen(part, columns)))
        return as_seen(self.following, scaled)

    def inverse_transform(self, X):
        """Give the columns their own units."""
        return self._apply(X, lambda part, columns: part.inverse_transform(columns))

    def _apply(self, X, change):
        X = np.asarray(X)
        X = X.astype(np.result_type(X.dtype, np.float32))
        for columns, part in self.parts:
            X[:, columns] = np.asarray(change(part, X[:, columns]))
        return X


def column_units(transformer, split, following):
    """Return the step for a fitted ColumnTransformer, or None if it has nothing to invert or makes CSR.

    Parameters
    ----------
    transformer : ColumnTransformer
        Fitted.
    split : callable
        Splits a pipeline into steps that only read and steps that invert.
    following : object
        The fitted step after it.
    """
    if transformer.sparse_output_:
        return None
    parts = []
    for name, part, _ in transformer.transformers_:
        columns = transformer.output_indices_[name]
        width = columns.stop - columns.start
        part = None if isinstance(part, str) else split(part)[1]
        if not width or part is None or not hasattr(part, "inverse_transform"):
            continue
        try:
            back = part.inverse_transform(np.zeros((1, width)))
        except (AttributeError, NotImplementedError, TypeError, ValueError):
            continue
        if np.shape(back) == (1, width) and np.asarray(back).dtype.kind == "f":
            parts.append((columns, part))
    return ColumnUnits(parts, following) if parts else None
