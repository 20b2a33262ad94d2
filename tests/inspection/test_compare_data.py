"""Two data sets compared, against slow twins, and errors of the first kind at the rate that is promised."""

import itertools
from math import comb

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.stats import fisher_exact, mannwhitneyu, norm
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skl_sae import SparseAutoencoder
from skl_sae.inspection import compare_data
from skl_sae.inspection._comparing.differences import compare_levels, compare_rates, superiority_interval, wilson
from skl_sae.inspection._comparing.exchange import permutation_test
from skl_sae.inspection._comparing.fisher import fisher_p_values
from skl_sae.inspection._comparing.mann_whitney import mann_whitney

pd = pytest.importorskip("pandas")


class Positive(TransformerMixin, BaseEstimator):
    """Codes are the data where it is positive."""

    def fit(self, X, y=None):
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        return np.maximum(X, 0)

    def inverse_transform(self, X):
        return np.asarray(X)

    def get_feature_names_out(self, input_features=None):
        return np.array([f"u{j}" for j in range(self.n_features_in_)])


def draw(n, shift=(0, 0, 0, 0), seed=0):
    return np.random.default_rng(seed).normal(size=(n, 4)) + shift


IDENTITY = Positive().fit(draw(5))
A, B = draw(80), draw(60, (0, 1, -1, 0), seed=1)


def compare(A=A, B=B, estimator=IDENTITY, **options):
    return compare_data(estimator, A, B, **{"n_permutations": 99, "random_state": 0, **options})


# rates, levels and their intervals


def test_table_against_its_definition():
    table = compare(n_top=3).units.sort_index()
    for j in range(4):
        a, b = A[:, j][A[:, j] > 0], B[:, j][B[:, j] > 0]
        row = table.loc[j]
        assert row["rate_a"] == len(a) / 80 and row["rate_b"] == len(b) / 60
        assert row["rate_difference"] == pytest.approx(row["rate_b"] - row["rate_a"])
        assert row["rate_low"] < row["rate_difference"] < row["rate_high"]
        assert row["level_a"] == pytest.approx(a.mean()) and row["level_b"] == pytest.approx(b.mean())
        pairs = [(x > y) + (x == y) / 2 for x, y in itertools.product(b, a)]
        assert row["superiority"] == pytest.approx(np.mean(pairs))
        assert row["superiority_low"] < row["superiority"] < row["superiority_high"]
        assert list(row["rows_a"]) == np.argsort(-A[:, j])[:3].tolist()
        assert list(row["rows_b"]) == np.argsort(-B[:, j])[:3].tolist()


def test_discoveries_are_those_of_benjamini_and_hochberg():
    comparison = compare(level=0.2)
    p = []
    for j in range(4):
        a, b = A[:, j] > 0, B[:, j] > 0
        p.append(fisher_exact([[a.sum(), 80 - a.sum()], [b.sum(), 60 - b.sum()]]).pvalue)
    p += [mannwhitneyu(B[:, j][B[:, j] > 0], A[:, j][A[:, j] > 0]).pvalue for j in range(4)]
    order = np.argsort(p)
    below = np.flatnonzero(np.array(p)[order] <= 0.2 * np.arange(1, 9) / 8)
    found = order[: below[-1] + 1]
    table = comparison.units.sort_index()
    both = np.concatenate([table["rate_q"], table["level_q"]]) <= 0.2
    assert_array_equal(np.flatnonzero(both), np.sort(found))
    assert_array_equal(table["differs"], both[:4] | both[4:])


def test_an_interval_of_rates_that_is_published():
    """Newcombe's example: 56 of 70 and 48 of 80, 0.0524 to 0.3339 by the method with Wilson's intervals."""
    effect = compare_rates(np.array([48]), np.array([56]), 80, 70, 0.95)
    assert_allclose([effect.low[0], effect.high[0]], [0.0524, 0.3339], atol=5e-5)


