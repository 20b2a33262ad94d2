"""Latent variables found again, where combinations are like those of the training rows and where they are new.

    python benchmarks/compositional.py [--latents 50 100 500 1000] [--seeds 3] [--methods ...] [--ablation] [--quick]

The protocol of Barin Pacela et al. (arXiv 2603.28744, 2026, "vary latents"). Rows are y = A z: A has Gaussian columns
of norm one, and z has 10 of n latent variables active, with values uniform in [0, 1]; y has m = ceil(20 ln(n / 10))
features. In distribution, half of the rows have latent 0 and nine of the first half of the latents, and half have ten
of all but latent 0; out of distribution, rows have latent 0 and nine of the last half. 2,500 rows train, 2,500 more and
2,500 out of distribution are evaluated. There are as many units as latents.

MCC: each latent variable is matched with one unit of the code, so that the sum of absolute correlations over the
evaluated rows is largest; the mean of these is given. Latents that never vary there are left out, and out of
distribution as many units take part as latents, those of largest variance.

The published dictionary learning takes FISTA and least squares in turns on the very rows that are evaluated; here all
methods learn from the training rows alone. For the problems of the table, seeds 0 to 2, A, the latents and the
evaluated rows were used for nothing but the MCC. Settings were chosen by the MCC of other problems, seeds 10 to 12: for
`KSVD` nearly all with 1,000 latents and seed 10. An earlier setting of the autoencoder had been seen on 100 latents and
seed 0 (.831/.706) before its decay was chosen so. The lasso that encodes has a penalty of .05, the published one of .1.
Writes compositional.md.
"""

import argparse
import math
import time
from datetime import date
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

import processors
import report
from skl_sae import SparseAutoencoder
from skl_sae.coding import KSVD, SparseRecovery
from skl_sae.sparsity import TopK

ACTIVE, ROWS = 10, 2500
LATENTS = 50, 100, 500, 1000
#: Means over seeds 0 to 2 of the authors' results/exp_vary_latents.json: MCC in and out of distribution by latents.
PUBLISHED = {
    "published: linear probe (supervised)": (".810/.751", ".670/.408", ".352/.196", ".247/.160"),
    "published: autoencoder, TopK": (".657/.603", ".813/.705", ".253/.212", ".218/.191"),
    "published: dictionary learning, FISTA": (".928/.917", ".951/.945", ".963/.955", ".763/.475"),
    "published: true dictionary, FISTA": (".974/.971", ".986/.986", ".992/.992", ".993/.993"),
}
#: How `KSVD` learns. Beside each option, what the ablation puts in its place. Without `max_share` and with 1,000
#: latents, each of which few rows have, half of the atoms become rows of the data.
LEARNING = {
    "max_share": (0.2, None),
    "max_coherence": (0.6, 1.0),
    "relaxation": (1.7, 1.0),
    "alpha_start": (0.1, None),
    "alpha": (0.03, 0.1),
    "positive": (True, False),
    "dict_init": ("random", "data"),
}


def latents(rng, n, kind):
    """A row of latent variables of one kind of combination."""
    z, half = np.zeros(n), n - n // 2
    if kind == "in":
        kind = "first" if rng.binomial(n=1, p=0.5) else "any"
    if kind == "any":
        active = rng.choice(np.arange(1, n), ACTIVE, replace=False)
    else:
        others = np.arange(1, half) if kind == "first" else np.arange(half, n)
        active = np.concatenate([[0], rng.choice(others, ACTIVE - 1, replace=False)])
    z[active] = rng.uniform(0, 1, ACTIVE)
    return z


def problem(n, seed, rows=ROWS):
    """Latents of rows for training, in distribution and out of it, and A. The draws are those of the authors' code."""
    rng = np.random.RandomState(seed)
    A = rng.normal(0, 1, (math.ceil(2 * ACTIVE * math.log(n / ACTIVE)), n))
    A /= np.linalg.norm(A, axis=0)
    inside = np.array([latents(rng, n, "in") for _ in range(2 * rows)])
    return inside[:rows], inside[rows:], np.array([latents(rng, n, "last") for _ in range(rows)]), A


def correlations(a, b):
    """Absolute correlation of each column of `a` with each of `b`; zero for columns that do not vary."""

    def standard(x):
        x = x - x.mean(axis=0)
        norms = np.linalg.norm(x, axis=0)
        return x / np.where(norms < 1e-8, 1, norms)

    return np.abs(standard(a).T @ standard(b))


def mcc(Z, codes, out):
    """Mean correlation of latents with the units that are matched to them."""
    Z = Z[:, Z.var(axis=0) > 1e-8]
    if out:
        codes = codes[:, np.argsort(-codes.var(axis=0))[: Z.shape[1]]]
    width = max(Z.shape[1], codes.shape[1])
    noise = np.random.RandomState(42).normal(0, 1, (len(Z), 2 * width - Z.shape[1] - codes.shape[1]))
    a, b = (np.hstack([part, noise]) if part.shape[1] < width else part for part in (Z, codes))
    matrix = correlations(a, b)
    return matrix[linear_sum_assignment(-matrix)].mean()


