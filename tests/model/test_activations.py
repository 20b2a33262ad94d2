"""Activations and their slopes against the equations."""

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skl_sae._model.activations import ACTIVATIONS

EXTREMES = [0, 1e-300, 1e-45, 1e-8, 0.3, 1, 17, 40, 89, 710, 746, 1e30, np.inf]
EXTREMES = np.array([-x for x in EXTREMES[::-1]] + EXTREMES)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_values(name, dtype):
    """Also where exp would overflow; in place, in the precision of the input."""
    a = EXTREMES.astype(dtype)
    f = a.copy()
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        assert ACTIVATIONS[name].forward(f) is None
    assert f.dtype == dtype
    assert_allclose(f, naive.ACTIVATIONS[name](a.astype(float)), rtol=1e-7, atol=np.finfo(dtype).eps)


@pytest.mark.parametrize("shape", [(200,), (5, 8), (0, 3)])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_slopes(name, shape):
    """The gradient of the input from the value and its gradient, by central differences."""
    rng = np.random.default_rng(0)
    a, grad, h = 3 * rng.standard_normal(shape), rng.standard_normal(shape), 1e-6
    f = a.copy()
    ACTIVATIONS[name].forward(f)
    difference = (naive.ACTIVATIONS[name](a + h) - naive.ACTIVATIONS[name](a - h)) / (2 * h)
    got, kept = grad.copy(), f.copy()
    assert ACTIVATIONS[name].backward(f, got) is None
    assert_allclose(got, grad * difference, atol=1e-8)
    assert_array_equal(f, kept)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_slopes_of_saturated_values(name, dtype):
    """Finite, whatever comes in; views are written through."""
    f = np.linspace(-800, 800, 12, dtype=dtype)
    ACTIVATIONS[name].forward(f)
    grad = np.ones((6, 8), dtype)
    ACTIVATIONS[name].backward(f.reshape(6, 2), grad[:, 3:5])
    assert np.isfinite(grad).all()
    assert_array_equal(np.delete(grad, [3, 4], axis=1), 1)


def test_relu_has_no_slope_at_zero():
    grad = np.ones(3)
    ACTIVATIONS["relu"].backward(np.array([0.0, -0.0, 1e-300]), grad)
    assert_array_equal(grad, [0, 0, 1])


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_zeros_tells_whether_codes_can_be_compressed(name):
    """Entries that are exactly zero must have no slope, or a compressed code would lose their gradient."""
    f = np.random.default_rng(0).standard_normal(1000)
    ACTIVATIONS[name].forward(f)
    grad = np.ones_like(f)
    ACTIVATIONS[name].backward(f, grad)
    assert ((f == 0) & (grad == 0)).mean() > 0.3 if ACTIVATIONS[name].zeros else (grad != 0).all()
