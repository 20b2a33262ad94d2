"""Filling in missing values: the root mean squared error of the missing entries, ours and scikit-learn's imputers.

    python benchmarks/imputation.py [--data digits breast_cancer] [--levels 10 30 50] [--seeds 3] [--epochs 300]

Entries are missing completely at random. "Fitted rows": imputer and autoencoder are fitted on all rows and fill in the
same rows. "Held-out rows": they are fitted on three quarters of the rows and fill in the others. "Masked loss alone" is
the same network without corruption: missing entries are left out of the loss, and nothing else is done about them. All
get the same entries, ours in float32. BLAS has one thread. Means and standard deviations over the seeds, each with its
own missing entries, split and start; seconds are of fit and imputation, means over seeds and levels.

Our setting was chosen among about fifty on the fitted rows with seed 100, by the errors against the true values, as one
for both kinds of data: on breast cancer alone, ten times the weight decay was better. scikit-learn's imputers have
their defaults. Of eight settings of KNNImputer (3 to 20 neighbours, both weightings) the best of each level had 0.129,
0.150 and 0.194 on digits and 0.511, 0.578 and 0.690 on breast cancer, on seed 100. Writes imputation.md.
"""

import argparse
import time
import warnings
from datetime import date
from pathlib import Path

import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

import processors
import report
from skl_sae import SparseAutoencoder

#: What the guide recommends.
SETTING = {
    "hidden_layer_sizes": (512, 256),
    "n_components": 128,
    "sparsity": None,
    "corruption": "masking",
    "corruption_level": 0.3,
    "weight_decay": 1e-4,
}
DATA = {
    "digits": ("digits, pixels / 16", lambda: load_digits().data / 16),
    "breast_cancer": ("breast cancer, standardised", lambda: StandardScaler().fit_transform(load_breast_cancer().data)),
}
PROTOCOLS = {"fitted": "Fitted rows", "held_out": "Held-out rows"}


class Autoencoder(SparseAutoencoder):
    """Denoising autoencoder with the imputers' `transform`."""

    def transform(self, X):
        return self.impute(X)


def methods(protocol, epochs, seed):
    """Imputers by name."""
    sae = Autoencoder(**SETTING, max_iter=epochs, random_state=seed)
    found = {
        "mean": SimpleImputer(),
        "KNNImputer": KNNImputer(),
        "IterativeImputer": IterativeImputer(random_state=seed),
        "SparseAutoencoder, masking": sae,
    }
    if protocol == "fitted":
        found["SparseAutoencoder, masked loss alone"] = clone(sae).set_params(corruption=None)
    return found


def hide(X, level, rng):
    """Copy of X in which entries are NaN with probability `level`."""
    return np.where(rng.random(X.shape) < level, np.nan, X)


def rmse(filled, X, holed):
    """Root mean squared error of the entries that are missing in `holed`."""
    missing = np.isnan(holed)
    return float(np.sqrt(np.mean((filled[missing] - X[missing]) ** 2)))


def measure(imputer, X, holed, protocol, rng):
    """Error, and seconds of fit and imputation."""
    if isinstance(imputer, SparseAutoencoder):
        holed = holed.astype(np.float32)
    train = test = np.arange(len(X))
    if protocol == "held_out":
        order = rng.permutation(len(X))
        train, test = order[: len(X) * 3 // 4], order[len(X) * 3 // 4 :]
    start = time.perf_counter()
    filled = imputer.fit(holed[train]).transform(holed[test])
    return rmse(filled, X[test], holed[test]), time.perf_counter() - start


def results(X, options):
    """Errors and seconds: a dictionary by protocol, method and level with a list of pairs, one a seed."""
    found = {}
    for seed in range(options.seeds):
        for level in options.levels:
            holed = hide(X, level / 100, np.random.default_rng(seed))
            for protocol in PROTOCOLS:
                for name, imputer in methods(protocol, options.epochs, seed).items():
                    pair = measure(imputer, X, holed, protocol, np.random.default_rng(seed))
                    found.setdefault(protocol, {}).setdefault(name, {}).setdefault(level, []).append(pair)
                    print(f"  seed {seed}, {level} %, {protocol}, {name}: {pair[0]:.4f}, {pair[1]:.1f} s", flush=True)
    return found


def table(by_method):
    """A row a method, a column a level, and seconds."""
    rows = []
    for name, by_level in by_method.items():
        errors = [[error for error, _ in pairs] for pairs in by_level.values()]
        seconds = np.mean([seconds for pairs in by_level.values() for _, seconds in pairs])
        rows.append([name, *(f"{np.mean(e):.4f} ± {np.std(e):.4f}" for e in errors), f"{seconds:.2f}"])
    levels = next(iter(by_method.values()))
    return report.lines(["", *(f"{level} % missing" for level in levels), "s"], rows)


def document(parts, options):
    """The report."""
    about, _, *texts = (" ".join(part.split()) for part in __doc__.split("\n\n"))
    setting = ", ".join(f"{name}={value!r}" for name, value in SETTING.items())
    machine = f"{date.today().isoformat()}, {processors.title()}, {options.seeds} seeds."
    call = f"The autoencoder is `SparseAutoencoder({setting}, max_iter={options.epochs})`."
    return "\n\n".join(["# Missing values", about, *texts, call, *parts, machine]) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", choices=DATA, default=list(DATA))
    parser.add_argument("--levels", nargs="+", type=int, default=[10, 30, 50], help="percent of the entries missing")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=300)
    parser.add_argument("--out", type=Path, default=processors.folder())
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)  # of IterativeImputer's ten rounds
    SparseAutoencoder(8, hidden_layer_sizes=(8,), max_iter=1, sparsity=None).fit(np.ones((8, 2), np.float32))
    parts = []
    with threadpool_limits(1):
        for name in options.data:
            title, load = DATA[name]
            print(title, flush=True)
            for protocol, by_method in results(load(), options).items():
                parts += [f"## {PROTOCOLS[protocol]}: {title}", table(by_method)]
    options.out.mkdir(parents=True, exist_ok=True)
    text = document(parts, options)
    (options.out / "imputation.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
