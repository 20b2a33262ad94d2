"""Random small problems of sparse coding, against the slow twins.

python tests/fuzz_coding.py --problems 2000 --seed 0
python tests/fuzz_coding.py --only 17 --seed 0        one of them, with its parameters and the traceback
"""

import argparse
import sys
import traceback
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
from scipy import sparse
from scipy.optimize import nnls
from sklearn.exceptions import ConvergenceWarning

sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent / "coding")]

import naive_coding as naive  # noqa: E402

from skl_sae.coding import sparse_encode  # noqa: E402
from skl_sae.coding._sparse_encode import CODERS  # noqa: E402

# What may be missed, relative to the largest numbers of a problem, in float64 and float32.
CLOSE = {np.dtype(np.float64): 1e-6, np.dtype(np.float32): 3e-3}
# Choices between numbers that are as close as this may fall either way.
TIE = {np.dtype(np.float64): 1e-9, np.dtype(np.float32): 1e-4}


def problem(rng):
    """Rows, atoms, what is observed, and options."""
    n, n_features, n_atoms = rng.integers(1, 7), rng.integers(1, 13), rng.integers(1, 25)
    D = rng.standard_normal((n_atoms, n_features)) * (rng.uniform(0.1, 3, (n_atoms, 1)) if rng.random() < 0.5 else 1)
    X = rng.standard_normal((n, n_features))
    kind = rng.choice(["plain", "copies", "zeros", "low rank", "positive", "sparse", "constant"])
    if kind == "copies":
        D[n_atoms // 2 :] = D[: n_atoms - n_atoms // 2] * rng.choice([1, -2])
    elif kind == "zeros":
        D[rng.random(n_atoms) < 0.3], X[rng.random(n) < 0.3] = 0, 0
    elif kind == "low rank":
        basis = rng.standard_normal((max(1, n_features // 2), n_features))
        D = rng.standard_normal((n_atoms, len(basis))) @ basis
    elif kind == "positive":
        D, X = np.abs(D), np.abs(X)
    elif kind == "sparse":
        X = np.where(rng.random((n, n_atoms)) < 0.2, rng.standard_normal((n, n_atoms)), 0) @ D
    elif kind == "constant":
        X[:, 0], D[:, -1] = 1, 1
    mask = rng.random(X.shape) < 0.7 if rng.random() < 0.3 else None
    dtype = np.dtype(rng.choice(["float64", "float64", "float32"]))
    factor = 10.0 ** rng.choice([0, 0, 0, -9, 9])
    options = {
        "algorithm": str(rng.choice(sorted(CODERS))),
        "positive": bool(rng.random() < 0.3),
        "n_nonzero_coefs": int(rng.integers(1, n_atoms + 4)),
    }
    return (X * factor).astype(dtype), D.astype(dtype), mask, options, factor, kind


def run(rng, seen):
    X, D, mask, options, factor, kind = problem(rng)
    algorithm = options["algorithm"]
    if algorithm in ("lasso", "fista", "threshold"):
        options["alpha"] = factor * float(rng.choice([0.05, 0.5, 2.0]))
    if algorithm == "omp" and rng.random() < 0.4:
        options["tol"] = factor**2 * float(rng.choice([0.01, 1.0]))
    if algorithm == "basis_pursuit":
        mask = None
    described = (
        f"{options}, {kind}, {X.shape} with {len(D)} atoms, {X.dtype}, times {factor:g}, mask {mask is not None}"
    )
    given = X if mask is not None or rng.random() < 0.7 else sparse.csr_array(X)
    try:
        codes = sparse_encode(given, D, mask=mask, **options)
    except ConvergenceWarning as warning:
        if algorithm == "fista" and X.dtype == np.float32:  # its gap may not be seen below rounding
            seen["fista that is told not to have converged"] += 1
            return
        raise AssertionError(described) from warning
    except ValueError as error:
        assert "noise in basis_pursuit" in str(error), described
        seen["infeasible"] += 1
        if X.dtype == np.float32:  # what the atoms span is another question in float64
            return
        misses = [np.abs(x - (nnls(D.T, x)[0] if options["positive"] else np.linalg.lstsq(D.T, x)[0]) @ D) for x in X]
        assert max(each.max() for each in misses) > 1e-7 * factor, described
        return
    assert codes.dtype == X.dtype and codes.shape == (len(X), len(D)) and np.isfinite(codes).all(), described
    assert not options["positive"] or codes.min() >= 0, described
    observed = np.ones(X.shape, bool) if mask is None else mask
    for x, z, there in zip(X.astype(float), codes.astype(float), observed, strict=True):
        seen[algorithm] += 1
        CHECKS[algorithm](x, z, D.astype(float), there, options, X.dtype, described)


def check_pursuit(x, z, D, there, options, dtype, described):
    gaps = []
    k = min(options["n_nonzero_coefs"], len(D))
    twin = naive.pursuit(x, D, k, options.get("tol", 0.0), options["positive"], there, gaps)
    size = max(np.abs(twin).max(), np.abs(z).max())
    clear = min(gaps, default=1) > TIE[dtype]
    assert not clear or np.abs(twin - z).max() <= CLOSE[dtype] * size, f"{described}: {twin} but {z}"
    assert (z != 0).sum() <= k, described


def check_lasso(x, z, D, there, options, dtype, described):
    alpha = options["alpha"]
    exact = sparse_encode(
        np.where(there, x, np.nan)[None], D, algorithm="lasso", alpha=alpha, positive=options["positive"]
    )
    best = naive.lasso_objective(x, exact[0], D, alpha, there)
    violation = naive.lasso_violation(x, exact[0], D, alpha, options["positive"], there)
    assert violation <= 1e-5 * max(alpha, np.abs(D[:, there] @ x[there]).max(initial=0)), f"{described}: {violation}"
    excess = naive.lasso_objective(x, z, D, alpha, there) - best
    assert excess <= (1e-4 if dtype == np.float32 else 1e-6) * (x[there] @ x[there]), f"{described}: {excess}"


def check_threshold(x, z, D, there, options, dtype, described):
    c = np.where(there, x, 0) @ D.T
    c = np.maximum(c, 0) if options["positive"] else c
    twin = np.sign(c) * np.maximum(np.abs(c) - options["alpha"], 0)
    assert np.abs(twin - z).max() <= CLOSE[dtype] * max(np.abs(c).max(), options["alpha"]), described


def check_top_k(x, z, D, there, options, dtype, described):
    k = min(options["n_nonzero_coefs"], len(D))
    twin = naive.top_k(x, D, k, options["positive"], there)
    norms = np.linalg.norm(D[:, there], axis=1)
    mine, others = np.sort(np.abs(z) * norms), np.sort(np.abs(twin) * norms)  # ties fall either way
    assert np.abs(mine - others).max() <= CLOSE[dtype] * max(others.max(), 1e-300), f"{described}: {twin} but {z}"


def check_iterative_thresholding(x, z, D, there, options, dtype, described):
    on = z != 0
    residual = np.where(there, x - z @ D, 0)
    assert on.sum() <= options["n_nonzero_coefs"], described
    products = D[on] @ residual
    size = np.linalg.norm(x[there]) * np.linalg.norm(D, axis=1).max()
    assert np.abs(products).max(initial=0) <= 10 * CLOSE[dtype] * size, f"{described}: {z} is not least squares"


def check_basis_pursuit(x, z, D, there, options, dtype, described):
    size = max(np.abs(x).max(), 1e-300)
    assert np.abs(x - z @ D).max() <= 10 * CLOSE[dtype] * size, described
    twin = naive.basis_pursuit(D.T, x / size, options["positive"])
    if dtype == np.float64 and twin is not None:
        assert np.abs(z).sum() / size <= np.abs(twin).sum() * (1 + 1e-6) + 1e-9, f"{described}: {twin * size} but {z}"


CHECKS = {
    "omp": check_pursuit,
    "lasso": check_lasso,
    "fista": check_lasso,
    "threshold": check_threshold,
    "topk": check_top_k,
    "iht": check_iterative_thresholding,
    "basis_pursuit": check_basis_pursuit,
}


def fuzz(numbers, seed):
    """Run these problems; returns what failed, and how many rows each algorithm has coded."""
    failures, seen = [], Counter()
    for number in numbers:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                run(np.random.default_rng([seed, number]), seen)
        except Exception:
            failures.append((number, traceback.format_exc()))
    return failures, seen


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int)
    options = parser.parse_args()
    numbers = range(options.problems) if options.only is None else [options.only]
    failures, seen = fuzz(numbers, options.seed)
    for number, text in failures:
        print(f"problem {number}\n{text}")
    print(
        f"{len(failures)} of {len(numbers)} problems failed: {[number for number, _ in failures]}; rows: {dict(seen)}"
    )
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
