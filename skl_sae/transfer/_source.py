"""The source of a transfer: taken out of what wraps it, copied, and asked whether it knows the features of the data."""

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

# What a copy does without: names of features, which the transfer checks; containers of output; and what only goes on
# with the training on the data of the source.
LEFT_OUT = {"feature_names_in_", "_sklearn_output_config", "_training", "_online"}
# Names that are listed in an error, at most.
LISTED = 5


def assert_fitted(source):
    """Raise where the source has learned nothing yet."""
    if isinstance(source, type):
        raise TypeError(f"source is the class {source.__name__}: expected a fitted object of it.")
    try:
        check_is_fitted(source)
    except NotFittedError as error:
        raise NotFittedError(
            f"source is a {type(source).__name__} that is not fitted, and a transfer never fits its source: fit it "
            "first. A candidate of a search, as in {'source': [...]}, must be FrozenEstimator(source): a search resets "
            "others."
        ) from error


def copy_of(source):
    """A fitted estimator that shares nothing that changes in place with the source, and gives arrays."""
    other, parameters = clone(source), source.get_params(deep=False)
    for name, value in vars(source).items():
        if name not in LEFT_OUT and name not in parameters and not name.startswith("_lock"):
            setattr(other, name, value)
    return other.set_output(transform="default")


def assert_same_features(source, target):
    """Raise where the target has other features than the source; both have what a fit notes of them."""
    expected, got = (getattr(each, "n_features_in_", None) for each in (source, target))
    names, others = (getattr(each, "feature_names_in_", None) for each in (source, target))
    what = f"The source, a {type(source).__name__}, was fitted on {expected} features{_listed(names)}"
    remedy = (
        "A transfer needs the same features in the same order: select or compute those of the source, or fit a source "
        "on data with the features of the target."
    )
    if expected is not None and expected != got:
        raise ValueError(f"{what}; the target has {got}{_listed(others)}. {remedy}")
    if names is None or others is None or np.array_equal(names, others):
        return
    missing, unknown = np.setdiff1d(names, others), np.setdiff1d(others, names)
    if not missing.size:
        raise ValueError(f"{what}; the target has them in another order{_listed(others)}. {remedy}")
    raise ValueError(
        f"{what}; the target lacks {missing.size} of them{_listed(missing)} and has {unknown.size} "
        f"others{_listed(unknown)}. {remedy}"
    )


def _listed(names):
    """Names in brackets, the first of many; nothing where there are none."""
    if names is None:
        return ""
    return f" ({', '.join(map(str, names[:LISTED]))}{', ...' if len(names) > LISTED else ''})"
