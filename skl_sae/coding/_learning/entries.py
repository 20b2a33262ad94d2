"""The entries of a matrix of codes in another order: those of each atom together, or those of each group of atoms."""

from typing import NamedTuple

import numpy as np

from ..._kernels.kernel import kernel


class Entries(NamedTuple):
    """Codes ordered by atom; of each atom, by row. Those of atom k stand from ``ptr[k]`` to ``ptr[k + 1]``.

    Parameters
    ----------
    ptr : ndarray of int64 of shape (n_components + 1,)
    row, atom : ndarray of int32 of shape (n_entries,)
        The row of each entry, and the atom, which follows from `ptr`.
    values : ndarray of shape (n_entries,)
    order : ndarray of int64 of shape (n_entries,)
        Where each entry stands in the CSR matrix.
    """

    ptr: np.ndarray
    row: np.ndarray
    atom: np.ndarray
    values: np.ndarray
    order: np.ndarray

    def of(self, atom):
        """The entries of an atom, as a slice."""
        return slice(self.ptr[atom], self.ptr[atom + 1])

    def counts(self):
        """Number of rows that use each atom. Entries may be zero."""
        used = np.concatenate([[0], np.cumsum(self.values != 0)])
        return used[self.ptr[1:]] - used[self.ptr[:-1]]


def entries_of(codes):
    """Order the entries of a CSR matrix by atom."""
    atom = codes.indices.astype(np.int32, copy=False)
    row = np.repeat(np.arange(codes.shape[0], dtype=np.int32), np.diff(codes.indptr))
    ptr, order = order_by(atom, codes.shape[1])
    return Entries(ptr, row[order], atom[order], codes.data[order], order)


def order_by(key, n_keys):
    """Where the entries of each key begin, and the order of the entries by key; equal ones stay as they stand."""
    ptr, order = np.zeros(n_keys + 1, np.int64), np.empty(key.size, np.int64)
    _order(key, ptr, order)
    return ptr, order


@kernel("i1", "l1!", "l1!")
def _order(key, ptr, order):
    for e in range(key.size):
        ptr[key[e] + 1] += 1
    for k in range(ptr.size - 1):
        ptr[k + 1] += ptr[k]
    place = ptr.copy()
    for e in range(key.size):
        order[place[key[e]]] = e
        place[key[e]] += 1
