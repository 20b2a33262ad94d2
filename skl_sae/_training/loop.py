"""The training loop: epochs of shuffled batches, the schedule of the learning rate, and when to stop."""

from copy import copy, deepcopy
from itertools import pairwise

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from .._kernels.blas import single_threaded_blas
from .._kernels.noise import add_gaussian, layer_key, mask_inputs
from .._kernels.reductions import all_finite
from .._model import inference
from .._model.context import StepContext
from .._warning import warn
from .dead_units import DeadUnits, auxiliary_rule, resample
from .optimizers import OPTIMIZERS, SCHEDULES
from .step import TrainingStep

# Share of a fit after which units are no longer resampled: the last ones need time to learn.
RESAMPLING_ENDS = 0.6
# What learning_rate_init="auto" is made of. Adam's steps have a length of their own: in wide layers each weight must
# take smaller ones, and with many units fewer of them die.
ADAM_RATE, WIDE, DEEP_ADAM_RATE, SGD_RATE = 0.003, 1000, 0.001, 0.1
# Numbers of a batch of sparse data up to which it is made dense as a whole, and of the windows of a larger one.
LARGE_BATCH, WINDOW_SIZE = 1 << 23, 1 << 22
# Bytes of moments up to which a chunk leaves room for the copies that the next one makes.
LARGE_ROOM = 1 << 26
# Rows of a chunk of `partial_fit` that the unit of the codes is taken from, at most.
CHUNK_ROWS = 32
# Steps that max_iter="auto" aims at, and the fewest and most epochs for them.
STEPS, EPOCHS = 10_000, (10, 100)


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


