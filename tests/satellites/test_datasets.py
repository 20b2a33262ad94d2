import tracemalloc

import numpy as np
import pytest
import sklearn.datasets
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse, stats

from skl_sae.datasets import load_mnist, make_sparse_features
from skl_sae.datasets._world import World, zipf_probabilities
from skl_sae.metrics import dictionary_match, feature_density, l0

# Naive twins


def naive_parents(n_roots, n_children, depth):
    """Parent of each feature of the trees (None for roots), numbering nodes level by level with a queue."""
    parents = [None] * n_roots
    level = list(range(n_roots))
    for _ in range(depth):
        below = []
        for parent in level:
            for _ in range(n_children):
                below.append(len(parents))
                parents.append(parent)
        level = below
    return parents


def naive_tree_probabilities(probabilities, parents):
    """What each feature gets when siblings share at most one firing of their parent."""
    got = list(map(float, probabilities))
    for i, parent in enumerate(parents):
        if parent is not None:
            asked = sum(p for p, q in zip(probabilities[: len(parents)], parents, strict=True) if q == parent)
            got[i] = probabilities[i] * min(1.0, got[parent] / asked) if asked > 0 else 0.0
    return np.array(got)


def assert_rates(codes, probabilities):
    """Each column is active as often as a coin of its probability allows (5 standard errors)."""
    n = codes.shape[0]
    error = np.sqrt(probabilities * (1 - probabilities) / n)
    assert np.all(np.abs(feature_density(codes) - probabilities) <= 5 * error + 1e-12)


# X, codes and dictionary


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sparse_codes", [True, False])
def test_data_are_codes_times_dictionary(dtype, sparse_codes):
    X, codes, dictionary = make_sparse_features(700, 40, 25, sparse_codes=sparse_codes, dtype=dtype, random_state=0)
    assert X.shape == (700, 25) and codes.shape == (700, 40) and dictionary.shape == (40, 25)
    assert X.dtype == codes.dtype == dictionary.dtype == dtype
    assert sparse.issparse(codes) == sparse_codes
    tolerance = 30 * np.finfo(dtype).eps
    assert_allclose(np.linalg.norm(dictionary, axis=1), 1.0, atol=tolerance)
    dense = codes.toarray() if sparse_codes else codes
    assert_allclose(X, dense @ dictionary, atol=tolerance)
    assert dense.min() == 0


def test_sparse_and_dense_codes_are_the_same():
    X, codes, _ = make_sparse_features(9000, 300, 8, random_state=1)
    X_dense, dense, _ = make_sparse_features(9000, 300, 8, sparse_codes=False, random_state=1)
    assert_array_equal(X, X_dense)
    assert_array_equal(codes.toarray(), dense)
    assert codes.has_canonical_format and codes.indices.dtype == codes.indptr.dtype == np.int32
    assert (codes.data > 0).all()  # every stored entry fired


def test_dictionary_is_random_and_isotropic():
    _, _, dictionary = make_sparse_features(1, 2000, 10, random_state=0)
    assert_allclose(dictionary.T @ dictionary / 2000, np.eye(10) / 10, atol=0.02)
    assert_allclose(dictionary.mean(axis=0), 0, atol=0.05)


def test_orthogonalize():
    _, _, few = make_sparse_features(1, 16, 32, orthogonalize=True, dtype=np.float64, random_state=0)
    assert_allclose(few @ few.T, np.eye(16), atol=1e-12)
    _, _, many = make_sparse_features(1, 96, 32, orthogonalize=True, dtype=np.float64, random_state=0)
    _, _, random = make_sparse_features(1, 96, 32, dtype=np.float64, random_state=0)
    bound = 96**2 / 32  # smallest possible sum of squared cosines (Welch)
    assert bound <= np.sum((many @ many.T) ** 2) < 1.001 * bound
    assert np.sum((random @ random.T) ** 2) > 1.2 * bound
    assert_allclose(np.linalg.norm(many, axis=1), 1.0)
    # It stays a random dictionary: nothing like a copy of the identity.
    assert dictionary_match(many, random, random_state=0).hungarian > 0.8


