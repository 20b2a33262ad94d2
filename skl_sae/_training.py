"""The training loop: epochs of shuffled batches, the schedule of the learning rate, and when to stop."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from . import _inference
from ._backpropagation import Backpropagation, overrides
from ._blas import single_threaded_blas
from ._dead_units import DeadUnits, auxiliary_rule, resample
from ._noise import add_gaussian, layer_key, mask_inputs
from ._optimizers import OPTIMIZERS, SCHEDULES
from .sparsity._base import Step

# Share of a fit after which units are no longer resampled: the last ones need time to learn.
RESAMPLING_ENDS = 0.6
# What learning_rate_init="auto" is made of. Adam's steps have a length of their own: in wide layers each weight must
# take smaller ones, and with many units fewer of them die.
ADAM_RATE, WIDE, DEEP_ADAM_RATE, SGD_RATE = 0.003, 1000, 0.001, 0.1
# Steps that max_iter="auto" aims at, and the fewest and most epochs for them.
STEPS, EPOCHS = 10_000, (10, 100)


def n_epochs(max_iter, n_rows, batch_size):
    """Number of epochs that `max_iter` means for data of `n_rows` rows."""
    return int(np.clip(-(-STEPS // -(-n_rows // batch_size)), *EPOCHS)) if max_iter == "auto" else max_iter


class Training:
    """A network under training, with the optimizer's state and the counters.

    Parameters
    ----------
    network : Network
    params : dict
        Parameters of the estimator.
    random_state : RandomState
    """

    def __init__(self, network, params, random_state):
        self.network, self.params, self.random_state = network, params, random_state
        theta = network.parameters.theta
        self.optimizer = OPTIMIZERS[params["solver"]](theta.size, theta.dtype, params)
        self.n_steps = 0
        self.workspace, self.densities = None, []
        self.rate = self._resolve_rate()
        self.revival = params["dead_units"]
        if self.revival == "auto":
            self.revival = network.rule.dead_units
        if self.revival == "resample" and max(network.parameters.encoder_depth, network.parameters.decoder_depth) > 1:
            raise ValueError(
                "dead_units='resample' restarts units on rows of the data and needs one layer on each side: got hidden "
                "layers, expected hidden_layer_sizes=() and decoder_layer_sizes=None; or use dead_units='auxiliary'."
            )
        self.dead_units = DeadUnits(network.parameters.n_units)
        self.key = int(random_state.randint(2**32, dtype=np.uint64)) if params["dropout"] or params["corruption"] else 0

    def _resolve_rate(self):
        rate, p = self.params["learning_rate_init"], self.network.parameters
        if rate != "auto":
            return rate
        if self.params["solver"] == "sgd":
            return SGD_RATE
        rate = ADAM_RATE * float(np.sqrt(WIDE / max(WIDE, p.n_units, p.encoder_sizes[-2])))
        return min(rate, DEEP_ADAM_RATE) if max(p.encoder_depth, p.decoder_depth) > 1 else rate

    def __getstate__(self):
        """Without the workspace, which is made anew where it is needed; what it knows of the code's density stays."""
        return {**self.__dict__, "workspace": None, "densities": self._densities()}

    def _densities(self):
        return self.densities if self.workspace is None else [reader.density for reader in self.workspace.main[1]]

    def go_on(self, network, params):
        """A training of another network of the same shapes; if the solver is the same, with the moments of this one."""
        training = Training(network, params, self.random_state)
        training.n_steps, training.dead_units = self.n_steps, self.dead_units
        if type(training.optimizer) is type(self.optimizer):
            for name, value in vars(self.optimizer).items():
                if isinstance(value, np.ndarray):
                    getattr(training.optimizer, name)[:] = value
            training.optimizer.n_steps = self.optimizer.n_steps
        return training

    def prepare(self, batch_size, missing):
        """Allocate the workspace for batches of up to `batch_size` rows, in which values may be `missing`."""
        params, space = self.params, self.workspace
        own_target = missing or not self.network.centred or params["corruption"] is not None
        if space is None or len(space.x) < batch_size or own_target > space.own_target:
            auxiliary = auxiliary_rule(self.network) if self.revival == "auxiliary" else None
            penalties = params["weight_decay"], params["weight_l1"]
            densities = self._densities()
            self.workspace = Backpropagation(
                self.network, batch_size, *penalties, auxiliary, params["dropout"], own_target
            )
            for reader, density in zip(self.workspace.main[1], densities, strict=False):
                reader.density = density

    def epoch(self, rows, batch_size, schedule="constant", first=0, total=1):
        """One pass over `rows`; returns the mean loss of a row.

        `first` and `total` place the epoch's steps in the schedule; an infinite total is one that nobody knows.
        """
        n = len(rows)
        order = self.random_state.permutation(n) if self.params["shuffle"] else np.arange(n)
        rate, factor, losses = self.rate, SCHEDULES[schedule], 0.0
        for number, lo in enumerate(range(0, n, batch_size), first):
            batch = order[lo : lo + batch_size]
            progress = number / total
            losses += self._step(rows, batch, rate * factor(progress), progress) * len(batch)
        if not np.isfinite(losses):
            raise ValueError(
                f"The loss became {losses / n} after {self.n_steps} steps: the parameters diverged. Lower "
                f"learning_rate_init (now {rate}), or scale the data."
            )
        if self.revival == "resample" and (first + number) / total < RESAMPLING_ENDS:
            resample(self.network, self.optimizer, rows, self.dead_units.mask(n), self.random_state)
        return losses / n

    def one_pass(self, rows, batch_size):
        """An epoch at the constant rate."""
        with single_threaded_blas(), quiet_overflow():
            self.prepare(min(batch_size, len(rows)), rows.missing)
            return self.epoch(rows, batch_size, total=np.inf)

    def _step(self, rows, batch, rate, progress):
        network, optimizer, theta = self.network, self.optimizer, self.network.parameters.theta
        self.n_steps += 1
        dead = self.dead_units.mask(len(rows)) if self.revival else None
        key = layer_key(self.key, self.n_steps)
        step = Step(network.activation, 1 / len(batch), self.n_steps, dead, progress, key)

        def load(lo, hi, x, target):
            network.load(rows, batch[lo:hi], x, target if self.workspace.own_target else None)
            if self.params["corruption"] is not None:
                self._corrupt(x, target, layer_key(key, -1), lo)

        def update(start, gradient):
            optimizer.update(theta, start, gradient)

        optimizer.begin(rate)
        sparse = None if self.params["corruption"] else network.sparse_rows(rows, batch)
        loss = self.workspace(load, len(batch), step, update, sparse)
        self.dead_units.count(self.workspace.fired, len(batch))
        return loss

    def _corrupt(self, x, target, key, row):
        network, level = self.network, self.params["corruption_level"]
        if self.params["corruption"] == "masking":
            mask_inputs(x, (network.fill - network.offset) / network.dtype.type(network.scale), key, row, level)
        else:
            size = level / np.sqrt(x.shape[1]) if network.scaled else level
            add_gaussian(x, target, key, row, size)

    def end_with(self, training, rows):
        """Take the counters of the training of the code's layer, after which nothing follows."""
        self.n_steps, self.dead_units = training.n_steps, training.dead_units
        self.calibrate(rows)

    def calibrate(self, rows):
        """Let the rule set what `transform` needs from the data as a whole."""
        rule, network = self.network.rule, self.network
        if overrides(rule, "after_fit"):
            with single_threaded_blas():
                rule.after_fit(lambda: _inference.pre_activations(network, rows), network.parameters.units)


