"""Rows by blocks: the memory used does not depend on how many there are."""

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import gen_batches

# Entries that are made dense, or float64, at a time.
CHUNK_ENTRIES = 1 << 16


def row_chunks(X):
    """Yield slices of the rows of `X`, of about `CHUNK_ENTRIES` entries each."""
    n_samples, n_features = X.shape
    yield from gen_batches(n_samples, max(1, CHUNK_ENTRIES // n_features))


def dense_rows(X, rows):
    """Take the given rows as a dense float64 array."""
    block = X[rows]
    return (block.toarray() if issparse(block) else block).astype(np.float64, copy=False)
