"""Pruning: exact numbers of weights, masks that survive training, units that are dropped, and what is refused."""

import pickle

import naive_pruning
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits

from skl_sae import SparseAutoencoder
from skl_sae.coding import KSVD, SparseRecoveryAutoencoder
from skl_sae.compression import _masks, prune
from skl_sae.sparsity import TopK

pytestmark = pytest.mark.filterwarnings("ignore:.*did not fire")
X = load_digits().data[:600].astype(np.float32)
KINDS = {
    "plain": {},
    "deep": {"hidden_layer_sizes": (24,), "decoder_layer_sizes": (20,)},
    "tied": {"hidden_layer_sizes": (24,), "tied_weights": True, "sparsity": "l1"},
    "skip": {"skip": True},
    "batch norm": {"batch_norm": True, "hidden_layer_sizes": (24,)},
}


def fitted(**params):
    return SparseAutoencoder(**{"n_components": 32, "max_iter": 3, "random_state": 0, **params}).fit(X)


def arrays(sae):
    """Weights as training sees them, by name; of tied ones the encoder's."""
    p = sae._network.parameters
    return {name: p[name] for name, shape in p.shapes().items() if len(shape) == 2}


def pattern(sae):
    return {name: array == 0 for name, array in arrays(sae).items()}


def same(one, other):
    return all((one[name] == other[name]).all() for name in one) and one.keys() == other.keys()


@pytest.mark.parametrize("amount", [0.0, 0.3, 0.77, 0.9])
@pytest.mark.parametrize("scope", ["layer", "global"])
def test_counts_and_ties_are_those_of_a_naive_twin(amount, scope):
    rng = np.random.default_rng(0)
    layers = [rng.integers(-4, 5, shape) * scale for shape, scale in (((9, 7), 1.0), ((5, 11), 0.01), ((3, 50), 7.0))]
    naive = (naive_pruning.by_layer if scope == "layer" else naive_pruning.of_all)(layers, amount)
    masks = _masks.MASKS[scope]([abs(layer).ravel() for layer in layers], amount)
    for layer, mask, expected in zip(layers, masks, naive, strict=True):
        assert_array_equal(np.where(mask.reshape(layer.shape), 0, layer), expected)
    assert scope == "layer" or sum(mask.sum() for mask in masks) == np.floor(amount * 268 + 0.5)


@pytest.mark.parametrize("kind", KINDS)
def test_each_layer_loses_exactly_its_share(kind):
    sae = fitted(**KINDS[kind])
    before = {name: array.copy() for name, array in arrays(sae).items()}
    small = prune(sae, 0.75, drop_dead=False)
    for array in arrays(small).values():
        assert np.count_nonzero(array == 0) == np.floor(0.75 * array.size + 0.5)
    assert same(before, arrays(sae)) and all(mask.mean() < 0.5 for mask in pattern(sae).values())
    p, q = sae._network.parameters, small._network.parameters
    vectors = [name for name, shape in p.shapes().items() if len(shape) == 1]
    assert sae._network.unit_norm or all((p[name] == q[name]).all() for name in vectors)
    assert same(pattern(small), pattern(prune(small, 0.75, drop_dead=False)))
    assert same(pattern(small), pattern(prune(small, 0.2, drop_dead=False)))
    twice = prune(small, 0.9, drop_dead=False)
    assert all((pattern(twice)[name] >= mask).all() for name, mask in pattern(small).items())


def test_all_layers_together_lose_exactly_their_share():
    sae = fitted(hidden_layer_sizes=(24,))
    small = prune(sae, 0.95, scope="global", drop_dead=False)
    zeros, sizes = zip(*((np.count_nonzero(a == 0), a.size) for a in arrays(small).values()), strict=True)
    assert sum(zeros) == np.floor(0.95 * sum(sizes) + 0.5)
    assert all(size - zero >= 0.02 * size for zero, size in zip(zeros, sizes, strict=True))
    with pytest.raises(ValueError, match="leaves 2% in each layer"):
        prune(sae, 0.99, scope="global")


def test_chosen_layers():
    sae = fitted(**KINDS["deep"], skip=True)
    small = prune(sae, 0.5, layers=[1, "skip"], drop_dead=False)
    assert {name for name, mask in pattern(small).items() if mask.mean() == 0.5} == {"enc1.weight", "skip.weight"}
    tied = prune(fitted(**KINDS["tied"]), 0.5, layers=3, drop_dead=False)
    assert {name for name, mask in pattern(tied).items() if mask.mean() == 0.5} == {"enc0.weight"}
    assert_array_equal(tied.coefs_[0] == 0, tied.coefs_[3].T == 0)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("kind", KINDS)
