"""Dead units: how they are told, the auxiliary loss against differences, resampling.

T1, T2, T4 and T5 name mistakes of published code that these tests would see.
"""

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from problems import TOLERANCE, Problem

from skl_sae import SparseAutoencoder
from skl_sae._model.rows import Rows
from skl_sae._training import training
from skl_sae._training.dead_units import (
    DEAD_EPOCHS,
    DEAD_ROWS,
    RESAMPLED_NORM,
    Auxiliary,
    DeadUnits,
    auxiliary_rule,
    resample,
)
from skl_sae._training.optimizers import Adam
from skl_sae._training.step import TrainingStep
from skl_sae.sparsity import L1, AbsTopK, BatchTopK, Gated, LifetimeTopK, Matryoshka, TopK

DEAD = np.array([True, False, True, False, False, True, False, False, True])
SIZES = {"shallow": ((4, 9), (4, 9)), "deep": ((4, 5, 9), (4, 6, 9))}


class ProblemWithDeadUnits(Problem):
    """The objective with the auxiliary loss of k units a row."""

    def __init__(self, model, seed, k=3, dead=DEAD, missing=False):
        self.k, self.dead, self.signed = k, dead, getattr(model.rule, "rule", model.rule).signed
        super().__init__(model, seed, missing=missing, auxiliary=Auxiliary(k, 0.5, self.signed))

    def run(self, update):
        return super().run(update, self.dead)

    def naive_losses(self, theta):
        views, held = self.views(theta), self.views(self.parameters.theta)
        of_units = self.dead, self.k, 0.5, self.signed
        extra = naive.auxiliary_loss(self.model, views, held, self.x, self.target, *of_units)
        return naive.objective(self.model, views, held, self.x, self.target), extra

    def naive_value(self, theta):
        return sum(self.naive_losses(theta))


@pytest.mark.parametrize("batch_norm, dropout", [(False, 0.0), (True, 0.3)])
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("k", [3, 20], ids=["few", "more than are dead"])
@pytest.mark.parametrize("loss, output", [("squared_error", "identity"), ("binary_cross_entropy", "sigmoid")])
@pytest.mark.parametrize("depth", SIZES)
@pytest.mark.parametrize(
    "rule",
    [
        TopK(2),
        AbsTopK(2),
        L1(0.3),
        LifetimeTopK(0.3),
        BatchTopK(2),
        Gated(0.3),
        Matryoshka(TopK(2), (0.3, 1.0)),
        Matryoshka(AbsTopK(2), (0.3, 1.0)),
    ],
    ids=repr,
)
def test_gradient_of_the_auxiliary_loss(rule, depth, loss, output, k, missing, batch_norm, dropout):
    """T1: it reaches the encoder of the dead units, not their decoder alone."""
    options = {"batch_norm": batch_norm, "dropout": dropout, "skip": missing}
    model = naive.Model(*SIZES[depth], rule.default_activation, "tanh", output, loss, rule, l2=0.1, **options)
    for seed in range(3):
        value_error, error = ProblemWithDeadUnits(model, seed, k, missing=missing).errors()
        if error <= TOLERANCE:
            break
    assert value_error <= 1e-6  # the residual of the twin is a difference
    assert error <= TOLERANCE


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("depth", SIZES)
@pytest.mark.parametrize("rule", [TopK(2), L1(0.3)], ids=repr)
def test_the_auxiliary_loss_is_told_apart(rule, depth, missing):
    model = naive.Model(*SIZES[depth], "relu", "tanh", "identity", "squared_error", rule, l2=0.1)
    problem = ProblemWithDeadUnits(model, 0, missing=missing)
    expected = np.ravel(problem.naive_losses(problem.parameters.theta))
    assert expected[1] > 0
    assert_allclose(problem.losses(lambda *args: None, DEAD), expected, rtol=1e-6)
    assert problem.losses(lambda *args: None)[1] == 0


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_the_loss_of_a_fit_is_the_objective_alone(method):
    """With a rate so small that nothing moves, and half of the units silent."""
    X = np.random.default_rng(0).standard_normal((400, 6))
    sae = SparseAutoencoder(8, max_iter=3, learning_rate_init=1e-15, batch_size=400, warm_start=True, random_state=0)
    sae.fit(X)
    assert sae.auxiliary_loss_curve_ == [0.0] * 3
    sae._network.parameters.units.encoder_bias[4:] = -10
    for _ in range(4):
        getattr(sae, method)(X)
    assert_allclose(sae.loss_, -sae.score_samples(X).mean() / sae.scale_**2, rtol=1e-9)
    assert len(sae.auxiliary_loss_curve_) == len(sae.loss_curve_)
    assert 0 < sae.auxiliary_loss_curve_[-1] < 1
    assert type(sae.auxiliary_loss_curve_[-1]) is float


