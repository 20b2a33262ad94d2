r"""Online dictionary learning: sums over all codes so far, and atoms that minimise the error under them.

With the codes Z of a batch of b rows, and :math:`\beta` that lets the past fade:

.. math::

    A \leftarrow \beta A + Z^\top Z / b, \qquad B \leftarrow \beta B + Z^\top X / b

Then each atom minimises :math:`\tfrac12 \mathrm{tr}(D^\top A D) - \mathrm{tr}(D^\top B)` on the sphere, one after the
other. Blocks of atoms take one product for what the other atoms contribute; within a block the sums follow each change,
so the steps are those of single atoms.
"""

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array, issparse

from ..._kernels.jit import row_of
from ..._kernels.kernel import kernel
from ..._kernels.norms import normalise_rows
from ..._kernels.products import multiply
from ..._kernels.sparse_products import spmm_by_unit
from ..._kernels.threads import partition, run
from .atoms import sweep

# Atoms of a block, atoms whose sums a thread makes at a time, and features of a product that a thread makes.
BLOCK, ATOMS, FEATURES = 32, 16, 128


class Pace(NamedTuple):
    """How fast the past fades and atoms move.

    Parameters
    ----------
    memory : int or None
        Number of rows after which the past has faded; at the start it is the number of rows so far. None: it never
        fades, and all rows weigh the same.
    max_share : float or None
        Largest share that one row may hold of the squared entries of an atom: larger entries count as much less.
    relaxation : float
        By how much atoms go further than to the minimum.
    """

    memory: int | None
    max_share: float | None
    relaxation: float


class Statistics:
    """The sums, and how many steps and rows they stand for.

    Parameters
    ----------
    n_components, n_features : int
    dtype : dtype
    """

    def __init__(self, n_components, n_features, dtype):
        self.gram = np.zeros((n_components, n_components), dtype)
        self.moment = np.zeros((n_components, n_features), dtype)
        self.n_rows = 0

    def copy(self):
        other = Statistics(*self.moment.shape, self.moment.dtype)
        other.gram[...], other.moment[...], other.n_rows = self.gram, self.moment, self.n_rows
        return other

    def rescale(self, factor):
        """Change the unit of the data: codes and rows are multiplied by a factor."""
        self.gram *= factor**2
        self.moment *= factor**2

    def add(self, codes, entries, X, pace):
        """Add a batch.

        Parameters
        ----------
        codes : CSR array of shape (n_rows, n_components)
        entries : Entries
            The same codes by atom.
        X : {ndarray, CSR array} of shape (n_rows, n_features)
        pace : Pace
        """
        n, memory = X.shape[0], np.inf if pace.memory is None else pace.memory
        keep = 1 - n / min(self.n_rows + n, max(memory, n))
        weights = self._capped(entries, pace.max_share, min(self.n_rows, memory)) * ((1 - keep) / n)
        weights = weights.astype(entries.values.dtype, copy=False)
        indptr, indices = codes.indptr.astype(np.int64, copy=False), codes.indices.astype(np.int32, copy=False)
        self.gram *= keep
        self.moment *= keep
        blocks = partition(len(self.gram), ATOMS, 1)
        dense = not issparse(X)

        def add_block(b, thread):
            lo, hi = blocks[b]
            _add_products(entries.ptr[lo : hi + 1], entries.row, weights, indptr, indices, codes.data, self.gram[lo:hi])
            if dense:
                spmm_by_unit(entries.ptr[lo : hi + 1], entries.row, weights, X, self.moment[lo:hi], True)

        run(add_block, len(blocks))
        if not dense:
            self.moment += (csr_array((weights, entries.row, entries.ptr), shape=codes.shape[::-1]) @ X).toarray()
        self.n_rows += n

    def _capped(self, entries, max_share, n_rows):
        """The entries as they count for their own atom: none holds more than a share of its squares so far."""
        if max_share is None:
            return entries.values
        caps = np.sqrt(max_share * n_rows * np.maximum(self.gram.diagonal(), 0))
        caps = np.where(caps > 0, caps, np.inf).astype(entries.values.dtype)[entries.atom]
        return np.clip(entries.values, -caps, caps)

    def forget(self, atoms):
        """Drop what stands for atoms that were replaced."""
        self.gram[atoms], self.gram[:, atoms], self.moment[atoms] = 0, 0, 0

    def update(self, atoms, n_frozen=0, relaxation=1.0):
        """Update all atoms but the first ones, in place; with a `relaxation` above 1 they go that much further."""
        before = atoms[n_frozen:].copy()
        columns = partition(atoms.shape[1], FEATURES)
        for lo, hi in partition(len(atoms) - n_frozen, BLOCK, 1):
            block = slice(n_frozen + lo, n_frozen + hi)
            gram, gradient = -self.gram[block], self.moment[block].copy()

            def subtract(b, thread):
                part = slice(*columns[b])
                out = gradient[:, part]  # noqa: B023
                multiply(gram, atoms[:, part], out, out)  # noqa: B023

            run(subtract, len(columns))
            sweep(self.gram[block, block], gradient, atoms[block], np.empty_like(gradient))
        if relaxation != 1:
            new = atoms[n_frozen:]
            new += (relaxation - 1) * (new - before)
            normalise_rows(new)


@kernel("l1", "i1", "T1", "l1", "i1", "T1", "T2!")
def _add_products(ptr, row, values, indptr, indices, data, out):
    """out[k] += sum over the entries of atom k of value times the row of codes that it stands in."""
    for k in range(out.shape[0]):
        o = row_of(out, k)
        for e in range(ptr[k], ptr[k + 1]):
            value = values[e]
            for f in range(indptr[row[e]], indptr[row[e] + 1]):
                o[indices[f]] += value * data[f]
