"""Local steps: each block goes on by itself from the same weights, and what they have become is averaged.

This is local SGD (Stich, *Local SGD Converges Fast and Communicates Little*, ICLR 2019, arXiv:1805.09767), with the
moments of the optimizer averaged as well. A unit keeps its identity, because all blocks start from it.
"""

from typing import NamedTuple

import numpy as np

from .._kernels.blas import single_threaded_blas
from .._model.rows import Rows
from .._training.dead_units import resample
from .._training.order import order_of_epoch
from .._training.schedule import Schedule, batch_edges
from .._training.training import RESAMPLING_ENDS, Training
from ._norms import keep_norms

# Names of the seeds: of the order of a block's rows in an epoch, and of a round on a block.
ORDER, STEPS = 0, 1


class Round(NamedTuple):
    """What all blocks start from.

    Parameters
    ----------
    training : Training
        Put by: moments, counters and parameters.
    network : Network
    schedule : Schedule
        In steps of the largest block.
    epoch, part, n_parts : int
        The epoch, and which of the rounds of an epoch this is.
    seed : int
    dtype : dtype
        Of the rows.
    """

    training: Training
    network: object
    schedule: Schedule
    epoch: int
    part: int
    n_parts: int
    seed: int
    dtype: np.dtype


class Learned(NamedTuple):
    """What some blocks have made of it, a mean by rows but for the counters.

    Parameters
    ----------
    theta : ndarray
    moments : dict of str to ndarray
    n_rows : int
        Rows of all blocks.
    n_steps, n_updates : int
        Counters of the training and of the optimizer, of the block with most steps.
    losses : ndarray of shape (2,)
        Loss and auxiliary loss.
    fired : ndarray of bool of shape (n_units,)
        The units that fired in the round.
    idle : ndarray of shape (n_units,)
        Rows since a unit fired, of the block where they are fewest; if it fired in none, of that with most rows.
    n_read : int
        Rows so far, of the block with most.
    densities : ndarray
        See `Training`.
    """

    theta: np.ndarray
    moments: dict
    n_rows: int
    n_steps: int
    n_updates: int
    losses: np.ndarray
    fired: np.ndarray
    idle: np.ndarray
    n_read: int
    densities: np.ndarray


class Stretch:
    """A part of a schedule, for a block that takes another number of steps in it than the largest one.

    Parameters
    ----------
    schedule : Schedule
    first, length : float
        Where the part begins, and its length, in steps of `schedule`.
    n_steps : int
        Steps that the block takes in it.
    n_parts : int
        Parts of an epoch.
    """

    def __init__(self, schedule, first, length, n_steps, n_parts):
        self.schedule, self.first, self.length, self.epoch_steps = schedule, first, length, n_steps
        self.n_steps = schedule.n_epochs * n_parts * n_steps

    def at(self, step):
        """Progress before a step, and the factor on the learning rate."""
        return self.schedule.at(self.first + self.length * step / self.epoch_steps)


def generator_of(*seeds):
    """A generator for these numbers alone."""
    return np.random.RandomState(np.random.MT19937(np.random.SeedSequence(seeds)))


