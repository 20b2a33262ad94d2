"""The linear path past the code: against plain NumPy, on all kinds of data, and what it has no answer to."""

import pickle

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.exceptions import NotFittedError

from skl_sae import SparseAutoencoder
from skl_sae.sparsity import L1, Matryoshka, TopK

rng = np.random.default_rng(0)
X = (rng.normal(size=(200, 3)) @ rng.normal(size=(3, 10)) + 0.3 * rng.normal(size=(200, 10))) * 4 + 3
MISSING = np.where(rng.random(X.shape) < 0.1, np.nan, X)


def make(**params):
    options = {"n_components": 16, "skip": True, "corruption": "masking", "batch_size": 32, "max_iter": 10}
    return SparseAutoencoder(**{**options, "random_state": 0, **params})


def plain_reconstruction(sae, X):
    """From the equations, in the units of the network."""
    kind, P = sae._network.architecture, sae._network.parameters.views
    settings = sae.activation_, sae.hidden_activation, sae.output_activation, "squared_error", sae.sparsity_
    model = naive.Model(kind.encoder_sizes, kind.decoder_sizes, *settings, kind.tied, skip=True)
    x = (X - sae.mean_) / sae.scale_
    codes, _ = naive.codes_and_penalty(model, P, P, x)
    y = naive.ACTIVATIONS[sae.output_activation](naive.decode(model, P, codes[0].values, x))
    kind = sae._network.architecture
    return y * (sae.scale_ if kind.rescaled else 1) + (sae.mean_ if kind.centred else 0)


@pytest.mark.parametrize("deep", [{}, {"hidden_layer_sizes": (12,)}, {"decoder_layer_sizes": (12, 7)}])
@pytest.mark.parametrize("rule", [None, L1(0.1), TopK(4), Matryoshka(TopK(4))], ids=repr)
@pytest.mark.parametrize(
    "params",
    [{}, {"tied_weights": True}, {"output_activation": "tanh"}, {"output_activation": "relu"}, {"scale": False}],
)
@pytest.mark.filterwarnings("ignore:output_activation='(tanh|relu)' gives values")
def test_against_numpy(params, rule, deep):
    if "decoder_layer_sizes" in deep and "tied_weights" in params:
        deep = {}
    sae = make(sparsity=rule, **params, **deep).fit(X)
    expected = plain_reconstruction(sae, X)
    assert abs(sae.skip_coef_).max() > 1e-3
    assert_allclose(sae.reconstruct(X), expected, rtol=1e-9, atol=1e-12)
    assert_allclose(sae.score_samples(X), -np.square(X - expected).sum(axis=1), rtol=1e-9)
    assert_allclose(sae.score(X), 1 - np.square(X - expected).sum() / np.square(X - X.mean(axis=0)).sum())


@pytest.mark.parametrize(
    "params",
    [{}, {"scale": False}, {"scale": "features"}, {"sparsity": "l1", "tied_weights": True}, {"batch_norm": True}],
)
@pytest.mark.parametrize("dtype, tolerance", [(np.float32, 1e-4), (np.float64, 1e-10)])
def test_attributes_on_the_scale_of_the_data(params, dtype, tolerance):
    data = X.astype(dtype)
    sae = make(**params).fit(data)
    assert sae.skip_coef_.dtype == dtype and sae.skip_coef_.shape == (10, 10)
    assert not sae.skip_coef_.flags.writeable
    expected = data @ sae.skip_coef_ + sae.transform(data) @ sae.components_ + sae.intercept_
    assert_allclose(sae.reconstruct(data), expected, rtol=tolerance, atol=tolerance)


def test_of_an_output_with_bounds():
    """The path reads the input less its mean, whatever the target is."""
    data = 1 / (1 + np.exp(-X / 10))
    sae = make(output_activation="sigmoid", loss="binary_cross_entropy", activation="identity", sparsity=None).fit(data)
    a = data @ sae.skip_coef_ + sae.transform(data) @ sae.components_ + sae.intercept_
    assert_allclose(sae.reconstruct(data), 1 / (1 + np.exp(-a)), rtol=1e-9)


def test_missing_values_count_as_the_mean():
    sae = make().fit(MISSING)
    filled = np.where(np.isnan(MISSING), np.nanmean(MISSING, axis=0), MISSING)
    assert_allclose(sae.reconstruct(MISSING), plain_reconstruction(sae, filled), rtol=1e-9)
    assert_array_equal(sae.impute(MISSING), np.where(np.isnan(MISSING), sae.reconstruct(MISSING), MISSING))


