"""`SparseRecovery`: signals from measurements, and what can be proven of them."""

import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import make_sparse_coded_signal
from sklearn.linear_model import orthogonal_mp
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skl_sae.coding import SparseRecovery, basis_pursuit, mutual_coherence

H = np.array([[1.0, 1.0], [1.0, -1.0]])


@pytest.fixture(scope="module")
def signals():
    """A dictionary, sparse codes, the signals they make, a measurement matrix and the measurements."""
    X, D, Z = make_sparse_coded_signal(n_samples=12, n_components=80, n_features=64, n_nonzero_coefs=4, random_state=0)
    A = np.random.default_rng(1).standard_normal((40, 64)) / np.sqrt(40)
    return D, Z, X, A, X @ A.T


@pytest.mark.parametrize("options", [{"algorithm": "omp", "n_nonzero_coefs": 4}, {"algorithm": "basis_pursuit"}])
def test_signals_are_recovered(signals, options):
    D, Z, X, A, Y = signals
    model = SparseRecovery(D, measurement_matrix=A, **options).fit(Y)
    np.testing.assert_allclose(model.transform(Y), Z, atol=1e-8)
    np.testing.assert_allclose(model.reconstruct(Y), X, atol=1e-8)
    np.testing.assert_allclose(model.inverse_transform(Z), Y, atol=1e-12)
    assert model.score(Y) == pytest.approx(1)
    np.testing.assert_array_equal(model.components_, D)
    np.testing.assert_allclose(model.atoms_, D @ A.T)
    certificate = model.certificate(Y)
    assert np.abs(certificate.gap).max() < 1e-7
    assert certificate.residual.max() < 1e-8
    np.testing.assert_array_equal(certificate.n_nonzero, 4)


def test_dictionary_alone_codes_signals(signals):
    D, Z, X, _, _ = signals
    model = SparseRecovery(D, n_nonzero_coefs=4)
    np.testing.assert_allclose(model.fit_transform(X), Z, atol=1e-8)
    np.testing.assert_allclose(model.reconstruct(X), X, atol=1e-8)
    np.testing.assert_allclose(model.transform(X), orthogonal_mp(D.T, X.T, n_nonzero_coefs=4).T, atol=1e-8)


def test_matrix_alone_recovers_sparse_signals(signals):
    _, Z, _, _, _ = signals
    A = np.random.default_rng(2).standard_normal((40, 80))
    model = SparseRecovery(measurement_matrix=A, algorithm="basis_pursuit").fit(Z @ A.T)
    np.testing.assert_allclose(model.reconstruct(Z @ A.T), Z, atol=1e-8)
    np.testing.assert_array_equal(model.components_, np.eye(80))
    assert model.get_feature_names_out()[-1] == "sparserecovery79"


def test_neither_is_the_identity(signals):
    _, Z, _, _, _ = signals
    model = SparseRecovery(n_nonzero_coefs=4).fit(Z)
    np.testing.assert_allclose(model.transform(Z), Z)
    np.testing.assert_array_equal(model.components_, np.eye(80))


def test_fit_is_not_needed_and_changes_nothing(signals):
    D, _, _, A, Y = signals
    before = D.copy(), A.copy()
    model = SparseRecovery(D, measurement_matrix=A, n_nonzero_coefs=4)
    fitted = clone(model).fit(Y)
    np.testing.assert_array_equal(model.transform(Y), fitted.transform(Y))
    codes = fitted.transform(Y)
    np.testing.assert_array_equal(model.inverse_transform(codes), fitted.inverse_transform(codes))
    np.testing.assert_array_equal(model.reconstruct(Y), fitted.reconstruct(Y))
    np.testing.assert_array_equal(before[0], D)
    np.testing.assert_array_equal(before[1], A)
    assert model.fit(Y).dictionary is D
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.transform(Y), fitted.transform(Y))
    make_pipeline(FunctionTransformer(), model).fit(Y).transform(Y)


