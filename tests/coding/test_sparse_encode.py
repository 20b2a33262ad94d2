"""What holds for every algorithm of `sparse_encode`: input of all kinds, scales, masks, threads, errors."""

import numpy as np
import pytest
from numba import config
from scipy import sparse

from skl_sae._kernels import thread_count
from skl_sae.coding import sparse_encode
from skl_sae.coding._sparse_encode import CODERS

OPTIONS = {
    "omp": {"n_nonzero_coefs": 4},
    "lasso": {"alpha": 0.3},
    "fista": {"alpha": 0.3, "max_iter": 20_000},
    "threshold": {"alpha": 0.3},
    "topk": {"n_nonzero_coefs": 4},
    "iht": {"n_nonzero_coefs": 4},
    "basis_pursuit": {"tol": 0.5},
}
each = pytest.mark.parametrize("algorithm", sorted(CODERS))


def problem(seed=0, n=50, n_features=16, n_atoms=30):
    rng = np.random.default_rng(seed)
    D = rng.standard_normal((n_atoms, n_features))
    return rng.standard_normal((n, n_features)), D / np.linalg.norm(D, axis=1, keepdims=True)


def scaled(algorithm, factor):
    """The options for rows times a factor: penalties grow with it, squared errors with its square."""
    options = dict(OPTIONS[algorithm])
    if "alpha" in options:
        options["alpha"] *= factor
    if algorithm == "basis_pursuit":
        options["tol"] *= factor
    return options


def test_every_algorithm_has_options_here():
    assert set(CODERS) == set(OPTIONS)


@each
def test_sparse_output_has_the_same_numbers(algorithm):
    X, D = problem()
    dense = sparse_encode(X, D, algorithm=algorithm, **OPTIONS[algorithm])
    codes = sparse_encode(X, D, algorithm=algorithm, sparse_output=True, **OPTIONS[algorithm])
    assert codes.format == "csr" and codes.has_canonical_format
    np.testing.assert_array_equal(codes.toarray(), dense)


@each
def test_rows_do_not_depend_on_the_rows_beside_them(algorithm):
    X, D = problem(1, n=300)
    together = sparse_encode(X, D, algorithm=algorithm, **OPTIONS[algorithm])
    for rows in (slice(0, 1), slice(130, 137), slice(299, 300)):
        np.testing.assert_array_equal(
            sparse_encode(X[rows], D, algorithm=algorithm, **OPTIONS[algorithm]), together[rows]
        )


@each
@pytest.mark.skipif(config.DISABLE_JIT, reason="slow where kernels are not compiled")
def test_any_number_of_threads_gives_the_same_bits(algorithm, monkeypatch):
    X, D = problem(2, n=1000)
    codes = []
    for n in (1, 2, 8):
        monkeypatch.setattr("skl_sae._kernels.threads.n_threads", lambda n=n: n)
        codes.append(sparse_encode(X, D, algorithm=algorithm, **OPTIONS[algorithm]))
    np.testing.assert_array_equal(codes[0], codes[1])
    np.testing.assert_array_equal(codes[0], codes[2])
    assert thread_count.n_slots() >= 1


@each
@pytest.mark.parametrize("factor", [1e-9, 1e9, 1e-200])
def test_scale_of_the_data_changes_nothing(algorithm, factor):
    X, D = problem(3)
    codes = sparse_encode(X, D, algorithm=algorithm, **OPTIONS[algorithm])
    other = sparse_encode(X * factor, D, algorithm=algorithm, **scaled(algorithm, factor))
    np.testing.assert_array_equal(other != 0, codes != 0)
    np.testing.assert_allclose(other / factor, codes, rtol=1e-5, atol=1e-7)


@each
@pytest.mark.parametrize("factor", [1e-9, 1e9])
def test_scale_in_float32(algorithm, factor):
    X, D = (part.astype(np.float32) for part in problem(3))
    codes = sparse_encode(X, D, algorithm=algorithm, **OPTIONS[algorithm])
    other = sparse_encode(X * np.float32(factor), D, algorithm=algorithm, **scaled(algorithm, factor))
    assert other.dtype == codes.dtype == np.float32
    np.testing.assert_allclose(other / np.float32(factor), codes, rtol=1e-2, atol=2e-3)


