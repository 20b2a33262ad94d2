"""NaN in a dense X: out of the loss and of every gradient, filled for the encoder, and imputed."""

import pickle
import warnings

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.datasets import load_digits
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.utils import get_tags

from skl_sae import SparseAutoencoder
from skl_sae._model.rows import Rows
from skl_sae.sparsity import RULES

rng = np.random.default_rng(0)
COMPLETE = (rng.exponential(size=(150, 4)) * (rng.random((150, 4)) < 0.5)) @ rng.normal(size=(4, 8)) + 2
MISSING = rng.random(COMPLETE.shape) < 0.3
MISSING[0, :4] = MISSING[7] = True  # in the first row, and a row without any value
X = np.where(MISSING, np.nan, COMPLETE)
EMPTY = np.where(np.arange(8) == 5, np.nan, X)  # a feature without any value
FILLED = np.where(MISSING, np.nanmean(X, axis=0), X)
STILL = 1e-30
DEEP = {"hidden_layer_sizes": (10,)}


def make(**params):
    return SparseAutoencoder(**{"n_components": 12, "batch_size": 32, "max_iter": 5, "random_state": 0, **params})


def theta(sae):
    return sae._network.parameters.theta


def reconstructed(sae, X):
    return sae.inverse_transform(sae.transform(X))


def quietly(function, *args):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".* have no observed value")
        return function(*args)


# the loss and its gradient (see test_gradients for the gradients of all options with missing targets)


@pytest.mark.parametrize(
    "params", [{}, DEEP, {"output_activation": "sigmoid", "loss": "binary_cross_entropy"}, {"scale": False}], ids=repr
)
def test_the_loss_counts_observed_entries_alone(params):
    data = X / 10 if "loss" in params else X
    data = np.where((data < 0) | (data > 1), np.nan, data) if "loss" in params else data
    sae = make(sparsity=None, batch_size=150, max_iter=1, learning_rate_init=STILL, **params).fit(data)
    sizes, output, loss = sae._network.architecture.encoder_sizes, sae.output_activation, sae.loss
    model = naive.Model(sizes, sizes, "relu", "relu", output, loss, sae.sparsity_)
    x = np.where(np.isnan(data), np.nanmean(data, axis=0), data)
    target = (data - sae.mean_) / sae.scale_ if output == "identity" else data
    P = sae._network.parameters.views
    expected = naive.objective(model, P, P, (x - sae.mean_) / sae.scale_, target)
    assert_allclose(sae.loss_, expected, rtol=1e-9)
    assert_allclose(sae.mean_, np.nanmean(data, axis=0))
    if sae.scale and output == "identity":
        assert_allclose(sae.scale_, np.sqrt(np.nanvar(data, axis=0).sum()))


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"sparsity": None, "corruption": "gaussian"},
        {"sparsity": "batch_topk", "corruption": "masking"},
        {"sparsity": "kl", **DEEP},
        {"sparsity": None, "batch_norm": True, "dropout": 0.2, **DEEP},
    ],
    ids=repr,
)
def test_a_feature_without_values_takes_no_part(params):
    """Its weights stay where they started."""
    start, end = (quietly(make(**params, learning_rate_init=rate).fit, EMPTY) for rate in (STILL, 0.01))
    P, Q = start._network.parameters, end._network.parameters
    assert_array_equal(Q["enc0.weight"][:, 5], P["enc0.weight"][:, 5])
    assert_array_equal(Q["dec0.weight"][:, 5], P["dec0.weight"][:, 5])
    assert P["enc0.weight"][:, 5].any()
    assert Q["dec0.bias"][5] == P["dec0.bias"][5] == 0
    others = np.arange(8) != 5
    for name in ("enc0.weight", "dec0.weight"):
        assert (abs(Q[name] - P[name])[:, others].max(axis=0) > 1e-4).all()


CONFIGURATIONS = [
    *({"sparsity": rule} for rule in [None, *RULES]),
    {"output_activation": "sigmoid", **DEEP},
    {"sparsity": "l1", "tied_weights": True, "batch_norm": True, **DEEP},
    {"corruption": "masking", "dropout": 0.2},
    {"sparsity": None, "pretrain": "layerwise", "early_stopping": True, **DEEP},
]


