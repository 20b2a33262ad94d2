import itertools
import pickle
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skl_sae.metrics import (
    SCORERS,
    dead_fraction,
    dictionary_match,
    explained_variance,
    explained_variance_scorer,
    feature_density,
    l0,
    neg_dead_fraction_scorer,
    neg_l0_scorer,
)

CHUNK = "skl_sae.metrics._blocks.CHUNK_ENTRIES"

# Naive twins


def naive_explained_variance(X, X_reconstructed):
    residual = total = 0.0
    for j in range(X.shape[1]):
        observed = [i for i in range(X.shape[0]) if not np.isnan(X[i, j])]
        if observed:
            mean = sum(float(X[i, j]) for i in observed) / len(observed)
            residual += sum((float(X[i, j]) - float(X_reconstructed[i, j])) ** 2 for i in observed)
            total += sum((float(X[i, j]) - mean) ** 2 for i in observed)
    return 1 - residual / total


def naive_density(codes):
    return np.array([sum(float(v) != 0 for v in column) / len(column) for column in codes.T])


def naive_hungarian(learned, true):
    """Best mean |cosine| of the one-to-one matchings, by trying them all."""
    cosines = np.array([[abs(a @ b) / np.sqrt((a @ a) * (b @ b)) for b in learned] for a in true])
    if cosines.shape[0] > cosines.shape[1]:
        cosines = cosines.T
    rows = np.arange(cosines.shape[0])
    return max(cosines[rows, list(p)].mean() for p in itertools.permutations(range(cosines.shape[1]), len(rows)))


@pytest.fixture
def data():
    """Rows with a mean far from zero, and an imperfect, biased reconstruction."""
    rng = np.random.default_rng(0)
    X = rng.normal(3.0, [0.1, 1.0, 5.0], (57, 3))
    return X, X + rng.normal(0.2, 0.4, X.shape)


# Explained variance


def test_explained_variance_is_the_twin_and_r2(data):
    X, X_reconstructed = data
    value = explained_variance(X, X_reconstructed)
    assert isinstance(value, float)
    assert_allclose(value, naive_explained_variance(X, X_reconstructed), rtol=1e-12)
    assert_allclose(value, r2_score(X, X_reconstructed, multioutput="variance_weighted"), rtol=1e-12)


def test_the_mean_enters_squared():
    # Published code has taken mean(x^2 - mean(x^2)^2) for the variance, instead of mean(x^2) - mean(x)^2.
    X = np.array([[1.0], [2.0], [3.0]])
    X_reconstructed = np.array([[1.0], [2.0], [2.0]])
    trap = 1 - np.mean((X - X_reconstructed) ** 2) / np.mean(X**2 - np.mean(X**2) ** 2)
    assert_allclose(explained_variance(X, X_reconstructed), 0.5)
    assert abs(trap - 0.5) > 0.1


def test_explained_variance_anchors(data):
    X, _ = data
    mean = X.mean(axis=0)
    assert explained_variance(X, X) == 1.0
    assert_allclose(explained_variance(X, np.tile(mean, (57, 1))), 0.0, atol=1e-12)
    assert explained_variance(X, np.zeros_like(X)) < 0  # worse than the mean
    # A constant offset is an error; Var(x - x_reconstructed) would not see it.
    assert_allclose(explained_variance(X, X + 1.0), 1 - X.size / ((X - mean) ** 2).sum(), rtol=1e-12)


@pytest.mark.parametrize("chunk", [1, 7, 64, 10**6])
def test_explained_variance_is_of_the_whole_set(data, chunk, monkeypatch):
    # Rows sorted by a feature: the mean of the scores of batches would be far lower.
    X, X_reconstructed = (A[np.argsort(data[0][:, 2])] for A in data)
    monkeypatch.setattr(CHUNK, chunk)
    X = X.copy()
    X[:20, 0] = np.nan
    assert_allclose(explained_variance(X, X_reconstructed), naive_explained_variance(X, X_reconstructed), rtol=1e-12)