@each
def test_scale_of_the_atoms_changes_the_codes_by_its_inverse(algorithm):
    X, D = problem(4)
    options = dict(OPTIONS[algorithm])
    codes = sparse_encode(X, D, algorithm=algorithm, **options)
    if "alpha" in options:
        options["alpha"] *= 2.0**40
    other = sparse_encode(X, D * 2.0**40, algorithm=algorithm, **options)
    power = -40 if algorithm == "threshold" else 40  # this one is not divided by norms, as in scikit-learn
    np.testing.assert_allclose(other * 2.0**power, codes, rtol=1e-9, atol=1e-12)


@each
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sign", [-1, 1])
def test_atoms_of_extreme_norms(algorithm, dtype, sign):
    X, D = (part.astype(dtype) for part in problem(4))
    factor = dtype(2.0) ** (sign * (90 if dtype == np.float32 else 950))
    options = dict(OPTIONS[algorithm])
    codes = sparse_encode(X, D, algorithm=algorithm, **options)
    if "alpha" in options:
        options["alpha"] *= float(factor)
    other = sparse_encode(X, D * factor, algorithm=algorithm, **options)
    other = other / factor if algorithm == "threshold" else other * factor
    np.testing.assert_allclose(other, codes, rtol=1e-4 if dtype == np.float32 else 1e-9, atol=1e-6)