def test_intervals_at_the_ends():
    low, high = wilson(np.array([0, 10]), 10, 1.96)
    assert low[0] == 0 and high[1] == 1 and high[0] < 0.4 < low[1]
    low, high = superiority_interval(np.array([0.0, 1.0, np.nan]), np.array([5, 5, 0]), np.array([5, 5, 3]), 1.96)
    assert low[0] == 0 and 0.1 < high[0] < 0.6 and high[1] == 1 and 0.4 < low[1] < 0.9
    assert np.isnan(low[2]) and np.isnan(high[2])


def test_intervals_cover():
    """Of superiority, where values are exponential, for which the interval is made, and where they are normal."""
    random = np.random.default_rng(0)
    for draw_values, truth in (
        (lambda n, f: random.exponential(f, n), 2 / 3),
        (lambda n, f: random.normal(f, 1, n), norm.cdf(0.5**0.5)),
    ):
        covered = 0
        for _ in range(400):
            a, b = draw_values(15, 1.0), draw_values(25, 2.0)
            estimate = np.array([np.mean(b[:, None] > a)])
            low, high = superiority_interval(estimate, np.array([15]), np.array([25]), norm.ppf(0.975))
            covered += low[0] <= truth <= high[0]
        assert 0.925 <= covered / 400 <= 0.98


def test_units_that_are_inactive_or_constant():
    codes_a, codes_b = sparse.csc_array([[0, 1.0, 1.0], [0, 1.0, 0]]), sparse.csc_array([[2.0, 1.0, 0], [0, 1.0, 0]])
    levels = compare_levels(codes_a, codes_b, 0.95)
    assert_array_equal(levels.estimate, [np.nan, 0.5, np.nan])
    assert_array_equal(levels.p_value, [np.nan, 1, np.nan])
    table = compare(-np.abs(A), -np.abs(B)).units
    assert not table["differs"].any() and np.isnan(table["level_q"]).all() and (table["rate_q"] == 1).all()


# the test of all


def naive_statistic(codes, n_a):
    total = 0.0
    for values in (codes, (codes != 0).astype(float)):
        for column in values.T:
            if np.ptp(column) > 0:
                total += (column[:n_a].mean() - column[n_a:].mean()) ** 2 / column.var()
    return total


def test_permutation_test_against_all_permutations():
    codes = np.maximum(np.random.default_rng(3).normal(size=(7, 3)), 0)
    codes[:3, 0] += 0.7
    exact = []
    for chosen in itertools.combinations(range(7), 3):
        others = [i for i in range(7) if i not in chosen]
        exact.append(naive_statistic(codes[[*chosen, *others]], 3))
    statistic, p = permutation_test(sparse.csr_array(codes), 3, 4000, np.random.RandomState(0))
    assert statistic == pytest.approx(naive_statistic(codes, 3))
    assert p == pytest.approx(np.mean(np.array(exact) >= statistic * (1 - 1e-9)), abs=0.03)


def test_type_one_error_of_the_whole():
    """Rows of one skew distribution, in sets of different size: p <= 0.1 in a tenth of the pairs."""
    random = np.random.default_rng(0)
    small = []
    for seed in range(600):
        codes = sparse.csr_array(np.maximum(random.lognormal(size=(40, 5)) - 2, 0))
        small.append(permutation_test(codes, 12, 99, np.random.RandomState(seed))[1] <= 0.1)
    assert 0.07 <= np.mean(small) <= 0.13


def test_sets_that_differ_are_told_from_those_that_do_not():
    assert compare().p_value == 0.01
    same = compare(A[:40], A[40:])
    assert same.p_value > 0.1 and not same.units["differs"].any()
    assert "do not differ evidently" in same.summary and len(same.summary.splitlines()) == 2


# words


