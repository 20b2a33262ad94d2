"""One large batch over all blocks: each gives the gradient of its share, and the client moves the weights.

The mean of a batch is the mean of its shares by rows, so a step is that of one process on the whole batch.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from .._kernels.blas import single_threaded_blas
from .._kernels.noise import layer_key
from .._model.positive import project_decoder
from .._model.rows import Rows
from .._training.order import order_of_epoch
from .._training.schedule import batch_edges
from .._training.source import N_SETTINGS
from ._fetching import places_in
from ._norms import keep_norms
from ._share import Share


class Step(NamedTuple):
    """What all blocks are told of a step.

    Parameters
    ----------
    network : Network
    params : dict
        Of the estimator.
    batch : ndarray of int
        The rows of the batch.
    starts : ndarray of int
        Where each block begins.
    number : int
        Of the step, from 1 on.
    progress : float
    n_steps : int
        Of the fit.
    key : int
        Of the random numbers of the step.
    dead : ndarray of bool of shape (n_units,) or None
    densities : list of float
        See `Training`.
    dtype : dtype
        Of the rows.
    factor : float or None
        What the loss of dead units is multiplied by, if there are some: one over the mean square of the residual.
    """

    network: object
    params: dict
    batch: np.ndarray
    starts: np.ndarray
    number: int
    progress: float
    n_steps: int
    key: int
    dead: np.ndarray
    densities: list
    dtype: np.dtype
    factor: float = 0.0


class Slope(NamedTuple):
    """Of some blocks, means over their rows of the batch.

    Parameters
    ----------
    gradient : ndarray
        Aligned with the flat vector of parameters.
    n_rows : int
    losses : ndarray of shape (2,)
        Loss and auxiliary loss.
    fired : ndarray of bool of shape (n_units,)
        The units that had a value other than zero.
    densities : ndarray
    """

    gradient: np.ndarray
    n_rows: int
    losses: np.ndarray
    fired: np.ndarray
    densities: np.ndarray


def _share(step, X, block):
    """The share of a block in the batch; None if it has none."""
    _, local = places_in(step.batch, step.starts, block, X.shape[0])
    if not local.size:
        return None
    key = layer_key(step.key, block) if block else step.key  # of each share, its own
    return Share(step, Rows(X, step.dtype), local, key)


def slope_of(step, X, block):
    """The gradient of a block's share."""
    share = _share(step, X, block)
    if share is None:
        return None
    losses = share.run(step.factor)
    densities = np.array(share.training.densities)
    return Slope(share.gradient, share.n_rows, losses, share.fired, densities)


def mean_slope(a, b):
    """That of two sets of blocks."""
    if a is None or b is None:
        return b if a is None else a
    share = b.n_rows / (a.n_rows + b.n_rows)
    x, y = a.gradient.dtype.type(1 - share), a.gradient.dtype.type(share)
    return Slope(
        x * a.gradient + y * b.gradient,
        a.n_rows + b.n_rows,
        (1 - share) * a.losses + share * b.losses,
        a.fired | b.fired,
        (1 - share) * a.densities + share * b.densities,
    )


def residual_of(step, X, block):
    """Sums over a block's share of what the living units leave over, and last, that of all squares."""
    share = _share(step, X, block)
    return None if share is None else share.residual_sums()


def add_sums(a, b):
    """Those of two sets of blocks."""
    if a is None or b is None:
        return b if a is None else a
    return a + b


class Gradients:
    """Training by large batches: an epoch at a time; see `Rounds` for the parameters.

    Attributes
    ----------
    epoch_rows : int
        All rows: they decide how many steps an epoch has.
    n_done : int
        Steps so far.
    losses : list of (float, ndarray)
        Of the steps of the epoch, number of rows and losses.
    """

    def __init__(self, training, cluster, rows):
        self.training, self.cluster, self.rows = training, cluster, rows
        self.epoch_rows, self.n_done, self.losses = len(rows), 0, []
        self.starts = np.cumsum([0, *rows.facts.sizes[:-1]])

    def epoch(self, schedule, number):
        """All steps of an epoch; returns its losses."""
        training, self.losses = self.training, []
        order = order_of_epoch(self.rows, training.params["shuffle"], training.random_state)
        edges = batch_edges(self.epoch_rows, training.params["batch_size"])
        for step, (lo, hi) in enumerate(pairwise(edges), number * schedule.epoch_steps):
            progress, factor = schedule.at(step)
            slope = self._slope(order[lo:hi], progress, schedule.n_steps)
            self._move(slope, training.rate * factor)
        return self.mean_losses()

    def mean_losses(self):
        """Loss and auxiliary loss of the steps of this epoch so far."""
        weights, losses = zip(*self.losses, strict=True)
        return np.average(losses, axis=0, weights=weights).tolist()

    def _slope(self, batch, progress, n_steps):
        """That of the whole batch."""
        training, number, dead = self.training, self.training.n_steps + 1, None
        if training.revival == "auxiliary":
            dead = training.dead_units.mask(self.epoch_rows)
            dead = dead if dead.any() else None
        counters = number - training.n_earlier_steps, progress, n_steps, layer_key(training.key, number)
        facts = dead, list(training.densities), self.rows.dtype
        step = Step(training.network.copy(), training.params, batch, self.starts, *counters, *facts)
        if dead is not None:
            name = f"residual-{self.n_done + 1}"
            sums = self.cluster.sum(name, residual_of, add_sums, self.cluster.send(step))
            step = step._replace(factor=_factor(sums, len(batch)))
        return self.cluster.sum(f"gradient-{self.n_done + 1}", slope_of, mean_slope, self.cluster.send(step))

    def _move(self, slope, rate):
        """The step of the optimizer."""
        training, network = self.training, self.training.network
        training.assert_finite(slope.losses.sum())
        settings, check = np.zeros(N_SETTINGS), np.zeros(1)
        told = training.optimizer.begin(rate)
        settings[: len(told)] = told
        with single_threaded_blas(), np.errstate(all="ignore"):
            training.optimizer.update(network.parameters.theta, 0, slope.gradient, settings, check)
            project_decoder(network)
            keep_norms(network)
        training.n_steps += 1
        training.densities[:] = slope.densities.tolist()
        training.dead_units.count(slope.fired, slope.n_rows)
        training.assert_finite(float(check[0]))
        self.losses.append((slope.n_rows, slope.losses))
        self.n_done += 1


def _factor(sums, n_rows):
    """One over the mean square about the mean, as in `ResidualPass`."""
    spread = sums[-1] - (sums[:-1] ** 2).sum() / n_rows
    return n_rows / spread if spread > 0 else 0.0
