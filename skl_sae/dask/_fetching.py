"""Some rows, by their numbers, from the cluster to the client."""

from typing import NamedTuple

import numpy as np
from scipy import sparse

from .._model.rows import Rows


class Wanted(NamedTuple):
    """Numbers of rows, and where each block begins."""

    numbers: np.ndarray
    starts: np.ndarray


def places_in(numbers, starts, block, n_rows):
    """Which of some numbers lie in a block, in their order, and which rows of the block they are."""
    local = numbers - starts[block]
    places = np.flatnonzero((local >= 0) & (local < n_rows))
    return places, local[places]


def take_rows(wanted, X, block):
    """The rows of a block that are wanted: their places in the list, and the rows."""
    places, local = places_in(wanted.numbers, wanted.starts, block, X.shape[0])
    return places, [X[local]] if places.size else []


def gather_rows(a, b):
    """Those of two blocks."""
    return np.concatenate([a[0], b[0]]), a[1] + b[1]


def fetch(cluster, sizes, dtype, numbers):
    """Rows with these numbers, in their order, as `Rows`; CSR if all blocks they come from are."""
    starts = np.cumsum([0, *sizes[:-1]])
    places, parts = cluster.sum("sample", take_rows, gather_rows, cluster.send(Wanted(numbers, starts)))
    if all(map(sparse.issparse, parts)):
        X = sparse.vstack(parts, format="csr")
    else:
        X = np.concatenate([part.toarray() if sparse.issparse(part) else part for part in parts])
    return Rows(X[np.argsort(places)], dtype)
