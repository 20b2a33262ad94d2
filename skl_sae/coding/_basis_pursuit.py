"""Basis pursuit: of all codes that explain a signal, the one with the smallest l1 norm."""

from functools import cached_property

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from .._kernels.blas import single_threaded_blas
from .._kernels.threads import run
from .._parameters import check_named_array, checked, integer, real
from .._warning import warn
from ._coders.coder import Coder
from ._coders.measurements import Measurements
from ._coders.splitting import solve

# Rows that a thread works on at a time: an eighth of them, between these numbers.
FEWEST, ROWS = 32, 256
# Relative duality gap at which a row is solved.
GAP = 1e-8


@checked(
    {
        "A": ["array-like"],
        "y": ["array-like"],
        "noise": [real(0, None, closed="left")],
        "positive": ["boolean"],
        "tol": [real(0, None, closed="neither")],
        "max_iter": [integer()],
    },
    prefer_skip_nested_validation=True,
)
def basis_pursuit(A, y, *, noise=0.0, positive=False, tol=GAP, max_iter=10000):
    r"""Recover sparse signals from few linear measurements, by the smallest l1 norm.

    .. math::

        \min_x \|x\|_1 \quad \text{subject to} \quad \|A x - y\|_2 \le \text{noise}

    Without noise, :math:`A x = y`. Where x is sparse enough, it is the sparsest solution, and recovered exactly [1]_.

    All signals are solved side by side by ADMM [2]_. Once the support of an iterate settles, the solution on this
    support is computed directly, and a point of the dual problem proves that it is optimal. A signal that has
    not got there after 4000 iterations, or `max_iter`, is solved by :func:`scipy.optimize.linprog` or, with noise, by
    following the solutions of the LASSO (:func:`sklearn.linear_model.lars_path`).

    Parameters
    ----------
    A : array-like of shape (n_measurements, n_features)
        The measurement matrix. Its rows may be dependent.
    y : array-like of shape (n_measurements,) or (n_signals, n_measurements)
        Measurements of one signal, or of many, one signal a row.
    noise : float, default=0.0
        Largest distance of ``A x`` from y, in the units of y.
    positive : bool, default=False
        Whether solutions are non-negative.
    tol : float, default=1e-8
        Relative duality gap at which a signal is solved: no solution has an l1 norm that is smaller by more than this
        part.
    max_iter : int, default=10000
        Largest number of iterations of ADMM for a signal.

    Returns
    -------
    x : ndarray of shape (n_features,) or (n_signals, n_features)
        The signals, float32 if A and y are, else float64.

    Raises
    ------
    ValueError
        If no x has these measurements.

    Warns
    -----
    ConvergenceWarning
        If the gap of some signals is still above `tol` in the end.

    References
    ----------
    .. [1] D. Donoho and J. Tanner (2009), "Observed universality of phase transitions in high-dimensional geometry",
           Philosophical Transactions of the Royal Society A 367, 4273-4293.
    .. [2] J. Eckstein and D. Bertsekas (1992), "On the Douglas-Rachford splitting method and the proximal point
           algorithm for maximal monotone operators", Mathematical Programming 55, 293-318.

    Examples
    --------
    >>> import numpy as np
    >>> from skl_sae.coding import basis_pursuit
    >>> A = np.random.default_rng(0).standard_normal((20, 50))
    >>> x = np.zeros(50)
    >>> x[[3, 14, 41]] = 1.0, -2.0, 0.5
    >>> bool(np.allclose(basis_pursuit(A, A @ x), x))
    True
    """
    dtype = np.result_type(np.asarray(A).dtype, np.asarray(y).dtype)
    dtype = np.float32 if dtype == np.float32 else np.float64
    A = check_named_array("A", A, dtype=dtype)
    single = np.ndim(y) == 1
    y = check_named_array("y", np.atleast_2d(y), dtype=dtype)
    if y.shape[1] != A.shape[0]:
        raise ValueError(
            f"y has {y.shape[1]} measurements a signal, and A, of shape {A.shape}, makes {A.shape[0]}. Expected y of "
            f"shape ({A.shape[0]},) or, with one signal a row, (n_signals, {A.shape[0]})."
        )
    with single_threaded_blas():
        x, _, failed = pursue(Measurements(A), y, noise, positive, max_iter, tol)
    if failed:
        warn(
            f"The duality gap of {failed} of {len(y)} signals is above tol={tol:g} after max_iter={max_iter} "
            "iterations. Raise max_iter or tol, or scale the columns of A to equal norms.",
            ConvergenceWarning,
        )
    x = x.astype(dtype, copy=False)
    return x[0] if single else x


