"""The unit of each feature, and whether features have units of their own."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.preprocessing import RobustScaler, StandardScaler

from skl_sae import SparseAutoencoder
from skl_sae._model import rows as data_rows
from skl_sae._model import units as module
from skl_sae._model.rows import Rows
from skl_sae._model.units import find_units, have_own_units
from skl_sae.datasets import make_sparse_features

rng = np.random.default_rng(0)
WINE, CANCER, DIGITS = load_wine().data, load_breast_cancer().data, load_digits().data
RAW = load_diabetes(scaled=False).data


def units_of(X):
    rows = Rows(X)
    return find_units(rows, *rows.moments()[:2])


def column(values, others=3):
    """A column beside others that are normal."""
    return np.column_stack([values, np.random.default_rng(1).standard_normal((len(values), others))])


def one(index, n, value):
    values = np.random.default_rng(2).standard_normal(n)
    values[index] = value
    return values


# units


@pytest.mark.parametrize(
    "X", [WINE, CANCER, RAW, load_iris().data, DIGITS], ids=["wine", "cancer", "raw", "iris", "digits"]
)
def test_of_a_table_they_are_its_standard_deviations(X):
    assert_allclose(units_of(X), StandardScaler().fit(X).scale_, rtol=1e-12)


@pytest.mark.parametrize(
    "values",
    [
        rng.standard_normal(500),
        rng.random(500),
        rng.exponential(size=500),
        rng.lognormal(size=500),
        rng.standard_t(5, 500),
        rng.random(500) < 0.5,
        rng.random(500) < 0.003,  # rare
        np.arange(500) == 7,
        rng.poisson(0.05, 500),
        *(np.where(np.arange(4000) < n, rng.exponential(size=4000), 0) for n in (39, 41, 45, 80, 500, 2000)),
        rng.standard_normal(5),
    ],
)
def test_without_outliers_they_are_standard_deviations(values):
    values = np.asarray(values, float)
    assert_allclose(units_of(column(values))[0], values.std() or 1, rtol=1e-12)


@pytest.mark.parametrize("value", [1e2, -1e3, 1e6, 1e100])
def test_an_outlier_hides_its_feature_less(value):
    """As much as it does with RobustScaler, or a sixteenth of what it does with StandardScaler."""
    values = one(7, 400, value)
    unit, deviation = units_of(column(values))[0], values.std()
    assert_allclose(unit, max(2.3 * RobustScaler().fit(values[:, None]).scale_[0] / 1.35, deviation / 16), rtol=0.2)
    assert_allclose(units_of(column(values)[:, ::-1])[-1], unit)


def test_where_nothing_varies_they_are_one():
    X = column(np.full(50, 0.1))
    X[:, 1], X[:, 2] = 0, -1e7
    assert_array_equal(units_of(X)[:3], 1)
    assert_array_equal(units_of(X[:1]), 1)
    X[:, 3] = np.nan
    assert_array_equal(units_of(X), 1)


@pytest.mark.parametrize(
    "X",
    [
        1e8 + 1e-3 * rng.standard_normal(300).astype(np.float32),
        0.1 + 1e-17 * rng.integers(-2, 3, 300),
        1e20 + 1e4 * rng.integers(-2, 3, 300),
    ],
    ids=["float32", "small", "large"],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rounding_is_not_blown_up(X, dtype):
    X = column(X).astype(dtype)
    assert np.abs((X[:, 0] - X[:, 0].mean(dtype=np.float64)) / units_of(X)[0]).max() < 0.1
    sae = SparseAutoencoder(8, sparsity=None, max_iter=5, scale="features", random_state=0)
    without = np.c_[np.zeros(300), X[:, 1:]]
    assert_allclose(sae.fit_transform(X), sae.fit_transform(without), rtol=0.1, atol=0.1)


def test_missing_values_are_left_out():
    X = one(7, 3000, 1e6)[:, None] * [1, 2]
    X[::3, 1] = np.nan
    got, want = units_of(X), [units_of(X[:, :1])[0], units_of(X[1::3, 1:])[0]]
    assert_allclose(got[1], np.nanstd(X[:, 1]) / 16, rtol=0.2)
    assert_allclose(got[0], want[0])
    assert_allclose(got[1], want[1], rtol=0.3)


def test_dense_sparse_and_mapped_rows_have_the_same(tmp_path, monkeypatch):
    X = sparse.random(5000, 30, 0.6, format="csr", random_state=0)
    X[3, 4] = 1e5
    dense = X.toarray() * np.arange(1, 31) ** 2
    np.save(tmp_path / "X.npy", np.asfortranarray(dense))
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    expected = units_of(dense)
    assert expected[4] < dense[:, 4].std() / 2
    for other in sparse.csr_array(dense), mapped:
        assert_allclose(units_of(other), expected, rtol=1e-12)
        assert have_own_units(Rows(other)) == have_own_units(Rows(dense)) == True  # noqa: E712
    monkeypatch.setattr(data_rows, "TILE_SIZE", 50_000)
    assert_allclose(units_of(dense), expected, rtol=1e-12)


def test_the_sample_is_bounded():
    sizes = []
    for n, d in (10_000, 3), (10_000, 3000), (200, 100_000):
        X = sparse.csr_array((n, d))
        sizes.append(module._sample(Rows(X)).shape)
    assert sizes == [(4096, 3), (1398, 3000), (128, 100_000)]


# the choice


def words(n=400):
    rng = np.random.default_rng(0)
    chance = 1 / np.arange(1, 301)
    vocabulary = np.array([f"w{i}" for i in range(300)])
    return [" ".join(rng.choice(vocabulary, rng.integers(5, 60), p=chance / chance.sum())) for _ in range(n)]


def outlier_dimensions():
    X = np.random.default_rng(0).standard_normal((1000, 256))
    X[:, [3, 70]] *= 100
    return X


def centred_by_hand():
    """Pixels that are constant but for rounding."""
    X = DIGITS / 16 + 0.1
    return X - X.mean(axis=0)


MIXED = np.random.default_rng(0).lognormal([0, 1, 2, 7, 5, 0], [0.2, 0.5, 1, 1, 0.1, 1], (500, 6))
OWN = {
    "wine": WINE,
    "breast cancer": CANCER,
    "diabetes": RAW,
    "mixed": MIXED,
    "mixed, missing": np.where(np.random.default_rng(0).random(MIXED.shape) < 0.3, np.nan, MIXED),
    "few rows": WINE[::8],
    "numbers beside categories": np.column_stack([1000 * MIXED, np.eye(50)[np.arange(500) % 50]]),
}
SHARED = {
    "digits": DIGITS,
    "digits, rounded": centred_by_hand(),
    "digits, standardised": StandardScaler().fit_transform(DIGITS),
    "iris": load_iris().data,
    "wine, standardised": StandardScaler().fit_transform(WINE),
    "diabetes, scaled": load_diabetes().data,
    "tf-idf": TfidfVectorizer().fit_transform(words()),
    "counts": CountVectorizer(dtype=np.float64).fit_transform(words()),
    "one-hot": np.eye(30)[np.random.default_rng(0).geometric(0.2, 600) % 30],
    "embeddings": outlier_dimensions(),
    "features": make_sparse_features(2000, 64, 32, random_state=0)[0],
    "constant": np.ones((30, 4)),
    "one row": WINE[:1],
    "two rows": WINE[:2],
    "nothing observed": np.full((30, 3), np.nan),
}


@pytest.mark.parametrize(
    "own, X", [(True, X) for X in OWN.values()] + [(False, X) for X in SHARED.values()], ids=[*OWN, *SHARED]
)
def test_whether_features_have_units_of_their_own(own, X, monkeypatch):
    """Neither a smaller bound nor a larger one changes it."""
    for bound in (20, 45):
        monkeypatch.setattr(module, "APART", bound)
        assert have_own_units(Rows(X)) == own
        if not sparse.issparse(X) and not np.isnan(X).any():
            assert have_own_units(Rows(sparse.csr_array(X))) == own
            assert have_own_units(Rows(X.astype(np.float32))) == own
            assert have_own_units(Rows(1e6 * X + 3)) == own


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_auto_is_the_same_rule_for_a_fit_and_a_first_chunk(method):
    for X, shape in (WINE, (13,)), (DIGITS, ()):
        sae = SparseAutoencoder(8, max_iter=2, random_state=0)
        assert np.shape(getattr(sae, method)(X).scale_) == shape
        sae.partial_fit(X[:1])  # goes on with what was chosen
        assert np.shape(sae.scale_) == shape


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_small_features_beside_large_ones_vary(dtype):
    """Not by the rounding of the largest feature, but by that of their own."""
    X = np.random.default_rng(0).standard_normal((300, 10)).astype(dtype)
    X[:, 5:] *= 1e6
    assert have_own_units(Rows(X))
