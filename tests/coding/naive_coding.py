"""Algorithms of `skl_sae.coding` as plain NumPy: slow, obvious, one row at a time."""

import numpy as np
from scipy.optimize import linprog


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
