"""Sparse codes of a fixed dictionary: orthogonal matching pursuit and LASSO, rows a second.

Peers are scikit-learn's `sparse_encode`, SPAMS (C++) and dictlearn (numba), each as its users call it, in one process
and in turn, with all cores. Codes are CSR where a peer can give them. SPAMS chooses atoms by another criterion, ORMP,
at the same cost. All solve the same rows; slow peers get fewer of them. Of the LASSO, the objective's mean is compared
with the best of all: the rate of a solver that stops early means nothing.
"""

import argparse
import time
from pathlib import Path
from statistics import median

import numpy as np

import processors
import report
import second_core

#: name: (features, atoms, active atoms, rows; of the slow peers, enough that the atoms' products don't count)
CASES = {
    "256 x 784": (784, 256, 10, 20000, 1000),
    "1024 x 256": (256, 1024, 32, 5000, 500),
    "1207 x 8064": (8064, 1207, 30, 1200, 1200),
    "2048 x 512": (512, 2048, 64, 5000, 200),
}
MNIST = "256 x 784"
SLOW = {"scikit-learn", "dictlearn"}


def problem(name, path):
    """Rows and atoms in float32; random ones unless they are MNIST's, whose atoms are learned from other rows."""
    n_features, n_atoms, _, n_rows, _ = CASES[name]
    rng = np.random.default_rng(0)
    if name != MNIST:
        X, D = rng.standard_normal((n_rows, n_features)), rng.standard_normal((n_atoms, n_features))
    else:
        from sklearn.decomposition import MiniBatchDictionaryLearning

        from data import mnist

        images, note = mnist(path, rng)
        if note:
            print(note)
        X = images[:n_rows]
        learner = MiniBatchDictionaryLearning(n_atoms, alpha=1, max_iter=2, batch_size=256, random_state=0)
        D = learner.fit(images[n_rows : n_rows + 5000]).components_
    D = D / np.linalg.norm(D, axis=1, keepdims=True)
    return X.astype(np.float32), D.astype(np.float32)


def penalty(X, D, n_active):
    """The weight of the L1 norm at which some of the rows have about that many active atoms."""
    from skl_sae.coding import sparse_encode

    rows = X[:: max(1, len(X) // 200)]
    low, high = 0.0, float(np.abs(rows @ D.T).max())
    for _ in range(20):
        alpha = (low + high) / 2
        active = (sparse_encode(rows, D, algorithm="lasso", alpha=alpha) != 0).sum(axis=1).mean()
        low, high = (alpha, high) if active > n_active else (low, alpha)
    return alpha


def solvers(task, dtype, n_active, alpha):
    """By peer, a function of rows and atoms that gives the codes."""

    def ours(X, D):
        from skl_sae.coding import sparse_encode

        options = {"n_nonzero_coefs": n_active} if task == "omp" else {"alpha": alpha}
        return sparse_encode(X, D, algorithm=task, sparse_output=True, **options)

    def sklearn(X, D):
        from sklearn.decomposition import sparse_encode

        if task == "omp":
            return sparse_encode(X, D, algorithm="omp", n_nonzero_coefs=n_active)
        return sparse_encode(X, D, algorithm="lasso_cd", alpha=alpha, max_iter=10000)

    def spams(X, D):
        import spams

        X, D = np.asfortranarray(X.T), np.asfortranarray(D.T)
        cores = processors.n_cores()
        if task == "omp":
            return spams.omp(X, D, L=n_active, eps=0.0, numThreads=cores).T
        return spams.lasso(X, D=D, lambda1=alpha, mode=2, numThreads=cores).T

    def dictlearn(X, D):
        from dictlearn import sparse_encode

        return sparse_encode(X, D, algorithm="omp", n_nonzero_coefs=n_active)

    found = {"ours": ours, "scikit-learn": sklearn, "SPAMS": spams}
    if task == "omp" and dtype == np.float64:
        found["dictlearn"] = dictlearn
    if task == "lasso" and dtype == np.float32:
        del found["scikit-learn"]  # its fixed tolerance of 1e-8 is below rounding, so that it never ends
    return found


def measure(name, task, dtype, options):
    """Rates by peer, a list of rounds each; the mean objective of each peer; the least speed-up of the cores."""
    X, D = (part.astype(dtype) for part in problem(name, options.mnist))
    _, _, n_active, n_rows, n_few = CASES[name]
    n_rows = n_rows // 10 if options.quick else n_rows
    alpha = penalty(X, D, n_active) if task == "lasso" else 0.0
    rates, objectives, speedups = {}, {}, []
    peers = solvers(task, dtype, n_active, alpha)
    for peer, solve in list(peers.items()):
        try:
            codes = solve(X[:n_few], D)
        except ImportError as error:
            print(f"{peer} is left out: {error}")
            del peers[peer]
            continue
        objectives[peer] = objective(X[:n_few], D, codes, alpha)
    for turn in range(options.rounds):
        speedups.append(second_core.probe())
        for peer in list(peers)[:: -1 if turn % 2 else 1]:
            rows = X[: n_few if peer in SLOW else n_rows]
            time.sleep(second_core.SETTLE)  # threads of the last peer may spin
            start = time.perf_counter()
            peers[peer](rows, D)
            rates.setdefault(peer, []).append(len(rows) / (time.perf_counter() - start))
    return rates, objectives, min(speedups)


def objective(X, D, codes, alpha):
    """Mean over the rows of half the squared error plus the penalty."""
    Z = codes.toarray() if hasattr(codes, "toarray") else codes
    return float((np.square(X - Z @ D, dtype=np.float64).sum() / 2 + alpha * np.abs(Z).sum(dtype=np.float64)) / len(X))


def rows_of(name, task, dtype, found):
    rates, objectives, speedup = found
    ours, best = median(rates["ours"]), min(objectives.values())
    for peer, each in rates.items():
        excess = f"{objectives[peer] / best - 1:.1e}" if task == "lasso" else ""
        ratio = "" if peer == "ours" else f"{ours / median(each):.2f}"
        spread = f"{min(each):,.0f}-{max(each):,.0f}"
        yield [name, task, dtype, peer, f"{median(each):,.0f}", spread, ratio, excess, f"{speedup:.2f}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", nargs="*", default=list(CASES))
    parser.add_argument("--task", nargs="*", default=["omp", "lasso"])
    parser.add_argument("--dtype", nargs="*", default=["float32", "float64"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows; nothing is written")
    parser.add_argument("--mnist", help="path of a .npz file with X (70000, 784) and y; by default it is downloaded")
    parser.add_argument("--out", type=Path, default=processors.folder())
    options = parser.parse_args()
    rows = []
    for name in options.case:
        for task in options.task:
            for dtype in options.dtype:
                found = list(rows_of(name, task, dtype, measure(name, task, np.dtype(dtype), options)))
                print(*("  ".join(row) for row in found), sep="\n", flush=True)
                rows += found
    head = ["atoms x features", "task", "numbers", "peer", "rows/s", "min-max", "ours / peer", "excess", "cores"]
    text = "\n\n".join(["# Sparse codes", " ".join(__doc__.split()), report.lines(head, rows)]) + "\n"
    print(text)
    if not options.quick:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "coding.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