@pytest.mark.filterwarnings("ignore:output_activation='sigmoid' gives values from 0 to 1")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("params", CONFIGURATIONS, ids=repr)
def test_the_way_of_missing_values_is_the_plain_one_where_there_are_none(params, dtype, monkeypatch):
    def fit():
        sae = make(**params).fit(COMPLETE.astype(dtype))
        return sae, sae.score(COMPLETE)

    plain, expected = fit()
    start, forced = Rows.__init__, []

    def pretend(self, *args):
        start(self, *args)
        forced.append(not missing(self))

    missing = Rows.missing.fget
    monkeypatch.setattr(Rows, "__init__", pretend)
    monkeypatch.setattr(Rows, "missing", True)
    sae, score = fit()
    assert all(forced) and len(forced) >= 2
    assert_array_equal(theta(sae), theta(plain))
    assert sae.loss_curve_ == plain.loss_curve_ and score == expected


# what the encoder sees


@pytest.mark.filterwarnings("ignore:output_activation='sigmoid' gives values from 0 to 1")
@pytest.mark.parametrize("params", [{}, {"sparsity": None, **DEEP}, {"output_activation": "sigmoid"}], ids=repr)
def test_missing_values_are_filled_with_the_mean_of_the_observed(params):
    sae = make(**params).fit(X)
    assert_allclose(sae.transform(X), sae.transform(FILLED), atol=1e-12)
    on_complete = make(**params).fit(COMPLETE)
    filled = np.where(MISSING, COMPLETE.mean(axis=0), COMPLETE)
    assert_allclose(on_complete.transform(X), on_complete.transform(filled), atol=1e-12)
    assert np.count_nonzero(sae.transform(X)) > 100


def test_chunks_add_to_the_mean_by_their_counts():
    """NaN may come first in a later chunk; the offset stays the first chunk's."""
    sae, seen = make(), COMPLETE[:20]
    sae.partial_fit(seen)
    for lo, hi in [(20, 30), (30, 31), (31, 150)]:
        sae.partial_fit(X[lo:hi])
        seen = np.vstack([seen, X[lo:hi]])
        filled = np.where(np.isnan(X), np.nanmean(seen, axis=0), X)
        assert_allclose(sae.transform(X), sae.transform(filled), atol=1e-12)
    assert_allclose(sae.mean_, COMPLETE[:20].mean(axis=0))
    assert abs(sae.transform(X) - sae.transform(np.where(MISSING, sae.mean_, X))).max() > 1e-3
    sae.set_params(learning_rate_init=0.01).partial_fit(X[:1])  # with new parameters the means go on
    fill = np.nanmean(np.vstack([seen, X[:1]]), axis=0)
    assert_allclose(sae.transform(X), sae.transform(np.where(MISSING, fill, X)), atol=1e-12)


def test_a_fit_that_goes_on_takes_the_means_of_its_own_data():
    sae = make(warm_start=True).fit(COMPLETE)
    quietly(sae.fit, EMPTY + 5)
    filled = np.where(np.arange(8) == 5, 0, FILLED + 5)
    assert_allclose(sae.transform(EMPTY + 5), sae.transform(filled), atol=1e-12)


# score and score_samples


@pytest.fixture(scope="module")
def fitted():
    return make(sparsity=None, max_iter=20).fit(X)


@given(missing=hnp.arrays(bool, (9, 8), elements=st.booleans()))
@settings(max_examples=40, deadline=None)
def test_any_pattern_of_missing_values(fitted, missing):
    sae, data = fitted, np.where(missing, np.nan, COMPLETE[:9])
    filled = np.where(missing, np.nanmean(X, axis=0), data)
    x_hat = reconstructed(sae, filled)
    assert_allclose(reconstructed(sae, data), x_hat, atol=1e-10)
    squares = np.where(missing, 0, (data - x_hat) ** 2)
    expected = np.where(missing.all(axis=1), -np.inf, -squares.sum(axis=1))  # of an empty row nothing is known
    assert_allclose(sae.score_samples(data), expected, atol=1e-10)
    means = [data[~missing[:, j], j].mean() if not missing[:, j].all() else 0 for j in range(8)]
    total = np.where(missing, 0, (data - means) ** 2).sum()
    if total > 1e-9:
        assert_allclose(sae.score(data), 1 - squares.sum() / total, atol=1e-9)
    imputed = sae.impute(data)
    assert_array_equal(imputed[~missing], data[~missing])
    assert_allclose(imputed[missing], x_hat[missing], atol=1e-10)


