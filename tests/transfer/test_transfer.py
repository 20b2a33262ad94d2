"""What a transfer keeps of its source, what it learns, and what it refuses."""

import pickle

import joblib
import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from skl_sae import SparseAutoencoder
from skl_sae.coding import KSVD, SparseRecoveryAutoencoder
from skl_sae.compression import prune, quantize
from skl_sae.sparsity import L1, RULES, JumpReLU, Matryoshka
from skl_sae.transfer import SparseTransfer
from skl_sae.transfer._layers import MEASURED, anchor_of

DIGITS, LABELS = load_digits(return_X_y=True)
OLD, NEW = DIGITS[LABELS >= 5][:300], DIGITS[LABELS < 5][:300]
LABELS = LABELS[LABELS < 5][:300]
QUICK = {"n_components": 24, "max_iter": 5, "random_state": 0}
SOURCES = {
    "autoencoder": SparseAutoencoder(**QUICK),
    "deep": SparseAutoencoder(hidden_layer_sizes=(20,), sparsity="l1", **QUICK),
    "dictionary": KSVD(**QUICK),
    "recovery": SparseRecoveryAutoencoder(**QUICK),
}
MODES = {"frozen": {}, "finetune": {"l2_sp": 0.01}, "extend": {"n_new_components": 6}}


@pytest.fixture(scope="module")
def sources():
    return {name: source.fit(OLD) for name, source in SOURCES.items()}


def transfer(source, mode="frozen", **options):
    return SparseTransfer(source, mode, random_state=0, **options)


def theta(transfer):
    """The network's numbers by name."""
    return transfer.estimator_._network.parameters.views


# the source stays


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", SOURCES)
def test_nothing_changes_the_source(sources, name, mode):
    source = sources[name]
    before = pickle.dumps(source)
    options = {} if name == "dictionary" and mode == "finetune" else MODES[mode]
    model = clone(transfer(source, mode, **options))
    assert model.source is source and clone(model.fit(NEW)).source is source
    if mode != "frozen":
        model.partial_fit(NEW[:50])
    model.transform(NEW)
    steps = make_pipeline(model, RidgeClassifier())
    cross_val_score(steps, NEW, LABELS, cv=2)
    GridSearchCV(steps, {"sparsetransfer__max_iter": [1, 2]}, cv=2).fit(NEW, LABELS)
    assert pickle.dumps(source) == before


def test_a_frozen_source_encodes_as_it_is(sources):
    for source in sources.values():
        model = transfer(source).fit(NEW)
        assert np.array_equal(model.transform(NEW), source.transform(NEW))
        assert np.array_equal(model.fit(OLD).transform(NEW), source.transform(NEW))
        assert model.source_score_ == source.score(OLD)
        wrapped = transfer(FrozenEstimator(source)).fit(NEW)
        assert np.array_equal(wrapped.transform(NEW), model.transform(NEW))
        decoded = model.inverse_transform(model.transform(NEW))
        assert np.array_equal(decoded, source.inverse_transform(source.transform(NEW)))


def test_a_source_that_is_fitted_again_changes_no_fitted_transfer():
    source = SparseAutoencoder(**QUICK).fit(OLD)
    model = transfer(source).fit(NEW)
    codes = model.transform(NEW)
    source.fit(NEW)
    assert np.array_equal(model.transform(NEW), codes)


def test_parameters_of_the_source_are_not_those_of_the_transfer(sources):
    model = transfer(sources["autoencoder"])
    assert set(model.get_params()) == set(model.get_params(deep=False))
    with pytest.raises(ValueError, match="source__n_components: the model given as `source` is fitted"):
        model.set_params(source__n_components=3)
    assert model.set_params(source=sources["deep"]).source is sources["deep"]


def test_a_search_over_sources(sources):
    steps = make_pipeline(transfer(sources["autoencoder"]), RidgeClassifier())
    candidates = [FrozenEstimator(sources[name]) for name in ("deep", "dictionary")]
    search = GridSearchCV(steps, {"sparsetransfer__source": candidates}, cv=2).fit(NEW, LABELS)
    assert search.best_estimator_[0].source in candidates
    grid = {"sparsetransfer__source": [sources["deep"]]}
    with pytest.raises(NotFittedError, match="must be FrozenEstimator"):
        GridSearchCV(steps, grid, cv=2, error_score="raise").fit(NEW, LABELS)


# what it knows of the features


