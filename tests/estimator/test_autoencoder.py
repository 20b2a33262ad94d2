"""What a fitted autoencoder is and does; its place among scikit-learn's tools."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import config_context, get_config
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skl_sae import SparseAutoencoder
from skl_sae.sparsity import L1, RULES, BaseSparsity, KLDivergence, TopK

rng = np.random.default_rng(0)
# ten sparse sources, mixed, of very different variances, not centred
X = (rng.exponential(size=(150, 10)) * (rng.random((150, 10)) < 0.3)) @ rng.normal(size=(10, 12)) * np.arange(1, 13) + 5
NETWORKS = [
    {},
    {"tied_weights": True},
    {"hidden_layer_sizes": (9,)},
    {"hidden_layer_sizes": (9, 7), "tied_weights": True, "hidden_activation": "tanh"},
    {"decoder_layer_sizes": (9, 11)},
    {"hidden_layer_sizes": (9,), "decoder_layer_sizes": ()},
    {"output_activation": "sigmoid"},
    {"hidden_layer_sizes": (9,), "output_activation": "sigmoid", "loss": "binary_cross_entropy"},
    {"scale": False},
    {"activation": "tanh"},
]


def fitted(data=X, n_components=20, **params):
    return SparseAutoencoder(n_components, **{"max_iter": 5, "random_state": 0, **params}).fit(data)


def unit_interval(data):
    return (data - data.min(axis=0)) / np.ptp(data, axis=0)


ACTIVATIONS = {
    "identity": lambda a: a,
    "relu": lambda a: np.maximum(a, 0),
    "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
    "tanh": np.tanh,
}


# what the fitted attributes mean


@pytest.mark.parametrize("network", NETWORKS, ids=repr)
def test_coefs_and_intercepts_are_the_network(network):
    data = unit_interval(X)
    sae = fitted(data, sparsity=None, **network)
    n_encoder = len(sae.hidden_layer_sizes) + 1
    n_layers = len(sae.coefs_)
    assert n_layers == len(sae.intercepts_)
    h = data
    for i, (W, b) in enumerate(zip(sae.coefs_, sae.intercepts_)):
        if i == n_encoder:
            assert_allclose(sae.transform(data), h, atol=1e-10)
        assert W.shape[1:] == b.shape
        name = {n_encoder - 1: sae.activation_, n_layers - 1: sae.output_activation}.get(i, sae.hidden_activation)
        h = ACTIVATIONS[name](h @ W + b)
    assert_allclose(sae.inverse_transform(sae.transform(data)), h, atol=1e-10)


def test_tied_weights_are_transposed():
    sae = fitted(scale=False, tied_weights=True, hidden_layer_sizes=(9,))
    for encoder, decoder in zip(sae.coefs_[:2], sae.coefs_[:1:-1]):
        assert_array_equal(encoder, decoder.T)


@pytest.mark.parametrize("rule", [None, *RULES])
def test_codes_times_components_reconstruct(rule):
    sae = fitted(sparsity=rule, hidden_layer_sizes=(9,), decoder_layer_sizes=())
    codes = sae.transform(X)
    assert sae.components_.shape == (20, 12)
    assert_allclose(codes @ sae.components_ + sae.intercept_, sae.inverse_transform(codes), rtol=1e-10, atol=1e-14)


def test_a_deep_decoder_has_no_components():
    sae = fitted(decoder_layer_sizes=(9,))
    assert not hasattr(sae, "components_")
    with pytest.raises(AttributeError, match="decoder of a single layer"):
        sae.components_  # noqa: B018
    assert sae.intercept_.shape == (12,)


def test_the_rule_and_the_activation_are_resolved():
    sae = fitted(n_components=64)
    assert isinstance(sae.sparsity_, TopK)
    assert (sae.sparsity_.k_, sae.activation_) == (8, "relu")
    assert (np.count_nonzero(sae.transform(X), axis=1) <= 8).all()
    assert fitted(sparsity="kl").activation_ == "sigmoid"
    assert_allclose(sae.mean_, X.mean(axis=0))
    assert_allclose(sae.scale_, np.sqrt(X.var(axis=0).sum()))


@pytest.mark.parametrize("k, expected", [(3, 3), (100, 20), (0.25, 5), (1.0, 20), (1e-9, 1), (np.int64(2), 2)])
def test_k_is_a_number_or_a_fraction_of_the_units_and_clipped(k, expected):
    sae = fitted(sparsity=TopK(k), activation="identity")
    assert (np.count_nonzero(sae.transform(X), axis=1) == expected).all()


def test_transform_may_keep_more_units_than_the_fit():
    narrow, wide = fitted(sparsity=TopK(3)), fitted(sparsity=TopK(3, transform_k=6))
    assert_array_equal(narrow.components_, wide.components_)
    assert narrow.score(X) == wide.score(X)
    few, many = narrow.transform(X), wide.transform(X)
    assert np.count_nonzero(few, axis=1).max() == 3 < np.count_nonzero(many, axis=1).max() <= 6
    assert_array_equal(few[few != 0], many[few != 0])


# scale of the data


@pytest.mark.parametrize("rule", [None, *RULES])
@pytest.mark.parametrize("factor", [1e3, 1e-3, 1e20, 1e-20])
def test_codes_do_not_depend_on_the_scale_of_the_data(rule, factor):
    expected = fitted(sparsity=rule)
    scaled = fitted(X * factor, sparsity=rule)
    assert_allclose(scaled.transform(X * factor), expected.transform(X), atol=1e-9)
    assert_allclose(scaled.score(X * factor), expected.score(X), rtol=1e-9)
    assert_allclose(scaled.loss_curve_, expected.loss_curve_, rtol=1e-9)


@pytest.mark.parametrize("factor", [1e15, 1e-15])
def test_the_scale_in_float32(factor):
    data = X.astype(np.float32)
    expected, scaled = fitted(data), fitted(data * np.float32(factor))
    assert_allclose(scaled.transform(data * np.float32(factor)), expected.transform(data), atol=1e-4)


@pytest.mark.parametrize("offset", [1e8, -1e8])
def test_codes_do_not_depend_on_the_origin_of_the_data(offset):
    assert_allclose(fitted(X + offset).transform(X + offset), fitted().transform(X), atol=1e-7)


def test_scale_false_is_the_objective_on_the_scale_of_the_data():
    sae = fitted(sparsity=None, scale=False, learning_rate_init=1e-12)
    assert sae.scale_ == 1
    assert_allclose(sae.loss_, ((X - sae.inverse_transform(sae.transform(X))) ** 2).sum(axis=1).mean(), rtol=1e-8)


# score


@pytest.mark.parametrize("rule", [None, *RULES])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_score_is_one_minus_the_unexplained_fraction_of_the_variance(rule, dtype):
    data = X.astype(dtype)
    sae = fitted(data, sparsity=rule)
    error = data.astype(np.float64) - sae.inverse_transform(sae.transform(data))
    total = ((data - data.mean(axis=0, dtype=np.float64)) ** 2).sum()
    assert isinstance(sae.score(data), float)
    assert_allclose(sae.score(data), 1 - (error**2).sum() / total, rtol=1e-5 if dtype == np.float32 else 1e-12)
    assert_allclose(sae.score_samples(data), -(error**2).sum(axis=1), rtol=1e-4 if dtype == np.float32 else 1e-10)


@pytest.mark.parametrize("value", [0.0, 0.1, 7.0])
def test_constant_data_scores_one_or_zero(value):
    data = np.full((37, 3), value)
    assert fitted(data).score(data) == 1.0
    assert fitted(data).score(data + 1) == 0.0
    assert fitted(data, sparsity="kl").score(data) == 0.0


# kinds of input and output


@pytest.mark.parametrize("container", [sparse.csr_matrix, sparse.csr_array, sparse.coo_array, sparse.csc_matrix])
@pytest.mark.parametrize("rule", [None, *RULES])
def test_sparse_input_gives_what_dense_input_gives(container, rule):
    dense = np.where(X > 10, X, 0)
    data = container(dense)
    a, b = fitted(dense, sparsity=rule), fitted(data, sparsity=rule)
    assert_allclose(b.components_, a.components_, rtol=1e-9, atol=1e-12)
    assert_allclose(a.transform(data), a.transform(dense), atol=1e-12)
    assert_allclose(a.score(data), a.score(dense), rtol=1e-12)
    assert_allclose(a.score_samples(data), a.score_samples(dense), rtol=1e-12)
    assert_allclose(
        clone(a).partial_fit(data).components_, clone(a).partial_fit(dense).components_, rtol=1e-9, atol=1e-12
    )


def test_sparse_input_with_long_indices_and_duplicates_is_read_and_not_changed():
    dense = np.where(X > 10, X, 0)
    half = sparse.csr_array(dense / 2)
    indptr = 2 * half.indptr.astype(np.int64)
    data = sparse.csr_array((np.repeat(half.data, 2), np.repeat(half.indices, 2).astype(np.int64), indptr), X.shape)
    before = pickle.dumps((data.data, data.indices, data.indptr))
    sae = fitted(data)
    assert_allclose(sae.components_, fitted(dense).components_, rtol=1e-9, atol=1e-12)
    assert_allclose(sae.transform(data), sae.transform(dense), atol=1e-12)
    assert pickle.dumps((data.data, data.indices, data.indptr)) == before


@pytest.mark.parametrize("rule", [None, *RULES])
def test_sparse_output_holds_the_dense_codes(rule):
    sae = fitted(sparsity=rule)
    dense = sae.transform(X)
    codes = sae.set_params(sparse_output=True).transform(X)
    assert isinstance(codes, sparse.csr_matrix)
    assert codes.dtype == dense.dtype
    assert codes.indices.dtype == codes.indptr.dtype == np.int32
    assert codes.has_sorted_indices
    assert codes.nnz == np.count_nonzero(dense)
    assert_array_equal(codes.toarray(), dense)
    assert_array_equal(sparse.csr_array((codes.data, codes.indices, codes.indptr), codes.shape).toarray(), dense)


@pytest.mark.skipif("sparse_interface" not in get_config(), reason="scikit-learn has one container only")
def test_sparse_output_follows_scikit_learns_container():
    sae = fitted(sparse_output=True)
    with config_context(sparse_interface="sparray"):
        assert isinstance(sae.transform(X), sparse.csr_array)


def test_inverse_transform_takes_any_kind_of_codes():
    sae = fitted()
    codes = sae.transform(X)
    expected = sae.inverse_transform(codes)
    assert type(expected) is np.ndarray
    for other in (sparse.csr_matrix(codes), sparse.csc_array(codes), codes.tolist(), np.asfortranarray(codes)):
        decoded = sae.inverse_transform(other)
        assert type(decoded) is np.ndarray
        assert_allclose(decoded, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_go_in_and_come_back(library):
    frames = pytest.importorskip(library)
    if library == "polars" and "sparse_interface" not in get_config():
        pytest.skip("before 1.9, scikit-learn does not read the names of a polars frame")
    frame = frames.DataFrame({f"pixel{i}": column for i, column in enumerate(X.T)})
    sae = fitted(frame).set_output(transform=library)
    codes = sae.transform(frame)
    assert isinstance(codes, frames.DataFrame)
    assert list(codes.columns) == [f"sparseautoencoder{i}" for i in range(20)]
    assert_array_equal(sae.feature_names_in_, frame.columns)
    assert_array_equal(codes.to_numpy(), fitted().transform(X))
    assert_allclose(sae.inverse_transform(codes), fitted().inverse_transform(codes.to_numpy()))
    assert sae.score(frame) == fitted().score(X)


@pytest.mark.parametrize("rule", [None, *RULES])
@pytest.mark.parametrize("network", NETWORKS[:7], ids=repr)
def test_float32_stays_float32(rule, network):
    data = unit_interval(X).astype(np.float32)
    sae = fitted(data, sparsity=rule, max_iter=2, **network)
    codes = sae.transform(data)
    assert codes.dtype == np.float32
    assert sae.inverse_transform(codes).dtype == np.float32
    assert {w.dtype for w in [*sae.coefs_, *sae.intercepts_]} == {np.dtype(np.float32)}
    assert sae.transform(X).dtype == np.float32
    assert sae.score_samples(data).dtype == np.float64


def test_a_read_only_memory_map(tmp_path):
    np.save(tmp_path / "X.npy", X)
    data = np.load(tmp_path / "X.npy", mmap_mode="r")
    assert not data.flags.writeable
    assert_array_equal(fitted(data).transform(data), fitted().transform(X))


@pytest.mark.parametrize("rule", [None, *RULES])
@pytest.mark.parametrize(
    "data, n_components",
    [(X[:1], 20), (X[:, :1], 20), (X[:3], 20), (X[:1, :1], 1), (np.c_[X, np.full((len(X), 2), 0.1)], 20)],
    ids=["one row", "one feature", "more units than rows", "one number", "constant columns"],
)
def test_shapes_at_the_edge(rule, data, n_components):
    sae = fitted(data, n_components, sparsity=rule, max_iter=200)
    codes = sae.transform(data)
    assert codes.shape == (len(data), n_components)
    assert sae.inverse_transform(codes).shape == data.shape
    assert np.isfinite(codes).all()
    assert sae.loss_curve_[-1] <= sae.loss_curve_[0]


def test_a_tall_output_is_the_same_in_one_piece_and_by_rows():
    """The tiles of a large transform meet at the right places."""
    data = np.random.default_rng(1).normal(size=(30_000, 12))
    for sparse_output in (False, True):
        sae = fitted(sparse_output=sparse_output)
        codes = sae.transform(data)
        parts = [sae.transform(data[lo : lo + 4321]) for lo in range(0, 30_000, 4321)]
        if sparse_output:
            codes, parts = codes.toarray(), [part.toarray() for part in parts]
        assert_allclose(codes, np.concatenate(parts), atol=1e-12)


# the rule as a parameter


@pytest.mark.parametrize("name, rule", RULES.items())
def test_a_name_means_the_rules_defaults(name, rule):
    assert_array_equal(fitted(sparsity=name).transform(X), fitted(sparsity=rule()).transform(X))


@pytest.mark.parametrize("name, rule", RULES.items())
def test_parameters_of_a_named_rule_are_shown(name, rule):
    sae = SparseAutoencoder(sparsity=name)
    shown = {k: v for k, v in sae.get_params().items() if k.startswith("sparsity__")}
    assert shown == {f"sparsity__{k}": v for k, v in rule().get_params().items()}
    assert not any(k.startswith("sparsity__") for k in sae.get_params(deep=False))
    assert sae.sparsity == name


def test_parameters_of_a_named_rule_can_be_set():
    sae = SparseAutoencoder().set_params(sparsity__k=4)
    assert isinstance(sae.sparsity, TopK)
    assert sae.get_params()["sparsity__k"] == 4
    assert fitted(sparsity="topk").set_params(sparsity__k=2).fit(X).sparsity_.k_ == 2
    sae.set_params(sparsity="l1", sparsity__alpha=0.3)
    assert isinstance(sae.sparsity, L1)
    assert sae.sparsity.alpha == 0.3
    assert isinstance(clone(sae).sparsity, L1)
    assert clone(sae).sparsity is not sae.sparsity
    assert SparseAutoencoder(sparsity="kl").set_params(n_components=3).sparsity == "kl"


@pytest.mark.parametrize(
    "rule, nested, message",
    [
        ("topk", {"sparsity__alpha": 1}, r"Invalid parameter 'alpha' for estimator TopK\(\).*'k'"),
        (L1(), {"sparsity__k": 1}, r"Invalid parameter 'k' for estimator L1\(\).*'alpha'"),
        (None, {"sparsity__k": 1}, "sparsity__k with sparsity=None"),
        ("topk", {"sparsity": None, "sparsity__k": 1}, "sparsity__k with sparsity=None"),
        ("top", {"sparsity__k": 1}, "Got 'top' instead. Did you mean 'topk'"),
    ],
)
def test_a_parameter_that_the_rule_lacks(rule, nested, message):
    with pytest.raises(ValueError, match=message):
        SparseAutoencoder(sparsity=rule).set_params(**nested)


def test_estimators_that_share_a_rule_do_not_see_each_other():
    rule = TopK(0.5)
    wide, narrow = fitted(sparsity=rule), fitted(n_components=6, sparsity=rule)
    assert (wide.sparsity_.k_, narrow.sparsity_.k_) == (10, 3)
    assert wide.sparsity is narrow.sparsity is rule
    assert vars(rule) == {"k": 0.5, "transform_k": None}


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("rule", [None, *RULES, TopK(), KLDivergence(), L1(), BaseSparsity()])
def test_fit_leaves_parameters_alone(method, rule):
    sae = SparseAutoencoder(
        20, sparsity=rule, hidden_layer_sizes=[9], max_iter=2, random_state=np.random.RandomState(0)
    )
    before = sae.get_params(deep=False)
    state = None if rule is None or isinstance(rule, str) else vars(rule).copy()
    getattr(sae, method)(X)
    assert all(sae.get_params(deep=False)[name] is value for name, value in before.items())
    assert state is None or vars(rule) == state


# pickles and copies


@pytest.mark.parametrize("network", NETWORKS, ids=repr)
def test_a_pickle_transforms_the_same(network):
    data = unit_interval(X)
    sae = fitted(data, **network)
    again = pickle.loads(pickle.dumps(sae))
    assert_array_equal(again.transform(data), sae.transform(data))
    assert_array_equal(again.inverse_transform(sae.transform(data)), sae.inverse_transform(sae.transform(data)))
    assert again.score(data) == sae.score(data)


def test_a_pickle_is_about_as_large_as_the_parameters():
    sae = fitted(n_components=500)
    assert len(pickle.dumps(sae)) < 1.2 * 8 * (2 * 500 * 12 + 500 + 12) + 5000


# among scikit-learn's tools


def test_grid_search_over_a_pipeline_from_a_named_rule():
    digits, y = load_digits(return_X_y=True)
    sae = SparseAutoencoder(64, max_iter=10, random_state=0)
    pipeline = Pipeline([("sae", sae), ("classifier", LogisticRegression(max_iter=1000))])
    grid = {"sae__sparsity__k": [1, 8]}
    search = GridSearchCV(pipeline, grid, cv=3, n_jobs=2).fit(digits[:600], y[:600])
    one, eight = search.cv_results_["mean_test_score"]
    assert eight > one
    assert search.best_params_ == {"sae__sparsity__k": 8}
    assert search.best_estimator_["sae"].sparsity_.k_ == 8
    assert sae.sparsity == "topk"
    serial = GridSearchCV(pipeline, grid, cv=3).fit(digits[:600], y[:600])
    assert_allclose(serial.cv_results_["mean_test_score"], [one, eight], atol=0.01)


def test_grid_search_without_a_target_uses_score():
    search = GridSearchCV(SparseAutoencoder(20, max_iter=30, random_state=0), {"sparsity__k": [1, 10]}, cv=3).fit(X)
    assert search.best_params_ == {"sparsity__k": 10}
    assert search.score(X) == search.best_estimator_.score(X)


@pytest.mark.parametrize("sparse_output", [False, True])
def test_feature_union_and_column_transformer(sparse_output):
    sae = SparseAutoencoder(20, max_iter=5, random_state=0, sparse_output=sparse_output)
    union = FeatureUnion([("scaled", StandardScaler()), ("codes", sae)]).fit(X)
    both = union.transform(X)
    assert sparse.issparse(both) == sparse_output
    both = both.toarray() if sparse_output else both
    assert_array_equal(both[:, 12:], fitted().transform(X))
    assert union.get_feature_names_out()[-1] == "codes__sparseautoencoder19"

    columns = ColumnTransformer([("codes", sae, [0, 1, 2])], remainder="passthrough", sparse_threshold=0)
    assert_array_equal(columns.fit_transform(X), np.c_[fitted(X[:, :3]).transform(X[:, :3]), X[:, 3:]])


def test_validation_data_passes_through_the_steps_of_a_pipeline():
    def pipeline(transform_input):
        sae = SparseAutoencoder(20, early_stopping=True, max_iter=3, random_state=0).set_fit_request(X_val=True)
        return make_pipeline(StandardScaler(), sae, transform_input=transform_input)

    with config_context(enable_metadata_routing=True):
        piped = pipeline(["X_val"]).fit(X[:100], X_val=X[100:])
        raw = pipeline(None).fit(X[:100], X_val=X[100:])
    scaler = StandardScaler().fit(X[:100])
    sae = SparseAutoencoder(20, early_stopping=True, max_iter=3, random_state=0)
    sae.fit(scaler.transform(X[:100]), X_val=scaler.transform(X[100:]))
    assert piped[-1].validation_scores_ == sae.validation_scores_ != raw[-1].validation_scores_


@pytest.mark.parametrize("params", [{}, {"decoder_layer_sizes": (9,)}, {"early_stopping": True}], ids=repr)
def test_the_html_representation_shows_the_fitted_attributes(params):
    assert "SparseAutoencoder" in SparseAutoencoder(**params)._repr_html_()
    html = fitted(**params)._repr_html_()
    assert "SparseAutoencoder" in html
    assert "fitted" in html
