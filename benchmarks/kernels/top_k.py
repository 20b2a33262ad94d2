"""Selection of the k largest units of each row, one thread, against `np.argpartition`: ns a row."""

import numpy as np

from _timing import best
from skl_sae.sparsity import StepContext
from skl_sae.sparsity._topk import select_largest


def argpartition(a, k):
    """Indices and values by numpy."""
    index = np.argpartition(a, -k, axis=1)[:, -k:]
    return index, np.take_along_axis(a, index, axis=1)


def main():
    rng, step, n_rows = np.random.default_rng(0), StepContext("relu"), 64
    print(f"{'units':>6} {'k':>4} {'ns a row':>10} {'ns a unit':>10} {'numpy':>10} {'factor':>7}")
    for n_units, k in [(128, 8), (128, 16), (1000, 25), (6144, 32), (6144, 256), (24576, 64)]:
        a = rng.standard_normal((n_rows, n_units), dtype=np.float32)
        ours = best(lambda a=a, k=k: select_largest(a, k, step)) / n_rows * 1e9
        numpy = best(lambda a=a, k=k: argpartition(a, k)) / n_rows * 1e9
        print(f"{n_units:6} {k:4} {ours:10.0f} {ours / n_units:10.2f} {numpy:10.0f} {numpy / ours:7.1f}")


if __name__ == "__main__":
    main()
