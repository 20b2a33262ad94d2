"""Checks that scikit-learn's parameter constraints cannot express, and whether parameters have changed."""

from numbers import Integral

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, clone
from sklearn.utils import assert_all_finite

from .._parameters import is_count

# With more features, the weights of a path past the code and their moments take more than 12 GB in float32.
MOST_SKIP_FEATURES = 1 << 15


def offers_partial_fit(estimator):
    """Tell ``available_if`` that ``partial_fit`` exists, or raise the reason why not."""
    if estimator.early_stopping:
        raise AttributeError(
            "partial_fit does not support early_stopping=True, because a chunk has no held-out rows: got "
            "early_stopping=True, expected False. Use fit with X_val, or stop by the score of rows of your own."
        )
    return True


def decodes_codes_alone(estimator):
    """Tell ``available_if`` that ``inverse_transform`` exists, or raise the reason why not."""
    network = vars(estimator).get("_network")
    if estimator.skip if network is None else network.architecture.skip:
        raise AttributeError(
            "inverse_transform does not exist with skip=True: a reconstruction is made of the codes and of X, and "
            "codes alone don't tell X. Use reconstruct(X); or fit with skip=False."
        )
    return True


def has_weights(estimator):
    """Tell ``available_if`` that there are weights to be kept in another way.

    An estimator that has ``sparsify`` before it is fitted is a linear model to scikit-learn's checks.
    """
    if "_network" not in vars(estimator):
        raise AttributeError(f"{type(estimator).__name__} has no weights yet: call fit before sparsify or densify.")
    return True


def check_corruption(corruption, level, emphasis):
    """Raise where numbers of the corruption have no meaning for its kind."""
    if corruption == "masking" and level > 1:
        raise ValueError(
            f"corruption='masking' masks values with the probability corruption_level: expected at most 1, got {level}."
        )
    if corruption != "masking" and emphasis:
        raise ValueError(
            f"Got corruption_emphasis={emphasis} with corruption={corruption!r}, expected 0: "
            "it is about values that corruption='masking' leaves visible."
        )


def check_skip(n_features):
    """Raise where the weights of a path past the code are too many."""
    if n_features > MOST_SKIP_FEATURES:
        raise ValueError(
            f"skip=True has n_features ** 2 weights: expected at most {MOST_SKIP_FEATURES} features, got {n_features}. "
            "Set skip=False, or reduce the features first, as with TruncatedSVD."
        )


def check_widths(name, sizes):
    """Return widths of layers as a tuple of ints; a single number is one layer."""
    if isinstance(sizes, str | dict | set | frozenset):  # of which some have no order
        raise ValueError(f"Got {name}={sizes!r}, expected a tuple or list of ints, one a layer.")
    is_number = isinstance(sizes, Integral) or getattr(sizes, "ndim", 1) == 0
    widths = (sizes[()] if hasattr(sizes, "ndim") else sizes,) if is_number else tuple(sizes)
    if not all(map(is_count, widths)):
        raise ValueError(f"Got {name}={sizes!r}, expected positive ints, one a layer, or an int for one layer.")
    return tuple(int(n) for n in widths)


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


def copy_parameters(params):
    """Keep parameters as they are now: objects that can be changed in place are copied."""
    kept = {name: clone(value) if isinstance(value, BaseEstimator) else value for name, value in params.items()}
    return {name: value.copy() if isinstance(value, np.ndarray | list) else value for name, value in kept.items()}


def differ(params, others):
    """Whether any parameter has another value in `others`; objects are compared by what they hold."""
    return any(not _equal(value, others[name]) for name, value in params.items())


def _equal(a, b):
    if a is b:
        return True
    if isinstance(a, BaseEstimator):
        if type(a) is not type(b):
            return False
        names = a.get_params(deep=False)  # once: to find the names takes long
        return not differ(*({name: getattr(each, name) for name in names} for each in (a, b)))
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return np.array_equal(a, b)
    return type(a) is type(b) and bool(a == b)
