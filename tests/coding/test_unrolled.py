"""Unrolled networks: every gradient against differences, the start against ISTA, and what they share with layers."""

import naive_unrolled as naive
import numpy as np
import pytest
from problems import gradient_of

from skl_sae._kernels import addresses, crew, memory, threads
from skl_sae._model.architecture import Architecture
from skl_sae._training import batch, step, weights
from skl_sae._training.decoder import DecoderPass
from skl_sae._training.step import TrainingStep
from skl_sae.coding._unrolling import unrolled
from skl_sae.coding._unrolling.code_target import CodePass
from skl_sae.coding._unrolling.shrinkage import SoftThreshold
from skl_sae.coding._unrolling.unrolled import Unrolled, UnrolledNetwork
from skl_sae.coding._unrolling.unrolled_pass import UnrolledPass
from skl_sae.sparsity import L1, StepContext, TopK

TOLERANCE = 1e-6
VARIANTS = ("coupled", "lista", "step")
RULES = (SoftThreshold(0.3, 0.2), SoftThreshold(0.3, 0.2, kept=0.3), L1(0.3), TopK(3))
N_FEATURES = 5
TAUGHT = frozenset({"dec0.weight", "dec0.bias"})


class Problem:
    """A network at a random point, a batch of rows, and what a step tells of them."""

    def __init__(self, rule, kind, seed=0, n_rows=7, n_units=9, missing=False, taught=False):
        rng = np.random.default_rng(seed)
        architecture = Architecture((N_FEATURES, n_units), (N_FEATURES, n_units), rule.default_activation)
        self.network = UnrolledNetwork(architecture, rule, kind, TAUGHT if taught else frozenset())
        self.network.unit_norm, self.taught, self.p = False, taught, self.network.parameters
        self.p.theta[:] = 0.5 * rng.standard_normal(self.p.theta.size)
        for name in self.p.views:
            if name.endswith("threshold"):
                self.p[name][:] = rng.uniform(0.05, 0.2, self.p[name].shape)
        self.x = rng.standard_normal((n_rows, N_FEATURES))
        self.x[missing & (rng.random(self.x.shape) < 0.25)] = np.nan
        self.target = rng.standard_normal((n_rows, n_units)) if taught else self.x
        code_pass, width = (CodePass, n_units) if taught else (DecoderPass, None)
        encoder = UnrolledPass(self.network, n_rows)
        self.step = TrainingStep(self.network, encoder, decoder_pass=code_pass, target_width=width)

    def load(self, lo, hi, x, target):
        x[:], target[:] = self.x[lo:hi], self.target[lo:hi]

    def gradient(self, spoil=False):
        """Value, gradient, and how often each parameter was told; with `spoil` it is destroyed then."""
        context = StepContext(self.network.architecture.activation, 1 / len(self.x), 1)
        return gradient_of(lambda update: sum(self.step(self.load, len(self.x), context, update)), self.p.theta, spoil)

    def objective(self, theta):
        views = {name: (self.p.start[name], view.shape) for name, view in self.p.views.items()}
        views = {name: theta[at : at + int(np.prod(shape))].reshape(shape) for name, (at, shape) in views.items()}
        kind, rule = self.network.unrolled, self.network.rule
        return naive.objective(views, kind, rule, self.x, self.target, self.taught)

    def errors(self, h=1e-6):
        """Relative errors of the value and of the gradient."""
        value, gradient, told = self.gradient()
        n_frozen = sum(self.p[name].size for name in self.network.frozen)
        assert told.max() == 1 and np.count_nonzero(told == 0) == n_frozen
        theta = self.p.theta
        moved = [self.objective(theta + shift) - self.objective(theta - shift) for shift in h * np.eye(theta.size)]
        error = np.where(told, gradient - np.array(moved) / (2 * h), 0)
        return abs(value - self.objective(theta)) / max(1, abs(value)), abs(error).max() / max(1, abs(gradient).max())


def kind_of(variant, rule, n_layers, kept=0.0):
    return Unrolled(n_layers, variant, rule.default_activation == "relu", kept)


def assert_gradient(rule, kind, **options):
    """At one random point, or another where a kink falls inside the difference."""
    for seed in range(3):
        value_error, error = Problem(rule, kind, seed, **options).errors()
        assert value_error < 1e-9
        if error < TOLERANCE:
            return
    raise AssertionError(f"relative error of the gradient: {error:.1e}")


