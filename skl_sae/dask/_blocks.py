"""The data as blocks of rows on the cluster: those of a Dask collection, or pieces of what the client has."""

import numpy as np
from scipy import sparse
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from .._estimator.checks import check_sparse_is_finite
from .._extras import extra
from .._kernels.sparse_structure import check_sparse_structure
from ._cluster import Computed, Sent, guarded

# Data of the client is cut into blocks of so many steps at least, and into so many blocks at most.
FEWEST_STEPS, MOST_BLOCKS = 50, 8


def kind_of(X):
    """What X is: "array" or "frame" of Dask; None for what the client has itself."""
    with extra("dask"):
        from dask import is_dask_collection
    if not is_dask_collection(X):
        return None
    n_axes = getattr(X, "ndim", None)  # of a Delayed, which has every attribute, another Delayed
    if isinstance(n_axes, int):
        kind = "frame" if hasattr(X, "map_partitions") else "array"
        if n_axes == 2:
            return kind
        raise TypeError(
            f"Got a Dask {type(X).__name__} with {n_axes} axes, expected 2: rows and features. One feature is "
            + ("X.to_frame()." if kind == "frame" else "X.reshape(-1, 1), one row X.reshape(1, -1).")
        )
    raise TypeError(
        f"Got a Dask {type(X).__name__}, expected a Dask array with two axes or a dataframe. Make one of it, as by "
        "dask.array.from_delayed(X, shape, dtype) or Bag.to_dataframe()."
    )


def whole_rows(X):
    """A Dask array whose blocks have all features."""
    return X if X.numblocks[1] == 1 else X.rechunk({1: -1})


def place_blocks(cluster, sae, seen, X, block_rows):
    """Bring X to the cluster, as `Cluster.blocks`; features are noted in `seen`.

    Parameters
    ----------
    cluster : Cluster
    sae : SparseAutoencoder
    seen : SparseAutoencoder
        The copy that scikit-learn's checks may write to.
    X : {dask array, dask dataframe, array-like, sparse matrix}
    block_rows : int or None
        Rows of a block, where X is cut here.
    """
    kind = kind_of(X)
    if kind is None:
        X = sae._read_to_learn(seen, X, reset=True).X
        pieces = _pieces(X, block_rows or _rows_of_a_block(X.shape[0], sae.batch_size))
        cluster.blocks = Sent(cluster.client, pieces)
        return
    from dask import delayed

    if block_rows is not None:
        raise ValueError(
            f"Got block_rows={block_rows} for a Dask {type(X).__name__}, which has blocks: expected None. Cut it "
            "anew by X.rechunk or X.repartition."
        )
    like = X._meta if kind == "frame" else np.empty((0, X.shape[1] if X.shape[1] == X.shape[1] else 0))
    validate_data(seen, like, skip_check_array=True, reset=True)
    parts = (X if kind == "frame" else whole_rows(X)).to_delayed()
    name = type(sae).__name__
    read = delayed(guarded, pure=True)
    sources = [
        read(read_block, part, name, dask_key_name=(f"skl_sae-read-{cluster.token}", i))
        for i, part in enumerate(np.ravel(parts))
    ]
    cluster.blocks = Computed(cluster.client, sources)


def read_block(part, name):
    """A block of a collection as an array or CSR, checked but for infinities."""
    check_sparse_structure(part)
    options = {"ensure_all_finite": False, "ensure_min_samples": 0, "estimator": name, "input_name": "X"}
    X = check_array(part, accept_sparse="csr", dtype="numeric", **options)
    check_sparse_is_finite(X, name)
    return X


def _rows_of_a_block(n_rows, batch_size):
    n_blocks = min(max(1, n_rows // (FEWEST_STEPS * batch_size)), MOST_BLOCKS)
    return -(-n_rows // n_blocks)


def _pieces(X, n_rows):
    """Copies of rows: what is sent must not be a part of a memory map."""
    pieces = [X[lo : lo + n_rows] for lo in range(0, X.shape[0], n_rows)]
    return pieces if sparse.issparse(X) else [np.array(each) for each in pieces]
