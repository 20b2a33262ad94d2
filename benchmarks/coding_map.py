"""The map of codes: what a code costs, and how well it finds what the data is made of.

The data is that of `compositional.py`, with 100 latent variables of which 10 are active in a row of 47 features; codes
have 100 units. Quality is the mean correlation of latents with the units matched to them (MCC, rows like those of the
training), and the explained variance; cost is the time of `transform` for each row with all cores, of which the median
of the rounds is given. "Encoders" are trained on 2,500 rows; the dictionary of the pursuits is one, learned by `KSVD`
from the same rows, and for comparison the true one. Settings are those of `compositional.py`.
Writes coding_map.md and .png.
"""

import argparse
import time
from pathlib import Path
from statistics import median

import numpy as np

import processors
import report
from compositional import ACTIVE, ROWS, autoencoder, ksvd, mcc, problem
from skl_sae.coding import SparseRecovery, SparseRecoveryAutoencoder
from skl_sae.metrics import explained_variance

N = 100


def models(X, A, seed, quick):
    """By name and kind, fitted models."""
    passes = 20 if quick else None
    learned = ksvd(X, seed, N, passes).components_
    true = np.ascontiguousarray(A.T, dtype=np.float32)
    yield "SparseAutoencoder, TopK", "encoder", autoencoder(X, seed, N, passes)
    for depth in (2, 4, 8):
        options = {
            "n_layers": depth,
            "positive": True,
            "alpha": 0.05,
            "dict_init": learned,
            "center": False,
            "random_state": seed,
        }
        name = f"SparseRecoveryAutoencoder, {depth} layers"
        yield name, "encoder", SparseRecoveryAutoencoder(N, max_iter=passes or 100, **options).fit(X)
    ways = {
        "topk": {"n_nonzero_coefs": ACTIVE},
        "omp": {"n_nonzero_coefs": ACTIVE},
        "iht": {"n_nonzero_coefs": ACTIVE},
        "fista": {"alpha": 0.05, "tol": 1e-3},
        "lasso": {"alpha": 0.05},
    }
    for algorithm, options in ways.items():
        for atoms, whose in ((learned, "KSVD"), (true, "true")):
            coder = SparseRecovery(atoms, algorithm=algorithm, positive=True, **options)
            yield f"{algorithm}, {whose} dictionary", whose, coder.fit(X)


def measure(options):
    """Names, kinds, and for each the microseconds of rounds, MCC and explained variance over seeds."""
    found = {}
    for seed in range(options.seeds):
        train, inside, _, A = problem(N, seed, 500 if options.quick else ROWS)
        X, Y = ((Z @ A.T).astype(np.float32) for Z in (train, inside))
        fitted = list(models(X, A, seed, options.quick))
        for name, kind, model in fitted:
            codes = model.transform(Y)
            decoded = model.inverse_transform(codes)
            cell = found.setdefault((name, kind), ([], [], []))
            cell[1].append(mcc(inside, codes, out=False))
            cell[2].append(explained_variance(Y, decoded))
        many = np.tile(Y, (8, 1))
        for turn in range(options.rounds):
            for name, kind, model in fitted[:: -1 if turn % 2 else 1]:
                start = time.perf_counter()
                model.transform(many)
                found[name, kind][0].append((time.perf_counter() - start) / len(many) * 1e6)
    return found


def draw(found, path):
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(7.5, 4.5), layout="constrained")
    marks = {"encoder": "o", "KSVD": "s", "true": "^"}
    labels = {"encoder": "trained encoder", "KSVD": "pursuit, learned dictionary", "true": "pursuit, true dictionary"}
    for kind, mark in marks.items():
        points = [(median(t), np.mean(q)) for (_, its), (t, q, _) in found.items() if its == kind]
        axis.plot(*zip(*points, strict=True), mark, label=labels[kind])
    for (name, kind), (t, q, _) in found.items():
        text = (
            name.replace("SparseAutoencoder, ", "").replace("SparseRecoveryAutoencoder, ", "LISTA, ").split(", KSVD")[0]
        )
        if kind != "true":
            axis.annotate(text, (median(t), np.mean(q)), textcoords="offset points", xytext=(6, -4), fontsize=8)
    axis.set(xscale="log", xlabel="microseconds a row", ylabel="MCC: how well latents are found")
    axis.legend(loc="lower right")
    axis.grid(alpha=0.3)
    figure.savefig(path, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="few passes; nothing is written")
    parser.add_argument("--out", type=Path, default=processors.folder())
    options = parser.parse_args()
    found = measure(options)
    rows = [
        [name, f"{median(t):.1f}", f"{np.mean(q):.3f}", f"{np.mean(e):.3f}"] for (name, _), (t, q, e) in found.items()
    ]
    table = report.lines(["code", "microseconds a row", "MCC", "explained variance"], rows)
    text = "\n\n".join(["# The map of codes", " ".join(__doc__.split()), table, f"{processors.title()}."]) + "\n"
    print(text)
    if not options.quick:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "coding_map.md").write_text(text, encoding="utf-8")
        draw(found, options.out / "coding_map.png")


if __name__ == "__main__":
    main()
