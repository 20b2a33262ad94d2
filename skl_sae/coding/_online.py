r"""Online dictionary learning: sums over all codes so far, and atoms that minimise the error under them.

With the codes Z of a batch of b rows, and :math:`\beta` that lets the past fade:

.. math::

    A \leftarrow \beta A + Z^\top Z / b, \qquad B \leftarrow \beta B + Z^\top X / b

Then each atom minimises :math:`\tfrac12 \mathrm{tr}(D^\top A D) - \mathrm{tr}(D^\top B)` on the sphere, one after the
other. Blocks of atoms take one product for what the other atoms contribute; within a block the sums follow each change,
so the steps are those of single atoms.
"""

import numpy as np
from scipy.sparse import issparse

from .._kernels.jit import row_of
from .._kernels.kernel import kernel
from .._kernels.products import multiply
from .._kernels.sparse_products import spmm_by_unit
from .._kernels.threads import partition, run
from ._atoms import sweep

# Atoms of a block, atoms whose sums a thread makes at a time, and features of a product that a thread makes.
BLOCK, ATOMS, FEATURES = 32, 16, 128


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

    def add(self, codes, entries, X, memory):
        """Add a batch.

        Parameters
        ----------
        codes : CSR array of shape (n_rows, n_components)
        entries : Entries
            The same codes by atom.
        X : {ndarray, CSR array} of shape (n_rows, n_features)
        memory : int or None
            Number of rows after which the past has faded; at the start it is the number of rows so far. None: the past
            never fades, all rows weigh the same.
        """
        n = X.shape[0]
        rows = self.n_rows + n
        keep = 1 - n / (rows if memory is None else min(rows, max(memory, n)))
        weights = (entries.values * ((1 - keep) / n)).astype(entries.values.dtype)
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
            self.moment += ((codes * ((1 - keep) / n)).T @ X).toarray()
        self.n_rows += n

    def forget(self, atoms):
        """Drop what stands for atoms that were replaced."""
        self.gram[atoms], self.gram[:, atoms], self.moment[atoms] = 0, 0, 0

    def update(self, atoms, n_frozen=0):
        """Update all atoms but the first ones, in place."""
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


@kernel("l1", "i1", "T1", "l1", "i1", "T1", "T2!")
def _add_products(ptr, row, values, indptr, indices, data, out):
    """out[k] += sum over the entries of atom k of value times the row of codes that it stands in."""
    for k in range(out.shape[0]):
        o = row_of(out, k)
        for e in range(ptr[k], ptr[k + 1]):
            value = values[e]
            for f in range(indptr[row[e]], indptr[row[e] + 1]):
                o[indices[f]] += value * data[f]
