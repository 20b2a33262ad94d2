"""Transfer to MNIST with few labels: what codes of an autoencoder that saw other pictures are worth.

    python benchmarks/transfer_curve.py --mnist PATH [--draws 10] [--labels 100 500 1000 5000]

Logistic regression on features of n labelled training images, as many of each digit; accuracy on the test images, mean
and standard deviation over the draws. `C` is chosen among five by three-fold cross-validation on the labelled images
alone, and nothing else sees labels. Features are divided by their root mean square. There are two tasks:

patches: all ten digits. The source was fitted on 28 x 28 patches of ten photographs that scikit-learn and scikit-image
ship, and has seen no digit. digits: 0 to 4; the source was fitted on the training images of 5 to 9, as in Stanford's
tutorial on self-taught learning.

"Target only" is the source's model, fitted on the labelled images alone: where it is above the others, transfer is
worse than nothing. "Fine-tuned" and "extended" learn from the labelled images alone, too, and so does PCA. "Random
dictionary" has as many random directions, and a relu.

Width, rule and number of active units were chosen on training images: the first 30,000, in random order, gave the
labelled images, and 5000 of the others the accuracy. ``--part choose`` repeats that.
"""

import argparse
import time
import warnings
from datetime import date
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.preprocessing import FunctionTransformer

import processors
import report
from skl_sae import SparseAutoencoder
from skl_sae.datasets import load_mnist
from skl_sae.sparsity import TopK
from skl_sae.transfer import SparseTransfer

GRAY = "camera", "moon", "brick", "grass", "gravel", "page", "text", "coins"
PATCHES_EACH, EPOCHS, N_NEW = 3000, 10, 100
#: Steps of whatever learns from the labelled images, in batches of 128.
STEPS = 1000
CS = np.logspace(-3, 1, 5)
#: The source's model in each task.
MODELS = {
    "patches": {"n_components": 500, "sparsity": TopK(8, transform_k=1.0)},
    "digits": {"n_components": 500, "sparsity": TopK(75)},
}
#: What ``--part choose`` compares.
CANDIDATES = [(m, k, deployed) for m in (500, 1000) for k in (8, 25, 75) for deployed in (None, 1.0)]


def photographs():
    """Ten pictures, gray, from 0 to 1."""
    from skimage import data
    from sklearn.datasets import load_sample_images

    pictures = [image.mean(axis=2) for image in load_sample_images().images]
    pictures += [np.asarray(getattr(data, name)(), np.float64) for name in GRAY]
    return [picture / 255 for picture in pictures]


def patches(rng):
    """Patches of 28 x 28 from anywhere in the photographs, as many from each."""
    found = []
    for picture in photographs():
        for _ in range(PATCHES_EACH):
            row, column = (rng.integers(size - 27) for size in picture.shape)
            found.append(picture[row : row + 28, column : column + 28].ravel())
    return np.array(found, np.float32)


def task(name, X, y, X_test, y_test):
    """What the source sees, labelled images to draw from, and images for the accuracy."""
    if name == "patches":
        return patches(np.random.default_rng(0)), X, y, X_test, y_test
    return X[y >= 5], X[y < 5], y[y < 5], X_test[y_test < 5], y_test[y_test < 5]


class RandomDictionary(TransformerMixin, BaseEstimator):
    """Random directions and a relu, about the mean."""

    def __init__(self, n_components, random_state):
        self.n_components, self.random_state = n_components, random_state

    def fit(self, X, y=None):
        atoms = np.random.default_rng(self.random_state).standard_normal((self.n_components, X.shape[1]))
        self.mean_ = X.mean(axis=0)
        self.components_ = (atoms / np.linalg.norm(atoms, axis=1, keepdims=True)).astype(X.dtype)
        return self

    def transform(self, X):
        return np.maximum((X - self.mean_) @ self.components_.T, 0)


