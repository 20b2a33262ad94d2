"""A quadratic with an L1 penalty in a few coordinates, solved to rounding: an active set, its Gram matrix and factor.

    minimise  z H z / 2 - b z + alpha ||z||_1

Sweeps of coordinate descent settle which coordinates are not zero, and their signs. With these the problem is a linear
system on the support, and a step leads to its solution or to the first coordinate that becomes zero on the way, which
leaves. Either makes the objective smaller, so it ends. The Cholesky factor of the support is kept: it is continued when
coordinates join, and valid up to the first that has left.

A coordinate that depends on others of the support (equal atoms, more atoms than features) has no factor. The objective
is then constant along a line but for its L1 norm, so a move along it takes one off the support.
"""

from typing import NamedTuple

import numpy as np

from .jit import jit

# Sweeps and steps on one active set: an end if rounding keeps them from settling.
TURNS = 200


class Small(NamedTuple):
    """The problem on a working set: arrays by slot, each of which holds an atom, and the factor of its support.

    ``counts`` are the slots in use, the slots on the support, and how many rows of the factor are valid. ``order``
    lists the slots on the support and ``place`` is a slot's place in that list, or -1.
    """

    gram: np.ndarray
    factor: np.ndarray
    code: np.ndarray
    target: np.ndarray
    rest: np.ndarray
    solution: np.ndarray
    atom: np.ndarray
    order: np.ndarray
    place: np.ndarray
    counts: np.ndarray


@jit
def new_problem(n):
    integers = np.zeros((3, n), np.int64)
    numbers = np.zeros((4, n))
    return Small(
        np.empty((n, n)),
        np.empty((n, n)),
        *(numbers[0], numbers[1], numbers[2], numbers[3]),
        *(integers[0], integers[1], integers[2], np.zeros(3, np.int64)),
    )


@jit
def with_room_for(small, n):
    """The same problem where n slots fit."""
    m = small.code.size
    if n <= m:
        return small
    larger = new_problem(max(n, 2 * m))
    for i in range(m):
        for j in range(m):
            larger.gram[i, j], larger.factor[i, j] = small.gram[i, j], small.factor[i, j]
        larger.code[i], larger.target[i], larger.rest[i] = small.code[i], small.target[i], small.rest[i]
        larger.atom[i], larger.order[i], larger.place[i] = small.atom[i], small.order[i], small.place[i]
    for i in range(small.counts.size):
        larger.counts[i] = small.counts[i]
    return larger


@jit
def _sweep(small, alpha, positive):
    """Coordinate descent once over all slots; returns whether a code became zero, was zero, or changed its sign."""
    m, changed = small.counts[0], False
    code, rest = small.code, small.rest
    for j in range(m):
        row, old = small.gram[j], code[j]
        square = row[j]
        if square <= 0:
            continue
        value = rest[j] + square * old
        new = value - alpha if value > alpha else value + alpha if value < -alpha and not positive else 0.0
        new /= square
        step = new - old
        if step != 0:
            changed |= (new > 0) != (old > 0) or (new < 0) != (old < 0)
            code[j] = new
            for k in range(m):
                rest[k] -= step * row[k]
    return changed


@jit
def list_support(small):
    """Bring the list of slots on the support up to date; the factor stays valid up to the first that has left."""
    m, listed, kept = small.counts[0], small.counts[1], 0
    order, place = small.order, small.place
    for i in range(listed):
        slot = order[i]
        if small.code[slot] == 0:
            place[slot] = -1
            small.counts[2] = min(small.counts[2], kept)
        else:
            order[kept], place[slot] = slot, kept
            kept += 1
    for slot in range(m):
        if small.code[slot] != 0 and place[slot] < 0:
            order[kept], place[slot] = slot, kept
            kept += 1
    small.counts[1] = kept
    small.counts[2] = min(small.counts[2], kept)


@jit
def _factor(small, independent):
    """Continue the Cholesky factor of the support's Gram matrix; its diagonal holds inverses.

    Returns whether all atoms are independent. If not, the factor ends before the first that is not.
    """
    order, factor = small.order, small.factor
    for i in range(small.counts[2], small.counts[1]):
        row, products = factor[i], small.gram[order[i]]
        energy = 0.0
        for j in range(i):
            other, total = factor[j], 0.0
            for k in range(j):
                total += row[k] * other[k]
            row[j] = (products[order[j]] - total) * other[j]
            energy += row[j] * row[j]
        square = products[order[i]]
        if not square - energy > independent * square:
            return False
        row[i] = 1 / np.sqrt(square - energy)
        small.counts[2] = i + 1
    return True


