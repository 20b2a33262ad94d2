"""Encoding and decoding speed after a short training: TopK, 784-1000, k=25, rows of MNIST.

PyTorch encodes to a dense array and decodes from it. scikit-learn and SPAMS solve for codes of the dictionary that our
estimator has learned, 25 atoms a row (OMP) or an L1 penalty (lasso); they get fewer rows, because they are slow.

One row a call is nearly all checks of the input: microseconds, beside those of scikit-learn's PCA with as many
components as there can be.
"""

import argparse
import tempfile
import time
from itertools import product
from pathlib import Path
from statistics import median

import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

import processors
import report
import workers as processes
from cases import CASES

CASE = "topk_1000"
#: peer, task, rows of a call, and our task that does the same
TASKS = [
    ("ours", "encode", 10000, "encode"),
    ("ours", "encode_csr", 10000, "encode_csr"),
    ("ours", "decode", 10000, "decode"),
    ("ours", "decode_csr", 10000, "decode_csr"),
    ("torch", "encode", 10000, "encode"),
    ("torch", "decode", 10000, "decode_csr"),
    ("scikit-learn", "omp", 64, "encode_csr"),
    ("scikit-learn", "lasso", 64, "encode_csr"),
    ("spams", "omp", 256, "encode_csr"),
    ("spams", "lasso", 256, "encode_csr"),
]
# Of the calls with one row: types of the data, and how many calls a round has.
TYPES, CALLS = ["float32", "float64"], 200


def measure(options):
    """Rows a second by (peer, task), a list of rounds each; microseconds of one row; and notes."""
    notes, rates = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        notes["data"] = processes.prepare(CASE, folder, options.mnist)
        workers = processes.start(dict.fromkeys(peer for peer, *_ in TASKS), CASE, folder, notes)
        for worker in workers.values():
            worker.ask("warm", chunks=options.warm)
        for turn in range(options.rounds):
            for peer, task, rows, _ in TASKS[:: -1 if turn % 2 else 1]:
                if peer in workers:
                    answer = workers[peer].ask("transform", task=task, rows=rows, seconds=options.seconds)
                    rates.setdefault((peer, task), []).append(answer["rate"])
        for worker in workers.values():
            worker.close()
        data = {"digits": load_digits().data, CASE: np.load(Path(folder) / "X.npy")[:2000]}
    pairs = product(data, TYPES)
    times = {(name, kind): one_row(data[name].astype(kind), CASES[name], options.rounds) for name, kind in pairs}
    return rates, times, {name: note for name, note in notes.items() if note}


def one_row(X, case, rounds):
    """Microseconds of each call of each method on one row, after a short training."""
    sae, pca = case.estimator(max_iter=1).fit(X), PCA().fit(X)
    row, times = X[:1], {}
    codes, scores = sae.transform(row), pca.transform(row)
    methods = {
        "transform": lambda: sae.transform(row),
        "inverse_transform": lambda: sae.inverse_transform(codes),
        "score_samples": lambda: sae.score_samples(row),
        "PCA, transform": lambda: pca.transform(row),
        "PCA, inverse_transform": lambda: pca.inverse_transform(scores),
    }
    for _ in range(rounds):
        for name, method in methods.items():
            for _ in range(CALLS):
                start = time.perf_counter()
                method()
                times.setdefault(name, []).append(1e6 * (time.perf_counter() - start))
    return times


def table(rates):
    """A row a task."""
    rows = []
    for peer, task, n, twin in TASKS:
        if (peer, task) in rates:
            mine, ours = rates[peer, task], median(rates["ours", twin])
            row = [f"{peer}, {task}", f"{n}", f"{median(mine):,.0f}", f"{min(mine):,.0f}-{max(mine):,.0f}"]
            rows.append([*row, twin, f"{ours / median(mine):.2f}"])
    return report.lines(["what", "rows a call", "rows/s", "min-max", "against our", "ours / this"], rows)


def table_of_one_row(times):
    """A row a method, with median and minimum of each network and type."""
    names = list(next(iter(times.values())))
    rows = [[name, *(f"{median(t[name]):.0f} ({min(t[name]):.0f})" for t in times.values())] for name in names]
    return report.lines(["one row, microseconds (least)", *(f"{case}, {kind}" for case, kind in times)], rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each task in each round")
    parser.add_argument("--warm", type=int, default=12, help="calls of 20 steps of training before")
    parser.add_argument("--mnist", help="path of a .npz file with X (70000, 784) and y; by default it is downloaded")
    parser.add_argument("--out", type=Path, default=processors.folder())
    options = parser.parse_args()
    rates, times, notes = measure(options)
    remarks = "\n".join(f"- {name}: {note}" for name, note in notes.items())
    parts = ["# Encoding and decoding", " ".join(__doc__.split()), table(rates), table_of_one_row(times), remarks]
    text = "\n\n".join(parts).strip() + "\n"
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "transform.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
