"""What the defaults give on data of many kinds, beside other choices: rate, schedule, start, rules and their targets.

    python benchmarks/defaults.py [--world digits wine ...] [--part choices rules targets] [--seeds 3] [--mnist PATH]

Each world has rows held out for testing (see worlds.py), on which everything is measured: explained variance (of the
features in their units, where they have some), the mean number of active units (L0), the share of units that no
training row activates, the match of the units with the true features where these are known (mean of the largest
cosines), and the accuracy in per cent of LinearSVC with C=1 and of LogisticRegression with C from a search on the
training rows. Means over the seeds; in brackets, the standard deviation of the explained variance. "choices" has TopK
with one parameter changed at a time, "rules" the rules with one number of active units as k or target_l0, "targets" the
rules with a weight: what a target explains, and what fixed weights do at the same L0. Writes defaults.md.
"""

import argparse
import time
import warnings
from datetime import date
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.svm import LinearSVC

import processors
import report
from skl_sae import SparseAutoencoder
from skl_sae._model import whitening
from skl_sae.metrics import dictionary_match
from skl_sae.sparsity import L1, BatchTopK, Gated, JumpReLU, LifetimeTopK, TopK
from worlds import WORLDS, load

CHOICES = {
    "default": {},
    "rate 0.001": {"learning_rate_init": 0.001},
    "rate 0.003": {"learning_rate_init": 0.003},
    "cosine": {"learning_rate": "cosine"},
    "constant": {"learning_rate": "constant"},
    "no revival": {"dead_units": None},
    "start on rows as they are": {},
}
RULES = {
    "TopK": lambda k: TopK(k),
    "BatchTopK": lambda k: BatchTopK(k),
    "LifetimeTopK": lambda k: LifetimeTopK(),
    "L1": lambda k: L1(target_l0=k),
    "L1, norm-aware": lambda k: L1(target_l0=k, norm_aware=True),
    "JumpReLU": lambda k: JumpReLU(target_l0=k),
    "Gated": lambda k: Gated(target_l0=k),
}
# Rules with a weight, and weights from which the explained variance at an equal L0 is interpolated.
WEIGHTED = {
    "L1": (L1, np.geomspace(0.02, 1.3, 10)),
    "JumpReLU": (JumpReLU, np.geomspace(1e-4, 0.1, 10)),
    "Gated": (Gated, np.geomspace(0.03, 2, 10)),
}
PARTS = ["choices", "rules", "targets"]
HEADER = ["", "explained", "L0", "dead", "match", "SVC", "logistic", "s"]


def accuracy(sae, world):
    """Of the two classifiers, in per cent; nothing where there are no labels."""
    if world.labels is None:
        return np.nan, np.nan
    train, test = sae.transform(world.train), sae.transform(world.test)
    search = GridSearchCV(LogisticRegression(max_iter=300, tol=1e-3), {"C": [0.1, 1, 10, 100]}, cv=3)
    models = LinearSVC(dual=False, tol=1e-3), search
    return tuple(100 * model.fit(train, world.labels[0]).score(test, world.labels[1]) for model in models)


def measure(world, rule, seed, params, classify=True):
    """Numbers of one fit, in the order of the header."""
    start = time.perf_counter()
    sae = SparseAutoencoder(world.n_units, sparsity=rule, random_state=seed, **params).fit(world.train)
    seconds = time.perf_counter() - start
    active = (sae.transform(world.test) != 0).sum(axis=1).mean()
    dead = 1 - (sae.transform(world.train) != 0).any(axis=0).mean()
    match = np.nan
    if world.features is not None:
        match = dictionary_match(sae.components_, world.features, random_state=0).mean_max_cosine
    accuracies = accuracy(sae, world) if classify else (np.nan, np.nan)
    return [sae.score(world.test), active, dead, match, *accuracies, seconds]


def row(name, world, rule, params, seeds):
    """A line of the table."""
    share = whitening.SHARE
    if name == "start on rows as they are":
        whitening.SHARE = np.inf
    try:
        found = np.array([measure(world, rule, seed, params) for seed in range(seeds)])
    finally:
        whitening.SHARE = share
    formats = ["{:.4f}", "{:.2f}", "{:.1%}", "{:.3f}", "{:.1f}", "{:.1f}", "{:.1f}"]
    cells = ["" if np.isnan(x) else text.format(x) for text, x in zip(formats, found.mean(axis=0), strict=True)]
    cells[0] += f" ({found[:, 0].std():.4f})"
    print(f"{name:28s}", *cells, flush=True)
    return [name, *cells]


def against_weights(world, rule, weights, seeds):
    """Explained variance and L0 with a target, and what the best fixed weight explains at this L0.

    The curve over weights is interpolated in L0, on the test rows.
    """
    with_target, best = [], []
    for seed in range(seeds):
        explained, active = measure(world, rule(target_l0=world.k), seed, {}, classify=False)[:2]
        curve = np.array([measure(world, rule(weight), seed, {}, classify=False)[1::-1] for weight in weights])
        curve = curve[np.argsort(curve[:, 0])]
        with_target.append((explained, active))
        inside = curve[0, 0] <= active <= curve[-1, 0]
        best.append(np.interp(active, *curve.T) if inside else np.nan)
    explained, active = np.mean(with_target, axis=0)
    return [f"{explained:.4f}", f"{active:.2f}", "" if np.isnan(best).any() else f"{np.mean(best):.4f}"]


def tables(name, options):
    """The parts of one world, in markdown."""
    world = load(name, options.mnist)
    about = (WORLDS[name].__doc__ or "").strip()
    text = f"{world.train.shape[0]} x {world.train.shape[1]}, {world.n_units} units, k = {world.k}. {about}"
    print(f"== {name}: {text}", flush=True)
    parts = [f"## {name}", text]
    if "choices" in options.part:
        rows = [row(each, world, TopK(world.k), params, options.seeds) for each, params in CHOICES.items()]
        parts += ["TopK, one choice at a time:", report.lines(HEADER, rows)]
    if "rules" in options.part:
        rows = [row(each, world, make(world.k), {}, options.seeds) for each, make in RULES.items()]
        parts += ["Rules, with defaults:", report.lines(HEADER, rows)]
    if "targets" in options.part:
        rows = [[each, *against_weights(world, *WEIGHTED[each], options.seeds)] for each in WEIGHTED]
        print(*rows, sep="\n", flush=True)
        parts += ["Targets:", report.lines(["", "explained", "L0", "a fixed weight at this L0"], rows)]
    return parts


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--world", nargs="+", choices=WORLDS, default=list(WORLDS), metavar="NAME")
    parser.add_argument("--part", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--mnist", help="path of a .npz file with X (70000, 784) and y; by default it is downloaded")
    parser.add_argument("--out", type=Path, default=processors.folder())
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # of few rows and dead units: the table tells
    about, _, *texts = (" ".join(part.split()) for part in __doc__.split("\n\n"))
    parts = ["# Defaults", about, *texts, f"{date.today().isoformat()}, {processors.title()}, {options.seeds} seeds."]
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.world:
        parts += tables(name, options)
        (options.out / "defaults.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