def test_an_auxiliary_loss_that_is_not_finite_ends_the_fit(monkeypatch):
    monkeypatch.setattr(TrainingStep, "__call__", lambda *args: (0.5, np.nan))
    for method in ("fit", "partial_fit"):
        with pytest.raises(ValueError, match="the loss became nan after 1 steps"):
            getattr(SparseAutoencoder(8, random_state=0), method)(np.eye(5))


def test_the_auxiliary_loss_moves_encoders_of_dead_units():
    """T1, by itself: units that are not selected learn through the auxiliary loss alone."""
    model = naive.Model((4, 9), (4, 9), "relu", "relu", "identity", "squared_error", TopK(2))
    problem = ProblemWithDeadUnits(model, 0, k=9)
    problem.parameters.units.encoder_bias[:] = np.where(DEAD, 5.0, 50.0)  # the living take both places
    _, gradient = problem.gradient()
    encoder = problem.views(gradient)["enc0.weight"]
    assert (abs(encoder[DEAD]).max(axis=1) > 1e-6).all()


def test_the_auxiliary_reconstruction_has_no_bias():
    """T2: the decoder's bias takes no gradient from the auxiliary loss."""
    model = naive.Model((4, 9), (4, 9), "relu", "relu", "identity", "squared_error", TopK(2))
    problem = ProblemWithDeadUnits(model, 0)
    _, gradient = problem.gradient()
    _, plain = Problem(model, 0).gradient()
    assert_allclose(problem.views(gradient)["dec0.bias"], problem.views(plain)["dec0.bias"], rtol=1e-12)
    assert abs(gradient - plain).max() > 1e-3


@pytest.mark.parametrize("dead", [np.zeros(9, bool), np.ones(9, bool)], ids=["none", "all"])
def test_no_or_only_dead_units(dead):
    model = naive.Model((4, 9), (4, 9), "relu", "relu", "identity", "squared_error", TopK(2))
    value, gradient = ProblemWithDeadUnits(model, 0, dead=dead).gradient()
    expected, plain = Problem(model, 0).gradient()
    assert np.isfinite(gradient).all()
    assert (value == expected) != dead.any()
    assert np.array_equal(gradient, plain) != dead.any()


def test_a_perfect_reconstruction_leaves_nothing_to_learn():
    model = naive.Model((4, 9), (4, 9), "relu", "relu", "identity", "squared_error", TopK(2))
    problem = ProblemWithDeadUnits(model, 0)
    problem.parameters.theta[:] = 0
    problem.x[:] = problem.target[:] = 0
    value, gradient = problem.gradient()
    assert value == 0 and not gradient.any()


@pytest.mark.parametrize("compressed", [True, False])
def test_a_selected_unit_of_value_zero_has_not_fired(compressed):
    """T4: with fewer positive units than k, those that fill up do not count."""
    rule = TopK(4) if compressed else L1(0.1)
    model = naive.Model((4, 9), (4, 9), "relu", "relu", "identity", "squared_error", rule)
    problem = Problem(model, 0)
    problem.parameters.units.encoder_bias[:] = np.where(DEAD, -100, 10)
    problem.gradient()
    fired = problem.step.units.fired
    assert not fired[DEAD].any()
    assert fired[~DEAD].any()


@pytest.mark.parametrize("rule", [AbsTopK(4), TopK(4), L1(0.1)], ids=repr)
def test_a_unit_with_negative_values_alone_has_fired(rule):
    """It takes part in reconstructions, as every unit with a value other than zero."""
    model = naive.Model((4, 9), (4, 9), "identity", "relu", "identity", "squared_error", rule)
    problem = Problem(model, 0)
    problem.parameters.units.encoder_bias[:] = -100
    problem.gradient()
    a = naive.pre_activations(model, problem.parameters.views, problem.x)
    code = naive.RULES[type(rule).__name__](rule, "identity", naive.Point(a, a, {}, {}, 1))[0][0].values
    fired = (code != 0).any(axis=0)
    assert (code <= 0).all() and fired.any()
    assert_array_equal(problem.step.units.fired, fired)


