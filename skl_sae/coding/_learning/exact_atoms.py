"""The dictionary stage of exact K-SVD: each atom, with its entries, becomes the best matrix of rank one in its turn."""

import numpy as np
from scipy.linalg import eigh


def update_atoms_exactly(residual, entries, atoms, order, refit):
    """One pass over some atoms, as `_atoms.update_atoms`.

    The leading pair of singular vectors comes from the Gram matrix of the smaller side, in float64: rows of the data
    are never on both sides. Signs are those nearest to the atom before. With a penalty or a sign to keep, the entries
    are then refitted to the new atom.
    """
    for k in order:
        where = entries.of(k)
        row, g = entries.row[where], entries.values[where]
        if not g.any():
            continue
        part = residual[row]  # a copy
        part += np.outer(g, atoms[k])
        atom = _leading_direction(part, atoms[k])
        if atom is None:
            continue
        new = (part @ atom).astype(atoms.dtype)
        new = refitted(new, refit)
        part -= np.outer(new, atom)
        residual[row], entries.values[where], atoms[k] = part, new, atom


def refitted(values, refit):
    """Entries that minimise the error, moved by the penalty and kept from being negative."""
    if refit[0] > 0:
        values = np.sign(values) * np.maximum(np.abs(values) - values.dtype.type(refit[0]), 0)
    return np.maximum(values, 0) if refit[1] > 0 else values


def _leading_direction(part, before):
    """Right singular vector of the largest singular value; None for zeros."""
    scale = np.abs(part).max(initial=0)
    if not scale > 0:
        return None
    part = (part / scale).astype(np.float64)
    wide = len(part) < part.shape[1]
    gram = part @ part.T if wide else part.T @ part
    vector = eigh(gram, subset_by_index=[len(gram) - 1] * 2, check_finite=False)[1][:, 0]
    vector = vector @ part if wide else vector
    vector /= np.linalg.norm(vector)
    return (vector if vector @ before >= 0 else -vector).astype(before.dtype)
