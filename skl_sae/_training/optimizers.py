"""Optimizers.

An optimizer keeps its moments for the flat parameter vector. ``begin(rate)`` opens a step and returns its settings;
``update(theta, start, gradient, settings, check)`` then moves the slice of `theta` that begins at `start`, so that
blocks can be updated by several threads while they are in cache. It calls a kernel, and is recorded.
"""

import math

import numpy as np

from .._kernels.jit import row_of
from .._kernels.kernel import kernel
from .._kernels.memory import empty, zeros

# Moments of a unit that no longer fires decay into denormal numbers, on which arithmetic is twenty times slower.
# Below these bounds they, and gradients, are flushed to zero.
_TINY_GRADIENT, _TINY_MOMENT, _TINY_SQUARE = 1e-17, 1e-30, 1e-35
# With a smaller epsilon, a first moment whose square was flushed would make a huge step.
_SMALLEST_EPSILON = 1e-16


@kernel("T2!", "T2!", "T2!", "T2", "d1", "d1!")
def _adam(theta, first, second, gradient, settings, check):
    """The settings are rate, both decays, and epsilon; `check` becomes NaN if a number is not finite, else zero."""
    real = theta.dtype.type
    rate, beta_1, beta_2 = real(settings[0]), real(settings[1]), real(settings[2])
    epsilon, keep_1, keep_2 = real(settings[3]), real(1) - beta_1, real(1) - beta_2
    tiny_g, tiny_m, tiny_v, zero = real(_TINY_GRADIENT), real(_TINY_MOMENT), real(_TINY_SQUARE), real(0)
    total = zero  # zero times what is not finite is NaN
    for i in range(gradient.shape[0]):
        p, m, v, slope = row_of(theta, i), row_of(first, i), row_of(second, i), row_of(gradient, i)
        for j in range(slope.size):
            g = zero if abs(slope[j]) <= tiny_g else slope[j]  # NaN stays
            m_j = beta_1 * m[j] + keep_1 * g
            v_j = beta_2 * v[j] + keep_2 * g * g
            m_j = zero if abs(m_j) <= tiny_m else m_j
            v_j = zero if v_j <= tiny_v else v_j
            m[j] = m_j
            v[j] = v_j
            p[j] -= rate * m_j / (np.sqrt(v_j) + epsilon)
            total += zero * (p[j] + m_j + v_j)
    check[0] = total


class Optimizer:
    """What optimizers share: the moments by name, to be copied, and their part in a recorded step.

    Attributes
    ----------
    finite : bool
        Whether all parameters and moments were finite numbers after the last step.
    """

    n_steps, finite = 0, True

    @staticmethod
    def parts(start, gradient, *vectors):
        """The parts of flat vectors that belong to a gradient, in its shape."""
        return [vector[start : start + gradient.size].reshape(gradient.shape) for vector in vectors]

    def moments(self):
        """The arrays by name."""
        return {name: value for name, value in vars(self).items() if isinstance(value, np.ndarray)}

    def take(self, n_steps, moments, room):
        """Take over a number of steps, and copies of the moments, in arrays of `room` by name where it has some."""
        self.n_steps, self.finite = n_steps, True
        for name, value in moments.items():
            copy = room[name] if name in room else empty(value.shape, getattr(self, name).dtype)
            copy[:] = value
            setattr(self, name, copy)


class Adam(Optimizer):
    """Adam (Kingma & Ba, 2015, algorithm 1)."""

    def __init__(self, size, dtype, params):
        self.first, self.second = zeros(size, dtype), zeros(size, dtype)
        self.beta_1, self.beta_2 = params["beta_1"], params["beta_2"]
        self.epsilon = max(params["epsilon"], _SMALLEST_EPSILON)

    def begin(self, rate):
        """Fold the bias corrections into the rate and epsilon, so that the loop has one division."""
        self.n_steps += 1
        root = math.sqrt(1 - self.beta_2**self.n_steps)
        rate = rate * root / (1 - self.beta_1**self.n_steps)
        return rate, self.beta_1, self.beta_2, self.epsilon * root

    def update(self, theta, start, gradient, settings, check):
        """Move ``theta[start:start + gradient.size]``."""
        _adam(*self.parts(start, gradient, theta, self.first, self.second), gradient, settings, check)

    def forget(self, start, stop):
        """Clear the moments of a slice."""
        self.first[start:stop] = 0
        self.second[start:stop] = 0


@kernel("T2!", "T2!", "T2", "d1", "d1!")
def _sgd(theta, velocity, gradient, settings, check):
    """The settings are rate, momentum, and whether it is Nesterov's; see `_adam` for `check`."""
    real = theta.dtype.type
    rate, momentum, nesterov = real(settings[0]), real(settings[1]), settings[2] != 0
    tiny, zero = real(_TINY_MOMENT), real(0)
    total = zero
    for i in range(gradient.shape[0]):
        p, v, slope = row_of(theta, i), row_of(velocity, i), row_of(gradient, i)
        for j in range(slope.size):
            move = rate * slope[j]
            v_j = momentum * v[j] - move
            v_j = zero if abs(v_j) <= tiny else v_j
            v[j] = v_j
            p[j] += momentum * v_j - move if nesterov else v_j
            total += zero * (p[j] + v_j)
    check[0] = total


class SGD(Optimizer):
    """Stochastic gradient descent with (Nesterov) momentum, as in :class:`~sklearn.neural_network.MLPRegressor`."""

    def __init__(self, size, dtype, params):
        self.velocity = zeros(size, dtype)
        self.momentum, self.nesterov = params["momentum"], params["nesterovs_momentum"]

    def begin(self, rate):
        """Open a step."""
        self.n_steps += 1
        return rate, self.momentum, self.nesterov

    def update(self, theta, start, gradient, settings, check):
        """Move ``theta[start:start + gradient.size]``."""
        _sgd(*self.parts(start, gradient, theta, self.velocity), gradient, settings, check)

    def forget(self, start, stop):
        """Clear the velocity of a slice."""
        self.velocity[start:stop] = 0


OPTIMIZERS = {"adam": Adam, "sgd": SGD}