class Training:
    """A network under training, with the optimizer's state and the counters.

    Parameters
    ----------
    network : Network or None
        None in a training that is put by, of which only the moments and counters are kept.
    params : dict
        Parameters of the estimator.
    random_state : RandomState
    """

    def __init__(self, network, params, random_state):
        self.network, self.params, self.random_state = network, params, random_state
        theta = network.parameters.theta
        self.optimizer = OPTIMIZERS[params["solver"]](theta.size, theta.dtype, params)
        #: steps so far, and those of them that an earlier network has taken
        self.n_steps = self.n_earlier_steps = 0
        self.workspace, self.densities = None, []
        self.undo, self.finished, self.room = [], None, {}
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
        """Without what is made anew where it is needed; what the workspace knows of the code's density stays."""
        made_anew = {**dict.fromkeys(("network", "workspace", "finished")), "undo": [], "room": {}}
        return {**self.__dict__, **made_anew, "densities": self._densities()}

    def _densities(self):
        return self.densities if self.workspace is None else [reader.density for reader in self.workspace.main[1]]

    # a chunk of partial_fit, which leaves no trace if it fails

    def begin_chunk(self, published):
        """Note the state that `undo_chunk` returns to: that of the `published` network.

        A chunk that an interrupt or a fork has left between here and `finish_chunk` is undone first.
        """
        if self.undo and self.finished is not published:
            self.undo_chunk()
        self.undo = []  # room for the next, and another object for `as_of`
        if self.network is None:
            self.network = published.copy()
        state = self._state(published)
        # It goes on with copies: arrays of a model from a memory map cannot be written to. The room is used up: after
        # an interrupt before `close_chunk` it would be what this state consists of.
        room, self.room = self.room, {}
        self._take(*state, room=room)
        self.undo, self.finished = (published, *state), None

    def undo_chunk(self):
        """Return to the state before the chunk, if that is not the beginning of the training."""
        if self.undo:
            published, *state = self.undo
            self.network, self.workspace = published.copy(), None
            self._take(*state)
            self.random_state.set_state(state[1][-1])
            self.finished = published

    def _state(self, published):
        """Moments, counters and densities that belong to the `published` network: not those of a chunk on the way."""
        if self.undo and self.finished is not published:
            return self.undo[1:]
        counters = self.n_steps, self.optimizer.n_steps, self.dead_units.copy(), self.random_state.get_state()
        return self.optimizer.moments(), counters, self._densities()

    def _take(self, moments, counters, densities, room=None):
        """Take over copies of such a state, but for that of the generator; `room` may hold arrays for the moments."""
        self.n_steps, n_steps, dead_units, _ = counters
        self.optimizer.take(n_steps, moments, room or {})
        self.dead_units, self.densities = dead_units.copy(), densities

    def _generator(self, state):
        """The caller's generator, or if it is nobody else's, a copy: what comes after leaves this one as it is."""
        if self.random_state is self.params["random_state"]:
            return self.random_state
        generator = deepcopy(self.random_state)
        generator.set_state(state)
        return generator

    def as_of(self, published):
        """A copy that is put by, with what belongs to the `published` network, though a chunk may be on the way.

        None if another thread has begun one meanwhile.
        """
        undo, other = self.undo, copy(self)
        state = self._state(published)
        other.optimizer, other.random_state = copy(self.optimizer), self._generator(state[1][-1])
        other.undo, other.room = [], {}
        other._take(*state)
        return other if self.undo is undo else None

    def finish_chunk(self, rows):
        """A copy of the network, to be published."""
        self._choose_code_scale(rows, CHUNK_ROWS, anew=False)
        self.finished = self.network.copy()
        return self.finished

    def close_chunk(self):
        """After the network has been published: keep no other network alive, and of the old moments the room alone."""
        moments = self.undo[1] if self.undo else {}
        small = sum(array.nbytes for array in moments.values()) <= LARGE_ROOM
        self.room = moments if small and all(array.flags.writeable for array in moments.values()) else {}
        self.undo = []

    def put_by(self):
        """Keep what a later training goes on from; the network is somebody else's from now on."""
        self.densities = self._densities()
        self.network = self.workspace = None

    def go_on(self, published, network, params, random_state=None):
        """A training of another network of the same shapes; if the solver is the same, with the moments of this one.

        This one stays as it is, so that nothing is lost if the other one fails. What is taken over belongs to the
        `published` network; so does the generator, if no other is given.
        """
        moments, counters, densities = self._state(published)
        training = Training(network, params, random_state or self._generator(counters[-1]))
        training.n_earlier_steps = self.n_earlier_steps
        if params["solver"] != self.params["solver"]:
            moments, counters = {}, (counters[0], 0, *counters[2:])
        training._take(moments, counters, densities)
        return training

    def prepare(self, batch_size, rows):
        """Allocate the workspace for batches of up to `batch_size` of the rows."""
        params, space, window = self.params, self.workspace, None
        batch_size, n_features = min(batch_size, len(rows)), rows.shape[1]
        own_target = rows.missing or not self.network.centred or params["corruption"] is not None
        if rows.sparse and self.network.reads_sparse and params["corruption"] is None:
            window = max(1, WINDOW_SIZE // n_features) if batch_size * n_features > LARGE_BATCH else None
        fits = space is not None and space.batch_size >= batch_size and space.window == window
        if not fits or own_target > space.own_target:
            auxiliary = auxiliary_rule(self.network) if self.revival == "auxiliary" else None
            penalties = params["weight_decay"], params["weight_l1"]
            densities = self._densities()
            self.workspace = TrainingStep(
                self.network, batch_size, *penalties, auxiliary, params["dropout"], own_target, window
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
        for number, (lo, hi) in enumerate(pairwise(batch_edges(n, batch_size)), first):
            progress = number / total
            losses += self._step(rows, order[lo:hi], rate * factor(progress), progress, total) * (hi - lo)
        if self.revival == "resample" and (first + number) / total < RESAMPLING_ENDS:
            resample(self.network, self.optimizer, rows, self.dead_units.mask(n), self.random_state)
        self.assert_finite(losses)
        return losses / n

    def assert_finite(self, loss=0.0):
        """Raise if a loss, a moment or a parameter is not a finite number."""
        if np.isfinite(loss) and self.optimizer.finite and all_finite(self.network.parameters.theta):
            return
        what = f"the loss became {loss}" if not np.isfinite(loss) else "the parameters became infinite or NaN"
        raise ValueError(self._failure(what))

    def _failure(self, what):
        return (
            f"Training failed: {what} after {self.n_steps} steps, the parameters diverged. Lower learning_rate_init "
            f"(now {self.rate}), or look for outliers in the data, which is {self.network.dtype}."
        )

    def one_pass(self, rows, batch_size):
        """An epoch at the constant rate."""
        with single_threaded_blas():
            self.prepare(batch_size, rows)
            return self.epoch(rows, batch_size, total=np.inf)

    def _step(self, rows, batch, rate, progress, total):
        network, optimizer, theta = self.network, self.optimizer, self.network.parameters.theta
        self.n_steps += 1
        dead = self.dead_units.mask(len(rows)) if self.revival else None
        key = layer_key(self.key, self.n_steps)
        number = self.n_steps - self.n_earlier_steps
        n_steps = None if total == np.inf else total
        step = StepContext(network.activation, 1 / len(batch), number, dead, progress, key, n_steps)

        def load(lo, hi, x, target):
            network.load(rows, batch[lo:hi], x, target if self.workspace.own_target else None)
            if self.params["corruption"] is not None:
                self._corrupt(x, target, layer_key(key, -1), lo)

        def update(start, gradient):
            optimizer.update(theta, start, gradient)

        optimizer.begin(rate)
        sparse = None if self.params["corruption"] else network.sparse_rows(rows, batch)
        loss = self.workspace(load, len(batch), step, update, sparse)
        if not (optimizer.finite and np.isfinite(loss)):
            self.assert_finite(loss)
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
        if rule.overrides("after_fit"):
            with single_threaded_blas():
                rule.after_fit(lambda: inference.pre_activations(network, rows), network.parameters.units)

    def finish_fit(self, rows):
        """Look at the network once more, and choose the unit of its codes."""
        self.assert_finite()
        self._choose_code_scale(rows, inference.CODE_SCALE_ROWS, anew=True)

    def _choose_code_scale(self, rows, most, anew):
        """Also the last step must leave a network of finite numbers, inside and in the units of the data."""
        try:
            mean_square, n_rows = inference.active_mean_square(self.network, rows, most)
        except ValueError as error:
            raise ValueError(self._failure("its codes or reconstructions are not finite")) from error
        self.network.set_code_scale(mean_square, n_rows, anew)
        if not self.network.fits_units():
            raise ValueError(self._failure("the parameters are not finite in the units of the data"))


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
    watches = schedule == "constant" if validation is None else validation.means()[1].any()
    per_epoch = len(batch_edges(len(rows), batch_size)) - 1
    score = None if validation is None else validation_score(training.network, rows, validation)
    with single_threaded_blas():
        training.prepare(batch_size, rows)
        for number in range(max_iter):
            epochs.start()
            loss = training.epoch(rows, batch_size, schedule, number * per_epoch, max_iter * per_epoch)
            history.loss_curve.append(loss)
            if validation is not None:
                history.validation_scores.append(score())
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


def validation_score(network, rows, validation):
    """Function that scores the held-out rows: explained variance, about their own mean where they have variance.

    The score of a single row, or of equal rows, would be 0 in every epoch. There the variance is about the mean of the
    training data.
    """
    _, variance, count = validation.moments()
    mean = None
    if not count.any():
        warn(
            f"None of the {len(validation)} held-out rows has an observed value, so early_stopping has nothing to "
            "compare: the fit runs to its end. Pass other rows as X_val."
        )
    elif not (variance * count).any():
        mean = rows.means()[0]
        warn(
            f"The held-out rows have no variance (number of rows: {len(validation)}), so early_stopping compares their "
            "squared error with their distance from the mean of the training data. Raise validation_fraction, or pass "
            "more rows as X_val."
        )
    return lambda: inference.explained_variance(network, validation, mean)


def _report(history, label):
    line = f"{label}Iteration {len(history.loss_curve)}, loss = {history.loss_curve[-1]:.8g}"
    if history.validation_scores:
        line += f", validation score = {history.validation_scores[-1]:.6f}"
    print(line)


def _warn_unconverged(max_iter):
    warn(
        f"Stochastic optimizer: max_iter={max_iter} epochs were reached and the fit still improved. "
        "Raise max_iter, or use learning_rate='cosine', which needs no stopping rule.",
        ConvergenceWarning,
    )
