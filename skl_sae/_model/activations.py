"""Activations, each with its gradient, which is computed from the value.

`forward` is in place or writes to another array. `backward` works in place on the gradient, in both layouts of a code:
dense, or the entries from ``ptr[0]`` to ``ptr[-1]`` of one row.
"""

from typing import NamedTuple

import numpy as np

from .._kernels.exponentials import EXACT, logistic, tanh
from .._kernels.jit import jit, row_of
from .._kernels.kernel import copy, kernel

#: What `backward` is told where the layout is dense.
ALL = np.empty(0, np.int64)


class Activation(NamedTuple):
    """One row of the registry."""

    forward: callable  # (a, out=None) -> None: f is written to `out`, or in place
    backward: callable  # (f, dL/df, ptr=ALL) -> None: dL/da is written over dL/df
    zeros: bool  # whether f is exactly zero, with no derivative there, on a good part of the inputs


def _activation(forward, backward, zeros):
    """A row of the registry, of two kernels; without kernels the value is the input."""

    def to_value(a, out=None):
        if forward is not None:
            forward(a, a if out is None else out)
        elif out is not None:
            copy(a, out)

    def to_gradient(f, grad, ptr=ALL):
        if backward is not None:
            backward(f, grad, ptr)

    return Activation(to_value, to_gradient, zeros)


@jit
def _span(ptr, n):
    """The first of the columns that count, and their number; not negative, which need not be checked then."""
    if ptr.size == 0:
        return np.uint64(0), np.uint64(n)
    return np.uint64(ptr[0]), np.uint64(ptr[ptr.size - 1] - ptr[0])


@kernel("T2", "T2!")
def _relu(a, out):
    zero = out.dtype.type(0)
    for i in range(a.shape[0]):
        x, y = row_of(a, i), row_of(out, i)
        for j in range(x.size):
            y[j] = x[j] if not x[j] <= zero else zero  # NaN stays


@kernel("T2", "T2!", "l1")
def _relu_backward(f, grad, ptr):
    zero = grad.dtype.type(0)
    first, n = _span(ptr, f.shape[1])
    for i in range(f.shape[0]):
        y, g = row_of(f, i), row_of(grad, i)
        for k in range(n):
            j = first + k
            g[j] = g[j] if y[j] > 0 else zero


@kernel("T2", "T2!", fastmath=EXACT)
def _sigmoid(a, out):
    real, single = out.dtype.type, out.itemsize == 4
    for i in range(a.shape[0]):
        x, y = row_of(a, i), row_of(out, i)
        for j in range(x.size):
            y[j] = logistic(x[j], real, single)


@kernel("T2", "T2!", "l1")
def _sigmoid_backward(f, grad, ptr):
    one = grad.dtype.type(1)
    first, n = _span(ptr, f.shape[1])
    for i in range(f.shape[0]):
        y, g = row_of(f, i), row_of(grad, i)
        for k in range(n):
            j = first + k
            g[j] *= y[j] * (one - y[j])


@kernel("T2", "T2!", fastmath=EXACT)
def _tanh(a, out):
    real, single = out.dtype.type, out.itemsize == 4
    for i in range(a.shape[0]):
        x, y = row_of(a, i), row_of(out, i)
        for j in range(x.size):
            y[j] = tanh(x[j], real, single)


@kernel("T2", "T2!", "l1")
def _tanh_backward(f, grad, ptr):
    one = grad.dtype.type(1)
    first, n = _span(ptr, f.shape[1])
    for i in range(f.shape[0]):
        y, g = row_of(f, i), row_of(grad, i)
        for k in range(n):
            j = first + k
            g[j] *= one - y[j] * y[j]


ACTIVATIONS = {
    "identity": _activation(None, None, zeros=False),
    "relu": _activation(_relu, _relu_backward, zeros=True),
    "sigmoid": _activation(_sigmoid, _sigmoid_backward, zeros=False),
    "tanh": _activation(_tanh, _tanh_backward, zeros=False),
}
