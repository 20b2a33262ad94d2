"""What goes on around the steps of a fit: callbacks are told, Ctrl-C is looked for, checkpoints are kept."""

from .history import History
from .interrupts import Interrupted, Interrupts


class Course:
    """The course of a fit, over all its stages: the layers that are trained one by one, and the whole.

    Parameters
    ----------
    epochs : Epochs
        Callbacks, told about each epoch.
    checkpoints : object, optional
        Where the fit is recorded: ``state``, what was recorded last, if the fit is resumed; ``due(epoch)``, whether to
        record after a step, or an epoch, and ``write(numbers, arrays)``.

    Attributes
    ----------
    histories : list of History
        Of each stage that has ended.
    failure : ValueError or None
        Why the fit has ended early, at the last good parameters.
    interrupts : Interrupts
    """

    def __init__(self, epochs, checkpoints=None):
        self.epochs, self.checkpoints, self.interrupts = epochs, checkpoints, Interrupts()
        self.failure, self._whole = None, None
        self._state = None if checkpoints is None else checkpoints.state
        self.histories = []
        for numbers in self._state[0]["ended"] if self._state else []:
            self.histories.append(History(0.0, 0))
            self.histories[-1].take(numbers)

    @property
    def history(self):
        """That of the last stage that has ended an epoch."""
        return next(each for each in reversed(self.histories) if each.loss_curve)

    @property
    def ended(self):
        """Whether no further step is taken: after Ctrl-C, or where the training has diverged."""
        return self.failure is not None or self.interrupts.number > 0

    def layers(self, network, n_layers):
        """Numbers of the layers of a network that are to be trained one by one, without those that have been.

        Before each, the network is noted, or is as it was noted.
        """
        for layer in range(len(self.histories), n_layers):
            theta = network.parameters.theta
            if self._state and "whole" in self._state[1]:
                theta[:] = self._state[1]["whole"]
            self._whole = None if self.checkpoints is None else theta.copy()
            yield layer
        self._whole = None

    # a stage

    def begin(self, stage):
        """A stage begins, or goes on where it was recorded."""
        if self._state:
            stage.resume(*self._state)
            self._state = self.checkpoints.state = None
        if not stage.step and (self.histories or stage.history.loss_curve):
            stage.keep()

    def look(self, stage):
        """After a step: record it where that is due, and raise `Interrupted` after Ctrl-C."""
        if self.checkpoints is not None and self.checkpoints.due():
            self.save(stage)
        if self.interrupts.number:
            raise Interrupted

    def turn(self, stage):
        """After an epoch."""
        if self.checkpoints is not None and self.checkpoints.due(epoch=True):
            self.save(stage)

    def save(self, stage):
        """Record a stage, if the last record does not tell the same."""
        if self.checkpoints is None or stage.recorded:
            return
        numbers, arrays = stage.record()
        numbers["ended"] = [each.numbers() for each in self.histories]
        if self._whole is not None:
            arrays["whole"] = self._whole
        self.checkpoints.write(numbers, arrays)
        stage.recorded = True
