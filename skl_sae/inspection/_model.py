"""A fitted estimator, as an encoder and a decoder of numbers."""

from functools import cached_property

import numpy as np
from scipy.sparse import csr_array, issparse
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array, gen_batches
from sklearn.utils.validation import _num_samples, check_is_fitted

from .._kernels.sparse_structure import check_sparse_structure

# Numbers of data, of codes and of reconstructions that are held at a time.
BLOCK_ENTRIES = 1 << 22


class InspectedModel:
    """A fitted estimator with `transform` and `inverse_transform`, or a pipeline of such.

    Leading steps of a pipeline that have no inverse in numbers, as a vectoriser of texts, are applied to the data
    first; what is explained are the numbers that they give.

    Parameters
    ----------
    estimator : object
        Fitted; never changed.
    feature_names : array-like of str of shape (n_features,), default=None
        Names of the columns of these numbers. None takes those that the estimator knows, or else x0, x1, ...
    """

    def __init__(self, estimator, feature_names=None):
        check_is_fitted(estimator)
        self.estimator = estimator
        self.reader, self.model = _split(estimator)
        for needed in ("transform", "inverse_transform"):
            if not hasattr(self.model, needed):
                raise TypeError(
                    f"Got {type(self.model).__name__}, which has no {needed!r}; expected a fitted estimator that "
                    "encodes and decodes, or a pipeline of such. Of a pipeline that ends in a classifier, pass the "
                    "steps before it: pipeline[:-1]."
                )
        self._given_names = None if feature_names is None else np.asarray(feature_names, dtype=object)

    def read(self, X):
        """Return the data as numbers: a dense array, which may have NaN, or CSR."""
        if self.reader is not None:
            X = self.reader.transform(X)
        check_sparse_structure(X)
        return check_array(X, accept_sparse="csr", dtype="numeric", ensure_all_finite="allow-nan", input_name="X")

    def encode(self, X):
        """Return the codes of numbers in CSR, without stored zeros."""
        codes = csr_array(self.model.transform(self._like_seen(X)))
        codes.sum_duplicates()
        codes.eliminate_zeros()
        return codes

    def decode(self, codes):
        """Return the reconstructions of codes, dense."""
        decoded = self.model.inverse_transform(codes)
        return decoded.toarray() if issparse(decoded) else np.asarray(decoded)

    def blocks(self, X):
        """Yield slices of the rows, with the codes of these in CSR."""
        width = max(self.n_features, self.n_units, 1)
        for rows in gen_batches(_num_samples(X), max(1, BLOCK_ENTRIES // width)):
            yield rows, self.encode(X[rows])

    @cached_property
    def n_features(self):
        """Number of columns of the numbers."""
        return self._at_zero.shape[1]

    @cached_property
    def n_units(self):
        """Number of units of the code."""
        return len(self.model.get_feature_names_out())

    @cached_property
    def _at_zero(self):
        return self.decode(np.zeros((1, self.n_units)))

    @cached_property
    def feature_names(self):
        """Names of the columns, an array of str."""
        names = self._given_names
        if names is None:
            names = _known_names(self.reader, self.model, self.n_features)
        if len(names) != self.n_features:
            raise ValueError(f"Got {len(names)} feature_names; expected {self.n_features}, one a column.")
        return np.array([str(name) for name in names], dtype=object)

    def _like_seen(self, X):
        """Give data the names that the model has seen, or it would warn that they are missing."""
        names = getattr(self.model, "feature_names_in_", None)
        if names is None or issparse(X):
            return X
        import pandas as pd  # the model has seen a data frame, so this is installed

        return pd.DataFrame(X, columns=names)


def _split(estimator):
    """Return the leading steps that read, or None, and the steps that encode and decode."""
    if not isinstance(estimator, Pipeline):
        return None, estimator
    steps = [step for _, step in estimator.steps]
    first = 0
    for i, step in enumerate(steps[:-1]):
        reads_texts = getattr(getattr(step, "__sklearn_tags__", lambda: None)(), "input_tags", None)
        if not hasattr(step, "inverse_transform") and step not in (None, "passthrough"):
            first = i + 1
        elif reads_texts is not None and reads_texts.string:
            first = i + 1
    return (estimator[:first] if first else None), (estimator[first:] if first else estimator)


def _known_names(reader, model, n_features):
    """Names that the estimator knows for the columns."""
    if reader is not None:
        return reader.get_feature_names_out()
    names = getattr(model, "feature_names_in_", None)
    return np.array([f"x{i}" for i in range(n_features)]) if names is None else names
