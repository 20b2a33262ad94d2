"""The estimator: what it is at one layer, what it learns, and how it treats data, targets and measurements."""

import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skl_sae import SparseAutoencoder
from skl_sae._kernels import addresses, crew, memory, products, threads
from skl_sae._training import step
from skl_sae.coding import SparseRecoveryAutoencoder, sparse_encode
from skl_sae.coding._unrolling import unrolled
from skl_sae.sparsity import L1, RULES, JumpReLU, TopK

QUICK = {"n_components": 20, "max_iter": 4, "random_state": 0}
KINDS = [
    {"n_layers": 1, "sparsity": "topk"},
    {"n_layers": 3},
    {"n_layers": 3, "positive": True, "unshrunk": 0.1},
    {"n_layers": 3, "variant": "lista"},
    {"n_layers": 3, "variant": "step"},
    {"n_layers": 2, "sparsity": TopK(4)},
    {"recovery": "omp", "n_nonzero_coefs": 3},
]
each_kind = pytest.mark.parametrize("kind", KINDS, ids=str)


def make(**options):
    return SparseRecoveryAutoencoder(**{**QUICK, **options})


def signals(n=300, dtype=float, n_features=12, seed=0):
    """Sparse combinations of atoms."""
    rng = np.random.default_rng(seed)
    atoms = np.random.default_rng(7).standard_normal((20, n_features))
    codes = rng.standard_normal((n, 20)) * (rng.random((n, 20)) < 0.15)
    return (codes @ atoms + 0.01 * rng.standard_normal((n, n_features))).astype(dtype)


@pytest.mark.parametrize("scale", [False, "auto"])
@pytest.mark.parametrize("rule", RULES)
def test_one_layer_is_an_autoencoder(rule, scale):
    """The same start, steps and codes, to the bit; only the scale on which codes are given is the data's."""
    X = signals()
    X[np.random.default_rng(1).random(X.shape) < 0.05] = np.nan
    one = make(n_layers=1, sparsity=rule, scale=scale).fit(X)
    sae = SparseAutoencoder(sparsity=rule, scale=scale, **QUICK).fit(X)
    assert one.loss_curve_ == sae.loss_curve_
    np.testing.assert_array_equal(one._network.parameters.theta, sae._network.parameters.theta)
    factor = sae.code_scale_ / one.code_scale_
    np.testing.assert_allclose(one.transform(X), sae.transform(X) * factor, rtol=1e-12)
    np.testing.assert_allclose(one.inverse_transform(one.transform(X)), sae.inverse_transform(sae.transform(X)))
    assert one.score(X) == sae.score(X)
    assert len(one.coefs_) == 2
    one.partial_fit(X[:50])
    sae.partial_fit(X[:50])
    np.testing.assert_array_equal(one._network.parameters.theta, sae._network.parameters.theta)


@pytest.mark.filterwarnings("ignore:.*did not fire", "ignore:.*target_l0")
@pytest.mark.parametrize("rule", [*RULES, L1(target_l0=3), JumpReLU(target_l0=3)], ids=str)
def test_every_rule_is_a_last_layer(rule):
    X = signals(1500)
    model = make(sparsity=rule, n_layers=3, max_iter=15).fit(X)
    assert np.isfinite(model.transform(X)).all()
    assert model.loss_ < model.loss_curve_[0] or "target_l0" in str(rule)  # which is approached from above
    assert model.score(X) > 0.2 or rule == "kl"


def test_atoms_keep_their_norm_and_codes_are_on_the_scale_of_the_data():
    X = 1000 * signals()
    model = make(max_iter=20).fit(X)
    np.testing.assert_allclose(np.linalg.norm(model.components_, axis=1), 1)
    codes = model.transform(X)
    np.testing.assert_allclose(codes @ model.components_ + model.intercept_, model.reconstruct(X), rtol=1e-9, atol=1e-6)
    assert model.score(X) > 0.7


@each_kind
def test_learns(kind):
    X = signals(2000)
    before, after = make(max_iter=1, **kind).fit(X), make(max_iter=20, **kind).fit(X)
    assert after.loss_ < before.loss_ and after.score(X) > before.score(X)


def test_more_layers_encode_better():
    """At the same number of active units."""
    X = signals(2000)
    scores = [make(n_layers=n, sparsity=TopK(3), max_iter=30).fit(X).score(X) for n in (1, 3)]
    assert scores[1] > scores[0]


