r"""Iterative hard thresholding: steps along the gradient, after each of which the k largest coefficients are kept.

    z_new = H_k(z + step * (x - z D) D')

in units in which atoms have norm one, whatever norms they have. A step is taken if it is at most .99 times
``||z_new - z||^2 / ||(z_new - z) D||^2``, which makes the error smaller, and halved if not (Blumensath & Davies 2010,
"Normalized iterative hard thresholding"). The next one begins with that ratio, which the residuals give for nothing.
When the support stays the same, the coefficients become those of least squares on it, at once instead of in the limit
(as in Foucart 2011, "Hard thresholding pursuit"); when it still stays, or nothing is left, the row is done.
"""

import numpy as np

from ..._kernels.active_set import new_problem, settle
from ..._kernels.jit import row_of
from ..._kernels.kernel import kernel
from ..._kernels.partial_products import choose_features, product
from ..._kernels.top_k import select_largest_entries
from .coder import Coder
from .lasso import INDEPENDENT, ROUNDING
from .norms import squared_norms
from .residuals import Residuals, apart

# Part of the longest step for which the error is sure to become smaller; and by what a longer one is divided.
PART, SHORTER = 0.99, 2
# What a proposal is: gradient step, least squares on the support, or the code itself again.
STEP, FIT, DONE = range(3)


@kernel("T2", "T2", "T2", "T2", "d1", "d1", "n", "T2!")
def _score(codes, residuals, squares, correlations, step, limits, positive, scores):
    """Sizes that coefficients have after a step, for atoms of norm one; rounding moves none."""
    for i in range(codes.shape[0]):
        z, c, to = row_of(codes, i), row_of(residuals, i), row_of(scores, i)
        q, p, length, top = row_of(squares, i), row_of(correlations, i), codes.dtype.type(step[i]), 0.0
        for j in range(z.size):
            top = max(top, abs(p[j]))
        for j in range(z.size):
            value = z[j] * q[j] + (length * c[j] if abs(c[j]) > limits[0] * top else z.dtype.type(0))
            to[j] = (value if positive else abs(value)) / np.sqrt(q[j]) if q[j] > 0 else value * 0


@kernel("T2", "T2", "T2", "d1", "i2", "i1", "b1", "i1!", "T2!")
def _propose(codes, residuals, squares, step, index, count, fitted, kind, proposal):
    """Keep the chosen coefficients after the step; whether the support stays decides what is next."""
    for i in range(codes.shape[0]):
        z, new = row_of(codes, i), row_of(proposal, i)
        q, active, known = row_of(squares, i), 0, 0
        for j in range(z.size):
            active += z[j] != 0
            new[j] = 0
        for e in range(count[i]):
            j = index[i, e]
            known += z[j] != 0
            new[j] = z[j] + codes.dtype.type(step[i]) * residuals[i, j] / q[j]
        same = known == active and count[i] == active
        kind[i] = STEP if not same else DONE if fitted[i] else FIT


@kernel("T2", "T2", "T2", "b2", "d1", "n", "i2", "i1", "i1", "T2!")
def _fit(correlations, gram, columns, observed, limits, positive, index, count, kind, proposal):
    """Least squares on the support for the rows that ask for it; `limits` as in `_lasso`."""
    small, room = new_problem(index.shape[1]), np.empty(observed.shape[1], np.int64)
    for i in range(proposal.shape[0]):
        if kind[i] != FIT:
            continue
        p, new = row_of(correlations, i), row_of(proposal, i)
        features, sign = choose_features(observed[i], room) if observed.shape[0] else (room[:0], -1)
        n, top = count[i], 0.0
        small.counts[0], small.counts[1], small.counts[2] = n, 0, 0
        for a in range(n):
            j = index[i, a]
            small.place[a], small.code[a], small.target[a] = -1, new[j], p[j]
            for b in range(a + 1):
                small.gram[a, b] = small.gram[b, a] = product(gram, columns, features, sign, j, index[i, b])
            top = max(top, abs(small.target[a]))
        for a in range(n):
            small.rest[a] = small.target[a]
            for b in range(n):
                small.rest[a] -= small.gram[a, b] * small.code[b]
        settle(small, 0.0, positive, limits[1], limits[0] * top)
        for a in range(n):
            new[index[i, a]] = small.code[a]