def learn_block(start, X, block):
    """The steps of a round on a block; None of a block without rows."""
    rows, (params, size) = Rows(X, start.dtype), (start.training.params, start.training.params["batch_size"])
    if start.n_parts > 1:
        order = order_of_epoch(rows, params["shuffle"], generator_of(start.seed, ORDER, start.epoch, block))
        lo, hi = (len(rows) * part // start.n_parts for part in (start.part, start.part + 1))
        rows = rows.subset(order[lo:hi])
    n = len(rows)
    if not n:
        return None
    generator = generator_of(start.seed, STEPS, start.epoch, start.part, block)
    training = start.training.go_on(start.network, start.network.copy(), params, generator)
    if training.revival == "resample":  # once, for all blocks, at the client
        training.revival = None
    length = start.schedule.epoch_steps / start.n_parts
    first = start.epoch * start.schedule.epoch_steps + start.part * length
    stretch = Stretch(start.schedule, first, length, len(batch_edges(n, size)) - 1, start.n_parts)
    with single_threaded_blas(), np.errstate(all="ignore"):
        training.prepare(size, rows)
        losses = np.array(training.epoch(rows, size, stretch))
    counters, units = (training.n_steps, training.optimizer.n_steps), training.dead_units
    moments, densities = training.optimizer.moments(), np.array(training.densities)
    theta, fired = training.network.parameters.theta, units.idle < start.training.dead_units.idle + n
    return Learned(theta, moments, n, *counters, losses, fired, units.idle, units.n_rows, densities)


def average(a, b):
    """The mean of what two sets of blocks have learned, by rows. Equal numbers stay as they are, to the bit."""
    if a is None or b is None:
        return b if a is None else a
    share = b.n_rows / (a.n_rows + b.n_rows)

    def mean(x, y):
        return x + (y - x) * x.dtype.type(share)

    fewest, most = np.minimum(a.idle, b.idle), np.maximum(a.idle, b.idle)
    either = np.where(a.fired, a.idle, b.idle)
    return Learned(
        mean(a.theta, b.theta),
        {name: mean(a.moments[name], b.moments[name]) for name in a.moments},
        a.n_rows + b.n_rows,
        max(a.n_steps, b.n_steps),
        max(a.n_updates, b.n_updates),
        mean(a.losses, b.losses),
        a.fired | b.fired,
        np.where(a.fired & b.fired, fewest, np.where(a.fired | b.fired, either, most)),
        max(a.n_read, b.n_read),
        mean(a.densities, b.densities),
    )


class Rounds:
    """Training by rounds of local steps: an epoch at a time.

    Parameters
    ----------
    training : Training
        Holds what has been learned so far; it changes at the end of each round.
    cluster : Cluster
    rows : RemoteRows
    sample : Rows
        The rows that the client has.
    round_steps : int or None
        Steps of the largest block in a round, about; None for all of its steps in an epoch.

    Attributes
    ----------
    epoch_rows : int
        Rows of the largest block: it decides how many steps an epoch has.
    n_done : int
        Rounds so far.
    losses : list of (float, ndarray)
        Of the rounds of the epoch, number of rows and losses.
    """

    def __init__(self, training, cluster, rows, sample, round_steps):
        self.training, self.cluster, self.rows, self.sample = training, cluster, rows, sample
        self.epoch_rows, self.n_done, self.losses = max(rows.facts.sizes), 0, []
        n_steps = len(batch_edges(self.epoch_rows, training.params["batch_size"])) - 1
        self.n_parts = 1 if round_steps is None else max(1, round(n_steps / round_steps))
        self.seed = int(training.random_state.randint(2**32, dtype=np.uint64))

    def epoch(self, schedule, number):
        """All rounds of an epoch; returns its losses."""
        self.losses = []
        for part in range(self.n_parts):
            self._round(schedule, number, part)
        return self.mean_losses()

    def mean_losses(self):
        """Loss and auxiliary loss of the rounds of this epoch so far."""
        weights, losses = zip(*self.losses, strict=True)
        return np.average(losses, axis=0, weights=weights).tolist()

    def _round(self, schedule, number, part):
        training, network = self.training, self.training.network.copy()
        state = training.as_of(training.network)
        state.put_by()
        start = Round(state, network, schedule, number, part, self.n_parts, self.seed, self.rows.dtype)
        name = f"round-{self.n_done + 1}"
        learned = self.cluster.sum(name, learn_block, average, self.cluster.send(start))
        self._take(learned)
        progress = (number + (part + 1) / self.n_parts) / schedule.n_epochs
        if training.revival == "resample" and part + 1 == self.n_parts and progress < RESAMPLING_ENDS:
            dead = training.dead_units.mask(self.epoch_rows)
            resample(training.network, training.optimizer, self.sample, dead, training.random_state)

    def _take(self, learned):
        """Go on from what was learned."""
        training = self.training
        training.optimizer.take(learned.n_updates, learned.moments, {})
        training.network.parameters.theta[:] = learned.theta
        keep_norms(training.network)
        training.n_steps, training.densities[:] = learned.n_steps, learned.densities.tolist()
        training.dead_units.idle[:], training.dead_units.n_rows = learned.idle, learned.n_read
        training.assert_finite(learned.losses.sum())
        self.losses.append((learned.n_rows, learned.losses))
        self.n_done += 1
