"""Arrays, with the names that an estimator has seen."""

from scipy.sparse import issparse


def as_seen(step, X):
    """Give an array the names that a step has seen, or it would warn that they are missing."""
    names = getattr(step, "feature_names_in_", None)
    if names is None or issparse(X):
        return X
    import pandas as pd  # the step has seen a data frame, so this is installed

    return pd.DataFrame(X, columns=names)


def frame_like(frame, rows, index=None):
    """Put rows into a data frame of the kind of another one, of pandas or polars, and with its columns."""
    if hasattr(frame, "iloc"):
        return type(frame)(rows, index=index, columns=frame.columns)
    return type(frame)(rows, schema=list(frame.columns), orient="row")
