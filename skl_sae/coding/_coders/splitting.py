"""Basis pursuit of many rows at once, by splitting the problem in two that are easy.

Minimising the l1 norm alone shrinks each number, and the solutions of the equations are found by a projection. The
alternating direction method of multipliers (ADMM), with over-relaxation, alternates between the two [1]_. In one
variable v, whose part beyond +-tau is the solution z and whose rest u is tau times a dual solution, it reads

    v -= ETA (u + (W (z - u) - b) W)            u = clip(v, -tau, tau),  z = v - u

where the last product is left out that part of ``W (z - u) - b`` which lies in the noise ball. Rows that are solved
leave, and others take their place.

.. [1] J. Eckstein and D. Bertsekas (1992), Mathematical Programming 55, 293-318.
"""

import numpy as np

from ..._kernels.jit import row_of
from ..._kernels.kernel import kernel
from .polish import bound, finish, follow, polish

# Over-relaxation, below 2.
ETA = 1.8
# Number of rows at work, and of iterations between looks at them.
WINDOW, LOOK = 64, 10
# tau is adapted at these numbers of iterations; later changes would keep the iteration from converging.
ADAPT, ADAPT_UNTIL = 100, 2000
# tau starts at this multiple of the mean size of the entries of the least-norm solution.
START = 2.0
# After a support that was wrong, so much of the iterations so far are waited before another is tried.
PATIENCE = 0.25
# An exact method takes over after so many iterations.
TAKE_OVER = 4000
# The relative duality gap that such a method may leave by rounding.
EXACT = {"float64": 1e-7, "float32": 1e-5}
NEWTON_STEPS = 60


@kernel("T2!", "T2", "T1", "T1", "T2!")
def _advance(v, g, low, high, reflected):
    """One step, given the product g, and what is to be projected next, ``z - u``."""
    for i in range(v.shape[0]):
        row, product, out = row_of(v, i), row_of(g, i), row_of(reflected, i)
        lo, hi = low[i], high[i]
        for j in range(row.size):
            new = row[j] - ETA * (min(max(row[j], lo), hi) + product[j])
            row[j] = new
            out[j] = new - 2 * min(max(new, lo), hi)


@kernel("T2!", "d1", "d1")
def _leave_ball(c, weights, radius):
    """Of distances from the centre, keep what leads to the nearest point of the ellipsoid ``||weights c|| <= radius``.

    That point is c / (1 + s weights^2). Newton's method finds s from 1 / norm, which is nearly linear in s.
    """
    for i in range(c.shape[0]):
        row, s, r = row_of(c, i), 0.0, radius[i]
        for _ in range(NEWTON_STEPS):
            square, slope = 0.0, 0.0
            for j in range(row.size):
                w = weights[j] * weights[j]
                shrunk = row[j] / (1 + s * w)
                square += w * shrunk * shrunk
                slope += w * w * shrunk * shrunk / (1 + s * w)
            norm = np.sqrt(square)
            if norm <= r * (1 + 1e-14):
                break
            s += square / slope * (norm - r) / r
        for j in range(row.size):
            w = weights[j] * weights[j]
            row[j] *= s * w / (1 + s * w)


