"""The LASSO: against scikit-learn's objective and the optimality conditions, also where atoms depend on one another."""

import warnings

import naive_coding as naive
import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso

from skl_sae.coding import sparse_encode


def problem(seed=0, n=30, n_features=20, n_atoms=45, norms=False):
    rng = np.random.default_rng(seed)
    D = rng.standard_normal((n_atoms, n_features))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    return rng.standard_normal((n, n_features)), D * rng.uniform(0.1, 10, (n_atoms, 1)) if norms else D


def scikit_learn(x, dictionary, alpha, positive=False):
    n = dictionary.shape[1]
    model = Lasso(alpha=alpha / n, fit_intercept=False, tol=1e-12, max_iter=20_000, positive=positive)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it does not get there if atoms are much alike
        return model.fit(dictionary.T, x).coef_


def check(X, D, alpha, positive=False, mask=None):
    """Objectives are scikit-learn's within 1e-8, or less; and the optimality conditions hold to rounding."""
    Z = sparse_encode(X, D, algorithm="lasso", alpha=alpha, positive=positive, mask=mask)
    for x, z, there in zip(X, Z, np.ones(X.shape, bool) if mask is None else mask, strict=True):
        expected = scikit_learn(x[there], D[:, there], alpha, positive)
        most = naive.lasso_objective(x, expected, D, alpha, there) + 1e-8
        assert naive.lasso_objective(x, z, D, alpha, there) <= most
        assert naive.lasso_violation(x, z, D, alpha, positive, there) <= 1e-10 * max(1, np.abs(D @ x).max())
    assert not positive or Z.min() >= 0
    return Z


@pytest.mark.parametrize("alpha", [0.003, 0.1, 0.7])
@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("norms", [False, True])
def test_objective_equals_scikit_learn(alpha, positive, norms):
    Z = check(*problem(norms=norms), alpha, positive)
    assert (Z != 0).sum(axis=1).max() <= 20  # no more than there are features


@pytest.mark.parametrize("share", [0.15, 0.5, 0.9])
@pytest.mark.parametrize("positive", [False, True])
def test_missing_entries_are_left_out(share, positive):
    """Few observed entries, and few missing ones, are summed in different ways."""
    X, D = problem(1, norms=True)
    mask = np.random.default_rng(2).random(X.shape) < share
    mask[:, 0] = True
    check(X, D, 0.1, positive, mask)


@pytest.mark.parametrize("positive", [False, True])
def test_equal_and_opposite_atoms(positive):
    X, D = problem(3)
    check(X, np.vstack([D, D, -D, D[:5]]), 0.05, positive)


@pytest.mark.parametrize("positive", [False, True])
def test_atoms_that_tie_or_depend_on_one_another(positive):
    """Small integers: ties everywhere, and many subsets of atoms of lower rank."""
    rng = np.random.default_rng(4)
    for n_features in (1, 2, 3, 6):
        D = rng.integers(-1, 2, (40, n_features)).astype(float)
        check(rng.integers(-3, 4, (20, n_features)).astype(float), D, 0.5, positive)


def test_atoms_that_are_much_alike():
    rng = np.random.default_rng(5)
    check(rng.random((20, 15)), rng.random((80, 15)) + 3, 0.1)


def test_more_active_atoms_than_memory_was_set_aside_for():
    X, D = problem(6, n=4, n_features=180, n_atoms=400)
    assert (check(X, D, 0.02) != 0).sum(axis=1).min() > 130


def test_zero_atoms_are_never_used():
    X, D = problem(7)
    D[[0, 3]] = 0
    assert not check(X, D, 0.1)[:, [0, 3]].any()


def test_one_atom_and_one_feature():
    X, D = problem(8, n_features=20, n_atoms=1)
    products, square = (X @ D.T)[:, 0], np.square(D).sum()
    expected = np.sign(products) * np.maximum(np.abs(products) - 0.3, 0) / square
    Z = sparse_encode(X, D, algorithm="lasso", alpha=0.3)
    np.testing.assert_allclose(Z[:, 0], expected, atol=1e-12)
    check(X[:, :1], D[:, :1], 0.01)


def test_a_large_penalty_leaves_nothing():
    X, D = problem(9)
    assert not sparse_encode(X, D, algorithm="lasso", alpha=1.001 * np.abs(X @ D.T).max()).any()


@pytest.mark.parametrize("masked", [False, True])
def test_float32_is_optimal_to_its_precision(masked):
    X, D = problem(10, n_features=60, n_atoms=100)
    mask = np.random.default_rng(0).random(X.shape) < 0.8 if masked else None
    small = sparse_encode(X.astype(np.float32), D, algorithm="lasso", alpha=0.2, mask=mask)
    assert small.dtype == np.float32
    for x, z, there in zip(X, small.astype(float), np.ones(X.shape, bool) if mask is None else mask, strict=True):
        assert naive.lasso_violation(x, z, D, 0.2, observed=there) < 2e-5


def test_a_loose_tol_ends_early_with_the_gap_that_was_asked_for():
    X, D = problem(11, n_features=60, n_atoms=200)
    exact = sparse_encode(X, D, algorithm="lasso", alpha=0.05)
    loose = sparse_encode(X, D, algorithm="lasso", alpha=0.05, tol=0.05)
    assert (loose != exact).any()
    for x, z, best in zip(X, loose, exact, strict=True):
        excess = naive.lasso_objective(x, z, D, 0.05) - naive.lasso_objective(x, best, D, 0.05)
        assert -1e-12 < excess <= 0.05 * x @ x


def test_too_few_rounds_are_told():
    X, D = problem(12, n_features=60, n_atoms=200)
    with pytest.warns(ConvergenceWarning, match="30 of 30 rows have not converged after max_iter=1 "):
        Z = sparse_encode(X, D, algorithm="lasso", alpha=0.02, max_iter=1)
    assert (np.square(X - Z @ D).sum(axis=1) < np.square(X).sum(axis=1)).all()


@pytest.mark.parametrize("algorithm", ["lasso", "fista"])
def test_no_penalty_is_an_error(algorithm):
    X, D = problem()
    with pytest.raises(ValueError, match=r"alpha must be positive.*got 0"):
        sparse_encode(X, D, algorithm=algorithm, alpha=0)
