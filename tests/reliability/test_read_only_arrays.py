"""Arrays that cannot be written: every method reads them as others, and what it is given stays as it is."""

import numpy as np
import pytest
from scipy import sparse

from skl_sae import SparseAutoencoder

rng = np.random.default_rng(0)
X = np.round(rng.random((80, 5)) @ rng.random((5, 12)), 3) * (rng.random((80, 12)) < 0.6)
METHODS = "fit", "partial_fit", "transform", "reconstruct", "score", "score_samples", "impute"


def locked(array):
    array.setflags(write=False)
    return array


def mapped(X, path):
    np.save(path / "X.npy", X)
    return np.load(path / "X.npy", mmap_mode="r")


def locked_sparse(kind):
    def convert(X, path):
        matrix = kind(X)
        for name in "data", "indices", "indptr":
            locked(getattr(matrix, name))
        return matrix

    return convert


CONTAINERS = {
    "array": lambda X, path: locked(X.copy()),
    "Fortran": lambda X, path: locked(np.asfortranarray(X)),
    "strided": lambda X, path: locked(np.repeat(X, 2, axis=1))[:, ::2],
    "float32": lambda X, path: locked(X.astype(np.float32)),
    "integers": lambda X, path: locked(np.round(9 * X).astype(np.int64)),
    "missing values": lambda X, path: locked(np.where(X == 0, np.nan, X)),
    "memory map": mapped,
    "broadcast": lambda X, path: np.broadcast_to(X[0], (30, 12)),
    "CSR": locked_sparse(sparse.csr_array),
    "CSC": locked_sparse(sparse.csc_array),
}


def plain(data):
    """The numbers, in arrays that can be written."""
    return data.copy() if sparse.issparse(data) else np.array(data)


def dense(result):
    return result.toarray() if sparse.issparse(result) else np.asarray(result)


@pytest.mark.parametrize(
    "params", [{}, {"hidden_layer_sizes": (7,), "batch_norm": True}, {"corruption": "masking"}], ids=repr
)
@pytest.mark.parametrize("container", CONTAINERS)
def test_what_cannot_be_written_is_read(container, params, tmp_path):
    data = CONTAINERS[container](X, tmp_path)
    before = dense(data).tobytes()
    sae, twin = (SparseAutoencoder(9, max_iter=2, random_state=0, **params) for _ in range(2))
    for method in METHODS:
        got, expected = getattr(sae, method)(data), getattr(twin, method)(plain(data))
        if method not in ("fit", "partial_fit"):
            assert dense(got).tobytes() == dense(expected).tobytes(), method
    codes = locked(sae.transform(data))
    assert np.array_equal(sae.inverse_transform(codes), sae.inverse_transform(codes.copy()))
    assert sae._network.parameters.theta.tobytes() == twin._network.parameters.theta.tobytes()
    assert dense(data).tobytes() == before