@each_kind
def test_missing_values(kind):
    X = signals(1000)
    holes = np.random.default_rng(1).random(X.shape) < 0.1
    with_holes = np.where(holes, np.nan, X)
    model = make(max_iter=20, **kind).fit(with_holes)
    filled = model.impute(with_holes)
    np.testing.assert_array_equal(filled[~holes], X[~holes])
    assert np.isfinite(filled).all() and np.isfinite(model.transform(with_holes)).all()
    X[0] = np.nan
    assert np.isfinite(model.transform(X[:1])).all()


def test_what_is_missing_has_no_part_in_a_code():
    """Whatever the training filled in, and a code of a row alone is that of its observed entries."""
    X = signals(500)
    model = make(max_iter=10).fit(X)
    holed = X.copy()
    holed[:, 3] = np.nan
    expected = model._network.copy()
    expected.scaling.fill = expected.scaling.fill + 100
    other = clone(model)
    vars(other).update(vars(model), _network=expected)
    np.testing.assert_array_equal(model.transform(holed), other.transform(holed))
    assert (model.transform(holed) != model.transform(X)).any()


@each_kind
def test_float32_csr_and_memory_maps(kind, tmp_path):
    X = signals(400) * (np.random.default_rng(0).random((400, 12)) < 0.5)
    model = make(**kind).fit(X)
    single = make(**kind).fit(X.astype(np.float32))
    assert single.transform(X.astype(np.float32)).dtype == single.components_.dtype == np.float32
    assert single.loss_ == pytest.approx(model.loss_, rel=1e-3)
    csr = make(**kind).fit(sparse.csr_array(X))
    np.testing.assert_allclose(csr.transform(sparse.csr_array(X)), model.transform(X), atol=1e-6)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    np.testing.assert_array_equal(make(**kind).fit(mapped).transform(mapped), model.transform(X))
    codes = clone(model).set_params(sparse_output=True).fit(X).transform(X)
    np.testing.assert_array_equal(codes.toarray(), model.transform(X))


@pytest.mark.filterwarnings("ignore:.*did not fire")
@each_kind
def test_same_bits_with_any_number_of_threads(kind, monkeypatch):
    monkeypatch.setattr(step, "SMALL_WORK", 0)
    for module in (threads, crew, addresses, memory):
        monkeypatch.setattr(module, "n_slots", lambda: 8)
    X, results = signals(600, n_features=40), []
    for n in 1, 2, 8:
        for module in (threads, crew):
            monkeypatch.setattr(module, "n_threads", lambda n=n: n)
        monkeypatch.setattr(threads, "_pool", threads._Pool())
        model = make(**{**kind, "n_components": 150, "batch_size": 200}).fit(X)
        results.append((model._network.parameters.theta.tobytes(), model.transform(X).tobytes()))
    assert results[0] == results[1] == results[2]


@each_kind
@pytest.mark.parametrize("register", [None, 0])
def test_a_row_is_encoded_alike_among_any_others(kind, register, monkeypatch):
    """Also where BLAS makes the products."""
    X = signals(100)
    model = make(**kind).fit(X)
    if register is not None:
        for module in products, unrolled:
            monkeypatch.setattr(module, "REGISTER", register)
    codes = model.transform(X)
    for size in 1, 7, 99:
        chosen = np.random.default_rng(size).choice(100, size, replace=False)
        np.testing.assert_array_equal(model.transform(X[chosen]), codes[chosen])


@each_kind
def test_goes_on(kind):
    X = signals(400)
    model = make(**kind).partial_fit(X[:200])
    before = model.components_.copy()
    again = pickle.loads(pickle.dumps(model))
    for each in model, again:
        each.partial_fit(X[200:])
    np.testing.assert_array_equal(model.components_, again.components_)
    assert (model.components_ != before).any()
    warm = make(warm_start=True, **kind).fit(X)
    first = warm.loss_
    assert warm.fit(X).loss_ < first * 1.05
    assert make(**kind).partial_fit(X[:1]).transform(X).shape == (400, 20)


def test_a_label_is_no_target():
    X = signals(200)
    pipeline = make_pipeline(make(), LogisticRegression()).fit(X, X[:, 0] > 0)
    assert pipeline.predict(X).shape == (200,)


# targets and measurements


def problem(n=1500, n_measurements=None, seed=0, dtype=float):
    """Atoms, a matrix that measures, signals and their codes."""
    rng = np.random.default_rng(seed)
    atoms = np.random.default_rng(7).standard_normal((20, 12))
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    A = np.random.default_rng(8).standard_normal((n_measurements or 12, 12)) / np.sqrt(12)
    codes = (5 * rng.standard_normal((n, 20)) * (rng.random((n, 20)) < 0.1)).astype(dtype)
    return atoms.astype(dtype), A.astype(dtype), codes @ atoms.astype(dtype), codes


