"""Basis pursuit: optimal, the same for a row alone and among others, and clear about what has no solution."""

import naive_coding
import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import nnls
from sklearn.datasets import make_sparse_coded_signal
from sklearn.linear_model import Lasso

from skl_sae.coding import _basis_pursuit, basis_pursuit, sparse_encode
from skl_sae.coding._coders import splitting


def problem(kind, seed, n_signals=6):
    """A matrix, and measurements that some signals have."""
    rng = np.random.default_rng(seed)
    m, n = rng.integers(2, 13), rng.integers(4, 31)
    A = rng.standard_normal((m, n))
    if kind == "integers":  # ties, and many solutions
        A = rng.choice([-1.0, 0.0, 1.0], (m, n))
    elif kind == "duplicates":
        A = A[:, rng.integers(0, n, n)] * rng.choice([-1, 1], n)
    elif kind == "rank-deficient":
        A = A[:, : m // 2 + 1] @ rng.standard_normal((min(m // 2 + 1, n), n))
    elif kind == "tall":
        A = rng.standard_normal((n + 3, n))
    X = rng.standard_normal((n_signals, n)) * (rng.random((n_signals, n)) < rng.uniform(0.1, 1))
    return A, X


KINDS = ["gaussian", "integers", "duplicates", "rank-deficient", "tall"]


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_objective_is_that_of_linear_programming(kind, positive):
    for seed in range(6):
        A, X = problem(kind, seed)
        Y = (np.abs(X) if positive else X) @ A.T
        found = basis_pursuit(A, Y, positive=positive)
        assert not positive or found.min() >= 0
        np.testing.assert_allclose(found @ A.T, Y, atol=1e-8 * np.abs(Y).max(initial=1))
        expected = [np.abs(naive_coding.basis_pursuit(A, y, positive)).sum() for y in Y]
        np.testing.assert_allclose(np.abs(found).sum(axis=1), expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_noise_ball_is_the_lasso_with_its_multiplier(seed):
    """At the optimum the largest correlation of the residual is the weight for which LASSO has the same solution."""
    rng = np.random.default_rng(seed)
    A, Y = rng.standard_normal((15, 30)), rng.standard_normal((5, 15))
    found = basis_pursuit(A, Y, noise=0.7)
    for y, x in zip(Y, found):
        residual = y - A @ x
        assert np.linalg.norm(residual) == pytest.approx(0.7)
        lasso = Lasso(np.abs(A.T @ residual).max() / 15, fit_intercept=False, tol=1e-12, max_iter=100_000)
        np.testing.assert_allclose(x, lasso.fit(A, y).coef_, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_noise_ball_has_a_certificate(kind):
    """The point of the dual problem proves that nothing inside of the ball has a smaller norm."""
    for seed in range(4):
        A, X = problem(kind, seed)
        for noise in (1e-2, 0.5, 1e3):
            measured = _basis_pursuit.Measurements(A)
            x, dual, failed = _basis_pursuit.pursue(measured, X @ A.T, noise, False, 10_000)
            size = np.abs(x).sum(axis=1)
            assert failed == 0
            assert (np.linalg.norm((x - X) @ A.T, axis=1) <= noise * (1 + 1e-9)).all()
            assert (dual <= np.abs(X).sum(axis=1) * (1 + 1e-9)).all()
            np.testing.assert_allclose(dual, size, rtol=1e-7)


def test_sparse_signals_are_recovered():
    Y, atoms, X = make_sparse_coded_signal(
        n_samples=20, n_components=100, n_features=50, n_nonzero_coefs=8, random_state=0
    )
    np.testing.assert_allclose(basis_pursuit(atoms.T, Y), X, atol=1e-9)
    np.testing.assert_allclose(basis_pursuit(atoms.T, Y[0]), X[0], atol=1e-9)
    noisy = basis_pursuit(atoms.T, Y + 1e-4, noise=1e-4 * np.sqrt(50))
    np.testing.assert_allclose(noisy, X, atol=3e-3)


def test_float32_is_kept_and_nearly_as_good():
    rng = np.random.default_rng(3)
    A, X = rng.standard_normal((10, 25)), rng.standard_normal((6, 25))
    x = basis_pursuit(A.astype(np.float32), (X @ A.T).astype(np.float32))
    assert x.dtype == np.float32
    exact = basis_pursuit(A, X @ A.T)
    np.testing.assert_allclose(np.abs(x).sum(axis=1), np.abs(exact).sum(axis=1), rtol=1e-4)
    assert basis_pursuit(A.astype(np.float32), X @ A.T).dtype == np.float64


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_a_row_is_the_same_alone_and_among_others(dtype, noise, monkeypatch):
    rng = np.random.default_rng(0)
    A, Y = rng.standard_normal((12, 30)).astype(dtype), rng.standard_normal((90, 12)).astype(dtype)
    together = basis_pursuit(A, Y, noise=noise)
    alone = np.array([basis_pursuit(A, y, noise=noise) for y in Y])
    np.testing.assert_array_equal(together, alone)
    monkeypatch.setattr(_basis_pursuit, "run", lambda task, n: [task(block, 0) for block in range(n)])
    np.testing.assert_array_equal(basis_pursuit(A, Y, noise=noise), together)


@pytest.mark.parametrize("factor", [1e-9, 1e9, 1e-150, 1e150])
def test_scale_of_data_and_matrix_does_not_matter(factor):
    A, X = problem("gaussian", 1)
    Y = X @ A.T
    for noise in (0.0, 0.2):
        x = basis_pursuit(A, Y, noise=noise)
        for scaled in (basis_pursuit(A, Y * factor, noise=noise * factor) / factor,):
            np.testing.assert_array_equal(scaled != 0, x != 0)
            np.testing.assert_allclose(scaled, x, rtol=1e-6)
        np.testing.assert_allclose(basis_pursuit(A * factor, Y, noise=noise) * factor, x, rtol=1e-6)


def test_linear_programming_takes_over():
    A, X = problem("gaussian", 5)
    few = basis_pursuit(A, X @ A.T, max_iter=1)
    np.testing.assert_allclose(few, basis_pursuit(A, X @ A.T), atol=1e-9)


def test_rows_that_leave_make_room(monkeypatch):
    monkeypatch.setattr(splitting, "WINDOW", 3)
    A, X = problem("gaussian", 2, n_signals=20)
    found = basis_pursuit(A, X @ A.T)
    monkeypatch.undo()
    np.testing.assert_array_equal(found, basis_pursuit(A, X @ A.T))


def test_zeros_are_explained_by_zeros():
    A, X = problem("gaussian", 0)
    X[2] = 0
    assert not basis_pursuit(A, X @ A.T)[2].any()
    assert not basis_pursuit(np.zeros((3, 5)), np.zeros((2, 3))).any()
    assert not basis_pursuit(A, X @ A.T, noise=1e6).any()


def test_what_no_signal_measures_is_an_error_that_names_the_remedy():
    rng = np.random.default_rng(0)
    A = rng.standard_normal((6, 2)) @ rng.standard_normal((2, 20))
    y = rng.standard_normal(6)
    with pytest.raises(ValueError, match=r"rank 2.* noise of at least"):
        basis_pursuit(A, y)
    least = np.linalg.norm(y - A @ np.linalg.lstsq(A, y, rcond=None)[0])
    with pytest.raises(ValueError, match=f"noise of at least {least:.3g}"):
        basis_pursuit(A, y, noise=0.9 * least)
    x = basis_pursuit(A, y, noise=1.1 * least)
    assert np.linalg.norm(A @ x - y) == pytest.approx(1.1 * least)
    with pytest.raises(ValueError, match="noise of at least"):
        basis_pursuit(np.zeros((3, 5)), np.ones(3))


def test_no_non_negative_solution_is_an_error():
    with pytest.raises(ValueError, match=r"no non-negative solution.* positive=False"):
        basis_pursuit(np.ones((1, 3)), [-1.0], positive=True)


@pytest.mark.parametrize(
    "A, y, message",
    [
        (np.ones((2, 3)), np.ones(3), r"y has 3 measurements a signal.*\(2, 3\), makes 2"),
        (np.ones((2, 3)), np.ones((2, 2, 2)), "dim 3"),
        (np.ones((2, 3)) * 1j, np.ones(2), "Complex data not supported"),
        (np.ones((2, 3)), np.ones(2) * 1j, "Complex data not supported"),
        (np.ones((2, 3)), [1.0, np.nan], "NaN"),
        (np.array([[1.0, np.inf]]), [1.0], "infinity"),
        (np.ones((0, 3)), np.ones(0), "0 sample"),
    ],
)
def test_errors(A, y, message):
    with pytest.raises(ValueError, match=message):
        basis_pursuit(A, y)


@pytest.mark.parametrize("tol", [None, 0.3])
def test_as_an_algorithm_of_sparse_encode(tol):
    rng = np.random.default_rng(0)
    atoms, X = rng.standard_normal((30, 12)), rng.standard_normal((20, 12))
    codes = sparse_encode(X, atoms, algorithm="basis_pursuit", tol=tol)
    expected = basis_pursuit(atoms.T, X, noise=tol or 0.0)
    np.testing.assert_allclose(codes, expected, atol=1e-9)
    csr = sparse_encode(sparse.csr_array(X), atoms, algorithm="basis_pursuit", tol=tol, sparse_output=True)
    np.testing.assert_allclose(csr.toarray(), codes, atol=1e-9)
    ones = sparse_encode(X, atoms, algorithm="basis_pursuit", tol=tol, mask=np.ones(X.shape, bool))
    np.testing.assert_array_equal(ones, codes)


def test_missing_entries_are_left_out():
    rng = np.random.default_rng(0)
    atoms, X = rng.standard_normal((30, 12)), rng.standard_normal((20, 12))
    missing = rng.random(X.shape) < 0.2
    missing[3], missing[4] = True, missing[5]
    codes = sparse_encode(np.where(missing, np.nan, X), atoms, algorithm="basis_pursuit")
    for x, gone, code in zip(X, missing, codes):
        expected = basis_pursuit(atoms[:, ~gone].T, x[~gone]) if not gone.all() else np.zeros(30)
        np.testing.assert_allclose(code, expected, atol=1e-9)


@pytest.mark.parametrize("positive", [False, True])
def test_rows_that_take_long_are_solved_exactly_with_noise(positive):
    """In two dimensions many atoms are nearly alike, and ADMM is slow to tell them apart."""
    rng = np.random.default_rng(11)
    A = rng.standard_normal((2, 40))
    y = rng.standard_normal((30, 2))
    x = basis_pursuit(A, y, noise=0.5, max_iter=10, positive=positive)
    assert (np.linalg.norm(x @ A.T - y, axis=1) <= 0.5 * (1 + 1e-9)).all()
    np.testing.assert_allclose(
        np.abs(x).sum(axis=1), np.abs(basis_pursuit(A, y, noise=0.5, positive=positive)).sum(axis=1), rtol=1e-7
    )


def test_noise_that_is_too_little_for_a_non_negative_solution():
    with pytest.raises(ValueError, match="no non-negative solution"):
        basis_pursuit(np.ones((1, 2)), [-1.0], noise=0.5, positive=True)
    np.testing.assert_array_equal(basis_pursuit(np.ones((1, 2)), [-1.0], noise=1.0, positive=True), 0)
    rng = np.random.default_rng(0)
    A, y = rng.random((6, 10)), rng.standard_normal((5, 6))
    least = [nnls(A, row)[1] for row in y]
    for row, distance in zip(y, least, strict=True):
        x = basis_pursuit(A, row, noise=1.01 * distance, positive=True)
        assert x.min() >= 0
        assert np.linalg.norm(A @ x - row) < 1.01 * distance * (1 + 1e-6)
        with pytest.raises(ValueError, match="no non-negative solution"):
            basis_pursuit(A, row, noise=0.99 * distance, positive=True)


def test_columns_of_zeros_explain_nothing():
    """Where no non-negative solution is there, rounding in them must not make one."""
    rng = np.random.default_rng(0)
    A = rng.standard_normal((9, 24))
    A[:, rng.random(24) < 0.4] = 0
    for y in rng.standard_normal((20, 9)):
        if nnls(A, y)[1] > 1e-6:
            with pytest.raises(ValueError, match="no non-negative solution"):
                basis_pursuit(A, y, positive=True)
        else:
            np.testing.assert_allclose(A @ basis_pursuit(A, y, positive=True), y, atol=1e-8)
