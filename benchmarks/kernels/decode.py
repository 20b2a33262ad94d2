"""Decoding of sparse codes and the gradient pulled back to their entries, one thread, against scipy and a product.

GFLOP/s count the active entries only; GB/s count the decoder rows that are read.
"""

import numpy as np

from _codes import SHAPES, random_code
from _timing import best
from skl_sae._kernels.blas import single_threaded_blas


def main():
    print(f"{'rows, inputs, units, k':>24} {'decode':>9} {'pull':>9} {'GB/s':>7} {'scipy':>9} {'dense':>9}   GFLOP/s")
    rng = np.random.default_rng(0)
    for n_rows, width, n_units, k in SHAPES:
        code, csr = random_code(n_rows, n_units, k)
        decoder = rng.standard_normal((n_units, width), dtype=np.float32)
        out, dense, product = (
            np.zeros((n_rows, width), np.float32),
            csr.toarray(),
            np.empty((n_rows, width), np.float32),
        )
        flops = 2e-9 * n_rows * k * width
        with single_threaded_blas():
            decode = best(lambda: code.decode(decoder, 0, n_units, out))  # noqa: B023
            pull = best(lambda: code.pull(decoder, out, 0, n_units))  # noqa: B023
            scipy = best(lambda: csr @ decoder)  # noqa: B023
            matmul = best(lambda: np.matmul(dense, decoder, out=product))  # noqa: B023
        rates = f"{flops / decode:9.1f} {flops / pull:9.1f} {2 * flops / decode:7.1f}"
        shape = f"{n_rows}, {width}, {n_units}, {k}"
        print(f"{shape:>24} {rates} {flops / scipy:9.1f} {flops / matmul:9.1f}")


if __name__ == "__main__":
    main()
