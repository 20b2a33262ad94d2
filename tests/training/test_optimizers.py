"""Optimizers against the textbook, schedules, and denormal numbers."""

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skl_sae._training.optimizers import OPTIMIZERS
from skl_sae._training.schedule import SCHEDULES

PARAMS = [
    ("adam", {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8}),
    ("adam", {"beta_1": 0.0, "beta_2": 0.5, "epsilon": 1e-2}),
    ("sgd", {"momentum": 0.9, "nesterovs_momentum": True}),
    ("sgd", {"momentum": 0.9, "nesterovs_momentum": False}),
    ("sgd", {"momentum": 0.0, "nesterovs_momentum": True}),
]
each_optimizer = pytest.mark.parametrize("name, params", PARAMS)
RATES = [0.1, 0.05, 0.2, 0.01, 0.1, 0.1]


def test_every_optimizer_is_here():
    assert {name for name, _ in PARAMS} == set(OPTIMIZERS) == set(naive.OPTIMIZERS)


def gradients(size, seed=0):
    return np.random.default_rng(seed).standard_normal((len(RATES), size)) * np.logspace(-6, 3, size)


def move(optimizer, rate, theta, *gradients):
    """A step, of gradients with the places where they begin."""
    settings, check = np.array(optimizer.begin(rate), float), np.full(1, np.nan)
    for start, gradient in gradients:
        optimizer.update(theta, start, gradient, settings, check)
        assert check[0] == 0


@each_optimizer
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_not_finite_is_told(name, params, bad, dtype):
    optimizer, check = OPTIMIZERS[name](5, np.dtype(dtype), params), np.zeros(1)
    settings = np.array(optimizer.begin(0.1), float)
    optimizer.update(np.ones(5, dtype), 0, np.array([0, 1, bad, 2, 3], dtype), settings, check)
    assert not np.isfinite(check[0])


@each_optimizer
def test_steps_are_the_textbook_s(name, params):
    theta, state = np.linspace(-1, 1, 37), {}
    expected, optimizer = theta.copy(), OPTIMIZERS[name](37, np.dtype(float), params)
    for rate, gradient in zip(RATES, gradients(37)):
        kept = gradient.copy()
        move(optimizer, rate, theta, (0, gradient))
        expected = naive.OPTIMIZERS[name](expected, gradient, state, rate, params)
        assert_allclose(theta, expected, rtol=1e-12, atol=1e-12)
        assert_array_equal(gradient, kept)


@each_optimizer
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_slices_in_any_order_equal_the_whole(name, params, dtype):
    start = np.linspace(-1, 1, 40).astype(dtype)
    whole, parts = start.copy(), start.copy()
    of_whole, of_parts = (OPTIMIZERS[name](40, np.dtype(dtype), params) for _ in range(2))
    for rate, gradient in zip(RATES, gradients(40).astype(dtype)):
        move(of_whole, rate, whole, (0, gradient))
        move(of_parts, rate, parts, *((lo, gradient[lo:hi]) for lo, hi in [(17, 40), (0, 3), (3, 16), (16, 17)]))
    assert_allclose(parts, whole, rtol=8 * np.finfo(dtype).eps)
    assert (whole != start).mean() > 0.9
    assert whole.dtype == dtype


@each_optimizer
def test_forget_clears_a_slice(name, params):
    """A revived unit starts without a past; its neighbours keep theirs."""
    optimizer = OPTIMIZERS[name](9, np.dtype(float), params)
    move(optimizer, 0.1, np.zeros(9), (0, np.ones(9)))
    optimizer.forget(2, 5)
    moments = list(optimizer.moments().values())
    assert moments
    for moment in moments:
        assert_array_equal(moment != 0, [1, 1, 0, 0, 0, 1, 1, 1, 1])


@each_optimizer
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_moments_of_a_silent_unit_become_zero(name, params, dtype):
    """Never denormal, on which arithmetic is slow; and in the end the unit rests."""
    params = {**params, "beta_2": min(0.9, params["beta_2"])} if name == "adam" else params
    optimizer, theta = OPTIMIZERS[name](8, np.dtype(dtype), params), np.zeros(8, dtype)
    gradient = np.logspace(-3, 3, 8).astype(dtype)
    moments = list(optimizer.moments().values())
    for _ in range(1200):
        before = theta.copy()
        move(optimizer, 0.1, theta, (0, gradient))
        gradient[:] = 0
        for moment in moments:
            assert ((moment == 0) | (abs(moment) >= np.finfo(dtype).tiny)).all()
    assert not any(moment.any() for moment in moments)
    assert_array_equal(theta, before)
    assert theta.all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_adam_ignores_tiny_gradients(dtype):
    """A gradient of 1e-20 is rounding noise; Adam alone would scale it up to a full step."""
    optimizer, theta = OPTIMIZERS["adam"](2, np.dtype(dtype), PARAMS[0][1]), np.ones(2, dtype)
    move(optimizer, 0.1, theta, (0, np.array([1e-20, -1e-20], dtype)))
    assert_array_equal(theta, 1)


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules(name):
    """From one, never up, to zero unless constant."""
    factors = np.array([SCHEDULES[name](t) for t in np.linspace(0, 1, 101)])
    assert factors[0] == 1
    assert (np.diff(factors) <= 1e-15).all()
    assert factors[-1] == pytest.approx(1 if name == "constant" else 0, abs=1e-15)


@pytest.mark.parametrize(
    "name, at, factor",
    [
        ("constant", 0.5, 1),
        ("linear", 0.5, 0.5),
        ("cosine", 0.5, 0.5),
        ("cosine", 0.25, (1 + np.cos(np.pi / 4)) / 2),
        ("cooldown", 0.79, 1),
        ("cooldown", 0.9, 0.5),
        ("cooldown", 0.95, 0.25),
    ],
)
def test_shapes_of_schedules(name, at, factor):
    assert SCHEDULES[name](at) == pytest.approx(factor)
