"""A network on its way through the epochs: what a checkpoint records of it, and what is left when it diverges."""

from .description import describe, restore
from .place import Place

#: What the names of the training's arrays begin with.
TRAINING = "training."


class Stage(Place):
    """The training of a network, or of a layer of it, from the first epoch to the last.

    Parameters
    ----------
    course : Course
        Told of each step.
    training : Training
    schedule : Schedule
    history : History

    Attributes
    ----------
    generator : dict or None
        State of the generator when the epoch began, before its order was drawn; None between epochs, and where no
        checkpoint is written.
    report : Report
        Told of each step and epoch.
    decides : bool
        Whether the score of held-out rows decides when to end, and which parameters are the best.
    best : ndarray or None
        Parameters of the epoch with the best score.
    stopped : bool
        Whether a callback has ended the training.
    recorded : bool
        Whether a checkpoint tells all that has happened.
    """

    def __init__(self, course, training, schedule, history):
        super().__init__()
        self.course, self.training, self.schedule, self.history = course, training, schedule, history
        self.best, self.stopped, self._good, self.decides, self.report = None, False, None, False, None

    @property
    def theta(self):
        """The parameters, as they are now."""
        return self.training.network.parameters.theta

    # the place within an epoch

    def leave(self):
        """The epoch is over."""
        super().leave()
        self.generator, self.recorded = None, False

    def enter(self, random_state):
        """An epoch begins, or goes on: its order is drawn, or drawn again."""
        if self.generator is not None:
            random_state.set_state(self.generator)
        elif self.course.checkpoints is not None:  # it takes as long as the step of a small network
            self.generator = random_state.get_state(legacy=False)

    def passed(self, losses, n_rows):
        """A step is done."""
        super().passed(losses, n_rows)
        self.recorded = False
        self.report.step(self.n_rows, self.schedule.n_epochs)
        self.course.look(self)

    # checkpoints

    def record(self):
        """Numbers by name, and arrays by name, that `resume` takes."""
        training = self.training
        described, arrays = describe(training)
        arrays = {"theta": self.theta, **{f"{TRAINING}{name}": array for name, array in arrays.items()}}
        numbers = {
            "training": described,
            "generator": self.generator or training.random_state.get_state(legacy=False),
            "place": [self.step, self.n_rows, self.losses.tolist()],
            "schedule": self.schedule.numbers(),
            "history": self.history.numbers(),
            "stopped": bool(self.stopped),
        }
        if self.step and self._good is not None:  # between epochs these are the parameters themselves
            arrays["good"], n_good_steps, counts, n_epochs = self._good
            arrays["good_idle"], numbers["good"] = counts.idle, [n_good_steps, counts.numbers(), n_epochs]
        return numbers, arrays if self.best is None else {**arrays, "best": self.best}

    def resume(self, numbers, arrays):
        """Be where another one was when it was recorded."""
        training, self.generator = self.training, numbers["generator"]
        self.theta[:] = arrays["theta"]
        restore(training, numbers["training"], {name.removeprefix(TRAINING): array for name, array in arrays.items()})
        training.take(*training.state())  # copies, in memory that is made for steps
        training.random_state.set_state(self.generator)
        self.step, self.n_rows, self.losses[:] = numbers["place"]
        self.schedule.take(numbers["schedule"])
        self.history.take(numbers["history"])
        self.best, self.stopped, self.recorded = arrays.get("best"), numbers["stopped"], True
        if "good" in arrays:
            good_steps, good_numbers, n_epochs = numbers["good"]
            counts = training.dead_units.copy()
            counts.take(good_numbers, arrays["good_idle"])
            self._good = arrays["good"], good_steps, counts, n_epochs

    # divergence

    def keep(self):
        """Note the parameters and counters, which are finite, as those that `go_back` returns to."""
        theta = self.theta.copy() if self._good is None else self._good[0]
        theta[:] = self.theta
        self._good = theta, self.training.n_steps, self.training.dead_units.copy(), len(self.history.loss_curve)

    def go_back(self, failure):
        """Return to what was noted last; where that is nothing, raise the failure.

        The moments are left as they are: nothing goes on from them.
        """
        if self._good is None:
            raise failure
        self.theta[:], self.training.n_steps, self.training.dead_units, n_epochs = self._good
        self.training.optimizer.finite = True
        self.history.cut(n_epochs)
