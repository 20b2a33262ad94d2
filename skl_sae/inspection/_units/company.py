"""What comes with the rows: classes, texts and terms."""

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array, issparse
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.utils.validation import _num_samples

from .classes import row_classes


class Company(NamedTuple):
    """Classes, texts and terms of the rows, each None where there are none.

    Parameters
    ----------
    members : csr_array of shape (n_rows, n_classes) or None
        One where a row belongs to a class.
    classes : list
        The classes.
    texts : list of str or None
        A text of each row.
    terms : csr_array of shape (n_rows, n_terms) or None
        Not zero where a row has a term.
    term_names : ndarray of shape (n_terms,) or None
        The terms.
    """

    members: object
    classes: list
    texts: list | None
    terms: object
    term_names: np.ndarray | None

    def of(self, rows):
        """Return classes and terms of a slice of the rows, ones in CSR where a row has them."""
        members = None if self.members is None else self.members[rows]
        return members, None if self.terms is None else csr_array(self.terms[rows] != 0, dtype=np.float64)


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
    y : {array-like, sparse matrix} of shape (n_rows,) or (n_rows, n_classes), or None
        Classes.
    texts : sequence of str or None
        Texts.

    Returns
    -------
    Company
        All of it.
    """
    members, classes = row_classes(y, X.shape[0])
    texts = row_texts(model, given, texts, X.shape[0])
    terms = names = None
    columns_are_terms = issparse(X) and X.data.min(initial=0) >= 0
    if columns_are_terms and (model.has_names or texts is None):
        terms, names = X, model.feature_names
    elif texts is not None:
        terms, names = _words(texts)
    return Company(members, classes, texts, terms, names)


def row_texts(model, given, texts, n_rows):
    """Return the text of each row: those given, or else the data where this is texts, or else None."""
    if texts is None and model.reader is not None and len(getattr(given, "shape", (0,))) == 1:
        return list(given) if all(isinstance(each, str) for each in given) else None
    return None if texts is None else _check_texts(texts, n_rows)


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