@pytest.mark.parametrize("n_layers", [1, 2, 4])
@pytest.mark.parametrize("rule", RULES, ids=repr)
@pytest.mark.parametrize("variant", VARIANTS)
def test_gradient(variant, rule, n_layers, monkeypatch):
    """In both layouts of the code, with and without missing entries and values that are not shrunk."""
    monkeypatch.setattr(unrolled, "KEPT_STEP", 0.15)
    for layout, kept, missing in [(0.0, 0.0, False), (2.0, 0.4, False), (0.0, 0.4, True), (2.0, 0.0, True)]:
        monkeypatch.setattr(batch, "DENSITY_BREAK_EVEN", layout)
        assert_gradient(rule, kind_of(variant, rule, n_layers, kept), missing=missing)


@pytest.mark.parametrize("n_layers", [1, 3])
@pytest.mark.parametrize("rule", [*RULES[:2], TopK(3), L1(0.0)], ids=repr)
@pytest.mark.parametrize("variant", VARIANTS)
def test_gradient_of_a_code_that_is_taught(variant, rule, n_layers, monkeypatch):
    for layout in 0.0, 2.0:
        monkeypatch.setattr(batch, "DENSITY_BREAK_EVEN", layout)
        assert_gradient(rule, kind_of(variant, rule, n_layers), taught=True)


@pytest.mark.parametrize("rule", RULES, ids=repr)
@pytest.mark.parametrize("variant", VARIANTS)
def test_gradient_in_many_blocks_and_tiles(variant, rule, monkeypatch):
    """Several blocks of units, several tiles of rows, on four threads; and no parameter is read after it was told."""
    monkeypatch.setattr(weights, "BLOCK_SIZE", 1)
    monkeypatch.setattr(step, "SMALL_WORK", 0)
    for module in (threads, crew, addresses, memory):
        monkeypatch.setattr(module, "n_slots", lambda: 4)
    for module in (threads, crew):
        monkeypatch.setattr(module, "n_threads", lambda: 4)
    monkeypatch.setattr(threads, "_pool", threads._Pool())

    def problem(seed):
        made = Problem(rule, kind_of(variant, rule, 3, 0.1), seed, n_rows=40, n_units=50)
        made.step.tile_rows = 16
        return made

    errors = [problem(seed).errors() for seed in range(2)]
    assert max(value for value, _ in errors) < 1e-9 and min(error for _, error in errors) < TOLERANCE
    made = problem(0)
    assert len(made.step.units.blocks) > 2
    (value, gradient, _), (same_value, same, _) = made.gradient(), made.gradient(spoil=True)
    assert value == same_value
    np.testing.assert_array_equal(gradient, same)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("n_layers", [1, 2, 6])
@pytest.mark.parametrize("positive", [False, True])
def test_the_start_is_ista(positive, n_layers, variant):
    rng = np.random.default_rng(0)
    atoms = rng.standard_normal((12, N_FEATURES))
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    rule = L1(0.1) if positive else SoftThreshold(0.1)
    architecture = Architecture((N_FEATURES, 12), (N_FEATURES, 12), rule.default_activation)
    network = UnrolledNetwork(architecture, rule, Unrolled(n_layers, variant, positive))
    network.start(atoms, 0.2)
    x = rng.standard_normal((30, N_FEATURES))
    z, expected = network.encode(x, rule, None).values, naive.ista(x, atoms, 0.2, n_layers, positive)
    assert 0 < np.count_nonzero(z) < z.size
    np.testing.assert_allclose(z, expected, atol=1e-10)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_inference_is_the_forward_pass_of_training(rule, variant):
    problem = Problem(rule, kind_of(variant, rule, 4, 0.3), missing=True)
    problem.gradient()
    code, expected = problem.step.passes[0].code, np.empty((7, 9))
    problem.network.encode(problem.x.copy(), rule, None).to_dense(expected)
    assert np.count_nonzero(expected) > 7
    got = naive.dense(code.entries, 9) if code.compressed else code.dense.values
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("n_layers", [1, 4])
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_bound_on_pre_activations(variant, n_layers):
    for seed in range(5):
        problem = Problem(SoftThreshold(0.1), kind_of(variant, SoftThreshold(), n_layers), seed, n_rows=50)
        a = np.linalg.norm(problem.network.pre_activations(problem.x, None), axis=1)
        bound = problem.network.largest_pre_activations(np.linalg.norm(problem.x, axis=1).max())
        assert a.max() <= bound < np.inf
