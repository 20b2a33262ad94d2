"""Unrolled networks against ISTA and FISTA of as many iterations, on the standard Gaussian problem of sparse recovery.

A matrix of 500 columns of norm one in 250 dimensions, entries normal; codes with 10 % active entries, normal; no noise.
Networks are trained on codes, layer by layer and then as a whole, with the matrix fixed, and tested on new signals: the
error is that of the codes, in decibels. ISTA and FISTA have, at each number of iterations, the weight of the penalty
that is best for the test signals. (Chen, Liu, Wang and Yin, NeurIPS 2018, section 4.)
"""

import argparse
import time
from pathlib import Path

import numpy as np

import processors
import report

DEPTHS = (1, 2, 4, 8, 16)
N_FEATURES, N_ATOMS, ACTIVE = 250, 500, 0.1
ALPHAS = np.geomspace(0.003, 1, 16)
VARIANTS = ("coupled", "lista", "step")


def draw_atoms(rng, n_atoms=N_ATOMS, n_features=N_FEATURES):
    """The matrix, transposed: atoms are rows."""
    atoms = rng.standard_normal((n_atoms, n_features))
    return (atoms / np.linalg.norm(atoms, axis=1, keepdims=True)).astype(np.float32)


def draw(n, atoms, rng):
    """Signals and codes."""
    codes = rng.standard_normal((n, len(atoms)), dtype=np.float32) * (rng.random((n, len(atoms))) < ACTIVE)
    return codes @ atoms, codes


def decibels(found, codes):
    """Normalised mean squared error."""
    return 10 * np.log10(np.square(found - codes).sum() / np.square(codes).sum())


def iterate(X, atoms, alpha, n, accelerated):
    """Codes after n iterations of ISTA or FISTA, from zero."""
    step = 1 / np.linalg.norm(atoms, 2) ** 2
    z = ahead = np.zeros((len(X), len(atoms)), np.float32)
    t = 1.0
    for _ in range(n):
        a = ahead - step * ((ahead @ atoms - X) @ atoms.T)
        before, z = z, np.sign(a) * np.maximum(np.abs(a) - step * alpha, 0)
        t, last = (1 + np.sqrt(1 + 4 * t * t)) / 2 if accelerated else 1.0, t
        ahead = z + (last - 1) / t * (z - before)
    return z


def network(depth, variant, atoms, options):
    """An estimator to be trained on codes."""
    from skl_sae.coding import SparseRecoveryAutoencoder

    return SparseRecoveryAutoencoder(
        len(atoms),
        n_layers=depth,
        variant=variant,
        unshrunk=0.13,
        target="codes",
        dict_init=atoms,
        learn_dictionary=False,
        pretrain="layerwise" if depth > 1 else None,
        pretrain_max_iter=options.layer_epochs,
        max_iter=options.epochs,
        learning_rate_init=1e-3,
        random_state=0,
    )


def compare(options):
    """A row a depth: errors of ISTA, of FISTA and of each kind of network, and the seconds that the first took."""
    rng = np.random.default_rng(0)
    atoms = draw_atoms(rng)
    X, Z = draw(options.rows, atoms, rng)
    X_test, Z_test = draw(1000, atoms, rng)
    rows = []
    for depth in options.depths:
        row = [str(depth)]
        for accelerated in False, True:
            errors = [decibels(iterate(X_test, atoms, alpha, depth, accelerated), Z_test) for alpha in ALPHAS]
            row.append(f"{min(errors):.1f}")
        seconds = []
        for variant in options.variants:
            start = time.process_time()
            model = network(depth, variant, atoms, options).fit(X, Z)
            seconds.append(time.process_time() - start)
            row.append(f"{decibels(model.transform(X_test), Z_test):.1f}")
        rows.append([*row, f"{seconds[0]:.0f}"])
        print(rows[-1], flush=True)
    header = ["layers", "ISTA", "FISTA", *options.variants, "CPU seconds of the first"]
    return report.lines(header, rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--depths", type=int, nargs="+", default=DEPTHS)
    parser.add_argument("--variants", nargs="+", default=VARIANTS[:1], choices=VARIANTS)
    parser.add_argument("--rows", type=int, default=40_000, help="of the training set")
    parser.add_argument("--layer-epochs", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--quick", action="store_true", help="few rows and layers: a look at the code, not at numbers")
    parser.add_argument("--out", type=Path, default=processors.folder())
    options = parser.parse_args()
    if options.quick:
        options.depths, options.rows, options.layer_epochs, options.epochs = DEPTHS[:3], 4000, 1, 1
    table = compare(options)
    settings = f"{options.rows} training rows, {options.layer_epochs} epochs a layer, {options.epochs} of the whole."
    text = "\n\n".join(["# Unrolled networks", " ".join(__doc__.split()), settings, table]) + "\n"
    if not options.quick:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "unrolled.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
