"""Exact recovery of sparse signals from Gaussian measurements, against what is published and against theory.

    python benchmarks/recovery.py [--features 600] [--matrices 10] [--per-matrix 4] [--trials 1000]

Orthogonal matching pursuit: share of trials with the exact support, for the numbers of measurements at which Tropp and
Gilbert (2007, IEEE Transactions on Information Theory 53, 4655-4666) found 95 %. Each trial has a matrix of its own;
entries of the signals are 0 or 1.

Basis pursuit: with m measurements of n features and k entries that are not zero, recovery succeeds below a curve
rho(delta), rho = k / m and delta = m / n, and fails above, the more sharply the larger n is (Donoho and Tanner 2009).
The formula is that of Donoho, Maleki and Montanari (2009, PNAS 106, 18914-18919). Around the curve signals are
recovered, with entries of +-1 (or 1, for non-negative solutions); a trial succeeds if the relative error is below 1e-3,
and the place where half of them do is that of a logistic curve fitted to all trials. The same for orthogonal matching
pursuit, which adds atoms until nothing is left to explain: it depends on the sizes of the entries, and has no such
theory. Writes recovery.md and recovery.png.
"""

import argparse
import time
from datetime import date
from pathlib import Path

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression

import processors
import report
from skl_sae.coding import basis_pursuit, sparse_encode

# (features, entries that are not zero): measurements
PUBLISHED = {
    **{(256, 4): 56, (256, 8): 96, (256, 12): 136, (256, 16): 184, (256, 20): 228},
    **{(1024, 5): 80, (1024, 10): 140, (1024, 15): 210},
}
DELTAS = 0.1, 0.25, 0.5, 0.75
# Distances from the curve at which basis pursuit is tried, and the rho at which orthogonal matching pursuit is.
AROUND, EVERYWHERE = np.linspace(-0.1, 0.1, 11), np.arange(0.04, 0.97, 0.04)
SIGNED, POSITIVE = "basis pursuit, entries +-1", "non-negative basis pursuit, entries 1"
OMP_SIGNS, OMP_GAUSSIAN = "OMP, entries +-1", "OMP, Gaussian entries"
ENTRIES = {
    SIGNED: lambda rng, k: rng.choice([-1.0, 1.0], k),
    POSITIVE: lambda rng, k: np.ones(k),
    OMP_SIGNS: lambda rng, k: rng.choice([-1.0, 1.0], k),
    OMP_GAUSSIAN: lambda rng, k: rng.standard_normal(k),
}


def transition(delta, positive=False):
    """The curve: the largest share of entries that are not zero, of the measurements, that the l1 norm recovers."""
    sides = 1 if positive else 2

    def negative_rho(z):
        tail = sides * ((1 + z**2) * norm.cdf(-z) - z * norm.pdf(z))
        return -(1 - tail / delta) / (1 + z**2 - tail)

    return -minimize_scalar(negative_rho, bounds=(0, 10), method="bounded", options={"xatol": 1e-10}).fun


def signals(rng, n, counts, draw):
    """Signals as rows, with these numbers of entries that are not zero."""
    X = np.zeros((len(counts), n))
    for x, k in zip(X, counts):
        x[rng.permutation(n)[:k]] = draw(rng, k)
    return X


def share_recovered(n, k, m, n_trials):
    """Share of the trials in which orthogonal matching pursuit finds the support."""
    rng = np.random.default_rng([n, k, m])
    found = 0
    for _ in range(n_trials):
        A, x = rng.standard_normal((m, n)), signals(rng, n, [k], lambda rng, k: np.ones(k))
        found += np.array_equal(sparse_encode(x @ A.T, A.T, n_nonzero_coefs=k) != 0, x != 0)
    return found / n_trials


def recover(name, A, Y):
    if name in (SIGNED, POSITIVE):
        return basis_pursuit(A, Y, positive=name == POSITIVE)
    sizes = np.linalg.norm(Y, axis=1, keepdims=True)
    return sizes * sparse_encode(Y / sizes, A.T, tol=1e-12)


def half_point(rho, success):
    """Where half of the trials succeed, on a logistic curve fitted to all of them."""
    if success.all() or not success.any():
        return float("nan")
    middle, width = rho.mean(), rho.std()
    fit = LogisticRegression(C=1e6).fit(((rho - middle) / width)[:, None], success)
    return float(middle - width * fit.intercept_[0] / fit.coef_[0, 0])