def test_explained_variance_accumulates_in_float64():
    rng = np.random.default_rng(1)
    X = (1e4 + rng.normal(size=(20000, 5))).astype(np.float32)
    X_reconstructed = X + rng.normal(0, 0.3, X.shape).astype(np.float32)
    expected = r2_score(X.astype(float), X_reconstructed.astype(float), multioutput="variance_weighted")
    assert_allclose(explained_variance(X, X_reconstructed), expected, rtol=1e-10)
    x = X[:, :1].copy()
    naive_single = 1 - np.sum((x - X_reconstructed[:, :1]) ** 2) / (np.sum(x**2) - len(x) * np.mean(x) ** 2)
    assert abs(naive_single - expected) > 1e-3  # the test can see a float32 sum


def test_explained_variance_of_integers_and_lists():
    pixels = np.array([[0, 255], [255, 0]], dtype=np.uint8)  # 0 - 255 would wrap around in uint8
    assert_allclose(explained_variance(pixels, 255 - pixels), -3.0)
    assert explained_variance([[0], [2]], [[0], [1]]) == 0.5


@pytest.mark.parametrize("value", [0.0, 0.1, 1e8 + 0.1, -3.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("chunk", [4, 10**6])
def test_explained_variance_of_constant_columns(value, dtype, chunk, monkeypatch):
    monkeypatch.setattr(CHUNK, chunk)  # 4: one row, so that columns begin with missing blocks
    X = np.full((101, 3), value, dtype=dtype)
    assert explained_variance(X, X.copy()) == 1.0
    assert explained_variance(X, X + dtype(16)) == 0.0
    X[:5, 0] = X[3:, 1] = np.nan
    assert explained_variance(X, np.full_like(X, value)) == 1.0
    assert explained_variance(X, np.full_like(X, value + 16)) == 0.0


def test_explained_variance_of_observed_entries():
    rng = np.random.default_rng(2)
    X = rng.normal(2.0, 3.0, (40, 6))
    X_reconstructed = X + rng.normal(size=X.shape)
    missing = rng.random(X.shape) < 0.3
    missing[:, 4] = True  # a column without any observed value adds nothing
    X[missing] = np.nan
    value = explained_variance(X, X_reconstructed)
    assert_allclose(value, naive_explained_variance(X, X_reconstructed), rtol=1e-12)
    X_reconstructed[missing] = 1e6  # what is put in the gaps does not matter
    assert explained_variance(X, X_reconstructed) == value
    assert explained_variance(sparse.csr_array(X), X_reconstructed) == value


@settings(max_examples=50, deadline=None)
@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.integers(2, 9), st.integers(1, 9)),
        elements=st.sampled_from([0.0, 0.0, 0.0, 1.0, -2.5, 1e3]),
    ),
    st.sampled_from([1, 10, 1000]),
)
def test_sparse_equals_dense(X, chunk):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CHUNK, chunk)
        expected = explained_variance(X, X * np.float32(0.5))
        for container in (sparse.csr_array, sparse.csr_matrix, sparse.csc_array, sparse.coo_array):
            assert explained_variance(container(X), X * np.float32(0.5)) == expected
            assert explained_variance(container(X), container(X * np.float32(0.5))) == expected
            assert_array_equal(feature_density(container(X)), feature_density(X))
            assert l0(container(X)) == l0(X)
            assert dead_fraction(container(X)) == dead_fraction(X)


def test_memory_does_not_grow_with_rows():
    X = sparse.random(40000, 1000, density=1e-3, format="csr", random_state=0)
    dense = np.zeros((40000, 200), dtype=np.float32)
    dense[::2] = 1.0
    tracemalloc.start()
    try:
        explained_variance(X, X * 0.5)  # 320 MB if made dense
        explained_variance(dense, dense)  # 64 MB as float64
        l0(dense)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 10e6


# Several features


AVERAGES = ["raw_values", "uniform_average", "variance_weighted", np.array([0.5, 0.0, 2.0]), [1, 2, 3]]


@pytest.mark.parametrize("multioutput", AVERAGES, ids=str)
@pytest.mark.parametrize("chunk", [1, 7, 10**6])
def test_multioutput_is_that_of_r2_score(multioutput, chunk, data, monkeypatch):
    monkeypatch.setattr(CHUNK, chunk)
    X, X_reconstructed = data
    expected = r2_score(X, X_reconstructed, multioutput=multioutput)
    value = explained_variance(X, X_reconstructed, multioutput=multioutput)
    assert type(value) is (np.ndarray if isinstance(multioutput, str) and multioutput == "raw_values" else float)
    assert_allclose(value, expected, rtol=1e-12)
    for container in (sparse.csr_array, sparse.csc_matrix):
        assert_array_equal(explained_variance(container(X), X_reconstructed, multioutput=multioutput), value)
        assert_array_equal(explained_variance(X, container(X_reconstructed), multioutput=multioutput), value)