def test_output_is_sparse_if_asked(signals):
    D, _, _, A, Y = signals
    model = SparseRecovery(D, measurement_matrix=A, n_nonzero_coefs=4).fit(Y)
    codes = clone(model).set_params(sparse_output=True).fit(Y).transform(Y)
    assert sparse.issparse(codes) and codes.format == "csr"
    np.testing.assert_array_equal(codes.toarray(), model.transform(Y))
    compressed = clone(model).set_params(sparse_output=True, polish=True).fit(Y)
    np.testing.assert_allclose(compressed.reconstruct(Y), model.reconstruct(Y))
    np.testing.assert_allclose(compressed.inverse_transform(codes), model.inverse_transform(codes.toarray()))
    assert compressed.score(Y) == pytest.approx(1)
    np.testing.assert_allclose(model.transform(sparse.csr_array(Y)), model.transform(Y), atol=1e-12)


def test_float32_is_kept(signals):
    D, _, _, A, Y = (array.astype(np.float32) for array in signals)
    for polish in (False, True):
        model = SparseRecovery(D, measurement_matrix=A, n_nonzero_coefs=4, polish=polish).fit(Y)
        codes = model.transform(Y)
        for result in (codes, model.reconstruct(Y), model.inverse_transform(codes)):
            assert result.dtype == np.float32


def test_missing_measurements_are_left_out(signals):
    D, Z, _, A, Y = signals
    rng = np.random.default_rng(0)
    Y = np.where(rng.random(Y.shape) < 0.1, np.nan, Y)
    Y[0] = np.nan
    for options in ({"n_nonzero_coefs": 4, "polish": True}, {"algorithm": "basis_pursuit"}):
        model = SparseRecovery(D, measurement_matrix=A, **options).fit(Y)
        codes = model.transform(Y)
        assert not codes[0].any()
        np.testing.assert_allclose(codes[1:], Z[1:], atol=1e-8)
        assert np.abs(model.certificate(Y).gap).max() < 1e-7


def test_polish_is_least_squares_on_the_support(signals):
    D, _, X, _, _ = signals
    noisy = X + 0.05 * np.random.default_rng(0).standard_normal(X.shape)
    noisy[0, 3] = np.nan
    model = SparseRecovery(D, algorithm="basis_pursuit", tol=0.5)
    plain, polished = model.transform(noisy), clone(model).set_params(polish=True).transform(noisy)
    for x, before, after in zip(noisy, plain, polished):
        support, there = np.flatnonzero(before), ~np.isnan(x)
        np.testing.assert_array_equal(np.flatnonzero(after), support)
        expected = np.linalg.lstsq(D[support][:, there].T, x[there], rcond=None)[0]
        np.testing.assert_allclose(after[support], expected, atol=1e-9)
    # the gap of a polished code is that of its own reconstruction
    observed = clone(model).set_params(polish=True).certificate(noisy[1:])
    same = basis_pursuit(D.T, polished[1:] @ D)
    np.testing.assert_allclose(observed.gap, 1 - np.abs(same).sum(axis=1) / np.abs(polished[1:]).sum(axis=1), atol=1e-7)


def test_polish_keeps_non_negative_codes():
    rng = np.random.default_rng(0)
    D, X = rng.standard_normal((20, 8)), rng.standard_normal((30, 8))
    X = np.maximum(rng.standard_normal((30, 20)), 0) @ D
    model = SparseRecovery(D, algorithm="basis_pursuit", tol=2.0, positive=True, polish=True)
    codes = model.transform(X)
    assert codes.min() >= 0
    before = clone(model).set_params(polish=False).transform(X)
    assert (np.linalg.norm(X - codes @ D, axis=1) <= np.linalg.norm(X - before @ D, axis=1) + 1e-12).all()


def test_certificate_of_a_code_that_is_not_optimal(signals):
    D, Z, _, A, Y = signals
    model = SparseRecovery(D, measurement_matrix=A, algorithm="basis_pursuit").fit(Y)
    atoms = model.atoms_
    least_norm = Y @ np.linalg.pinv(atoms)
    certificate = model.certificate(Y, least_norm)
    expected = 1 - np.abs(Z).sum(axis=1) / np.abs(least_norm).sum(axis=1)
    np.testing.assert_allclose(certificate.gap, expected, atol=1e-7)
    np.testing.assert_allclose(certificate.l1_norm, np.abs(least_norm).sum(axis=1))
    np.testing.assert_allclose(model.certificate(Y, 2 * sparse.csr_array(Z)).residual, np.linalg.norm(Y, axis=1))


