"""Every gradient of the training step against central differences of the naive objective, in float64.

The product of all options is run; what is not in the product is drawn at random, one draw a configuration.
"""

import itertools
import zlib
from functools import cache

import naive
import numpy as np
import pytest
from problems import TOLERANCE, Problem, network_of, step_of

from skl_sae._kernels import addresses, crew, memory, threads
from skl_sae._model.activations import ACTIVATIONS
from skl_sae._model.losses import LOSSES
from skl_sae._training import batch, normalisation, step, weights
from skl_sae._training.encoder import EncoderPass
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
    TopK,
)

ALL = ("identity", "relu", "sigmoid", "tanh")

# (name, instances, activations that they accept)
RELU, LINEAR, BOUNDED, SIGNED = ("relu",), ("identity", "relu"), ("sigmoid", "tanh"), ("identity", "tanh")
INSTANCES = [
    (None, [BaseSparsity()], ALL),
    ("l1", [L1(0.3), L1(0.3, norm_aware=True), L1(0.3, unit_decoder=False)], ALL),
    ("l1", [L1(0.3, target_l0=2)], RELU),
    ("kl", [KLDivergence(0.2, 0.4), KLDivergence(0.2, 0.4, momentum=0.8)], BOUNDED),
    ("topk", [TopK(3), TopK(0.6)], ALL),
    ("abs_topk", [AbsTopK(3), AbsTopK(0.6)], SIGNED),
    ("batch_topk", [BatchTopK(2)], LINEAR),
    ("lifetime_topk", [LifetimeTopK(0.3)], ALL),
    ("jumprelu", [JumpReLU(0.3, 0.3, 0.8), JumpReLU(0.3, 0.3, 0.8, cost="tanh", sharpness=1.5)], RELU),
    ("jumprelu", [JumpReLU(0.3, 0.3, 0.8, target_l0=2)], RELU),
    ("gated", [Gated(0.3), Gated(0.3, target_l0=2)], RELU),
    ("matryoshka", [Matryoshka(TopK(3), (0.25, 0.5, 1.0))], ALL),
    ("matryoshka", [Matryoshka(AbsTopK(3), (0.25, 1.0))], SIGNED),
    ("matryoshka", [Matryoshka(L1(0.3, norm_aware=True), (0, 0.4, 1.0), (0.2, 0.3, 0.9))], ALL),
    ("matryoshka", [Matryoshka(BatchTopK(2), (0.3, 1.0))], LINEAR),
    ("matryoshka", [Matryoshka(Gated(0.3), (0.3, 1.0)), Matryoshka(JumpReLU(0.3, 0.3, 0.8), (0.3, 1.0))], RELU),
]
# Losses by name: the output activations that they accept.
OUTPUTS = {"squared_error": ALL, "binary_cross_entropy": ("sigmoid",)}

RULE_CASES = [(name, rule, act) for name, rules, acts in INSTANCES for rule in rules for act in acts]
LOSS_CASES = [(loss, output) for loss, outputs in OUTPUTS.items() for output in outputs]
DEPTHS = [(e, d, False) for e, d in itertools.product([(), (5,), (6, 5)], [(), (5,), (6, 5), (4, 7)])]
DEPTHS += [(e, e, True) for e in [(), (5,), (6, 5)]]


def test_every_rule_is_checked():
    missing = set(RULES) - {name for name, _, _ in INSTANCES}
    assert not missing, f"rules without an entry in INSTANCES of {__name__}: {sorted(missing)}"
    for name, rules, _ in INSTANCES:
        expected = BaseSparsity if name is None else RULES[name]
        assert rules and all(type(rule) is expected for rule in rules)
        assert expected.__name__ in naive.RULES, f"naive.RULES lacks {expected.__name__}"


