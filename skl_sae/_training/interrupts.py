"""Ctrl-C while the steps of a fit run: noted, and looked at between two steps."""

import signal


class Interrupted(Exception):
    """Raised after a step, where the user has asked to end the fit."""


class Interrupts:
    """A context in which Ctrl-C is noted; the second one is raised at once, as Python does.

    Only in the main thread, and where nobody else handles the signal. Elsewhere it does nothing.

    Attributes
    ----------
    number : int
        How often Ctrl-C was pressed.
    """

    def __init__(self):
        self.number, self._before = 0, None

    def __enter__(self):
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            try:
                self._before = signal.signal(signal.SIGINT, self._note)
            except ValueError:  # another thread than the main one
                self._before = None
        return self

    def __exit__(self, *exception):
        if self._before is not None and signal.getsignal(signal.SIGINT) == self._note:  # else it is another's by now
            signal.signal(signal.SIGINT, self._before)
        self._before = None

    def _note(self, number, frame):
        self.number += 1
        if self.number > 1:
            signal.default_int_handler(number, frame)

    def passed_on(self, call):
        """The value of a call of foreign code; where it raises KeyboardInterrupt, that counts as Ctrl-C, and true."""
        try:
            return call()
        except KeyboardInterrupt:
            self.number += 1
            return True
