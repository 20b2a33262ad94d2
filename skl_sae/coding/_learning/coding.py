"""How an estimator encodes: the options of `sparse_encode`, in units of the data as it is read."""

from typing import NamedTuple

import numpy as np

from .._sparse_encode import sparse_encode

# Algorithms that minimise a penalised error.
PENALISED = ("lasso", "fista")
# Powers of the unit of the data that `tol` has; where it is not named, a share.
POWERS = {"omp": 2, "iht": 2, "basis_pursuit": 1}
# Shares of a fit at which a penalty that falls begins to do so, and has fallen.
FALLS, FALLEN = 0.45, 0.8


class Coding(NamedTuple):
    """Options of `sparse_encode`; see there."""

    algorithm: str
    n_nonzero_coefs: int | None
    tol: float | None
    alpha: float
    positive: bool

    def scaled(self, exponent):
        """The same for data that is divided by two to the power of `exponent`."""
        power = POWERS.get(self.algorithm)
        tol = self.tol if self.tol is None or power is None else np.ldexp(self.tol, -power * exponent)
        return self._replace(alpha=np.ldexp(self.alpha, -exponent), tol=tol)

    def encode(self, data, atoms):
        """Codes of the rows of `data` (a `LearningData`), as a CSR array."""
        return sparse_encode(data.X, atoms, **self._asdict(), mask=data.observed, sparse_output=True)

    def encode_array(self, X, atoms, sparse_output):
        """The same for rows as the user has them, as an array or as a CSR array."""
        return sparse_encode(X, atoms, **self._asdict(), sparse_output=sparse_output)

    def penalty(self):
        """Weight of the absolute values of a code in the objective."""
        return float(self.alpha) if self.algorithm in PENALISED else 0.0

    def refit(self):
        """Penalty and sign of the entries, for the dictionary stage."""
        return np.array([self.penalty(), float(self.positive)])

    def loss(self, codes, energies):
        """Mean over the rows of half the squared error, plus the penalty."""
        return (0.5 * energies.sum() + self.penalty() * np.abs(codes.data).sum(dtype=np.float64)) / len(energies)


class Schedule(NamedTuple):
    """How each iteration of a fit encodes.

    Parameters
    ----------
    coding : Coding
        That of the end.
    alpha_start : float or None
        The penalty at the beginning.
    """

    coding: Coding
    alpha_start: float | None

    def at(self, progress):
        """The coding when this share of the fit is done: the penalty stays, then falls along a geometric line."""
        if self.alpha_start is None:
            return self.coding
        fallen = min(max((progress - FALLS) / (FALLEN - FALLS), 0.0), 1.0)
        return self.coding._replace(alpha=self.alpha_start ** (1 - fallen) * self.coding.alpha**fallen)

    def is_settled(self, progress):
        """Whether losses can be compared."""
        return self.alpha_start is None or progress > FALLEN
