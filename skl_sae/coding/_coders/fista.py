r"""FISTA: the LASSO by proximal gradient steps with momentum, on many rows at once.

    z_new = soft(y - grad(y) / L, alpha / L),    y = z_new + (t - 1) / t_new (z_new - z)

L is the largest eigenvalue of the Gram matrix. A row whose step goes against its momentum starts again without
(O'Donoghue & Candès 2015), which makes convergence linear once the support is found. A step is a product with the Gram
matrix: good for many rows, a moderate accuracy and codes that are not very sparse; `Lasso` is faster for the others.

Reference: Beck & Teboulle (2009), "A fast iterative shrinkage-thresholding algorithm for linear inverse problems".
"""

import numpy as np

from ..._kernels.active_set import duality_gap
from ..._kernels.jit import jit, row_of
from ..._kernels.kernel import kernel
from .lasso import Penalised
from .residuals import Residuals, apart

# Duality gap, as a share of the row's squared norm, at which a code is good enough.
GAP = {np.dtype(np.float32): 1e-5, np.dtype(np.float64): 1e-8}
# Steps between two looks at the gaps, which take as long as a step.
STEPS = 10


@kernel("T2", "T2", "T2", "d1", "d1", "n", "d1!")
def _find_gaps(codes, correlations, residuals, energy, alpha, positive, gaps):
    """Duality gaps of codes, from the correlations of the atoms with the rows and with the residuals."""
    for i in range(codes.shape[0]):
        z, p, c = row_of(codes, i), row_of(correlations, i), row_of(residuals, i)
        of_row = of_residual = norm = 0.0
        top = z.dtype.type(0)
        for j in range(z.size):
            value = np.float64(z[j])
            of_row += value * p[j]
            of_residual += value * c[j]
            norm += abs(value)
            size = c[j] if positive else abs(c[j])
            top = size if size > top else top
        gaps[i] = duality_gap(energy[i], of_row, of_residual, norm, alpha[i], top)


@jit
def _shrink(value, threshold, positive):
    size = value if positive else abs(value)
    size = size - threshold if size > threshold else value * 0
    return size if value > 0 else -size


@kernel("T2", "d1", "d1", "n", "T2!", "T2!", "d1!")
def _advance(residuals, alpha, length, positive, codes, points, momentum):
    """A step of length ``length[0]`` from the points, whose residuals have these correlations with the atoms."""
    real = codes.dtype.type
    new = np.empty(codes.shape[1], codes.dtype)
    for i in range(codes.shape[0]):
        z, y, c = row_of(codes, i), row_of(points, i), row_of(residuals, i)
        step, threshold, against = real(length[0]), real(length[0] * alpha[i]), real(0)
        for j in range(z.size):
            new[j] = _shrink(y[j] + step * c[j], threshold, positive)
            against += (y[j] - new[j]) * (new[j] - z[j])
        t = 0.5 + np.sqrt(0.25 + momentum[i] * momentum[i])
        part = real(0) if against > 0 else real((momentum[i] - 1) / t)
        momentum[i] = 1.0 if against > 0 else t
        for j in range(z.size):
            y[j] = new[j] + part * (new[j] - z[j])
            z[j] = new[j]


class Fista(Penalised):
    """The code with an L1 penalty. Reads `alpha`, which must be positive, `tol`, the gap, `positive` and `max_iter`.

    An iteration is a step.
    """

    def encode(self, tile, out):
        penalties = self.penalties(tile)
        return sum(self._descend(part, penalties[rows], rows, out) for rows, part in apart(tile))

    def _descend(self, tile, penalties, rows, out):
        batch, codes = Residuals(tile, self.dictionary), np.zeros((len(rows), out.shape[1]), out.dtype)
        points, momentum = np.zeros_like(codes), np.ones(len(rows))
        tol, positive = GAP[out.dtype] if self.options.tol is None else self.options.tol, self.options.positive
        length = np.array([1 / (self.dictionary.largest_eigenvalue or 1.0)])
        for turn in range(self.options.max_iter + 1):
            if turn % STEPS == 0 or turn == self.options.max_iter:
                gaps = np.empty(len(batch))
                _find_gaps(codes, batch.correlations, batch.of(codes), batch.energy, penalties, positive, gaps)
                going = ~(gaps <= tol * batch.energy)
                if not going.all():
                    out[rows[batch.rows[~going]]] = codes[~going]
                    batch.keep(going)
                    codes, points, momentum = codes[going], points[going], momentum[going]
                    penalties = penalties[going]
            if not len(batch) or turn == self.options.max_iter:
                break
            _advance(batch.of(points), penalties, length, positive, codes, points, momentum)
        out[rows[batch.rows]] = codes
        return len(batch)