def test_noise_and_bias():
    X, codes, dictionary = make_sparse_features(4000, 50, 20, random_state=0)
    noisy, same_codes, same_dictionary = make_sparse_features(4000, 50, 20, noise=0.3, bias=2.5, random_state=0)
    assert_array_equal(codes.toarray(), same_codes.toarray())
    assert_array_equal(dictionary, same_dictionary)
    difference = noisy - X
    bias = difference.mean(axis=0)
    assert_allclose(np.linalg.norm(bias), 2.5, atol=0.03)
    noise = (difference - bias).ravel()
    assert_allclose(noise.std(), 0.3, rtol=0.01)
    assert stats.kstest(noise / 0.3, "norm").pvalue > 1e-3
    alone, _, _ = make_sparse_features(10, 50, 20, bias=2.5, firing_probabilities=np.zeros(50), random_state=0)
    assert_allclose(np.linalg.norm(alone, axis=1), 2.5, rtol=1e-6)
    assert_array_equal(alone, np.tile(alone[0], (10, 1)))


# Rows of an endless table


@pytest.mark.parametrize("options", [{}, {"correlation_scale": 0.1, "hierarchy": (3, 4, 2), "noise": 0.1}])
def test_start_continues_the_same_table(options):
    # 4096 features make blocks of 512 rows: 1300 rows cross two borders.
    def rows(n, start):
        return make_sparse_features(n, 4096, 6, start=start, random_state=3, **options)

    X, codes, dictionary = rows(1300, 0)
    for n, start in [(1, 0), (500, 0), (600, 500), (512, 512), (1, 1299), (13, 511)]:
        X_part, codes_part, same = rows(n, start)
        assert_allclose(X_part, X[start : start + n], atol=1e-6)
        assert (codes_part != codes[start : start + n]).nnz == 0
        assert_array_equal(same, dictionary)
    assert np.mean(X[:512] == X[512:1024]) < 0.05  # blocks do not repeat


def test_random_state():
    def draw(state):
        return make_sparse_features(50, 30, 10, noise=0.1, random_state=state)

    first, again, other = draw(0), draw(0), draw(1)
    for a, b, c in zip(first, again, other, strict=True):
        a, b, c = (m.toarray() if sparse.issparse(m) else m for m in (a, b, c))
        assert_array_equal(a, b)
        assert not np.array_equal(a, c)
    state = np.random.RandomState(0)
    assert_array_equal(draw(state)[0], first[0])
    assert not np.array_equal(draw(state)[0], first[0])  # an instance moves on


# Firing


def test_zipf_probabilities():
    p = zipf_probabilities(1000, 0.5, 5.0)
    assert_allclose(p.sum(), 5.0)
    assert_allclose(p[0] / p[99], 10.0)
    assert_allclose(zipf_probabilities(8, 0.0, 2.0), 0.25)
    steep = zipf_probabilities(10, 2.0, 3.0)  # the most frequent features reach 1, the others share the rest
    assert_allclose(steep.sum(), 3.0)
    assert steep.max() == 1.0 and steep[0] == 1.0 and steep[-1] > 0
    free = steep[steep < 1]
    assert_allclose(free / free[-1], (np.arange(11 - len(free), 11) / 10.0) ** -2)
    assert_allclose(zipf_probabilities(4, 1.0, 4.0), 1.0)


@pytest.mark.parametrize("exponent", [0.0, 1.0])
def test_firing_rates_follow_zipf(exponent):
    _, codes, _ = make_sparse_features(40000, 64, 2, mean_active=4, zipf_exponent=exponent, random_state=0)
    p = np.arange(1, 65) ** -exponent
    assert_rates(codes, 4 * p / p.sum())
    assert_allclose(l0(codes), 4.0, atol=0.05)


@pytest.mark.parametrize("correlation_scale", [0.0, 0.15])
def test_given_probabilities_include_never_and_always(correlation_scale):
    p = np.array([0.0, 1.0, 0.5, 0.9, 0.01, 0.999, 1e-4])
    _, codes, _ = make_sparse_features(
        50000, 7, 2, firing_probabilities=p, correlation_scale=correlation_scale, random_state=0
    )
    assert_rates(codes, p)
    density = feature_density(codes)
    assert density[0] == 0 and density[1] == 1


