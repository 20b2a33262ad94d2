"""What the rules do beside gradients: settings, running means, and codes at the edge."""

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from problems import Problem, network_of, step_of

from skl_sae._model.codes import DenseCode
from skl_sae._model.parameters import Units
from skl_sae._training.optimizers import OPTIMIZERS
from skl_sae.sparsity import (
    L1,
    RULES,
    AbsTopK,
    BaseSparsity,
    BatchTopK,
    Gated,
    JumpReLU,
    KLDivergence,
    LifetimeTopK,
    Matryoshka,
    StepContext,
    TopK,
)


@pytest.mark.parametrize(
    "rule, activation, message",
    [
        (L1(-0.1), "relu", "alpha=-0.1, expected a number of at least 0"),
        (L1(np.nan), "relu", "alpha=nan, expected a number of at least 0"),
        (KLDivergence(0.0), "sigmoid", "target=0.0, expected a number between 0 and 1"),
        (KLDivergence(1.0), "sigmoid", "target=1.0, expected a number between 0 and 1"),
        (KLDivergence(momentum=1.0), "sigmoid", r"momentum=1.0, expected a number in \[0, 1\)"),
        (KLDivergence(alpha=-1), "sigmoid", "alpha=-1, expected a number of at least 0"),
        (KLDivergence(), "relu", "expected activation='sigmoid' or 'tanh', got 'relu'"),
    ],
)
def test_settings_are_checked_at_the_start(rule, activation, message):
    with pytest.raises(ValueError, match=message):
        rule.initialize(8, activation)


def penalty(rule, values, own, number=1):
    """Value and gradient of a rule's penalty on a dense code."""
    code, p = DenseCode(values, grad=np.zeros_like(values)), Units(**own)
    value = rule.penalty([code], p, None, StepContext("sigmoid", 1 / len(values), number))
    return value, code.grad


