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


# codes with an L1 penalty, and by thresholds


def lasso_objective(x, z, dictionary, alpha, observed=None):
    """Half the squared error over what is observed, plus alpha times the L1 norm."""
    residual = x - z @ dictionary
    return 0.5 * np.square(residual if observed is None else residual[observed]).sum() + alpha * np.abs(z).sum()


def lasso_violation(x, z, dictionary, alpha, positive=False, observed=None):
    """By how much the optimality conditions fail: alpha on the support, with its sign, and at most alpha elsewhere."""
    observed = np.ones(len(x), bool) if observed is None else observed
    c = dictionary[:, observed] @ (x - z @ dictionary)[observed]
    outside = np.maximum((c if positive else np.abs(c)) - alpha, 0)
    return np.where(z != 0, np.abs(c - alpha * np.sign(z)), outside).max()


def top_k(x, dictionary, k, positive=False, observed=None):
    """The k atoms that alone explain most, each with its own least-squares coefficient."""
    observed = np.ones(len(x), bool) if observed is None else observed
    z = np.zeros(len(dictionary))
    for j, atom in enumerate(dictionary[:, observed]):
        z[j] = atom @ x[observed] / (atom @ atom) if atom @ atom > 0 else 0
    z = np.maximum(z, 0) if positive else z
    sizes = np.abs(z) * np.linalg.norm(dictionary[:, observed], axis=1)
    z[np.argsort(-sizes, kind="stable")[k:]] = 0
    return z


def iterative_thresholding(x, dictionary, k, positive=False, observed=None):
    """Gradient steps of which the k largest coefficients are kept, and least squares once the support stays."""
    observed = np.ones(len(x), bool) if observed is None else observed
    x, atoms = x[observed], dictionary[:, observed]
    norms = np.linalg.norm(atoms, axis=1)
    atoms, z, step, fitted = atoms / norms[:, None], np.zeros(len(atoms)), 1.0, False
    while True:
        c = atoms @ (x - z @ atoms)
        new = z + step * c
        new = np.maximum(new, 0) if positive else new
        new[np.argsort(-np.abs(new), kind="stable")[k:]] = 0
        stays = ((new != 0) == (z != 0)).all()
        if stays and fitted:
            return z / norms
        if stays:
            on = np.flatnonzero(new)
            new[on] = nnls(atoms[on].T, x)[0] if positive else np.linalg.lstsq(atoms[on].T, x, rcond=None)[0]
        change, image = new - z, (new - z) @ atoms
        if stays or step * (image @ image) <= 0.99 * (change @ change):
            z, fitted = new, stays
            step = change @ change / (image @ image) if image @ image > 0 else step
        else:
            step /= 2


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