def autoencoder(X, seed, n, passes, **options):
    """The published one has the same batches and passes."""
    options = {"sparsity": TopK(ACTIVE), "batch_size": 64, "scale": False, "weight_decay": 1e-3, **options}
    rate = {"learning_rate_init": 3e-3, **options}
    return SparseAutoencoder(n, max_iter=passes or 500, random_state=seed, **rate).fit(X)


def deep_autoencoder(X, seed, n, passes):
    """A hidden layer between the data and the code, and none behind the code."""
    layers = {"hidden_layer_sizes": 8 * n, "decoder_layer_sizes": ()}
    return autoencoder(X, seed, n, passes, weight_decay=1e-4, learning_rate_init="auto", **layers)


def ksvd(X, seed, n, passes, **changed):
    """Dictionary learning with the lasso on all rows at once."""
    options = {name: used for name, (used, _) in LEARNING.items()} | changed
    fit = {"method": "online", "algorithm": "lasso", "batch_size": len(X), "replace_every": 20, "convergence_tol": 0.0}
    passes = passes or (250 if n <= 500 else 400)
    return KSVD(n, **fit, **options, max_iter=passes, transform_alpha=0.05, random_state=seed).fit(X)


METHODS = {
    "SparseAutoencoder, TopK": autoencoder,
    "SparseAutoencoder, TopK, a hidden layer": deep_autoencoder,
    "KSVD": ksvd,
}
#: Latents beyond which a method is left out.
LARGEST = {"SparseAutoencoder, TopK, a hidden layer": 100}
ORACLE = "true dictionary, SparseRecovery"


def measure(method, n, seed, passes=None, **options):
    """MCC in and out of distribution, and seconds of the fit."""
    train, inside, outside, A = problem(n, seed)
    start = time.perf_counter()
    if method == ORACLE:
        model = SparseRecovery(np.ascontiguousarray(A.T), algorithm="lasso", alpha=0.05, positive=True)
        model.fit(train @ A.T)
        X_in, X_out = inside @ A.T, outside @ A.T
    else:
        model = METHODS[method]((train @ A.T).astype(np.float32), seed, n, passes, **options)
        X_in, X_out = ((Z @ A.T).astype(np.float32) for Z in (inside, outside))
    seconds = time.perf_counter() - start
    return mcc(inside, model.transform(X_in), False), mcc(outside, model.transform(X_out), True), seconds


def number(value):
    return f"{value:.3f}".removeprefix("0")


def cell(rows):
    """Means over seeds, and the standard deviation of the second."""
    inside, outside, seconds = np.transpose(rows)
    return f"{number(inside.mean())}/{number(outside.mean())} ± {number(outside.std())}, {seconds.mean():.0f} s"


def compare(options):
    """The table of all methods."""
    cells = []
    for name in [*options.methods, ORACLE]:
        row = [name]
        for n in options.latents:
            if n > LARGEST.get(name, n):
                row.append("")
                continue
            found = [measure(name, n, seed, options.passes) for seed in range(options.seeds)]
            row.append(cell(found))
            print(f"{name}, n={n}: {row[-1]}; " + " ".join(f"{a:.3f}/{b:.3f}" for a, b, _ in found), flush=True)
        cells.append(row)
    for name, values in PUBLISHED.items():
        known = dict(zip(LATENTS, values, strict=True))
        cells.append([name, *(known.get(n, "") for n in options.latents)])
    return report.lines(["MCC in / out of distribution", *(f"n={n}" for n in options.latents)], cells)


def ablate(options):
    """KSVD without one of its options at a time."""
    n, cells = options.latents[-1], []
    for name, value in [(None, None), *((name, other) for name, (_, other) in LEARNING.items())]:
        changed = {} if name is None else {name: value}
        found = [measure("KSVD", n, seed, options.passes, **changed) for seed in range(options.seeds)]
        cells.append(["as above" if name is None else f"{name}={value!r}", cell(found)])
        print(": ".join(cells[-1]), flush=True)
    return report.lines(["KSVD", f"n={n}"], cells)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--latents", type=int, nargs="+", default=LATENTS)
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--passes", type=int, help="passes over the data, instead of those of the method")
    parser.add_argument("--ablation", action="store_true", help="KSVD alone, without one option at a time")
    parser.add_argument("--quick", action="store_true", help="100 latents, one seed")
    parser.add_argument("--out", type=Path, default=processors.folder())
    options = parser.parse_args()
    if options.quick:
        options.latents, options.seeds = (100,), 1
    title, table = ("ablation", ablate(options)) if options.ablation else ("", compare(options))
    texts = [" ".join(part.split()) for part in __doc__.split("\n\n")[2:]]
    machine = f"{date.today().isoformat()}, {processors.title()}, {options.seeds} seeds."
    text = "\n\n".join(["# Compositional generalisation", __doc__.splitlines()[0], *texts, table, machine]) + "\n"
    options.out.mkdir(parents=True, exist_ok=True)
    name = "compositional_ablation.md" if title else "compositional.md"
    (options.out / name).write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
