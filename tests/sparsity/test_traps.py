"""Mistakes of published code, injected: the tests of this house must see each.

The right behaviour stands by itself in `test_dead_units.py` (T1, T2, T4, and T5, resampling of a copy).
"""

import naive
import numpy as np
import pytest
from problems import TOLERANCE, Problem
from test_dead_units import ProblemWithDeadUnits

from skl_sae._model.codes import Decoding, DenseCode
from skl_sae._model.unit_code import UnitCode
from skl_sae._training import batch
from skl_sae._training.dead_units import Auxiliary
from skl_sae._training.residual import ResidualPass
from skl_sae.sparsity import BatchTopK, JumpReLU, Matryoshka, TopK, recordable
from skl_sae.sparsity._target import multiply

SIZES = (4, 9), (4, 9)


def error(rule, kind=Problem):
    """Largest error of value and gradient over a few points, relative to the bound of the gradient's tests."""
    model = naive.Model(*SIZES, "relu", "relu", "identity", "squared_error", rule)
    return max(max(kind(model, seed).errors()) for seed in range(3)) / TOLERANCE


def test_t1_auxiliary_gradient_stops_before_the_encoder(monkeypatch):
    def backward(rule, codes, p, g, step):
        return 0 * codes[0].grad

    assert error(TopK(2), ProblemWithDeadUnits) < 10
    monkeypatch.setattr(Auxiliary, "backward", backward)
    assert error(TopK(2), ProblemWithDeadUnits) > 1e3


def test_t2_decoder_bias_in_the_auxiliary_reconstruction(monkeypatch):
    monkeypatch.setattr(ResidualPass, "_origin", ResidualPass.__mro__[1]._origin)
    assert error(TopK(2), ProblemWithDeadUnits) > 1e3


def test_t4_selected_counts_as_fired(monkeypatch):
    def selected(code, out):
        out[:] = np.diff(code.ptr) > 0

    def fired(code):
        code.find_fired(out := np.zeros(code.ptr.size - 1, bool))
        return out

    rule = TopK(4)
    model = naive.Model(*SIZES, "sigmoid", "relu", "identity", "squared_error", rule)
    problem = Problem(model, 0)
    problem.gradient()
    whole = problem.step.passes[0].whole
    unit = whole.unit[0]
    whole.values[whole.unit == unit] = 0
    assert not fired(whole)[unit]
    monkeypatch.setattr(UnitCode, "find_fired", selected)
    assert fired(whole)[unit]


def test_t6_step_taken_of_the_gated_code(monkeypatch):
    def gated(arrays):
        return lambda code, *names: arrays(code, *("values" if name == "pre" else name for name in names))

    assert error(JumpReLU(0.3, 0.3, 0.8)) < 1
    for layout in DenseCode, UnitCode:
        monkeypatch.setattr(layout, "arrays", gated(layout.arrays))
    assert error(JumpReLU(0.3, 0.3, 0.8)) > 1e3


def test_t6_support_without_the_lower_half_of_the_window(monkeypatch):
    encode = JumpReLU.encode

    def narrow(rule, a, p, step):
        (code,) = encode(rule, a, p, step)
        code.support = code.pre > p.threshold
        return [code]

    monkeypatch.setattr(batch, "DENSITY_BREAK_EVEN", 2.0)
    assert error(JumpReLU(0.3, 0.3, 0.8)) < 1
    monkeypatch.setattr(JumpReLU, "encode", narrow)
    assert error(JumpReLU(0.3, 0.3, 0.8)) > 1e3


def test_t7_bandwidth_divided_by_twice(monkeypatch):
    class Twice(JumpReLU):
        @recordable
        def backward(self, codes, p, g, step):
            super().backward(codes, p, g, step)
            multiply(g.threshold, np.array([1 / self.bandwidth]), g.threshold)

    monkeypatch.setitem(naive.RULES, "Twice", naive.RULES["JumpReLU"])
    assert error(Twice(0.3, 0.3, 0.8)) > 1e3


def test_t8_weights_of_the_prefixes_applied_twice(monkeypatch):
    encode = Matryoshka.encode

    def twice(rule, a, p, step):
        codes = encode(rule, a, p, step)
        for code in codes:
            code.decoding = Decoding([(stop, weight**2) for stop, weight in rule.prefixes_])
        return codes

    rule = Matryoshka(TopK(3), (0.3, 1.0))
    assert error(rule) < 1
    monkeypatch.setattr(Matryoshka, "encode", twice)
    assert error(rule) > 1e3


@pytest.mark.parametrize("rule", [Matryoshka(TopK(3), (1.0,)), Matryoshka(BatchTopK(2), (1.0,))], ids=repr)
def test_one_prefix_is_the_inner_rule(rule):
    """T8, by itself: weights add up to one."""
    model = naive.Model(*SIZES, "relu", "relu", "identity", "squared_error", rule)
    (value, gradient), (expected, plain) = (Problem(m, 0).gradient() for m in (model, model._replace(rule=rule.rule)))
    assert value == expected
    np.testing.assert_array_equal(gradient, plain)
