"""A target of L0: how the weight follows it, what the end of a fit does, and what rules then publish."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.datasets import load_digits

from skl_sae import SparseAutoencoder
from skl_sae._model import inference
from skl_sae._model.parameters import Units
from skl_sae._model.rows import Rows
from skl_sae._training.calibration import undo_shrinkage
from skl_sae.metrics import l0
from skl_sae.sparsity import L1, BatchTopK, Gated, JumpReLU, Matryoshka, StepContext
from skl_sae.sparsity._target import DESCENT, LARGEST_WEIGHT, LEAST_WEIGHT, state, steer

DIGITS = load_digits().data
RULES = [L1(target_l0=6), L1(target_l0=6, norm_aware=True), JumpReLU(target_l0=6), Gated(target_l0=6)]


def steered(numbers, target=8.0, n_steps=1000, first=0.5, dtype=np.float64, **options):
    """Weights after steps with these numbers of active units, from progress `first` on."""
    units, weights = Units(**{name: np.full(3, value, dtype) for name, value in state(0.1).items()}), []
    for step, active in enumerate(numbers):
        progress = 0.0 if n_steps is None else first + step / n_steps
        steer(
            units, active, target, StepContext("relu", number=step + 1, progress=progress, n_steps=n_steps), **options
        )
        assert (units.alpha == units.alpha[0]).all()
        weights.append(float(units.alpha[0]))
    return np.array(weights)


@pytest.mark.parametrize("n_steps", [100, 1000, None])
def test_the_weight_follows(n_steps):
    assert (np.diff(steered([12] * 40, n_steps=n_steps)) > 0).all()
    assert (np.diff(steered([5] * 40, n_steps=n_steps)) < 0).all()
    assert_allclose(steered([8] * 40, n_steps=n_steps), 0.1)


def test_the_target_falls_to_its_value():
    """A fit begins with many active units, and no pressure on them."""
    at_first = steered([64] * 5, first=0.0)
    assert_allclose(at_first, 0.1, rtol=0.02)
    assert steered([64] * 5, first=DESCENT)[-1] > 0.12


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("active, bound", [(0, LEAST_WEIGHT), (1e6, LARGEST_WEIGHT)])
def test_the_weight_is_bounded(active, bound, dtype):
    assert_allclose(steered([active] * 2000, n_steps=None, dtype=dtype)[-1], bound, rtol=1e-6)
    assert steered([1e6] * 500, most=0.3)[-1] == pytest.approx(0.3)


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_a_small_target_does_not_end_with_nothing(rule):
    """As a weight without a bound does: codes are zero then, and no gradient leads back."""
    sae = SparseAutoencoder(32, sparsity=rule, max_iter=40, random_state=0).fit(DIGITS[:400])
    assert sae.score(DIGITS[400:]) > 0.6
    assert l0(sae.transform(DIGITS[400:])) == pytest.approx(6, rel=0.15)


def test_held_out_rows_are_not_trained_on(monkeypatch):
    seen = []
    epoch = SparseAutoencoder._hold_out

    def noted(sae, rows, *args):
        train, held_out = epoch(sae, rows, *args)
        seen.append((len(train), None if held_out is None else len(held_out)))
        return train, held_out

    monkeypatch.setattr(SparseAutoencoder, "_hold_out", noted)
    for rule in L1(target_l0=4), Matryoshka(JumpReLU(target_l0=4)), L1(0.1), BatchTopK(4):
        for n in 1797, 300, 40:
            SparseAutoencoder(16, sparsity=rule, max_iter=1, random_state=0).fit(DIGITS[:n])
    with_target = [(1618, 179), (250, 50), (40, None)]
    assert seen == 2 * with_target + 2 * [(1797, None), (300, None), (40, None)]


@pytest.mark.parametrize("params", [{}, {"batch_norm": True}, {"hidden_layer_sizes": 24, "decoder_layer_sizes": ()}])
@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_shrinkage_is_undone(params, missing):
    """What is left of the codes then has the right size, in the mean: the factor of a regression is one."""
    rng = np.random.default_rng(0)
    X = np.where(rng.random((400, 64)) < missing, np.nan, DIGITS[:400])
    sae = SparseAutoencoder(32, sparsity=L1(0.3), max_iter=30, random_state=0, **params).fit(X)
    network, rows, before = sae._network, Rows(X), sae.score(X)
    units = network.parameters.units
    units.threshold = np.zeros(32)  # as a rule with a target has
    active = inference.encode(network, network.rule, rows) != 0
    undo_shrinkage(network, rows)
    assert ((inference.encode(network, network.rule, rows) != 0) == active).all()
    assert sae.score(X) > before + 0.02
    pairs = list(inference.decoded_codes(network, rows))
    target, decoded = (np.concatenate(arrays) for arrays in zip(*pairs, strict=True))
    decoded = np.where(np.isnan(target), np.nan, decoded)
    centred, about = decoded - np.nanmean(decoded, axis=0), target - np.nanmean(target, axis=0)
    assert_allclose(np.nansum(centred * about) / np.nansum(centred**2), 1)
    error = target - decoded - network.parameters["dec0.bias"]
    assert_allclose(np.nanmean(error, axis=0), 0, atol=1e-12)


@pytest.mark.parametrize("dtype, tolerance", [(np.float32, 1e-3), (np.float64, 1e-9)])
def test_what_is_published_explains_the_codes(dtype, tolerance):
    X = DIGITS.astype(dtype)

    def fitted(rule):
        sae = SparseAutoencoder(32, sparsity=rule, max_iter=5, random_state=0).fit(X)
        rule = getattr(sae.sparsity_, "rule_", sae.sparsity_)
        return rule, X @ sae.coefs_[0] + sae.intercepts_[0], sae.transform(X), sae

    for rule in JumpReLU(target_l0=6), BatchTopK(6), Matryoshka(BatchTopK(6)), L1(target_l0=6), JumpReLU(0.01):
        rule, pre, codes, _ = fitted(rule)
        assert np.shape(rule.threshold_) == ((32,) if isinstance(rule, JumpReLU) else ())
        near = np.abs(pre - rule.threshold_) < tolerance
        expected = np.where(pre > rule.threshold_, pre, 0)
        assert_allclose(codes[~near], expected[~near], atol=tolerance)
        assert near.mean() < 0.01
    rule, pre, codes, sae = fitted(Gated(target_l0=6))
    shared = (X - sae.mean_) @ sae.coefs_[0]
    expected = np.where(pre > 0, np.maximum(shared * rule.gain_ + rule.magnitude_bias_, 0), 0)
    near = np.abs(pre) < tolerance
    assert_allclose(codes[~near], expected[~near], atol=tolerance)
    assert not rule.gain_.flags.writeable and rule.alpha_ > 0
    assert not hasattr(fitted(L1(0.1))[0], "threshold_")


rng = np.random.default_rng(5)
DICTIONARY = rng.standard_normal((48, 24))


def mixed(n):
    """Rows of sparse features in superposition."""
    return (rng.random((n, 48)) < 0.06) * rng.exponential(size=(n, 48)) @ DICTIONARY


TEST = mixed(1000)


@pytest.mark.parametrize("rule", [*RULES, JumpReLU(target_l0=6, cost="tanh")], ids=repr)
def test_early_stopping_looks_at_what_will_be_deployed(rule):
    """Codes that are not cut yet score higher: the first epochs would be the best."""
    X = mixed(1500)
    params = {"n_components": 48, "sparsity": rule, "max_iter": 40, "random_state": 0}
    whole = SparseAutoencoder(**params).fit(X).score(TEST)
    assert SparseAutoencoder(**params, early_stopping=True).fit(X).score(TEST) > whole - 0.05


@pytest.mark.parametrize("rule", RULES, ids=repr)
@pytest.mark.filterwarnings("ignore:.* of the units did not fire")
def test_a_warm_fit_on_other_data_is_as_good_as_a_cold_one(rule):
    X, other = mixed(800), 0.2 * mixed(800)
    params = {"n_components": 48, "sparsity": rule, "max_iter": 40, "random_state": 0}
    cold = SparseAutoencoder(**params).fit(other)
    warm = SparseAutoencoder(**params, warm_start=True).fit(X).fit(other)
    assert warm.score(0.2 * TEST) > cold.score(0.2 * TEST) - 0.1
    assert not isinstance(rule, L1) or warm.sparsity_.alpha_ > cold.sparsity_.alpha_ / 30
    for _ in range(3):
        warm.fit(other)
    assert l0(warm.transform(0.2 * TEST)) == pytest.approx(6, rel=0.15)


def test_a_stream_meets_the_target_of_l1():
    sae = SparseAutoencoder(48, sparsity=L1(target_l0=6), random_state=0)
    for _ in range(10):
        sae.partial_fit(mixed(1000))
    assert l0(sae.transform(TEST)) == pytest.approx(6, rel=0.1)


def test_few_held_out_rows_do_not_decide_on_the_intercept():
    X = mixed(60)
    sae = SparseAutoencoder(48, sparsity=L1(target_l0=6), max_iter=30, random_state=0).fit(X)
    offset = sae.reconstruct(X).mean(axis=0) - X.mean(axis=0)
    assert np.square(offset).sum() < 0.05 * X.var(axis=0).sum()


@pytest.mark.filterwarnings("ignore:L1. target_l0=4 is out of reach")
def test_a_feature_known_from_one_row_is_kept():
    X = mixed(400)
    X[1:, 3] = np.nan
    for seed in range(12):
        sae = SparseAutoencoder(16, sparsity=L1(target_l0=4), max_iter=1, random_state=seed).fit(X)
        assert not np.isnan(sae.impute(X)).any()


def test_a_subclass_that_encodes_charges_the_code_alone():
    class Shifted(L1):
        def encode(self, a, p, step):
            return super().encode(a - 1, p, step)

    assert L1(0.1).only_charges and not L1(target_l0=4).only_charges and not Shifted(0.1).only_charges
    assert Shifted(target_l0=4).deployed().encode.__func__ is Shifted.encode