def test_certificate_of_a_greedy_code():
    """It is compared with the smallest l1 norm of the same reconstruction."""
    rng = np.random.default_rng(0)
    atoms, X = rng.standard_normal((14, 6)), rng.standard_normal((5, 6))
    model = SparseRecovery(atoms, n_nonzero_coefs=6).fit(X)
    greedy, pursuit = model.certificate(X), clone(model).set_params(algorithm="basis_pursuit").fit(X).certificate(X)
    assert greedy.residual.max() < 1e-9
    assert greedy.gap.max() > 0.1
    np.testing.assert_allclose(greedy.gap, 1 - pursuit.l1_norm / greedy.l1_norm, atol=1e-7)
    assert np.abs(pursuit.gap).max() < 1e-7


@pytest.mark.parametrize("positive", [False, True])
def test_certificate_of_lasso(signals, positive):
    """The gap bounds how much the objective can still fall."""
    D, _, X, _, _ = signals
    exact = SparseRecovery(D, algorithm="lasso", alpha=0.1, tol=1e-13, positive=positive)
    best = exact.transform(X)
    assert np.abs(exact.certificate(X).gap).max() < 1e-9

    def objective(Z):
        return np.square(X - Z @ D).sum(axis=1) / 2 + 0.1 * np.abs(Z).sum(axis=1)

    for other in (best * 0.9, best + 0.01):
        gap = exact.certificate(X, other).gap
        assert (gap >= 1 - objective(best) / objective(other) - 1e-12).all()
        assert gap.max() > 1e-3


@pytest.mark.parametrize(
    "options", [{"algorithm": "lasso", "alpha": 0.1}, {"algorithm": "basis_pursuit"}, {"tol": 0.0}]
)
@pytest.mark.parametrize("exponent", [-600, 600])
def test_certificate_at_any_scale(signals, options, exponent):
    D, _, X, _, _ = signals
    model, scale = SparseRecovery(D, **options), 2.0**exponent
    expected = model.certificate(X)
    found = model.set_params(alpha=0.1 * scale).certificate(scale * X)
    np.testing.assert_allclose(found.gap, expected.gap, atol=1e-7)
    np.testing.assert_allclose(found.residual / scale, expected.residual, atol=1e-6)
    np.testing.assert_allclose(found.l1_norm / scale, expected.l1_norm, rtol=1e-6)


@pytest.mark.parametrize("positive", [False, True])
def test_basis_pursuit_allows_for_the_rounding_of_float32(positive):
    """Measurements of few entries lie on the boundary of what non-negative codes make; rounding moves them out."""
    rng = np.random.default_rng(0)
    D, A, Z = rng.standard_normal((40, 30)), rng.standard_normal((20, 30)), np.zeros((7, 40))
    for row in Z:
        row[rng.choice(40, 2, replace=False)] = (1 if positive else rng.choice([-1, 1], 2)) * (1 + rng.random(2))
    Y = (Z @ D @ A.T).astype(np.float32)
    model = SparseRecovery(
        D.astype(np.float32), measurement_matrix=A.astype(np.float32), algorithm="basis_pursuit", positive=positive
    )
    np.testing.assert_allclose(model.transform(Y), Z, atol=1e-4)
    assert np.abs(model.certificate(Y).gap).max() < 1e-5


def test_polish_of_large_numbers():
    rng = np.random.default_rng(0)
    D, Z = rng.standard_normal((40, 20)).astype(np.float32), np.zeros((7, 40), np.float32)
    Z[:, [3, 17]] = rng.standard_normal((7, 2))
    model, scale = SparseRecovery(D, n_nonzero_coefs=2, polish=True), np.float32(2.0**100)
    np.testing.assert_allclose(model.transform(scale * (Z @ D)) / scale, Z, atol=1e-5)


def test_a_fitted_model_keeps_its_dictionary(signals):
    D, Z, X, _, _ = signals
    model = SparseRecovery(D, n_nonzero_coefs=4).fit(X).set_params(dictionary=-D[:70])
    np.testing.assert_allclose(model.reconstruct(X), X, atol=1e-9)
    np.testing.assert_array_equal(model.components_, D)
    np.testing.assert_allclose(model.inverse_transform(Z), X, atol=1e-9)
    np.testing.assert_array_equal(model.fit(X).components_, -D[:70])


