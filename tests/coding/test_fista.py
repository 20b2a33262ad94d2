"""FISTA: against the LASSO, by the Gram matrix and by residuals."""

import naive_coding as naive
import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from skl_sae.coding import sparse_encode


def problem(seed=0, n=40, n_features=30, n_atoms=50):
    rng = np.random.default_rng(seed)
    D = rng.standard_normal((n_atoms, n_features))
    return rng.standard_normal((n, n_features)), D * rng.uniform(0.5, 2, (n_atoms, 1)) / np.sqrt(n_features)


def excess(X, Z, D, alpha, positive, mask):
    """By how much objectives exceed the least ones, as a share of the rows' squared norms."""
    best = sparse_encode(X, D, algorithm="lasso", alpha=alpha, positive=positive, mask=mask)
    rows = zip(X, Z, best, np.ones(X.shape, bool) if mask is None else mask, strict=True)
    return [
        (naive.lasso_objective(x, z, D, alpha, there) - naive.lasso_objective(x, b, D, alpha, there))
        / np.square(x[there]).sum()
        for x, z, b, there in rows
    ]


@pytest.mark.parametrize("n_atoms", [50, 70])
@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_objective_equals_the_lasso(n_atoms, positive, masked):
    """With more than twice as many atoms as features, and with missing entries, by way of the residuals."""
    X, D = problem(n_atoms=n_atoms)
    mask = np.random.default_rng(1).random(X.shape) < 0.6 if masked else None
    Z = sparse_encode(X, D, algorithm="fista", alpha=0.1, positive=positive, mask=mask, max_iter=5000)
    assert np.abs(excess(X, Z, D, 0.1, positive, mask)).max() <= 1e-8
    assert not positive or Z.min() >= 0


@pytest.mark.parametrize("tol", [1e-2, 1e-4, 1e-12])
def test_ends_with_the_gap_that_was_asked_for(tol):
    X, D = problem(2)
    Z = sparse_encode(X, D, algorithm="fista", alpha=0.1, tol=tol, max_iter=5000)
    differences = excess(X, Z, D, 0.1, False, None)
    assert max(differences) <= tol
    assert tol < 1e-6 or max(differences) > 1e-7


def test_float32():
    X, D = problem(3)
    Z = sparse_encode(X.astype(np.float32), D, algorithm="fista", alpha=0.1)
    assert max(excess(X, Z.astype(float), D, 0.1, False, None)) <= 2e-5


def test_zeros_are_exact():
    X, D = problem(4)
    best = sparse_encode(X, D, algorithm="lasso", alpha=0.3)
    np.testing.assert_array_equal(sparse_encode(X, D, algorithm="fista", alpha=0.3, tol=1e-12) != 0, best != 0)


def test_too_few_steps_are_told():
    X, D = problem(5)
    X[0] = 0
    with pytest.warns(ConvergenceWarning, match="39 of 40 rows have not converged after max_iter=3 "):
        Z = sparse_encode(X, D, algorithm="fista", alpha=0.01, max_iter=3)
    assert Z[1:].any(axis=1).all()
