"""The place that training has reached within an epoch."""

import numpy as np


class Place:
    """Where in an epoch training is, and what it has summed up since the epoch began.

    Attributes
    ----------
    step, n_rows : int
        Steps of the epoch that are done, and their rows.
    losses : ndarray of shape (2,)
        Sums over these rows of the loss and of the auxiliary loss.
    """

    def __init__(self):
        self.leave()

    def leave(self):
        """The epoch is over."""
        self.step, self.n_rows, self.losses = 0, 0, np.zeros(2)

    def enter(self, random_state):
        """An epoch begins, or goes on: before its order is drawn."""

    def passed(self, losses, n_rows):
        """A step of some rows is done, with the means of their losses."""
        self.losses += n_rows * losses
        self.step, self.n_rows = self.step + 1, self.n_rows + n_rows