def test_features_of_sparse_data():
    X = sparse.random(50, 6, density=0.3, format="csr", random_state=0)
    X_reconstructed = X * 0.5
    for multioutput in ("raw_values", "uniform_average", "variance_weighted"):
        expected = r2_score(X.toarray(), X_reconstructed.toarray(), multioutput=multioutput)
        assert_allclose(explained_variance(X, X_reconstructed, multioutput=multioutput), expected, rtol=1e-12)


def test_constant_and_unobserved_features():
    """Constant ones as in r2_score, apart from the variance-weighted average, where their errors count."""
    X = np.tile([1.0, 2.0, 0.0], (6, 1))
    X[:, 2] = np.arange(6)
    X_reconstructed = X + [0.0, 0.5, 0.1]
    raw = explained_variance(X, X_reconstructed, multioutput="raw_values")
    assert_allclose(raw, r2_score(X, X_reconstructed, multioutput="raw_values"), rtol=1e-12)
    assert_array_equal(raw[:2], [1.0, 0.0])
    expected = r2_score(X, X_reconstructed, multioutput="uniform_average")
    assert_allclose(explained_variance(X, X_reconstructed, multioutput="uniform_average"), expected, rtol=1e-12)
    assert explained_variance(X, X_reconstructed) < raw[2] < 1
    X[:, 1] = np.nan
    X[:3, 0] = np.nan
    raw = explained_variance(X, X_reconstructed, multioutput="raw_values")
    assert_array_equal(np.isnan(raw), [False, True, False])
    assert raw[0] == 1.0
    assert_allclose(explained_variance(X, X_reconstructed, multioutput="uniform_average"), (1 + raw[2]) / 2)
    assert_allclose(explained_variance(X, X_reconstructed, multioutput=[1, 7, 3]), (1 + 3 * raw[2]) / 4)
    with pytest.raises(ValueError, match="no weight above 0 for a feature with observed values"):
        explained_variance(X, X_reconstructed, multioutput=[0, 1, 0])


def test_features_of_observed_entries():
    rng = np.random.default_rng(8)
    X = rng.normal(2.0, 3.0, (40, 4))
    X_reconstructed = X + rng.normal(size=X.shape)
    X[rng.random(X.shape) < 0.3] = np.nan
    seen = ~np.isnan(X)
    expected = [r2_score(X[seen[:, j], j], X_reconstructed[seen[:, j], j]) for j in range(4)]
    assert_allclose(explained_variance(X, X_reconstructed, multioutput="raw_values"), expected, rtol=1e-12)


@pytest.mark.parametrize("multioutput", ["raw_values", "uniform_average", "variance_weighted", [1, 2]], ids=str)
def test_one_row_has_no_explained_variance(multioutput):
    with pytest.warns(UndefinedMetricWarning, match="less than two rows") as caught:
        value = explained_variance([[1.0, 2.0]], [[1.0, 3.0]], multioutput=multioutput)
    assert caught[0].filename == __file__
    assert np.isnan(value).all()
    assert np.shape(value) == ((2,) if multioutput == "raw_values" else ())