def error(found, expected):
    return np.square(found - expected).sum() / np.square(expected).sum()


@pytest.mark.parametrize("variant", ["coupled", "lista", "step"])
def test_codes_as_targets(variant):
    """New signals are encoded better than by as many steps of ISTA, and by more layers better."""
    atoms, _, X, Z = problem(4000)
    _, _, X_new, Z_new = problem(500, seed=1)
    errors = []
    for n_layers, max_iter in (1, 20), (6, 0), (6, 20):
        model = make(
            n_layers=n_layers, variant=variant, dict_init=atoms, learn_dictionary=False, target="codes", alpha=0.02
        )
        model.set_params(max_iter=max(1, max_iter), learning_rate_init=1e-3 if max_iter else 1e-12)
        errors.append(error(model.fit(X, Z).transform(X_new), Z_new))
        np.testing.assert_allclose(model.components_, atoms, atol=1e-12)
        np.testing.assert_array_equal(model.intercept_, 0)
    assert errors[2] < 0.7 * min(errors[:2])


def test_codes_as_targets_without_a_dictionary():
    atoms, _, X, Z = problem()
    model = make(target="codes", n_layers=4, max_iter=20).fit(X, Z)
    np.testing.assert_allclose(model.components_, atoms, atol=1e-4)
    before = error(model.transform(X), Z)
    assert error(model.partial_fit(X, Z).transform(X), Z) < 1.2 * before < 0.5


@pytest.mark.parametrize("kind", [{}, {"sparsity": "topk"}], ids=str)
def test_codes_as_targets_may_be_sparse(kind):
    _, _, X, Z = problem(200)
    model, same = (make(target="codes", **kind).fit(X, y).partial_fit(X, y) for y in (Z, sparse.csr_array(Z)))
    np.testing.assert_array_equal(model.transform(X), same.transform(X))


def test_signals_as_targets():
    """Clean signals of noisy ones: better than the noisy ones, and than what learns from these alone."""
    clean = problem(3000)[2]
    noisy = clean + np.random.default_rng(0).standard_normal(clean.shape)
    taught, alone = (make(target=target, alpha=0.03, max_iter=30).fit(noisy, clean) for target in ("signals", None))
    assert error(taught.reconstruct(noisy), clean) < 0.8 * error(noisy, clean)
    assert taught.score(noisy, clean) > 1 - error(alone.reconstruct(noisy), clean)


@pytest.mark.parametrize("variant", ["coupled", "lista", "step"])
def test_layers_one_by_one(variant):
    """Each improves on the one before it, and all of them are kept for the training of the whole."""
    atoms, _, X, Z = problem(4000)
    taught = {"dict_init": atoms, "learn_dictionary": False, "target": "codes", "alpha": 0.02}
    options = {"n_layers": 5, "variant": variant, "pretrain_max_iter": 5, **taught}
    only = make(pretrain="layerwise_only", **options).fit(X, Z)
    losses = [curve[-1] for curve in only.pretrain_loss_curves_]
    assert len(losses) == 5 and sorted(losses, reverse=True) == losses
    then = make(pretrain="layerwise", **options).fit(X, Z)
    assert then.pretrain_loss_curves_ == only.pretrain_loss_curves_
    assert then.loss_curve_[0] < 1.1 * losses[-1]
    free = make(n_layers=3, variant=variant, pretrain="layerwise", pretrain_max_iter=5).fit(X)
    assert free.loss_ < free.pretrain_loss_curves_[0][0]


