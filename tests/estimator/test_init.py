"""The parameter `init`: a fit starts from a fitted model, or from given components."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV

from skl_sae import SparseAutoencoder
from skl_sae._model import inference
from skl_sae._model.rows import Rows
from skl_sae.io import load, save
from skl_sae.sparsity import L1, BatchTopK, Gated, JumpReLU, KLDivergence, Matryoshka, TopK

N, WIDTH, UNITS = 400, 10, 16


@pytest.fixture(scope="module")
def X():
    rng = np.random.default_rng(0)
    atoms = rng.standard_normal((20, WIDTH))
    return (rng.random((N, 20)) < 0.15) * rng.gamma(2, size=(N, 20)) @ atoms + 0.05 * rng.standard_normal((N, WIDTH))


def make(**options):
    return SparseAutoencoder(**{"n_components": UNITS, "max_iter": 5, "random_state": 0, **options})


KINDS = {
    "topk": {"sparsity": TopK(3)},
    "signed": {"sparsity": "abs_topk"},
    "batch": {"sparsity": BatchTopK(3)},
    "jump": {"sparsity": JumpReLU(target_l0=3)},
    "l1": {"sparsity": L1(target_l0=3)},
    "gated": {"sparsity": Gated(target_l0=3)},
    "kl": {"sparsity": KLDivergence(0.2)},
    "nested": {"sparsity": Matryoshka("batch_topk")},
    "tied": {"sparsity": TopK(3), "tied_weights": True},
    "deep": {"sparsity": TopK(3), "hidden_layer_sizes": (12, 9)},
    "deep tied": {"sparsity": TopK(3), "hidden_layer_sizes": (12,), "tied_weights": True},
    "tied norm": {"sparsity": TopK(3), "batch_norm": True, "hidden_layer_sizes": (12,), "tied_weights": True},
    "batch norm": {"sparsity": TopK(3), "batch_norm": True, "hidden_layer_sizes": (12,)},
    "skip": {"sparsity": TopK(3), "skip": True},
    "relu": {"sparsity": TopK(3), "output_activation": "relu"},
    "unscaled": {"sparsity": TopK(3), "scale": False},
    "features": {"sparsity": TopK(3), "scale": "features"},
}


def at_the_start(sae, X):
    """The network before its first step."""
    return sae._build(sae, sae._read(sae, X, reset=True), np.random.RandomState(0)).network


def given_back(network, X):
    """Codes on the network's own scale, and reconstructions as they are deployed."""
    rows = Rows(X, X.dtype)
    codes = inference.encode(network, network.rule.deployed(), rows)
    return codes * network.scaling.code_scale, inference.decode(network, codes) if not network.architecture.skip else (
        inference.reconstruct(network, rows)
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", KINDS)
def test_a_fitted_model_gives_all_it_has(X, kind, dtype):
    X = X.astype(dtype)
    if kind == "relu":
        X = X - X.min()
    model = make(**KINDS[kind]).fit(X)
    other = X[:300] * 3 + 5  # another mean and another scale
    if kind == "features":  # and another unit of each feature
        other = other * np.linspace(0.5, 2, WIDTH, dtype=dtype)
    sae = make(**KINDS[kind], init=model)
    network = at_the_start(sae, other)
    (codes, made), (its_codes, expected) = given_back(network, X), given_back(model._network, X)
    tolerance = 1e-3 if dtype == np.float32 else 1e-9
    assert np.abs(made - expected).max() < tolerance * np.abs(expected).max()
    assert np.any(network.scaling.divisor != model._network.scaling.divisor) or kind == "unscaled"
    assert ((codes != 0) == (its_codes != 0)).mean() > 0.999  # one may be on the other side of a bound by rounding
    if network.unit_norm:
        np.testing.assert_allclose(np.linalg.norm(network.parameters.units.decoder, axis=1), 1, rtol=1e-5)
    elif kind not in ("kl", "skip", "unscaled", "relu") and "deep" not in kind:  # codes are as large as they were
        ratio = np.linalg.norm(network.parameters.units.decoder) / np.linalg.norm(
            model._network.parameters.units.decoder
        )
        assert abs(ratio - 1) < 1e-5


# the others hold rows out, and see another mean and scale
@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"jump", "l1", "gated"}))
def test_the_same_data_gives_the_same_bits(X, kind):
    if kind == "relu":
        X = X - X.min()
    model = make(**KINDS[kind]).fit(X)
    theta = at_the_start(make(**KINDS[kind], init=model), X).parameters.theta
    np.testing.assert_allclose(theta, model._network.parameters.theta, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("options", [{}, {"hidden_layer_sizes": (12,)}, {"output_activation": "sigmoid"}])
@pytest.mark.parametrize(
    ("free", "kept"), [(JumpReLU(cost="tanh"), JumpReLU()), (L1(0.01, norm_aware=True), L1(0.01))], ids=["jump", "l1"]
)
def test_a_rule_with_another_norm_of_the_decoder(X, free, kept, options):
    """Training would bring the rows to norm one, and codes would not follow."""
    X = (X - X.min()) / np.ptp(X)
    model = make(sparsity=free, max_iter=30, **options).fit(X)
    network = at_the_start(make(sparsity=kept, init=model, **options), X / 2 + 0.1)
    norms = np.linalg.norm(network.parameters.units.decoder, axis=1)
    assert abs(np.linalg.norm(model._network.parameters.units.decoder, axis=1) - 1).max() > 0.1
    np.testing.assert_allclose(norms, 1, rtol=1e-12)
    (_, made), (_, expected) = given_back(network, X), given_back(model._network, X)
    assert np.abs(made - expected).max() < 1e-9 * np.abs(expected).max()


def test_columns_in_another_order_are_told_of(X):
    pandas = pytest.importorskip("pandas")
    X = pandas.DataFrame(X, columns=list("abcdefghij"))
    model, turned = make().fit(X), X[X.columns[::-1]]
    components = pandas.DataFrame(model.components_, columns=X.columns)
    for init in (model, FrozenEstimator(model), PCA(WIDTH).fit(X), components):
        for method in ("fit", "partial_fit"):
            sae = make(n_components=len(getattr(init, "components_", components)), init=init, max_iter=1)
            with pytest.raises(
                ValueError, match=r"of other columns than X.* its column 0 is 'a', and that of X is 'j'"
            ):
                getattr(sae, method)(turned)
            assert getattr(sae, method)(X).score(X) > 0
            getattr(clone(sae), method)(turned.to_numpy())  # without names nothing is known


def test_tied_weights_with_units_of_features_stay(X):
    options = {"tied_weights": True, "scale": "features"}
    model = make(**options).fit(X)
    network = at_the_start(make(**options, init=model), X * np.linspace(1, 3, WIDTH))
    np.testing.assert_array_equal(network.parameters["enc0.weight"], model._network.parameters["enc0.weight"])


@pytest.mark.parametrize("options", [{}, {"sparsity": "l1"}, {"tied_weights": True}, {"sparsity": "abs_topk"}])
@pytest.mark.parametrize("scale", [True, False])
def test_components_are_the_decoder_at_the_start(X, options, scale):
    given = PCA(WIDTH).fit(X).components_ * np.linspace(1, 4, WIDTH)[:, None]
    given = np.concatenate([given, np.zeros((2, WIDTH))])
    sae = make(n_components=WIDTH + 2, scale=scale, init=given, **options)
    network, default = at_the_start(sae, X), at_the_start(clone(sae).set_params(init=None), X)
    made, encoder = network.coefs()[-1][:WIDTH], network.parameters.units.encoder
    expected = given[:WIDTH]
    if network.unit_norm:
        expected = expected / np.linalg.norm(expected, axis=1, keepdims=True)
    factor = np.linalg.norm(made) / np.linalg.norm(expected)
    np.testing.assert_allclose(made, factor * expected, atol=1e-12)
    assert scale or abs(factor - 1) < 1e-12  # nothing has a scale of its own
    directions = encoder / np.linalg.norm(encoder, axis=1, keepdims=True)
    np.testing.assert_allclose(abs((directions[:WIDTH] * given[:WIDTH]).sum(axis=1)), np.linspace(1, 4, WIDTH))
    if not sae.tied_weights:
        np.testing.assert_array_equal(encoder[WIDTH:], default.parameters.units.encoder[WIDTH:])
        sizes = (np.linalg.norm(each.parameters.units.encoder, axis=1) for each in (network, default))
        np.testing.assert_allclose(*sizes)


def test_models_of_other_kinds_give_their_components(X):
    model = make(sparsity="topk").fit(X)
    for source in (model, FrozenEstimator(model), model.components_, model.components_.tolist()):
        start = at_the_start(make(sparsity="jumprelu", init=source), X).parameters.units
        expected = model.components_ / np.linalg.norm(model.components_, axis=1, keepdims=True)
        np.testing.assert_allclose(start.decoder, expected, atol=1e-12)
    pca = PCA(6).fit(X)
    assert SparseAutoencoder(6, init=pca, hidden_layer_sizes=(5,), decoder_layer_sizes=(), max_iter=1).fit(X).score(X)


def test_few_epochs_from_a_good_start_are_enough(X):
    good = make(max_iter=200).fit(X)
    brief = {"max_iter": 2, "random_state": 7}
    cold, warm, atoms = (make(**brief, init=init).fit(X).score(X) for init in (None, good, good.components_))
    assert warm > good.score(X) - 0.02 and warm > cold + 0.1 and atoms > cold


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sparse_data_and_chunks(X, dtype):
    X = sparse.csr_array((X * (abs(X) > 1)).astype(dtype))
    model = make().fit(X)
    for method in ("fit", "partial_fit"):
        sae = getattr(make(max_iter=1, init=model), method)(X)
        assert sae.components_.dtype == dtype and sae.score(X) > make(max_iter=1).fit(X).score(X)


def test_pruned_and_quantised_models_give_their_numbers(X):
    model = make().fit(X)
    sparsely = make().fit(X).sparsify()
    for each in (model, sparsely):
        theta = at_the_start(make(init=each), X).parameters.theta
        np.testing.assert_allclose(theta, model._network.parameters.theta, rtol=1e-13, atol=1e-13)


def test_a_clone_keeps_the_model_and_a_search_takes_a_frozen_one(X):
    model = make().fit(X)
    sae = make(max_iter=1, init=model)
    assert clone(sae).init is model and clone(clone(sae)).init is model
    assert not [name for name in sae.get_params() if name.startswith("init__")]
    assert "sparsity__k" in sae.get_params()
    with pytest.raises(ValueError, match="init__max_iter: the model given as `init` is fitted"):
        sae.set_params(init__max_iter=3)
    candidates = [None, FrozenEstimator(model), model.components_]
    search = GridSearchCV(make(max_iter=1), {"init": candidates}, cv=2, error_score="raise").fit(X)
    assert search.best_index_ > 0
    with pytest.raises(NotFittedError, match=r"must be FrozenEstimator\(model\)"):
        GridSearchCV(make(max_iter=1), {"init": [model]}, cv=2, error_score="raise").fit(X)


def test_what_is_learned_keeps_nothing_of_the_model(X):
    model = make().fit(X)
    sae = make(max_iter=1, init=model).fit(X)
    assert sae._params["init"] is None
    codes = sae.transform(X)
    model.fit(-X)
    np.testing.assert_array_equal(sae.transform(X), codes)
    sae.set_params(init=None).partial_fit(X)  # goes on without a new start


def test_a_fit_that_goes_on_does_not_look(X):
    sae = make(max_iter=2, warm_start=True).fit(X)
    twin = make(max_iter=2, warm_start=True).fit(X)
    np.testing.assert_array_equal(sae.set_params(init=np.zeros((1, 1))).fit(X).components_, twin.fit(X).components_)


def test_files_keep_components_and_refuse_models(X, tmp_path):
    model = make().fit(X)
    sae = make(max_iter=2, init=model.components_).fit(X)
    save(sae, tmp_path / "a")
    again = load(tmp_path / "a")
    np.testing.assert_array_equal(again.init, sae.init)
    np.testing.assert_array_equal(again.partial_fit(X).components_, sae.partial_fit(X).components_)
    sae = make(max_iter=2, init=model).fit(X)
    with pytest.raises(ValueError, match=r"parameters.init is a SparseAutoencoder.*None"):
        save(sae, tmp_path / "b")
    save(sae.set_params(init=None), tmp_path / "b")


def test_a_checkpoint_is_of_one_start(X, tmp_path):
    model, other = make().fit(X), make(random_state=1).fit(X)
    fitted = make(max_iter=2, init=model).fit(X, checkpoint=tmp_path)
    for same in (make().fit(X), FrozenEstimator(model)):
        again = make(max_iter=2, init=same).fit(X, checkpoint=tmp_path)
        np.testing.assert_array_equal(again.components_, fitted.components_)
    for init in (other, None, model.components_):
        with pytest.raises(ValueError, match="init was 'a SparseAutoencoder"):
            make(max_iter=2, init=init).fit(X, checkpoint=tmp_path)


@pytest.mark.parametrize(
    ("init", "error", "message"),
    [
        (
            np.zeros((3, WIDTH)),
            ValueError,
            "3 components of 10 features, expected n_components=16 of 10 .* set n_components=3",
        ),
        (np.zeros((UNITS, 3)), ValueError, "16 components of 3 features, expected n_components=16 of 10"),
        (np.full((UNITS, WIDTH), np.nan), ValueError, "Input init contains NaN"),
        (np.full((UNITS, WIDTH), np.inf), ValueError, "Input init contains infinity"),
        (np.zeros(3), ValueError, "Expected 2D array"),
        (SparseAutoencoder(), NotFittedError, "init is a SparseAutoencoder that is not fitted: fit it first"),
        (SparseAutoencoder, TypeError, "init is the class SparseAutoencoder"),
        ("k-means++", ValueError, "Got init='k-means[+][+]', expected a fitted SparseAutoencoder"),
        (3, ValueError, "Got init=3, expected a fitted"),
    ],
)
def test_what_cannot_be_a_start_is_said(X, init, error, message):
    assert_refused(X, init, error, message)


def test_a_model_of_other_components_cannot_be_a_start(X):
    few = make(n_components=3).fit(np.eye(WIDTH))
    assert_refused(X, few, ValueError, r"init=SparseAutoencoder\(...\) has 3 components of")


def assert_refused(X, init, error, message):
    sae = make(max_iter=1, init=init)
    with pytest.raises(error, match=message):
        sae.fit(X)
    assert not hasattr(sae, "components_")


def test_contradictions_are_said(X):
    model = make(hidden_layer_sizes=(5,)).fit(X)
    with pytest.raises(ValueError, match="this decoder has hidden layers"):
        make(hidden_layer_sizes=(6,), init=model).fit(X)
    with pytest.raises(ValueError, match="has no components_"):
        make(init=model, max_iter=1).fit(X)
    with pytest.raises(ValueError, match="expected init=None or pretrain=None"):
        make(hidden_layer_sizes=(5,), init=model, pretrain="layerwise").fit(X)
    far = make().fit((X * 1e-30).astype(np.float32))
    with pytest.raises(ValueError, match="weights of init are not finite in float32"):
        make(init=far).fit((X * 1e15).astype(np.float32))
