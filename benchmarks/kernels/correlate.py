"""Gradient of a weight matrix from a sparse code, by unit, one thread, against scipy and a product; and the sort.

GFLOP/s count the active entries only.
"""

import numpy as np

from _codes import SHAPES, random_code
from _timing import best
from skl_sae._kernels.blas import single_threaded_blas


def main():
    print(f"{'rows, inputs, units, k':>24} {'ours':>9} {'scipy':>9} {'dense':>9}   GFLOP/s {'sort':>9}   ns an entry")
    rng = np.random.default_rng(0)
    for n_rows, width, n_units, k in SHAPES:
        code, csr = random_code(n_rows, n_units, k)
        x = rng.standard_normal((n_rows, width), dtype=np.float32)
        by_unit, transposed, dense = code.ordered(n_units), csr.T.tocsr(), csr.toarray()
        out, flops = np.empty((n_units, width), np.float32), 2e-9 * n_rows * k * width
        with single_threaded_blas():
            ours = best(lambda: by_unit.correlate(by_unit.values, x, out, False))  # noqa: B023
            scipy = best(lambda: transposed @ x)  # noqa: B023
            matmul = best(lambda: np.matmul(dense.T, x, out=out))  # noqa: B023
            sort = best(lambda: code.ordered(n_units)) / (n_rows * k) * 1e9  # noqa: B023
        shape = f"{n_rows}, {width}, {n_units}, {k}"
        print(f"{shape:>24} {flops / ours:9.1f} {flops / scipy:9.1f} {flops / matmul:9.1f} {sort:19.1f}")


if __name__ == "__main__":
    main()