def test_the_summary_says_what_was_planted():
    names = ["length", "width", "depth", "height"]
    comparison = compare(
        draw(400), draw(300, (0, 2, 0, 0), seed=1), feature_names=names, names=("old", "new"), level=0.01
    )
    first, second, third = comparison.summary.splitlines()
    assert first == "old (400 rows) and new (300 rows) differ: p = 0.01, by 99 permutations of the rows."
    assert second == "1 of 4 units differ, at a false discovery rate of 1 %."
    row = comparison.units.iloc[0]
    assert third.startswith(
        f"Unit 1, high width, is active in {100 * row['rate_a']:.0f} % of old and {100 * row['rate_b']:.0f} % of new; "
        f"it is higher in new than in old where it is active: mean {row['level_b']:.3g} against {row['level_a']:.3g}, "
        "higher in"
    )
    assert str(comparison) == comparison.summary


# kinds of data


def test_frames_arrays_and_pipelines():
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    sae = SparseAutoencoder(8, max_iter=3, random_state=0)
    pipe = make_pipeline(StandardScaler(), sae).fit(X)
    table = compare(X[y == 0], X[y == 1], pipe).units
    assert table["name"].str.contains("mean|worst|error").any()
    by_array = compare(X[y == 0].to_numpy(), X[y == 1].to_numpy(), pipe.fit(X.to_numpy())).units
    assert_allclose(table["rate_a"], by_array["rate_a"])


def test_csr_and_missing_values():
    random = np.random.default_rng(0)
    dense = np.where(random.random((90, 12)) < 0.3, random.random((90, 12)), 0.0)
    sae = SparseAutoencoder(6, max_iter=3, random_state=0).fit(dense)
    whole = compare(dense[:50], dense[50:], sae)
    thin = compare(sparse.csr_array(dense[:50]), sparse.csr_array(dense[50:]), sae)
    assert thin.p_value == whole.p_value
    assert_allclose(thin.units["rate_q"], whole.units["rate_q"])
    holed = np.where(random.random(dense.shape) < 0.1, np.nan, dense)
    assert 0 < compare(holed[:50], holed[50:], sae).p_value <= 1
    with pytest.raises(TypeError, match="one sparse set and one dense"):
        compare(sparse.csr_array(dense[:50]), dense[50:], sae)


def test_texts():
    texts_a, texts_b = (
        ["cats and dogs", "a dog", "the cat sat", "dogs run"] * 5,
        ["stars shine", "the moon and stars"] * 5,
    )
    pipe = make_pipeline(TfidfVectorizer(), SparseAutoencoder(4, max_iter=3, random_state=0)).fit(texts_a + texts_b)
    assert compare(texts_a, texts_b, pipe).p_value == 0.01


def test_signed_codes():
    table = compare(estimator=PCA(2).fit(A)).units
    assert (table["rate_a"] == 1).all() and (table["rate_q"] == 1).all()


def test_what_does_not_fit_together():
    with pytest.raises(ValueError, match="X_a has 4 columns and X_b 3"):
        compare(A, B[:, :3])
    with pytest.raises(ValueError, match="expected two different ones"):
        compare(names=("a", "a"))
    with pytest.raises(ValueError, match="n_permutations"):
        compare(n_permutations=0)


def test_one_row_each():
    comparison = compare(A[:1], B[:1])
    assert comparison.p_value == 1 and not comparison.units["differs"].any()


@pytest.mark.parametrize("offset", [1e3, 1e7, 1e9])
def test_an_offset_hides_no_difference(offset):
    random = np.random.default_rng(0)
    codes = offset + random.normal(size=(60, 1)) + np.repeat([0, 3], 30)[:, None]
    statistic, p_value = permutation_test(sparse.csr_array(codes), 30, 99, np.random.RandomState(0))
    same, _ = permutation_test(sparse.csr_array(codes - offset), 30, 99, np.random.RandomState(0))
    assert p_value == 0.01
    assert_allclose(statistic, same, rtol=1e-4)


@pytest.mark.parametrize("names", [3, "ab", ("a",), ("a", "a")])
def test_names_that_are_not_two(names):
    with pytest.raises(ValueError, match="expected two different ones"):
        compare_data(PCA(2).fit(np.eye(4)), np.eye(4), np.eye(4), names=names)


