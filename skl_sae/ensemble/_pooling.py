"""Units of several fits, put into groups of those that are the same."""

import numpy as np

from .._kernels.norms import unit_rows
from ..metrics._dictionaries import best_pairs


def pool(dictionaries, order, similarity, signed):
    """Directions that fits have in common, and in how many of them each was found.

    Each fit in turn opens a group for each of its units that is in none yet, and units of the fits after it join: those
    that are matched one to one with the units of the new groups, and are similar enough.

    Parameters
    ----------
    dictionaries : list of ndarrays of shape (n_components, n_features)
    order : sequence of int
        The fits, the first one first.
    similarity : float
        Smallest cosine of two units that are the same.
    signed : bool
        Whether opposite directions are different.

    Returns
    -------
    directions : ndarray of shape (n_groups, n_features)
        Of norm one: the means of the groups.
    n_found : ndarray of int of shape (n_groups,)
        Number of fits with a unit in the group.
    """
    units = [unit_rows(np.asarray(dictionary, dtype=np.float64)) for dictionary in dictionaries]
    free = [each.any(axis=1) for each in units]
    directions, n_found = [], []
    for i, fit in enumerate(order):
        opened = units[fit][free[fit]]
        sums, count = opened.copy(), np.ones(len(opened), dtype=int)
        for other in order[i + 1 :]:
            candidates = np.flatnonzero(free[other])
            if len(candidates) == 0 or len(opened) == 0:
                continue
            cosines, mine, theirs = best_pairs(opened, units[other][candidates], signed)
            same = cosines[mine, theirs] >= similarity
            mine, theirs = mine[same], candidates[theirs[same]]
            joined = units[other][theirs]
            sums[mine] += np.where(np.einsum("ij,ij->i", joined, opened[mine]) < 0, -1, 1)[:, None] * joined
            count[mine] += 1
            free[other][theirs] = False
        directions.append(unit_rows(sums))
        n_found.append(count)
    return np.concatenate(directions), np.concatenate(n_found)


def most_common(directions, n_found, n_components, least):
    """Directions found in at least so many fits, the most common first, and at most so many directions."""
    kept = np.flatnonzero(n_found >= least)
    return directions[kept[np.argsort(-n_found[kept], kind="stable")][:n_components]]