def test_the_validation_score_is_that_of_observed_entries():
    sae = make(early_stopping=True, learning_rate="constant").fit(COMPLETE, X_val=X)
    assert sae.score(X) == max(sae.validation_scores_)
    assert len(make(early_stopping=True).fit(X).validation_scores_) == 5


@pytest.mark.parametrize("first", [np.nan, 0.1])
def test_constant_features_are_measured_exactly(first):
    constant = np.full((30, 4), 0.1)
    constant[0] = first
    sae = make().fit(constant)
    assert_array_equal(sae.mean_, 0.1)
    assert sae.scale_ == 0.2  # without variance, the norm of the mean
    assert sae.score(constant) in (0.0, 1.0)


# impute


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("fitted", [np.float32, np.float64])
def test_observed_values_stay_as_they_are(fitted, dtype):
    data = (X * np.pi).astype(dtype)
    data[1, 1] = -0.0
    sae, before = make().fit(X.astype(fitted)), data.copy()
    imputed = sae.impute(data)
    assert imputed.dtype == dtype
    assert_array_equal(data, before)
    seen = ~np.isnan(data)
    assert imputed[seen].tobytes() == data[seen].tobytes()
    assert np.isfinite(imputed).all()
    assert_allclose(imputed[~seen], reconstructed(sae, data)[~seen], rtol=1e-5)
    complete = sae.impute(COMPLETE.astype(dtype))
    assert_array_equal(complete, COMPLETE.astype(dtype))


def test_impute_takes_any_container(fitted, tmp_path):
    pandas = pytest.importorskip("pandas")
    file = np.memmap(tmp_path / "X", float, "w+", shape=X.shape)
    file[:] = X
    file.flush()
    read_only = np.memmap(tmp_path / "X", float, "r", shape=X.shape)
    expected = fitted.impute(X)
    for container in (np.asfortranarray(X), read_only, X.tolist()):
        assert_array_equal(fitted.impute(container), expected)
    assert_array_equal(theta(make().fit(read_only)), theta(make().fit(X)))
    table = pandas.DataFrame(X).convert_dtypes().rename(columns=str)
    assert table.iloc[7, 0] is pandas.NA
    sae = make(sparsity=None, max_iter=20).fit(table)
    assert_array_equal(sae.impute(table), expected)
    csr = sparse.csr_array(COMPLETE * (COMPLETE > 2))
    assert_array_equal(make().fit(csr).impute(csr).toarray(), csr.toarray())


def test_features_that_were_never_observed_stay_missing():
    with pytest.warns(UserWarning, match="1 of 8 features have no observed value: 5. ") as caught:
        sae = make().fit(EMPTY)
    assert caught[0].filename == __file__ and len(caught) == 1
    imputed = sae.impute(EMPTY)
    assert_array_equal(np.isnan(imputed), np.broadcast_to(np.arange(8) == 5, X.shape))
    assert_array_equal(sae.transform(EMPTY), sae.transform(np.where(np.arange(8) == 5, 0, EMPTY)))
    assert abs(sae.transform(EMPTY) - sae.transform(X)).max() > 1e-3


def test_a_chunk_may_lack_a_feature():
    sae = make()
    with pytest.warns(UserWarning, match=": 5. ") as caught:
        sae.partial_fit(EMPTY[:40])
    assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match=": 5. ") as caught:
        sae.partial_fit(EMPTY[40:60])
    assert caught[0].filename == __file__
    sae.partial_fit(X[60:])  # warnings are errors
    sae.partial_fit(EMPTY)
    assert np.isfinite(sae.impute(EMPTY)).all()


