"""Where dictionary learning begins: atoms from rows of the data, from its singular vectors, cosines, or any."""

import numpy as np
from scipy.linalg import eigh
from scipy.sparse import issparse

from ..._kernels.norms import unit_rows

# Rows of the data that are read at a time.
ROWS = 1024


def start_atoms(X, n_components, dict_init, n_frozen, random_state, dtype):
    """Make a dictionary of atoms of norm one.

    Parameters
    ----------
    X : {ndarray, CSR array} of shape (n_samples, n_features)
        Data, zero where missing.
    n_components : int
    dict_init : {"data", "random", "svd", "dct", "dct2"} or ndarray of shape (at most n_components, n_features)
        Where there are fewer atoms than asked for, rows of the data follow.
    n_frozen : int
        Number of first atoms of an array that keep their norm.
    random_state : RandomState
    dtype : dtype

    Returns
    -------
    atoms : ndarray of shape (n_components, n_features)
        Of norm one, but for the frozen ones.
    """
    if not isinstance(dict_init, str):
        first = np.concatenate([dict_init[:n_frozen], unit_rows(dict_init[n_frozen:])]).astype(dtype)
    else:
        first = unit_rows(STARTS[dict_init](X, n_components, random_state)).astype(dtype)
    rest = rows_as_atoms(X, n_components - len(first), random_state).astype(dtype)
    return np.concatenate([first, rest])


def rows_as_atoms(X, n, random_state):
    """Different rows of the data that are not zero, in random order; random directions where there are too few."""
    order, atoms, found = random_state.permutation(X.shape[0]), np.empty((n, X.shape[1])), 0
    step = min(max(n, 64), ROWS)
    for lo in range(0, len(order), step):
        rows = _dense(X, order[lo : lo + step])
        rows = rows[np.abs(rows).max(axis=1) > 0][: n - found]
        atoms[found : found + len(rows)] = rows
        found += len(rows)
        if found == n:
            break
    atoms[found:] = random_state.standard_normal(atoms[found:].shape)
    return unit_rows(atoms)


def _dense(X, rows):
    part = X[rows]
    return np.asarray(part.toarray() if issparse(part) else part, np.float64)


def _none(X, n_components, random_state):
    return np.empty((0, X.shape[1]))


def _directions(X, n_components, random_state):
    return random_state.standard_normal((n_components, X.shape[1]))


def _singular_vectors(X, n_components, random_state):
    """Right singular vectors, of the largest singular values first, as far as these are above rounding errors."""
    gram = np.zeros((X.shape[1],) * 2)
    for lo in range(0, X.shape[0], ROWS):
        rows = _dense(X, slice(lo, lo + ROWS))
        gram += rows.T @ rows
    n = min(n_components, len(gram))
    values, vectors = eigh(gram, subset_by_index=[len(gram) - n, len(gram) - 1])
    vectors = vectors[:, values > 1e-10 * max(values[-1], 0)].T[::-1]
    signs = np.sign(vectors[np.arange(len(vectors)), np.abs(vectors).argmax(axis=1)])
    return vectors * signs[:, None]


def _cosines(X, n_components, random_state):
    r"""Overcomplete cosine transform: :math:`\cos(\pi k (2 j + 1) / 2 n)` with k / n of `n_components` frequencies."""
    return _waves(X.shape[1], n_components)


def _waves(n_features, n_waves):
    j, k = np.arange(n_features), np.arange(n_waves)[:, None]
    waves = np.cos(np.pi * k * (2 * j + 1) / (2 * max(n_waves, n_features)))
    waves[1:] -= waves[1:].mean(axis=1, keepdims=True)
    return unit_rows(waves[np.abs(waves).max(axis=1) > 1e-10])


def _cosines_2d(X, n_components, random_state):
    """Products of such waves along both sides of a square, those of the lowest frequencies first."""
    side = round(X.shape[1] ** 0.5)
    if side**2 != X.shape[1]:
        raise ValueError(
            f"dict_init='dct2' is for square images: got {X.shape[1]} features, expected a square number of them. "
            "Use dict_init='dct', or an array."
        )
    n_waves = int(np.ceil(n_components**0.5))
    waves = _waves(side, n_waves)
    n_waves = len(waves)
    both = np.einsum("ai,bj->abij", waves, waves).reshape(n_waves**2, -1)
    frequency = np.add.outer(np.arange(n_waves), np.arange(n_waves)).ravel()
    return both[np.argsort(frequency, kind="stable")][:n_components]


STARTS = {"data": _none, "random": _directions, "svd": _singular_vectors, "dct": _cosines, "dct2": _cosines_2d}
