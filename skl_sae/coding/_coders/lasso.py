r"""LASSO: the code that minimises ``||x - z D||^2 / 2 + alpha ||z||_1``, exactly on its support.

An active-set method for each row. It holds a few atoms, a working set, and their Gram matrix in a compact array, and
solves this small problem to rounding: sweeps of coordinate descent settle which codes are not zero and their signs, a
Newton step then solves the linear system on this support, up to the first code that would change its sign. Only then
are the correlations of all atoms with the residual computed, and those that violate the optimality conditions most
join the set. So a pass over all atoms is made a few times for each row, where coordinate descent makes one for each
change of a code, and least-angle regression one for each atom of the support. Each round looks at all atoms again,
hence there is nothing that gap-safe screening would save.

A row is done when its duality gap is at most ``tol ||x||^2`` (a dual point is the residual, scaled to be feasible), or
when no atom violates the conditions by more than rounding.

Rows with missing entries are coded by what is observed: `partial_products`.

For one long row, or a path of penalties, scikit-learn's `Lasso` and `lasso_path` are good enough.

References: Friedman, Hastie & Tibshirani (2010) for coordinate descent; Lee, Battle, Raina & Ng (2007), "Efficient
sparse coding algorithms", for steps along fixed signs; Massias, Gramfort & Salmon (2018) for working sets and the gap.
"""

import numpy as np

from ..._kernels.active_set import duality_gap, list_support, new_problem, settle, with_room_for
from ..._kernels.jit import jit, row_of
from ..._kernels.kernel import kernel
from ..._kernels.partial_products import choose_features, correlate, product
from .coder import Coder

# Duality gap, as a share of the row's squared norm, at which a code is good enough.
GAP = {np.dtype(np.float32): 1e-5, np.dtype(np.float64): 1e-10}
# A violation of the optimality conditions, as a share of the largest correlation, that may be rounding; and the part of
# an atom that must not lie in the span of others, as a share of its squared norm, for it to count as independent.
ROUNDING = {np.dtype(np.float32): 2e-6, np.dtype(np.float64): 1e-14}
INDEPENDENT = {np.dtype(np.float32): 2e-6, np.dtype(np.float64): 1e-12}
# Atoms that join a working set at once: at first, and at least. Later up to as many as the support has.
FIRST = 16
# In the first round atoms join whose excess over alpha is this part of the largest one; in each later round, half of
# the part before. Many atoms correlate with the row itself, few with what the first atoms leave.
PART = 0.5
# Rows and columns of the small problem that memory is set aside for; it grows when they do not suffice.
CAPACITY = 64


@jit
def _join(small, new, p, outside, gram, columns, features, sign):
    """Give each new atom a slot: one whose code is zero, or another."""
    list_support(small)
    slot = 0
    for atom in new:
        while slot < small.counts[0] and small.place[slot] >= 0:
            slot += 1
        if slot == small.counts[0]:
            small.counts[0] += 1
        else:
            outside[small.atom[slot]] = 1
        small.atom[slot], small.code[slot], small.place[slot], small.target[slot] = atom, 0, -1, p[atom]
        outside[atom] = 0
        for k in range(small.counts[0]):
            value = product(gram, columns, features, sign, atom, small.atom[k])
            small.gram[slot, k] = small.gram[k, slot] = value
        slot += 1


