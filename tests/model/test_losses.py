"""Losses and their gradients: missing targets, saturated outputs."""

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skl_sae._model.activations import ACTIVATIONS
from skl_sae._model.losses import LOSSES

CASES = [("squared_error", output) for output in ACTIVATIONS] + [("binary_cross_entropy", "sigmoid")]
each_case = pytest.mark.parametrize("name, output", CASES, ids=map("-".join, CASES))


def test_every_loss_is_here():
    assert {name for name, _ in CASES} == set(LOSSES)


def batch(missing, dtype=np.float64, n_rows=7, width=9):
    rng = np.random.default_rng(0)
    u, target = 2 * rng.standard_normal((n_rows, width)), rng.random((n_rows, width))
    target[rng.random(target.shape) < missing] = np.nan
    return u.astype(dtype), target.astype(dtype)


def evaluate(name, u, target, weight, output):
    """The value of a loss, which leaves the gradient in `u`."""
    value = np.full(1, np.nan)
    LOSSES[name](u, target, weight, output, value)
    return value[0]


@pytest.mark.parametrize("missing", [0, 0.3, 1])
@each_case
def test_value_and_gradient(name, output, missing):
    """Where the target is missing an entry counts nothing, in the value and in the gradient."""
    u, target = batch(missing)
    h, weight, kept = 1e-6, 0.3, target.copy()
    value = evaluate(name, gradient := u.copy(), target, weight, output)
    assert value == pytest.approx(weight * naive.loss(name, u, target, output), rel=1e-12)
    shifts = h * np.eye(u.size).reshape(-1, *u.shape)
    up, down = (naive.loss(name, u + s, target, output) for s in (shifts, -shifts))
    assert_allclose(gradient.reshape(-1), weight * (up - down) / (2 * h), atol=1e-8)
    assert_array_equal(gradient[np.isnan(target)], 0)
    assert_array_equal(target, kept)


@each_case
def test_float32(name, output):
    u, target = batch(0.3, np.float32, 64, 50)
    value = evaluate(name, gradient := u.copy(), target, 1 / 64, output)
    exact_gradient = u.astype(float)
    exact = evaluate(name, exact_gradient, target.astype(float), 1 / 64, output)
    assert gradient.dtype == np.float32
    assert value == pytest.approx(exact, rel=1e-6)
    assert_allclose(gradient, exact_gradient, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@each_case
def test_saturated_outputs_stay_finite(name, output, dtype):
    """A wrong and certain prediction costs much, not infinitely much."""
    u = np.array([[-1e4, -800, -90, 90, 800, 1e4]] * 2, dtype)
    target = np.array([[0.0] * 6, [1.0] * 6], dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        value = evaluate(name, gradient := u.copy(), target, 1.0, output)
    assert value == pytest.approx(naive.loss(name, u.astype(float), target.astype(float), output), rel=1e-6)
    assert np.isfinite(gradient).all()


def test_cross_entropy_does_not_saturate():
    """The gradient of a wrong and certain prediction is its error; through the sigmoid's slope it would vanish."""
    u = np.array([[-800.0, 800.0]])
    evaluate("binary_cross_entropy", u, np.array([[1.0, 0.0]]), 1.0, "sigmoid")
    assert_allclose(u, [[-1, 1]], rtol=1e-12)
