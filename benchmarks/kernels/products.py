"""Dense products of a tile, one thread, against NumPy's BLAS: GFLOP/s of both."""

import numpy as np

from _timing import best
from skl_sae._kernels.blas import single_threaded_blas
from skl_sae._kernels.products import multiply, multiply_t

# rows of a tile, features, units
SHAPES = [(64, 784, 196), (64, 784, 1024), (128, 784, 128), (128, 64, 128), (256, 768, 6144), (64, 4096, 512)]
# of the blocks of units whose weight gradients are taken at once, and rows of a batch
BLOCK, BATCH = 48, 256


def main():
    kinds = ["x @ W.T", "BLAS", "f @ W", "BLAS", "f.T @ x", "BLAS"]
    print(f"{'rows, features, units':>22}" + "".join(f"{kind:>9}" for kind in kinds))
    rng = np.random.default_rng(0)
    for n_rows, width, n_units in SHAPES:
        x, weights = (rng.standard_normal((n, width), dtype=np.float32) for n in (BATCH, n_units))
        codes, bias = rng.standard_normal((BATCH, n_units), dtype=np.float32), np.zeros(n_units, np.float32)
        f, tile, block = codes[:n_rows], x[:n_rows], codes[:, : min(BLOCK, n_units)].T
        a, x_hat, gradient = (np.empty(shape, np.float32) for shape in (f.shape, tile.shape, (len(block), width)))
        calls = [
            lambda: multiply_t(tile, weights, a, bias),  # noqa: B023
            lambda: np.matmul(tile, weights.T, out=a),  # noqa: B023
            lambda: multiply(f, weights, x_hat),  # noqa: B023
            lambda: np.matmul(f, weights, out=x_hat),  # noqa: B023
            lambda: multiply(block, x, gradient),  # noqa: B023
            lambda: np.matmul(block, x, out=gradient),  # noqa: B023
        ]
        flops = [2e-9 * n_rows * width * n_units] * 4 + [2e-9 * BATCH * width * len(block)] * 2
        with single_threaded_blas():
            rates = [n / best(call, 0.5) for n, call in zip(flops, calls, strict=True)]
        print(f"{f'{n_rows}, {width}, {n_units}':>22}" + "".join(f"{rate:9.0f}" for rate in rates))


if __name__ == "__main__":
    main()
