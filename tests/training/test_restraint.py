"""What training must leave as it is stays to the bit, and what it pulls is pulled by the gradient of the pull."""

import pickle

import naive
import numpy as np
import pytest
from problems import Problem, step_of

from skl_sae import SparseAutoencoder
from skl_sae._model.restraint import Restraint
from skl_sae._training import weights
from skl_sae.sparsity import L1, TopK


@pytest.fixture(scope="module")
def X():
    return np.random.default_rng(0).standard_normal((300, 12)) @ np.random.default_rng(1).standard_normal((12, 12))


def restrained(sae):
    """Fix a third of the weights and biases, and all of the first unit."""
    parameters = sae._network.parameters
    fixed = np.zeros(parameters.theta.size, bool)
    for name, view in parameters.views.items():
        if name.endswith(("weight", "bias", "gain")):
            start = parameters.start[name]
            fixed[start : start + view.size] = np.random.default_rng(view.size).random(view.size) < 1 / 3
            if name in parameters.unit_names.values():
                fixed[start : start + view[0].size] = True
    sae._network.restraint = Restraint(fixed)
    return fixed, parameters.theta[fixed]


OPTIONS = [
    {},
    {"solver": "sgd", "weight_decay": 0.1, "weight_l1": 0.01},
    {"sparsity": "l1", "hidden_layer_sizes": (9,), "dropout": 0.2},
    {"sparsity": L1(0.05), "tied_weights": True, "skip": True, "scale": "total"},
    {"sparsity": TopK(1), "dead_units": "resample"},
    {"sparsity": "jumprelu", "batch_norm": True},
    {"sparsity": L1(0.02, target_l0=2.0)},
]


@pytest.mark.parametrize("how", ["partial_fit", "warm_start"])
@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(options) or "plain")
def test_what_is_fixed_stays_to_the_bit(X, options, how):
    sae = SparseAutoencoder(16, max_iter=12, warm_start=True, random_state=0, **options).fit(X)
    fixed, before = restrained(sae)
    free_before = sae._network.parameters.theta[~fixed]
    (sae.partial_fit if how == "partial_fit" else sae.fit)(X + 1)
    theta, moments = sae._network.parameters.theta, sae._training.optimizer.moments()
    changed_by_norm = norm_kept(sae._network, fixed)
    np.testing.assert_array_equal(theta[fixed & ~changed_by_norm], before[~changed_by_norm[fixed]])
    assert not any(each[fixed].any() for each in moments.values())
    assert (theta[~fixed] != free_before).mean() > 0.5


def norm_kept(network, fixed):
    """Entries of the decoder's rows that are kept at norm one, and are not fixed as a whole."""
    parameters = network.parameters
    changed = np.zeros(fixed.size, bool)
    if network.unit_norm:
        start, rows = parameters.start[parameters.unit_names["decoder"]], parameters.units.decoder
        part = fixed[start : start + rows.size].reshape(rows.shape)
        changed[start : start + rows.size] = np.repeat(~part.all(axis=1), rows.shape[1])
    return changed


def test_zeros_stay_where_rows_are_kept_at_norm_one(X):
    sae = SparseAutoencoder(16, sparsity="l1", max_iter=5, random_state=0).fit(X)
    assert sae._network.unit_norm
    theta = sae._network.parameters.theta
    fixed = np.random.default_rng(0).random(theta.size) < 0.5
    theta[fixed] = 0
    sae._network.restraint = Restraint(fixed)
    for _ in range(3):
        sae.partial_fit(X)
    assert not sae._network.parameters.theta[fixed].any()
    np.testing.assert_allclose(np.linalg.norm(sae._network.parameters.units.decoder, axis=1), 1)


def test_a_restraint_goes_with_the_model(X):
    sae = SparseAutoencoder(16, max_iter=3, random_state=0).fit(X)
    fixed, before = restrained(sae)
    other = pickle.loads(pickle.dumps(sae)).partial_fit(X)
    changed = norm_kept(other._network, fixed)
    np.testing.assert_array_equal(other._network.parameters.theta[fixed & ~changed], before[~changed[fixed]])
    again = other.set_params(learning_rate_init=0.01).partial_fit(X.astype(np.float32))
    np.testing.assert_array_equal(again._network.restraint.fixed, fixed)


@pytest.mark.parametrize("hidden", [(), (5,)])
@pytest.mark.parametrize("tied", [False, True])
def test_the_pull_is_the_gradient_of_what_it_adds_to_the_loss(hidden, tied, monkeypatch):
    monkeypatch.setattr(weights, "BLOCK_SIZE", 1)
    sizes = (4, *hidden, 9)
    model = naive.Model(sizes, sizes, "relu", "tanh", "identity", "squared_error", TopK(3), tied, 0.1, 0.05)
    plain, pulled = Problem(model, 0), Problem(model, 0)
    theta, rng = plain.parameters.theta, np.random.default_rng(0)
    anchor, fixed = rng.standard_normal(theta.size), rng.random(theta.size) < 0.2
    anchor[rng.random(theta.size) < 0.2] = np.nan
    pulled.network.restraint = Restraint(fixed, anchor, 0.7)
    pulled.step = step_of(pulled.network, len(pulled.x), model)
    (value, gradient), (expected, slope) = pulled.gradient(), plain.gradient()
    away = np.where(fixed | np.isnan(anchor), 0, theta - anchor)
    assert value == pytest.approx(expected + 0.35 * np.square(away).sum(), rel=1e-12)
    np.testing.assert_allclose(gradient, np.where(fixed, 0, slope + 0.7 * away), rtol=1e-10, atol=1e-12)
