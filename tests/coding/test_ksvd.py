"""KSVD: what it learns, from which data, and what it leaves alone."""

import pickle
import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.model_selection import GridSearchCV

from skl_sae._kernels import compiling
from skl_sae.coding import KSVD, sparse_encode
from skl_sae.coding._learning import dictionary_fitting
from skl_sae.coding._learning.residual import residual_of
from skl_sae.coding._sparse_encode import CODERS
from skl_sae.metrics import explained_variance

METHODS = ["ksvd", "online"]
KINDS = [{"method": "ksvd"}, {"method": "ksvd", "update": "exact"}, {"method": "online", "batch_size": 50}]


def make_signals(n=600, d=12, n_atoms=20, k=2, noise=0.02, seed=0):
    """Signals of `k` atoms each, with signed entries, and the atoms."""
    rng = np.random.default_rng(seed)
    atoms = rng.standard_normal((n_atoms, d))
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    codes = np.zeros((n, n_atoms))
    for row in codes:
        row[rng.choice(n_atoms, k, replace=False)] = rng.choice([-1, 1], k) * (0.5 + rng.random(k))
    return codes @ atoms + noise * rng.standard_normal((n, d)), atoms


X, ATOMS = make_signals()


def make(**params):
    return KSVD(**{"n_components": 20, "n_nonzero_coefs": 2, "max_iter": 10, "random_state": 0, **params})


def n_recovered(atoms, found):
    return int((np.abs(atoms @ found.T).max(axis=1) > 0.99).sum())


# what is learned


@pytest.mark.parametrize("kind", KINDS)
def test_finds_the_atoms(kind):
    ksvd = make(max_iter=40, convergence_tol=0.0, **kind).fit(X)
    assert n_recovered(ATOMS, ksvd.components_) >= 14
    assert ksvd.score(X) > 0.9
    assert ksvd.n_iter_ == len(ksvd.loss_curve_) == 40
    assert ksvd.loss_curve_[-1] < 0.3 * ksvd.loss_curve_[0]


@pytest.mark.parametrize("method", METHODS)
def test_finds_the_atoms_where_values_are_missing(method):
    holes = np.where(np.random.default_rng(1).random(X.shape) < 0.2, np.nan, X)
    before = holes.copy()
    ksvd = make(max_iter=60, convergence_tol=0.0, method=method, batch_size=50).fit(holes)
    assert n_recovered(ATOMS, ksvd.components_) >= 16
    assert_array_equal(holes, before)
    filled = ksvd.inverse_transform(ksvd.transform(holes))
    assert explained_variance(X, filled) > 0.8


def test_finds_atoms_with_positive_codes():
    rng = np.random.default_rng(0)
    codes = rng.random((600, 20)) * (rng.random((600, 20)) < 0.1)
    data = codes @ ATOMS
    for method in METHODS:
        ksvd = make(positive=True, n_nonzero_coefs=4, method=method, max_iter=40, convergence_tol=0.0).fit(data)
        assert ksvd.transform(data).min() >= 0
        assert (ATOMS @ ksvd.components_.T).max(axis=1).mean() > 0.88  # with the sign


@pytest.mark.parametrize("method", METHODS)
def test_the_loss_is_the_objective(method):
    ksvd = make(method=method, batch_size=1000, max_iter=1).fit(X)
    start = make(method="online", memory=10**9, max_iter=1, batch_size=1000)
    atoms = start.set_params(n_frozen_components=20, dict_init=ksvd.components_).fit(X).components_
    assert_array_equal(atoms, ksvd.components_)
    codes = sparse_encode(X, atoms, n_nonzero_coefs=2)
    error = 0.5 * np.square(X - codes @ atoms).sum() / len(X)
    assert_allclose(start.loss_curve_, [error], rtol=1e-10)  # nothing was learned: the loss of these atoms
    assert error < ksvd.loss_curve_[0]