def test_every_activation_and_loss_is_checked():
    assert set(ACTIVATIONS) == set(ALL) == set(naive.ACTIVATIONS), "add the activation to ALL and to naive.ACTIVATIONS"
    assert set(LOSSES) == set(OUTPUTS) == set(naive.LOSSES), "add the loss to OUTPUTS and to naive.LOSSES"


@pytest.mark.parametrize("rules, accepted", [row[1:] for row in INSTANCES], ids=repr)
def test_no_valid_activation_is_left_out(rules, accepted):
    for rule, activation in itertools.product(rules, set(ALL) - set(accepted)):
        with pytest.raises(ValueError, match="activation"):
            rule.initialize(8, activation)


@cache
def text_of(rule):
    """Its repr, which takes milliseconds."""
    return repr(rule)


def text(what):
    """Like repr."""
    if type(what) is tuple:
        return f"({', '.join(map(text, what))}{',' * (len(what) == 1)})"
    return text_of(what) if isinstance(what, BaseSparsity) else repr(what)


def seed_of(*what):
    return zlib.crc32(text(what).encode())


def assert_gradient(what, make, *args, **options):
    """At one random point, or another where a kink falls inside the difference."""
    for attempt in range(2):
        problem = make(*args, seed_of(what, attempt), **options)
        value_error, error = problem.errors()
        assert value_error <= 1e-9, (problem.model, value_error)
        if error <= TOLERANCE:
            return problem
    raise AssertionError(f"relative error {error:.1e} of the gradient: {problem.model}")


def selects(rule):
    """Whether the code is always compressed."""
    return isinstance(getattr(rule, "rule", rule), (TopK, BatchTopK, LifetimeTopK))


def layouts(rule, activation):
    """Thresholds of the density that lead to each layout the rule can have."""
    return (0.0, 2.0) if ACTIVATIONS[activation].zeros and not selects(rule) else (0.15,)


def third(n):
    """A third of the product, a Latin square: each rule meets each loss, and each depth in each of its layouts.

    It has a third of the triples of rule, loss and depth: a rule sees of the loss only what the decoder passes on.
    """
    options = itertools.product(*map(enumerate, (RULE_CASES, LOSS_CASES, DEPTHS)))
    return [
        (rule_case, loss_case, depth, layout)
        for (i, rule_case), (j, loss_case), (k, depth) in options
        if (i + j + k) % 3 == n
        for layout in layouts(rule_case[1], rule_case[2])
    ]


CONFIGURATIONS = [third(n) for n in range(3)]


def draw(configuration):
    """The model of a configuration, and whether entries are missing; the rest is drawn at random."""
    (_, rule, activation), (loss, output), (encoder, decoder, tied), _ = configuration
    rng = np.random.default_rng(seed_of(configuration))
    hidden, l2, l1 = rng.choice(ALL), rng.choice([0, 0.1]), rng.choice([0, 0.05])
    sizes = (4, *encoder, 9), (4, *decoder, 9)
    number, batch_norm, dropout = int(rng.choice([1, 3])), bool(rng.integers(2)), float(rng.choice([0, 0.3]))
    model = naive.Model(*sizes, activation, str(hidden), output, loss, rule, tied, l2, l1, number, batch_norm, dropout)
    options = {"missing": bool(rng.integers(2)), "noisy": bool(rng.integers(2))}
    return model._replace(skip=bool(rng.integers(2))), options


@pytest.mark.parametrize("loss_case", LOSS_CASES, ids="-".join)
@pytest.mark.parametrize("rule_case", RULE_CASES, ids=lambda case: f"{case[1]}-{case[2]}")
@pytest.mark.parametrize("part", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 2))])
def test_gradient(part, rule_case, loss_case, monkeypatch):
    for configuration in CONFIGURATIONS[part]:
        if configuration[:2] == (rule_case, loss_case):
            model, options = draw(configuration)
            monkeypatch.setattr(batch, "DENSITY_BREAK_EVEN", configuration[3])
            problem = assert_gradient(configuration, Problem, model, **options)
            compressed = selects(model.rule) or configuration[3] == 2.0
            assert problem.step.passes[0].code.compressed == compressed


