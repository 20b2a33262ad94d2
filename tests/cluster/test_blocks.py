"""The kinds of data: what a block may be, how X is cut, and what is refused."""

import asyncio

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from twins import assert_equal, numbers

from skl_sae import SparseAutoencoder
from skl_sae.coding import SparseRecoveryAutoencoder
from skl_sae.dask import fit


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_lazy_blocks_are_those_that_were_sent(client, sae, digits, dtype):
    import dask.array as da

    X = digits.astype(dtype)
    lazy, sent = fit(clone(sae), da.from_array(X, chunks=(700, 20))), fit(clone(sae), X, block_rows=700)
    assert_equal(lazy, sent)
    assert lazy.components_.dtype == dtype and lazy.n_features_in_ == 64


def test_unknown_numbers_of_rows(client, sae, blocks):
    keep = blocks[:, 0] < 2  # all
    assert np.isnan(blocks[keep].chunks[0]).all()
    assert_equal(fit(clone(sae), blocks[keep]), fit(clone(sae), blocks))


def test_csr_is_dense_data(client, sae, digits, blocks):
    dense = fit(clone(sae), blocks)
    csr = blocks.map_blocks(sparse.csr_matrix, dtype=blocks.dtype, meta=sparse.csr_matrix((0, 0)))
    np.testing.assert_allclose(numbers(fit(clone(sae), csr)), numbers(dense), rtol=1e-6, atol=1e-9)
    local = fit(clone(sae), sparse.csr_array(digits), block_rows=500)
    np.testing.assert_allclose(numbers(local), numbers(dense), rtol=1e-6, atol=1e-9)


def test_missing_values(client, sae, digits):
    X = np.where(np.random.RandomState(0).random_sample(digits.shape) < 0.2, np.nan, digits)
    X[:900, 3] = np.nan  # a block without this feature
    fit(sae, X, block_rows=900)
    np.testing.assert_allclose(sae.mean_, np.nanmean(X, axis=0), rtol=1e-9)
    assert np.isfinite(sae.impute(X)).all() and sae.score(X) > 0.3


def test_dataframes_with_empty_partitions(client, sae, digits, blocks):
    import dask.dataframe as dd

    names = [f"pixel {i}" for i in range(64)]
    frame = pd.DataFrame(digits, columns=names)
    X = dd.from_pandas(frame, npartitions=4)
    X = X[X["pixel 0"] < 2]
    empty = dd.from_pandas(frame.iloc[:10], npartitions=1)
    X = dd.concat([X, empty[empty["pixel 0"] > 2]])
    fit(sae, X)
    assert list(sae.feature_names_in_) == names
    sizes = [len(part) for part in X.partitions][:4]
    import dask.array as da

    assert_equal(sae, fit(clone(sae), da.from_array(digits, chunks=(tuple(sizes), -1))))


def test_integers_and_lists(client):
    X = np.random.RandomState(0).poisson(2, (120, 6))
    sae = SparseAutoencoder(4, max_iter=2, random_state=0)
    assert_equal(fit(clone(sae), X.tolist(), block_rows=50), fit(clone(sae), X, block_rows=50))


def test_it_goes_on_from_the_last_fit(client, sae, digits):
    sae.set_params(warm_start=True)
    fit(fit(sae, digits, block_rows=900), digits, block_rows=900)
    assert sae.n_steps_ == 2 * 3 * 9
    before = sae.n_steps_
    assert sae.partial_fit(digits[:200]).n_steps_ == before + 2


@pytest.mark.parametrize(
    "params, options, error, words",
    [
        ({"early_stopping": True}, {}, ValueError, "early_stopping"),
        ({"pretrain": "layerwise"}, {}, ValueError, "pretrain"),
        ({}, {"sync": "sometimes"}, ValueError, "sync='sometimes'"),
        ({}, {"block_rows": 0}, ValueError, "block_rows=0"),
        ({}, {"round_steps": 5, "sync": "gradient"}, ValueError, "round_steps"),
        ({"n_components": -1}, {}, ValueError, "n_components"),
    ],
    ids=str,
)
def test_what_is_refused_is_named(sae, digits, params, options, error, words):
    """Before there is even a client."""
    with pytest.raises(error, match=words):
        fit(sae.set_params(**params), digits, **options)


def test_without_a_client(sae, digits):
    with pytest.raises(ValueError, match="no Dask client"):
        fit(sae, digits)


def test_clients_that_cannot_be_used(cluster, sae, digits):
    from distributed import Client

    with Client(cluster) as client:
        pass
    with pytest.raises(ValueError, match="is closed, expected one that is running"):
        fit(sae, digits, client=client)
    with pytest.raises(TypeError, match=r"Client\(address\)"):
        fit(sae, digits, client="tcp://localhost:8786")


def test_an_asynchronous_client_is_refused(cluster, sae, digits):
    from distributed import Client

    async def call():
        async with Client(cluster.scheduler_address, asynchronous=True) as client:
            fit(sae, digits, client=client)

    with pytest.raises(ValueError, match="asynchronous=False"):
        asyncio.run(call())


def test_other_estimators_are_refused(digits):
    for other in (SparseRecoveryAutoencoder(), object()):
        with pytest.raises(TypeError, match=type(other).__name__):
            fit(other, digits)


def test_data_that_is_refused(client, sae, digits, blocks):
    import dask
    import dask.array as da

    infinite = digits.copy()
    infinite[1700, 5] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        fit(sae, da.from_array(infinite, chunks=(600, -1)))
    with pytest.raises(ValueError, match="no rows"):
        fit(sae, blocks[blocks[:, 0] > 2])
    ragged = [da.from_delayed(dask.delayed(np.ones)((5, n)), (5, 3), float) for n in (3, 4)]
    with pytest.raises(ValueError, match="3 and 4 columns"):
        fit(sae, da.concatenate(ragged))
    other = da.from_delayed(dask.delayed(np.ones)((5, 3)), (5, 4), float)
    with pytest.raises(ValueError, match="should have 4 columns, and its blocks have 3"):
        fit(sae, other)
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        fit(sae.set_params(loss="binary_cross_entropy", output_activation="sigmoid"), blocks * 3)
    with pytest.raises(ValueError, match="block_rows=5"):
        fit(sae, blocks, block_rows=5)
    assert not hasattr(sae, "n_iter_")