def test_other_features_are_refused(sources):
    pd = pytest.importorskip("pandas")
    with pytest.raises(ValueError, match=r"SparseAutoencoder, was fitted on 64 features; the target has 10\."):
        transfer(sources["autoencoder"]).fit(NEW[:, :10])
    names = [f"pixel{i}" for i in range(64)]
    source = clone(SOURCES["autoencoder"]).fit(pd.DataFrame(OLD, columns=names))
    table = pd.DataFrame(NEW, columns=names)
    message = (
        r"on 64 features \(pixel0, .*\.\.\.\); the target lacks 2 of them \(pixel0, pixel1\) and has 2 others \(a, b\)"
    )
    with pytest.raises(ValueError, match=message):
        transfer(source).fit(table.rename(columns={"pixel0": "a", "pixel1": "b"}))
    with pytest.raises(ValueError, match=r"has them in another order \(pixel63, "):
        transfer(source).fit(table[names[::-1]])
    with pytest.raises(ValueError, match=r"the target has 3 \(pixel0, pixel1, pixel2\)"):
        transfer(source).fit(table[names[:3]])
    model = transfer(source, "finetune", max_iter=1).fit(table)
    assert list(model.feature_names_in_) == names
    assert np.array_equal(model.transform(table), transfer(source, "finetune", max_iter=1).fit(NEW).transform(NEW))


def test_a_refused_target_leaves_a_fit_as_it_was(sources):
    model = transfer(sources["autoencoder"]).fit(NEW)
    with pytest.raises(ValueError, match="was fitted on 64"):
        model.fit(NEW[:, :10])
    assert model.n_features_in_ == 64 and model.transform(NEW).shape == (300, 24)


def test_sources_that_have_not_learned():
    with pytest.raises(NotFittedError, match="source is a SparseAutoencoder that is not fitted"):
        transfer(SparseAutoencoder()).fit(NEW)
    with pytest.raises(TypeError, match="the class KSVD"):
        transfer(KSVD).fit(NEW)
    with pytest.raises(ValueError, match="'source' parameter"):
        transfer(RidgeClassifier()).fit(NEW)


# mean and scale


@pytest.mark.parametrize("scale", ["total", "features", False])
def test_recentred_codes_are_those_of_the_target_on_the_sources_scale(scale):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 12)) @ rng.normal(size=(12, 12))
    source = SparseAutoencoder(16, scale=scale, max_iter=5, random_state=0).fit(X)
    target = 7 * X[::-1][:200] * rng.uniform(1, 3, 12) + rng.normal(size=12)
    model = transfer(source, recenter=True).fit(target)
    np.testing.assert_allclose(model.estimator_.mean_, target.mean(axis=0), rtol=1e-9)
    if scale == "total":
        assert model.estimator_.scale_ == pytest.approx(np.sqrt(target.var(axis=0).sum()))
    ratio = source.scale_ / model.estimator_.scale_
    as_source = (target - target.mean(axis=0)) * ratio + source.mean_
    np.testing.assert_allclose(model.transform(target), source.transform(as_source), rtol=1e-6, atol=1e-8)
    decoded = (source.reconstruct(as_source) - source.mean_) / ratio + target.mean(axis=0)
    np.testing.assert_allclose(model.reconstruct(target), decoded, rtol=1e-6, atol=1e-8)
    assert model.source_score_ == model.score(target)


def test_a_source_without_a_mean_gets_none():
    source = SparseRecoveryAutoencoder(center=False, **QUICK).fit(OLD)
    model = transfer(source, recenter=True).fit(NEW)
    assert not model.estimator_.mean_.any()
    assert model.estimator_.scale_ != source.scale_
    with pytest.raises(ValueError, match="KSVD has neither"):
        transfer(KSVD(**QUICK).fit(OLD), recenter=True).fit(NEW)


# fine-tuning


@pytest.mark.parametrize("name", SOURCES)
def test_fine_tuning_learns(sources, name):
    model = transfer(sources[name], "finetune", max_iter=30).fit(NEW)
    assert model.score(NEW) > model.source_score_ + 0.05
    assert model.transform(NEW).shape == (300, 24)
    again = transfer(sources[name], "finetune", max_iter=30).fit(NEW)
    assert np.array_equal(model.transform(NEW), again.transform(NEW))