def test_the_warning_names_the_features():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(EMPTY, columns=list("abcdefgh"))
    with pytest.warns(UserWarning, match="value: f. They"):
        make().fit(table)
    with pytest.warns(UserWarning, match="8 of 8 features have no observed value: a, b, c, d, e, .... They"):
        make().partial_fit(table * np.nan)


# edges


@pytest.mark.parametrize("rule", [None, *RULES])
@pytest.mark.parametrize("params", [{}, {**DEEP, "batch_norm": True}, {"dead_units": "resample"}], ids=repr)
def test_nothing_observed(rule, params):
    nothing = np.full((40, 8), np.nan)
    sae = quietly(make(sparsity=rule, corruption="gaussian", **params).fit, nothing)
    assert np.isfinite(theta(sae)).all()
    assert np.isfinite(sae.loss_)
    with pytest.warns(UndefinedMetricWarning, match="rows without any observed value"):
        assert np.isnan(sae.score(nothing))
    assert_array_equal(sae.impute(nothing), nothing)
    assert_array_equal(sae.score_samples(nothing), -np.inf)
    chunks = quietly(make(sparsity=rule).partial_fit, nothing[:1]).partial_fit(COMPLETE).partial_fit(X)
    assert np.isfinite(chunks.impute(X)).all()


@pytest.mark.parametrize("params", [{}, DEEP, {"sparsity": "kl"}, {"corruption": "masking"}], ids=repr)
def test_an_unpickled_estimator_goes_on_with_the_same_fill(params):
    sae = make(**params).partial_fit(COMPLETE[:50])
    again = pickle.loads(pickle.dumps(sae))
    for each in (sae, again):
        each.partial_fit(X).partial_fit(COMPLETE)
    assert_array_equal(theta(sae), theta(again))
    assert_array_equal(sae.transform(X), again.transform(X))


def test_what_is_refused(fitted):
    assert get_tags(SparseAutoencoder()).input_tags.allow_nan
    infinite = X.copy()
    infinite[3, 3] = np.inf
    stored = sparse.csr_array(np.nan_to_num(X))
    stored.data[5] = np.nan
    for method in (make().fit, make().partial_fit, fitted.transform, fitted.impute, fitted.score):
        with pytest.raises(ValueError, match="infinity"):
            method(infinite)
        with pytest.raises(ValueError, match="NaN"):
            method(stored)
    with pytest.raises(ValueError, match="NaN"):
        fitted.inverse_transform(np.full((2, 12), np.nan))


def test_cross_entropy():
    sigmoid = {"loss": "binary_cross_entropy", "output_activation": "sigmoid"}
    data = (X - np.nanmin(X)) / np.ptp(X[~MISSING])
    sae = make(sparsity=None, max_iter=300, corruption="masking", corruption_level=0.2, **sigmoid).fit(data)
    imputed, truth = sae.impute(data), (COMPLETE - np.nanmin(X)) / np.ptp(X[~MISSING])
    assert imputed.min() >= 0 and imputed.max() <= 1
    mean = np.where(MISSING, np.nanmean(data, axis=0), data)
    assert np.square(imputed - truth)[MISSING].mean() < 0.8 * np.square(mean - truth)[MISSING].mean()
    with pytest.raises(ValueError, match=r"expects data in \[0, 1\]"):
        make(**sigmoid).fit(np.where(X > 0, 5 * X, np.nan))


def test_digits_are_imputed_better_than_by_means_and_neighbours():
    digits = load_digits().data
    missing = np.random.default_rng(0).random(digits.shape) < 0.3
    data = np.where(missing, np.nan, digits).astype(np.float32)
    sae = SparseAutoencoder(128, hidden_layer_sizes=(256,), sparsity=None, random_state=0, learning_rate_init=0.003)
    sae.set_params(corruption="masking", corruption_level=0.3)

    def error(imputed):
        return np.sqrt(np.square(imputed - digits)[missing].mean())

    mean, neighbours = (
        imputer(keep_empty_features=True).fit_transform(data) for imputer in (SimpleImputer, KNNImputer)
    )
    ours = error(quietly(sae.fit, data).impute(data))
    assert ours < error(neighbours) < error(mean)
    assert ours < 0.6 * error(mean)
