"""Optimizers.

An optimizer keeps its moments for the flat parameter vector. ``begin(rate)`` opens a step; ``update(theta, start,
gradient)`` then moves the slice of `theta` that begins at `start`, so that blocks can be updated by several threads
while they are in cache. ``finite`` becomes False when a parameter or a moment is no longer a finite number.
"""

import math

import numpy as np

from .._kernels.jit import jit

# Moments of a unit that no longer fires decay into denormal numbers, on which arithmetic is twenty times slower.
# Below these bounds they, and gradients, are flushed to zero.
_TINY_GRADIENT, _TINY_MOMENT, _TINY_SQUARE = 1e-17, 1e-30, 1e-35
# With a smaller epsilon, a first moment whose square was flushed would make a huge step.
_SMALLEST_EPSILON = 1e-16


@jit
def _adam(theta, first, second, start, gradient, rate, beta_1, beta_2, epsilon):
    real = theta.dtype.type
    rate, epsilon, beta_1, beta_2 = real(rate), real(epsilon), real(beta_1), real(beta_2)
    keep_1, keep_2 = real(1) - beta_1, real(1) - beta_2
    tiny_g, tiny_m, tiny_v, zero = real(_TINY_GRADIENT), real(_TINY_MOMENT), real(_TINY_SQUARE), real(0)
    p, m, v = theta[start:], first[start:], second[start:]
    check = zero  # zero times what is not finite is NaN
    for i in range(gradient.size):
        g = gradient[i] if abs(gradient[i]) > tiny_g else zero
        m_i = beta_1 * m[i] + keep_1 * g
        v_i = beta_2 * v[i] + keep_2 * g * g
        m_i = m_i if abs(m_i) > tiny_m else zero
        v_i = v_i if v_i > tiny_v else zero
        m[i] = m_i
        v[i] = v_i
        p[i] -= rate * m_i / (np.sqrt(v_i) + epsilon)
        check += zero * (p[i] + m_i + v_i)
    return check


class Optimizer:
    """What optimizers share: the moments by name, to be copied."""

    n_steps, finite = 0, True

    def moments(self):
        """The arrays by name."""
        return {name: value for name, value in vars(self).items() if isinstance(value, np.ndarray)}

    def take(self, n_steps, moments, room):
        """Take over a number of steps, and copies of the moments, in arrays of `room` by name where it has some."""
        self.n_steps, self.finite = n_steps, True
        for name, value in moments.items():
            if name in room:
                room[name][:] = value
            setattr(self, name, room[name] if name in room else np.array(value, getattr(self, name).dtype))


class Adam(Optimizer):
    """Adam (Kingma & Ba, 2015, algorithm 1)."""

    def __init__(self, size, dtype, params):
        self.first, self.second = np.zeros(size, dtype), np.zeros(size, dtype)
        self.beta_1, self.beta_2 = params["beta_1"], params["beta_2"]
        self.epsilon = max(params["epsilon"], _SMALLEST_EPSILON)

    def begin(self, rate):
        """Fold the bias corrections into the rate and epsilon, so that the loop has one division."""
        self.n_steps += 1
        root = math.sqrt(1 - self.beta_2**self.n_steps)
        self._rate = rate * root / (1 - self.beta_1**self.n_steps)
        self._epsilon = self.epsilon * root

    def update(self, theta, start, gradient):
        """Move ``theta[start:start + gradient.size]``."""
        arrays = theta, self.first, self.second
        check = _adam(*arrays, start, gradient, self._rate, self.beta_1, self.beta_2, self._epsilon)
        if check != 0:
            self.finite = False

    def forget(self, start, stop):
        """Clear the moments of a slice."""
        self.first[start:stop] = 0
        self.second[start:stop] = 0


@jit
def _sgd(theta, velocity, start, gradient, rate, momentum, nesterov):
    real = theta.dtype.type
    rate, momentum, tiny, zero = real(rate), real(momentum), real(_TINY_MOMENT), real(0)
    p, v = theta[start:], velocity[start:]
    check = zero
    for i in range(gradient.size):
        move = rate * gradient[i]
        v_i = momentum * v[i] - move
        v_i = v_i if abs(v_i) > tiny else zero
        v[i] = v_i
        p[i] += momentum * v_i - move if nesterov else v_i
        check += zero * (p[i] + v_i)
    return check


class SGD(Optimizer):
    """Stochastic gradient descent with (Nesterov) momentum, as in :class:`~sklearn.neural_network.MLPRegressor`."""

    def __init__(self, size, dtype, params):
        self.velocity = np.zeros(size, dtype)
        self.momentum, self.nesterov = params["momentum"], params["nesterovs_momentum"]

    def begin(self, rate):
        """Open a step."""
        self.n_steps += 1
        self._rate = rate

    def update(self, theta, start, gradient):
        """Move ``theta[start:start + gradient.size]``."""
        if _sgd(theta, self.velocity, start, gradient, self._rate, self.momentum, self.nesterov) != 0:
            self.finite = False

    def forget(self, start, stop):
        """Clear the velocity of a slice."""
        self.velocity[start:stop] = 0


OPTIMIZERS = {"adam": Adam, "sgd": SGD}