def test_codes_are_checked(signals):
    D, Z, X, _, _ = signals
    for model in (SparseRecovery(D), SparseRecovery(D).fit(X), SparseRecovery(measurement_matrix=D.T)):
        with pytest.raises(ValueError, match="Z has 5 columns; expected 80"):
            model.inverse_transform(Z[:, :5])
    codes = sparse.csr_array(Z)
    codes.indices[0] = 999
    for decode in (SparseRecovery(D).inverse_transform, lambda Z: SparseRecovery(D).certificate(X, Z)):
        with pytest.raises(ValueError, match="not well formed"):
            decode(codes)


def test_coherence_proves_what_is_sparsest():
    atoms = np.vstack([np.eye(16), np.kron(np.kron(H, H), np.kron(H, H)) / 4])  # coherence 1 / 4: up to two entries
    Z = np.zeros((3, 32))
    Z[0, 3] = Z[1, [2, 20]] = Z[2, [1, 20, 30]] = 1.0
    model = SparseRecovery(atoms, algorithm="basis_pursuit").fit(Z @ atoms)
    certificate = model.certificate(Z @ atoms, Z)
    assert certificate.coherence == mutual_coherence(atoms) == pytest.approx(0.25)
    np.testing.assert_array_equal(certificate.sparsest, [True, True, False])
    np.testing.assert_allclose(model.transform(Z[:2] @ atoms), Z[:2], atol=1e-9)
    omp = SparseRecovery(atoms, n_nonzero_coefs=2)
    np.testing.assert_allclose(omp.transform(Z[:2] @ atoms), Z[:2], atol=1e-9)


@pytest.mark.parametrize(
    "parameters, X, message",
    [
        ({"dictionary": np.ones((3, 5))}, np.ones((2, 4)), r"X has 4 columns; expected 5, as the dictionary"),
        (
            {"measurement_matrix": np.ones((3, 5))},
            np.ones((2, 5)),
            r"X has 5 columns; expected 3, as the measurement_m",
        ),
        (
            {"dictionary": np.ones((3, 5)), "measurement_matrix": np.ones((2, 4))},
            np.ones((2, 2)),
            r"\(3, 5\).*\(2, 4\)",
        ),
        ({"dictionary": np.ones((3, 5)) * 1j}, np.ones((2, 5)), "Complex data not supported"),
        ({"dictionary": np.full((3, 5), np.nan)}, np.ones((2, 5)), "dictionary contains NaN"),
        ({"dictionary": np.ones(5)}, np.ones((2, 5)), "Expected 2D array"),
        ({}, np.ones((2, 5)) * 1j, "Complex data not supported"),
        ({"algorithm": "magic"}, np.ones((2, 5)), "algorithm"),
        ({"tol": -1.0}, np.ones((2, 5)), "tol"),
    ],
)
def test_errors(parameters, X, message):
    for method in ("fit", "transform"):
        with pytest.raises(ValueError, match=message):
            getattr(SparseRecovery(**parameters), method)(X)


def test_more_errors(signals):
    D, Z, X, _, _ = signals
    model = SparseRecovery(D, algorithm="basis_pursuit").fit(X)
    with pytest.raises(ValueError, match=r"Z has shape \(12, 79\); expected \(12, 80\)"):
        model.certificate(X, Z[:, 1:])
    with pytest.raises(ValueError, match="noise of at least"):
        SparseRecovery(D[:10], algorithm="basis_pursuit").fit(X).transform(X)


def test_zero_rows_duplicates_and_more_coefficients_than_atoms():
    rng = np.random.default_rng(0)
    D = rng.standard_normal((6, 8))
    D = np.vstack([D, D[:2], np.zeros((1, 8))])
    X = np.vstack([np.zeros(8), rng.standard_normal((4, 6)) @ D[:6]])
    for options in ({"n_nonzero_coefs": 100}, {"algorithm": "basis_pursuit"}, {"n_nonzero_coefs": 3, "polish": True}):
        model = SparseRecovery(D, **options).fit(X)
        codes = model.transform(X)
        assert not codes[0].any() and not codes[:, -1].any() and np.isfinite(codes).all()
        certificate = model.certificate(X)
        assert certificate.coherence == pytest.approx(1)
        assert certificate.sparsest[0]