@pytest.mark.parametrize("power", [-1000, -900, -450, 450, 511, 600, 1000])
@pytest.mark.parametrize("chunk", [1, 10**6])
def test_squares_out_of_range(power, chunk, data, monkeypatch):
    """The same data times a power of two: the same bits, though no square can be represented."""
    monkeypatch.setattr(CHUNK, chunk)
    X, X_reconstructed = data
    X = X.copy()
    X[:7, 1] = np.nan
    other, other_reconstructed = np.ldexp(X, power), np.ldexp(X_reconstructed, power)
    for multioutput in ("raw_values", "uniform_average", "variance_weighted"):
        value = explained_variance(other, other_reconstructed, multioutput=multioutput)
        assert_allclose(value, explained_variance(X, X_reconstructed, multioutput=multioutput), rtol=1e-13)
    # One feature scaled so, beside others: its own value is as before, and it outweighs them or vanishes.
    powers = np.array([0, power, 0])
    other, other_reconstructed = np.ldexp(X, powers), np.ldexp(X_reconstructed, powers)
    raw = explained_variance(X, X_reconstructed, multioutput="raw_values")
    assert_allclose(explained_variance(other, other_reconstructed, multioutput="raw_values"), raw, rtol=1e-13)
    alone = [1] if power > 0 else [0, 2]
    expected = explained_variance(X[:, alone], X_reconstructed[:, alone])
    assert_allclose(explained_variance(other, other_reconstructed), expected, rtol=1e-13)


def test_the_ends_of_the_range():
    largest = np.finfo(float).max
    X = np.array([[largest], [-largest]])
    assert explained_variance(X, X) == 1.0
    assert_allclose(explained_variance(X, -X), -3.0)
    assert_allclose(explained_variance(X, X / 2), 0.75)
    assert explained_variance([[1e-200], [2e-200]], [[1e200], [0.0]]) == -np.inf
    assert explained_variance([[1e-200], [1e-200]], [[1e-200], [0.0]]) == 0.0  # constant, and not exact
    # A reconstruction, however large, of a missing value does not hide the other errors.
    X, X_reconstructed = np.array([[1.0], [2.0], [np.nan]]), np.array([[1.0], [1.5], [1e300]])
    assert explained_variance(X, X_reconstructed) == 0.5
    # A constant feature of large numbers does not hide what varies.
    X = np.array([[1e300, 1.0], [1e300, 2.0]])
    assert explained_variance(X, X - [0.0, 0.5]) == 0.0


@pytest.mark.parametrize("multioutput", ["mean", [1, 2], [1, -1, 1], [[1, 2, 3]], [np.nan, 1, 1]], ids=str)
def test_bad_multioutput(multioutput, data):
    with pytest.raises(ValueError, match="multioutput"):
        explained_variance(*data, multioutput=multioutput)


def test_explained_variance_errors(data):
    X, X_reconstructed = data
    with pytest.raises(ValueError, match=r"X_reconstructed has shape \(57, 2\); expected the shape of X, \(57, 3\)"):
        explained_variance(X, X_reconstructed[:, :2])
    X_reconstructed[3, 1] = np.nan
    with pytest.raises(ValueError, match="Input X_reconstructed contains NaN"):
        explained_variance(X, X_reconstructed)
    X[2, 2] = np.inf
    with pytest.raises(ValueError, match="Input X contains infinity"):
        explained_variance(X, np.zeros_like(X))
    with pytest.raises(ValueError, match="Every entry of X is NaN"):
        explained_variance(np.full((3, 2), np.nan), np.zeros((3, 2)))
    with pytest.raises(ValueError, match="Expected 2D array"):
        explained_variance(X[0], X[0])


# Codes


@pytest.mark.parametrize("chunk", [1, 10, 10**6])
def test_sparsity_metrics_are_the_twins(chunk, monkeypatch):
    monkeypatch.setattr(CHUNK, chunk)
    rng = np.random.default_rng(3)
    codes = np.where(rng.random((31, 8)) < 0.2, rng.normal(size=(31, 8)), 0.0)  # negative codes are active too
    codes[:, 5] = 0.0
    codes[1:, 6] = 0.0
    codes[0, 6] = -1.0  # once is enough to be alive
    density = naive_density(codes)
    assert (codes < 0).any()
    assert_array_equal(feature_density(codes), density)
    assert_allclose(l0(codes), density.sum())
    assert dead_fraction(codes) == np.mean(density == 0) == 1 / 8


def test_a_selected_zero_has_not_fired():
    # To count the indices that top-k selects would hide dead units: here unit 1 is stored in each row, but as a zero.
    codes = sparse.csr_array((np.array([2.0, 0.0, 1.0, 0.0]), [0, 1, 0, 1], [0, 2, 4]), shape=(2, 3))
    assert l0(codes) == 1.0
    assert_array_equal(feature_density(codes), [1.0, 0.0, 0.0])
    assert dead_fraction(codes) == pytest.approx(2 / 3)
    assert codes.nnz == 4  # the argument is left as it was


