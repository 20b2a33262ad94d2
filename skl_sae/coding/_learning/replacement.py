"""Atoms that earn nothing: those that no row uses, and those that say what another one says.

What badly represented rows have left takes their place.
"""

from typing import NamedTuple

import numpy as np

from ..._kernels.norms import unit_rows

# Share of a fit after which no atom is replaced.
LAST = 0.7


class Replacement(NamedTuple):
    """Which atoms are replaced.

    Parameters
    ----------
    min_usage : int
        Atoms that fewer rows use are replaced.
    max_coherence : float
        Of two atoms with a larger absolute cosine, the one that fewer rows use is replaced.
    every : int
        Number of iterations between replacements.
    n_frozen : int
        Number of first atoms that stay in any case.
    """

    min_usage: int
    max_coherence: float
    every: int
    n_frozen: int

    def is_due(self, iteration, progress):
        """Whether atoms are replaced before an iteration. New ones need some iterations to settle."""
        return iteration > 0 and iteration % self.every == 0 and progress <= LAST

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

    def replace(self, atoms, usage, candidates):
        """Put candidates in the place of poor atoms, in place; returns the indices of the atoms that are new.

        Parameters
        ----------
        atoms : ndarray of shape (n_components, n_features)
        usage : ndarray of int of shape (n_components,)
            How many rows use each atom.
        candidates : ndarray of shape (n_candidates, n_features)
            See `worst_rows`. Where there are fewer of them, some atoms stay.
        """
        poor = self.poor(atoms, usage)[: len(candidates)]
        atoms[poor] = unit_rows(candidates[: len(poor)])
        return poor


def worst_rows(residual, energies, n, floor):
    """Rows of the residual with the most energy, up to `n` of them; none whose energy is below the `floor`."""
    worst = np.argsort(-energies, kind="stable")[:n]
    return residual[worst[energies[worst] > floor]]
