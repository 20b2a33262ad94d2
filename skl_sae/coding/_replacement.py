"""Atoms that earn nothing: those that no row uses, and those that say what another one says. Rows take their place."""

from typing import NamedTuple

import numpy as np

from .._kernels.norms import unit_rows


class Replacement(NamedTuple):
    """Which atoms are replaced.

    Parameters
    ----------
    min_usage : int
        Atoms that fewer rows use are replaced.
    max_coherence : float
        Of two atoms with a larger absolute cosine, the one that fewer rows use is replaced.
    n_frozen : int
        Number of first atoms that stay in any case.
    """

    min_usage: int
    max_coherence: float
    n_frozen: int

    def poor(self, atoms, usage):
        """Indices of atoms to replace, in ascending order."""
        poor = usage < self.min_usage
        poor[: self.n_frozen] = False
        if self.max_coherence < 1:
            unit = unit_rows(atoms)
            cosines = np.abs(unit @ unit.T)
            np.fill_diagonal(cosines, 0)
            weight = usage.astype(np.float64)
            weight[: self.n_frozen] = np.inf
            for i, j in zip(*np.nonzero(np.triu(cosines > self.max_coherence)), strict=True):
                if poor[i] or poor[j]:
                    continue
                less = i if weight[i] < weight[j] else j
                poor[less] = less >= self.n_frozen
        return np.flatnonzero(poor)

    def replace(self, atoms, usage, X, energies):
        """Put rows that are badly represented in the place of poor atoms, each row at most once.

        Parameters
        ----------
        atoms : ndarray of shape (n_components, n_features)
            Changed in place.
        usage : ndarray of int of shape (n_components,)
            How many rows use each atom.
        X : callable
            Returns rows of the data, given an array of indices.
        energies : ndarray of shape (n_samples,)
            Squared norm of the residual of each row.

        Returns
        -------
        replaced : ndarray of int
            Indices of the atoms that are new. Where rows are represented exactly, there are fewer of them.
        """
        poor = self.poor(atoms, usage)
        if not poor.size:
            return poor
        worst = np.argsort(-energies, kind="stable")[: poor.size]
        rows = X(worst)
        squares = np.einsum("ij,ij->i", rows, rows, dtype=np.float64)
        unexplained = energies[worst] > 16 * np.finfo(atoms.dtype).eps ** 2 * rows.shape[1] * squares
        poor = poor[: np.count_nonzero(unexplained)]
        atoms[poor] = unit_rows(rows[unexplained][: len(poor)])
        return poor
