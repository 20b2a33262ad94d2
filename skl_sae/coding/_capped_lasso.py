r"""The lasso for learning from few rows: entries of a code are capped, so that no atom becomes a single row.

.. math::

    \min_z \tfrac12 \|x - z D\|^2 + \alpha \|z\|_1 \quad \text{with } |z_j| \le \sqrt{c \, E_j}

where E_j is the energy of atom j, the sum of its squared entries over all rows in the last pass, and c the share of it
that one row may hold. Where rows are few, the plain objective is lowest for atoms that are rows of the data: each then
has one large entry. The cap makes such an atom earn less, until several rows share it.

Coordinate descent with the Gram matrix. Rows begin with their codes of the last pass.
"""

import numpy as np
from scipy import sparse

from .._kernels.jit import row_of
from .._kernels.kernel import kernel
from .._kernels.products import multiply_t
from ._residual import over_rows

# Sweeps over all atoms at most, and the change, as a share of the largest entry, that ends them.
SWEEPS, TOLERANCE = 50, 1e-3


class CappedLasso:
    """How rows are encoded, with memory.

    Parameters
    ----------
    coding : Coding
        For "lasso".
    share : float
        Largest share of an atom's energy that one row may hold.
    n_rows : int
        Number of rows of a pass, after which caps are set anew.
    """

    def __init__(self, coding, share, n_rows):
        self.coding, self.share, self.n_rows = coding, share, n_rows
        self.refit, self.loss = coding.refit, coding.loss
        self.seen, self.energy, self.bounds, self.last = 0, None, None, None

    def encode(self, data, atoms):
        """Codes of the rows of `data` (a `LearningData`), as a CSR array."""
        gram, options = atoms @ atoms.T, self.coding.refit()
        if self.bounds is None:
            self.bounds, self.energy = np.full(len(atoms), np.inf, atoms.dtype), np.zeros(len(atoms))
        warm = self.last if data.shape[0] == self.n_rows else None

        def encode_tile(rows):
            codes = (
                np.zeros((rows.stop - rows.start, len(atoms)), atoms.dtype) if warm is None else warm[rows].toarray()
            )
            x = data.dense(rows)
            if data.observed is None:
                _descend(multiply_t(x, atoms), gram, self.bounds, options, codes)
            else:
                for i, seen in enumerate(data.observed[rows]):
                    some = atoms[:, seen]
                    products = (x[i : i + 1, seen] @ some.T).astype(atoms.dtype, copy=False)
                    _descend(products, some @ some.T, self.bounds, options, codes[i : i + 1])
            return sparse.csr_array(codes)

        codes = sparse.vstack(over_rows(encode_tile, data.shape[0]), format="csr")
        self._remember(codes)
        return codes

    def _remember(self, codes):
        self.energy += np.bincount(codes.indices, np.square(codes.data, dtype=np.float64), len(self.energy))
        self.seen += codes.shape[0]
        if self.seen >= self.n_rows:
            caps = np.sqrt(self.share * self.energy)
            self.bounds[...] = np.where(caps > 0, caps, np.inf)
            self.last = codes.copy() if codes.shape[0] == self.n_rows else None
            self.energy[...], self.seen = 0, 0


@kernel("T2", "T2", "T1", "d1", "T2!")
def _descend(products, gram, bounds, options, codes):
    """Sweeps over all atoms, and between them over those in use, until nothing changes much."""
    alpha, positive = codes.dtype.type(options[0]), options[1] > 0
    zero, used = codes.dtype.type(0), np.empty(gram.shape[0], np.int64)
    for i in range(codes.shape[0]):
        z, p = row_of(codes, i), row_of(products, i)
        c = p.copy()
        for j in range(z.size):
            if z[j] != 0:
                g, value = row_of(gram, j), z[j]
                for k in range(c.size):
                    c[k] -= value * g[k]
        for sweep in range(2 * SWEEPS):
            whole, n = sweep % 2 == 0, 0
            for j in range(z.size):
                if z[j] != 0 or (whole and abs(c[j]) > alpha):
                    used[n] = j
                    n += 1
            change, largest = zero, zero
            for m in range(n):
                j = used[m]
                g = row_of(gram, j)
                if g[j] > 0:
                    value = c[j] + g[j] * z[j]
                    value = (max(value - alpha, zero) + min(value + alpha, zero)) / g[j]
                    value = min(value, bounds[j])
                    value = max(value, zero if positive else -bounds[j])
                    step = value - z[j]
                    largest = max(largest, abs(value))
                    if step != 0:
                        change = max(change, abs(step))
                        z[j] = value
                        for k in range(c.size):
                            c[k] -= step * g[k]
            if whole and change <= TOLERANCE * largest:
                break