def test_frames_with_columns_in_another_order():
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(20, 3)), columns=list("abc"))
    with pytest.raises(ValueError, match="in the same order"):
        compare_data(PCA(2).fit(X.to_numpy()), X[:10], X[10:][list("bac")])


# the tests of a unit


def test_fisher_against_its_definition_and_scipy():
    """Sums of whole numbers have no rounding, so ties of probabilities are what they are."""
    for n_a, n_b in ((1, 1), (1, 5), (7, 4), (12, 12), (30, 20)):
        active_a, active_b = (each.ravel() for each in np.meshgrid(np.arange(n_a + 1), np.arange(n_b + 1)))
        found = fisher_p_values(active_a, active_b, n_a, n_b)
        for a, b, p in zip(active_a.tolist(), active_b.tolist(), found):
            ways = [comb(n_a, x) * comb(n_b, a + b - x) for x in range(max(0, a + b - n_b), min(a + b, n_a) + 1)]
            rare = [each for each in ways if each <= comb(n_a, a) * comb(n_b, b)]
            assert p == pytest.approx(sum(rare) / sum(ways), rel=1e-13)
    random = np.random.default_rng(0)
    for n_a, n_b in ((50_000, 50_000), (30_000, 71_000)):
        rates = random.random(6) ** 3
        active = random.binomial(n_a, rates), random.binomial(n_b, rates * random.uniform(0.97, 1.0, 6))
        expected = [fisher_exact([[a, n_a - a], [b, n_b - b]]).pvalue for a, b in zip(*active)]
        assert_allclose(fisher_p_values(*active, n_a, n_b), expected, rtol=1e-8, atol=1e-10)


def test_fisher_of_sets_that_have_nothing_in_common():
    assert_array_equal(fisher_p_values(np.array([0, 9000]), np.array([0, 9000]), 9000, 9000), 1)
    assert fisher_p_values(np.array([9000]), np.array([0]), 9000, 9000)[0] == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_mann_whitney_against_scipy(dtype):
    random = np.random.default_rng(0)
    for m, n in ((1, 1), (1, 30), (8, 8), (3, 101), (60, 8), (9, 9), (40, 70)):
        for _ in range(5):
            a, b = random.normal(size=m).astype(dtype), random.normal(random.normal(), size=n).astype(dtype)
            tied = random.integers(0, 4, m).astype(dtype), random.integers(1, 6, n).astype(dtype)
            for x, y in ((a, b), tied):
                expected = mannwhitneyu(y.astype(np.float64), x.astype(np.float64))
                if np.ptp(np.concatenate([x, y])):
                    assert_allclose(mann_whitney(x, y), [expected.statistic / (m * n), expected.pvalue], rtol=1e-10)


def test_ranks_of_many_values_in_single_precision():
    random = np.random.default_rng(0)
    a, b = random.integers(1, 999, (2, 20_000)).astype(np.float32)
    expected = mannwhitneyu(b.astype(np.float64), a.astype(np.float64))
    levels = compare_levels(sparse.csc_array(a[:, None]), sparse.csc_array(b[:, None]), 0.95)
    assert_allclose([levels.estimate[0], levels.p_value[0]], [expected.statistic / 4e8, expected.pvalue], rtol=1e-9)


def test_few_values_against_many():
    """The distribution of scipy takes minutes here."""
    a, b = np.arange(8) + 0.5, np.arange(50_000.0)
    superiority, p = mann_whitney(a, b)
    assert superiority == pytest.approx(1 - 36 / 4e5)
    # the eight values among the lowest: 0, 1, ... have 1, 2, ... of them below, as few as in so many partitions
    counts = np.zeros(37)
    counts[0] = 1
    for part in range(1, 9):
        for i in range(part, 37):
            counts[i] += counts[i - part]
    assert p == pytest.approx(2 * counts.sum() / comb(50_008, 8), rel=1e-10)
