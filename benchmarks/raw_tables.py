"""Raw tables, whose features have units of their own: what a scaler in front would change.

    python benchmarks/raw_tables.py [--data wine breast_cancer diabetes] [--seeds 3] [--epochs 100]

"As it is": the autoencoder gets the table, with `scale="auto"`. "StandardScaler in front": it gets standardised
features. "One scale": the table again, with `scale="total"`.

Imputation: 30 % of the entries are missing completely at random, the autoencoder has the setting that the guide
recommends and is fitted on all rows; root mean squared error of the missing entries, each feature in its standard
deviations, where the mean has 1.0. Anomalies: the default autoencoder is fitted on half of the rows; every second one
of the others gets a third of its values from other rows, which each feature alone does not tell; ROC AUC of minus
`score_samples`. Smallest R2: of a feature, by the default autoencoder on all rows. Means and standard deviations over
the seeds. Writes raw_tables.md.
"""

import argparse
import warnings
from datetime import date
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from threadpoolctl import threadpool_limits

import processors
import report
from imputation import SETTING, hide, rmse
from skl_sae import SparseAutoencoder
from skl_sae.metrics import explained_variance

DATA = {
    "wine": lambda: load_wine().data,
    "breast_cancer": lambda: load_breast_cancer().data,
    "diabetes": lambda: load_diabetes(scaled=False).data,
}
#: Ways to treat the units of the features: the transformer in front, and `scale`.
WAYS = {
    "as it is": (FunctionTransformer, "auto"),
    "StandardScaler in front": (StandardScaler, "total"),
    "one scale": (FunctionTransformer, "total"),
}
HIDDEN, MOVED = 0.3, 1 / 3


def impute(way, X, epochs, seed):
    """Error of the missing entries, in standard deviations."""
    front, scale = way
    holed = hide(X, HIDDEN, np.random.default_rng(seed))
    front, deviations = front().fit(holed), X.std(axis=0)
    Z = front.transform(holed)
    filled = SparseAutoencoder(**SETTING, scale=scale, max_iter=epochs, random_state=seed).fit(Z).impute(Z)
    return rmse(front.inverse_transform(filled) / deviations, X / deviations, holed)


def find_anomalies(way, X, epochs, seed):
    """ROC AUC for rows of which a third of the values is from other rows."""
    rng = np.random.default_rng(seed)
    train, test = np.array_split(rng.permutation(len(X)), 2)
    moved = (np.arange(len(test)) % 2 == 1)[:, None] & (
        rng.random((len(test), X.shape[1])).argsort(1) < MOVED * X.shape[1]
    )
    other = X[rng.choice(test, moved.shape), np.arange(X.shape[1])]
    mixed = np.where(moved, other, X[test])
    pipe = make_pipeline(way[0](), SparseAutoencoder(scale=way[1], max_iter=epochs, random_state=seed)).fit(X[train])
    return roc_auc_score(moved.any(axis=1), -pipe.score_samples(mixed))


def smallest_r2(way, X, epochs, seed):
    """R2 of the feature that is reconstructed worst."""
    pipe = make_pipeline(way[0](), SparseAutoencoder(scale=way[1], max_iter=epochs, random_state=seed)).fit(X)
    return explained_variance(X, pipe.inverse_transform(pipe.transform(X)), multioutput="raw_values").min()


FIGURES = {"imputation, RMSE": impute, "anomalies, AUC": find_anomalies, "smallest R2": smallest_r2}


def measure(name, options):
    """A row of the table a figure."""
    X, rows = DATA[name](), []
    for title, figure in FIGURES.items():
        row = [f"{name}: {title}"]
        for way in WAYS.values():
            values = [figure(way, X, options.epochs, seed) for seed in range(options.seeds)]
            row.append(f"{np.mean(values):.4f} ± {np.std(values):.4f}")
        rows.append(row)
        print(*row, sep=" | ", flush=True)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", choices=DATA, default=list(DATA))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--out", type=Path, default=processors.folder())
    options = parser.parse_args()
    warnings.filterwarnings("ignore", ".*(here lie|did not fire)")  # what is measured, of one scale
    with threadpool_limits(1):
        rows = [row for name in options.data for row in measure(name, options)]
    about, _, *texts = (" ".join(part.split()) for part in __doc__.split("\n\n"))
    machine = f"{date.today().isoformat()}, {processors.title()}, {options.seeds} seeds, {options.epochs} epochs."
    text = "\n\n".join(["# Raw tables", about, *texts, report.lines(["", *WAYS], rows), machine]) + "\n"
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "raw_tables.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
