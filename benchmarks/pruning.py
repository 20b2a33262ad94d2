"""Pruning: what is left of an autoencoder 784-512-784 of MNIST without 90 % of its weights, and in fewer bits.

An autoencoder with default parameters, or with an L1 penalty, is fitted on the 60,000 training images (float32, pixels
in [0, 1]) and pruned by magnitude: at once without further training, at once with fine-tuning on the training images,
and along the cubic schedule (Zhu and Gupta, 2017). Explained variance is that of the 10,000 test images, which neither
the training nor the pruning has seen; no setting was chosen by it.

Fine-tuning is also more training, so one row has the dense model trained as long. "Loss" is in points of explained
variance against the model before. "Density after" is the share of weights that are not zero after an epoch of
`partial_fit` on the training images. Bytes are those of the pickle, with weights kept as `sparsify()` and `quantize()`
keep them, and rows/s those of `transform`, one row a call and 4096 at once.
"""

import argparse
import copy
import time
import warnings
from pathlib import Path

import numpy as np

import processors
import report
import second_core
from skl_sae import SparseAutoencoder
from skl_sae.compression import compression_report, prune, quantize
from skl_sae.datasets import load_mnist

RULES = {"topk": "TopK, by default", "l1": "L1"}
#: Kinds of pruning by name; epochs of fine-tuning.
KINDS = {
    "nothing, trained as long": {"fine_tune_epochs": 20},
    "at once, no training": {},
    "at once": {"fine_tune_epochs": 10},
    "cubic": {"fine_tune_epochs": 20, "schedule": "cubic"},
    "cubic, all layers together": {"fine_tune_epochs": 20, "schedule": "cubic", "scope": "global"},
}
FORMS = {"sparse, float32": None, "sparse, 16 bits": 16, "sparse, 8 bits": 8}


def pruned(sae, X, amount, kind, most_epochs=None):
    """A pruned copy, and the seconds that it took."""
    options = dict(KINDS[kind])
    amount = 0.0 if kind.startswith("nothing") else amount
    if options:
        options["fine_tune_X"] = X
        options["fine_tune_epochs"] = min(options["fine_tune_epochs"], most_epochs or np.inf)
    start = time.perf_counter()
    return prune(sae, amount, **options), time.perf_counter() - start


def in_form(small, bits):
    """The pruned model with sparse weights, in so many bits."""
    return copy.deepcopy(small).sparsify() if bits is None else quantize(small, bits).sparsify()


def measure(sae, data, options):
    """Rows of both tables for one model: what is lost, and what is saved."""
    X, X_test = data
    before, losses, sizes = sae.score(X_test), [], []
    for kind in KINDS:
        small, seconds = pruned(sae, X, options.amount, kind, options.epochs)
        after, density = small.score(X_test), small.density_
        again = copy.deepcopy(small).partial_fit(X).density_
        cells = [f"{before:.4f}", f"{after:.4f}", f"{100 * (before - after):.2f}", f"{density:.4%}", f"{again:.4%}"]
        losses.append([kind, *cells, f"{small.n_components}", f"{seconds:.0f}"])
        print(losses[-1], flush=True)
        if kind != "cubic":
            continue
        for name, bits in FORMS.items():
            time.sleep(second_core.SETTLE)
            sizes.append(row_of_sizes(name, compression_report(sae, in_form(small, bits), X_test), len(sizes) == 0))
            print(sizes[-1], flush=True)
    return losses, [row for rows in sizes for row in rows]


def row_of_sizes(name, table, with_dense):
    """Cells of the second table; those of the dense model once."""
    rows = []
    for label, row in (("dense, float32", "before"), (name, "after")):
        if row == "before" and not with_dense:
            continue
        disk = table.loc["before", "bytes_on_disk"] / table.loc[row, "bytes_on_disk"]
        numbers = table.loc[row]
        cells = [f"{numbers['bytes_in_memory']:,.0f}", f"{numbers['bytes_on_disk']:,.0f}", f"{disk:.1f}"]
        rates = [f"{numbers[f'rows_per_s_{kind}']:,.0f}" for kind in ("single", "batch")]
        rows.append([label, *cells, f"{numbers['explained_variance']:.4f}", *rates])
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--amount", type=float, default=0.9)
    parser.add_argument("--rule", nargs="*", choices=RULES, default=list(RULES))
    parser.add_argument("--epochs", type=int, help="the most epochs of fine-tuning")
    parser.add_argument("--quick", action="store_true", help="4000 rows, a short fit; nothing is written")
    parser.add_argument("--mnist", help="path of a .npz file with X (70000, 784) and y; by default it is downloaded")
    parser.add_argument("--out", type=Path, default=processors.folder())
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # units that did not fire in an epoch
    X, _, X_test, _ = load_mnist(options.mnist)
    X, X_test = X.astype(np.float32), X_test.astype(np.float32)
    params = {"n_components": 512, "random_state": 0}
    if options.quick:
        X, options.epochs, params = X[:4000], 4, {**params, "max_iter": 10}
    parts = ["# Pruning", *(" ".join(part.split()) for part in __doc__.split("\n\n"))]
    for rule in options.rule:
        sae = SparseAutoencoder(sparsity=rule, **params).fit(X)
        losses, sizes = measure(sae, (X, X_test), options)
        parts.append(f"## {RULES[rule]}")
        head = ["pruned", "before", "after", "loss", "density", "density after", "units", "s"]
        parts.append(report.lines(head, losses))
        head = ["weights, after cubic pruning", "bytes in memory", "bytes on disk", "smaller by", "explained variance"]
        parts.append(report.lines([*head, "rows/s, single", "rows/s, batch"], sizes))
    parts.append(f"{processors.title()}; both cores were {second_core.probe():.2f} times as fast as one at the end.")
    text = "\n\n".join(parts) + "\n"
    print(text)
    if not options.quick:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "pruning.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
