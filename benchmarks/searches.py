"""Grid searches and cold starts: what a user waits for besides the steps.

The search has 8 candidates in 3 folds on scikit-learn's digits, 20 epochs of batches of 128 each, ``n_jobs=2``: the
same grid over width and learning rate for `SparseAutoencoder` (TopK, k=16), `MLPRegressor` (dense) and skorch (the
TopK model in PyTorch). Cold starts are of new processes.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from statistics import median

import processors
import report

EPOCHS, BATCH, K, N_JOBS = 20, 128, 16, 2
UNITS, RATES = [64, 128], [3e-4, 1e-3, 3e-3, 1e-2]


def ours():
    """Estimator and grid of `SparseAutoencoder`."""
    from skl_sae import SparseAutoencoder
    from skl_sae.sparsity import TopK

    sae = SparseAutoencoder(sparsity=TopK(K), max_iter=EPOCHS, batch_size=BATCH, random_state=0)
    return sae, {"n_components": UNITS, "learning_rate_init": RATES}


def mlp():
    """Estimator and grid of `MLPRegressor`."""
    from sklearn.neural_network import MLPRegressor

    net = MLPRegressor(max_iter=EPOCHS, batch_size=BATCH, n_iter_no_change=EPOCHS, random_state=0)
    return net, {"hidden_layer_sizes": [(units,) for units in UNITS], "learning_rate_init": RATES}


def skorch():
    """Estimator and grid of skorch; ImportError without it."""
    import torch
    from skorch import NeuralNetRegressor

    from peers.skorch_module import TopKNet

    net = NeuralNetRegressor(
        TopKNet,
        module__k=K,
        optimizer=torch.optim.Adam,
        max_epochs=EPOCHS,
        batch_size=BATCH,
        train_split=None,
        verbose=0,
    )
    return net, {"module__units": UNITS, "lr": RATES}


def search(name):
    """Seconds of a search, with the start of its workers, and again with the workers there."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import GridSearchCV

    warnings.simplefilter("ignore")
    os.environ["PYTHONWARNINGS"] = "ignore"
    estimator, grid = {"ours": ours, "mlp": mlp, "skorch": skorch}[name]()
    X = load_digits().data.astype("float32") / 16
    for _ in range(2):
        start = time.perf_counter()
        search = GridSearchCV(estimator, grid, cv=3, n_jobs=N_JOBS, refit=False, error_score="raise")
        search.fit(X, X if name != "ours" else None)
        print(time.perf_counter() - start, end=" ")


FIT = """
from sklearn.datasets import load_digits
from skl_sae import SparseAutoencoder
SparseAutoencoder(max_iter=20, random_state=0).fit(load_digits().data)
"""
STARTS = {
    "import sklearn.base, numba": "import sklearn.base, numba",
    "import skl_sae": "import skl_sae",
    "digits loaded": "import sklearn.base, numba; from sklearn.datasets import load_digits; load_digits()",
    "fit of digits, 20 epochs, kernels cached": FIT,
    "fit of digits, 20 epochs, kernels compiled": FIT,
}


def python(*arguments, cache=None):
    """Seconds of a process, and what it printed."""
    env = os.environ | ({"NUMBA_CACHE_DIR": cache} if cache else {})
    start = time.perf_counter()
    done = subprocess.run([sys.executable, *arguments], env=env, check=False, capture_output=True, text=True)
    return time.perf_counter() - start, done


def cold_starts(rounds):
    """Medians of new processes, taken in turn."""
    seconds = {name: [] for name in STARTS}
    with tempfile.TemporaryDirectory() as warm:
        python("-c", FIT, cache=warm)
        for _ in range(rounds):
            for name, code in STARTS.items():
                with tempfile.TemporaryDirectory() as empty:
                    took, done = python("-c", code, cache=empty if name.endswith("compiled") else warm)
                done.check_returncode()
                seconds[name].append(took)
    rows = [[name, f"{median(s):.2f}", f"{min(s):.2f}-{max(s):.2f}"] for name, s in seconds.items()]
    return report.lines(["a new process", "s", "min-max"], rows)


def searches(rounds):
    """Medians of the searches, each in a process of its own, taken in turn; notes on those that could not run."""
    seconds, notes = {}, {}
    for turn in range(rounds):
        for name in ["ours", "mlp", "skorch"][:: -1 if turn % 2 else 1]:
            done = python(__file__, "--search", name)[1]
            if done.returncode:
                notes[name] = done.stderr.strip().splitlines()[-1]
            else:
                seconds.setdefault(name, []).append([float(s) for s in done.stdout.split()])
    mine = [median(column) for column in zip(*seconds["ours"])]
    rows = []
    for name in sorted(seconds, key=["ours", "mlp", "skorch"].index):
        first, again = (median(column) for column in zip(*seconds[name]))
        rows.append([name, f"{first:.2f}", f"{again:.2f}", f"{first / mine[0]:.2f}", f"{again / mine[1]:.2f}"])
    header = ["24 fits, n_jobs=2", "s", "s, workers running", "this / ours", "workers running"]
    return report.lines(header, rows) + "".join(f"\n\n- {name} skipped: {note}" for name, note in notes.items())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=processors.folder())
    parser.add_argument("--search", choices=["ours", "mlp", "skorch"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.search:
        search(options.search)
        return
    parts = ["# Searches and cold starts", " ".join(__doc__.split()), searches(options.rounds)]
    text = "\n\n".join([*parts, cold_starts(options.rounds)]) + "\n"
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "searches.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
