"""The iterations of K-SVD: codes, then atoms, until the error no longer falls."""

from functools import partial

import numpy as np
from scipy.sparse import issparse

from .atoms import update_atoms
from .entries import entries_of
from .exact_atoms import update_atoms_exactly
from .masked_atoms import update_masked_atoms
from .online import Pace
from .online_loop import Online
from .replacement import worst_rows
from .residual import Rest, residual_of, row_energies
from .tiled_atoms import update_by_tiles

UPDATES = {"approximate": update_atoms, "exact": update_atoms_exactly}


class Ksvd:
    """Dictionary learning by K-SVD.

    Parameters
    ----------
    data : LearningData
    atoms : ndarray of shape (n_components, n_features)
        Changed in place.
    schedule : Schedule
        How rows are encoded.
    update : {"approximate", "exact"}
    replacement : Replacement
    random_state : RandomState
    """

    def __init__(self, data, atoms, schedule, update, replacement, random_state):
        self.data, self.atoms, self.schedule, self.replacement = data, atoms, schedule, replacement
        self.update, self.random_state = UPDATES[update], random_state
        if data.observed is not None:
            self.update = partial(update_masked_atoms, observed=data.observed)
        self.codes, self.usage, self.candidates, self.n_iter = None, None, None, 0

    def iterate(self, progress):
        """One iteration, when a share of the fit is done; returns the loss after it, the mean over the rows."""
        data, atoms, coder = self.data, self.atoms, self.schedule.at(progress)
        if self.replacement.is_due(self.n_iter, progress):
            self.replacement.replace(atoms, self.usage, self.candidates)
        codes = coder.encode(data, atoms)
        entries = entries_of(codes)
        if issparse(data.X):
            energies = update_by_tiles(data.X, codes, entries, atoms, self.replacement.n_frozen, coder.refit())
            residual = Rest(data.X, codes, atoms)
        else:
            residual = residual_of(data.X, codes, atoms, data.observed)
            order = self.random_state.permutation(np.arange(self.replacement.n_frozen, len(atoms)))
            self.update(residual, entries, atoms, order, coder.refit())
            codes.data[entries.order] = entries.values
            energies = row_energies(residual)
        self.candidates = worst_rows(residual, energies, len(atoms), data.floor)
        self.codes, self.usage, self.n_iter = (
            codes,
            np.bincount(codes.indices[codes.data != 0], minlength=len(atoms)),
            self.n_iter + 1,
        )
        return coder.loss(codes, energies)

    def go_on_online(self):
        """What continues this dictionary in ``partial_fit``."""
        online = Online.begin(self.atoms, self.schedule.coding, self.replacement)
        online.add(self.data, self.codes, Pace(None, None, 1.0))
        return online