def features(source, n_labels, seed):
    """Name and transformer of each row of the table."""
    n, learns = source.n_components, {"random_state": seed, "max_iter": STEPS // -(-n_labels // source.batch_size)}
    return {
        "raw pixels": FunctionTransformer(),
        "PCA": PCA(min(100, n_labels // 2), random_state=seed),
        "random dictionary": RandomDictionary(n, seed),
        "target only": clone(source).set_params(**learns),
        "frozen": SparseTransfer(source),
        "frozen, recentred": SparseTransfer(source, recenter=True),
        "fine-tuned": SparseTransfer(source, "finetune", l2_sp=1e-4, **learns),
        "extended": SparseTransfer(source, "extend", n_new_components=N_NEW, **learns),
    }


def draw(y, n, seed):
    """Numbers of n images, as many of each digit."""
    rng, digits = np.random.default_rng(seed), np.unique(y)
    return np.concatenate([rng.permutation(np.flatnonzero(y == digit))[: n // len(digits)] for digit in digits])


def accuracy(transformer, X, y, X_test, y_test, seed):
    """Accuracy in percent of logistic regression on features that were made for the labelled images."""
    codes = transformer.fit(X).transform(X)
    size = np.sqrt(np.square(codes, dtype=np.float64).mean()) or 1.0
    folds = StratifiedKFold(3, shuffle=True, random_state=seed)
    search = GridSearchCV(LogisticRegression(max_iter=200), {"C": CS}, cv=folds).fit(codes / size, y)
    return 100 * search.score(transformer.transform(X_test) / size, y_test)


def new_source(model):
    return SparseAutoencoder(max_iter=EPOCHS, random_state=0, **model)


def curve(name, data, options):
    """Accuracies by row and number of labels."""
    unlabelled, X, y, X_test, y_test = data
    source, found = new_source(MODELS[name]).fit(unlabelled), {}
    for n in options.labels:
        for seed in range(options.draws):
            chosen, start = draw(y, n, seed), time.perf_counter()
            for row, transformer in features(source, n, seed).items():
                value = accuracy(transformer, X[chosen], y[chosen], X_test, y_test, seed)
                found.setdefault(row, {}).setdefault(n, []).append(value)
            told = ", ".join(f"{row} {values[n][-1]:.2f}" for row, values in found.items())
            print(f"{name}, {n} labels, draw {seed}: {told} ({time.perf_counter() - start:.0f} s)", flush=True)
    return found


def choose(name, X, y, options):
    """Rows of a table: accuracies of candidates on training images that are not labelled."""
    order = np.random.default_rng(0).permutation(len(X))
    pool, others = order[: len(X) // 2], order[len(X) // 2 :]
    unlabelled, X_pool, y_pool, X_val, y_val = task(name, X[pool], y[pool], X[others], y[others])
    if name == "digits":
        unlabelled = X[y >= 5]
    X_val, y_val = X_val[:5000], y_val[:5000]
    for m, k, deployed in CANDIDATES:
        source, cells = new_source({"n_components": m, "sparsity": TopK(k, transform_k=deployed)}).fit(unlabelled), []
        for n in (100, 500):
            found = []
            for seed in range(options.draws):
                i = draw(y_pool, n, seed)
                found.append(accuracy(SparseTransfer(source), X_pool[i], y_pool[i], X_val, y_val, seed))
            cells.append(f"{np.mean(found):.2f} ± {np.std(found):.2f}")
        print(name, m, k, deployed, cells, flush=True)
        yield [f"{m} units, {k} active, {'all positive ones' if deployed else 'as many'} in `transform`", *cells]


def rows_of(found, labels):
    """Rows of the table, and the gain of the frozen source over raw pixels."""
    for row, values in found.items():
        yield [row, *(f"{np.mean(values[n]):.2f} ± {np.std(values[n]):.2f}" for n in labels)]
    gains = [np.subtract(found["frozen"][n], found["raw pixels"][n]) for n in labels]
    yield ["frozen - raw pixels", *(f"{gain.mean():+.2f} ± {gain.std():.2f}" for gain in gains)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", help="path of a .npz file with X (70000, 784) and y; by default it is downloaded")
    parser.add_argument("--part", nargs="*", choices=["curve", "choose"], default=["curve"])
    parser.add_argument("--task", nargs="*", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--labels", nargs="*", type=int, default=[100, 500, 1000, 5000])
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--quick", action="store_true", help="100 labels, two draws; nothing is written")
    parser.add_argument("--out", type=Path, default=processors.folder())
    options = parser.parse_args()
    if options.quick:
        options.labels, options.draws = [100], 2
    warnings.simplefilter("ignore")  # solvers that end early
    X, y, X_test, y_test = load_mnist(options.mnist)
    paragraphs = [" ".join(part.split()) for part in __doc__.split("\n\n")]
    parts = ["# Transfer to few labels", *(part for part in paragraphs if not part.startswith("python"))]
    for name in options.task:
        if "choose" in options.part:
            table = list(choose(name, X, y, options))
            parts += [f"## {name}: choice on training images", report.lines(["model", "100", "500"], table)]
        if "curve" in options.part:
            found = curve(name, task(name, X, y, X_test, y_test), options)
            table = list(rows_of(found, options.labels))
            header = ["features", *(f"{n} labels" for n in options.labels)]
            parts += [f"## {name}: accuracy on test images, %", report.lines(header, table)]
    parts.append(f"{processors.title()}, {date.today().isoformat()}, {options.draws} draws.")
    text = "\n\n".join(parts) + "\n"
    print(text)
    if not options.quick:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "transfer_curve.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