@pytest.mark.parametrize("left_out", [1, 2])
def test_a_third_has_what_the_product_has(left_out):
    """Of rules, depths and layouts, and of rules, losses and layouts."""
    met = [{text(each[:left_out] + each[left_out + 1 :]) for each in part} for part in CONFIGURATIONS]
    assert met[0] == met[1] == met[2]


def test_every_pair_of_options_is_drawn():
    """What is drawn at random meets every option of the product in a deep network, and each other."""
    rows = []
    for configuration in CONFIGURATIONS[0]:
        model, options = draw(configuration)
        if configuration[2][0] or configuration[2][1]:
            drawn = model.hidden_activation, model.l2, model.l1, *model[10:14], *options.values()
            rows.append([text(option) for option in configuration + drawn])
    columns = list(zip(*rows))
    for i, j in itertools.combinations(range(len(columns)), 2):
        if j >= 4:
            expected = set(itertools.product(set(columns[i]), set(columns[j])))
            assert expected == set(zip(columns[i], columns[j]))


@pytest.mark.parametrize("batch_norm, dropout", [(False, 0.0), (True, 0.3)])
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("hidden", [(), (5,)])
@pytest.mark.parametrize("rule_case", RULE_CASES, ids=lambda case: f"{case[1]}-{case[2]}")
def test_gradient_in_many_blocks_and_tiles(rule_case, hidden, tied, batch_norm, dropout, monkeypatch):
    """Several blocks of units and of the other layers' rows, several tiles of rows, on four threads."""
    _, rule, activation = rule_case
    monkeypatch.setattr(weights, "BLOCK_SIZE", 1)
    monkeypatch.setattr(step, "SMALL_WORK", 0)
    monkeypatch.setattr(normalisation, "BLOCK_UNITS", 16)
    for module in (threads, crew, addresses, memory):
        monkeypatch.setattr(module, "n_slots", lambda: 4)
    for module in (threads, crew):
        monkeypatch.setattr(module, "n_threads", lambda: 4)
    monkeypatch.setattr(threads, "_pool", threads._Pool())

    def make(model, seed):
        problem = Problem(model, seed, n_rows=40)
        problem.step.tile_rows = 16
        return problem

    for layout in layouts(rule, activation):
        monkeypatch.setattr(batch, "DENSITY_BREAK_EVEN", layout)
        sizes = (3, *hidden, 50)
        options = rule, tied, 0.1, 0.05, 3, batch_norm, dropout
        model = naive.Model(sizes, sizes, activation, "tanh", "tanh", "squared_error", *options)
        problem = assert_gradient((rule_case, hidden, tied, layout), make, model)
        assert len(problem.step.units.blocks) == 3 and len(threads.partition(40, problem.step.tile_rows)) > 1