def test_features_fire_independently():
    _, codes, _ = make_sparse_features(40000, 12, 2, mean_active=3, zipf_exponent=0, random_state=0)
    active = codes.toarray() > 0
    correlation = np.corrcoef(active.T) - np.eye(12)
    assert np.abs(correlation).max() < 5 / np.sqrt(40000)
    assert_allclose(active.sum(axis=1).var(), 12 * 0.25 * 0.75, rtol=0.03)  # binomial, not a fixed count
    lag = np.corrcoef(active[1:, 0], active[:-1, 0])[0, 1]
    assert abs(lag) < 5 / np.sqrt(40000)  # rows are independent too


def test_correlation_is_the_gaussian_copula():
    p = np.array([0.3, 0.2, 0.1, 0.25, 0.15, 0.3])
    world = World(p.copy(), None, "constant", 0.6, 2, np.random.default_rng(0))
    n = 100_000
    active = world.codes(n, np.random.default_rng(1)).toarray() > 0
    assert_rates(active, p)  # frequencies do not change
    correlation = np.array(world.factor @ world.factor.T, dtype=float)
    assert np.diag(correlation).max() < 1
    thresholds = stats.norm.isf(p)
    strong = 0
    for i in range(6):
        for j in range(i):
            covariance = [[1.0, correlation[i, j]], [correlation[i, j], 1.0]]
            joint = stats.multivariate_normal.cdf([-thresholds[i], -thresholds[j]], cov=covariance)
            observed = np.mean(active[:, i] & active[:, j])
            assert abs(observed - joint) < 5 * np.sqrt(joint * (1 - joint) / n) + 1e-5
            strong += abs(joint - p[i] * p[j]) > 0.01  # far outside the tolerance of independence
    assert strong >= 4


def test_correlation_is_visible_and_rank_limits_it():
    def spectrum(**options):
        _, codes, _ = make_sparse_features(20000, 60, 2, mean_active=12, zipf_exponent=0, random_state=0, **options)
        return np.linalg.eigvalsh(np.corrcoef((codes.toarray() > 0).T))[::-1]

    independent, correlated = spectrum(), spectrum(correlation_scale=0.4, correlation_rank=3)
    assert independent[0] < 1.2
    assert (correlated[:3] > 4).all() and correlated[3] < 2  # three factors


# Hierarchy


@pytest.fixture(scope="module")
def forest():
    """Two trees of 1 + 3 + 9 features, and 4 features outside; the second tree asks for more than it has."""
    p = np.array([0.6, 0.1] + [0.15] * 3 + [0.2, 0.1, 0.05] + [0.04] * 18 + [0.5, 0.1, 0.01, 0.3])
    parents = naive_parents(2, 3, 2)
    _, codes, _ = make_sparse_features(
        60000, 30, 2, firing_probabilities=p, hierarchy=(2, 3, 2), correlation_scale=0.1, random_state=0
    )
    return p, parents, codes.toarray()


def test_a_child_fires_only_with_its_parent(forest):
    _, parents, codes = forest
    assert len(parents) == 26
    for child, parent in enumerate(parents):
        if parent is not None:
            fires = codes[:, child] > 0
            assert fires.any() and (codes[fires, parent] > 0).all()


def test_siblings_exclude_each_other(forest):
    _, parents, codes = forest
    for parent in range(8):
        children = [i for i, q in enumerate(parents) if q == parent]
        together = (codes[:, children] > 0).sum(axis=1)
        assert len(children) == 3 and together.max() == 1
    assert (codes[:, :2] > 0).sum(axis=1).max() == 2  # roots are free


def test_hierarchy_keeps_frequencies_where_it_can(forest):
    p, parents, codes = forest
    expected = naive_tree_probabilities(p, parents)
    assert_allclose(expected[:5], p[:5])  # .15 + .15 + .15 <= .6: kept
    assert_allclose(expected[5:8], p[5:8] * 0.1 / 0.35)  # .2 + .1 + .05 > .1: shared
    assert_rates(codes, expected)


def test_features_outside_the_trees_do_not_depend_on_them():
    p = np.full(10, 0.3)
    _, codes, _ = make_sparse_features(40000, 10, 2, firing_probabilities=p, hierarchy=(2, 2, 1), random_state=0)
    correlation = np.corrcoef((codes.toarray() > 0).T)
    assert np.abs(correlation[6:, :6]).max() < 5 / np.sqrt(40000)
    assert correlation[0, 2] > 0.3  # a child and its parent


