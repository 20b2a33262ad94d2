"""Fraction of variance unexplained against the number of active units, on MNIST.

    python benchmarks/frontier.py --mnist PATH [--components 256 1024] [--k 4 8 16 32 64] [--rows 20000]

TopK, BatchTopK and L1 (with the same mean number of active units as a target), beside PCA with k components and
MiniBatchDictionaryLearning with OMP of k atoms, all on the same rows; FVU, L0 and rows/s of `transform` on the 10,000
test images (500 of them for OMP). Writes frontier.md and frontier.png.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA, MiniBatchDictionaryLearning

import processors
from skl_sae import SparseAutoencoder
from skl_sae.datasets import load_mnist
from skl_sae.metrics import explained_variance, l0
from skl_sae.sparsity import L1, BatchTopK, TopK

RULES = {"topk": TopK, "batch_topk": BatchTopK, "l1": lambda k: L1(target_l0=k)}


def point(name, model, k, X):
    """A row of the table: FVU, L0 and speed on X."""
    model.transform(X[:64])
    start = time.perf_counter()
    codes = model.transform(X)
    seconds = time.perf_counter() - start
    unexplained = 1 - explained_variance(X, model.inverse_transform(codes))
    return name, k, l0(codes), unexplained, len(X) / seconds


def points(X, X_test, components, ks, epochs):
    for k in ks:
        yield point("pca", PCA(k, random_state=0).fit(X), k, X_test)
        for n in components:
            for name, rule in RULES.items():
                sae = SparseAutoencoder(n, sparsity=rule(k), max_iter=epochs, random_state=0).fit(X)
                yield point(f"{name} {n}", sae, k, X_test)
    n = min(components)
    learner = MiniBatchDictionaryLearning(n, batch_size=256, max_iter=10, transform_algorithm="omp", random_state=0)
    mean = X.mean(axis=0)
    learner.fit(X - mean)
    for k in ks:
        yield point(f"dictionary + omp {n}", learner.set_params(transform_n_nonzero_coefs=k), k, X_test[:500] - mean)


def draw(rows, path):
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 5))
    for name in dict.fromkeys(row[0] for row in rows):
        mine = sorted((found, unexplained) for label, _, found, unexplained, _ in rows if label == name)
        axes.plot(*zip(*mine, strict=True), marker="o", label=name)
    axes.set(xscale="log", yscale="log", xlabel="active units a row (L0)", ylabel="variance unexplained")
    ks, shares = sorted({row[1] for row in rows}), [0.05, 0.1, 0.2, 0.4, 0.8]
    axes.set_xticks(ks, ks)
    axes.set_yticks(shares, [f"{share:.0%}" for share in shares])
    axes.minorticks_off()
    axes.legend()
    figure.savefig(path, dpi=120, bbox_inches="tight")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", help="path of a .npz file with X (70000, 784) and y; by default it is downloaded")
    parser.add_argument("--components", nargs="+", type=int, default=[256, 1024])
    parser.add_argument("--k", nargs="+", type=int, default=[4, 8, 16, 32, 64])
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--out", type=Path, default=processors.folder())
    options = parser.parse_args()
    X, _, X_test, _ = load_mnist(options.mnist)
    X = X[np.random.default_rng(0).permutation(len(X))[: options.rows]]
    rows = []
    for row in points(X, X_test, options.components, options.k, options.epochs):
        rows.append(row)
        print("{:24s} k {:3d}  L0 {:6.2f}  FVU {:.4f}  {:10.0f} rows/s".format(*row), flush=True)
    lines = ["| model | k | L0 | FVU | transform, rows/s |", "| --- | ---: | ---: | ---: | ---: |"]
    lines += ["| {} | {} | {:.2f} | {:.4f} | {:,.0f} |".format(*row) for row in rows]
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "frontier.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    draw(rows, options.out / "frontier.png")


if __name__ == "__main__":
    main()