@pytest.mark.parametrize("layout", [0.0, 2.0])
@pytest.mark.parametrize("hidden, dropout", [((), 0.0), ((5,), 0.3)])
@pytest.mark.parametrize("rule_case", RULE_CASES, ids=lambda case: f"{case[1]}-{case[2]}")
def test_hooks_do_the_same_recorded_and_in_each_step(rule_case, hidden, dropout, layout, monkeypatch):
    """To the bit; also in the steps after the one that is recorded, when other things have changed."""
    monkeypatch.setattr(batch, "DENSITY_BREAK_EVEN", layout)
    _, rule, activation = rule_case
    sizes = (4, *hidden, 9)
    model = naive.Model(sizes, sizes, activation, "tanh", "identity", "squared_error", rule, dropout=dropout)
    results = []
    for recorded in True, False:
        if not recorded:
            monkeypatch.setattr(BaseSparsity, "records", lambda rule, hook: False)
        problem, told = Problem(model, 0), []

        def update(start, part, check, told=told, theta=problem.parameters.theta):
            told.append(part.copy())
            theta[start : start + part.size] -= 0.1 * part.ravel()

        values = []
        for number in range(1, 5):
            problem.model, problem.key = problem.model._replace(number=number), number
            problem.x[:] = problem.x[::-1] + 0.1
            values.append(problem.run(update))
        results.append((values, [part.tobytes() for part in told], problem.parameters.theta.tobytes()))
    assert results[0] == results[1]
    assert len(set(results[0][0])) == 4


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("hidden", [(), (5,), (6, 5)])
@pytest.mark.parametrize("rule", [BaseSparsity(), L1(0.3), TopK(3)], ids=repr)
def test_a_parameter_that_was_told_is_not_read_again(rule, hidden, tied, monkeypatch):
    """So an optimizer may change it at once."""
    monkeypatch.setattr(weights, "BLOCK_SIZE", 1)
    sizes = (3, *hidden, 50)
    model = naive.Model(sizes, sizes, "relu", "relu", "identity", "squared_error", rule, tied, 0.1, 0.05)
    problem = Problem(model, 0)
    (value, gradient), (expected, plain) = problem.gradient(spoil=True), problem.gradient()
    assert value == expected
    np.testing.assert_array_equal(gradient, plain)


@pytest.mark.parametrize("hidden", [(), (6, 5)])
def test_layout_follows_the_density_of_the_last_step(hidden):
    """A code of few active entries is compressed from the second step on, and tells the same gradient."""
    sizes = (4, *hidden, 20)
    model = naive.Model(sizes, sizes, "relu", "tanh", "identity", "squared_error", L1(0.1))
    problem = Problem(model, 0, n_rows=20)
    a = naive.pre_activations(model, problem.parameters.views, problem.x)
    problem.parameters.units.encoder_bias[:] -= np.quantile(a, 0.9)
    (dense_value, dense), code = problem.gradient(), problem.step.passes[0].code
    assert not code.compressed
    assert 0 < problem.step.densities[0] < batch.DENSITY_BREAK_EVEN
    value, gradient = problem.gradient()
    assert code.compressed
    assert value == pytest.approx(dense_value, rel=1e-12)
    np.testing.assert_allclose(gradient, dense, rtol=1e-9, atol=1e-12)
    problem.parameters.units.encoder_bias[:] += 10
    problem.gradient()
    problem.gradient()
    assert not code.compressed


def test_a_selecting_rule_has_no_dense_code():
    model = naive.Model((4, 9), (4, 9), "sigmoid", "relu", "identity", "squared_error", TopK(2))
    problem = Problem(model, 0)
    problem.gradient()
    code = problem.step.passes[0].code
    assert code.dense is None
    assert code.entries.values.shape == (7, 2)


@pytest.mark.parametrize("layout", [0.0, 2.0])
@pytest.mark.parametrize(
    "hidden, tied", [((), False), ((), True), ((5,), False), ((5,), True)], ids=lambda option: str(option)
)
def test_unit_norm(hidden, tied, layout, monkeypatch):
    """Rows of the decoder get the tangential part of their gradient, and have norm one after the step."""
    monkeypatch.setattr(batch, "DENSITY_BREAK_EVEN", layout)
    sizes = (4, *(hidden if tied else ()), 9), (4, *hidden, 9)
    model = naive.Model(*sizes, "relu", "tanh", "identity", "squared_error", L1(0.3), tied, 0.1)
    problem = Problem(model, 1)
    p, rows = problem.parameters, problem.parameters.units.decoder
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    _, free = problem.gradient()
    problem.network.unit_norm = True
    before, theta = rows.copy(), p.theta.copy()
    gradient = np.zeros_like(theta)

    def update(start, part, check):
        gradient[start : start + part.size] += part.ravel()
        p.theta[start : start + part.size] -= 0.3 * part.ravel()

    problem.run(update)
    name = p.unit_names["decoder"]
    at = np.s_[p.start[name] : p.start[name] + rows.size]
    told, tangent = gradient[at].reshape(rows.shape), free[at].reshape(rows.shape)
    tangent = tangent - (tangent * before).sum(axis=1, keepdims=True) * before
    np.testing.assert_allclose(told, tangent, atol=1e-12)
    assert abs(told).max() > 1e-3
    moved = before - 0.3 * told
    np.testing.assert_allclose(rows, moved / np.linalg.norm(moved, axis=1, keepdims=True), atol=1e-12)
    others = np.ones(theta.size, bool)
    others[at] = False
    np.testing.assert_allclose(gradient[others], free[others], atol=1e-12)


