"""Whether codes are optimal, and whether they are the only ones."""

from dataclasses import dataclass

import numpy as np

from .._kernels.blas import single_threaded_blas
from ._basis_pursuit import pursue
from ._coders.measurements import Measurements
from ._coherence import mutual_coherence

# Largest number of iterations for a bound.
MAX_ITER = 10_000


@dataclass(frozen=True, eq=False)
class RecoveryCertificate:
    """What can be proven of codes; see `SparseRecovery.certificate`.

    Parameters
    ----------
    residual : ndarray of shape (n_samples,)
        Norm of the part of each row of measurements that its code leaves unexplained.
    l1_norm : ndarray of shape (n_samples,)
        Sum of the absolute coefficients.
    gap : ndarray of shape (n_samples,)
        Relative duality gap: no code has an objective that is smaller by more than this part. Zero, up to rounding,
        proves that the code is optimal.
    n_nonzero : ndarray of shape (n_samples,)
        Number of coefficients that are not zero.
    sparsest : ndarray of bool of shape (n_samples,)
        Whether the mutual coherence proves that no other code with the same reconstruction has as few coefficients.
        False proves nothing: the condition is sufficient and far from necessary.
    coherence : float
        Mutual coherence of the atoms, as they are measured.

    Examples
    --------
    >>> import numpy as np
    >>> from skl_sae.coding import SparseRecovery
    >>> A = np.random.default_rng(0).standard_normal((40, 60))
    >>> model = SparseRecovery(measurement_matrix=A, algorithm="basis_pursuit")
    >>> certificate = model.fit(A.T[:1]).certificate(A.T[:1])
    >>> certificate.n_nonzero, certificate.sparsest, bool(certificate.gap[0] < 1e-7)
    (array([1]), array([ True]), True)
    """

    residual: np.ndarray
    l1_norm: np.ndarray
    gap: np.ndarray
    n_nonzero: np.ndarray
    sparsest: np.ndarray
    coherence: float


def certify(X, codes, atoms, algorithm, alpha, noise, positive):
    """Certificate of codes found by an algorithm.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features), float64
        NaN is missing.
    codes : ndarray of shape (n_samples, n_components), float64
    atoms : ndarray of shape (n_components, n_features)
        In the precision of the data: as much as it rounds, measurements may be off.
    algorithm : str or None
        What the codes minimise; None for nothing in particular.
    alpha : float
        Weight of the l1 norm, for lasso and fista.
    noise : float
        Radius of the ball, for basis pursuit.
    positive : bool

    Returns
    -------
    RecoveryCertificate
    """
    there = ~np.isnan(X)
    patterns, which = np.unique(there, axis=0, return_inverse=True)
    residual, gap = np.zeros(len(X)), np.zeros(len(X))
    with single_threaded_blas():
        for number, pattern in enumerate(patterns):
            rows = np.flatnonzero(which.ravel() == number)
            if not pattern.any():
                continue
            x, z, d = X[np.ix_(rows, pattern)], codes[rows], np.ascontiguousarray(atoms[:, pattern])
            # numbers whose squares are safe
            exponent = np.frexp(np.maximum(np.abs(x).max(axis=1), np.abs(z @ d).max(axis=1)))[1].clip(-1000)
            x, z = np.ldexp(x, -exponent[:, None]), np.ldexp(z, -exponent[:, None])
            residual[rows] = np.ldexp(np.linalg.norm(x - z @ d, axis=1), exponent)
            if algorithm in ("lasso", "fista"):
                gap[rows] = _lasso_gap(x, z, d, np.ldexp(alpha, -exponent), positive)
            elif algorithm == "basis_pursuit":
                gap[rows] = _gap(x, z, d, np.ldexp(noise * np.sqrt(pattern.mean()), -exponent), positive)
            else:
                gap[rows] = _gap(z @ d, z, d, 0.0, positive)
    used = (atoms != 0).any(axis=1)
    coherence = mutual_coherence(atoms[used].astype(np.float64)) if used.any() else 0.0
    n_nonzero = np.count_nonzero(codes, axis=1)
    sparsest = (2 * n_nonzero - 1) * coherence < 1
    return RecoveryCertificate(residual, np.abs(codes).sum(axis=1), gap, n_nonzero, sparsest, coherence)


def _gap(x, z, atoms, noise, positive):
    """Of basis pursuit, whose best bound takes a solution of the problem."""
    _, dual, _ = pursue(Measurements(np.ascontiguousarray(atoms.T)), x, noise, positive, MAX_ITER)
    size = np.abs(z).sum(axis=1)
    return np.divide(size - dual, size, out=np.zeros(len(x)), where=size > 0)


def _lasso_gap(x, z, atoms, alpha, positive):
    """Of ``||x - z D||^2 / 2 + alpha ||z||_1``: the residual, scaled to be feasible, is a point of the dual problem."""
    residual = x - z @ atoms
    correlations = residual @ atoms.T
    largest = (correlations if positive else np.abs(correlations)).max(axis=1)
    scale = np.minimum(1, np.divide(alpha, largest, out=np.ones(len(x)), where=largest > 0))
    square = np.square(residual).sum(axis=1)
    objective = square / 2 + alpha * np.abs(z).sum(axis=1)
    dual = scale * (residual * x).sum(axis=1) - scale**2 * square / 2
    return np.divide(objective - dual, objective, out=np.zeros(len(x)), where=objective > 0)