@pytest.mark.parametrize("target", [None, "signals", "codes"])
def test_measurements(target):
    atoms, A, X, Z = problem(3000, n_measurements=9)
    Y = X @ A.T
    options = {"measurement_matrix": A, "target": target, "n_layers": 6, "max_iter": 30, "alpha": 0.02}
    options |= {"dict_init": None if target == "signals" else atoms, "learn_dictionary": target == "signals"}
    model = make(**options).fit(Y, {None: None, "signals": X, "codes": Z}[target])
    assert model.n_features_in_ == 9 and model.components_.shape == (20, 12) and model.intercept_.shape == (12,)
    codes = model.transform(Y)
    np.testing.assert_allclose(model.reconstruct(Y), codes @ model.components_, atol=1e-9)
    np.testing.assert_allclose(model.inverse_transform(codes), codes @ model.components_, atol=1e-9)
    np.testing.assert_allclose(model.inverse_transform(sparse.csr_array(codes)), codes @ model.components_, atol=1e-9)
    least_norm = Y @ np.linalg.pinv(A).T
    assert error(model.reconstruct(Y), X) < 0.8 * error(least_norm, X)
    assert model.score(Y) > 0.7 and model.score_samples(Y).shape == (3000,)
    if target == "signals":
        assert model.score(Y, X) == pytest.approx(1 - error(model.reconstruct(Y), X), abs=0.01)
    holed = Y.copy()
    holed[::7, 2] = np.nan
    filled = model.impute(holed)
    assert error(filled[::7, 2], Y[::7, 2]) < 1
    np.testing.assert_array_equal(np.delete(filled, 2, axis=1), np.delete(Y, 2, axis=1))


def test_what_measurements_do_not_see_of_the_dictionary_stays():
    atoms, A, X, _ = problem(1000, n_measurements=9)
    blind = np.eye(12) - np.linalg.pinv(A) @ A
    model = make(measurement_matrix=A, dict_init=atoms, max_iter=5).fit(X @ A.T)
    np.testing.assert_allclose(model.components_ @ blind, atoms @ blind, atol=1e-9)
    assert abs((model.components_ - atoms) @ A.T).max() > 1e-3
    least = make(measurement_matrix=A, max_iter=5).fit(X @ A.T)
    np.testing.assert_allclose(least.components_ @ blind, 0, atol=1e-9)


def test_pursuits_learn_a_dictionary():
    """Atoms are found, up to their sign."""
    atoms, _, X, _ = problem(4000)
    model = make(recovery="omp", n_nonzero_coefs=2, max_iter=60, learning_rate_init=0.01).fit(X)
    assert (abs(model.components_ @ atoms.T).max(axis=0) > 0.98).mean() > 0.7
    again = sparse_encode(X, model.components_, algorithm="omp", n_nonzero_coefs=2)
    np.testing.assert_allclose(model.transform(X + model.mean_), again, atol=1)
    assert model.dead_fraction_ == 0


@pytest.mark.parametrize(
    "options, y, message",
    [
        ({"target": "codes"}, None, "y=None"),
        ({"target": "codes"}, np.zeros((50, 3)), r"expected \(50, 20\)"),
        ({"target": "signals"}, np.zeros((49, 12)), r"expected \(50, 12\)"),
        ({"target": "codes"}, np.full((50, 20), np.nan), "NaN"),
        ({"target": "signals", "center": True}, np.zeros((50, 12)), "center=True"),
        ({"target": "signals", "early_stopping": True}, np.zeros((50, 12)), "early_stopping"),
        ({"target": "codes", "corruption": "masking"}, np.zeros((50, 20)), "corruption"),
        ({"target": "signals", "measurement_matrix": np.ones(12)}, np.zeros((50, 12)), "2D array"),
        ({"measurement_matrix": np.ones((11, 30))}, None, "measurement_matrix has 11 rows, expected 12"),
        ({"measurement_matrix": np.ones((12, 30)), "dict_init": np.ones((20, 12))}, None, "12 columns, expected 30"),
        ({"dict_init": np.ones((19, 12))}, None, "dict_init has 19 rows, expected 20"),
        ({"dict_init": np.full((20, 12), np.nan)}, None, "NaN"),
        ({"recovery": "omp", "sparsity": "topk"}, None, "sparsity='topk' has no meaning"),
        ({"recovery": "omp", "target": "codes"}, np.zeros((50, 20)), "target='codes' has no meaning"),
        ({"recovery": "omp", "dead_units": "auxiliary"}, None, "auxiliary"),
        ({"dead_units": "resample"}, None, "n_layers"),
        ({"corruption": "masking", "corruption_level": 2}, None, "at most 1, got 2"),
        ({"corruption_emphasis": 0.5}, None, "corruption=None, expected 0"),
        ({"recovery": "lasso", "alpha": 0}, None, "alpha=0 has no meaning with recovery='lasso'"),
    ],
)
def test_errors(options, y, message):
    with pytest.raises(ValueError, match=message):
        make(**options).fit(signals(50), y)


def test_attributes_of_one_layer():
    model = make().fit(signals())
    with pytest.raises(AttributeError, match="n_layers=1"):
        assert model.coefs_
    assert not hasattr(model, "intercepts_")
