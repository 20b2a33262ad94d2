"""Activations, each with its gradient, which is computed from the value. Both work in place.

Arrays have one axis or two. NumPy's vectorised ``tanh`` is several times faster than the scalar one that a compiled
loop would call.
"""

from typing import NamedTuple

import numpy as np

from .._kernels.jit import jit_views, row_of


class Activation(NamedTuple):
    """One row of the registry."""

    forward: callable  # (a, out=a) -> f, written to `out`
    backward: callable  # (f, dL/df) -> dL/da, in place on the second
    zeros: bool  # whether f is exactly zero, with no derivative there, on a good part of the inputs


def _relu(a, out=None):
    np.maximum(a, 0, out=a if out is None else out)


@jit_views("x", "out")
def _relu_backward(f, grad):
    zero = grad.dtype.type(0)
    for i in range(f.shape[0]):
        value, g = row_of(f, i), row_of(grad, i)
        for j in range(g.size):
            g[j] = g[j] if value[j] > 0 else zero


def _sigmoid(a, out=None):
    """``1 / (1 + exp(-a))`` through tanh, which cannot overflow."""
    out = a if out is None else out
    np.multiply(a, 0.5, out=out)
    np.tanh(out, out=out)
    out *= 0.5
    out += 0.5


@jit_views("x", "out")
def _sigmoid_backward(f, grad):
    one = grad.dtype.type(1)
    for i in range(f.shape[0]):
        value, g = row_of(f, i), row_of(grad, i)
        for j in range(g.size):
            g[j] *= value[j] * (one - value[j])


def _tanh(a, out=None):
    np.tanh(a, out=a if out is None else out)


@jit_views("x", "out")
def _tanh_backward(f, grad):
    one = grad.dtype.type(1)
    for i in range(f.shape[0]):
        value, g = row_of(f, i), row_of(grad, i)
        for j in range(g.size):
            g[j] *= one - value[j] * value[j]


def _identity(a, out=None):
    if out is not None:
        out[:] = a


def _identity_backward(f, grad):
    pass


ACTIVATIONS = {
    "identity": Activation(_identity, _identity_backward, zeros=False),
    "relu": Activation(_relu, _relu_backward, zeros=True),
    "sigmoid": Activation(_sigmoid, _sigmoid_backward, zeros=False),
    "tanh": Activation(_tanh, _tanh_backward, zeros=False),
}
