"""Thresholds, with and without iterations: against scikit-learn, the slow twins and signals whose code is known."""

import naive_coding as naive
import numpy as np
import pytest
from sklearn import decomposition
from sklearn.exceptions import ConvergenceWarning

from skl_sae.coding import sparse_encode


def problem(seed=0, n=60, n_features=40, n_atoms=70, norms=False):
    rng = np.random.default_rng(seed)
    D = rng.standard_normal((n_atoms, n_features))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    return rng.standard_normal((n, n_features)), D * rng.uniform(0.1, 10, (n_atoms, 1)) if norms else D


def signals(seed, k, noise=0.0):
    """Rows of k atoms each, and their codes."""
    rng = np.random.default_rng(seed)
    D = rng.standard_normal((120, 80)) * rng.uniform(0.2, 5, (120, 1))
    Z = np.zeros((100, 120))
    for z in Z:
        z[rng.choice(120, k, replace=False)] = rng.choice([-1, 1], k) * rng.uniform(0.5, 2, k)
    Z /= np.linalg.norm(D, axis=1)
    return Z @ D + noise * rng.standard_normal((100, 80)), D, Z


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("norms", [False, True])
def test_threshold_equals_scikit_learn(positive, norms):
    X, D = problem(norms=norms)
    expected = decomposition.sparse_encode(X, D, algorithm="threshold", alpha=0.7, positive=positive)
    codes = sparse_encode(X, D, algorithm="threshold", alpha=0.7, positive=positive)
    np.testing.assert_allclose(codes, expected, atol=1e-12)
    np.testing.assert_array_equal(codes != 0, expected != 0)


def test_threshold_of_zero_keeps_correlations():
    X, D = problem()
    np.testing.assert_allclose(sparse_encode(X, D, algorithm="threshold", alpha=0), X @ D.T, atol=1e-12)


def test_threshold_sees_what_is_observed():
    X, D = problem(1)
    mask = np.random.default_rng(0).random(X.shape) < 0.5
    expected = sparse_encode(X * mask, D, algorithm="threshold", alpha=0.4)
    np.testing.assert_array_equal(sparse_encode(X, D, algorithm="threshold", alpha=0.4, mask=mask), expected)


@pytest.mark.parametrize("algorithm", ["topk", "iht"])
@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("k", [1, 6])
def test_equals_the_slow_twin(algorithm, positive, masked, k):
    X, D = problem(2, norms=True)
    mask = np.random.default_rng(3).random(X.shape) < 0.7 if masked else np.ones(X.shape, bool)
    twin = {"topk": naive.top_k, "iht": naive.iterative_thresholding}[algorithm]
    codes = sparse_encode(
        X, D, algorithm=algorithm, n_nonzero_coefs=k, positive=positive, mask=mask if masked else None
    )
    expected = [twin(x, D, k, positive, there) for x, there in zip(X, mask, strict=True)]
    np.testing.assert_allclose(codes, expected, atol=1e-9)
    assert (codes != 0).sum(axis=1).max() == k


@pytest.mark.parametrize("algorithm", ["topk", "iht"])
def test_more_coefficients_than_there_are_atoms(algorithm):
    X, D = problem(4, n_atoms=5)
    D[2] = 0
    codes = sparse_encode(X, D, algorithm=algorithm, n_nonzero_coefs=50)
    used = np.array([0, 1, 3, 4])
    assert not codes[:, 2].any() and codes[:, used].all()
    if algorithm == "iht":
        np.testing.assert_allclose(codes[:, used].T, np.linalg.lstsq(D[used].T, X.T)[0], atol=1e-10)


@pytest.mark.parametrize("algorithm", ["topk", "iht"])
def test_equal_atoms_and_more_than_features(algorithm):
    X, D = problem(5, n_features=3, n_atoms=20)
    codes = sparse_encode(X, np.vstack([D, D, np.zeros((1, 3))]), algorithm=algorithm, n_nonzero_coefs=7)
    assert np.isfinite(codes).all() and (codes != 0).sum(axis=1).max() <= 7
    if algorithm == "iht":
        assert np.square(X - codes @ np.vstack([D, D, np.zeros((1, 3))])).sum() < 1e-3 * np.square(X).sum()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("masked", [False, True])
def test_iterations_find_the_code_that_made_a_signal(dtype, masked):
    X, D, Z = signals(6, 8)
    mask = np.random.default_rng(7).random(X.shape) < 0.9 if masked else None
    codes = sparse_encode(X.astype(dtype), D, algorithm="iht", n_nonzero_coefs=8, mask=mask)
    found = ((codes != 0) == (Z != 0)).all(axis=1)
    assert found.mean() >= 0.9
    np.testing.assert_allclose(codes[found], Z[found], rtol=1e-8 if dtype == np.float64 else 1e-3)


def test_iterations_are_never_worse_than_least_squares_on_the_first_support():
    X, D, _ = signals(8, 20, noise=0.3)
    first = sparse_encode(X, D, algorithm="topk", n_nonzero_coefs=20)
    codes = sparse_encode(X, D, algorithm="iht", n_nonzero_coefs=20)
    errors = np.square(X - codes @ D).sum(axis=1)
    for x, z, error in zip(X, first, errors, strict=True):
        fit = D[z != 0].T @ np.linalg.lstsq(D[z != 0].T, x)[0]
        assert error <= np.square(x - fit).sum() * 1.5
    for x, z in zip(X, codes, strict=True):
        np.testing.assert_allclose(D[z != 0] @ (x - z @ D), 0, atol=1e-9)


def test_iterations_end_when_the_error_is_small_enough():
    X, D, _ = signals(9, 6, noise=0.05)
    exact = sparse_encode(X, D, algorithm="iht", n_nonzero_coefs=10)
    early = sparse_encode(X, D, algorithm="iht", n_nonzero_coefs=10, tol=1.0)
    assert np.square(X - early @ D).sum(axis=1).max() <= 1
    assert np.square(X - early @ D).sum() > np.square(X - exact @ D).sum()


def test_too_few_iterations_are_told():
    X, D, _ = signals(10, 20)
    with pytest.warns(ConvergenceWarning, match="rows have not converged after max_iter=1 "):
        sparse_encode(X, D, algorithm="iht", n_nonzero_coefs=20, max_iter=1)