def test_masks_survive_training(kind, solver):
    options = {"weight_decay": 1e-3, "weight_l1": 1e-4, "dropout": 0.2, "solver": solver, **KINDS[kind]}
    sae = fitted(**options)
    small = prune(sae, 0.8, drop_dead=False)
    mask, before = pattern(small), {name: array.copy() for name, array in arrays(small).items()}
    for _ in range(2):
        small.partial_fit(X)
    assert same(mask, pattern(small)) and not same(before, arrays(small))
    moments = small._training.optimizer.moments()
    fixed = small._network.restraint.fixed
    assert fixed.sum() == sum(each.sum() for each in mask.values())
    assert not any(moment[fixed].any() for moment in moments.values())
    assert all(moment[~fixed].any() for moment in moments.values())
    small = pickle.loads(pickle.dumps(small)).set_params(warm_start=True, max_iter=2)
    assert same(mask, pattern(small.fit(X))) and same(mask, pattern(small.fit(X)))
    assert not same(mask, pattern(small.set_params(warm_start=False).fit(X)))


def test_masks_survive_units_that_restart():
    sae = fitted(dead_units="resample")
    small = prune(sae, 0.8, drop_dead=False).set_params(warm_start=True, max_iter=4)
    small._dead_units.idle[:10] = 10**6
    mask = pattern(small)
    assert same(mask, pattern(small.fit(X)))


def test_training_goes_on_after_a_pruning_of_a_stream():
    sae = SparseAutoencoder(32, random_state=0).partial_fit(X).partial_fit(X)
    small = prune(sae, 0.8, drop_dead=False)
    assert small._training.optimizer.n_steps == sae._training.optimizer.n_steps
    mask = pattern(small)
    assert same(mask, pattern(small.partial_fit(X)))
    assert_allclose(sae.density_, 1)


@pytest.mark.parametrize("sparsity", ["l1", "jumprelu", "gated"])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_atoms_have_norm_one_again_and_reconstructions_stay(sparsity, batch_norm, monkeypatch):
    sae = fitted(sparsity=sparsity, batch_norm=batch_norm)
    small = prune(sae, 0.6, layers=1, drop_dead=False)
    monkeypatch.setattr("skl_sae.compression._pruning.renormalise", lambda network: None)
    plain = prune(sae, 0.6, layers=1, drop_dead=False)
    norms = np.linalg.norm(arrays(plain)["dec0.weight"], axis=1)
    assert norms.max() < 0.99
    assert_allclose(np.linalg.norm(arrays(small)["dec0.weight"], axis=1), 1, rtol=1e-5)
    assert_allclose(small.transform(X), plain.transform(X) * norms, atol=2e-4)
    assert_allclose(small.reconstruct(X), plain.reconstruct(X), atol=2e-3)


@pytest.mark.parametrize("sparsity", ["topk", "l1"])
def test_units_without_weights_are_dropped(sparsity):
    sae = fitted(sparsity=sparsity)
    units = sae._network.parameters.units
    units.decoder[[3, 30]] *= 1e-6  # the smallest: they lose all weights
    units.encoder[7] *= 1e-6
    units.encoder_bias[7] = -1
    small = prune(sae, 0.5)
    kept = np.setdiff1d(np.arange(32), [3, 7, 30])
    assert small.n_components == 29 and small.transform(X).shape == (600, 29)
    assert len(small.get_feature_names_out()) == 29
    whole = prune(sae, 0.5, drop_dead=False)
    if sparsity == "l1":
        assert_allclose(small.transform(X), whole.transform(X)[:, kept], atol=1e-5)
        assert_allclose(small.reconstruct(X), whole.reconstruct(X), atol=1e-4)
    else:
        assert small.sparsity_.k_ == sae.sparsity_.k_ == small.sparsity.k
    mask = pattern(small)
    assert same(mask, pattern(small.partial_fit(X)))
    assert same(mask, pattern(pickle.loads(pickle.dumps(small)).set_params(warm_start=True, max_iter=1).fit(X)))
    assert clone(small).fit(X).coefs_[0].shape == (64, 29)
    assert sae.n_components == 32


def test_fine_tuning_brings_back_what_was_lost():
    sae = fitted(max_iter=30)
    once, tuned = prune(sae, 0.8), prune(sae, 0.8, fine_tune_X=X)
    slowly = prune(sae, 0.8, fine_tune_X=X, schedule="cubic")
    assert sae.score(X) > tuned.score(X) > once.score(X) + 0.1
    assert slowly.score(X) > tuned.score(X)
    for each in tuned, slowly:
        assert each.density_ == once.density_ and each.get_params() == sae.get_params()
        assert each._training is None
    again = prune(sae, 0.8, fine_tune_X=X, schedule="cubic")
    assert_array_equal(again.transform(X), slowly.transform(X))