@pytest.mark.parametrize("rule", [TopK(3), L1(0.3)], ids=repr)
def test_shorter_batches_use_the_same_workspace(rule):
    """What a longer batch left behind does not leak into the next."""
    model = naive.Model((4, 5, 9), (4, 5, 9), "relu", "tanh", "identity", "squared_error", rule)
    problem = Problem(model, 3, n_rows=12)
    problem.gradient()
    problem.x = problem.target = problem.x[:5]
    value_error, error = problem.errors()
    assert value_error <= 1e-9 and error <= TOLERANCE


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("hidden", [(), (5,)])
@pytest.mark.parametrize("rule_case", RULE_CASES, ids=lambda case: f"{case[1]}-{case[2]}")
def test_float32_follows_float64(rule_case, hidden, tied):
    _, rule, activation = rule_case
    sizes = (4, *hidden, 9)
    model = naive.Model(sizes, sizes, activation, "tanh", "identity", "squared_error", rule, tied, 0.1, 0.05)
    problem = Problem(model, 0)
    value, gradient = problem.gradient()
    network = network_of(model, np.float32)
    network.unit_norm = False
    network.parameters.theta[:] = problem.parameters.theta
    problem.step = step_of(network, len(problem.x), model)
    value_32, gradient_32 = problem.gradient()
    assert problem.step.target.dtype == problem.step.passes[0].gradients[0].dtype == np.float32
    assert value_32 == pytest.approx(value, rel=1e-5)
    np.testing.assert_allclose(gradient_32, gradient, atol=2e-5 * max(1, abs(gradient).max()))


class DoublingPass(EncoderPass):
    """An encoder of another kind: the products of its layers count twice."""

    def product(self, batch, i, lo, hi, out, bias=None):
        a = super().product(batch, i, lo, hi, out)
        batch.plan.call(lambda a: np.add(2 * a, 0 if bias is None else bias, out=a), a)
        return a

    def correlate(self, batch, i, code, out, add=False):
        super().correlate(batch, i, code, out, add)
        super().correlate(batch, i, code, out, True)

    def pull(self, batch, i, lo, hi):
        batch.plan.call(lambda gradient: np.multiply(gradient, 2, out=gradient), self.gradients[i][lo:hi])
        super().pull(batch, i, lo, hi)


@pytest.mark.parametrize("hidden", [(), (5,)])
@pytest.mark.parametrize("rule", [TopK(3), L1(0.3), Gated(0.3)], ids=repr)
def test_the_encoder_is_handed_in(rule, hidden):
    """A step asks the encoder that it is given, and no other, for sums and gradients."""
    sizes = (4, *hidden, 9)
    model = naive.Model(sizes, sizes, "relu", "tanh", "identity", "squared_error", rule)
    plain, other = Problem(model, 0), Problem(model, 0)
    other.step = step_of(other.network, len(other.x), model, encoder_pass=DoublingPass)
    names = [name for name in plain.parameters.views if name.startswith("enc") and name.endswith("weight")]
    for name in names:
        plain.parameters[name][:] *= 2
    (value, gradient), (expected, expected_gradient) = other.gradient(), plain.gradient()
    for name in names:
        at = plain.parameters.start[name]
        expected_gradient[at : at + plain.parameters[name].size] *= 2
    assert value == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-10, atol=1e-12)