@pytest.mark.parametrize("method", METHODS)
def test_lasso(method):
    ksvd = make(algorithm="lasso", alpha=0.1, method=method, max_iter=40, convergence_tol=0.0).fit(X)
    assert n_recovered(ATOMS, ksvd.components_) >= 18
    codes = ksvd.transform(X)
    objective = 0.5 * np.square(X - codes @ ksvd.components_).sum() + 0.1 * np.abs(codes).sum()
    assert_allclose(objective / len(X), ksvd.loss_curve_[-1], rtol=0.02)
    if method == "ksvd":
        assert max(np.diff(ksvd.loss_curve_)) <= 1e-6


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("algorithm", CODERS)
def test_every_algorithm(algorithm, method):
    """Options are in units of the data, whatever these are."""
    options = {"algorithm": algorithm, "method": method, "max_iter": 2}
    tol = {"omp": 0.04, "iht": 0.04, "basis_pursuit": 0.2}.get(algorithm)
    ksvd = make(alpha=0.1, tol=tol, **options).fit(X)
    assert np.isfinite(ksvd.loss_curve_).all()
    codes = sparse_encode(X, ksvd.components_, algorithm=algorithm, n_nonzero_coefs=2, alpha=0.1, tol=tol)
    assert_array_equal(ksvd.transform(X), codes)
    size = 2.0**40
    tol = tol and tol * size ** (1 if algorithm == "basis_pursuit" else 2)
    large = make(alpha=0.1 * size, tol=tol, **options).fit(size * X)
    assert_allclose(large.components_, ksvd.components_, atol=1e-6)


def test_transform_may_encode_otherwise():
    ksvd = make(transform_n_nonzero_coefs=4).fit(X)
    assert_array_equal(ksvd.transform(X), sparse_encode(X, ksvd.components_, n_nonzero_coefs=4))
    assert_array_equal(make().fit(X).components_, ksvd.components_)
    exact = make(transform_n_nonzero_coefs=12, transform_tol=1e-3).fit(X)
    codes = exact.transform(X)
    assert np.square(X - codes @ exact.components_).sum(axis=1).max() <= 1e-3 * (1 + 1e-9)
    assert_array_equal(codes, sparse_encode(X, ksvd.components_, n_nonzero_coefs=12, tol=1e-3))
    by_error = make(n_nonzero_coefs=None, tol=0.01).fit(X)
    codes = by_error.transform(X)
    assert np.square(X - codes @ by_error.components_).sum(axis=1).max() <= 0.01 * (1 + 1e-9)


def test_sparse_output_decoding_and_score():
    dense, sparse_ = make().fit(X), make(sparse_output=True).fit(X)
    codes = sparse_.transform(X)
    assert sparse.issparse(codes) and codes.format == "csr"
    assert_array_equal(codes.toarray(), dense.transform(X))
    decoded = dense.inverse_transform(codes)
    assert_allclose(decoded, codes.toarray() @ dense.components_, atol=1e-12)
    assert_array_equal(dense.inverse_transform(codes.toarray()), decoded)
    assert_allclose(dense.score(X), explained_variance(X, decoded))
    with pytest.raises(ValueError, match="X has 3 columns, but inverse_transform expects 20"):
        dense.inverse_transform(np.ones((2, 3)))


@pytest.mark.parametrize("method", METHODS)
def test_the_penalty_may_fall(method):
    options = {"algorithm": "lasso", "alpha": 0.05, "method": method, "max_iter": 20}
    falling = make(alpha_start=0.2, **options).fit(X)
    assert_allclose(falling.loss_curve_[0], make(**{**options, "alpha": 0.2}).fit(X).loss_curve_[0])
    assert len(falling.loss_curve_) > 16  # losses of different penalties are not compared
    codes = falling.transform(X)
    objective = 0.5 * np.square(X - codes @ falling.components_).sum() + 0.05 * np.abs(codes).sum()
    assert_allclose(objective / len(X), falling.loss_curve_[-1], rtol=0.05)
    for wrong in ({"algorithm": "omp"}, {"alpha": 0.0}):
        with pytest.raises(ValueError, match=r"expected two positive numbers"):
            make(**{**options, "alpha_start": 0.2, **wrong}).fit(X)