def pursue(measured, y, noise, positive, max_iter, tol=GAP):
    """Solve all rows of y, with all threads.

    Parameters
    ----------
    measured : Measurements
    y : ndarray of shape (n_signals, n_measurements)
    noise : float or ndarray of shape (n_signals,)
    positive : bool
    max_iter : int
    tol : float

    Returns
    -------
    x : ndarray of shape (n_signals, n_features), float64
    dual : ndarray of shape (n_signals,)
        Lower bounds of the l1 norms.
    failed : int
        Number of rows whose gap is above `tol`.
    """
    size = min(ROWS, max(FEWEST, len(y) // 8))
    noise = np.broadcast_to(noise, len(y))

    def work(block, slot):
        rows = slice(block * size, (block + 1) * size)
        targets = measured.targets(y[rows], noise[rows])
        _check_feasible(targets.needed, y[rows], measured)
        x, dual, solved = solve(measured, targets, positive, max_iter, tol)
        size_of_x = np.ldexp(1.0, targets.exponent)
        return x * size_of_x[:, None], dual * size_of_x, solved

    x, dual, solved = (np.concatenate(part) for part in zip(*run(work, -(-len(y) // size))))
    return x, dual, int((~solved).sum())


def _check_feasible(needed, y, measured):
    if needed.any():
        norm = np.linalg.norm(y[needed > 0].astype(np.float64), axis=1).max()
        raise ValueError(
            f"No x has these measurements: the matrix, of shape {measured.shape}, has rank {measured.rank}, and the "
            f"part of a row of measurements outside of its range has a norm of {needed.max():.3g}, of {norm:.3g}. "
            f"Allow for noise of at least {needed.max():.3g} (noise in basis_pursuit, tol in sparse_encode)."
        )


class BasisPursuit(Coder):
    """The code of smallest l1 norm whose reconstruction is no farther from the signal than `tol`; 0 means equality.

    Of a row with missing entries, what is observed is to be explained, within its share of `tol`.
    """

    def prepare(self):
        self.measured  # noqa: B018 - it is kept

    def encode(self, tile, out):
        x = tile.x.toarray() if sparse.issparse(tile.x) else tile.x
        with np.errstate(over="ignore"):  # then any x will do, and the smallest is zero
            noise = (self.options.tol or 0.0) * tile.scale
        if tile.observed is None:
            return self._encode(self.measured, x, noise, out)
        noise = noise * np.sqrt(tile.observed.mean(axis=1))
        patterns, which = np.unique(tile.observed, axis=0, return_inverse=True)
        failed = 0
        for number, pattern in enumerate(patterns):
            rows = np.flatnonzero(which.ravel() == number)
            codes = np.zeros((rows.size, out.shape[1]), out.dtype)
            if pattern.any():
                measured = Measurements(np.ascontiguousarray(self.dictionary.atoms[:, pattern].T))
                failed += self._encode(measured, x[np.ix_(rows, pattern)], noise[rows], codes)
            out[rows] = codes
        return failed

    def _encode(self, measured, x, noise, out):
        out[:], _, failed = pursue(measured, x, noise, self.options.positive, self.options.max_iter)
        return failed

    @cached_property
    def measured(self):
        return Measurements(self.dictionary.transposed)