@each
@pytest.mark.parametrize("factor", [2.0**-900, 2.0**-1070])
def test_tiny_signals_and_atoms(algorithm, factor):
    """Codes of signals and atoms of one size; penalties and tolerances of common size leave none."""
    X, D = (np.round(part * 64) for part in problem(4))
    options = dict(OPTIONS[algorithm])
    codes = sparse_encode(X * factor, D * factor, algorithm=algorithm, **options)
    if "alpha" in options or "tol" in options:
        np.testing.assert_array_equal(codes, 0)
    else:
        np.testing.assert_allclose(codes, sparse_encode(X, D, algorithm=algorithm, **options), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("factor", [2.0**-600, 2.0**-60, 2.0**60, 2.0**600])
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
def test_scale_of_groups(factor, form):
    """The rows of a group are compared: all are scaled alike."""
    X, D = problem(4)
    X[::5] *= 2.0**30
    groups = np.arange(len(X)) // 4
    codes = sparse_encode(X, D, groups=groups, n_nonzero_coefs=3)
    other = sparse_encode(form(X * factor), D, groups=groups, n_nonzero_coefs=3)
    np.testing.assert_allclose(other / factor, codes, rtol=1e-6, atol=1e-9)
    alone = sparse_encode(X[:1], D, n_nonzero_coefs=3)  # the largest row decides
    np.testing.assert_array_equal((codes[:4] != 0).any(axis=0), alone[0] != 0)


@each
def test_float32_is_kept_and_close(algorithm):
    X, D = problem(5)
    codes = sparse_encode(X.astype(np.float32), D, algorithm=algorithm, **OPTIONS[algorithm])
    assert codes.dtype == np.float32
    np.testing.assert_allclose(codes, sparse_encode(X, D, algorithm=algorithm, **OPTIONS[algorithm]), atol=5e-3)


@each
def test_csr_is_read_as_it_is(algorithm):
    X, D = problem(6)
    X[np.random.default_rng(0).random(X.shape) < 0.7] = 0
    dense = sparse_encode(X, D, algorithm=algorithm, **OPTIONS[algorithm])
    for kind in (sparse.csr_array, sparse.csr_matrix, sparse.coo_array):
        codes = sparse_encode(kind(X), D, algorithm=algorithm, **OPTIONS[algorithm])
        np.testing.assert_allclose(codes, dense, rtol=1e-6, atol=1e-7)


def test_wide_csr_is_never_dense():
    X = sparse.random_array((300, 200_000), density=1e-4, rng=np.random.default_rng(0), format="csr")
    D = sparse.random_array((20, 200_000), density=1e-3, rng=np.random.default_rng(1)).toarray()
    codes = sparse_encode(X, D, n_nonzero_coefs=3, sparse_output=True)
    assert codes.shape == (300, 20)


@each
def test_memory_mapped_integers_are_read_by_tiles(algorithm, tmp_path):
    X = np.random.default_rng(7).integers(0, 255, (200, 16)).astype(np.uint8)
    _, D = problem(7)
    mapped = np.memmap(tmp_path / "X", np.uint8, "w+", shape=X.shape)
    mapped[:] = X
    mapped.flush()
    mapped = np.memmap(tmp_path / "X", np.uint8, "r", shape=X.shape)
    options = scaled(algorithm, 100.0)
    np.testing.assert_array_equal(
        sparse_encode(mapped, D, algorithm=algorithm, **options),
        sparse_encode(X.astype(float), D, algorithm=algorithm, **options),
    )


@each
def test_a_mask_of_ones_changes_no_bit(algorithm):
    X, D = problem(8)
    codes = sparse_encode(X, D, algorithm=algorithm, **OPTIONS[algorithm])
    ones = np.ones(X.shape, bool)
    np.testing.assert_array_equal(sparse_encode(X, D, algorithm=algorithm, mask=ones, **OPTIONS[algorithm]), codes)
    ones[3, 5] = False
    others = np.arange(len(X)) != 3
    masked = sparse_encode(X, D, algorithm=algorithm, mask=ones, **OPTIONS[algorithm])
    np.testing.assert_array_equal(masked[others], codes[others])


@each
def test_nan_is_a_mask_and_what_is_masked_is_not_read(algorithm):
    X, D = problem(9)
    mask = np.random.default_rng(0).random(X.shape) < 0.7
    codes = sparse_encode(np.where(mask, X, np.nan), D, algorithm=algorithm, **OPTIONS[algorithm])
    for other in (0.0, np.inf, np.nan, 1e300):
        masked = sparse_encode(np.where(mask, X, other), D, algorithm=algorithm, mask=mask, **OPTIONS[algorithm])
        np.testing.assert_array_equal(masked, codes)


@each
def test_rows_with_nothing_have_no_code(algorithm):
    X, D = problem(10)
    X[4] = 0
    X[7] = np.nan
    codes = sparse_encode(X, D, algorithm=algorithm, **OPTIONS[algorithm])
    assert not codes[4].any()
    assert codes[5].any()
    assert not codes[7].any()


@each
@pytest.mark.parametrize("shape", [(1, 5, 8), (6, 1, 3), (5, 6, 1), (1, 1, 1), (3, 2, 40)])
def test_small_shapes(algorithm, shape):
    n, n_features, n_atoms = shape
    X, D = problem(11, *shape)
    if algorithm == "basis_pursuit":
        X = X @ D.T @ D  # a few atoms reach what lies in their span only
    codes = sparse_encode(X, D, algorithm=algorithm, **OPTIONS[algorithm])
    assert codes.shape == (n, n_atoms) and np.isfinite(codes).all()
    assert D.shape[1] == n_features


@each
def test_the_input_is_not_changed(algorithm):
    X, D = problem(12)
    X[0, 0] = np.nan
    before = X.copy(), D.copy()
    X.flags.writeable = D.flags.writeable = False
    sparse_encode(X, D, algorithm=algorithm, **OPTIONS[algorithm])
    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(D, before[1])


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"X": np.ones((3, 4)), "dictionary": np.ones((5, 3))}, "Atoms are the rows"),
        ({"X": np.ones((3, 4)) * 1j}, "[Cc]omplex"),
        ({"dictionary": np.full((5, 4), np.nan)}, "NaN"),
        ({"dictionary": np.ones((5, 4)) * 1j}, "[Cc]omplex"),
        ({"mask": np.ones((2, 4), bool)}, "of the shape of X"),
        ({"mask": np.ones((3, 4))}, "must be boolean"),
        ({"groups": [0, 1]}, "one label for each of the 3 rows"),
        ({"groups": [0, 1, 1], "algorithm": "lasso"}, "groups need an algorithm"),
        ({"groups": [None, None, "a"]}, "labels of one type"),
        ({"X": np.full((3, 4), np.inf)}, "infinity"),
        ({"X": np.full((3, 4), np.inf), "mask": np.eye(3, 4, dtype=bool)}, "infinity where mask is True"),
        ({"n_nonzero_coefs": 0}, "n_nonzero_coefs"),
        ({"tol": -1.0}, "tol"),
        ({"algorithm": "lars"}, "algorithm"),
        ({"X": np.ones(4)}, "1D array"),
        ({"X": np.ones((0, 4))}, "0 sample"),
        ({"X": sparse.csr_array(np.diag([np.nan, 1, 1, 1]))}, "sparse and has NaN"),
        ({"X": sparse.csr_array(np.ones((3, 4))), "mask": np.ones((3, 4), bool)}, "needs a dense X"),
    ],
)
def test_errors_say_what_was_got(arguments, message):
    arguments = {"X": np.ones((3, 4)), "dictionary": np.ones((5, 4))} | arguments
    with pytest.raises(ValueError, match=message):
        sparse_encode(**arguments)


def test_zero_dictionary_gives_no_codes():
    X, D = problem()
    assert not sparse_encode(X, np.zeros_like(D)).any()
