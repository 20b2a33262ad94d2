"""Width and number of active units chosen without labels, by description length, against a search with labels.

    python benchmarks/description_length.py --mnist PATH [--rows 10000] [--epochs 30]

For each width and each k of a grid, an autoencoder is fitted to the first 10,000 training images. On the last 5,000
training images it is scored twice: by the bits of a row (`description_length`, its dictionary shared by all 60,000
training images, precisions of three tolerances), and by the accuracy of a logistic regression that was fitted on the
codes and labels of the 10,000. The 10,000 test images are looked at once, for the accuracy of what each search has
chosen. An inner minimum lies at neither end of the widths, nor of k. Writes description_length.md.
"""

import argparse
import time
import warnings
from datetime import date
from pathlib import Path

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler

import processors
import report
from skl_sae import SparseAutoencoder
from skl_sae.datasets import load_mnist
from skl_sae.metrics import description_length
from skl_sae.sparsity import TopK

WIDTHS, ACTIVE = (32, 64, 128, 256, 512, 1024), (2, 4, 8, 16, 32, 64, 128)
HELD_OUT, SHARING = 5000, 60_000
TOLERANCE = 0.05  # the default of the metric
TOLERANCES = 0.02, TOLERANCE, 0.1


def measure(width, k, data, options):
    """Bits by tolerance, accuracy on held-out rows, and what gives the accuracy on others."""
    X, y, held, y_held = data
    start = time.perf_counter()
    sae = SparseAutoencoder(width, sparsity=TopK(k), max_iter=options.epochs, sparse_output=True, random_state=0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*did not fire")
        sae.fit(X)
    bits = {t: description_length(sae, held, tolerance=t, n_rows=SHARING) for t in TOLERANCES}
    classifier = make_pipeline(MaxAbsScaler(), LogisticRegression(C=1.0, tol=1e-3, max_iter=300))
    classifier.fit(sae.transform(X), y)
    accuracy = 100 * classifier.score(sae.transform(held), y_held)
    return {
        "bits": bits,
        "accuracy": accuracy,
        "explained": sae.score(held),
        "test": lambda X_test, y_test: 100 * classifier.score(sae.transform(X_test), y_test),
        "seconds": time.perf_counter() - start,
    }


def grid(options):
    return [(m, k) for m in options.widths for k in options.active if k <= m // 2]


def is_inner(choice, options):
    """Whether a pair of width and k has both smaller and larger ones on the grid."""
    width, k = choice
    allowed = [each for m, each in grid(options) if m == width]
    return min(options.widths) < width < max(options.widths) and min(allowed) < k < max(allowed)


def map_of(found, options, value):
    """A table: widths down, k across."""
    rows = []
    for width in options.widths:
        cells = [value(found[width, k]) if (width, k) in found else "" for k in options.active]
        rows.append([f"{width} units", *cells])
    return report.lines(["", *(f"k = {k}" for k in options.active)], rows)


def document(found, choices, tests, options):
    """The report."""
    rows = []
    for name, choice in choices.items():
        cells = [name, f"{choice[0]}, k = {choice[1]}", "yes" if is_inner(choice, options) else "no"]
        rows.append([*cells, f"{found[choice]['accuracy']:.2f}", f"{tests[choice]:.2f}"])
    best = found[choices[f"bits, tolerance {TOLERANCE}"]]["bits"][TOLERANCE]
    parts = ", ".join(f"{name} {getattr(best, name):.0f}" for name in ("support", "values", "residual", "dictionary"))
    texts = [" ".join(part.split()) for part in __doc__.split("\n\n")[2:]]
    return "\n\n".join(
        [
            "# Width and k by description length",
            __doc__.split("\n\n")[0],
            *texts,
            report.lines(["search", "choice", "inner", "held-out accuracy, %", "test accuracy, %"], rows),
            f"Of the {best.total:.0f} bits of its choice: {parts}; without a model {best.without_model:.0f}.",
            f"Bits of a row, tolerance {TOLERANCE}:",
            map_of(found, options, lambda each: f"{each['bits'][TOLERANCE].total:.0f}"),
            "Accuracy on the held-out images, %:",
            map_of(found, options, lambda each: f"{each['accuracy']:.1f}"),
            "Explained variance of these, %:",
            map_of(found, options, lambda each: f"{100 * each['explained']:.1f}"),
            f"{date.today().isoformat()}, {processors.title()}, {options.rows} rows, {options.epochs} epochs.",
        ]
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", help="path of a .npz file with X (70000, 784) and y; by default it is downloaded")
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--widths", type=int, nargs="+", default=WIDTHS)
    parser.add_argument("--active", type=int, nargs="+", default=ACTIVE)
    parser.add_argument("--out", type=Path, default=processors.folder())
    options = parser.parse_args()
    X, y, X_test, y_test = load_mnist(options.mnist)
    data = X[: options.rows], y[: options.rows], X[-HELD_OUT:], y[-HELD_OUT:]
    found = {}
    for width, k in grid(options):
        found[width, k] = each = measure(width, k, data, options)
        bits = " ".join(f"{each['bits'][t].total:.0f}" for t in TOLERANCES)
        print(f"{width}, {k}: {bits} bits, {each['accuracy']:.2f} %, {each['seconds']:.0f} s", flush=True)
    choices = {"labels": max(found, key=lambda pair: found[pair]["accuracy"])}
    for t in TOLERANCES:
        choices[f"bits, tolerance {t}"] = min(found, key=lambda pair: found[pair]["bits"][t].total)
    tests = {choice: found[choice]["test"](X_test, y_test) for choice in set(choices.values())}
    text = document(found, choices, tests, options) + "\n"
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "description_length.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
