"""How long a fit is, how it is cut into batches, and how the learning rate falls."""

import math

import numpy as np

# Steps that max_iter="auto" aims at, and the fewest and most epochs for them.
STEPS, EPOCHS = 10_000, (10, 100)

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


def n_epochs(max_iter, n_rows, batch_size):
    """Number of epochs that `max_iter` means for data of `n_rows` rows."""
    return int(np.clip(-(-STEPS // -(-n_rows // batch_size)), *EPOCHS)) if max_iter == "auto" else max_iter


def batch_edges(n_rows, batch_size):
    """Where batches begin and end: as few as `batch_size` allows, and of nearly equal size.

    A last batch of a row or two would move the weights as far as a full one, in the direction of these rows.

    >>> batch_edges(10, 4)
    [0, 3, 6, 10]
    """
    n_batches = -(-n_rows // batch_size)
    return [n_rows * i // n_batches for i in range(n_batches + 1)]