def test_a_relaxed_step_goes_further():
    options = {"method": "online", "max_iter": 1, "batch_size": 1000, "dict_init": ATOMS[::-1]}
    plain, relaxed = (make(relaxation=r, **options).fit(X).components_ for r in (1.0, 1.5))
    expected = ATOMS[::-1] + 1.5 * (plain - ATOMS[::-1])
    assert_allclose(relaxed, expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-12)


# starts, frozen atoms, replacement


@pytest.mark.parametrize("start", ["data", "random", "svd", "dct"])
@pytest.mark.parametrize("kind", KINDS)
def test_starts(start, kind):
    ksvd = make(dict_init=start, **kind).fit(X)
    assert_allclose(np.linalg.norm(ksvd.components_, axis=1), 1, rtol=1e-12)
    assert ksvd.score(X) > 0.6


def test_cosines_of_squares():
    images = np.random.default_rng(0).random((50, 16)) @ np.tri(16)
    assert KSVD(25, dict_init="dct2", random_state=0).fit(images).score(images) > 0.9
    with pytest.raises(ValueError, match="got 12 features, expected a square number"):
        make(dict_init="dct2").fit(X)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("holes", [False, True])
def test_frozen_atoms_stay(kind, holes):
    first = 2.5 * ATOMS[:5]
    data = np.where(np.random.default_rng(1).random(X.shape) < 0.1, np.nan, X) if holes else X
    ksvd = make(dict_init=first, n_frozen_components=4, max_coherence=0.5, **kind).fit(data)
    assert_array_equal(ksvd.components_[:4], first[:4])
    assert_allclose(np.linalg.norm(ksvd.components_[4:], axis=1), 1, rtol=1e-12)
    assert_array_equal(ksvd.partial_fit(data).components_[:4], first[:4])
    assert ksvd.components_.shape == (20, 12)


def test_an_array_to_start_from_is_not_changed():
    start = np.vstack([ATOMS, ATOMS[:0]])
    for method in METHODS:
        make(dict_init=start, method=method).fit(X)
        assert_array_equal(start, ATOMS)


@pytest.mark.parametrize("method", METHODS)
def test_unused_and_coherent_atoms_are_replaced(method):
    start = np.vstack([ATOMS[:1], ATOMS[:1], -ATOMS[:1], ATOMS[3:]])
    kept = make(dict_init=start, min_usage=0, max_coherence=1.0, max_iter=20, method=method, batch_size=50).fit(X)
    replaced = make(dict_init=start, max_iter=20, method=method, batch_size=50).fit(X)
    cosines = np.abs(replaced.components_ @ replaced.components_.T) - np.eye(20)
    assert cosines.max() < 0.95
    assert n_recovered(ATOMS, replaced.components_) >= 14
    assert replaced.score(X) > kept.score(X) - 0.01


# partial_fit


def test_partial_fit_learns_from_a_stream():
    ksvd = make(memory=1000, batch_size=50)
    for seed in range(15):
        rng = np.random.default_rng(seed)
        chunk = X[rng.permutation(len(X))[:400]]
        ksvd.partial_fit(chunk)
    assert n_recovered(ATOMS, ksvd.components_) >= 16
    assert ksvd.n_iter_ == len(ksvd.loss_curve_) == 15
    assert ksvd.loss_curve_[-1] < ksvd.loss_curve_[0]


@pytest.mark.parametrize("method", METHODS)
def test_partial_fit_goes_on_from_a_fit(method):
    ksvd = make(method=method, max_iter=40).fit(X)
    atoms, score = ksvd.components_, ksvd.score(X)
    before = atoms.copy()
    ksvd.partial_fit(X[:100])
    assert_array_equal(atoms, before)  # a new array
    assert ksvd.score(X) > score - 0.02
    assert ksvd.n_iter_ == len(ksvd.loss_curve_)
    with pytest.raises(ValueError, match="features"):
        ksvd.partial_fit(X[:, :5])
    assert ksvd.n_features_in_ == 12