def measured_transition(name, delta, options):
    """rho at which half of the trials succeed."""
    n, rng = options.features, np.random.default_rng([int(1000 * delta), len(name)])
    m = round(delta * n)
    rhos = EVERYWHERE if name in (OMP_SIGNS, OMP_GAUSSIAN) else AROUND + transition(delta, name == POSITIVE)
    counts = np.clip(np.round(np.repeat(rhos, options.per_matrix) * m).astype(int), 1, m)
    success = []
    for _ in range(options.matrices):
        A, X = rng.standard_normal((m, n)) / np.sqrt(m), signals(rng, n, counts, ENTRIES[name])
        errors = np.linalg.norm(recover(name, A, X @ A.T) - X, axis=1)
        success.append(errors < 1e-3 * np.linalg.norm(X, axis=1))
    return half_point(np.tile(counts / m, options.matrices), np.concatenate(success))


def draw(found, path):
    """The curves of theory, and the measured points on them."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(6.4, 4.8), layout="constrained")
    deltas = np.linspace(0.02, 0.98, 97)
    styles = {SIGNED: ("C0", "o"), POSITIVE: ("C1", "s"), OMP_SIGNS: ("0.4", "v"), OMP_GAUSSIAN: ("0.4", "^")}
    for name, (color, marker) in styles.items():
        if name in (SIGNED, POSITIVE):
            ax.plot(deltas, [transition(delta, name == POSITIVE) for delta in deltas], color=color)
        points = {delta: rho for (other, delta), rho in found.items() if other == name}
        ax.plot(points.keys(), points.values(), marker, color=color, label=name, mfc="white")
    ax.set(xlabel="delta = measurements / features", ylabel="rho = non-zero entries / measurements")
    ax.set(xlim=(0, 1), ylim=(0, 1), title="Half of the signals are recovered (lines: theory)")
    ax.legend(frameon=False, loc="upper left")
    fig.savefig(path, dpi=110)


def document(shares, found, options):
    """The page of results."""
    first = [[str(n), str(k), str(m), f"{100 * share:.1f} %"] for (n, k, m), share in shares.items()]
    second = []
    for (name, delta), rho in found.items():
        theory = transition(delta, name == POSITIVE) if name in (SIGNED, POSITIVE) else None
        cells = ["", ""] if theory is None else [f"{theory:.3f}", f"{rho - theory:+.3f}"]
        second.append([name, f"{delta:g}", f"{rho:.3f}", *cells])
    trials = len(AROUND) * options.matrices * options.per_matrix
    told = f"{processors.name()}, {date.today()}: n = {options.features}, {trials} trials for a point of basis pursuit."
    return "\n\n".join(
        [
            "# Exact recovery",
            *__doc__.strip().partition("\n\n")[2].partition("\n\n")[2].split("\n\n"),
            f"## Orthogonal matching pursuit, {options.trials} trials each",
            report.lines(["features", "non-zero entries", "measurements", "recovered"], first),
            "## Where half of the signals are recovered",
            report.lines(["algorithm", "delta", "rho", "theory", "difference"], second),
            "![recovery.png](recovery.png)",
            told,
        ]
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--features", type=int, default=600, help="n, for the transitions")
    parser.add_argument("--matrices", type=int, default=10, help="for each point")
    parser.add_argument("--per-matrix", type=int, default=4, help="signals for each matrix and rho")
    parser.add_argument("--trials", type=int, default=1000, help="for each published pair")
    parser.add_argument("--quick", action="store_true", help="200 features and fewer trials; nothing is written")
    parser.add_argument("--out", type=Path, default=processors.folder())
    options = parser.parse_args()
    if options.quick:
        options.features, options.matrices, options.per_matrix, options.trials = 200, 4, 4, 100
    start = time.perf_counter()
    shares = {(n, k, m): share_recovered(n, k, m, options.trials) for (n, k), m in PUBLISHED.items()}
    print(f"published pairs: {shares} ({time.perf_counter() - start:.0f} s)", flush=True)
    found = {}
    for name in ENTRIES:
        for delta in DELTAS:
            found[name, delta] = measured_transition(name, delta, options)
            print(f"{name}, {delta}: {found[name, delta]:.3f} ({time.perf_counter() - start:.0f} s)", flush=True)
    text = document(shares, found, options)
    print(text)
    if not options.quick:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "recovery.md").write_text(text + "\n", encoding="utf-8")
        draw(found, options.out / "recovery.png")


if __name__ == "__main__":
    main()
