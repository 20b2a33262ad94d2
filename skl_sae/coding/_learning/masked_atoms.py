r"""The dictionary stage where values are missing: rank-one updates by the observed ones, one atom after the other.

With m the mask of the observed values, E the residual with the atom added back, and sums over the rows that use it:

.. math::

    d_f \leftarrow \frac{\sum_i m_{if}\, g_i E_{if}}{\sum_i m_{if}\, g_i^2}, \qquad
    d \leftarrow d / \|d\|, \qquad
    g_i \leftarrow \frac{\sum_f m_{if}\, E_{if} d_f}{\sum_f m_{if}\, d_f^2}

Features that no row of the atom has observed keep their value of the atom before.
"""

import numpy as np

from ..._kernels.jit import row_of
from ..._kernels.kernel import kernel
from ..._kernels.threads import partition, run

# Features and rows that a thread works on at a time.
FEATURES, ROWS = 128, 64


def update_masked_atoms(residual, entries, atoms, order, refit, observed):
    """One pass over some atoms, as `_atoms.update_atoms`; the residual is zero where a value is missing.

    Parameters
    ----------
    observed : ndarray of bool of shape (n_samples, n_features)
    """
    columns = partition(atoms.shape[1], FEATURES, 16)
    for k in order:
        where = entries.of(k)
        row, values = entries.row[where], entries.values[where]
        if not values.any():
            continue
        new = atoms[k].copy()
        run(lambda b, thread: _solve(row, values, residual, observed, new, *columns[b]), len(columns))  # noqa: B023
        scale = np.abs(new).max()
        if not (0 < scale < np.inf):
            continue
        new /= scale
        new /= np.linalg.norm(new)
        change, pieces = new - atoms[k], partition(row.size, ROWS, 1)
        run(
            lambda b, thread: _refit(row, values, change, new, residual, observed, refit, *pieces[b]),  # noqa: B023
            len(pieces),
        )
        entries.values[where], atoms[k] = values, new


@kernel("i1", "T1", "T2", "b2", "T1!", "n", "n")
def _solve(row, values, residual, observed, atom, lo, hi):
    """Least squares for each feature lo..hi of the atom."""
    step, weight = np.zeros(hi - lo, atom.dtype), np.zeros(hi - lo, atom.dtype)
    for e in range(row.size):
        r, seen, value = row_of(residual, row[e]), row_of(observed, row[e]), values[e]
        for j in range(hi - lo):
            step[j] += value * r[lo + j]
            weight[j] += value * value if seen[lo + j] else 0
    for j in range(hi - lo):
        if weight[j] > 0:
            atom[lo + j] += step[j] / weight[j]


@kernel("i1", "T1!", "T1", "T1", "T2!", "b2", "d1", "n", "n")
def _refit(row, values, change, atom, residual, observed, refit, lo, hi):
    """Let the residual follow the atom, then refit the entries lo..hi."""
    zero, penalty, positive = values.dtype.type(0), values.dtype.type(refit[0]), refit[1] > 0
    for e in range(lo, hi):
        r, seen, value = row_of(residual, row[e]), row_of(observed, row[e]), values[e]
        product, square = zero, zero
        for j in range(r.size):
            if seen[j]:
                r[j] -= value * change[j]
                product += r[j] * atom[j]
                square += atom[j] * atom[j]
        if square > 0:
            new = value * square + product
            if penalty > 0:
                new = max(new - penalty, zero) + min(new + penalty, zero)
            if positive:
                new = max(new, zero)
            new /= square
            step, values[e] = new - value, new
            for j in range(r.size):
                if seen[j]:
                    r[j] -= step * atom[j]
