"""What a fit prints: a line for each epoch, and between them where they take long."""

from time import monotonic

# Seconds after which a line is printed in the middle of an epoch, and that are worth to be told of as left.
SILENCE, WORTH = 30.0, 1.0


class Report:
    """Prints how far a fit has come, with its loss and the time that is left.

    Parameters
    ----------
    verbose : bool
        Whether to print at all.
    history : History
        The curves of the fit, which tell of epochs that are done.
    n_rows : int
        Rows of an epoch.
    label : str
        What is trained, where it is a part of a network.
    """

    def __init__(self, verbose, history, n_rows, label=""):
        self.verbose, self.history, self.n_rows, self.label = verbose, history, n_rows, label
        self.begun, self.spoken, self.stepped = (monotonic(), len(history.loss_curve)), monotonic(), False

    def step(self, n_rows, n_epochs):
        """A step is done, the epoch is at this row of so many epochs. The first step compiles, and is not timed."""
        if not self.verbose:
            return
        now, at = monotonic(), len(self.history.loss_curve) + n_rows / self.n_rows
        if not self.stepped:
            self.begun, self.stepped = (now, at), True
        elif now - self.spoken > SILENCE and n_rows < self.n_rows:
            share = f", {100 * n_rows / self.n_rows:.0f} %"
            self._say(f"{self.label}Epoch {int(at) + 1} of {n_epochs}{share}{self._left(now, at, n_epochs)}", now)

    def epoch(self, n_epochs):
        """An epoch of so many is done."""
        if not self.verbose:
            return
        now, history = monotonic(), self.history
        at = len(history.loss_curve)
        line = f"{self.label}Epoch {at} of {n_epochs}, loss = {history.loss_curve[-1]:.8g}"
        if history.validation_scores:
            line += f", validation score = {history.validation_scores[-1]:.6f}"
        self._say(line + self._left(now, at, n_epochs), now)

    def _say(self, line, now):
        self.spoken = now
        print(line, flush=True)

    def _left(self, now, at, n_epochs):
        """The time that is left, in words; none where it is short, or where nothing is known of it."""
        then, begun = self.begun
        seconds = (now - then) / (at - begun) * (n_epochs - at) if at > begun else 0.0
        return f", about {_in_words(seconds)} left" if seconds >= WORTH else ""


def _in_words(seconds):
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"
