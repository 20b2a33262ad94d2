"""Update of Adam, one thread, against the same in numpy: ns per 16 numbers, and GB/s.

Four arrays are read and three written. The last line has moments that would be denormal numbers if they were not
flushed to zero.
"""

import numpy as np

from _timing import best
from skl_sae._training.optimizers import Adam

PARAMS = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8}


def numpy_adam(theta, first, second, gradient, rate):
    """Algorithm 1 without its bias corrections."""
    first[:] = 0.9 * first + 0.1 * gradient
    second[:] = 0.999 * second + 0.001 * gradient**2
    theta -= rate * first / (np.sqrt(second) + np.float32(1e-8))


def measure(size, moment, slope):
    """Seconds of an update: ours, numpy's."""
    theta, gradient = np.ones(size, np.float32), np.full(size, slope, np.float32)
    adam, first, second = Adam(size, np.float32, PARAMS), *np.full((2, size), moment, np.float32)
    adam.first[:], adam.second[:] = moment, moment
    adam.begin(1e-3)
    ours = best(lambda: adam.update(theta, 0, gradient))
    return ours, best(lambda: numpy_adam(theta, first, second, gradient, np.float32(1e-3)))


def main():
    print(f"{'numbers':>10} {'ns per 16':>10} {'GB/s':>7} {'numpy':>10} {'factor':>7}")
    cases = [(size, 0.01, 1e-4) for size in (8192, 50_000, 1_000_000, 10_000_000)] + [(50_000, 1e-41, 0.0)]
    for size, moment, slope in cases:
        ours, numpy = measure(size, moment, slope)
        per_16 = f"{ours / size * 16e9:10.2f} {28e-9 * size / ours:7.1f} {numpy / size * 16e9:10.2f}"
        print(f"{size:10} {per_16} {numpy / ours:7.1f}")


if __name__ == "__main__":
    main()
