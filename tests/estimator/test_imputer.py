"""The imputer keeps the conventions of scikit-learn's; its neighbour here is KNNImputer."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import config_context, get_config
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils import get_tags

from skl_sae import SparseAutoencoder, SparseAutoencoderImputer

rng = np.random.default_rng(0)
COMPLETE = rng.normal(size=(60, 2)) @ rng.normal(size=(2, 5)) * [1, 10, 100, 1e-3, 1] + [0, 5, -1000, 1, 0]
MISSING = rng.random(COMPLETE.shape) < 0.2
MISSING[3] = True  # a row without any value
X = np.where(MISSING, np.nan, COMPLETE)
EMPTY = np.where(np.arange(5) == 2, np.nan, X)  # a feature without any value
NAMES = list("abcde")


def quick(**params):
    return SparseAutoencoder(**{"n_components": 8, "max_iter": 3, "corruption": "masking", "random_state": 0, **params})


def make(**params):
    return SparseAutoencoderImputer(**{"estimator": quick(), **params})


# what is filled, and with what


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("standardize", [True, False])
def test_observed_values_stay_and_missing_ones_are_reconstructed(standardize, dtype):
    data = X.astype(dtype)
    data[1, 1] = -0.0
    before = data.copy()
    imputer = make(standardize=standardize).fit(data)
    filled = imputer.transform(data)
    assert_array_equal(data, before)
    assert filled.dtype == dtype
    seen = ~np.isnan(data)
    assert filled[seen].tobytes() == data[seen].tobytes()
    scaler = StandardScaler().fit(data)
    Z = scaler.transform(data) if standardize else data
    expected = quick().fit(Z).impute(Z)
    expected = scaler.inverse_transform(expected) if standardize else expected
    assert_allclose(filled[~seen], expected[~seen], rtol=1e-5)
    assert_array_equal(imputer.transform(COMPLETE.astype(dtype)), COMPLETE.astype(dtype))
    assert_array_equal(make(standardize=standardize).fit_transform(data), filled)


def test_scales_of_the_features_do_not_matter():
    scales = np.array([1, 1024, 2.0**-20, 2, 0.5])
    imputer = make(estimator=quick(max_iter=20))
    assert_allclose(imputer.fit_transform(X * scales), imputer.fit_transform(X) * scales, rtol=1e-9)


def test_a_constant_feature():
    data = np.where(np.arange(5) == 1, np.where(MISSING, np.nan, 7.5), X)
    imputer = make(estimator=quick(max_iter=200)).fit(data)
    assert imputer.scaler_.scale_[1] == 1
    assert_allclose(imputer.transform(data)[:, 1], 7.5, atol=0.1)


def test_fit_on_complete_data_teaches_too():
    data = load_breast_cancer().data
    missing = np.random.default_rng(1).random(data.shape) < 0.3
    holed = np.where(missing, np.nan, data)
    imputer = SparseAutoencoderImputer(random_state=0).set_params(estimator__max_iter=20)
    filled = imputer.fit(data).transform(holed)
    mean = SimpleImputer().fit(data).transform(holed)
    scale = data.std(axis=0)
    errors = [np.sqrt(np.mean((((each - data) / scale)[missing]) ** 2)) for each in (filled, mean)]
    assert errors[0] < 0.7 * errors[1]


def test_the_default_beats_the_mean_on_a_raw_table():
    data = load_iris().data * [1, 100, 0.01, 10]
    missing = np.random.default_rng(0).random(data.shape) < 0.2
    holed = np.where(missing, np.nan, data)
    imputer = SparseAutoencoderImputer(random_state=0).set_params(estimator__max_iter=100)
    filled, mean = (i.fit_transform(holed) for i in (imputer, SimpleImputer()))
    errors = [np.sqrt(np.mean((((each - data) / data.std(axis=0))[missing]) ** 2)) for each in (filled, mean)]
    assert errors[0] < 0.6 * errors[1]


def test_copy():
    for copy in (True, False):
        data = X.copy()
        filled = make(copy=copy).fit(data).transform(data)
        assert np.isnan(data).any() == copy
        assert np.shares_memory(filled, data) == (not copy)
    read_only = X.copy()
    read_only.flags.writeable = False
    assert_array_equal(make(copy=False).fit(read_only).transform(read_only), filled)


# markers


@pytest.mark.parametrize(
    "marker, dtype",
    [
        *((marker, dtype) for marker in (-1, 0, -999.0) for dtype in (np.float32, np.float64, np.int64)),
        *((marker, dtype) for marker in (-0.1, np.float64(-0.1)) for dtype in (np.float32, np.float64)),
    ],
)
def test_other_markers(marker, dtype):
    whole = np.round(COMPLETE * 3 + 5000).astype(dtype)
    marked = np.where(MISSING, dtype(marker), whole)
    with_nan = np.where(MISSING, np.nan, whole).astype(marked.dtype if dtype is not np.int64 else float)
    imputer = make(missing_values=marker).fit(marked)
    assert_array_equal(imputer.transform(marked), make().fit(with_nan).transform(with_nan))
    assert not get_tags(imputer).input_tags.allow_nan
    with pytest.raises(ValueError, match="NaN"):
        imputer.fit(X)
    with pytest.raises(ValueError, match="NaN"):
        imputer.transform(with_nan)


def test_missing_values_of_tables():
    """Nullable columns, with either marker, and None among objects; as SimpleImputer takes them."""
    pandas = pytest.importorskip("pandas")
    expected = make().fit_transform(X)
    nullable = pandas.DataFrame(X, columns=NAMES).convert_dtypes()
    objects = pandas.DataFrame(np.where(np.isnan(X), None, X.astype(object)), columns=NAMES)
    for marker in (np.nan, pandas.NA):
        imputer = make(missing_values=marker, add_indicator=True)
        assert get_tags(imputer).input_tags.allow_nan
        for table in (nullable, objects, X):
            filled = clone(imputer).fit_transform(table)
            assert_array_equal(filled[:, :5], expected)
            assert_array_equal(filled[:, 5:], MISSING)
    whole = pandas.DataFrame({"a": [1, 2, None, 4], "b": [3, None, 5, 6]}, dtype="Int64")
    assert np.isfinite(make(missing_values=pandas.NA).fit_transform(whole)).all()


# features without values, indicator, names


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("indicate", [False, True])
@pytest.mark.parametrize("marker", [np.nan, -1])
def test_columns_are_those_of_the_neighbour(keep, indicate, marker):
    data = np.where(np.isnan(EMPTY), marker, EMPTY)
    data[:, 4] = COMPLETE[:, 4]
    params = {"keep_empty_features": keep, "add_indicator": indicate, "missing_values": marker}
    ours, theirs = make(**params).fit(data), KNNImputer(**params).fit(data)
    filled, expected = ours.transform(data), theirs.transform(data)
    assert filled.shape == expected.shape
    n = 5 if keep else 4
    assert_array_equal(filled[:, n:], expected[:, n:])  # the indicator
    seen = ~MISSING[:, [0, 1, 2, 3, 4] if keep else [0, 1, 3, 4]]
    assert_array_equal(filled[:, :n][seen], expected[:, :n][seen])
    assert not keep or (filled[:, 2] == 0).all()
    assert np.isfinite(filled).all()
    named = SimpleImputer(**params).fit(data)  # KNNImputer forgets the names of the features that it keeps
    for names in (None, NAMES):
        assert_array_equal(ours.get_feature_names_out(names), named.get_feature_names_out(names))
    late = np.where(np.isnan(X), marker, X)  # an empty feature may have values, and a full one lack some, later
    assert ours.transform(late).shape == expected.shape
    assert_array_equal(ours.transform(late)[:, n:], theirs.transform(late)[:, n:])


@pytest.mark.parametrize("keep", [False, True])
def test_no_value_at_all(keep):
    nothing = np.full((4, 2), np.nan)
    imputer = make(keep_empty_features=keep).fit(nothing)
    assert imputer.estimator_ is None
    assert_array_equal(imputer.transform(nothing), np.zeros((4, 2 if keep else 0)))


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_data_frames(container):
    library = pytest.importorskip(container)
    table = library.DataFrame({name: EMPTY[:, j] for j, name in enumerate(NAMES)})
    imputer = make(add_indicator=True).set_output(transform=container).fit(table)
    filled = imputer.transform(table)
    assert isinstance(filled, library.DataFrame)
    # Before 1.9, scikit-learn does not read the names of a polars frame.
    reads = container == "pandas" or "sparse_interface" in get_config()
    names = np.array(NAMES if reads else ["x0", "x1", "x2", "x3", "x4"])
    assert list(filled.columns) == [*names[[0, 1, 3, 4]], *(f"missingindicator_{name}" for name in names)]
    assert_array_equal(filled.to_numpy(), make(add_indicator=True).fit_transform(EMPTY))


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_the_global_configuration_reaches_the_result_alone(container):
    library = pytest.importorskip(container)
    with config_context(transform_output=container):
        filled = make().fit_transform(X)
    assert isinstance(filled, library.DataFrame)
    assert_array_equal(filled.to_numpy(), make().fit_transform(X))


# parameters


def test_the_default_estimator_is_reached_as_an_object_is():
    imputer = SparseAutoencoderImputer()
    params = imputer.get_params()
    assert params["estimator"] is None
    assert params["estimator__corruption"] == "masking"
    assert params["estimator__hidden_layer_sizes"] == (512,)
    imputer.set_params(estimator__max_iter=2, estimator__sparsity="topk", estimator__sparsity__k=4)
    assert imputer.estimator.max_iter == 2
    assert imputer.estimator.corruption == "masking"
    assert clone(imputer).get_params()["estimator__sparsity__k"] == 4
    with pytest.raises(ValueError, match="Invalid parameter 'n_neighbors' for estimator SparseAutoencoder"):
        imputer.set_params(estimator__n_neighbors=3)


def test_the_estimator_is_cloned():
    estimator = quick()
    imputer = make(estimator=estimator).fit(X)
    assert not hasattr(estimator, "n_iter_")
    assert imputer.estimator_ is not estimator and imputer.estimator_.n_iter_ == 3
    assert imputer.estimator is estimator


def test_random_state():
    imputers = [SparseAutoencoderImputer(quick(random_state=None), random_state=seed) for seed in (0, 0, 1)]
    first, again, other = (imputer.fit_transform(X) for imputer in imputers)
    assert_array_equal(first, again)
    assert (first != other).any()
    assert_array_equal(make(random_state=None).fit_transform(X), first)  # the estimator's own


@pytest.mark.parametrize(
    "params, message",
    [
        ({"estimator": KNNImputer()}, "'estimator' parameter of SparseAutoencoderImputer must be"),
        ({"standardize": "yes"}, "'standardize' parameter"),
        ({"missing_values": "?"}, "'missing_values' parameter"),
        ({"estimator": quick(sparsity="tpok")}, "Did you mean 'topk'"),
        ({"estimator": quick(loss="binary_cross_entropy", output_activation="sigmoid")}, r"expects data in \[0, 1\]"),
    ],
)
def test_bad_parameters(params, message):
    with pytest.raises(ValueError, match=message):
        make(**params).fit(X)


def test_a_failed_fit_leaves_the_last_one():
    imputer = make().fit(X)
    before = imputer.transform(X)
    with pytest.raises(ValueError, match="Did you mean 'topk'"):
        imputer.set_params(estimator__sparsity="tpok").fit(EMPTY)
    assert_array_equal(imputer.transform(X), before)
    never = make(estimator=quick(sparsity="tpok"))
    with pytest.raises(ValueError, match="Did you mean 'topk'"):
        never.fit(X)
    with pytest.raises(NotFittedError):
        never.transform(X)


def test_bad_data():
    with pytest.raises(NotFittedError):
        make().transform(X)
    with pytest.raises(NotFittedError):
        make().get_feature_names_out()
    with pytest.raises(TypeError, match="dense data is required"):
        make().fit(sparse.csr_array(COMPLETE))
    with pytest.raises(ValueError, match="infinity"):
        make().fit(np.where(X > 0, np.inf, X))
    with pytest.raises(ValueError, match="4 features, but SparseAutoencoderImputer is expecting 5"):
        make().fit(X).transform(X[:, :4])


def test_pickle():
    imputer = make(add_indicator=True).fit(EMPTY)
    again = pickle.loads(pickle.dumps(imputer))
    assert_array_equal(again.transform(EMPTY), imputer.transform(EMPTY))
    assert not get_tags(imputer).input_tags.string


# in company


def test_in_a_pipeline_and_a_grid():
    data, y = load_iris(return_X_y=True)
    data = np.where(np.random.default_rng(0).random(data.shape) < 0.1, np.nan, data)
    pipe = make_pipeline(make(), LogisticRegression(max_iter=1000))
    grid = {"sparseautoencoderimputer__estimator__corruption_level": [0.1, 0.3]}
    search = GridSearchCV(pipe, grid, cv=2, error_score="raise").fit(data, y)
    assert search.score(data, y) > 0.8
    assert not np.isnan(search.cv_results_["mean_test_score"]).any()


def test_in_a_column_transformer():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(X, columns=NAMES).assign(colour=["red", "green", "blue"] * 20)
    columns = ColumnTransformer([("fill", make(), NAMES), ("code", OneHotEncoder(sparse_output=False), ["colour"])])
    filled = columns.set_output(transform="pandas").fit_transform(table)
    assert list(filled.columns)[:5] == [f"fill__{name}" for name in NAMES]
    assert filled.shape == (60, 8) and not filled.isna().any(axis=None)
