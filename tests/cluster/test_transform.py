"""Codes of Dask collections: lazy, with the right shapes, types and names, and equal to those in memory."""

import logging

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from skl_sae import SparseAutoencoder
from skl_sae.dask import fit, transform


@pytest.fixture(scope="module")
def fitted(digits):
    return SparseAutoencoder(n_components=24, max_iter=2, random_state=0).fit(digits)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arrays(digits, dtype):
    import dask.array as da

    X = digits.astype(dtype)
    sae = SparseAutoencoder(n_components=24, max_iter=2, random_state=0).fit(X)
    codes = transform(sae, da.from_array(X, chunks=(700, 30)))
    assert codes.chunks == ((700, 700, 397), (24,)) and codes.dtype == dtype
    assert type(codes._meta) is np.ndarray and codes._meta.dtype == dtype
    np.testing.assert_array_equal(codes.compute(), sae.transform(X))


def test_unknown_and_empty_blocks(fitted, digits):
    import dask.array as da

    X = da.from_array(digits, chunks=(600, -1))
    codes = transform(fitted, X[da.from_array(np.arange(len(digits)) >= 600, chunks=600)])
    assert np.isnan(codes.chunks[0]).all() and codes.shape[1] == 24
    np.testing.assert_array_equal(codes.compute(), fitted.transform(digits[600:]))


def test_csr(fitted, digits):
    import dask.array as da

    fitted = SparseAutoencoder(n_components=24, max_iter=2, random_state=0, sparse_output=True).fit(digits)
    X = da.from_array(digits, chunks=(700, -1))
    for each in (X, X.map_blocks(sparse.csr_matrix, dtype=X.dtype, meta=sparse.csr_matrix((0, 0)))):
        codes = transform(fitted, each)
        assert sparse.issparse(codes._meta) and codes._meta.format == "csr" and codes.shape == (len(digits), 24)
        blocks = [block.compute() for block in codes.blocks]
        assert all(sparse.issparse(block) for block in blocks)
        np.testing.assert_allclose(sparse.vstack(blocks).toarray(), fitted.transform(digits).toarray(), atol=1e-12)


def test_dataframes(digits):
    import dask.dataframe as dd

    frame = pd.DataFrame(digits, columns=[f"pixel {i}" for i in range(64)], index=np.arange(len(digits)) * 2)
    sae = SparseAutoencoder(n_components=24, max_iter=2, random_state=0).fit(frame)
    codes = transform(sae, dd.from_pandas(frame, npartitions=3))
    assert list(codes.columns) == list(sae.get_feature_names_out()) and codes.npartitions == 3
    expected = pd.DataFrame(sae.transform(frame), columns=sae.get_feature_names_out(), index=frame.index)
    pd.testing.assert_frame_equal(codes.compute(), expected)
    with pytest.raises(ValueError, match="feature names"):
        transform(sae, dd.from_pandas(frame[frame.columns[::-1]], npartitions=3))
    with pytest.raises(ValueError, match="sparse_output"):
        transform(sae.set_params(sparse_output=True), dd.from_pandas(frame, npartitions=3))


def test_a_container_that_was_asked_for_is_for_data_in_memory(digits):
    import dask.array as da

    sae = SparseAutoencoder(n_components=24, max_iter=2, random_state=0).set_output(transform="pandas").fit(digits)
    assert type(transform(sae, da.from_array(digits, chunks=(700, -1))).compute()) is np.ndarray
    assert isinstance(sae.transform(digits), pd.DataFrame)


def test_what_is_refused(fitted, digits):
    import dask
    import dask.array as da
    import dask.dataframe as dd
    from dask import bag
    from sklearn.exceptions import NotFittedError

    with pytest.raises(TypeError, match=r"sae.transform\(X\)"):
        transform(fitted, digits)
    with pytest.raises(TypeError, match="SparseAutoencoder"):
        transform(object(), digits)
    with pytest.raises(NotFittedError):
        transform(SparseAutoencoder(), digits)
    with pytest.raises(ValueError, match="63 features"):
        transform(fitted, da.from_array(digits[:, 1:], chunks=(700, -1)))
    with pytest.raises(TypeError, match="Bag"):
        transform(fitted, bag.from_sequence([1, 2]))
    with pytest.raises(TypeError, match=r"Delayed.*from_delayed"):
        transform(fitted, dask.delayed(digits))
    with pytest.raises(TypeError, match=r"1 axes, expected 2.*reshape\(1, -1\)"):
        transform(fitted, da.from_array(digits)[0])
    with pytest.raises(TypeError, match=r"1 axes, expected 2.*to_frame"):
        transform(fitted, dd.from_pandas(pd.DataFrame(digits), npartitions=2)[0])


def test_a_million_rows(fitted):
    """In blocks that are made one by one."""
    import dask.array as da

    X = np.random.RandomState(0).standard_normal((1000, 64)).astype(np.float32)
    sae = SparseAutoencoder(n_components=16, max_iter=2, random_state=0).fit(X)
    many = np.tile(X, (1000, 1))
    codes = transform(sae, da.from_array(many, chunks=(100_000, -1), name=False)).compute(scheduler="threads")
    np.testing.assert_array_equal(codes, sae.transform(many))


def test_twenty_megabytes_of_parameters(client, caplog):
    """They are no part of a graph, which would be warned about; neither in a fit nor in the codes."""
    import dask.array as da

    X = np.random.RandomState(0).standard_normal((300, 1000)).astype(np.float32)
    sae = SparseAutoencoder(n_components=2600, max_iter=1, batch_size=150, random_state=0)
    with caplog.at_level(logging.WARNING):
        fit(sae, da.from_delayed(_rows(), X.shape, X.dtype), client=client)
        codes = transform(sae, da.from_delayed(_rows(), X.shape, X.dtype)).compute()
    assert sae._network.parameters.nbytes > 20e6
    np.testing.assert_array_equal(codes, sae.transform(X))
    assert "graph" not in caplog.text


def _rows():
    from dask import delayed

    return delayed(lambda: np.random.RandomState(0).standard_normal((300, 1000)).astype(np.float32))()