def test_child_magnitudes_are_scaled_by_the_parent():
    _, codes, _ = make_sparse_features(
        20000, 7, 2, firing_probabilities=[0.9] + [0.4] * 2 + [0.1] * 4, hierarchy=(1, 2, 2), random_state=0
    )
    codes = codes.toarray()
    for child, parent in enumerate(naive_parents(1, 2, 2)):
        active = codes[codes[:, child] > 0]
        relative = active[:, child] if parent is None else active[:, child] / (active[:, parent] / 0.5)
        assert stats.kstest(relative, "uniform").pvalue > 1e-3
    both = codes[codes[:, 1] > 0]
    assert stats.pearsonr(both[:, 0], both[:, 1]).statistic > 0.4


# Magnitudes


def test_uniform_and_constant_magnitudes():
    _, codes, _ = make_sparse_features(5000, 20, 2, random_state=0)
    assert stats.kstest(codes.data, "uniform").pvalue > 1e-3
    _, codes, _ = make_sparse_features(500, 21, 2, magnitude="constant", hierarchy=(1, 4, 2), random_state=0)
    assert_array_equal(codes.data, 1.0)
    assert codes.has_canonical_format


def test_normal_magnitudes():
    n_features = 400
    world = World(np.full(n_features, 0.5), None, "normal", 0.0, 1, np.random.default_rng(0))
    codes = world.codes(4000, np.random.default_rng(1)).tocsc()
    values = [codes.data[start:stop] for start, stop in zip(codes.indptr, codes.indptr[1:], strict=False)]
    means, stds = np.array([v.mean() for v in values]), np.array([v.std() for v in values])
    narrow = stds < 1.2  # few values are folded at zero
    assert narrow.mean() > 0.8
    expected = np.linspace(5, 4, n_features)
    assert np.all(np.abs(means - expected)[narrow] < 5 * stds[narrow] / np.sqrt(1800))
    assert stats.kstest(stds[narrow], stats.foldnorm(1.0, scale=0.5).cdf).statistic < 0.15
    assert codes.data.min() > 0


# Published settings


def test_toy_of_sharkey_et_al():
    p = 0.99 ** np.arange(512)
    _, codes, _ = make_sparse_features(20000, 512, 256, firing_probabilities=5 * p / p.sum(), random_state=0)
    assert_allclose(l0(codes), 5.0, atol=0.1)
    density = feature_density(codes)
    assert_allclose(density[100:120].sum() / density[:20].sum(), 0.99**100, rtol=0.1)


def test_world_of_synthsaebench():
    # Published: mean L0 about 34, about 25 of it among the first 4096 features, mean largest overlap about .15.
    p = np.arange(1, 16385) ** -0.5
    p = 5e-4 + (0.4 - 5e-4) * (p - p[-1]) / (p[0] - p[-1])
    _, codes, dictionary = make_sparse_features(
        512, 16384, 768, firing_probabilities=p, hierarchy=(128, 4, 3), correlation_scale=0.1, magnitude="normal",
        bias=0.5, random_state=42,
    )  # fmt: skip
    assert_allclose(l0(codes), 34, atol=3)
    assert_allclose(l0(codes[:, :4096]), 25, atol=2.5)
    overlaps = np.abs(dictionary[:50] @ dictionary.T)
    overlaps[np.arange(50), np.arange(50)] = 0
    assert_allclose(overlaps.max(axis=1).mean(), 0.15, atol=0.015)


# Memory


@pytest.mark.parametrize("correlation_scale", [0.0, 0.1])
def test_codes_are_never_dense(correlation_scale):
    tracemalloc.start()
    try:
        X, codes, _ = make_sparse_features(
            60000, 512, 8, correlation_scale=correlation_scale, random_state=0
        )  # dense codes: 123 MB
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    stored = codes.data.nbytes + codes.indices.nbytes + codes.indptr.nbytes
    assert peak < X.nbytes + 2.5 * stored + 40e6


# Errors