@pytest.mark.parametrize("level", [0.0, 1.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_kl_of_silent_and_saturated_units_is_finite(level, dtype):
    rule = KLDivergence()
    rule.initialize(3, "sigmoid")
    value, grad = penalty(rule, np.full((4, 3), level, dtype), {"mean_activation": np.zeros(3, dtype)})
    assert 0 < value < np.inf
    assert np.isfinite(grad).all()
    assert (np.sign(grad) == (1 if level else -1)).all()


def test_kl_is_zero_at_the_target():
    rule = KLDivergence(0.25)
    rule.initialize(3, "sigmoid")
    value, grad = penalty(rule, np.full((4, 3), 0.25), {"mean_activation": np.zeros(3)})
    assert value == pytest.approx(0, abs=1e-15)
    assert_allclose(grad, 0, atol=1e-12)


@pytest.mark.parametrize("momentum", [0.0, 0.4, 0.9])
@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
@pytest.mark.parametrize("solver", OPTIMIZERS)
def test_kl_running_mean(momentum, activation, solver):
    """Moved once a step, from the codes of the step, and by nothing else; the first batch is taken whole."""
    model = naive.Model(
        (4, 9), (4, 9), activation, "relu", "identity", "squared_error", KLDivergence(0.2, momentum=momentum), l2=0.1
    )
    network = network_of(model)
    rng, p = np.random.default_rng(0), network.parameters
    p.theta[:] = rng.standard_normal(p.theta.size)
    p.units.mean_activation[:] = 0
    params = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8, "momentum": 0.9, "nesterovs_momentum": True}
    optimizer = OPTIMIZERS[solver](p.theta.size, p.theta.dtype, params)
    step, expected = step_of(network, 8, model, own_target=False), 0.0
    for number in range(1, 6):
        x = rng.standard_normal((8, 4))
        q = naive.probability(activation, naive.pre_activations(model, p.views, x)).mean(axis=0)
        expected = naive.running_mean(momentum, number, expected, q)

        def load(lo, hi, out, target, x=x):
            out[:] = x[lo:hi]

        settings = np.array(optimizer.begin(0.01), float)

        def update(start, gradient, check, settings=settings):
            optimizer.update(p.theta, start, gradient, settings, check)

        step(load, 8, StepContext(activation, 1 / 8, number), update)
        assert_allclose(p.units.mean_activation, expected, rtol=1e-12)


@pytest.mark.parametrize("rule", [BaseSparsity, *RULES.values()], ids=lambda rule: rule.__name__)
def test_state_changes_in_after_step_alone(rule):
    """A penalty and a gradient may be asked for any number of times."""
    rule = rule() if rule is not L1 else L1(target_l0=3)
    model = naive.Model((4, 12), (4, 12), rule.default_activation, "relu", "identity", "squared_error", rule)
    problem = Problem(model, 0)
    problem.network.rule.after_step = lambda *args: None
    p = problem.parameters
    before, attributes = p.theta.copy(), repr(vars(problem.network.rule))
    first, second = problem.gradient(), problem.gradient()
    problem.run(lambda *told: None)
    assert_array_equal(p.theta, before)
    assert repr(vars(problem.network.rule)) == attributes
    assert first[0] == second[0]
    assert_array_equal(first[1], second[1])


class Growing(L1):
    """A penalty whose weight is not state among the parameters, as a rule of one's own may have."""

    def after_step(self, codes, p, step):
        self.alpha *= 2


def test_what_a_derived_rule_changes_after_a_step_counts_in_the_next():
    """Though the hook that it inherits can be recorded."""
    model = naive.Model((4, 9), (4, 9), "relu", "relu", "identity", "squared_error", Growing(0.1))
    problem, plain = Problem(model, 0), Problem(model._replace(rule=BaseSparsity()), 0)
    base = plain.run(lambda *told: None)
    costs = [problem.run(lambda *told: None) - base for _ in range(3)]
    assert_allclose(costs, np.array([1, 2, 4]) * costs[0], rtol=1e-9)
    assert costs[0] > 0.01


def test_hooks_that_can_be_recorded_are():
    """Of these rules all are, so that a step of theirs never needs the interpreter."""
    rules = [BaseSparsity(), L1(), L1(target_l0=3), KLDivergence(), TopK(2), AbsTopK(2), LifetimeTopK(), BatchTopK(2)]
    for rule in [*rules, Matryoshka(TopK(2))]:
        rule.initialize(9, rule.default_activation)
        assert all(rule.records(hook) for hook in ("encode", "penalty", "backward")), rule
    assert not Growing().records("penalty") and Growing().records("backward")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rule", [BaseSparsity, *RULES.values()], ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("bias", [-1e3, 0.0, 1e3], ids=["silent", "at zero", "all active"])
def test_steps_at_the_edge_are_finite(rule, bias, dtype):
    """One row; no or every unit active; a decoder of zeros; a perfect reconstruction."""
    rule = rule()
    model = naive.Model((3, 5), (3, 5), rule.default_activation, "relu", "identity", "squared_error", rule)
    network = network_of(model, dtype)
    p = network.parameters
    p.units.encoder_bias[:] = bias
    step, told = step_of(network, 1, model, own_target=False), []

    def load(lo, hi, x, target):
        x[:] = 0

    losses = step(load, 1, StepContext(model.activation), lambda start, g, check: told.append(g.copy()))
    assert np.isfinite(losses).all()
    assert all(np.isfinite(g).all() and g.dtype == dtype for g in told)


@pytest.mark.parametrize("rule", [BaseSparsity, *RULES.values()], ids=lambda rule: rule.__name__)
def test_deployed_rule_sees_one_row_at_a_time(rule):
    """So that ``transform`` of a part is a part of ``transform``."""
    rule, rng = rule(), np.random.default_rng(0)
    activation = rule.default_activation
    own = rule.initialize(12, activation)
    units = Units(encoder_bias=np.zeros(12), **{name: np.full(12, value) for name, value in own.items()})
    deployed, a = rule.deployed(), rng.standard_normal((6, 12))
    assert deployed.scope in ("entry", "row")

    def encode(a):
        code = deployed.encode(a.copy(), units, StepContext(activation))[0]
        if isinstance(code, DenseCode):
            return code.values
        dense = np.zeros(a.shape)
        for i, n in enumerate(code.count):
            dense[i, code.index[i, :n]] = code.values[i, :n]
        return dense

    assert_array_equal(np.vstack([encode(a[i : i + 1]) for i in range(6)]), encode(a))


@pytest.mark.parametrize("base", [Gated, JumpReLU])
def test_a_subclass_keeps_its_encode_in_transform(base):
    class Halved(base):
        def encode(self, a, p, step):
            codes = super().encode(a, p, step)
            codes[0].values *= 0.5
            return codes

    class Cheap(base):
        alpha_of_mine = 1

    a = np.random.default_rng(0).standard_normal((6, 12))
    codes = []
    for cls in base, Cheap, Halved:
        rule = cls()
        own = rule.initialize(12, "relu")
        units = Units(encoder_bias=np.zeros(12), **{name: np.full(12, value) for name, value in own.items()})
        codes.append(rule.deployed().encode(a.copy(), units, StepContext("relu"))[0].values)
        assert (rule.deployed() is rule) == (cls is Halved)
    assert_array_equal(codes[1], codes[0])
    assert_array_equal(codes[2], codes[0] / 2)
    assert codes[0].any()
