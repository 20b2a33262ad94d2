"""A network under training: its steps, the optimizer's state and the counters."""

from itertools import pairwise

import numpy as np

from .._kernels.blas import single_threaded_blas
from .._kernels.kernel import recordable
from .._kernels.noise import layer_key
from .._kernels.reductions import all_finite
from .._model import inference
from .._model.context import StepContext
from .._model.positive import assert_positive, project_part
from .calibration import calibrate
from .chunks import ChunkMixin
from .dead_units import DeadUnits, auxiliary_rule, resample
from .decoder import DecoderPass
from .encoder import EncoderPass
from .optimizers import OPTIMIZERS
from .order import order_of_epoch
from .place import Place
from .schedule import Schedule, batch_edges
from .source import Source
from .step import TrainingStep

# Share of a fit after which units are no longer resampled: the last ones need time to learn.
RESAMPLING_ENDS = 0.6
# What learning_rate_init="auto" is made of. Adam's steps have a length of their own: in wide layers each weight must
# take smaller ones, and with many units fewer of them die.
ADAM_RATE, WIDE, DEEP_ADAM_RATE, SGD_RATE = 0.002, 1000, 0.001, 0.1
# Numbers of a batch of sparse data up to which it is made dense as a whole, and of the windows of a larger one.
LARGE_BATCH, WINDOW_SIZE = 1 << 23, 1 << 22


class Diverged(ValueError):
    """The loss or a parameter is no longer a finite number."""


