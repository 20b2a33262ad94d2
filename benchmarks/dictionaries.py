"""Dictionary learning: atoms that are found again, and the time to an objective.

Recovery, as Aharon, Elad and Bruckstein (2006): 50 random atoms of 20 features, 1500 signals of 3 atoms each with
normal weights, noise at 20 dB, 80 iterations, codes of 3 atoms. An atom is found if the cosine with a learned one is
above 0.99, with either sign. MOD is least squares for the whole dictionary, with the same pursuit and start as K-SVD.

Time, on 5000 images of MNIST with 256 atoms: `MiniBatchDictionaryLearning.fit` as it is by default (alpha = 1), and the
seconds after which ours is at its objective. For the lasso this is the mean over the rows of half the squared error
plus the L1 norm of the code; for pursuit, half the squared error with as many active atoms as scikit-learn's codes have
on the mean, which is what both dictionaries are measured by. Seconds are those of the end of the first iteration there.
"""

import argparse
import time
import warnings
from pathlib import Path
from statistics import median

import numpy as np
from sklearn.decomposition import MiniBatchDictionaryLearning

import processors
import report
import second_core
from skl_sae.coding import KSVD, sparse_encode

N_ROWS, N_ATOMS, ALPHA = 5000, 256, 1.0
RECOVERY = {"n_components": 50, "n_nonzero_coefs": 3, "max_iter": 80, "convergence_tol": 0.0}
LASSO, PURSUIT = {"algorithm": "lasso", "alpha": ALPHA}, {"algorithm": "omp"}


def signals(seed):
    """Data with 20 dB of noise, and the atoms."""
    rng = np.random.default_rng(seed)
    atoms = rng.standard_normal((50, 20))
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    codes = np.zeros((1500, 50))
    for row in codes:
        row[rng.choice(50, 3, replace=False)] = rng.standard_normal(3)
    X, noise = codes @ atoms, rng.standard_normal((1500, 20))
    return X + noise * (np.linalg.norm(X) / np.linalg.norm(noise) / 10), atoms


def method_of_optimal_directions(X, seed):
    """A dictionary by alternating pursuit and least squares; unused atoms are replaced by rows."""
    rng = np.random.default_rng(seed)
    atoms = X[rng.choice(len(X), 50, replace=False)]
    atoms = atoms / np.linalg.norm(atoms, axis=1, keepdims=True)
    for _ in range(80):
        codes = sparse_encode(X, atoms, n_nonzero_coefs=3)
        atoms = np.linalg.lstsq(codes, X, rcond=None)[0]
        unused = ~codes.any(axis=0)
        atoms[unused] = X[rng.choice(len(X), unused.sum())]
        atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    return atoms


def scikit_learn(X, seed):
    """Its online learning, with the lasso, as many passes."""
    learner = MiniBatchDictionaryLearning(50, alpha=0.2, max_iter=80, tol=0, max_no_improvement=None, random_state=seed)
    return learner.set_params(fit_algorithm="cd").fit(X).components_


LEARNERS = {
    "KSVD": lambda X, seed: KSVD(random_state=seed, **RECOVERY).fit(X).components_,
    "KSVD, exact": lambda X, seed: KSVD(update="exact", random_state=seed, **RECOVERY).fit(X).components_,
    "KSVD, online": lambda X, seed: KSVD(method="online", random_state=seed, **RECOVERY).fit(X).components_,
    "MOD": method_of_optimal_directions,
    "scikit-learn, lasso": scikit_learn,
}


def recovery(n_trials):
    """Rows of the table: atoms found of 50."""
    for name, learn in LEARNERS.items():
        found, seconds = [], []
        for seed in range(n_trials):
            X, atoms = signals(seed)
            start = time.perf_counter()
            learned = learn(X, seed)
            seconds.append(time.perf_counter() - start)
            found.append(int(((1 - np.abs(atoms @ learned.T)).min(axis=1) < 0.01).sum()))
        spread = f"{np.std(found, ddof=1):.1f}" if n_trials > 1 else ""
        yield [name, f"{np.mean(found):.1f}", spread, f"{min(found)}", f"{median(seconds):.2f}"]
        print(f"{name}: {np.mean(found):.2f} of 50", flush=True)


class Clock:
    """A callback that notes the time and the dictionary after each iteration, without its own time."""

    def setup(self, estimator, context):
        self.start, self.seconds, self.atoms = time.perf_counter(), [], []

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        now = time.perf_counter()
        if context.parent is not None:
            self.seconds.append(now - self.start)
            self.atoms.append(fitted_estimator.components_)
        self.start += time.perf_counter() - now


