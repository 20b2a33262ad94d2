"""Outlier detection: AUC of one class against the rest, and false alarms of conformal p-values.

    python benchmarks/outliers.py --mnist PATH [--data wine ...] [--seeds 3] [--draws 200] [--part auc alarms]

One class against the rest: for each class and seed, detectors learn from 80 % of its rows and rank the others, among
rows of all other classes (2000 at most); of MNIST from 2000 training images, once, and all test images are ranked. ROC
AUC, mean over classes and seeds. Detectors have their defaults: `ReconstructionOutlierDetector`, PyOD's `AutoEncoder`
(which standardises features itself), and the squared error of a PCA that keeps 95 % of the variance, of the features
as they are and after a `StandardScaler`; and, without any reconstruction, the distance from the mean after that. PyOD
is skipped if it is missing.

False alarms: a draw splits the rows of a data set at random into those of `fit` and new ones. What is counted is the
share of new rows with a p-value of at most 5 %, and of rows that `predict` calls outliers; means over the draws, with
their standard errors. The estimator is trained for 20 epochs, because the rate does not depend on it.

The defaults of the detector (noise and its level, of 0, 1, 2, 3 and 4; the rule; the units of the errors) were chosen
by the mean AUC on other data: iris, four tables that the package river ships (image segments, phishing, yeast,
shuttle), and training images of MNIST's digits 1, 3 and 8. Levels above 2 were tried after PyOD had been found ahead
on breast_cancer, so its figure is not quite untouched. Writes outliers.md.
"""

import argparse
import importlib.util
import time
import warnings
from datetime import date
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

import processors
import report
from skl_sae.datasets import load_mnist
from skl_sae.outliers import ReconstructionOutlierDetector

TABLES = {"wine": load_wine, "breast_cancer": load_breast_cancer, "digits": load_digits}
MNIST = "MNIST, one digit"
SHARE, MOST_OUTLIERS, IMAGES = 0.8, 2000, 2000
ALARM, EPOCHS = 0.05, 20


def ours(X, seed):
    detector = ReconstructionOutlierDetector(random_state=seed).fit(X)
    return lambda T: -detector.score_samples(T)


def pyod(X, seed):
    from pyod.models.auto_encoder import AutoEncoder

    return AutoEncoder(verbose=0, random_state=seed).fit(X).decision_function


def pca(X, seed):
    return error_of(PCA(0.95, svd_solver="full").fit(X))


def scaled_pca(X, seed):
    pipe = make_pipeline(StandardScaler(), PCA(0.95, svd_solver="full")).fit(X)
    error, scaler = error_of(pipe[-1]), pipe[0]
    return lambda T: error(scaler.transform(T))


def distance(X, seed):
    scaler = StandardScaler().fit(X)
    return lambda T: np.square(scaler.transform(T)).sum(axis=1)


def error_of(pca):
    return lambda T: np.square(T - pca.inverse_transform(pca.transform(T))).sum(axis=1)


DETECTORS = {
    "ReconstructionOutlierDetector": ours,
    "PyOD's AutoEncoder": pyod,
    "PCA's error": pca,
    "StandardScaler, PCA's error": scaled_pca,
    "StandardScaler, distance": distance,
}


def trials_of_table(name, seeds):
    """Training rows, ranked rows, and which of these are outliers; one of each class and seed."""
    X, y = TABLES[name](return_X_y=True)
    for label in np.unique(y):
        for seed in range(seeds):
            random = np.random.default_rng(seed)
            inliers = random.permutation(np.flatnonzero(y == label))
            outliers = random.permutation(np.flatnonzero(y != label))[:MOST_OUTLIERS]
            training, rest = np.split(inliers, [int(SHARE * len(inliers))])
            ranked = np.concatenate([rest, outliers])
            yield seed, X[training], X[ranked], y[ranked] != label


def trials_of_mnist(path):
    X, y, X_test, y_test = load_mnist(path)
    for label in range(10):
        images = np.random.default_rng(0).permutation(np.flatnonzero(y == label))[:IMAGES]
        yield 0, X[images], X_test, y_test != label


def rank(name, options):
    """A row of the table: mean AUC of each detector; and seconds."""
    trials = trials_of_mnist(options.mnist) if name == MNIST else trials_of_table(name, options.seeds)
    areas, seconds = {title: [] for title in options.detectors}, dict.fromkeys(options.detectors, 0.0)
    for seed, X, ranked, strange in trials:
        for title in options.detectors:
            start = time.perf_counter()
            areas[title].append(roc_auc_score(strange, DETECTORS[title](X, seed)(ranked)))
            seconds[title] += time.perf_counter() - start
    means = [float(np.mean(each)) for each in areas.values()]
    print(name, *(f"{mean:.4f}" for mean in means), *(f"{each:.0f} s" for each in seconds.values()), flush=True)
    return means


def false_alarms(name, n_draws):
    """Shares of new rows with a small p-value, and that are called outliers, in each draw."""
    X, _ = TABLES[name](return_X_y=True)
    shares = []
    for seed in range(n_draws):
        seen, new = np.array_split(np.random.default_rng(seed).permutation(len(X)), 2)
        detector = ReconstructionOutlierDetector(random_state=seed).set_params(estimator__max_iter=EPOCHS).fit(X[seen])
        shares.append([np.mean(detector.p_values(X[new]) <= ALARM), np.mean(detector.predict(X[new]) == -1)])
    shares = np.array(shares)
    middle, error = shares.mean(axis=0), shares.std(axis=0, ddof=1) / np.sqrt(n_draws)
    row = [name, *(f"{m:.4f} ± {e:.4f}" for m, e in zip(middle, error, strict=True))]
    print(*row, sep=" | ", flush=True)
    return row


def areas_in_a_table(options):
    rows = {name: rank(name, options) for name in options.data}
    rows["mean"] = np.mean(list(rows.values()), axis=0)
    return report.lines(["AUC", *options.detectors], [[name, *(f"{v:.4f}" for v in row)] for name, row in rows.items()])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", help="path of a .npz file with X (70000, 784) and y; by default it is downloaded")
    parser.add_argument("--data", nargs="+", choices=[*TABLES, MNIST], default=[*TABLES, MNIST])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--part", nargs="+", choices=["auc", "alarms"], default=["auc", "alarms"])
    parser.add_argument("--out", type=Path, default=processors.folder())
    options = parser.parse_args()
    there = importlib.util.find_spec("pyod") is not None
    options.detectors = [title for title in DETECTORS if there or DETECTORS[title] is not pyod]
    # Single rows and pixels hold much of the variance of some classes, and small ones have few rows to hold out.
    warnings.filterwarnings("ignore", ".*(here lie|did not fire|held-out rows the smallest)")
    about, _, *texts = (" ".join(part.split()) for part in __doc__.split("\n\n"))
    parts = ["# Outliers", about, *texts]
    with threadpool_limits(1):
        if "auc" in options.part:
            parts.append(areas_in_a_table(options))
        if "alarms" in options.part:
            rows = [false_alarms(name, options.draws) for name in ("breast_cancer", "digits")]
            parts.append(report.lines(["false alarms at 5 %", "p_values", "predict"], rows))
    parts.append(f"{date.today().isoformat()}, {processors.title()}, {options.seeds} seeds, {options.draws} draws.")
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "outliers.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