@pytest.mark.parametrize(
    "options, message",
    [
        ({"n_samples": 0}, "'n_samples' parameter of make_sparse_features must be an int"),
        ({"mean_active": 65}, "mean_active is 65; expected at most n_features = 64"),
        ({"mean_active": 0}, "'mean_active'"),
        ({"firing_probabilities": np.ones(3)}, r"firing_probabilities has shape \(3,\); expected .* \(64,\)"),
        ({"firing_probabilities": np.full(64, 1.5)}, "firing_probabilities lie between 1.5 and 1.5"),
        ({"firing_probabilities": np.full(64, np.nan)}, "firing_probabilities contains NaN"),
        ({"hierarchy": (2, 4)}, r"hierarchy is \(2, 4\); expected three positive integers"),
        ({"hierarchy": (2, 4, 0)}, "expected three positive integers"),
        ({"hierarchy": (2, 4, 3)}, r"needs 170 features; expected at most n_features = 64"),
        ({"magnitude": "gamma"}, "'magnitude'"),
        ({"noise": -1.0}, "'noise'"),
        ({"start": -1}, "'start'"),
        ({"dtype": np.int32}, "dtype is int32; expected float32 or float64"),
    ],
)
def test_errors_name_the_parameter(options, message):
    with pytest.raises(ValueError, match=message):
        make_sparse_features(**{"n_samples": 5, "n_features": 64, "n_dim": 4} | options)


def test_the_caller_keeps_its_probabilities():
    p = np.full(6, 0.5)
    make_sparse_features(5, 6, 2, firing_probabilities=p, hierarchy=(2, 2, 1), random_state=0)
    assert_array_equal(p, 0.5)


# MNIST


@pytest.fixture(scope="module")
def digits():
    """Stand-in for MNIST: one pixel of each image tells its row."""
    X = np.zeros((70000, 784), dtype=np.uint8)
    rows = np.arange(70000)
    X[rows, rows % 784] = rows % 255 + 1
    return X, (rows % 10).astype(np.uint8)


def assert_is_mnist(parts, digits, dtype):
    X, y = digits
    X_train, y_train, X_test, y_test = parts
    assert X_train.shape == (60000, 784) and X_test.shape == (10000, 784)
    assert X_train.dtype == X_test.dtype == dtype
    assert y_train.dtype == y_test.dtype == np.int64
    assert_array_equal(y_train, y[:60000])
    assert_array_equal(y_test, y[60000:])
    assert X_train.max() == 1.0 and X_train.min() == 0.0
    assert_array_equal(X_test, X[60000:].astype(dtype) / dtype(255))
    assert_array_equal(X_train[::1000], X[:60000:1000].astype(dtype) / dtype(255))


def test_load_mnist_from_a_file(digits, tmp_path):
    path = tmp_path / "mnist.npz"
    np.savez(path, X=digits[0], y=digits[1])
    assert_is_mnist(load_mnist(path), digits, np.float32)
    assert load_mnist(str(path), dtype=np.float64)[0].dtype == np.float64


def test_load_mnist_from_openml(digits, monkeypatch):
    def fetch_openml(name, *, version, return_X_y, as_frame):
        assert (name, version, return_X_y, as_frame) == ("mnist_784", 1, True, False)
        return digits[0].astype(np.int64), digits[1].astype(str).astype(object)  # digits come as strings

    monkeypatch.setattr(sklearn.datasets, "fetch_openml", fetch_openml)
    assert_is_mnist(load_mnist(), digits, np.float32)


def test_load_mnist_errors(tmp_path):
    path = tmp_path / "other.npz"
    np.savez(path, images=np.zeros(3), y=np.zeros(3))
    with pytest.raises(ValueError, match=r"has the arrays \['images', 'y'\]; expected 'X' and 'y' \(\['X'\] missing\)"):
        load_mnist(path)
    np.savez(path, X=np.zeros((5, 784)), y=np.zeros(5))
    with pytest.raises(ValueError, match=r"X has shape \(5, 784\) and y \(5,\); expected \(70000, 784\)"):
        load_mnist(path)
    with pytest.raises(ValueError, match="dtype is uint8; expected float32 or float64"):
        load_mnist(path, dtype=np.uint8)
    with pytest.raises(FileNotFoundError):
        load_mnist(tmp_path / "missing.npz")
