"""The solution of minimal l1 norm on a support that is given with its signs, and the proof that it is optimal.

On the true support, least squares give the solution that an iteration only converges to. A point of the dual problem
bounds the l1 norm of all other solutions from below: with `rows` and `b` of a measurement matrix in the coordinates of
`Measurements`,

    ||x||_1 >= b @ nu - radius ||nu / weights||   for each nu with |rows.T @ nu| <= 1.
"""

from typing import NamedTuple

import numpy as np
from scipy.linalg import qr, solve_triangular
from scipy.optimize import linprog, nnls
from sklearn.linear_model import lars_path

# Columns are dependent where the diagonal of R falls below this part of its first number.
DEPENDENT = 1e-10
# Part of b that a solution may leave unexplained.
FEASIBLE = {"float64": 1e-9, "float32": 1e-5}
# Columns with a correlation of this size are in doubt: they may belong to the support.
DOUBTFUL = 0.9
# What linprog says where there is no solution, and what the user is told.
INFEASIBLE = 2
NO_SOLUTION = (
    "A row of measurements has no non-negative solution. Allow for more noise (noise in basis_pursuit, tol in "
    "sparse_encode), or set positive=False."
)


class Solution(NamedTuple):
    """A solution of one row, and a bound.

    Parameters
    ----------
    x : ndarray of shape (n_features,)
    dual : float
        No solution has a smaller l1 norm.
    """

    x: np.ndarray
    dual: float

    def gap(self):
        """How much smaller, relatively, the l1 norm of another solution may be."""
        size = np.abs(self.x).sum()
        return (size - self.dual) / size if size > 0 else 0.0


def largest(correlations, positive):
    """Largest correlation of a dual point: of any sign, unless solutions are non-negative."""
    return (correlations if positive else np.abs(correlations)).max(initial=0.0)


def polish(measured, b, radius, z, nu, positive):
    """Solve on the support of an iterate, with its signs.

    Columns that depend on the others keep what the iterate has: there are many solutions, and this is one near it.

    Parameters
    ----------
    measured : Measurements
    b : ndarray of shape (rank,)
    radius : float
    z : ndarray of shape (n_features,)
        The iterate.
    nu : ndarray of shape (rank,)
        A point of the dual problem, near the best one.
    positive : bool
        Whether solutions are non-negative.

    Returns
    -------
    Solution or None
        None if no solution has this support.
    """
    support = np.flatnonzero(z)
    rows = measured.exact_rows
    columns = rows[:, support]
    if radius > 0:
        columns, b = measured.weights[:, None] * columns, measured.weights * b
    q, r, order = qr(columns, mode="economic", pivoting=True, check_finite=False)
    diagonal = np.abs(np.diag(r))
    n = int(np.count_nonzero(diagonal > DEPENDENT * diagonal.max(initial=0.0)))
    q, r, free = q[:, :n], r[:n, :n], order[:n]
    signs, target = np.sign(z[support[free]]).astype(np.float64), b
    rest = b - q @ (b @ q)
    if radius > 0:
        slack = radius**2 - rest @ rest
        if slack <= 0:
            return None
        direction = solve_triangular(r, signs, trans="T", check_finite=False)
        shrinkage = np.sqrt(slack) / np.linalg.norm(direction)
        nu = rest / shrinkage + q @ direction
        target, b, nu = b - shrinkage * nu, b / measured.weights, measured.weights * nu
    else:
        if np.linalg.norm(rest) > FEASIBLE[measured.dtype.name] * np.linalg.norm(b):
            return None
        missing = signs - columns[:, free].T @ nu
        nu = nu + q @ solve_triangular(r, missing, trans="T", check_finite=False)
    x = z.astype(np.float64)
    missing = target - columns @ x[support]
    x[support[free]] += solve_triangular(r, missing @ q, check_finite=False)
    if positive and x.min(initial=0.0) < 0:
        return None
    return Solution(x, bound(measured, b, radius, nu, positive))


def bound(measured, b, radius, nu, positive):
    """The bound that a multiple of a point of the dual problem gives."""
    value = b @ nu
    if radius > 0:
        value -= radius * np.linalg.norm(nu / measured.weights)
    return value / max(1.0, largest(nu @ measured.exact_rows, positive))


def finish(measured, b, z, nu, positive):
    """Solve one row by linear programming, beginning with the columns that are in doubt.

    Returns
    -------
    Solution or None
        None if the solver failed.

    Raises
    ------
    ValueError
        If no non-negative x has these measurements.
    """
    rows = measured.exact_rows
    correlations = nu @ rows
    doubtful, nearest = (z != 0) | (np.abs(correlations) > DOUBTFUL), None
    while True:
        used = np.flatnonzero(doubtful)
        equations = rows[:, used] if positive else np.hstack([rows[:, used], -rows[:, used]])
        found = linprog(np.ones(equations.shape[1]), A_eq=equations, b_eq=b, method="highs")
        if found.x is None:
            if doubtful.all() and (found.status != INFEASIBLE or b is nearest):
                return None
            if doubtful.all():
                b = nearest = _nearest(rows, b, FEASIBLE[measured.dtype.name])
            doubtful[:] = True
            continue
        nu = found.eqlin.marginals
        correlations = nu @ rows
        more = (correlations if positive else np.abs(correlations)) > 1 + 1e-9
        if not (more & ~doubtful).any():
            break
        doubtful |= more
    x = np.zeros(z.size)
    x[used] = found.x if positive else found.x[: used.size] - found.x[used.size :]
    plain = Solution(x, bound(measured, b, 0.0, nu, positive))
    polished = polish(measured, b, 0.0, x, nu, positive)
    return polished if polished is not None and polished.gap() < max(plain.gap(), 1e-9) else plain


def _nearest(rows, b, part):
    """The nearest measurements that a non-negative x makes: rounding may have moved those of a few entries away."""
    found = rows @ nnls(rows, b)[0]
    if np.linalg.norm(found - b) > part * np.linalg.norm(b):
        raise ValueError(NO_SOLUTION)
    return found


def follow(measured, b, radius, positive):
    """Solve one row with noise exactly, by the path of LASSO solutions, of which it is one: scikit-learn follows it."""
    matrix, target = measured.weights[:, None] * measured.exact_rows, measured.weights * b
    _, _, path = lars_path(matrix, target, method="lasso", positive=positive)
    residuals = target[:, None] - matrix @ path
    inside = np.flatnonzero(np.linalg.norm(residuals, axis=0) <= radius)
    if inside.size == 0 and positive and nnls(matrix, target)[1] > radius * (1 + FEASIBLE[measured.dtype.name]):
        raise ValueError(NO_SOLUTION)
    if inside.size == 0 or inside[0] == 0:
        return None
    end = inside[0]
    # between two knots all is linear: ||r + s d|| = radius
    r, d = residuals[:, end - 1], residuals[:, end] - residuals[:, end - 1]
    half, square = d @ r, d @ d
    s = (-half - np.sqrt(max(half * half - square * (r @ r - radius * radius), 0.0))) / square
    x, rest = path[:, end - 1] + s * (path[:, end] - path[:, end - 1]), r + s * d
    return Solution(
        x, bound(measured, b, radius, measured.weights * rest / largest(matrix.T @ rest, positive), positive)
    )