@jit
def _measure(c, outside, positive, sizes, folded):
    """Write the sizes of the correlations of atoms outside of the working set, zero for others; returns the largest.

    The row is folded in halves, which is vectorised: a maximum of one row of numbers is not.
    """
    for j in range(c.size):
        size = c[j] if positive else abs(c[j])
        sizes[j] = size * outside[j]
        folded[j] = sizes[j]
    n, largest = c.size, c.dtype.type(0)
    while n > 16:
        left, right = folded[: n - n // 2], folded[n - n // 2 : n]
        for j in range(right.size):
            left[j] = right[j] if right[j] > left[j] else left[j]
        n = left.size
    for j in range(n):
        largest = folded[j] if folded[j] > largest else largest
    return largest


@jit
def _choose(sizes, bound, largest, most, new):
    """List the atoms that reach the bound, or one nearer to the largest size if there are more than `most`."""
    real = sizes.dtype.type
    limit, part = real(min(bound, largest)), 1.0
    while True:
        n = real(0)
        for j in range(sizes.size):
            n += real(1) if sizes[j] >= limit else real(0)
        if n <= most or part < 0.02:
            break
        part /= 2
        limit = real(min(largest - part * (largest - bound), largest))
    found = 0
    for j in range(sizes.size):  # no branches; `new` has room for one more
        new[found] = j
        found += sizes[j] >= limit
    return new[: min(found, most)]


@jit
def _gap(atoms, values, n, p, c, energy, alpha, top):
    """Duality gap of the code, whose residual has the correlations `c`."""
    of_row = of_residual = norm = 0.0
    for i in range(n):
        of_row += values[i] * p[atoms[i]]
        of_residual += values[i] * c[atoms[i]]
        norm += abs(values[i])
    return duality_gap(energy, of_row, of_residual, norm, alpha, top)


@jit
def _empty(small, outside):
    for slot in range(small.counts[0]):
        outside[small.atom[slot]] = 1
        small.place[slot] = -1
    for i in range(small.counts.size):
        small.counts[i] = 0


@kernel("T2", "T2", "T2", "b2", "d1", "d1", "d1", "n", "n", "T2!", "b1!")
def _solve(correlations, gram, columns, observed, energy, alpha, limits, positive, max_iter, out, converged):
    """Code each row; ``limits`` are the gap, and what counts as rounding and as independent."""
    size = gram.shape[0]
    small, c = new_problem(min(CAPACITY, size)), np.empty(size, gram.dtype)
    outside, new = np.ones(size, c.dtype), np.empty(size + 1, np.int64)
    sizes, folded = np.empty(size, c.dtype), np.empty(size, c.dtype)
    atoms, values = np.empty(size, np.int64), np.empty(size)
    listed, complete = np.empty(observed.shape[1], np.int64), observed.shape[0] == 0
    for i in range(correlations.shape[0]):
        p, z = row_of(correlations, i), row_of(out, i)
        features, sign = choose_features(observed[i], listed) if not complete else (listed[:0], -1)
        n, part, settled, rounding = 0, PART, False, 0.0
        for turn in range(max_iter + 1):
            correlate(p, gram, columns, features, sign, atoms, values, n, c)
            top = largest = np.float64(_measure(c, outside, positive, sizes, folded))
            for slot in range(small.counts[0]):
                own = np.float64(c[small.atom[slot]])
                top = max(top, own if positive else abs(own))
            rounding = max(rounding, limits[1] * top)
            violated = largest > alpha[i] + rounding
            gap = _gap(atoms, values, n, p, c, energy[i], alpha[i], top)
            converged[i] = gap <= limits[0] * energy[i] or (settled and not violated)
            if converged[i] or turn == max_iter:
                break
            if violated:
                bound = alpha[i] + part * (largest - alpha[i])
                joining = _choose(sizes, bound, largest, max(FIRST, n), new)
                small = with_room_for(small, small.counts[0] + joining.size)
                _join(small, joining, p, outside, gram, columns, features, sign)
            part *= 0.5
            for slot in range(small.counts[0]):
                small.rest[slot] = c[small.atom[slot]]
            settled = settle(small, alpha[i], positive, limits[2], rounding)
            n = small.counts[1]
            for k in range(n):
                atoms[k], values[k] = small.atom[small.order[k]], small.code[small.order[k]]
        for k in range(n):
            z[atoms[k]] = values[k]
        _empty(small, outside)


class Penalised(Coder):
    """A coder with an L1 penalty, which must be positive: else no code is sparse."""

    def __init__(self, dictionary, options):
        super().__init__(dictionary, options)
        if not options.alpha > 0:
            raise ValueError(
                f"alpha must be positive for a code with an L1 penalty; got {options.alpha:g}. Without a penalty, use "
                "algorithm='basis_pursuit' for an exact fit, or 'omp' for a number of atoms."
            )

    def prepare(self):
        self.dictionary.gram  # noqa: B018 - it is kept


class Lasso(Penalised):
    """The code with an L1 penalty. Reads `alpha`, which must be positive, `tol`, the gap, `positive` and `max_iter`.

    An iteration is a round: a pass over all atoms. Without a penalty there is a least-squares solution, of many, and no
    reason for it to be sparse: `alpha` = 0 is an error.
    """

    def encode(self, tile, out):
        dtype, nothing = out.dtype, np.empty((0, 0), bool)
        gap = GAP[dtype] if self.options.tol is None else self.options.tol
        missing = tile.observed is not None
        columns = self.dictionary.transposed if missing else np.empty((0, 0), dtype)
        converged = np.zeros(len(out), bool)
        _solve(
            *(tile.correlations, self.dictionary.gram, columns, tile.observed if missing else nothing),
            *(tile.energy, self.penalties(tile), np.array([gap, ROUNDING[dtype], INDEPENDENT[dtype]])),
            *(self.options.positive, self.options.max_iter, out, converged),
        )
        return len(out) - int(converged.sum())
