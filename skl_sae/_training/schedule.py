"""How long a fit is, how it is cut into batches, and how the learning rate falls."""

import math

import numpy as np

# Steps that max_iter="auto" aims at, and the fewest and most epochs for them. Small tables have so few steps an epoch
# that the most epochs are not enough to learn them: they get the fewest steps, however many epochs these are.
STEPS, EPOCHS, FEWEST_STEPS = 10_000, (10, 100), 1500

# Share of the steps in which "cooldown" goes to zero. The schedule is that of Hägele et al., "Scaling Laws and
# Compute-Optimal Training Beyond Fixed Training Durations", 2024, arXiv:2405.18392.
COOLDOWN = 0.2

# Factor on learning_rate_init at progress t, the fraction of the steps already taken.
SCHEDULES = {
    "constant": lambda t: 1.0,
    "cooldown": lambda t: min(1.0, (1 - t) / COOLDOWN),
    "cosine": lambda t: 0.5 * (1 + math.cos(math.pi * t)),
    "linear": lambda t: 1 - t,
}

# A decay that begins early takes this share of the epochs before it.
EARLY_DECAY = 0.25


class Schedule:
    """How long a fit is, how far it has come, and how the learning rate falls on the way.

    Parameters
    ----------
    name : str, default="constant"
        One of `SCHEDULES`.
    n_epochs : int or inf, default=inf
        Length of the fit; infinite where nobody knows it.
    epoch_steps : int, default=1
        Number of steps of an epoch.
    """

    def __init__(self, name="constant", n_epochs=math.inf, epoch_steps=1):
        self.name, self.n_epochs, self.epoch_steps = name, n_epochs, epoch_steps
        self._early = None

    @property
    def n_steps(self):
        """Number of steps of the fit, or None."""
        return None if self.n_epochs == math.inf else self.n_epochs * self.epoch_steps

    def at(self, step):
        """Progress of the fit before a step (counted from 0), and the factor on its learning rate."""
        if self._early is None:
            progress = step / (self.n_epochs * self.epoch_steps)
            return progress, SCHEDULES[self.name](progress)
        first, progress, factor = self._early
        share = (step - first) / (self.n_steps - first)
        return progress + (1 - progress) * share, factor * (1 - share)

    def finish_from(self, epoch):
        """End the fit early, after so many epochs: at once, or if the schedule decays, by a short decay from here.

        The rate goes to zero along a line, over a quarter of the epochs so far, and progress goes on to 1 from where it
        is. Only the first call counts.
        """
        if self._early is None:
            first = epoch * self.epoch_steps
            self._early = first, *self.at(first)
            decay = 0 if self.name == "constant" else max(1, math.ceil(EARLY_DECAY * epoch))
            self.n_epochs = min(self.n_epochs, epoch + decay)

    def numbers(self):
        """What changes on the way."""
        return {"n_epochs": self.n_epochs, "early": self._early}

    def take(self, numbers):
        """Be where another schedule of the same length was."""
        self.n_epochs, self._early = numbers["n_epochs"], numbers["early"]


def n_epochs(max_iter, n_rows, batch_size):
    """Number of epochs that `max_iter` means for data of `n_rows` rows.

    >>> [n_epochs("auto", n_rows, 128) for n_rows in (178, 1797, 12_800, 60_000, 1_000_000)]
    [750, 100, 100, 22, 10]
    """
    if max_iter != "auto":
        return max_iter
    an_epoch = -(-n_rows // batch_size)
    epochs = int(np.clip(-(-STEPS // an_epoch), *EPOCHS))
    return max(epochs, -(-FEWEST_STEPS // an_epoch))


def batch_edges(n_rows, batch_size):
    """Where batches begin and end: as few as `batch_size` allows, and of nearly equal size.

    A last batch of a row or two would move the weights as far as a full one, in the direction of these rows.

    >>> batch_edges(10, 4)
    [0, 3, 6, 10]
    """
    n_batches = -(-n_rows // batch_size)
    return [n_rows * i // n_batches for i in range(n_batches + 1)]
