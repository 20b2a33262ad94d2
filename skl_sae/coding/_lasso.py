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

With missing entries, sums over features leave them out. They are corrected by the smaller part, of the missing or of
the observed features, so that a row with few missing entries costs little more than a complete one.

For one long row, or a path of penalties, scikit-learn's `Lasso` and `lasso_path` are good enough.

References: Friedman, Hastie & Tibshirani (2010) for coordinate descent; Lee, Battle, Raina & Ng (2007), "Efficient
sparse coding algorithms", for steps along fixed signs; Massias, Gramfort & Salmon (2018) for working sets and the gap.
"""

import numpy as np

from .._kernels.active_set import list_support, new_problem, settle, with_room_for
from .._kernels.jit import jit, row_of
from .._kernels.kernel import kernel
from ._coder import Coder

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
def _choose_features(observed, features):
    """List the missing features, with the sign -1, or the observed ones, with 1, whichever are fewer.

    A sum over the observed features is that over all minus the missing ones, or it is made of the observed ones alone.
    """
    n, d = 0, observed.size
    for f in range(d):
        n += observed[f]
    few = 2 * n < d
    kept = 0
    for f in range(d):
        if observed[f] == few:
            features[kept] = f
            kept += 1
    return features[:kept], 1 if few else -1


@jit
def _correlate(small, p, gram, transposed, features, sign, c):
    """Correlations of all atoms with the residual, from those with the row, `p`; for features see above."""
    first, n, size = 0, small.counts[1], c.size
    order, atom, code, real = small.order, small.atom, small.code, c.dtype.type
    c[:] = p
    if sign <= 0:
        while first + 4 <= n:  # four at a time: the sums are read and written less often
            a, b, e, h = order[first], order[first + 1], order[first + 2], order[first + 3]
            za, zb, ze, zh = real(code[a]), real(code[b]), real(code[e]), real(code[h])
            ga, gb, ge, gh = (
                row_of(gram, atom[a]),
                row_of(gram, atom[b]),
                row_of(gram, atom[e]),
                row_of(gram, atom[h]),
            )
            for j in range(size):
                c[j] -= za * ga[j] + zb * gb[j] + ze * ge[j] + zh * gh[j]
            first += 4
        for i in range(first, n):
            row, value = row_of(gram, atom[order[i]]), real(code[order[i]])
            for j in range(size):
                c[j] -= value * row[j]
    for f in features:
        row, fit = row_of(transposed, f), 0.0
        for i in range(n):
            fit += code[order[i]] * row[atom[order[i]]]
        value = real(fit * sign)
        for j in range(size):
            c[j] -= value * row[j]


@jit
def _product(gram, transposed, features, sign, a, b):
    """Product of two atoms over the observed features."""
    total = 0.0
    for f in features:
        total += np.float64(transposed[f, a]) * np.float64(transposed[f, b])
    return total if sign > 0 else gram[a, b] - total


@jit
def _join(small, new, p, where, gram, transposed, features, sign):
    """Give each new atom a slot: one whose code is zero, or another."""
    list_support(small)
    slot = 0
    for atom in new:
        while slot < small.counts[0] and small.place[slot] >= 0:
            slot += 1
        if slot == small.counts[0]:
            small.counts[0] += 1
        else:
            where[small.atom[slot]] = False
        small.atom[slot], small.code[slot], small.place[slot], small.target[slot] = atom, 0, -1, p[atom]
        where[atom] = True
        for k in range(small.counts[0]):
            value = _product(gram, transposed, features, sign, atom, small.atom[k])
            small.gram[slot, k] = small.gram[k, slot] = value
        slot += 1


@jit
def _largest(c, where, positive):
    """The largest correlation, and the largest of atoms outside of the working set."""
    top = outside = c.dtype.type(0)
    for j in range(c.size):
        size = c[j] if positive else abs(c[j])
        top = size if size > top else top
        size = c.dtype.type(0) if where[j] else size
        outside = size if size > outside else outside
    return top, outside


@jit
def _choose(c, where, alpha, excess, part, most, positive, new):
    """List the atoms outside whose correlation exceeds alpha by a part of the largest `excess`, at most `most`."""
    while True:
        n, bound = 0, alpha + part * excess
        for j in range(c.size):
            n += (c[j] if positive else abs(c[j])) >= bound
        if n <= most or part > 0.99:
            break
        part = (1 + part) / 2
    n = 0
    for j in range(c.size):
        if n < most and not where[j] and (c[j] if positive else abs(c[j])) >= bound:
            new[n] = j
            n += 1
    return new[:n]


@jit
def _gap(small, c, energy, alpha, top):
    """Duality gap of the code, whose residual has the correlations `c`."""
    of_row = of_residual = norm = 0.0
    for i in range(small.counts[1]):
        slot = small.order[i]
        of_row += small.code[slot] * small.target[slot]
        of_residual += small.code[slot] * c[small.atom[slot]]
        norm += abs(small.code[slot])
    shrink = min(1.0, alpha / top)
    squared = max(energy - of_row - of_residual, 0.0)
    return 0.5 * squared * (1 + shrink * shrink) + alpha * norm - shrink * (energy - of_row)


@jit
def _empty(small, where):
    for slot in range(small.counts[0]):
        where[small.atom[slot]] = False
        small.place[slot] = -1
    small.counts[:] = 0


@kernel("T2", "T2", "T2", "b2", "d1", "d1", "d1", "n", "n", "T2!", "b1!")
def _solve(correlations, gram, transposed, observed, energy, alpha, limits, positive, max_iter, out, converged):
    """Code each row; ``limits`` are the gap, and what counts as rounding and as independent."""
    size, part = gram.shape[0], PART
    small, c = new_problem(min(CAPACITY, size)), np.empty(size, gram.dtype)
    where, new = np.zeros(size, np.bool_), np.empty(size, np.int64)
    room, all_observed = np.empty(observed.shape[1], np.int64), observed.shape[0] == 0
    for i in range(correlations.shape[0]):
        p, z = row_of(correlations, i), row_of(out, i)
        features, sign = _choose_features(observed[i], room) if not all_observed else (room[:0], -1)
        c[:] = p
        rounding, part, settled = 0.0, PART, False
        for turn in range(max_iter):
            top, outside = _largest(c, where, positive)
            if turn == 0:
                rounding = limits[1] * top
            violated = outside > alpha[i] + rounding
            if _gap(small, c, energy[i], alpha[i], top) <= limits[0] * energy[i] or (settled and not violated):
                converged[i] = True
                break
            if violated:
                most = max(FIRST, small.counts[1])
                joining = _choose(c, where, alpha[i], outside - alpha[i], part, most, positive, new)
                small = with_room_for(small, small.counts[0] + joining.size)
                _join(small, joining, p, where, gram, transposed, features, sign)
            part *= 0.5
            for slot in range(small.counts[0]):
                small.rest[slot] = c[small.atom[slot]]
            settled = settle(small, alpha[i], positive, limits[2], rounding)
            _correlate(small, p, gram, transposed, features, sign, c)
        for k in range(small.counts[1]):
            z[small.atom[small.order[k]]] = small.code[small.order[k]]
        _empty(small, where)


class Lasso(Coder):
    """The code with an L1 penalty. Reads `alpha`, which must be positive, `tol`, the gap, `positive` and `max_iter`.

    An iteration is a round: a pass over all atoms. Without a penalty there is a least-squares solution, of many, and no
    reason for it to be sparse: `alpha` = 0 is an error.
    """

    def __init__(self, dictionary, options):
        super().__init__(dictionary, options)
        check_penalty(options.alpha)

    def encode(self, tile, out):
        dtype, nothing = out.dtype, np.empty((0, 0), bool)
        gap = GAP[dtype] if self.options.tol is None else self.options.tol
        missing = tile.observed is not None
        transposed = self.dictionary.transposed if missing else np.empty((0, 0), dtype)
        converged = np.zeros(len(out), bool)
        _solve(
            *(tile.correlations, self.dictionary.gram, transposed, tile.observed if missing else nothing),
            *(tile.energy, self.penalties(tile), np.array([gap, ROUNDING[dtype], INDEPENDENT[dtype]])),
            *(self.options.positive, self.options.max_iter, out, converged),
        )
        return len(out) - int(converged.sum())


def check_penalty(alpha):
    """Refuse a penalty with which no code is sparse, or none is found."""
    if not alpha > 0:
        raise ValueError(
            f"alpha must be positive for a code with an L1 penalty; got {alpha!r}. Without a penalty, use "
            "algorithm='basis_pursuit' for an exact fit, or 'omp' for a number of atoms."
        )