def quiet_overflow():
    """Within it, numbers may overflow without a warning: a loss that is not finite raises at the end of the epoch."""
    return np.errstate(over="ignore", invalid="ignore")


class History:
    """Curves of a fit, and whether it still improves.

    Parameters
    ----------
    tol : float
    n_iter_no_change : int
    """

    def __init__(self, tol, n_iter_no_change):
        self.tol, self.patience = tol, n_iter_no_change
        self.loss_curve, self.validation_scores = [], []
        self.best, self.waited = -np.inf, 0

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


def train(training, rows, validation, epochs, batch_size, label=""):
    """Train until `max_iter`, a stop of the loss or of the validation score, or a callback's wish.

    Parameters
    ----------
    training : Training
    rows : Rows
    validation : Rows or None
    epochs : Epochs
        Told about each epoch.
    batch_size : int
    label : str
        What is trained, for the lines that are printed, where it is a part of a network.

    Returns
    -------
    history : History
    """
    params, theta = training.params, training.network.parameters.theta
    max_iter, schedule = n_epochs(params["max_iter"], len(rows), batch_size), params["learning_rate"]
    history, best_theta = History(params["tol"], params["n_iter_no_change"]), None
    watches = validation is not None or schedule == "constant"
    per_epoch = -(-len(rows) // batch_size)
    with single_threaded_blas(), quiet_overflow():
        training.prepare(min(batch_size, len(rows)), rows.missing)
        for number in range(max_iter):
            epochs.start()
            loss = training.epoch(rows, batch_size, schedule, number * per_epoch, max_iter * per_epoch)
            history.loss_curve.append(loss)
            if validation is not None:
                history.validation_scores.append(_inference.explained_variance(training.network, validation))
                if history.improves(history.validation_scores[-1]):
                    best_theta = theta.copy()
            elif watches:
                history.improves(-loss)
            if params["verbose"]:
                _report(history, label)
            if epochs.stop() or (watches and history.stalled):
                break
        else:
            if not label and schedule == "constant" and max_iter > params["n_iter_no_change"] and params["tol"] > 0:
                _warn_unconverged(max_iter)
    if best_theta is not None:
        theta[:] = best_theta
    training.calibrate(rows if validation is None else validation)
    return history


def _report(history, label):
    line = f"{label}Iteration {len(history.loss_curve)}, loss = {history.loss_curve[-1]:.8g}"
    if history.validation_scores:
        line += f", validation score = {history.validation_scores[-1]:.6f}"
    print(line)


def _warn_unconverged(max_iter):
    warnings.warn(
        f"Stochastic optimizer: max_iter={max_iter} epochs were reached and the fit still improved. "
        "Raise max_iter, or use learning_rate='cosine', which needs no stopping rule.",
        ConvergenceWarning,
        stacklevel=6,  # the caller of fit
    )