@jit
def _solve_back(factor, solution, n):
    """Solve ``L^T w = y`` in place, for the first n unknowns."""
    for i in range(n - 1, -1, -1):
        row = factor[i]
        solution[i] *= row[i]
        value = solution[i]
        for k in range(i):
            solution[k] -= value * row[k]


@jit
def _step(small, n, towards):
    """Move the first n codes of the support along `solution`, or to it, up to the first that becomes zero.

    Returns whether one does.
    """
    code, order, solution = small.code, small.order, small.solution
    length, first = 1.0 if towards else np.inf, -1
    for i in range(n):
        old = code[order[i]]
        step = solution[i] - old if towards else solution[i]
        if (old > 0) != (solution[i] > 0) if towards else old * step < 0:
            crossing = -old / step
            if crossing < length:
                length, first = crossing, i
    if first < 0 and not towards:
        return False
    for i in range(n):
        old = code[order[i]]
        new = old + length * (solution[i] - old if towards else solution[i])
        new = solution[i] if towards and first < 0 else new
        code[order[i]] = new if old * new > 0 else 0  # others may arrive at zero, too, or just behind it
    if first >= 0:
        code[order[first]] = 0
    return first >= 0


@jit
def _drop_dependent(small, n):
    """Take an atom off the support that depends on those before it, the n-th: move within the fit that stays the same.

    Of the two ways, that which does not make the L1 norm larger reaches a zero.
    """
    order, solution, factor = small.order, small.solution, small.factor
    for i in range(n):
        solution[i] = -factor[n, i]
    _solve_back(factor, solution, n)
    solution[n] = 1.0
    slope = 0.0
    for i in range(n + 1):
        slope += solution[i] if small.code[order[i]] > 0 else -solution[i]
    if slope > 0:
        for i in range(n + 1):
            solution[i] = -solution[i]
    return _step(small, n + 1, False)


@jit
def _solve_support(small, alpha, independent):
    """Minimise over the codes of the support; those that would change their sign leave it one by one.

    Returns False if rounding keeps an atom from leaving.
    """
    code, order, solution, factor = small.code, small.order, small.solution, small.factor
    while True:
        list_support(small)
        if not _factor(small, independent):
            if not _drop_dependent(small, small.counts[2]):
                return False
            continue
        s = small.counts[1]
        for i in range(s):
            row, slot = factor[i], order[i]
            value = small.target[slot] - (alpha if code[slot] > 0 else -alpha)
            for k in range(i):
                value -= row[k] * solution[k]
            solution[i] = value * row[i]
        _solve_back(factor, solution, s)
        if not _step(small, s, True):
            return True


@jit
def settle(small, alpha, positive, independent, rounding):
    """Solve the small problem; returns whether its optimality conditions hold up to rounding."""
    m, code, rest = small.counts[0], small.code, small.rest
    for _ in range(TURNS):
        if _sweep(small, alpha, positive):
            continue
        solved = _solve_support(small, alpha, independent)
        for k in range(m):
            rest[k] = small.target[k]
        for i in range(small.counts[1]):
            row, value = small.gram[small.order[i]], code[small.order[i]]
            for k in range(m):
                rest[k] -= value * row[k]
        for j in range(m):
            excess = (rest[j] if positive else abs(rest[j])) - alpha
            solved &= code[j] != 0 or excess <= rounding
        if solved:
            return True
    list_support(small)
    return False


@jit
def duality_gap(energy, of_row, of_residual, norm, alpha, top):
    """How far the objective of a code can be from its least value, at most.

    Parameters
    ----------
    energy, of_row, of_residual : float
        Squared norm of the row, and the products of the code's fit with the row and with the residual.
    norm : float
        L1 norm of the code.
    alpha, top : float
        Weight of the norm, and the largest correlation of an atom with the residual. The residual is a feasible point
        of the dual problem when it is made shorter, so that no correlation exceeds alpha.
    """
    shrink = min(1.0, alpha / top)
    squared = max(energy - of_row - of_residual, 0.0)
    return 0.5 * squared * (1 + shrink * shrink) + alpha * norm - shrink * (energy - of_row)