class Training(ChunkMixin):
    """A network under training, with the optimizer's state and the counters.

    Parameters
    ----------
    network : Network or None
        None in a training that is put by, of which only the moments and counters are kept.
    params : dict
        Parameters of the estimator.
    random_state : RandomState

    Attributes
    ----------
    n_steps, n_earlier_steps : int
        Steps so far, and those of them that an earlier network has taken.
    densities : list of float
        Of each code, the share of its entries that needed a gradient in the last step: it decides the layout of the
        next. The step reads the list, and writes to it.
    revival : {"auxiliary", "resample"} or None
        What is done for dead units.
    """

    #: classes of the encoder and of the pass of a code that steps are given
    encoder_pass, decoder_pass = EncoderPass, DecoderPass

    def __init__(self, network, params, random_state):
        assert_positive(network)
        self.network, self.params, self.random_state = network, params, random_state
        theta = network.parameters.theta
        self.optimizer = OPTIMIZERS[params["solver"]](theta.size, theta.dtype, params)
        self.n_steps = self.n_earlier_steps = 0
        self.workspace, self.source, self.densities = None, None, []
        self.undo, self.finished, self.room = [], None, {}
        self.revival = params["dead_units"]
        if self.revival == "auto":
            self.revival = network.rule.dead_units
        if self.revival == "resample" and network.architecture.is_deep:
            raise ValueError(
                "dead_units='resample' restarts units on rows of the data and needs one layer on each side: got hidden "
                "layers, expected hidden_layer_sizes=() and decoder_layer_sizes=None; or use dead_units='auxiliary'."
            )
        self.dead_units = DeadUnits(network.architecture.n_units)
        self.key = int(random_state.randint(2**32, dtype=np.uint64)) if params["dropout"] or params["corruption"] else 0

    @property
    def rate(self):
        """The learning rate at the start."""
        rate, kind = self.params["learning_rate_init"], self.network.architecture
        if rate != "auto":
            return rate
        if self.params["solver"] == "sgd":
            return SGD_RATE
        rate = ADAM_RATE * float(np.sqrt(WIDE / max(WIDE, kind.n_units, kind.encoder_sizes[-2])))
        return min(rate, DEEP_ADAM_RATE) if kind.is_deep else rate

    def __getstate__(self):
        """Leave out what is made anew when training goes on."""
        left_out = dict.fromkeys(("network", "workspace", "source", "finished"))
        return {**self.__dict__, **left_out, "undo": [], "room": {}}

    def put_by(self):
        """Keep only what a later training goes on from. The network is published now, and not to be written to."""
        self.network = self.workspace = self.source = None

    def go_on(self, published, network, params, random_state=None):
        """A training of another network of the same shapes; if the solver is the same, with the moments of this one.

        This one stays as it is, so that nothing is lost if the other one fails. What is taken over belongs to the
        `published` network; so does the generator, if no other is given.
        """
        moments, counters, densities = self.state(published)
        training = type(self)(network, params, random_state or self._generator(counters[-1]))
        training.n_earlier_steps = self.n_earlier_steps
        if params["solver"] != self.params["solver"]:
            moments, counters = {}, (counters[0], 0, *counters[2:])
        training.take(moments, counters, densities)
        return training

    def prepare(self, batch_size, rows):
        """Allocate the workspace for batches of up to `batch_size` of the rows."""
        params, network, space, window = self.params, self.network, self.workspace, None
        batch_size, n_features = min(batch_size, len(rows)), rows.shape[1]
        own_target = (
            rows.missing
            or rows.target is not None
            or not network.architecture.centred
            or params["corruption"] is not None
        )
        if rows.sparse and network.scaling.reads_sparse and params["corruption"] is None:
            window = max(1, WINDOW_SIZE // n_features) if batch_size * n_features > LARGE_BATCH else None
        fits = space is not None and space.encoder.batch_size >= batch_size and space.encoder.window == window
        if not fits or own_target > self.source.own_target:
            auxiliary = auxiliary_rule(network) if self.revival == "auxiliary" else None
            penalties, dropout = (params["weight_decay"], params["weight_l1"]), params["dropout"]
            encoder = self.encoder_pass(network, batch_size, dropout, window)
            target_width = network.architecture.decoder_sizes[0] if rows.target is None else rows.target.shape[1]
            options = dropout, own_target, self.densities, self.decoder_pass, target_width
            space = TrainingStep(network, encoder, penalties, auxiliary, *options)
            width, addresses = space.target.shape[1], space.plans.addresses
            self.source = Source(network, params, encoder.batch_size, own_target, width, addresses)
            self.workspace = space
        for name, moments in self.optimizer.moments().items():
            if network.restraint is not None and network.restraint.fixed is not None:
                moments[network.restraint.fixed] = 0
            space.plans.addresses.follow(name, moments)
        if self.source.take(network, rows):
            space.plans.forget()

    def epoch(self, rows, batch_size, schedule, number=0, place=None):
        """One pass over `rows`, that of this number in a schedule; returns its loss and its auxiliary loss.

        It goes on from a `place` within the pass, which is told of each step, and left at the end.
        """
        n, place = len(rows), Place() if place is None else place
        place.enter(self.random_state)
        order = order_of_epoch(rows, self.params["shuffle"], self.random_state)
        rate, edges, first = self.rate, batch_edges(n, batch_size), number * schedule.epoch_steps
        self.workspace.plans.crew.muster()
        for step, (lo, hi) in enumerate(pairwise(edges[place.step :]), first + place.step):
            progress, factor = schedule.at(step)
            place.passed(self._step(rows, order[lo:hi], rate * factor, progress, schedule.n_steps), hi - lo)
        progress, losses = schedule.at(first + len(edges) - 2)[0], place.losses
        if self.revival == "resample" and progress < RESAMPLING_ENDS:
            resample(self.network, self.optimizer, rows, self.dead_units.mask(n), self.random_state)
        self.assert_finite(losses.sum())
        place.leave()
        return (losses / n).tolist()

    def assert_finite(self, loss=0.0):
        """Raise if a loss, a moment or a parameter is not a finite number."""
        if np.isfinite(loss) and self.optimizer.finite and all_finite(self.network.parameters.theta):
            return
        what = f"the loss became {loss}" if not np.isfinite(loss) else "the parameters became infinite or NaN"
        raise Diverged(self.failure(what))

    def failure(self, what):
        """What has gone wrong, in the words of an error."""
        return (
            f"Training failed: {what} after {self.n_steps} steps, the parameters diverged. Lower learning_rate_init "
            f"(now {self.rate}), or look for outliers in the data, which is {self.network.dtype}."
        )

    def one_pass(self, rows, batch_size):
        """An epoch at the constant rate."""
        with single_threaded_blas():
            self.prepare(batch_size, rows)
            return self.epoch(rows, batch_size, Schedule())

    def _step(self, rows, batch, rate, progress, n_steps):
        network, optimizer = self.network, self.optimizer
        self.n_steps += 1
        dead = self.dead_units.mask(len(rows)) if self.revival else None
        key = layer_key(self.key, self.n_steps)
        number = self.n_steps - self.n_earlier_steps
        step = StepContext(network.architecture.activation, 1 / len(batch), number, dead, progress, key, n_steps)

        settings = optimizer.begin(rate)
        self.source.choose(batch, key, settings)
        losses = np.array(self.workspace(self.source.load, len(batch), step, self._update, self.source.sparse))
        optimizer.finite = optimizer.finite and self.workspace.finite
        if not (optimizer.finite and np.isfinite(losses.sum())):
            self.assert_finite(losses.sum())
        self.dead_units.count(self.workspace.units.fired, len(batch))
        return losses

    @recordable
    def _update(self, start, gradient, check):
        self.optimizer.update(self.network.parameters.theta, start, gradient, self.source.settings, check)
        project_part(self.network, start, gradient.shape)

    def end_with(self, training, rows, trained_on):
        """Take the counters of the training of the code's layer, after which nothing follows."""
        self.n_steps, self.dead_units = training.n_steps, training.dead_units
        calibrate(self.network, "after_fit", rows, trained_on)

    def finish_fit(self, rows):
        """Make sure that the network is finite, and choose the scale of its codes."""
        self.assert_finite()
        self._choose_code_scale(rows, inference.CODE_SCALE_ROWS, anew=True)

    def _choose_code_scale(self, rows, most, anew):
        """Choose the scale from up to `most` rows; raise where the last step has left numbers that are not finite.

        They must be finite in the network and on the scale of the data. The other rows are only looked at if parameters
        are so large that these rows may tell something else.
        """
        network = self.network
        try:
            mean_square, n_rows = inference.active_mean_square(network, rows, most)
            network.scaling.set_code_scale(mean_square, n_rows, anew)
            if n_rows < len(rows) and not network.has_bounded_codes():
                inference.check_codes(network, rows)
        except ValueError as error:
            raise ValueError(self.failure("its codes or reconstructions are not finite")) from error
        if not network.has_finite_coefs():
            raise ValueError(self.failure("the parameters are not finite on the scale of the data"))
