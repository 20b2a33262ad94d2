"""Rows of a dictionary that are chosen one by one, made orthogonal by their inner products alone.

With atoms d_m of norm one, and q_j what is left of the j-th chosen one without those before, divided by its norm,

    V[j, m] = <q_j, d_m>        L[j, i] = V[i, k_j]        y[j] = <x, q_j>

so ``L`` is the Cholesky factor of the Gram matrix of the chosen atoms, the best coefficients solve ``L.T z = y``, and
the residual's products with all atoms, ``p``, lose ``y[j] V[j]`` with each atom. No triangular system is solved on the
way (Rubinstein, Zibulevsky & Elad 2008, Batch-OMP, in the form of Gram and Schmidt).

``V`` is stored in chunks of columns (chunks, atoms, CHUNK), so that all rows of a chunk are read in one stream. Each
number is summed in the same order wherever its row stands.
"""

import numpy as np

from .jit import jit, row_of
from .maxima import largest_size, largest_value
from .sparse_products import WIDE, combine_wide

# Part of an atom's squared norm that the chosen ones must leave, or it is taken to be one of their combinations; and
# the part of a signal's norm that a product with it must exceed, to be more than rounding.
DEPENDENT = {4: 1e-5, 8: 1e-12}
ROUNDING = {4: 4e-6, 8: 7e-15}


def limits_of(dtype):
    """`DEPENDENT` and `ROUNDING` of a precision."""
    size = np.dtype(dtype).itemsize
    return np.array([DEPENDENT[size], ROUNDING[size]])


def chunks(width, dtype):
    """Number of chunks and of columns in one."""
    columns = WIDE // np.dtype(dtype).itemsize
    return -(-width // columns), columns


def padded(array):
    """The array with zeros behind its last axis, to whole chunks."""
    n, columns = chunks(array.shape[-1], array.dtype)
    out = np.zeros((*array.shape[:-1], n * columns), array.dtype)
    out[..., : array.shape[-1]] = array
    return out


@jit
def largest(p, free, best, columns, positive):
    """Write the largest product with an atom that is free, of each chunk."""
    for b in range(best.size):
        best[b] = largest_value(p, free, b * columns) if positive else largest_size(p, free, b * columns)


@jit
def choose(p, free, best, columns, positive):
    """The atom with the largest product and that product; of equal ones the first; -1 if there is none above zero."""
    chunk = 0
    for b in range(1, best.size):
        if best[b] > best[chunk]:
            chunk = b
    q, f = p[chunk * columns : (chunk + 1) * columns], free[chunk * columns : (chunk + 1) * columns]
    at, top = columns, best[chunk]
    for c in range(columns):  # without a way out, the loop is vectorised
        at = min(at, c if (q[c] if positive else abs(q[c])) * f[c] == top else columns)
    return chunk * columns + at if top > 0 and at < columns else -1


@jit
def project(V, k, n, L, w):
    """Products of atom k with the n chosen ones, in row n of L and negative in w; returns what is left of its norm."""
    columns = V.shape[2]
    chunk, c = k // columns, k % columns
    left = 1.0
    for i in range(n):
        product = V[chunk, i, c]
        L[n, i], w[i] = product, -product
        left -= np.float64(product) * np.float64(product)
    return left


@jit
def place(V, n, products):
    """Let row n of V be the products of an atom with all others."""
    columns = V.shape[2]
    for b in range(V.shape[0]):
        row, g = V[b, n], products[b * columns : (b + 1) * columns]
        for c in range(columns):
            row[c] = g[c]


@jit
def orthogonalise(V, n, norm, w, order):
    """Take from row n of V, the products of an atom with all others, the parts of the rows before; divide by `norm`."""
    inverse = V.dtype.type(1 / norm)
    columns = V.shape[2]
    for b in range(V.shape[0]):
        part, row = V[b], V[b, n]
        combine_wide(order, w, part, row, 0, n, 0)
        for c in range(columns):
            row[c] *= inverse


@jit
def subtract(V, n, y, p, free, best, positive):
    """Take the part of row n of V from the products of the residual, and find the largest ones."""
    columns = V.shape[2]
    for b in range(V.shape[0]):
        row, q = V[b, n], p[b * columns : (b + 1) * columns]
        for c in range(columns):
            q[c] -= y * row[c]
    largest(p, free, best, columns, positive)


@jit
def solve(L, y, n, z):
    """Coefficients of the first n chosen atoms."""
    for a in range(n - 1, -1, -1):
        total = y[a]
        for i in range(a + 1, n):
            total -= L[i, a] * z[i]
        z[a] = total / L[a, a]


@jit
def start(correlations, inverse, signal, columns, positive):
    """The products of a row with all atoms, of norm one, and the largest of each chunk."""
    _, p, free, best = signal
    for m in range(correlations.size):
        p[m] = correlations[m] * inverse[m]
        free[m] = 1 if inverse[m] > 0 else 0
    largest(p, free, best, columns, positive)


@jit
def masked_products(k, source):
    """Products of atom k with all others over the entries that are observed: their sum, or all but the others."""
    products, columns, observed, inverse, order, values, g = source
    there = 0
    for f in range(observed.size):
        there += observed[f]
    few = 2 * there < observed.size
    n, atom = 0, row_of(products, k)
    for f in range(observed.size):
        if observed[f] == few:
            order[n], values[n] = f, columns[f, k] if few else -columns[f, k]
            n += 1
    for m in range(g.size):
        g[m] = 0 if few else atom[m]
    for first in range(0, g.size, WIDE // g.itemsize):
        combine_wide(order, values, columns, g, 0, n, first)
    for m in range(inverse.size):
        g[m] *= inverse[k] * inverse[m]


@jit
def append(k, n, last, geometry, source, dependent):
    """Append atom k to the n chosen ones; False if it is one of their combinations. The last one needs no row of V."""
    V, L, w, order = geometry
    left = project(V, k, n, L, w)
    if not left > dependent:
        return False
    L[n, n] = np.sqrt(left)
    if not last:
        if source[1].size:
            masked_products(k, source)
            place(V, n, source[6])
        else:
            place(V, n, row_of(source[0], k))
        orthogonalise(V, n, L[n, n], w, order)
    return True


@jit
def join(k, n, last, geometry, signal, source, dependent, positive):
    """Append an atom and take its part from a signal; the atom is no longer free, whether it was appended or not."""
    (V, L, _, _), (y, p, free, best) = geometry, signal
    free[k] = 0
    if not append(k, n, last, geometry, source, dependent):
        largest(p, free, best, V.shape[2], positive)
        return False
    y[n] = p[k] / L[n, n]
    if not last:
        subtract(V, n, y[n], p, free, best, positive)
    return True