@pytest.mark.parametrize("freeze", ["encoder", "decoder", [0], [1, 3], np.array([2])])
def test_frozen_layers_stay_to_the_bit(sources, freeze):
    source = sources["deep"]
    model = transfer(source, "finetune", freeze=freeze).fit(NEW)
    stay = {"encoder": [0, 1], "decoder": [2, 3]}[freeze] if isinstance(freeze, str) else freeze
    for _ in range(2):
        for i in range(4):
            same = np.array_equal(model.estimator_.coefs_[i], source.coefs_[i])
            assert same == (i in stay)
            assert np.array_equal(model.estimator_.intercepts_[i], source.intercepts_[i]) == (i in stay)
        model.partial_fit(NEW)


def test_shared_weights_stay_with_either_side():
    source = SparseAutoencoder(tied_weights=True, **QUICK).fit(OLD)
    model = transfer(source, "finetune", freeze="decoder").fit(NEW)
    assert np.array_equal(model.estimator_.components_, source.components_)
    assert not np.array_equal(model.estimator_.intercepts_[0], source.intercepts_[0])


def test_layers_of_an_unrolled_encoder(sources):
    source = sources["recovery"]
    model = transfer(source, "finetune", freeze="encoder").fit(NEW)
    for name, view in source._network.parameters.views.items():
        assert np.array_equal(theta(model)[name], view) == (not name.startswith("dec"))
    with pytest.raises(ValueError, match="expected 'encoder', 'decoder' or None"):
        transfer(source, "finetune", freeze=[0]).fit(NEW)
    with pytest.raises(ValueError, match="0 to 3 as in coefs_"):
        transfer(sources["deep"], "finetune", freeze=[4]).fit(NEW)


def test_a_stronger_pull_stays_nearer(sources):
    source = sources["autoencoder"]
    start, far = source._network.parameters.theta, []
    for strength in (0.0, 0.1, 10.0):
        model = transfer(source, "finetune", l2_sp=strength).fit(NEW)
        far.append(np.linalg.norm(model.estimator_._network.parameters.theta - start))
    assert far[0] > 1.2 * far[1] > 1.2 * far[2]


@pytest.mark.filterwarnings("ignore:.*did not fire")
def test_what_is_measured_of_the_data_is_not_pulled():
    rng = np.random.default_rng(0)
    X, Y = (rng.normal(size=(600, 4)) @ rng.normal(size=(4, 20)) + 0.1 * rng.normal(size=(600, 20)) for _ in range(2))
    params = {"max_iter": 30, "batch_size": 50, "random_state": 0}
    source = SparseAutoencoder(16, sparsity=JumpReLU(target_l0=4.0), **params).fit(X)
    free, pulled = (transfer(source, "finetune", l2_sp=strength).fit(2 * Y + 1) for strength in (0.0, 1e-4))
    assert pulled.score(2 * Y + 1) > free.score(2 * Y + 1) - 0.02
    for name in ("alpha", "active"):  # a weak pull hardly changes where the training goes
        assert theta(pulled)[f"rule.{name}"][0] == pytest.approx(theta(free)[f"rule.{name}"][0], rel=0.3)
    for rule, states in {"batch_topk": {"rule.threshold"}, "jumprelu": {"rule.size", "rule.peak"}}.items():
        source = SparseAutoencoder(sparsity=rule, batch_norm=True, **QUICK | {"n_components": 8}).fit(X)
        states |= {"enc0.norm_mean", "enc0.norm_variance"}
        parameters = source._network.parameters
        anchor = anchor_of(parameters)
        found = {name for name in parameters.views if np.isnan(parameters.part(anchor, name)).all()}
        assert found == states and np.isnan(anchor).sum() == 8 * len(states)


def test_normalised_layers_cannot_be_frozen():
    source = SparseAutoencoder(hidden_layer_sizes=(8,), batch_norm=True, **QUICK).fit(OLD)
    for freeze in ("encoder", [0], [1, 2]):
        with pytest.raises(ValueError, match="batch_norm=True, which training"):
            transfer(source, "finetune", freeze=freeze).fit(NEW)
    for freeze in ("decoder", [2, 3]):
        model = transfer(source, "finetune", freeze=freeze).fit(NEW)
        assert np.array_equal(model.estimator_.coefs_[2], source.coefs_[2])


