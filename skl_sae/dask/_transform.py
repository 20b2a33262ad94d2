"""Codes of Dask collections, block by block and lazily."""

import numpy as np
from sklearn import config_context
from sklearn.utils.validation import check_is_fitted, validate_data

from .._autoencoder import SparseAutoencoder
from .._estimator.output import csr_kind
from .._extras import extra
from ._blocks import kind_of, whole_rows
from ._cluster import Sent

# Bytes of parameters from which on they are no part of the graph: a scheduler is no place for large data.
LARGE = 1 << 22


def transform(sae, X):
    """Encode a Dask collection, lazily.

    Parameters
    ----------
    sae : SparseAutoencoder
        Fitted, on a cluster or not.
    X : {dask array, dask dataframe} of shape (n_samples, n_features)
        Data; the blocks of an array are dense or CSR.

    Returns
    -------
    codes : {dask array, dask dataframe} of shape (n_samples, n_components)
        Of an array, an array with blocks of as many rows, CSR if ``sae.sparse_output``. Of a dataframe, one with the
        columns ``sae.get_feature_names_out()`` and the same index.

    Raises
    ------
    ImportError
        If Dask is not installed.
    TypeError
        If X is no Dask array or dataframe.
    ValueError
        If the columns of X are not those of the fit, or CSR is asked of a dataframe.

    See Also
    --------
    skl_sae.dask.fit : Train on a cluster.

    Notes
    -----
    The model is a part of the graph, once. Where there is a Dask client and the model takes 4 MB or more, it is sent to
    the cluster by this call instead, and the result can be computed there only; if the workers that have it are lost,
    call this again.

    Examples
    --------
    >>> import dask.array as da
    >>> from sklearn.datasets import load_digits
    >>> from skl_sae import SparseAutoencoder
    >>> from skl_sae.dask import transform
    >>> X, y = load_digits(return_X_y=True)
    >>> sae = SparseAutoencoder(n_components=64, max_iter=2, random_state=0).fit(X)
    >>> codes = transform(sae, da.from_array(X, chunks=(900, -1)))
    >>> codes.chunks
    ((900, 897), (64,))
    >>> bool((codes.compute() == sae.transform(X)).all())
    True
    """
    with extra("dask"):
        import dask  # noqa: F401
    if not isinstance(sae, SparseAutoencoder):
        raise TypeError(f"skl_sae.dask.transform encodes with a SparseAutoencoder; got {type(sae).__name__}.")
    check_is_fitted(sae)
    kind = kind_of(X)
    if kind is None:
        raise TypeError(
            f"skl_sae.dask.transform expects a Dask array or dataframe, got a {type(X).__name__}: use sae.transform(X)."
        )
    if kind == "frame":
        return _encode_frame(sae, X)
    return _encode_array(sae, whole_rows(X))


def _encode_array(sae, X):
    if X.shape[1] == X.shape[1]:  # else it is not known yet
        validate_data(sae._copy_for_features(), np.empty((0, X.shape[1])), skip_check_array=True, reset=False)
    n, dtype = sae._n_features_out, sae._network.dtype
    meta = csr_kind()((0, 0), dtype=dtype) if sae.sparse_output else np.empty((0, 0), dtype)
    return X.map_blocks(encode_block, model=_sent(sae, False), dtype=dtype, chunks=(X.chunks[0], (n,)), meta=meta)


def _encode_frame(sae, X):
    if sae.sparse_output:
        raise ValueError(
            "The codes of a dataframe are a dataframe, which is dense: got sparse_output=True, expected False. For CSR "
            "pass an array: X.to_dask_array()."
        )
    like = X._meta
    validate_data(sae._copy_for_features(), like, skip_check_array=True, reset=False)
    columns = sae.get_feature_names_out()
    empty = np.empty((0, len(columns)), sae._network.dtype)
    meta = type(like)(empty, columns=columns, index=like.index)
    return X.map_partitions(encode_frame, _sent(sae, True), columns, meta=meta)


def encode_block(X, model):
    """Codes of a block: an array or CSR."""
    if X.shape[0] == 0:  # as partitions may be that a filter has emptied
        shape, dtype = (0, model._n_features_out), model._network.dtype
        return csr_kind()(shape, dtype=dtype) if model.sparse_output else np.empty(shape, dtype)
    with config_context(transform_output="default"):
        return model.transform(X)


def encode_frame(X, model, columns):
    """Codes of a partition, as a dataframe with its index."""
    return type(X)(encode_block(X, model), columns=columns, index=X.index)


def _sent(sae, named):
    """What encodes, for all blocks: an object in the graph, once; a large model as a future, where there is a client.

    It has no state of the training. Without `named`, it has no names of features either: the caller has compared them.
    """
    from dask import delayed

    model = sae._copy_for_features()
    left_out = ["_sklearn_output_config", *(() if named else ["feature_names_in_"])]
    model.__dict__ = {name: value for name, value in vars(model).items() if name not in left_out}
    model.__dict__["_training"] = None
    client = _client()
    if client is None or model._network.parameters.nbytes < LARGE:
        return delayed(model, pure=False, traverse=False)
    return Sent(client, [model]).futures()[0]


def _client():
    """The client that would compute, or None: by the threads of this process, for instance."""
    from dask.base import get_scheduler

    return getattr(get_scheduler(), "__self__", None)
