"""Curves of a fit, and whether it still improves."""

import numpy as np


class History:
    """Curves of a fit, and whether it still improves.

    Parameters
    ----------
    tol : float
    n_iter_no_change : int
    """

    CURVES = "loss_curve", "auxiliary_loss_curve", "validation_scores"

    def __init__(self, tol, n_iter_no_change):
        self.tol, self.patience = tol, n_iter_no_change
        self.loss_curve, self.auxiliary_loss_curve, self.validation_scores = [], [], []
        self.best, self.waited = -np.inf, 0

    def note(self, losses):
        """Note the loss and the auxiliary loss of an epoch."""
        self.loss_curve.append(float(losses[0]))
        self.auxiliary_loss_curve.append(float(losses[1]))

    def improves(self, value):
        """Note a value to be maximised; returns whether it is the best so far."""
        self.waited = 0 if value > self.best + self.tol else self.waited + 1
        better = value > self.best
        self.best = max(self.best, value)
        return better

    @property
    def stalled(self):
        """Whether the value has not risen by `tol` for more than `n_iter_no_change` epochs."""
        return self.waited > self.patience

    def cut(self, n_epochs):
        """Forget what came after so many epochs."""
        for name in self.CURVES:
            del getattr(self, name)[n_epochs:]

    def numbers(self):
        """All that is known, in lists and numbers."""
        return {**{name: list(getattr(self, name)) for name in self.CURVES}, "best": self.best, "waited": self.waited}

    def take(self, numbers):
        """Know what another history has known."""
        vars(self).update(numbers)