def test_a_dictionary_keeps_the_atoms_that_the_target_does_not_use():
    rng = np.random.default_rng(0)
    atoms = np.linalg.qr(rng.normal(size=(12, 12)))[0]
    source = KSVD(12, n_nonzero_coefs=1, dict_init=atoms, max_iter=1, random_state=0).fit(np.repeat(atoms, 3, axis=0))
    X = (
        (np.abs(rng.normal(size=(60, 4))) + 1)
        * (rng.integers(4, size=(60, 1)) == np.arange(4))
        @ source.components_[:4]
    )
    model = transfer(source, "finetune").fit(X + 0.01 * rng.normal(size=X.shape))
    np.testing.assert_allclose(model.estimator_.components_[4:], source.components_[4:], atol=1e-12)
    assert not np.allclose(model.estimator_.components_[:4], source.components_[:4], atol=1e-6)
    with pytest.raises(ValueError, match="'max_iter' parameter of KSVD must be an int"):
        transfer(source, "finetune", max_iter="auto").fit(X)
    for name, value in {"freeze": "encoder", "l2_sp": 0.1, "learning_rate_init": 0.1}.items():
        with pytest.raises(ValueError, match=f"Got {name}={value!r} with a KSVD"):
            transfer(source, "finetune", **{name: value}).fit(X)


# extending


@pytest.mark.parametrize("rule", [*RULES, Matryoshka("topk"), None])
def test_units_of_the_source_stay_to_the_bit(rule):
    source = SparseAutoencoder(sparsity=rule, **QUICK).fit(OLD)
    model = transfer(source, "extend", n_new_components=6, max_iter=20).fit(NEW)
    for _ in range(2):
        old, new = source._network.parameters, theta(model)
        for name in ("enc0.weight", "enc0.bias", "dec0.weight", *(f"rule.{each}" for each in old.own)):
            if name in MEASURED:
                continue
            assert np.array_equal(new[name][:24], old[name])
        assert np.array_equal(model.estimator_.components_[:24], source.components_)
        assert np.array_equal(model.estimator_.coefs_[0][:, :24], source.coefs_[0])
        assert np.array_equal(model.estimator_.intercepts_[0][:24], source.intercepts_[0])
        assert model.transform(NEW).shape == (300, 30)
        assert np.count_nonzero(model.transform(NEW)[:, 24:]) > 0
        assert model.score(NEW) > model.source_score_
        model.partial_fit(NEW)


def test_hidden_layers_stay_too(sources):
    source = sources["deep"]
    model = transfer(source, "extend", n_new_components=6).fit(NEW)
    for name, view in source._network.parameters.views.items():
        if name != "dec0.bias":
            assert np.array_equal(theta(model)[name][tuple(map(slice, view.shape))], view)


@pytest.mark.parametrize("method", ["ksvd", "online"])
def test_atoms_of_the_source_stay_to_the_bit(method):
    source = KSVD(method=method, **QUICK).fit(OLD)
    model = transfer(source, "extend", n_new_components=6).fit(NEW)
    assert np.array_equal(model.estimator_.components_[:24], source.components_)
    assert model.score(NEW) > model.source_score_
    assert np.array_equal(model.partial_fit(NEW).estimator_.components_[:24], source.components_)
    chunks = transfer(source, "extend").partial_fit(NEW).partial_fit(NEW)
    assert np.array_equal(chunks.estimator_.components_[:24], source.components_)
    assert chunks.transform(NEW).shape == (300, 30)


@pytest.mark.parametrize("options", [{"variant": v} for v in ("coupled", "lista", "step")] + [{"recovery": "omp"}])
def test_recovery_goes_on_with_more_atoms(options):
    source = SparseRecoveryAutoencoder(**options, **QUICK).fit(OLD)
    model = transfer(source, "extend", n_new_components=6).fit(NEW)
    assert np.array_equal(model.estimator_.components_[:24], source.components_)
    for name, view in source._network.parameters.views.items():
        if name != "dec0.bias":
            assert np.array_equal(theta(model)[name][tuple(map(slice, view.shape))], view)
    assert model.score(NEW) > model.source_score_


def test_new_atoms_of_a_recovery_that_learned_none():
    atoms = np.random.default_rng(0).normal(size=(24, 64))
    source = SparseRecoveryAutoencoder(dict_init=atoms, learn_dictionary=False, **QUICK).fit(OLD)
    model = transfer(source, "extend").fit(NEW)
    np.testing.assert_allclose(model.estimator_.components_[:24], source.components_, rtol=1e-12)
    assert len(model.estimator_.components_) == 30


