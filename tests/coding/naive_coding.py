"""Slow twins of the coders: NumPy, a row at a time, by the definition."""

import numpy as np
from scipy.optimize import linprog, nnls


def pursuit(x, dictionary, n_nonzero_coefs, tol=0.0, positive=False, observed=None):
    """Orthogonal matching pursuit of one row, over what is observed."""
    observed = np.ones(len(x), bool) if observed is None else observed
    x, atoms = x[observed], dictionary[:, observed]
    norms, z, support = np.linalg.norm(atoms, axis=1), np.zeros(len(dictionary)), []
    usable = norms > 0
    for _ in range(8 * n_nonzero_coefs):
        residual = x - z @ atoms
        products = np.divide(atoms @ residual, norms, out=np.zeros(len(atoms)), where=usable)
        products = products if positive else np.abs(products)
        products[support] = 0
        if len(support) == n_nonzero_coefs or residual @ residual <= tol * observed.mean():
            break
        if products.max(initial=0) <= 1e-12 * np.linalg.norm(x):
            break
        support = [*support, int(products.argmax())]
        z[:] = 0
        z[support] = nnls(atoms[support].T, x)[0] if positive else np.linalg.lstsq(atoms[support].T, x, rcond=None)[0]
        support = [j for j in support if z[j] > 0] if positive else support
    return z


def group_pursuit(X, dictionary, n_nonzero_coefs, observed=None):
    """Pursuit of some rows with one support."""
    observed = np.ones(X.shape, bool) if observed is None else observed
    norms, Z, support = np.sqrt(observed @ np.square(dictionary).T), np.zeros((len(X), len(dictionary))), []
    for _ in range(n_nonzero_coefs):
        residual = np.where(observed, X - Z @ dictionary, 0)
        sums = np.square(residual @ dictionary.T / norms).sum(axis=0)
        sums[support] = -1
        support.append(int(sums.argmax()))
        for z, x, there in zip(Z, X, observed, strict=True):
            z[support] = np.linalg.lstsq(dictionary[support][:, there].T, x[there], rcond=None)[0]
    return Z


def basis_pursuit(A, y, positive=False):
    """The smallest l1 norm of all x with ``A x = y``, as a linear program of the positive and negative parts."""
    if positive:
        return linprog(np.ones(A.shape[1]), A_eq=A, b_eq=y, method="highs").x
    parts = linprog(np.ones(2 * A.shape[1]), A_eq=np.hstack([A, -A]), b_eq=y, method="highs").x
    return parts[: A.shape[1]] - parts[A.shape[1] :]


def mutual_coherence(atoms):
    """Largest cosine of two atoms, pair by pair."""
    pairs = [(a, b) for i, a in enumerate(atoms) for b in atoms[:i]]
    return max([abs(a @ b) / np.sqrt((a @ a) * (b @ b)) for a, b in pairs], default=0.0)