@pytest.mark.parametrize("sparsity", ["l1", "gated", "jumprelu", None])
def test_the_same_call_again_changes_nothing(sparsity):
    once = prune(fitted(sparsity=sparsity), 0.6, drop_dead=False)
    again = prune(once, 0.6, drop_dead=False)
    assert_array_equal(again._network.parameters.theta, once._network.parameters.theta)


def test_tiny_weights_become_zero():
    sae = fitted()
    sae._network.parameters["enc0.weight"][0, 0] = 1e-38
    assert arrays(prune(sae, 0.0))["enc0.weight"][0, 0] == 0


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"amount": 1.0}, r"amount=1.0, expected a number in \[0, 1\)"),
        ({"amount": True}, "amount=True"),
        ({"amount": float("nan")}, "amount=nan"),
        ({"amount": 0.5, "scope": "all"}, r"scope='all', expected one of \['layer', 'global'\]"),
        ({"amount": 0.5, "layers": [2]}, r"layers=\[2\], expected some of \[0, 1\]"),
        ({"amount": 0.5, "layers": "skip"}, r"layers=\['skip'\], expected some of \[0, 1\]"),
        ({"amount": 0.5, "layers": []}, r"layers=\[\]"),
        ({"amount": 0.5, "schedule": "linear"}, "schedule='linear'"),
        ({"amount": 0.5, "schedule": "cubic"}, "fine_tune_X=None, expected data"),
        ({"amount": 0.5, "fine_tune_X": X, "fine_tune_epochs": 0}, "fine_tune_epochs=0"),
        ({"amount": 0.9999}, "No unit is left"),
    ],
)
def test_errors(params, message):
    with pytest.raises(ValueError, match=message):
        prune(fitted(max_iter=1), **params)


def test_other_estimators_are_refused():
    with pytest.raises(TypeError, match="fitted SparseAutoencoder, got KSVD"):
        prune(KSVD(), 0.5)
    with pytest.raises(AttributeError, match="before fit"):
        prune(SparseAutoencoder(), 0.5)
    recovery = SparseRecoveryAutoencoder(8, max_iter=1, random_state=0).fit(X[:100])
    with pytest.raises(ValueError, match="got a SparseRecoveryAutoencoder"):
        prune(recovery, 0.5)
    with pytest.raises(ValueError, match="got a SparseRecoveryAutoencoder"):
        recovery.sparsify()
    with pytest.raises(ValueError, match="call densify"):
        prune(fitted(max_iter=1).sparsify(), 0.5)
    for name, value in {"scope": ["layer"], "layers": [[0]]}.items():  # what has no hash
        with pytest.raises(ValueError, match=f"Got {name}="):
            prune(fitted(max_iter=1), 0.5, **{name: value})


def test_a_pruned_model_is_a_model():
    import pandas as pd

    frame = pd.DataFrame(X, columns=[f"p{i}" for i in range(64)])
    sae = SparseAutoencoder(32, sparsity=TopK(4), max_iter=2, random_state=0).set_output(transform="pandas").fit(frame)
    small = prune(sae, 0.8)
    assert list(small.transform(frame).columns) == list(small.get_feature_names_out())
    assert list(small.feature_names_in_) == list(frame.columns)
    assert small.sparsify().transform(frame).shape == (600, small.n_components)


@pytest.mark.parametrize("schedule", [None, "cubic"])
def test_rows_to_train_on_have_the_features_of_the_model(schedule):
    import pandas as pd

    frame = pd.DataFrame(X, columns=[f"p{i}" for i in range(64)])
    sae, options = fitted().fit(frame), {"fine_tune_epochs": 2, "schedule": schedule}
    with pytest.raises(ValueError, match="same order"):
        prune(sae, 0.5, fine_tune_X=frame[frame.columns[::-1]], **options)
    with pytest.raises(ValueError, match="X has 3 features"):
        prune(fitted(), 0.5, fine_tune_X=X[:, :3], **options)
    small = prune(sae, 0.5, fine_tune_X=frame, **options)
    assert list(small.feature_names_in_) == list(frame.columns)
    with pytest.warns(UserWarning, match="valid feature names"):
        small = prune(sae, 0.5, fine_tune_X=X, **options)
    assert list(small.feature_names_in_) == list(frame.columns)
