r"""The dictionary stage of approximate K-SVD, on blocks of atoms.

For one atom d with the entries g of the rows I that use it, and the residual R = X - ZD, K-SVD makes two steps:

.. math::

    d \leftarrow \frac{R_I^\top g + \|g\|^2 d}{\|R_I^\top g + \|g\|^2 d\|}, \qquad
    g \leftarrow g + R_I d, \qquad R \text{ follows.}

Each minimises :math:`\|R\|^2`. Atom after atom, nothing could be shared out to threads but short rows. So the atoms of
a block make the first step one after the other, by the Gram matrix of their entries instead of the residual; then the
rows make the second, each for its entries in the block, one after the other. Sums over rows and over entries are made
by one thread each, and every single step still minimises the error. A block of one atom is K-SVD to the letter.
"""

import numpy as np

from ..._kernels.jit import row_of
from ..._kernels.kernel import kernel
from ..._kernels.sparse_products import spmm_by_unit
from ..._kernels.threads import partition, run
from .entries import order_by

# Atoms of a block, and entries of it that a thread refits at a time.
ATOMS, ENTRIES = 16, 512


def update_atoms(residual, entries, atoms, order, refit):
    """One pass over some atoms; `residual`, the values of `entries` and `atoms` are changed in place.

    Parameters
    ----------
    residual : ndarray of shape (n_samples, n_features)
    entries : Entries
    atoms : ndarray of shape (n_components, n_features)
        Of norm one, those in `order`.
    order : ndarray of int of shape (n_atoms,)
        The atoms that are updated, in this order.
    refit : ndarray of shape (2,)
        Penalty of the absolute value of an entry, and whether (above 0) entries must not be negative.
    """
    blocks = [order[lo:hi] for lo, hi in partition(len(order), ATOMS, 1)]
    block_of, slot = np.full(len(atoms), len(blocks), np.int32), np.zeros(len(atoms), np.int32)
    for b, block in enumerate(blocks):
        block_of[block], slot[block] = b, np.arange(len(block))
    # by row within a block: in the CSR matrix, entries stand by row
    in_csr = np.empty(entries.order.size, np.int64)
    in_csr[entries.order] = np.arange(in_csr.size)
    ptr, by_row = order_by(block_of[entries.atom[in_csr]], len(blocks) + 1)
    by_row = in_csr[by_row]
    for b, block in enumerate(blocks):
        where = by_row[ptr[b] : ptr[b + 1]]
        if where.size:
            _update_block(residual, entries, atoms, block, where, slot, refit)


def _update_block(residual, entries, atoms, block, where, slot, refit):
    row, place = entries.row[where], slot[entries.atom[where]]
    gradient, gram = np.empty((len(block), atoms.shape[1]), atoms.dtype), np.zeros((len(block),) * 2, atoms.dtype)

    def first_step(i, thread):
        ptr = entries.ptr[block[i] : block[i] + 2]
        spmm_by_unit(ptr, entries.row, entries.values, residual, gradient[i : i + 1], False)

    run(first_step, len(block))
    _gram_of_entries(row, place, where, entries.values, gram)
    new, change = atoms[block], np.empty_like(gradient)
    sweep(gram, gradient, new, change)
    atoms[block] = new
    pieces = partition(where.size, ENTRIES, 1)
    run(
        lambda i, thread: refit_entries(row, place, where, entries.values, change, new, residual, refit, *pieces[i]),
        len(pieces),
    )


@kernel("i1", "i1", "l1", "T1", "T2!")
def _gram_of_entries(row, place, where, values, gram):
    """Products of the entries that stand in one row, summed over the rows."""
    first = 0
    for e in range(row.size):
        if row[e] != row[first]:
            first = e
        for f in range(first, e + 1):
            product = values[where[e]] * values[where[f]]
            gram[place[e], place[f]] += product
            if e != f:
                gram[place[f], place[e]] += product


@kernel("T2", "T2!", "T2!", "T2!")
def sweep(gram, gradient, atoms, change):
    """Let atoms minimise the error one after the other, each on the sphere, with all codes as they are.

    `gram` is that of the codes, and `gradient` the product of codes and residual, which follows. Atoms without codes
    stay. `change` becomes what was added to each.
    """
    for k in range(atoms.shape[0]):
        d, g, c, weight = row_of(atoms, k), row_of(gradient, k), row_of(change, k), gram[k, k]
        largest, square = g.dtype.type(0), g.dtype.type(0)
        for j in range(d.size):
            c[j] = g[j] + weight * d[j]
            largest = max(largest, abs(c[j]))
        if weight > 0 and largest > 0:
            for j in range(d.size):
                c[j] /= largest
                square += c[j] * c[j]
            factor = 1 / np.sqrt(square)
            for j in range(d.size):
                c[j] = c[j] * factor - d[j]
                d[j] += c[j]
            for i in range(k + 1, atoms.shape[0]):
                if gram[i, k] != 0:
                    other, product = row_of(gradient, i), gram[i, k]
                    for j in range(d.size):
                        other[j] -= product * c[j]
        else:
            for j in range(d.size):
                c[j] = 0


@kernel("i1", "i1", "l1", "T1!", "T2", "T2", "T2!", "d1", "n", "n")
def refit_entries(row, place, where, values, change, atoms, residual, refit, lo, hi):
    """Let the residual follow the atoms; then refit the entries, one after the other. Rows that begin in lo..hi."""
    e = lo
    while e > 0 and e < hi and row[e] == row[e - 1]:
        e += 1
    penalty, positive, zero = values.dtype.type(refit[0]), refit[1] > 0, values.dtype.type(0)
    while e < hi:
        r, last = row_of(residual, row[e]), e
        while last < row.size and row[last] == row[e]:
            value, c = values[where[last]], row_of(change, place[last])
            for j in range(r.size):
                r[j] -= value * c[j]
            last += 1
        for f in range(e, last):
            value, d, step = values[where[f]], row_of(atoms, place[f]), zero
            for j in range(r.size):
                step += r[j] * d[j]
            new = value + step
            if penalty > 0:
                new = max(new - penalty, zero) + min(new + penalty, zero)
            if positive:
                new = max(new, zero)
            values[where[f]], step = new, new - value
            for j in range(r.size):
                r[j] -= step * d[j]
        e = last
