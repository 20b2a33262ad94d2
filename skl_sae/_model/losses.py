"""Losses: value and gradient in one pass over a tile of rows; NaN in the target marks an entry that does not count.

A prediction that is NaN is an error, not a missing value: the loss is NaN then.

A loss receives the pre-activations `u` of the output layer and overwrites them with their gradient. It returns
``weight * sum over entries`` of its elementwise loss. One registry row each.
"""

import numpy as np

from .._kernels.jit import jit
from .activations import ACTIVATIONS


@jit
def _squared_error(y, target, weight):
    """y <- 2 weight (y - target); returns weight * sum (y - target)^2."""
    zero = y.dtype.type(0)
    slope = y.dtype.type(2 * weight)
    total = 0.0
    for i in range(y.shape[0]):
        row, want = y[i], target[i]
        part = zero
        for j in range(row.size):
            error = row[j] - want[j] if want[j] == want[j] else zero
            part += error * error
            row[j] = slope * error
        total += part
    return weight * total


def squared_error(u, target, weight, output_activation):
    """Sum of (y - x)^2 with y the output activation of `u`."""
    if output_activation == "identity":
        return _squared_error(u, target, weight)
    activation = ACTIVATIONS[output_activation]
    activation.forward(u)
    y = u.copy()
    value = _squared_error(u, target, weight)
    activation.backward(y, u)
    return value


def binary_cross_entropy(u, target, weight, output_activation):
    """Sum of -x log y - (1 - x) log(1 - y), y = sigmoid(u), written so that no saturated logarithm is taken."""
    missing = np.isnan(target)
    x = np.where(missing, 0, target)
    loss = np.maximum(u, 0) - u * x + np.log1p(np.exp(-np.abs(u)))
    loss[missing] = 0
    value = weight * float(loss.sum(dtype=np.float64))
    ACTIVATIONS[output_activation].forward(u)
    u -= x
    u *= weight
    u[missing] = 0
    return value


LOSSES = {"squared_error": squared_error, "binary_cross_entropy": binary_cross_entropy}
