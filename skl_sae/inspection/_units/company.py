"""What comes with the rows: classes, texts and terms."""

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array, issparse
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import _num_samples, column_or_1d

from ..._parameters import named


class Company(NamedTuple):
    """Classes, texts and terms of the rows, each None where there are none.

    Parameters
    ----------
    labels : ndarray of shape (n_rows,) or None
        The number of each row's class.
    classes : list
        The classes.
    texts : list of str or None
        A text of each row.
    terms : csr_array of shape (n_rows, n_terms) or None
        Not zero where a row has a term.
    term_names : ndarray of shape (n_terms,) or None
        The terms.
    """

    labels: np.ndarray | None
    classes: list
    texts: list | None
    terms: object
    term_names: np.ndarray | None

    def of(self, rows):
        """Return labels of a slice of the rows, and ones in CSR where a row has a term."""
        labels = None if self.labels is None else self.labels[rows]
        return labels, None if self.terms is None else csr_array(self.terms[rows] != 0, dtype=np.float64)


def company(model, given, X, y, texts):
    """Check what comes with the rows.

    Terms are the columns of CSR without negative numbers, as a vectoriser makes it; of other data, or if such columns
    have no names, the words of the texts. Texts are those given, or else the data where this is texts.

    Parameters
    ----------
    model : InspectedModel
        The model.
    given : object
        The data as it was given.
    X : {ndarray, csr_matrix} of shape (n_rows, n_features)
        The numbers read from it.
    y : array-like of shape (n_rows,) or None
        Classes.
    texts : sequence of str or None
        Texts.

    Returns
    -------
    Company
        All of it.
    """
    labels, classes = _labels(y, X.shape[0])
    if texts is None and model.reader is not None and len(getattr(given, "shape", (0,))) == 1:
        texts = list(given) if all(isinstance(each, str) for each in given) else None
    elif texts is not None:
        texts = _check_texts(texts, X.shape[0])
    terms = names = None
    columns_are_terms = issparse(X) and X.data.min(initial=0) >= 0
    if columns_are_terms and (model.has_names or texts is None):
        terms, names = X, model.feature_names
    elif texts is not None:
        terms, names = _words(texts)
    return Company(labels, classes, texts, terms, names)


def _labels(y, n_rows):
    """Number of each row's class, and the classes."""
    if y is None:
        return None, []
    with named("y"):
        y = column_or_1d(y)
    if len(y) != n_rows:
        raise ValueError(f"Got {len(y)} values of y for {n_rows} rows of X; expected one a row.")
    if has_missing(y):
        raise ValueError("y has missing values; expected a class of each row. Drop these rows, or give them one.")
    if type_of_target(y).startswith("continuous"):
        raise ValueError("Got continuous values in y; expected classes. Cut it first, for instance by numpy.digitize.")
    try:
        classes, labels = np.unique(y, return_inverse=True)
    except TypeError as error:
        raise ValueError("y mixes types that have no order; expected classes of one type, such as str.") from error
    return labels, classes.tolist()


def has_missing(y):
    """Whether None, NaN or NA stands in an array."""
    return any(map(_is_missing, y.tolist() if y.dtype.kind in "Of" else ()))


def _is_missing(value):
    try:
        return value is None or bool(value != value)
    except TypeError:  # NA of pandas, which is neither
        return True


def _check_texts(texts, n_rows):
    if isinstance(texts, str):
        raise ValueError(f"Got one str for texts; expected a sequence of {n_rows}, one a row of X.")
    if not hasattr(texts, "__len__") or getattr(texts, "ndim", 1) == 0:
        raise TypeError(f"Got texts={texts!r}; expected a sequence of {n_rows} str, one a row of X.")
    if _num_samples(texts) != n_rows:
        raise ValueError(f"Got {_num_samples(texts)} texts for {n_rows} rows of X; expected one a row.")
    texts = list(texts)
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"Got {type(text).__name__} for the text of row {i}; expected str.")
    return texts


def _words(texts):
    """Words of texts: counts in CSR, and the words; None where there are no words."""
    vectorizer = CountVectorizer()
    if not any(map(vectorizer.build_analyzer(), texts)):
        return None, None
    return csr_array(vectorizer.fit_transform(texts)), vectorizer.get_feature_names_out()
