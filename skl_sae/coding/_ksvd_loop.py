"""The iterations of K-SVD: codes, then atoms, until the error no longer falls."""

from functools import partial

import numpy as np

from ._atoms import update_atoms
from ._entries import entries_of
from ._exact_atoms import update_atoms_exactly
from ._masked_atoms import update_masked_atoms
from ._online_loop import Online
from ._residual import residual_of, row_energies

UPDATES = {"approximate": update_atoms, "exact": update_atoms_exactly}


class Ksvd:
    """Dictionary learning by K-SVD.

    Parameters
    ----------
    data : LearningData
    atoms : ndarray of shape (n_components, n_features)
        Changed in place.
    coder : Coding
        How rows are encoded.
    update : {"approximate", "exact"}
    replacement : Replacement
    random_state : RandomState
    """

    def __init__(self, data, atoms, coder, update, replacement, random_state):
        self.data, self.atoms, self.coder, self.replacement = data, atoms, coder, replacement
        self.update, self.random_state = UPDATES[update], random_state
        if data.observed is not None:
            self.update = partial(update_masked_atoms, observed=data.observed)
        self.codes, self.usage, self.energies = None, None, None

    def iterate(self):
        """One iteration; returns the loss after it, the mean over the rows."""
        data, atoms = self.data, self.atoms
        if self.codes is not None:
            self.replacement.replace(atoms, self.usage, data.dense, self.energies)
        codes = self.coder.encode(data, atoms)
        entries = entries_of(codes)
        residual = residual_of(data.X, codes, atoms, data.observed)
        order = self.random_state.permutation(np.arange(self.replacement.n_frozen, len(atoms)))
        self.update(residual, entries, atoms, order, self.coder.refit())
        codes.data[entries.order] = entries.values
        self.codes, self.usage, self.energies = codes, entries.counts(), row_energies(residual)
        return self.coder.loss(codes, self.energies)

    def go_on_online(self):
        """What continues this dictionary in ``partial_fit``."""
        online = Online.begin(self.atoms, None, self.replacement)
        online.add(self.data, self.codes, None)
        return online