def test_partial_fit_of_single_rows():
    ksvd = make()
    for row in X[:30]:
        ksvd.partial_fit(row[None])
    assert np.isfinite(ksvd.components_).all()
    assert_allclose(np.linalg.norm(ksvd.components_, axis=1), 1, rtol=1e-9)


def test_partial_fit_when_the_unit_changes():
    """A chunk a billion times as large as the first takes over; the sums neither overflow nor mix units."""
    ksvd = make(memory=300).partial_fit((1e-25 * X).astype(np.float32))
    for _ in range(10):
        ksvd.partial_fit((1e20 * X).astype(np.float32))
    assert np.isfinite(ksvd.components_).all() and ksvd.components_.dtype == np.float32
    assert explained_variance(X, ksvd.inverse_transform(ksvd.transform(X.astype(np.float32)))) > 0.6


def test_a_failed_fit_leaves_the_old_one():
    ksvd = make().fit(X)
    state = pickle.dumps(vars(ksvd))
    for method in (ksvd.fit, ksvd.partial_fit):
        with pytest.raises(ValueError):
            method(np.full((5, 3), np.inf))
        assert pickle.dumps(vars(ksvd)) == state


# data


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scale", [1e-30, 1e-9, 1e9, 1e30])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scale_of_the_data(kind, scale, dtype):
    """Atoms do not depend on it: here the first iterations, as later ones may hang on a last bit."""
    ksvd = make(max_iter=2, **kind).fit((scale * X).astype(dtype))
    expected = make(max_iter=2, **kind).fit(X.astype(dtype))
    assert ksvd.components_.dtype == dtype
    assert_allclose(ksvd.components_, expected.components_, atol=1e-3 if dtype == np.float32 else 1e-8)
    assert_allclose(ksvd.score((scale * X).astype(dtype)), expected.score(X.astype(dtype)), atol=1e-3)
    assert_allclose(np.array(ksvd.loss_curve_) / scale / scale, expected.loss_curve_, rtol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_losses_that_numbers_cannot_express_do_not_end_a_fit(kind, scale):
    ksvd, expected = make(**kind).fit(scale * X), make(**kind).fit(X)
    assert_array_equal(ksvd.loss_curve_, np.inf if scale > 1 else 0)
    assert ksvd.n_iter_ > 4
    assert_allclose(ksvd.score(scale * X), expected.score(X), atol=0.02)


@pytest.mark.parametrize("shape", [(60, 1), (60, 2), (1, 1), (300, 1)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_residuals_of_a_few_features(shape, dtype):
    """Whose rows lie apart in memory; a single column is where that can go wrong."""
    rng = np.random.default_rng(0)
    rows, atoms = rng.standard_normal(shape).astype(dtype), rng.standard_normal((3, shape[1])).astype(dtype)
    codes = sparse.csr_array(rng.standard_normal((shape[0], 3)).astype(dtype))
    for _ in range(5):
        assert_allclose(residual_of(rows, codes, atoms), rows - codes @ atoms, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_sparse_and_mapped_data(kind, tmp_path):
    data = np.where(np.random.default_rng(0).random(X.shape) < 0.3, X, 0)
    expected = make(max_iter=2, **kind).fit(data)
    for make_sparse in (sparse.csr_array, sparse.csr_matrix, sparse.csc_array):
        ksvd = make(max_iter=2, **kind).fit(make_sparse(data))
        assert_allclose(ksvd.transform(make_sparse(data)), ksvd.transform(data), atol=1e-8)
        if kind["method"] == "online":
            assert_allclose(ksvd.components_, expected.components_, atol=1e-10)
        assert ksvd.loss_curve_[-1] < 1.1 * expected.loss_curve_[-1]
        assert_allclose(ksvd.score(make_sparse(data)), ksvd.score(data), atol=1e-10)
    np.save(tmp_path / "x.npy", data)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert_array_equal(make(max_iter=2, **kind).fit(mapped).components_, expected.components_)
    assert_array_equal(make(max_iter=2, **kind).fit(np.asfortranarray(data)).components_, expected.components_)


def test_sparse_data_is_never_dense():
    """10,000 rows of 5000 features would take 400 MB."""
    rng = np.random.default_rng(0)
    wide = sparse.random_array((10_000, 5000), density=0.002, rng=rng, format="csr")
    for kind in KINDS:
        make(max_iter=1, **kind).fit(wide[:100])
        tracemalloc.start()
        ksvd = make(max_iter=2, **{**kind, "batch_size": 256}).fit(wide)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 60e6
        assert ksvd.loss_curve_[1] < ksvd.loss_curve_[0]


ODD = {
    "one row": X[:1],
    "one feature": X[:, :1],
    "one number": np.ones((1, 1)),
    "constant columns": np.hstack([X, np.ones((len(X), 2)), np.zeros((len(X), 1))]),
    "zero rows": np.where(np.arange(len(X))[:, None] % 2, X, 0),
    "zeros": np.zeros((30, 4)),
    "duplicates": np.repeat(X[:3], 50, axis=0),
    "few rows": X[:7],
    "integers": np.arange(60).reshape(20, 3),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("holes", [False, True])
def test_odd_data(kind, name, holes):
    data = ODD[name]
    if holes:
        data = np.where(np.random.default_rng(1).random(data.shape) < 0.3, np.nan, data)
    ksvd = make(**kind).fit(data).partial_fit(data)
    assert np.isfinite(ksvd.components_).all()
    assert_allclose(np.linalg.norm(ksvd.components_, axis=1), 1, rtol=1e-9)
    codes = ksvd.transform(data)
    assert np.isfinite(codes).all()
    assert_array_equal(codes[np.isnan(data).all(axis=1)], 0)
    assert np.isfinite(ksvd.loss_curve_).all()


@pytest.mark.parametrize("kind", KINDS)
def test_missing_rows_and_columns(kind):
    data = X.copy()
    data[:5], data[:, 3] = np.nan, np.nan
    ksvd = make(**kind).fit(data)
    assert_array_equal(ksvd.transform(data)[:5], 0)
    assert ksvd.score(data) > 0.6
    assert np.isfinite(make(**kind).fit(np.full((6, 3), np.nan)).components_).all()


def test_codes_of_rows_with_missing_values_are_least_squares():
    data = np.where(np.random.default_rng(1).random(X.shape) < 0.3, np.nan, X)
    ksvd = make().fit(data)
    for row, code in zip(data[:50], ksvd.transform(data[:50]), strict=True):
        seen, support = ~np.isnan(row), np.flatnonzero(code)
        expected = np.linalg.lstsq(ksvd.components_[support][:, seen].T, row[seen], rcond=None)[0]
        assert_allclose(code[support], expected, atol=1e-9)


def test_data_is_not_changed_and_the_seed_decides():
    data = np.where(np.random.default_rng(1).random(X.shape) < 0.1, np.nan, 1e9 * X)
    before = data.copy()
    for kind in KINDS:
        first, again, other = (make(**kind).set_params(random_state=seed).fit(data).components_ for seed in (0, 0, 1))
        assert_array_equal(first, again)
        assert (first != other).any()
    assert_array_equal(data, before)


@pytest.mark.parametrize("kind", [*KINDS, {"holes": True}, {"holes": True, "method": "online"}, {"csr": True}])
def test_same_bits_with_any_number_of_threads(kind, monkeypatch):
    data, options = make_signals(n=900, d=300, n_atoms=60)[0].astype(np.float32), dict(kind)
    if options.pop("holes", False):
        data = np.where(np.random.default_rng(1).random(data.shape) < 0.3, np.float32(np.nan), data)
    if options.pop("csr", False):
        data = sparse.csr_array(np.where(data > 0, data, 0))
    found = []
    for n in ("1", "2", "3"):
        monkeypatch.setenv("NUMBA_NUM_THREADS", n)
        ksvd = make(n_components=70, max_iter=3, n_nonzero_coefs=3, **options).fit(data).partial_fit(data[:300])
        found.append(ksvd.components_.tobytes() + ksvd.transform(data).tobytes() + np.array(ksvd.loss_curve_).tobytes())
    assert found[0] == found[1] == found[2]


# errors and conventions


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"dict_init": np.ones((3, 5))}, r"dict_init has shape \(3, 5\); expected at most n_components=20 rows"),
        ({"dict_init": np.ones((21, 12))}, r"dict_init has shape \(21, 12\)"),
        ({"n_frozen_components": 3}, "n_frozen_components=3 and a dict_init with 0 atoms"),
        ({"n_frozen_components": 9, "dict_init": ATOMS[:8]}, "n_frozen_components=9 and a dict_init with 8 atoms"),
        ({"algorithm": "magic"}, "algorithm"),
        ({"method": "batch"}, "method"),
    ],
)
def test_parameters_are_checked(params, message):
    with pytest.raises(ValueError, match=message):
        make(**params).fit(X)


def test_data_is_checked():
    with pytest.raises(ValueError, match="omplex"):
        make().fit(X + 1j)
    with pytest.raises(ValueError, match="NaN"):
        make().fit(sparse.csr_array(np.where(X > 1, np.nan, X)))
    with pytest.raises(ValueError, match="infinity"):
        make().fit(np.where(X > 1, np.inf, X))


def test_more_entries_than_atoms_are_as_many():
    assert make(n_nonzero_coefs=500, n_components=3).fit(X).transform(X).shape == (600, 3)


@pytest.mark.parametrize("method", METHODS)
def test_ends_when_the_loss_no_longer_falls(method, capsys):
    ksvd = make(method=method, max_iter=200, convergence_tol=0.02, verbose=True).fit(X)
    losses = np.array(ksvd.loss_curve_)
    assert 2 < ksvd.n_iter_ < 100
    assert losses[-2] - losses[-1] <= 0.02 * losses[-2]
    told = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("Compiling")]
    assert told[0].startswith("Iteration 1, loss = ")


