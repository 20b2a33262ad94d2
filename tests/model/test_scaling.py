"""The scale of data and codes, taken over by other networks."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler

from skl_sae import SparseAutoencoder
from skl_sae._model.architecture import Architecture
from skl_sae._model.network import Network
from skl_sae._model.scaling import Scaling
from skl_sae.metrics import explained_variance
from skl_sae.sparsity import BaseSparsity

X = np.random.default_rng(0).random((200, 6))
DOUBLE = Architecture((6, 4), (6, 4), "relu")


def test_of_another_type():
    """All numbers are taken over; the arrays that rows are computed with have the other's type."""
    scaling = Scaling(DOUBLE)
    scaling.measure(X.mean(axis=0), X.var(axis=0), "total")
    scaling.observe(X.mean(axis=0), np.full(6, 200), anew=True)
    scaling.set_code_scale(0.25, 200)
    single = scaling.of(DOUBLE._replace(dtype=np.dtype(np.float32)))
    assert single.offset.dtype == single.fill.dtype == np.float32
    assert_array_equal(single.offset, scaling.offset.astype(np.float32))
    assert scaling.offset.dtype == np.float64
    assert (single.scale, single.measured, single.code_scale) == (scaling.scale, True, 0.5)


def test_a_copy_of_a_network_measures_for_itself():
    network = Network(DOUBLE, BaseSparsity())
    network.scaling.measure(X.mean(axis=0), X.var(axis=0), "total")
    before = {name: np.copy(value) for name, value in vars(network.scaling).items() if name != "architecture"}
    other = network.copy()
    other.scaling.observe(np.ones(6), np.full(6, 3), anew=False)
    other.scaling.measure(np.ones(6), np.ones(6), "features", np.full(6, 2.0))
    other.scaling.set_code_scale(9.0, 10)
    for name, value in before.items():
        assert_array_equal(getattr(network.scaling, name), value, name)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_code_with_bounds_means_what_it_is(method):
    """Also where the network before had a code without bounds, and one with a scale."""
    sae = SparseAutoencoder(4, sparsity=None, warm_start=True, max_iter=2, random_state=0).fit(X)
    assert sae.code_scale_ != 1
    getattr(sae.set_params(activation="sigmoid"), method)(X)
    assert sae.code_scale_ == 1 and sae.transform(X).max() < 1


# a unit for each feature

WINE = load_wine().data
HOLED = np.where(np.random.default_rng(1).random(WINE.shape) < 0.1, np.nan, WINE)
UNITS = 2.0 ** np.random.default_rng(2).integers(-12, 13, 13)
QUICK = {"n_components": 16, "max_iter": 4, "random_state": 0, "batch_size": 32}
CONFIGURATIONS = {
    "topk": {},
    "l1": {"sparsity": "l1"},
    "gated": {"sparsity": "gated"},
    "unit norm": {"sparsity": "jumprelu", "tied_weights": True},
    "deep": {"hidden_layer_sizes": (20, 18), "sparsity": None, "batch_norm": True, "dropout": 0.1},
    "tied": {"hidden_layer_sizes": (20,), "tied_weights": True},
    "masking": {"corruption": "masking"},
    "gaussian": {"corruption": "gaussian"},
    "pretrained": {"hidden_layer_sizes": (20,), "pretrain": "layerwise", "pretrain_max_iter": 2},
    "pretrained alone": {"hidden_layer_sizes": (20,), "pretrain": "layerwise_only", "corruption": "gaussian"},
    "pretrained relu": {"hidden_layer_sizes": (20,), "pretrain": "layerwise", "output_activation": "relu"},
    "relu": {"output_activation": "relu"},
    "deep relu": {"output_activation": "relu", "hidden_layer_sizes": (20,), "sparsity": None},
    "stopping": {"early_stopping": True, "learning_rate": "constant"},
    "resample": {"dead_units": "resample"},
}


