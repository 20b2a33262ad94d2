"""Products of atoms over the features that a row has, and the correlations of all atoms with what a code leaves of it.

A sum over the observed features is that over all without the missing ones, or it is made of the observed ones alone. So
a row with few missing entries costs little more than a complete one, and one with few observed entries less.
"""

import numpy as np

from .jit import jit, row_of


@jit
def choose_features(observed, room):
    """The missing features and the sign -1, or the observed ones and 1, whichever are fewer; `room` is filled."""
    n, d = 0, observed.size
    for f in range(d):
        n += observed[f]
    few = 2 * n < d
    kept = 0
    for f in range(d):
        if observed[f] == few:
            room[kept] = f
            kept += 1
    return room[:kept], 1 if few else -1


@jit
def product(gram, columns, features, sign, a, b):
    """Product of two atoms; `columns` (n_features, n_components) are needed if there are features to sum over."""
    total = 0.0
    for f in features:
        total += np.float64(columns[f, a]) * np.float64(columns[f, b])
    return total if sign > 0 else gram[a, b] - total


@jit
def correlate(p, gram, columns, features, sign, atoms, values, n, out):
    """Correlations with the residual of a code, which has n atoms with these values, from those with the row, `p`."""
    first, real = 0, out.dtype.type
    for j in range(out.size):
        out[j] = p[j]
    if sign < 0:
        while first + 4 <= n:  # four at a time: the sums are read and written less often
            a, b = row_of(gram, atoms[first]), row_of(gram, atoms[first + 1])
            c, d = row_of(gram, atoms[first + 2]), row_of(gram, atoms[first + 3])
            u, v, w, x = real(values[first]), real(values[first + 1]), real(values[first + 2]), real(values[first + 3])
            for j in range(out.size):
                out[j] -= u * a[j] + v * b[j] + w * c[j] + x * d[j]
            first += 4
        for i in range(first, n):
            row, value = row_of(gram, atoms[i]), real(values[i])
            for j in range(out.size):
                out[j] -= value * row[j]
    for f in features:
        row, fit = row_of(columns, f), 0.0
        for i in range(n):
            fit += values[i] * row[atoms[i]]
        value = real(fit * sign)
        for j in range(out.size):
            out[j] -= value * row[j]