@pytest.mark.parametrize("verbose", [True, False])
def test_only_a_verbose_fit_says_that_kernels_are_compiled(verbose, monkeypatch, capsys):
    monkeypatch.setattr(compiling, "_said", [])
    monkeypatch.setattr(dictionary_fitting, "has_converged", lambda losses, tol: compiling.announce())
    make(max_iter=2, verbose=verbose).fit(X)
    assert capsys.readouterr().out.count("Compiling") == verbose


def test_searches_and_pickles():
    search = GridSearchCV(make(max_iter=3), {"n_nonzero_coefs": [1, 3]}, cv=2).fit(X)
    assert search.best_params_ == {"n_nonzero_coefs": 3}
    ksvd = pickle.loads(pickle.dumps(search.best_estimator_))
    assert_array_equal(ksvd.transform(X), search.best_estimator_.transform(X))
    assert_array_equal(ksvd.partial_fit(X).components_, search.best_estimator_.partial_fit(X).components_)
    assert list(ksvd.get_feature_names_out()[:2]) == ["ksvd0", "ksvd1"]


@pytest.mark.parametrize("method", METHODS)
def test_callbacks(method):
    pytest.importorskip("sklearn.callback", reason="callbacks came with scikit-learn 1.9")

    class Recorder:
        def __init__(self):
            self.tasks, self.scores = [], []

        def setup(self, estimator, context):
            self.tasks.append("setup")

        def teardown(self, estimator, context):
            self.tasks.append("teardown")

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context, *, X, fitted_estimator):
            self.tasks.append(context.task_name)
            self.scores.append(fitted_estimator.score(X))
            return context.parent is not None and context.task_id == 3

    recorder = Recorder()
    ksvd = make(method=method, convergence_tol=0.0).set_callbacks(recorder).fit(X)
    assert recorder.tasks == ["setup", *["iteration"] * 4, "fit", "teardown"]
    assert ksvd.n_iter_ == 4
    assert_allclose(recorder.scores[-1], ksvd.score(X))
    assert recorder.scores[3] > recorder.scores[0]
