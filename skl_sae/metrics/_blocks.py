"""Rows by blocks: the memory used does not depend on how many there are."""

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import _safe_indexing, gen_batches, indexable
from sklearn.utils.validation import _num_samples

# Entries that are made dense, or float64, at a time.
CHUNK_ENTRIES = 1 << 16
# Entries of data, and of codes, that an estimator is given at a time: enough for its products to be of matrices.
BLOCK_ENTRIES = 1 << 20


def row_chunks(X):
    """Yield slices of the rows of `X`, of about `CHUNK_ENTRIES` entries each."""
    n_samples, n_features = X.shape
    yield from gen_batches(n_samples, max(1, CHUNK_ENTRIES // n_features))


def dense_rows(X, rows):
    """Take the given rows as a dense float64 array."""
    block = X[rows]
    return (block.toarray() if issparse(block) else block).astype(np.float64, copy=False)


def encoded_blocks(estimator, X, n_features=1):
    """Yield slices of the rows of `X`, and their codes: so few that neither data nor codes are large when dense.

    Parameters
    ----------
    estimator : object
        Fitted, with `transform`.
    X : {array-like, sparse matrix, DataFrame, sequence} of length n_samples
        What it encodes: not always numbers.
    n_features : int
        Numbers in a row of `X`.
    """
    (X,) = indexable(X)  # sparse data of any format has rows then
    n_units = np.shape(estimator.transform(_safe_indexing(X, slice(0, 1))))[1]
    for rows in gen_batches(_num_samples(X), max(1, BLOCK_ENTRIES // max(n_features, n_units))):
        yield rows, estimator.transform(_safe_indexing(X, rows))