def test_a_unit_is_dead_after_a_share_of_an_epoch():
    units = DeadUnits(3)
    units.count(np.array([True, False, False]), 600)
    assert_array_equal(units.idle, [0, 600, 600])
    units.count(np.array([False, True, False]), 500)
    assert_array_equal(units.idle, [500, 0, 1100])
    assert_array_equal(units.mask(100), [False, False, True]), f"at least {DEAD_ROWS} rows"
    assert not units.mask(1100 / DEAD_EPOCHS + 1).any()


@pytest.mark.filterwarnings("ignore:1 of 50 rows")
def test_resampling_restarts_units_on_rows_of_large_loss():
    """T5: the rows of the arrays themselves change, and the encoder's has a norm of its own, not that of the sample."""
    X = np.random.default_rng(0).standard_normal((50, 6))
    X[7] *= 100
    sae = SparseAutoencoder(8, sparsity="l1", max_iter=1, random_state=0, warm_start=True).fit(X)
    network, optimizer = sae._network, sae._training.optimizer
    units, before = network.parameters.units, network.parameters.theta.copy()
    dead = np.arange(8) == 3
    optimizer.first[:] = optimizer.second[:] = 1
    resample(network, optimizer, Rows(X), dead, np.random.RandomState(0))
    direction = (X[7] - sae.mean_) / np.linalg.norm(X[7] - sae.mean_)
    assert_allclose(units.decoder[3], direction, atol=1e-12)
    alive = np.linalg.norm(units.encoder[~dead], axis=1).mean()
    assert_allclose(units.encoder[3], RESAMPLED_NORM * alive * direction, atol=1e-12)
    assert units.encoder_bias[3] == 0
    changed = network.parameters.theta != before
    assert_array_equal(changed | (optimizer.first == 1), True)
    assert (optimizer.first == 0).sum() == (optimizer.second == 0).sum() == 2 * 6 + 1


def test_resampling_without_dead_units_changes_nothing():
    X = np.random.default_rng(0).standard_normal((50, 6))
    sae = SparseAutoencoder(8, max_iter=1, random_state=0, warm_start=True).fit(X)
    before = sae._network.parameters.theta.copy()
    resample(sae._network, Adam(before.size, before.dtype, vars(sae)), Rows(X), np.zeros(8, bool), None)
    assert_array_equal(sae._network.parameters.theta, before)


def test_resampling_ends_after_a_share_of_the_fit(monkeypatch):
    epochs = []
    monkeypatch.setattr(training, "resample", lambda network, *rest: epochs.append(len(epochs)))
    X = np.random.default_rng(0).standard_normal((64, 6))
    SparseAutoencoder(8, dead_units="resample", max_iter=20, batch_size=8, random_state=0).fit(X)
    assert len(epochs) == training.RESAMPLING_ENDS * 20


def test_the_auxiliary_rule_fits_the_network():
    sae = SparseAutoencoder(8, max_iter=1).fit(np.random.default_rng(0).standard_normal((50, 6)))
    assert auxiliary_rule(sae._network).k == 3  # half the width of the data


@pytest.mark.filterwarnings("ignore:.*of the units did not fire")
@pytest.mark.parametrize(
    "how, rule, n_units", [("auxiliary", TopK(4), 64), ("auxiliary", AbsTopK(4), 32), ("resample", L1(0.1), 64)]
)
def test_dead_units_live_again(how, rule, n_units):
    """Units that never win, or whose intercept keeps them silent, stay dead without help."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((2000, 16)) @ rng.standard_normal((16, 16))

    def dead_at_the_end(dead_units):
        sae = SparseAutoencoder(n_units, sparsity=rule, dead_units=dead_units, random_state=0, warm_start=True)
        sae.set_params(max_iter=1, learning_rate_init=1e-9).fit(X)
        units = sae._network.parameters.units
        silent = np.arange(n_units) >= n_units // 2
        units.encoder[silent] *= 1e-3
        units.encoder_bias[silent] = -1e-3 if how == "auxiliary" else -1
        units.encoder_bias[~silent] += 1e-2
        sae.set_params(max_iter=50, learning_rate_init=3e-3).fit(X)
        return sae.dead_fraction_

    with pytest.warns(UserWarning, match="did not fire in the last epoch.*dead_units='auxiliary'"):
        without = dead_at_the_end(None)
    assert without >= 0.3
    assert dead_at_the_end(how) <= without / 2