def test_the_path_learns_what_is_linear():
    """One unit cannot impute three dimensions; the path can."""
    errors = {}
    for skip in False, True:
        sae = make(n_components=1, sparsity=None, skip=skip, max_iter=200, learning_rate_init=0.01).fit(MISSING)
        errors[skip] = np.square(sae.impute(MISSING) - X).sum()
    assert errors[True] < 0.5 * errors[False]


def test_weight_penalties_include_it():
    free, held = (make(weight_decay=penalty, max_iter=100).fit(X) for penalty in (0.0, 10.0))
    assert abs(held.skip_coef_).max() < 0.2 * abs(free.skip_coef_).max()


@pytest.mark.parametrize("density", [0.3, 0.003])
@pytest.mark.parametrize("corruption", [None, "masking"])
def test_sparse_data(density, corruption):
    data = sparse.random_array((60, 400), density=density, rng=np.random.default_rng(0), format="csr")
    params = {"corruption": corruption, "max_iter": 3}
    dense, of_sparse = make(**params).fit(data.toarray()), make(**params).fit(data)
    assert_allclose(of_sparse.skip_coef_, dense.skip_coef_, atol=1e-9)
    assert_allclose(of_sparse.reconstruct(data), dense.reconstruct(data.toarray()), atol=1e-9)
    assert_allclose(of_sparse.score_samples(data), dense.score_samples(data.toarray()), rtol=1e-7)


@pytest.mark.parametrize("params", [{}, {"hidden_layer_sizes": (6,)}, {"dead_units": "resample"}])
def test_small_and_constant_data(params):
    for data in X[:1], X[:, :1], np.ones((20, 3)), np.where(np.arange(10) == 3, 1.0, X):
        sae = make(**params).fit(data)
        assert np.isfinite(sae.reconstruct(data)).all()
        assert sae.partial_fit(data[:1]).skip_coef_.shape == (data.shape[1], data.shape[1])


def test_training_goes_on_and_pickles_keep_it():
    sae = make(warm_start=True).fit(X)
    before = sae.skip_coef_
    again = pickle.loads(pickle.dumps(sae))
    assert_array_equal(again.reconstruct(X), sae.reconstruct(X))
    assert_array_equal(again.fit(X).skip_coef_, sae.fit(X).skip_coef_)
    assert not np.array_equal(sae.skip_coef_, before)
    with pytest.raises(ValueError, match=r"skip.weight was \(10, 10\), now None.*tied_weights, batch_norm, skip and"):
        sae.set_params(skip=False).fit(X)
    chunks = make()
    for chunk in np.split(X, 4):
        chunks.partial_fit(chunk)
    assert_allclose(chunks.reconstruct(X), plain_reconstruction(chunks, X), rtol=1e-9)


def test_pretraining_leaves_it_to_the_whole_network():
    params = {"hidden_layer_sizes": (8,), "pretrain": "layerwise", "pretrain_max_iter": 2}
    still = make(max_iter=1, learning_rate_init=1e-30, **params).fit(X)
    assert abs(still.skip_coef_).max() < 1e-25
    assert abs(make(**params).fit(X).skip_coef_).max() > 1e-3


def test_layerwise_training_alone_is_refused():
    with pytest.raises(ValueError, match="expected skip=False or pretrain='layerwise'"):
        make(pretrain="layerwise_only").fit(X)


def test_codes_alone_are_not_enough():
    for sae in make(), make().fit(X):
        assert not hasattr(sae, "inverse_transform")
        with pytest.raises(AttributeError, match="inverse_transform") as error:
            sae.inverse_transform(np.ones((2, 16)))
        assert "reconstruct(X)" in str(error.value.__cause__)
    sae = make(skip=False).fit(X)
    sae.set_params(skip=True)  # what counts is the network
    assert_allclose(sae.inverse_transform(sae.transform(X)), sae.reconstruct(X))
    with pytest.raises(AttributeError, match="skip_coef_ exists only with skip=True"):
        _ = sae.skip_coef_
    with pytest.raises(AttributeError, match="before fit"):
        _ = make().skip_coef_
    with pytest.raises(NotFittedError):
        make().reconstruct(X)
