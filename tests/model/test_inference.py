"""Encoding and decoding tile by tile: what is left where a reader stops, and data of few rows."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skl_sae._kernels.products import REGISTER
from skl_sae._model import inference
from skl_sae._model.architecture import Architecture
from skl_sae._model.network import Network
from skl_sae._model.rows import Rows
from skl_sae.sparsity import BaseSparsity

N_FEATURES, N_UNITS = 5, 3


@pytest.fixture
def network():
    network = Network(Architecture((N_FEATURES, N_UNITS), (N_FEATURES, N_UNITS), "relu"), BaseSparsity())
    network.parameters.theta[:] = np.random.default_rng(0).standard_normal(network.parameters.theta.size)
    return network


def rows(n):
    return Rows(np.random.default_rng(1).standard_normal((n, N_FEATURES)))


@pytest.mark.parametrize("wave", [1, 2, 100])
def test_tiles_come_in_order(network, wave, monkeypatch):
    monkeypatch.setattr(inference, "TILE_SIZE", 4 * N_FEATURES)
    tiles = list(inference._over_tiles(network, 30, lambda lo, hi: (lo, hi), wave))
    assert [tile[:2] for tile in tiles] == [tile[2] for tile in tiles]
    assert [lo for lo, _, _ in tiles] == [*range(0, 30, 4)] and tiles[-1][1] == 30


def test_a_reader_that_stops_half_way_leaves_blas_as_it_was(network, monkeypatch, blas_threads):
    """Also while the iterator lives on, as it does in the traceback of an error."""
    monkeypatch.setattr(inference, "TILE_SIZE", 4 * N_FEATURES)
    tiles = inference.pre_activations(network, rows(100))
    assert next(tiles).shape == (4, N_UNITS)
    assert blas_threads() == {2}
    assert sum(map(len, tiles)) == 96


@pytest.mark.parametrize("n_tiles", [1, 3, 40])
def test_an_error_in_a_tile_is_raised_and_leaves_blas_as_it_was(n_tiles, network, monkeypatch, blas_threads):
    monkeypatch.setattr(inference, "TILE_SIZE", 4 * N_FEATURES)
    X = np.zeros((4 * n_tiles, N_FEATURES))
    X[-1] = 1e308
    network.parameters["enc0.weight"][:] = 1e10
    # NumPy warns where it makes the products; the estimator's methods tell it not to
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="sums of the encoder are not finite"):
        inference.encode_sparse(network, network.rule, Rows(X))
    assert blas_threads() == {2}


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_rows(network, n):
    few, many = rows(n), rows(40)
    codes = inference.encode(network, network.rule, few)
    assert codes.shape == (n, N_UNITS)
    assert_array_equal(inference.encode_sparse(network, network.rule, few).toarray(), codes)
    assert_array_equal(codes, inference.encode(network, network.rule, Rows(many.X[:n].copy())))
    assert inference.decode(network, codes).shape == (n, N_FEATURES)
    assert len(inference.squared_errors(network, few)) == n
    assert sum(map(len, inference.pre_activations(network, few))) == n


@pytest.mark.skipif(not REGISTER, reason="BLAS makes the products")
def test_a_few_rows_are_not_worth_the_limit_of_blas(network, monkeypatch):
    data = rows(inference.SMALL)
    codes, scores = inference.encode(network, network.rule, data), inference.score_samples(network, data)
    monkeypatch.delattr(inference, "single_threaded_blas")
    few = Rows(data.X[:3].copy())
    assert_array_equal(inference.encode(network, network.rule, few), codes[:3])
    assert_array_equal(inference.score_samples(network, few), scores[:3])
    with pytest.raises(NameError):
        inference.encode(network, network.rule, data)
