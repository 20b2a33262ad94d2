"""Self-taught learning on MNIST: an autoencoder of the digits 5 to 9 helps a classifier of the digits 0 to 4.

    python benchmarks/self_taught.py --mnist PATH [--seeds 3] [--epochs 50]

The exercise of Stanford's tutorial on unsupervised feature learning. Of the 60,000 training images (pixels in [0, 1])
those of 5 to 9 train the autoencoder, without labels. Those of 0 to 4 are cut in halves by their order: softmax
regression with weight decay 1e-4 is fitted on the codes of the first, and its accuracy on the second is printed. The
tutorial has 98.3 % with 200 sigmoid units, a target activation of .1, and L-BFGS; on raw pixels "around 96 %".

Its objective is 1/2 of the squared error + 1/2 lambda |W|^2 + beta KL, with lambda = 3e-3 and beta = 3. Ours has the
squared error whole, so the same is `weight_decay` = 2 lambda = 6e-3 and `alpha` = 2 beta = 6; with a sigmoid output,
data is not scaled. The mean activation is a running mean over batches instead of the mean over all rows. "Half the
decay" has `weight_decay` = 3e-3: the best of 13 combinations of decay, alpha and target by cross-validation within the
first half, after 20 epochs, searched because early runs of the tutorial's setting had 98.2 %. Those runs, with three
learning rates and 30 or 100 epochs, printed the accuracy on the second half too; 0.01 has the lowest loss of the three,
and the highest accuracy. Writes self_taught.md.
"""

import argparse
import time
from datetime import date
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

import processors
import report
from skl_sae import SparseAutoencoder
from skl_sae.datasets import load_mnist
from skl_sae.sparsity import KLDivergence

LAMBDA, BETA, TARGET, SOFTMAX_DECAY = 3e-3, 3.0, 0.1, 1e-4
#: Weight decay by name.
SETTINGS = {"the tutorial's": 2 * LAMBDA, "half the decay": LAMBDA}


def autoencoder(weight_decay, n_components, epochs, seed):
    return SparseAutoencoder(
        n_components,
        sparsity=KLDivergence(TARGET, alpha=2 * BETA, momentum=0.9),
        output_activation="sigmoid",
        weight_decay=weight_decay,
        learning_rate_init=0.01,
        batch_size=256,
        max_iter=epochs,
        random_state=seed,
    )


def split(X, y):
    """Unlabelled images, and images and labels of both halves of the others."""
    unlabelled, X, y = X[y >= 5], X[y < 5], y[y < 5]
    half = len(y) // 2
    return unlabelled, X[:half], y[:half], X[half:], y[half:]


def accuracy(X, y, X_test, y_test):
    """Accuracy in percent of softmax regression: the mean loss plus half the decay times the squared weights."""
    softmax = LogisticRegression(C=1 / (SOFTMAX_DECAY * len(y)), max_iter=500)
    return 100 * softmax.fit(X, y).score(X_test, y_test)


def measure(sae, data):
    """Accuracy on the codes, the autoencoder's loss and mean activation, and seconds of its fit."""
    unlabelled, X, y, X_test, y_test = data
    start = time.perf_counter()
    sae.fit(unlabelled)
    seconds = time.perf_counter() - start
    codes = sae.transform(X)
    return accuracy(codes, y, sae.transform(X_test), y_test), sae.loss_, float(codes.mean()), seconds


def document(raw, found, options):
    """The report: `found` has the measurements of all seeds by setting."""
    cells = [["raw pixels (published: around 96)", f"{raw:.2f}", "", "", "", ""]]
    for name, rows in found.items():
        values, *others = zip(*rows)
        loss, activation, seconds = (np.mean(column) for column in others)
        each = " ".join(f"{value:.2f}" for value in values)
        accuracies = [f"{np.mean(values):.2f} ± {np.std(values):.2f}", each]
        title = f"{options.components} units, {name} (published: 98.3)"
        cells.append([title, *accuracies, f"{loss:.3f}", f"{activation:.3f}", f"{seconds:.0f}"])
    header = ["features", "accuracy, %", "seeds", "loss", "mean activation", "s"]
    parts = __doc__.split("\n\n")
    texts = [" ".join(part.split()) for part in parts[2:]]
    machine = f"{date.today().isoformat()}, {processors.title()}, {options.epochs} epochs of batches of 256."
    return "\n\n".join(["# Self-taught learning", parts[0], *texts, report.lines(header, cells), machine]) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", help="path of a .npz file with X (70000, 784) and y; by default it is downloaded")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--components", type=int, default=200)
    parser.add_argument("--out", type=Path, default=processors.folder())
    options = parser.parse_args()
    X, y, _, _ = load_mnist(options.mnist)
    data = split(X, y)
    raw = accuracy(*data[1:])
    print(f"raw pixels: {raw:.2f} %", flush=True)
    found = {name: [] for name in SETTINGS}
    for seed in range(options.seeds):
        for name, decay in SETTINGS.items():
            row = measure(autoencoder(decay, options.components, options.epochs, seed), data)
            found[name].append(row)
            told = "{:.2f} %, loss {:.3f}, mean activation {:.3f}, {:.0f} s".format(*row)
            print(f"{name}, seed {seed}: {told}", flush=True)
    options.out.mkdir(parents=True, exist_ok=True)
    text = document(raw, found, options)
    (options.out / "self_taught.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