def same(sae, X, other, Z, units, atol=1e-8):
    """Two estimators that have learned the same of data in different units."""
    assert_allclose(sae.transform(X), other.transform(Z), atol=atol)
    assert_allclose(sae.loss_curve_, other.loss_curve_, rtol=atol)
    x_hat = sae.inverse_transform(sae.transform(X))
    assert_allclose(x_hat / units, other.inverse_transform(other.transform(Z)), rtol=atol, atol=100 * atol)
    assert_allclose(sae.score(X), other.score(Z), rtol=atol)
    assert_allclose(sae.score_samples(X), other.score_samples(Z), rtol=100 * atol)
    for mine, its in zip(sae.coefs_[1:-1], other.coefs_[1:-1], strict=True):
        assert_allclose(mine, its, atol=100 * atol)
    assert_allclose(sae.coefs_[0].T * units, other.coefs_[0].T, atol=100 * atol)
    assert_allclose(sae.coefs_[-1] / units, other.coefs_[-1], atol=100 * atol)
    assert_allclose(sae.intercepts_[-1] / units, other.intercepts_[-1], atol=100 * atol)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_unit_for_each_feature_is_a_scaler_in_front(name):
    """One that divides by the units; the objective, the scores and the weights are those of what it gives."""
    sae = SparseAutoencoder(**QUICK, scale="features", **CONFIGURATIONS[name])
    sae.fit(WINE)
    units = sae._network.scaling.units
    assert_allclose(sae.scale_, units * sae._network.scaling.scale)
    other = clone(sae).set_params(scale="total").fit(WINE / units)
    same(sae, WINE, other, WINE / units, units)
    if name == "stopping":
        assert_allclose(sae.validation_scores_, other.validation_scores_)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_units_of_the_features_do_not_matter(name):
    """Also where they are found by themselves; by powers of two even the bits are the same."""
    sae = SparseAutoencoder(**QUICK, **CONFIGURATIONS[name]).fit(WINE)
    other = clone(sae).fit(WINE * UNITS)
    assert sae.scale_.shape == other.scale_.shape == (13,)
    assert_array_equal(sae.transform(WINE), other.transform(WINE * UNITS))
    assert_allclose(sae.scale_ * UNITS, other.scale_, rtol=1e-13)


@pytest.mark.parametrize("X", [HOLED, sparse.csr_array(np.where(WINE > 2, WINE, 0))], ids=["missing", "CSR"])
@pytest.mark.parametrize("params", [{}, {"corruption": "masking"}, {"output_activation": "relu"}], ids=repr)
def test_missing_values_and_sparse_rows(X, params):
    sae = SparseAutoencoder(**QUICK, scale="features", **params).fit(X)
    units = sae._network.scaling.units
    Z = sparse.csr_array(X.toarray() / units) if sparse.issparse(X) else X / units
    same(sae, X, clone(sae).set_params(scale="total").fit(Z), Z, units)
    if sparse.issparse(X):
        assert_allclose(sae.transform(X), clone(sae).fit(X.toarray()).transform(X.toarray()), atol=1e-10)
    else:
        assert_allclose(sae.impute(X) / units, clone(sae).set_params(scale="total").fit(Z).impute(Z), rtol=1e-6)


def test_rows_that_are_nearly_empty():
    """Their products are those of dense rows where each feature has a unit."""
    X = sparse.random(300, 400, 0.006, format="csr", random_state=0)
    sae = SparseAutoencoder(**QUICK, scale="features").fit(X)
    assert_allclose(sae.transform(X), clone(sae).fit(X.toarray()).transform(X.toarray()), atol=1e-10)