def test_what_cannot_be_extended():
    source = SparseAutoencoder(hidden_layer_sizes=(8,), batch_norm=True, **QUICK).fit(OLD)
    with pytest.raises(ValueError, match="batch_norm"):
        transfer(source, "extend").fit(NEW)
    matrix = np.random.default_rng(0).normal(size=(64, 80))
    source = SparseRecoveryAutoencoder(measurement_matrix=matrix, **QUICK).fit(OLD)
    with pytest.raises(ValueError, match="measurement_matrix"):
        transfer(source, "extend").fit(NEW)
    source = SparseRecoveryAutoencoder(target="codes", **QUICK).fit(OLD, np.maximum(OLD[:, :24] - 8, 0))
    with pytest.raises(ValueError, match="target"):
        transfer(source, "extend").fit(NEW, NEW[:, :24])
    assert transfer(source, "finetune").fit(NEW, NEW[:, :24]).transform(NEW).shape == (300, 24)


# data of all kinds


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", SOURCES)
def test_sparse_and_missing_data(sources, name, mode):
    model, twin = (transfer(sources[name], mode, max_iter=2) for _ in range(2))
    codes, others = model.fit_transform(NEW), twin.fit_transform(sparse.csr_array(NEW))
    assert codes.shape == others.shape
    if mode == "frozen":
        np.testing.assert_allclose(others, codes, atol=1e-8)
    X = np.where(np.random.default_rng(0).random(NEW.shape) < 0.1, np.nan, NEW)
    codes = model.fit_transform(X)
    assert np.isfinite(codes).all() and np.isfinite(model.source_score_)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", SOURCES)
def test_float32_is_kept(name, mode):
    source = clone(SOURCES[name]).fit(OLD.astype(np.float32))
    model = transfer(source, mode, max_iter=2).fit(NEW.astype(np.float32))
    assert model.transform(NEW.astype(np.float32)).dtype == np.float32
    if mode == "extend" and hasattr(source, "components_"):
        assert np.array_equal(model.estimator_.components_[:24], source.components_)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", SOURCES)
def test_a_source_from_a_memory_map(sources, name, mode, tmp_path):
    joblib.dump(sources[name], tmp_path / "source")
    mapped = joblib.load(tmp_path / "source", mmap_mode="r")
    model = transfer(mapped, mode, max_iter=2).fit(NEW)
    assert np.array_equal(model.transform(NEW), transfer(sources[name], mode, max_iter=2).fit_transform(NEW))


def test_few_rows_features_and_no_variance():
    source = SparseAutoencoder(4, max_iter=2, random_state=0).fit(np.arange(30.0).reshape(30, 1))
    for mode in MODES:
        model = transfer(source, mode, max_iter=2).fit([[3.0]])
        assert np.isnan(model.source_score_) and np.isfinite(model.transform([[1.0], [2.0]])).all()
        assert np.isfinite(transfer(source, mode, recenter=True).fit(np.full((9, 1), 3.0)).transform([[1.0]])).all()
    constant = SparseAutoencoder(4, max_iter=2, random_state=0).fit(np.ones((20, 3)))
    model = transfer(constant, "finetune", freeze="encoder", max_iter=2).fit(
        np.random.default_rng(0).normal(size=(30, 3))
    )
    assert np.array_equal(model.estimator_.coefs_[0], constant.coefs_[0])


def test_chunks(sources):
    for name, source in sources.items():
        model = transfer(source, "finetune").partial_fit(NEW[:100])
        first = model.transform(NEW)
        score = model.source_score_
        assert score == pytest.approx(source.score(NEW[:100]))
        model.partial_fit(NEW[100:101])
        assert not np.array_equal(model.transform(NEW), first), name
        assert model.source_score_ == score
        with pytest.raises(ValueError, match="features"):
            model.partial_fit(NEW[:, :10])
        assert not hasattr(transfer(source), "partial_fit")


@pytest.mark.parametrize("rule", [L1(target_l0=4.0), JumpReLU(target_l0=4.0), "batch_topk"])
@pytest.mark.parametrize(("mode", "options"), [("extend", {}), ("finetune", {"freeze": "encoder"})])
def test_a_stream_goes_on_the_same_from_a_file(rule, mode, options):
    source = SparseAutoencoder(sparsity=rule, **QUICK).fit(OLD)
    one, other = (transfer(source, mode, **options) for _ in range(2))
    for _ in range(4):
        one.partial_fit(NEW)
        other = pickle.loads(pickle.dumps(other)).partial_fit(NEW)
    for name, array in theta(one).items():
        assert np.array_equal(array, theta(other)[name]), name
    if rule != "batch_topk":
        alpha = theta(one)["rule.alpha"]
        assert np.ptp(alpha) == 0 and alpha[0] != source.sparsity_.alpha_
        assert one.estimator_.sparsity_.alpha_ == alpha[0]