def objective(X, atoms, n_active):
    """Of the lasso, or of pursuit with so many active atoms."""
    options = LASSO if n_active is None else {**PURSUIT, "n_nonzero_coefs": n_active}
    codes = sparse_encode(X, atoms, sparse_output=True, **options)
    error = np.square(X - codes @ atoms, dtype=np.float64).sum() / 2
    return float(error + (ALPHA * np.abs(codes.data).sum(dtype=np.float64) if n_active is None else 0)) / len(X)


def until(X, target, n_active, params):
    """Seconds, iterations and objective when `target` is reached; no seconds if it is not."""
    clock = Clock()
    ksvd = KSVD(N_ATOMS, convergence_tol=0.0, max_iter=30, random_state=0, **params)
    if n_active is not None:
        ksvd.set_params(n_nonzero_coefs=n_active)
    ksvd.set_callbacks(clock).fit(X)
    for i, (seconds, atoms) in enumerate(zip(clock.seconds, clock.atoms, strict=True)):
        reached = objective(X, atoms, n_active)
        if reached <= target:
            return seconds, i + 1, reached
    return np.inf, len(clock.atoms), reached


OURS = {
    "online, lasso": (None, {"method": "online", **LASSO}),
    "K-SVD, lasso": (None, LASSO),
    "online, pursuit": ("as many", {"method": "online", **PURSUIT}),
    "K-SVD, pursuit": ("as many", PURSUIT),
}


def speed(X, options):
    """Rows of the table: seconds to scikit-learn's objective."""
    theirs, found, speedups = [], {name: [] for name in OURS}, []
    for params in [params for _, params in OURS.values()]:
        KSVD(N_ATOMS, max_iter=1, **params).fit(X[:600])  # loads what is compiled
    for turn in range(options.rounds):
        speedups.append(second_core.probe())
        start = time.perf_counter()
        atoms = MiniBatchDictionaryLearning(N_ATOMS, random_state=turn).fit(X).components_
        theirs.append(time.perf_counter() - start)
        n_active = round(sparse_encode(X, atoms, sparse_output=True, **LASSO).nnz / len(X))
        targets = {None: objective(X, atoms, None), "as many": objective(X, atoms, n_active)}
        print(f"scikit-learn: {theirs[-1]:.1f} s, {n_active} active atoms, objectives {targets}", flush=True)
        for name, (kind, params) in OURS.items():
            time.sleep(second_core.SETTLE)
            found[name].append((*until(X, targets[kind], n_active if kind else None, params), targets[kind]))
            print(f"{name}: {found[name][-1]}", flush=True)
    for name, each in found.items():
        seconds, iterations, reached, target = (median(column) for column in zip(*each, strict=True))
        ratios = [a / b[0] for a, b in zip(theirs, each, strict=True)]
        spread = f"{min(ratios):.0f}-{max(ratios):.0f}"
        times = [f"{median(theirs):.1f}", f"{seconds:.2f}", f"{median(ratios):.0f}", spread]
        yield [name, *times, f"{iterations:.0f}", f"{target:.3f}", f"{reached:.3f}", f"{min(speedups):.2f}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", nargs="*", choices=["recovery", "speed"], default=["recovery", "speed"])
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="three trials, one round; nothing is written")
    parser.add_argument("--mnist", help="path of a .npz file with X (70000, 784) and y; by default it is downloaded")
    parser.add_argument("--out", type=Path, default=processors.folder())
    options = parser.parse_args()
    if options.quick:
        options.trials, options.rounds = 3, 1
    warnings.simplefilter("ignore")  # solvers that end early
    about = [" ".join(part.split()) for part in __doc__.split("\n\n")]
    parts = ["# Dictionary learning", *about]
    if "recovery" in options.part:
        head = ["learner", "atoms found of 50", "standard deviation", "least", "s a fit"]
        parts.append(report.lines(head, list(recovery(options.trials))))
    if "speed" in options.part:
        from data import mnist

        images, note = mnist(options.mnist, np.random.default_rng(0))
        head = [
            "ours",
            "scikit-learn, s",
            "ours, s",
            "ratio",
            "min-max",
            "iterations",
            "its objective",
            "ours",
            "cores",
        ]
        parts += [note] if note else []
        parts.append(report.lines(head, list(speed(images[:N_ROWS].astype(np.float32), options))))
    text = "\n\n".join(parts) + "\n"
    print(text)
    if not options.quick:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "dictionaries.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