def test_chunks_and_warm_starts_keep_their_units():
    sae, other = (SparseAutoencoder(**QUICK, warm_start=True, scale=scale) for scale in ("features", "total"))
    sae.partial_fit(WINE[::2])
    units, scale = sae._network.scaling.units, sae.scale_
    other.partial_fit(WINE[::2] / units)
    for chunk in WINE[1::2], WINE[:1], HOLED:
        same(sae.partial_fit(chunk), WINE, other.partial_fit(chunk / units), WINE / units, units)
    same(sae.fit(3 * WINE), WINE, other.fit(3 * WINE / units), WINE / units, units)
    assert_array_equal(sae.scale_, scale)
    sae.set_params(scale="auto").fit(WINE)
    assert_array_equal(sae.scale_, scale)


def test_of_a_table_without_outliers_units_are_those_of_standard_scaler():
    Z = StandardScaler().fit_transform(WINE)
    sae, other = (SparseAutoencoder(**QUICK, scale=scale) for scale in ("features", True))
    sae.fit(WINE)
    other.fit(Z)
    assert_allclose(sae.score_samples(WINE), other.score_samples(Z), rtol=1e-6)
    assert_allclose(sae.score(WINE), other.score(Z), rtol=1e-9)


@pytest.mark.filterwarnings("ignore:1 of 178 rows")
def test_an_outlier_hides_neither_its_feature_nor_the_others():
    X, r2 = WINE.copy(), []
    X[7, 0] += 300 * X[:, 0].std()
    for scale, Z in ("features", X), ("total", StandardScaler().fit_transform(X)):
        sae = SparseAutoencoder(64, sparsity=None, scale=scale, max_iter=60, random_state=0).fit(Z)
        x, x_hat = (np.delete(each, 7, axis=0) for each in (Z, sae.inverse_transform(sae.transform(Z))))
        r2.append(explained_variance(x, x_hat, multioutput="raw_values"))
    units, standardised = r2
    assert units[0] > 0.5 > 0 > standardised[0]
    assert units[1:].min() > 0.95


def test_single_precision():
    sae = SparseAutoencoder(**QUICK, sparsity=None, scale="features").fit(WINE.astype(np.float32))
    want = clone(sae).fit(WINE)
    assert sae.components_.dtype == np.float32 and sae.scale_.dtype == np.float64
    assert_allclose(sae.transform(WINE.astype(np.float32)), want.transform(WINE), atol=1e-3)


@pytest.mark.parametrize("shape", [(1, 5), (20, 1), (2, 3)])
def test_data_with_little_in_it(shape):
    X = np.random.default_rng(0).random(shape)
    sae = SparseAutoencoder(4, max_iter=2, scale="features", random_state=0).fit(X)
    assert np.isfinite(sae.transform(X)).all() and sae.scale_.shape == shape[1:]


# an output that is never negative


@pytest.mark.parametrize("factor", [2.0**20, 2.0**-20])
def test_with_a_relu_output_the_scale_of_the_data_does_not_matter(factor):
    sae = SparseAutoencoder(**QUICK, output_activation="relu", sparsity="l1").fit(X)
    other = clone(sae).fit(factor * X)
    assert_allclose(sae.scale_, np.sqrt(X.var(axis=0).sum()))
    assert_array_equal(sae.transform(X), other.transform(factor * X))
    assert_array_equal(sae.loss_curve_, other.loss_curve_)
    assert_allclose(other.components_, factor * sae.components_, rtol=1e-13)


def test_a_relu_output_is_scaled_about_zero():
    """The loss is against X over the scale, and what is reconstructed is never negative."""
    sae = SparseAutoencoder(**QUICK | {"max_iter": 1, "batch_size": 200}, output_activation="relu", sparsity=None)
    sae.set_params(learning_rate_init=1e-12).fit(X)
    codes = sae.transform(X)
    x_hat = np.maximum(codes @ sae.components_ + sae.intercept_, 0)
    assert_allclose(sae.inverse_transform(codes), x_hat)
    assert_allclose(sae.loss_, ((X - x_hat) ** 2).sum(axis=1).mean() / sae.scale_**2, rtol=1e-8)
    assert_allclose(sae.intercept_, sae.mean_, rtol=1e-9)  # the start: no output is zero in all rows