def test_a_stream_does_not_change_its_mind(sources):
    source = sources["autoencoder"]
    changes = [
        ({"mode": "frozen"}, {"mode": "finetune"}, "got mode='finetune', was 'frozen'"),
        ({"mode": "finetune"}, {"mode": "extend"}, "mode has changed: got mode='extend', was 'finetune'"),
        ({"mode": "finetune", "freeze": [0]}, {"freeze": "decoder"}, "freeze has changed"),
        ({"mode": "finetune"}, {"l2_sp": 1.0}, "l2_sp has changed: got l2_sp=1.0, was 0.0"),
        ({"mode": "finetune"}, {"source": sources["deep"]}, "source has changed: got another source"),
    ]
    for before, after, message in changes:
        model = transfer(source, **before).fit(NEW).set_params(**after)
        codes = model.transform(NEW)
        with pytest.raises(ValueError, match=message):
            model.partial_fit(NEW)
        assert np.array_equal(model.transform(NEW), codes)
    model = transfer(source, "finetune", freeze=np.array([0])).fit(NEW)
    pickle.loads(pickle.dumps(model)).set_params(freeze=[0], verbose=False).partial_fit(NEW)


# in the company of scikit-learn


def test_sparse_output_and_names(sources):
    pd = pytest.importorskip("pandas")
    source = clone(SOURCES["autoencoder"]).set_params(sparse_output=True).fit(OLD)
    for mode in MODES:
        assert sparse.issparse(transfer(source, mode, max_iter=1).fit_transform(NEW))
    source = clone(SOURCES["autoencoder"]).set_output(transform="pandas").fit(OLD)
    assert type(transfer(source).fit(NEW).transform(NEW)) is np.ndarray
    table = (
        transfer(source, "extend").set_output(transform="pandas").fit_transform(pd.DataFrame(NEW, index=range(5, 305)))
    )
    assert table.shape == (300, 30) and table.index[0] == 5
    assert list(table)[-1] == "sparsetransfer29"
    model = transfer(source).set_output(transform="pandas").fit(pd.DataFrame(OLD))
    table = model.transform(pd.DataFrame(NEW, index=range(5, 305)))
    assert table.shape == (300, 24) and table.index[0] == 5 and "sparsetransfer0" in table


def test_other_transformers_are_used_as_they_are():
    pytest.importorskip("pandas")
    source = PCA(3).fit(OLD)
    model = transfer(source).fit(NEW)
    assert model.estimator_ is source
    assert np.array_equal(model.transform(NEW), source.transform(NEW))
    assert 0 < model.source_score_ < 1
    assert not hasattr(model, "reconstruct")
    assert list(model.set_output(transform="pandas").transform(NEW)) == ["pca0", "pca1", "pca2"]
    for options in ({"mode": "finetune"}, {"mode": "extend"}, {"recenter": True}):
        with pytest.raises(ValueError, match="kind PCA can be used as it is only"):
            transfer(source, **options).fit(NEW)


def test_a_source_that_decodes_with_the_data():
    source = SparseAutoencoder(skip=True, **QUICK).fit(OLD)
    for mode in MODES:
        model = transfer(source, mode).fit(NEW)
        assert not hasattr(model, "inverse_transform")
        assert model.reconstruct(NEW).shape == NEW.shape
    weight = source._network.parameters["skip.weight"]
    assert np.array_equal(theta(model)["skip.weight"], weight)


def test_a_source_that_was_made_smaller(sources):
    pruned = prune(sources["autoencoder"], 0.8)
    zero = pruned._network.parameters.theta == 0
    for mode in ("finetune", "extend"):
        model = transfer(pruned, mode).fit(NEW)
        assert model.score(NEW) > model.source_score_
        if mode == "finetune":
            assert not model.estimator_._network.parameters.theta[zero].any()
    stored = quantize(sources["autoencoder"], 8)
    assert np.array_equal(transfer(stored).fit(NEW).transform(NEW), stored.transform(NEW))
    assert transfer(stored, recenter=True).fit(NEW).score(NEW) > 0
    with pytest.raises(ValueError, match="mode='finetune' goes on from dense weights"):
        transfer(stored, "finetune").fit(NEW)
