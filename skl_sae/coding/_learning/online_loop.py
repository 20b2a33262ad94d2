"""The steps of online dictionary learning: a batch is encoded, added to the sums, and the atoms follow."""

import numpy as np

from ..._kernels.threads import partition
from .entries import entries_of
from .online import Statistics
from .replacement import worst_rows
from .residual import decode, residual_of, row_energies

# Codes an atom, on the mean, that are counted before atoms that had too few are replaced.
PATIENCE = 20


class Online:
    """Dictionary learning with the statistics of all codes so far.

    Parameters
    ----------
    atoms : ndarray of shape (n_components, n_features)
        Changed in place.
    statistics : Statistics
        Changed in place.
    coder : Coding
    replacement : Replacement
    usage : ndarray of int of shape (n_components,)
        How many rows have used each atom since atoms were last replaced. Changed in place.
    """

    def __init__(self, atoms, statistics, coder, replacement, usage):
        self.atoms, self.statistics, self.coder = atoms, statistics, coder
        self.replacement, self.usage, self.candidates = replacement, usage, None

    @classmethod
    def begin(cls, atoms, coder, replacement):
        """Without a past."""
        return cls(atoms, Statistics(*atoms.shape, atoms.dtype), coder, replacement, np.zeros(len(atoms), np.int64))

    def continued(self, coder, replacement, factor):
        """A copy that goes on with these options, after the unit of the data has changed by a factor."""
        statistics = self.statistics.copy()
        if factor != 1:
            statistics.rescale(factor)
        return Online(self.atoms.copy(), statistics, coder, replacement, self.usage.copy())

    def learn(self, data, batch_size, pace, order=None):
        """Learn from all rows of some data, in batches; returns the mean loss.

        Without an `order` it is a chunk of a stream: atoms are replaced when enough codes have been seen.
        """
        n, total = data.shape[0], 0.0
        for lo, hi in partition(n, batch_size, 1):
            rows = slice(lo, hi) if order is None else np.sort(order[lo:hi])
            total += (hi - lo) * self.step(data.take(rows), pace)
            if order is None and self.usage.sum() > PATIENCE * len(self.atoms):
                self.replace()
        return total / n

    def replace(self):
        """Replace atoms that earn nothing."""
        self.statistics.forget(self.replacement.replace(self.atoms, self.usage, self.candidates))
        self.usage[...] = 0

    def step(self, batch, pace):
        """Learn from a batch; returns the mean loss of its rows, with the codes that they had before.

        Parameters
        ----------
        batch : LearningData
        pace : Pace
        """
        codes = self.coder.encode(batch, self.atoms)
        residual = residual_of(batch.X, codes, self.atoms, batch.observed)
        energies = row_energies(residual)
        self.add(batch, codes, pace)
        self.statistics.update(self.atoms, self.replacement.n_frozen, pace.relaxation)
        self.candidates = worst_rows(residual, energies, len(self.atoms), batch.floor)
        return self.coder.loss(codes, energies)

    def add(self, batch, codes, pace):
        """Add a batch to the sums. Missing values are filled with what the code says."""
        X, entries = batch.X, entries_of(codes)
        if batch.observed is not None:
            filled = np.zeros(X.shape, X.dtype)
            decode(codes, self.atoms, filled)
            X = np.where(batch.observed, X, filled)
        self.statistics.add(codes, entries, X, pace)
        self.usage += entries.counts()


class Passes:
    """Passes over data that is all there, each in a new order.

    Parameters
    ----------
    online : Online
    data : LearningData
    batch_size : int
    pace : Pace
    schedule : Schedule
    random_state : RandomState
    """

    def __init__(self, online, data, batch_size, pace, schedule, random_state):
        self.online, self.data, self.atoms, self.schedule = online, data, online.atoms, schedule
        self.batch_size, self.pace, self.random_state, self.n_iter = batch_size, pace, random_state, 0

    def iterate(self, progress):
        """One pass; returns the mean loss."""
        if self.online.replacement.is_due(self.n_iter, progress):
            self.online.replace()
        order, self.n_iter = self.random_state.permutation(self.data.shape[0]), self.n_iter + 1
        self.online.coder = self.schedule.at(progress)
        return self.online.learn(self.data, self.batch_size, self.pace, order)

    def go_on_online(self):
        """What continues this dictionary in ``partial_fit``."""
        return self.online
