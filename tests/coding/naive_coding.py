"""Slow twins of the coders: NumPy, a row at a time, by the definition."""

import numpy as np
from scipy.optimize import linprog, nnls


def pursuit(x, dictionary, n_nonzero_coefs, tol=0.0, positive=False, observed=None, gaps=None):
    """Orthogonal matching pursuit of one row, over what is observed.

    To `gaps` is added by how much each decision was made, as a share of the row: between the best atom and the next,
    between the residual and `tol`.
    """
    gaps = [] if gaps is None else gaps
    observed = np.ones(len(x), bool) if observed is None else observed
    x, atoms = x[observed], dictionary[:, observed]
    norms, z, support = np.linalg.norm(atoms, axis=1), np.zeros(len(dictionary)), []
    usable = norms > 0
    for _ in range(8 * n_nonzero_coefs):
        residual = x - z @ atoms
        products = np.divide(atoms @ residual, norms, out=np.zeros(len(atoms)), where=usable)
        products = products if positive else np.abs(products)
        products[support] = 0
        size = np.linalg.norm(x)
        best = np.sort(products)[::-1] / (size or 1)
        gaps += [best[0] - best[1] if len(best) > 1 else 1.0, best[0]]
        gaps.append(abs(residual @ residual - tol * observed.mean()) / (size**2 or 1) if tol else 1.0)
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
    """The smallest l1 norm of all x with ``A x = y``, as a linear program of both signs; None where that finds none."""
    if positive:
        return linprog(np.ones(A.shape[1]), A_eq=A, b_eq=y, method="highs").x
    parts = linprog(np.ones(2 * A.shape[1]), A_eq=np.hstack([A, -A]), b_eq=y, method="highs").x
    return None if parts is None else parts[: A.shape[1]] - parts[A.shape[1] :]


def mutual_coherence(atoms):
    """Largest cosine of two atoms, pair by pair."""
    pairs = [(a, b) for i, a in enumerate(atoms) for b in atoms[:i]]
    return max([abs(a @ b) / np.sqrt((a @ a) * (b @ b)) for a, b in pairs], default=0.0)


# dictionary learning


def soft(value, penalty, positive):
    value = np.sign(value) * max(abs(value) - penalty, 0)
    return max(value, 0) if positive else value


def dictionary_stage(X, Z, D, order, block_size, penalty=0.0, positive=False):
    """Approximate K-SVD on blocks of atoms: first the atoms, each on the sphere, then the entries, each alone."""
    Z, D = Z.copy(), D.copy()
    for lo in range(0, len(order), block_size):
        block = order[lo : lo + block_size]
        for k in block:
            direction = (X - Z @ D + np.outer(Z[:, k], D[k])).T @ Z[:, k]
            if np.linalg.norm(direction) > 0:
                D[k] = direction / np.linalg.norm(direction)
        for i in range(len(X)):
            for k in np.sort(block):
                if Z[i, k] != 0:
                    rest = X[i] - Z[i] @ D + Z[i, k] * D[k]
                    Z[i, k] = soft(rest @ D[k], penalty, positive)
    return Z, D


def exact_dictionary_stage(X, Z, D, order):
    """Exact K-SVD: a singular value decomposition for each atom."""
    Z, D = Z.copy(), D.copy()
    for k in order:
        rows = np.flatnonzero(Z[:, k])
        if rows.size:
            rest = X[rows] - Z[rows] @ D + np.outer(Z[rows, k], D[k])
            left, values, right = np.linalg.svd(rest, full_matrices=False)
            sign = 1 if right[0] @ D[k] >= 0 else -1
            Z[rows, k], D[k] = sign * values[0] * left[:, 0], sign * right[0]
    return Z, D


def masked_dictionary_stage(X, observed, Z, D, order, penalty=0.0, positive=False):
    """Updates of rank one by the observed values, one atom after the other."""
    Z, D = Z.copy(), D.copy()
    for k in order:
        rows = np.flatnonzero(Z[:, k])
        if not rows.size:
            continue
        rest = np.where(observed[rows], X[rows] - Z[rows] @ D + np.outer(Z[rows, k], D[k]), 0)
        g, m = Z[rows, k], observed[rows]
        for f in range(X.shape[1]):
            if (m[:, f] * g**2).sum() > 0:
                D[k, f] = (g * rest[:, f]).sum() / (m[:, f] * g**2).sum()
        D[k] /= np.linalg.norm(D[k])
        for i, row in enumerate(rows):
            square = (m[i] * D[k] ** 2).sum()
            if square > 0:
                Z[row, k] = soft(rest[i] @ D[k], penalty, positive) / square
    return Z, D


def online_update(gram, moment, D, n_frozen=0):
    """Atoms that minimise the error under the sums, each on the sphere, one after the other."""
    D = D.copy()
    for k in range(n_frozen, len(D)):
        direction = moment[k] - gram[k] @ D + gram[k, k] * D[k]
        if gram[k, k] > 0 and np.linalg.norm(direction) > 0:
            D[k] = direction / np.linalg.norm(direction)
    return D