def test_duplicate_entries_are_summed():
    # Row 0: unit 0 twice (1 + 2), unit 1 cancels; row 1: unit 1.
    codes = sparse.csr_array((np.array([1.0, 2.0, 3.0, -3.0, 5.0]), [0, 0, 1, 1, 1], [0, 4, 5]), shape=(2, 2))
    assert_array_equal(feature_density(codes), [0.5, 0.5])
    assert codes.nnz == 5


@pytest.mark.parametrize("metric", [l0, feature_density, dead_fraction])
def test_sparsity_metrics_refuse_nan(metric):
    with pytest.raises(ValueError, match="Input codes contains NaN"):
        metric([[0.0, np.nan]])


# Dictionaries


@pytest.mark.parametrize("n_learned, n_true", [(4, 4), (6, 4), (3, 5)])
def test_dictionary_match_is_the_twin(n_learned, n_true):
    rng = np.random.default_rng(4)
    learned, true = rng.normal(size=(n_learned, 3)), rng.normal(size=(n_true, 3))
    match = dictionary_match(learned, true, random_state=0)
    cosines = np.abs(1 - _cosine_distances(true, learned))
    assert_allclose(match.hungarian, naive_hungarian(learned, true), rtol=1e-12)
    assert_allclose(match.mean_max_cosine, cosines.max(axis=1).mean(), rtol=1e-12)
    matched = match.assignment >= 0
    assert matched.sum() == min(n_learned, n_true) == len(set(match.assignment[matched]))
    assert_allclose(cosines[matched, match.assignment[matched]].mean(), match.hungarian, rtol=1e-12)


def _cosine_distances(A, B):
    from scipy.spatial.distance import cdist

    return cdist(A, B, metric="cosine")


def test_dictionary_match_finds_permuted_scaled_flipped_rows():
    rng = np.random.default_rng(5)
    true = rng.normal(size=(20, 30))
    order = rng.permutation(20)
    scale = rng.uniform(0.1, 10, (20, 1)) * rng.choice([-1, 1], (20, 1))
    learned = (scale * true)[order]
    match = dictionary_match(learned, true, random_state=0)
    assert_allclose([match.hungarian, match.mean_max_cosine], 1.0)
    assert_array_equal(match.assignment, np.argsort(order))
    signed = dictionary_match(learned, true, signed=True, random_state=0)
    assert signed.mean_max_cosine < 0.9
    assert_allclose(dictionary_match(np.abs(scale) * true, true, signed=True, random_state=0).hungarian, 1.0)


def test_duplicates_fool_the_mean_max_cosine_only():
    true = np.eye(4)
    match = dictionary_match(np.eye(4)[[0, 0, 0, 1]], true, random_state=0)
    assert match.mean_max_cosine == match.hungarian == 0.5
    # Each learned row lies between two true ones, which both have it as the nearest; as pairs, two are left over.
    between = np.array([[1.0, 1, 0, 0], [0, 0, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0]])
    match = dictionary_match(between, true, random_state=0)
    assert_allclose(match.mean_max_cosine, np.sqrt(0.5))
    assert_allclose(match.hungarian, np.sqrt(0.5) / 2)


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_zero_rows_and_extreme_norms(scale):
    learned = np.array([[0.0, 0.0], [scale, 0.0]])
    match = dictionary_match(learned, np.array([[scale, 0.0], [0.0, 0.0]]), random_state=0)
    assert match.hungarian == match.mean_max_cosine == 0.5
    assert_array_equal(match.assignment, [1, 0])


def test_random_baseline_is_what_random_rows_reach():
    rng = np.random.default_rng(6)
    true, learned = rng.normal(size=(2, 150, 40))
    match = dictionary_match(3.0 * learned, true, random_state=0)
    assert_allclose(match.mean_max_cosine, match.random_mean_max_cosine, atol=0.01)
    assert_allclose(match.hungarian, match.random_hungarian, atol=0.01)
    assert match.random_hungarian > 0.25  # far from zero: why it is reported
    # The baseline has the shape of the learned dictionary, and wider dictionaries reach more by chance.
    wide = dictionary_match(np.tile(learned, (8, 1)), true, random_state=0)
    assert wide.random_mean_max_cosine > match.random_mean_max_cosine + 0.05
    # Where signs count, half of the directions are no match.
    signed = dictionary_match(learned, true, signed=True, random_state=0)
    assert signed.random_mean_max_cosine < match.random_mean_max_cosine - 0.01


