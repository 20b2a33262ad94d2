"""Checks at the door: what scikit-learn's parameter constraints cannot say."""

import warnings
from functools import update_wrapper
from numbers import Integral
from types import MethodType

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import assert_all_finite


class EarlyStoppingError(AttributeError, ValueError):
    """Raised by an access to ``partial_fit`` with ``early_stopping=True``; so ``hasattr`` tells that it is missing."""


class WithoutEarlyStopping:
    """A method that exists without `early_stopping` only: a chunk has no held-out rows."""

    def __init__(self, function):
        self.function = function
        update_wrapper(self, function)

    def __get__(self, instance, owner=None):
        if instance is None:
            return self.function
        if instance.early_stopping:
            raise EarlyStoppingError(
                f"{self.function.__name__} does not support early_stopping=True: got early_stopping=True, expected "
                "False. Use fit with X_val, or stop by the score of rows of your own."
            )
        return MethodType(self.function, instance)


def check_widths(name, sizes):
    """Widths of layers as a tuple of ints; a single number is one layer."""
    is_number = isinstance(sizes, Integral) or getattr(sizes, "ndim", 1) == 0
    widths = (sizes[()] if hasattr(sizes, "ndim") else sizes,) if is_number else tuple(sizes)
    if not all(isinstance(n, Integral) and not isinstance(n, bool) and n > 0 for n in widths):
        raise ValueError(f"Got {name}={sizes!r}, expected positive ints, one a layer, or an int for one layer.")
    return tuple(int(n) for n in widths)


def is_same(value, other):
    """Whether two values of a parameter are the same; an array counts as a whole, like a tuple."""
    return value is other or np.array_equal(value, other)


def check_sparse_is_finite(X, estimator_name):
    """Raise where a value that is stored in a sparse matrix is not finite; dense data passes."""
    if not issparse(X):
        return
    try:
        assert_all_finite(X, input_name="X", estimator_name=estimator_name)
    except ValueError:
        if not np.isnan(X.data).any():
            raise
        raise ValueError(
            "Input X contains NaN, and X is sparse: NaN is a missing value in a dense X only. In a sparse matrix every "
            f"stored value must be finite. To have {estimator_name} treat NaN as missing, pass X.toarray(); else "
            "replace or remove what is stored there: X.data[np.isnan(X.data)] = 0."
        ) from None


def check_probabilities(X):
    """Raise where X, as a target of the cross-entropy, leaves [0, 1]."""
    low, high = (X.min(), X.max()) if issparse(X) else (np.fmin.reduce(X, axis=None), np.fmax.reduce(X, axis=None))
    if low < 0 or high > 1:
        raise ValueError(
            f"loss='binary_cross_entropy' expects data in [0, 1], got values from {low:.3g} to {high:.3g}. "
            "Scale X, for instance with MinMaxScaler(clip=True), or use loss='squared_error'."
        )


def warn_of_unobserved(observed, names):
    """Warn of features without any observed value so far."""
    columns = np.flatnonzero(observed == 0)
    if columns.size:
        shown = [str(i if names is None else names[i]) for i in columns[:5]] + ["..."] * (columns.size > 5)
        warnings.warn(
            f"{columns.size} of {observed.size} features have no observed value: {', '.join(shown)}. They are filled "
            "with 0, nothing is learned of them, and impute leaves them NaN.",
            UserWarning,
            stacklevel=4,  # the caller of fit
        )
