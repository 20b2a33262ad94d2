"""Losses: value and gradient in one pass over a tile of rows; NaN in the target marks an entry that does not count.

A prediction that is NaN is an error, not a missing value: the loss is NaN then.

A loss receives the pre-activations `u` of the output layer and overwrites them with their gradient. It writes
``weight * sum over entries`` of its elementwise loss to `value`, an array of one number. One registry row each.
"""

import numpy as np

from .._kernels.exponentials import EXACT, log_one_plus_exp, logistic
from .._kernels.jit import row_of
from .._kernels.kernel import copy, kernel
from .activations import ACTIVATIONS


@kernel("T2!", "T2", "d1", "d1!")
def _squared_error(y, target, weight, value):
    """y <- 2 weight (y - target); value <- weight * sum (y - target)^2."""
    zero = y.dtype.type(0)
    slope = y.dtype.type(2 * weight[0])
    total = 0.0
    for i in range(y.shape[0]):
        row, want = row_of(y, i), row_of(target, i)
        part = zero
        for j in range(row.size):
            error = row[j] - want[j] if want[j] == want[j] else zero
            part += error * error
            row[j] = slope * error
        total += part
    value[0] = weight[0] * total


def squared_error(u, target, weight, output_activation, value):
    """Sum of (y - x)^2 with y the output activation of `u`."""
    weight = np.array([weight], np.float64)
    if output_activation == "identity":
        _squared_error(u, target, weight, value)
        return
    activation, y = ACTIVATIONS[output_activation], np.empty(u.shape, u.dtype)
    activation.forward(u)
    copy(u, y)
    _squared_error(u, target, weight, value)
    activation.backward(y, u)


@kernel("T2!", "T2", "d1", "d1!", fastmath=EXACT)
def _cross_entropy(u, target, weight, value):
    real, single = u.dtype.type, u.itemsize == 4
    slope, zero, total = real(weight[0]), real(0), 0.0
    for i in range(u.shape[0]):
        row, want = row_of(u, i), row_of(target, i)
        for j in range(row.size):
            x, a = want[j], row[j]
            seen = x == x
            total += log_one_plus_exp(a, real, single) - a * x if seen else zero
            row[j] = slope * (logistic(a, real, single) - x) if seen else zero
    value[0] = weight[0] * total


def binary_cross_entropy(u, target, weight, output_activation, value):
    """Sum of -x log y - (1 - x) log(1 - y), y = sigmoid(u), written so that no saturated logarithm is taken.

    That is log(1 + e^u) - u x.
    """
    _cross_entropy(u, target, np.array([weight], np.float64), value)


LOSSES = {"squared_error": squared_error, "binary_cross_entropy": binary_cross_entropy}
