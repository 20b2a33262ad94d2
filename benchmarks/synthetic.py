"""Do the rules find the true features? Worlds with known features, after published ones.

    python benchmarks/synthetic.py [--world toy flat hierarchy] [--rows 1000000] [--seeds 3]

`toy`: 512 features of equal frequency in 256 dimensions, 5 active
(after Sharkey, Braun & Millidge, 2022). `flat` and `hierarchy`: 1024 features
in 192 dimensions, a sixteenth of SynthSAEBench-16k (Chanin & Garriga-Alonso, 2026), without and with its hierarchy,
and 256 units to find the most frequent of them. Figures of a world of another size are not comparable with the
published ones; the order of the rules is. Printed on fresh rows: explained variance, mean L0, the mean over features of
the largest cosine with a unit (mmcs) and the mean cosine of a one-to-one matching (mcc), and F1 of each unit as a
detector of the feature it is matched with. The first rows are the controls: a random decoder, and PCA.
"""

import argparse

import numpy as np
from sklearn.decomposition import PCA

from skl_sae import SparseAutoencoder
from skl_sae.datasets import make_sparse_features
from skl_sae.metrics import dictionary_match, explained_variance, l0
from skl_sae.sparsity import L1, BatchTopK, Gated, JumpReLU, Matryoshka, TopK

TEST_ROWS = 50_000
ZIPF = np.arange(1, 1025) ** -0.5
FIRING = 5e-4 + (0.4 - 5e-4) * (ZIPF - ZIPF[-1]) / (ZIPF[0] - ZIPF[-1])
WORLDS = {
    "toy": {"n_features": 512, "n_dim": 256, "mean_active": 5, "zipf_exponent": 0},
    "flat": {"n_features": 1024, "n_dim": 192, "firing_probabilities": FIRING, "magnitude": "normal", "bias": 0.5},
}
WORLDS["hierarchy"] = {**WORLDS["flat"], "hierarchy": (8, 4, 3), "correlation_scale": 0.1, "orthogonalize": True}
UNITS = {"toy": 512, "flat": 256, "hierarchy": 256}


def rules(k):
    """Every rule, at a mean of k active units."""
    return {
        "topk": TopK(k),
        "batch_topk": BatchTopK(k),
        "matryoshka": Matryoshka(BatchTopK(k)),
        "jumprelu": JumpReLU(target_l0=k),
        "l1": L1(target_l0=k),
        "l1 0.1": L1(0.1),
        "gated 0.1": Gated(0.1),
    }


def f1(codes, true, assignment):
    """Mean over the matched features of the harmonic mean of precision and recall of their units."""
    features = np.flatnonzero(assignment >= 0)
    fired, truth = codes[:, assignment[features]] != 0, true[:, features].toarray() != 0
    both = (fired & truth).sum(axis=0)
    return float(np.mean(2 * both / np.maximum(fired.sum(axis=0) + truth.sum(axis=0), 1)))


def row(name, decoder, codes, variance, true, dictionary):
    match = dictionary_match(decoder, dictionary, signed=True, random_state=0)
    return name, variance, l0(codes), match.mean_max_cosine, match.hungarian, f1(codes, true, match.assignment)


def controls(X, X_test, true, dictionary, n_units, k, seed):
    """A random decoder with the k largest correlations as code, and PCA."""
    rng = np.random.default_rng(seed)
    random = rng.standard_normal((n_units, X.shape[1]))
    random /= np.linalg.norm(random, axis=1, keepdims=True)
    a = (X_test - X.mean(axis=0)) @ random.T
    codes = np.where(a >= -np.sort(-a, axis=1)[:, k - 1 : k], np.maximum(a, 0), 0)
    yield row("random", random, codes, np.nan, true, dictionary)
    pca = PCA(k, random_state=0).fit(X[:100_000])
    codes = pca.transform(X_test)
    yield row("pca", pca.components_, codes, explained_variance(X_test, pca.inverse_transform(codes)), true, dictionary)


def measure(world, n_rows, seed, max_iter):
    settings = {**WORLDS[world], "random_state": seed}
    X, codes, dictionary = make_sparse_features(n_rows, **settings)
    X_test, true, _ = make_sparse_features(TEST_ROWS, start=n_rows, **settings)
    k = max(1, round(l0(codes[:TEST_ROWS, : UNITS[world]])))
    yield from controls(X, X_test, true, dictionary, UNITS[world], k, seed)
    for name, rule in rules(k).items():
        sae = SparseAutoencoder(UNITS[world], sparsity=rule, batch_size=1024, max_iter=max_iter, random_state=seed)
        sae.set_params(learning_rate_init=0.024 / np.sqrt(X.shape[1]))
        found = sae.fit(X).transform(X_test)
        yield row(name, sae.components_, found, sae.score(X_test), true, dictionary)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--world", nargs="+", choices=WORLDS, default=list(WORLDS))
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    for world in options.world:
        figures = {}
        for seed in range(options.seeds):
            for name, *values in measure(world, options.rows, seed, options.epochs):
                figures.setdefault(name, []).append(values)
        print(f"\n{world}: {options.rows} rows, {options.epochs} epochs, {options.seeds} seeds\n")
        print("| rule | explained variance | L0 | mmcs | mcc | F1 |\n| --- | ---: | ---: | ---: | ---: | ---: |")
        for name, values in figures.items():
            cells = [f"{m:.3f} ± {s:.3f}" for m, s in zip(np.mean(values, 0), np.std(values, 0), strict=True)]
            print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