@kernel("T2", "T2", "T2", "T2", "i1", "T2!", "T2!", "d1!", "b1!", "d1!")
def _judge(proposal, after, squares, correlations, kind, codes, residuals, step, fitted, explained):
    """Take the proposals that make the error smaller; `explained` is by how much codes have reduced the energy."""
    for i in range(codes.shape[0]):
        z, new, c, d = row_of(codes, i), row_of(proposal, i), row_of(residuals, i), row_of(after, i)
        p, q = row_of(correlations, i), row_of(squares, i)
        moved = bent = total = 0.0
        for j in range(z.size):
            change = np.float64(new[j] - z[j])
            moved += change * change * q[j]
            bent += change * (c[j] - d[j])
            total += np.float64(new[j]) * (p[j] + d[j])
        if kind[i] != STEP or step[i] * bent <= PART * moved:
            for j in range(z.size):
                z[j], c[j] = new[j], d[j]
            step[i] = moved / bent if bent > 0 and moved > 0 else step[i]
            fitted[i], explained[i] = kind[i] != STEP, total
        else:
            step[i] /= SHORTER


class IterativeThresholding(Coder):
    """A code with at most `n_nonzero_coefs` atoms. Reads `positive`, `max_iter` and `tol` too.

    A row is done before its support stays if the squared norm of its residual is at most `tol`.
    """

    def prepare(self):
        self.dictionary.gram  # noqa: B018 - it is kept

    def encode(self, tile, out):
        tolerances = self.tolerances(tile)
        return sum(self._descend(part, tolerances[rows], rows, out) for rows, part in apart(tile))

    def _descend(self, tile, tolerances, rows, out):
        batch, n, most = Residuals(tile, self.dictionary), len(rows), min(self.options.n_nonzero_coefs, out.shape[1])
        state = (
            np.zeros_like(out, shape=(n, out.shape[1])),
            batch.correlations.copy(),
            squared_norms(tile, self.dictionary),
        )
        state += np.ones(n), np.zeros(n, bool), np.zeros(n), tolerances
        for turn in range(self.options.max_iter + 1):
            codes, residuals, squares, step, fitted, explained, tolerances = state
            kind, proposal = self._proposal(batch, codes, residuals, squares, step, fitted, most)
            left = batch.energy - explained
            going = (kind != DONE) & ~(left <= tolerances) & ~(fitted & (left <= ROUNDING[out.dtype] * batch.energy))
            if turn == self.options.max_iter or not going.any():
                break
            if not going.all():
                out[rows[batch.rows[~going]]] = codes[~going]
                batch.keep(going)
                state, kind, proposal = tuple(each[going] for each in state), kind[going], proposal[going]
            codes, residuals, squares, step, fitted, explained, tolerances = state
            after = batch.of(proposal)
            _judge(proposal, after, squares, batch.correlations, kind, codes, residuals, step, fitted, explained)
        out[rows[batch.rows]] = codes
        return int(going.sum())

    def _proposal(self, batch, codes, residuals, squares, step, fitted, most):
        """What the codes of a batch may become, and what kind of a proposal each is."""
        dtype, dictionary, positive = codes.dtype, self.dictionary, self.options.positive
        scores, index = np.empty_like(codes), np.empty((len(codes), most), np.int32)
        values, count = np.empty(index.shape, dtype), np.empty(len(codes), np.int32)
        kind, proposal = np.empty(len(codes), np.int32), np.empty_like(codes)
        limits = np.array([ROUNDING[dtype], INDEPENDENT[dtype]])
        _score(codes, residuals, squares, batch.correlations, step, limits, positive, scores)
        select_largest_entries(scores, np.finfo(dtype).tiny, index, values, count)
        _propose(codes, residuals, squares, step, index, count, fitted, kind, proposal)
        columns, observed = np.empty((0, 0), dtype), np.empty((0, 0), bool)
        if batch.observed is not None:
            columns, observed = dictionary.transposed, batch.observed
        _fit(batch.correlations, dictionary.gram, columns, observed, limits, positive, index, count, kind, proposal)
        return kind, proposal