class _Window:
    """The rows at work, their state side by side."""

    def __init__(self, measured, targets, positive):
        self.measured, self.targets, self.positive = measured, targets, positive
        n = measured.shape[1]
        sizes = np.linalg.norm(targets.b * measured.weights, axis=1)
        self.waiting = np.flatnonzero(sizes > targets.radius)  # zeros solve the others
        self.index = np.empty(0, np.intp)
        self.v, self.z = np.empty((2, 0, n), measured.dtype)
        self.tau, self.age, self.wait = np.empty(0, measured.dtype), np.empty(0, np.intp), np.empty(0, np.intp)
        self.refill()

    def refill(self):
        """Let rows take the free places."""
        free = WINDOW - len(self.v)
        new, self.waiting = self.waiting[:free], self.waiting[free:]
        if new.size == 0:
            return
        v = self.measured.back(self.targets.b[new].astype(self.v.dtype))
        tau = START * np.abs(v).mean(axis=1)
        self._set(
            np.append(self.index, new),
            np.concatenate([self.v, v]),
            np.concatenate([self.z, np.zeros_like(v)]),
            np.append(self.tau, tau.astype(v.dtype)),
            np.append(self.age, np.zeros_like(new)),
            np.append(self.wait, np.zeros_like(new)),
        )

    def drop(self, gone):
        self._set(*(each[~gone] for each in (self.index, self.v, self.z, self.tau, self.age, self.wait)))

    def _set(self, index, v, z, tau, age, wait):
        self.index, self.v, self.z, self.tau, self.age, self.wait = index, v, z, tau, age, wait

    def bounds(self):
        return (np.full_like(self.tau, -np.inf) if self.positive else -self.tau), self.tau

    def split(self):
        """u and z."""
        low, high = self.bounds()
        u = np.clip(self.v, low[:, None], high[:, None])
        return u, self.v - u

    def iterate(self, n):
        """Make n steps. Returns the distance of z from the solutions of the equations, for each row."""
        low, high = self.bounds()
        b, radius = self.targets.b[self.index].astype(self.v.dtype), self.targets.radius[self.index]
        u, z = self.split()
        reflected = z - u
        for _ in range(n):
            c = self.measured.measure(reflected)
            c -= b
            if radius.any():
                _leave_ball(c, self.measured.weights, radius)
            g = self.measured.back(c)
            _advance(self.v, g, low, high, reflected)
        self.age += n
        return g

    def adapt(self, g, u, z, before):
        """Make tau larger where z still moves, and smaller where it is far from solving the equations."""
        rows = np.flatnonzero((self.age % ADAPT == 0) & (self.age <= ADAPT_UNTIL))
        if rows.size == 0:
            return
        u, z = u[rows], z[rows]
        primal = np.linalg.norm(u + g[rows], axis=1) * np.linalg.norm(u, axis=1)
        dual = np.linalg.norm(z - before[rows], axis=1) / LOOK * np.linalg.norm(z, axis=1)
        tiny = np.finfo(self.v.dtype).tiny
        factor = np.clip(np.sqrt((dual + tiny) / (primal + tiny)), 0.5, 2).astype(self.v.dtype)
        self.v[rows] = z + u * factor[:, None]
        self.tau[rows] *= factor


def solve(measured, targets, positive, max_iter, tol):
    """Solve some rows.

    Parameters
    ----------
    measured : Measurements
    targets : Targets
    positive : bool
        Whether solutions are non-negative.
    max_iter : int
        Number of iterations after which a row is left to an exact method.
    tol : float
        Relative duality gap at which a row is solved.

    Returns
    -------
    x : ndarray of shape (n_signals, n_features), float64
    dual : ndarray of shape (n_signals,)
        Lower bounds of the l1 norms.
    solved : ndarray of bool
    """
    n = len(targets.b)
    x, dual, solved = np.zeros((n, measured.shape[1])), np.zeros(n), np.zeros(n, bool)
    last = min(max_iter, TAKE_OVER)
    window = _Window(measured, targets, positive)
    solved[np.setdiff1d(np.arange(n), np.append(window.index, window.waiting))] = True
    while window.index.size:
        g = window.iterate(LOOK)
        u, z = window.split()
        gone = np.zeros(window.index.size, bool)
        stable = (np.sign(z) == np.sign(window.z)).all(axis=1) & (window.age >= window.wait)
        ended = window.age >= last
        for place in np.flatnonzero(stable | ended):
            row = window.index[place]
            nu = measured.exact_rows @ (u[place] / window.tau[place].astype(np.float64))
            args = measured, targets.b[row], targets.radius[row], z[place], nu, positive
            found = polish(*args) if stable[place] else None
            if ended[place] and not (found and found.gap() <= tol):
                found = _last(*args)
            window.wait[place] = window.age[place] * (1 + PATIENCE)
            if found:
                enough = max(tol, EXACT[measured.dtype.name]) if ended[place] else tol
                x[row], dual[row], solved[row] = found.x, found.dual, found.gap() <= enough
            elif ended[place]:  # the iterate, which the equations or the noise need not allow
                x[row], dual[row] = z[place], bound(*args[:3], nu, positive)
            gone[place] = solved[row] or ended[place]
        window.adapt(g, u, z, window.z)
        window.z = window.split()[1]
        if gone.any():
            window.drop(gone)
            window.refill()
    return x, dual, solved


def _last(measured, b, radius, z, nu, positive):
    """The exact solution of a row that is still open, by a method that takes longer; None if that fails."""
    return finish(measured, b, z, nu, positive) if radius == 0 else follow(measured, b, radius, positive)