def test_random_baseline_depends_on_random_state_only():
    true = np.eye(5)
    first, again, other = (dictionary_match(true, true, random_state=seed) for seed in (0, 0, 1))
    assert first.random_hungarian == again.random_hungarian != other.random_hungarian
    assert first.hungarian == other.hungarian == 1.0


def test_dictionary_match_errors():
    with pytest.raises(ValueError, match="learned has 3 columns; expected 4"):
        dictionary_match(np.eye(3), np.eye(4))
    with pytest.raises(ValueError, match="Input learned contains NaN"):
        dictionary_match([[np.nan]], [[1.0]])


# Scorers


class Threshold(TransformerMixin, BaseEstimator):
    """A transformer that keeps what lies above a threshold, with CSR codes on request."""

    def __init__(self, threshold=0.0, sparse_output=False):
        self.threshold = threshold
        self.sparse_output = sparse_output

    def fit(self, X, y=None):
        self.mean_ = X.mean(axis=0)
        return self

    def transform(self, X):
        codes = np.where(X > self.threshold, X, 0.0)
        return sparse.csr_array(codes) if self.sparse_output else codes

    def inverse_transform(self, codes):
        return codes.toarray() if sparse.issparse(codes) else codes


@pytest.mark.parametrize("sparse_output", [False, True])
@pytest.mark.parametrize("y", [None, np.arange(40) % 2])
def test_scorers_in_a_multi_metric_grid(sparse_output, y):
    X = np.random.default_rng(7).normal(size=(40, 4))
    fold = np.repeat([-1, 0], 20)
    thresholds = [-10.0, 0.5, 10.0]
    search = GridSearchCV(
        Threshold(sparse_output=sparse_output),
        {"threshold": thresholds},
        scoring=SCORERS,
        refit="explained_variance",
        cv=PredefinedSplit(fold),
        error_score="raise",
    ).fit(X, y)
    held_out = X[20:]
    for i, threshold in enumerate(thresholds):
        codes = np.where(held_out > threshold, held_out, 0.0)
        results = {name: search.cv_results_[f"mean_test_{name}"][i] for name in SCORERS}
        assert_allclose(results["explained_variance"], naive_explained_variance(held_out, codes), atol=1e-12)
        assert_allclose(results["neg_l0"], -naive_density(codes).sum())
        assert_allclose(results["neg_dead_fraction"], -np.mean(naive_density(codes) == 0))
    assert search.best_params_ == {"threshold": -10.0}
    # Each is a scorer by itself, and higher is better: the emptiest codes win.
    alone = GridSearchCV(Threshold(), {"threshold": thresholds}, scoring=neg_l0_scorer, cv=2).fit(X, y)
    assert alone.best_params_ == {"threshold": 10.0}
    alone = GridSearchCV(Threshold(), {"threshold": thresholds[::-1]}, scoring=neg_dead_fraction_scorer, cv=2).fit(X)
    assert alone.best_params_["threshold"] < 10.0


def test_explained_variance_scorer_measures_a_pipeline_in_the_units_of_its_input(data):
    X, _ = data
    pipeline = make_pipeline(StandardScaler(), PCA(n_components=1)).fit(X)
    reconstructed = pipeline.inverse_transform(pipeline.transform(X))
    assert_allclose(explained_variance_scorer(pipeline, X), naive_explained_variance(X, reconstructed), rtol=1e-12)
    standardised = pipeline[0].transform(X)
    assert abs(explained_variance_scorer(pipeline[1], standardised) - explained_variance_scorer(pipeline, X)) > 0.05


@pytest.mark.parametrize("name", SCORERS)
def test_scorers_can_be_sent_to_other_processes(name, data):
    X, _ = data
    estimator = Threshold(3.0).fit(X)
    assert pickle.loads(pickle.dumps(SCORERS[name]))(estimator, X) == SCORERS[name](estimator, X)
