"""Classes of the rows, as they are given."""

import numpy as np
from scipy.sparse import csr_array, issparse
from sklearn.utils.multiclass import is_multilabel
from sklearn.utils.validation import column_or_1d

from ..._parameters import named

# Of more rows than this, at most so large a share can be classes: scikit-learn, too, takes more for another target.
_ROWS, _SHARE = 20, 0.5


_LISTS = (
    "Got a list or a set of classes of each row in y; expected one class, or a column of zeros and ones for each "
    "class, as of sklearn.preprocessing.MultiLabelBinarizer."
)


def row_classes(y, n_rows):
    """Tell which rows belong to which class.

    Parameters
    ----------
    y : {array-like, sparse matrix} of shape (n_rows,) or (n_rows, n_classes), or None
        A class of each row, or zeros and ones, a column a class, where a row may have several or none.
    n_rows : int
        Number of rows.

    Returns
    -------
    members : csr_array of shape (n_rows, n_classes) or None
        One where a row belongs to a class.
    classes : list
        The classes; of columns, their names or else their places.
    """
    if y is None:
        return None, []
    if _n_columns(y) > 1:
        members, classes = _of_columns(y)
    else:
        with named("y"):
            y = column_or_1d(y)
        members, classes = _of_labels(y)
    if members.shape[0] != n_rows:
        raise ValueError(f"Got {members.shape[0]} values of y for {n_rows} rows of X; expected one a row.")
    return members, classes


def _n_columns(y):
    try:
        shape = getattr(y, "shape", None) or np.shape(y)
    except ValueError as error:  # lists of different lengths
        raise ValueError(_LISTS) from error
    return shape[1] if len(shape) == 2 else 1


def _of_columns(y):
    names = [str(name) for name in y.columns] if hasattr(y, "columns") else list(range(_n_columns(y)))
    y = y if issparse(y) else np.asarray(y)
    if not is_multilabel(y):
        raise ValueError(
            f"Got y of shape {y.shape}; expected a class of each row, or a column of zeros and ones for each class. Of "
            "several targets, pass one at a time."
        )
    members = csr_array(y, dtype=np.float64)
    members.eliminate_zeros()
    members.data[:] = 1.0  # an indicator may have another number
    some = np.flatnonzero(members.sum(axis=0))
    return members[:, some], [names[i] for i in some]


def _of_labels(y):
    if y.dtype.kind == "O" and any(isinstance(each, list | set | frozenset | dict) for each in y):
        raise ValueError(_LISTS)
    if has_missing(y):
        raise ValueError("y has missing values; expected a class of each row. Drop these rows, or give them one.")
    if y.dtype.kind == "f" and (y != np.round(y)).any():
        raise ValueError(
            "Got continuous values in y; expected classes. Cut it first, for instance by numpy.digitize or pandas.qcut."
        )
    try:
        classes, labels = np.unique(y, return_inverse=True)
    except TypeError as error:
        raise ValueError("y mixes types that have no order; expected classes of one type, such as str.") from error
    n = len(y)
    if n > _ROWS and len(classes) > _SHARE * n:
        raise ValueError(
            f"Got y with {len(classes)} different values for {n} rows; expected classes, which many rows share. If "
            "these are amounts, cut them first, for instance by numpy.digitize or pandas.qcut; if they tell rows "
            "apart, pass them as texts, as str."
        )
    places = np.arange(n), labels.reshape(-1)
    return csr_array((np.ones(n), places), shape=(n, len(classes))), classes.tolist()


def has_missing(y):
    """Whether None, NaN or NA stands in an array."""
    return any(map(_is_missing, y.tolist() if y.dtype.kind in "Of" else ()))


def _is_missing(value):
    try:
        return value is None or bool(value != value)
    except TypeError:  # NA of pandas, which is neither
        return True
