"""The start: directions from the data, norms, and pre-activations that the rule can use."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from skl_sae._model.architecture import Architecture
from skl_sae._model.initialization import (
    DECODER_NORM,
    ENCODER_NORM,
    ENCODER_NORM_OF_UNIT_DECODER,
    HIDDEN_SPREAD,
    draw_sample,
    initialize,
)
from skl_sae._model.network import Network
from skl_sae._model.rows import Rows
from skl_sae._model.whitening import Whitening
from skl_sae.sparsity import L1, RULES, JumpReLU, KLDivergence, TopK

X = np.random.default_rng(0).standard_normal((300, 10)) * np.arange(1, 11) + 3


def start(rule, encoder=(), decoder=(), tied=False, X=X, n_units=40, dtype=np.float64, activation=None):
    sizes = (X.shape[1], *encoder, n_units), (X.shape[1], *decoder, n_units)
    activation = activation or rule.default_activation
    network = Network(Architecture(*sizes, activation, tied=tied, dtype=np.dtype(dtype)), rule)
    rows, random_state = Rows(X.astype(dtype)), np.random.RandomState(0)
    network.scaling.measure(*rows.moments()[:2], "total")
    picked = draw_sample(rows, network, random_state)
    initialize(network, rows, picked, random_state)
    sample = np.empty((len(picked), X.shape[1]), dtype)
    network.scaling.load(rows, picked, sample)
    return network, sample


def whitened(sample):
    """By the whole covariance, with the floor."""
    values, vectors = np.linalg.eigh(sample.T @ sample / len(sample))
    floor = max(0.05, 3 / len(values)) * values.sum()
    return sample @ (vectors * np.sqrt(floor / np.maximum(values, floor))) @ vectors.T


@pytest.mark.parametrize("shape", [(300, 10), (300, 1030), (700, 1030), (5, 10), (1, 10), (2, 40_000)])
def test_whitening(shape):
    """Few features, more features than rows, and more than are worth it."""
    rng = np.random.default_rng(0)
    sample = rng.standard_normal(shape) * np.geomspace(1, 0.01, shape[1])
    sample -= sample.mean(axis=0)
    found = Whitening(lambda lo, hi: sample[lo:hi], *shape)(sample)
    if shape in ((1, 10), (2, 40_000)):
        assert found is sample
        return
    expected = whitened(sample[:512] if shape[1] > 1024 else sample)
    of_these = found[: len(expected)]
    assert_allclose(of_these, expected, atol=1e-8 * np.abs(expected).max())


def test_a_sample_without_spread_is_not_whitened():
    sample = np.zeros((20, 4))
    assert Whitening(lambda lo, hi: sample[lo:hi], 20, 4)(sample) is sample


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rule", [TopK(4), L1(0.1)], ids=repr)
def test_one_layer(rule, dtype):
    """The encoder is the decoder transposed, up to norms; directions are near those of whitened rows of the data."""
    network, sample = start(rule, dtype=dtype)
    units = network.parameters.units
    decoder_norm = 1 if rule.unit_norm else DECODER_NORM
    encoder_norm = ENCODER_NORM_OF_UNIT_DECODER if rule.unit_norm else ENCODER_NORM
    assert_allclose(np.linalg.norm(units.decoder, axis=1), decoder_norm, rtol=1e-5)
    assert_allclose(units.encoder / encoder_norm, units.decoder / decoder_norm, rtol=1e-5)
    rows = whitened(sample)[:40]
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    assert (rows * units.decoder / decoder_norm).sum(axis=1).mean() > 0.6
    assert not units.encoder_bias.any()


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("encoder", [(), (20,), (20, 15)])
def test_pre_activations_are_centred_where_the_rule_wants_them(name, encoder):
    network, sample = start(RULES[name](), encoder, encoder)
    a = network.pre_activations(sample, network.encoder())
    assert_allclose(a.mean(), network.rule.initial_bias, atol=0.05)
    if encoder:
        assert 0.03 < a.std() < 1
    for depth in range(1, len(encoder) + 1):
        h = network.pre_activations(sample, network.encoder()[:depth])
        assert_allclose(h.std(), HIDDEN_SPREAD, rtol=1e-6)


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_kl_starts_at_its_target(activation):
    network, _ = start(KLDivergence(0.2), activation=activation)
    bias = network.parameters.units.encoder_bias
    value = 1 / (1 + np.exp(-bias)) if activation == "sigmoid" else (1 + np.tanh(bias)) / 2
    assert_allclose(value, 0.2, rtol=1e-12)


def test_own_parameters_and_unequal_sides():
    network, _ = start(JumpReLU(threshold=0.2), (20,), (), n_units=15)
    assert_array_equal(network.parameters.units.threshold, 0.2)
    assert_allclose(np.linalg.norm(network.parameters.units.decoder, axis=1), 1, rtol=1e-12)


def test_tied_sides_share_one_start():
    network, _ = start(TopK(4), tied=True)
    assert_allclose(np.linalg.norm(network.parameters.units.encoder, axis=1), DECODER_NORM, rtol=1e-12)


@pytest.mark.parametrize("X", [np.ones((1, 5)), np.ones((30, 5)), np.zeros((3, 1))], ids=["row", "constant", "zero"])
@pytest.mark.parametrize("encoder", [(), (6,), (6, 5)])
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_data_without_variance(X, encoder, container):
    """Nothing is divided by what rounding has left."""
    network, _ = start(TopK(2), encoder, encoder, X=container(X / 3))
    assert np.abs(network.parameters.theta).max() < 10
    assert network.parameters.units.encoder.any()


def test_more_units_than_rows_take_rows_again():
    network, sample = start(TopK(2), X=X[:7], n_units=20)
    assert len(sample) == 20
    assert len(np.unique(sample, axis=0)) == 7
    assert len(np.unique(network.parameters.units.encoder, axis=0)) == 20
