"""The only file that knows ``sklearn.callback`` (scikit-learn 1.9 and later, experimental there).

With an older scikit-learn the same names do nothing.
"""

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:

    class CallbackSupportMixin:
        """Stand-in for scikit-learn's, without callbacks."""


class Epochs:
    """Tells the callbacks of an estimator about its epochs, or what else its iterations are.

    Parameters
    ----------
    estimator : estimator
    X : array-like
        The training data.
    max_iter : int
        Largest number of epochs.
    attributes : callable
        Returns the fitted attributes as they stand, for callbacks that ask for a fitted estimator.
    name : str
        What an iteration is called.
    """

    def __init__(self, estimator, X, max_iter, attributes, name="epoch"):
        self.context, self.name = None, name
        if hasattr(estimator, "_init_callback_context"):
            self.context = estimator._init_callback_context(max_subtasks=max_iter)
            self.begin = {"estimator": estimator, "X": X, "y": X}
            self.end = {**self.begin, "reconstruction_attributes": attributes}
            self.context.call_on_fit_task_begin(**self.begin)

    def start(self):
        """Begin an epoch."""
        if self.context is not None:
            self.epoch = self.context.subcontext(task_name=self.name)
            self.epoch.call_on_fit_task_begin(**self.begin)

    def stop(self):
        """End an epoch; returns whether a callback asks to stop."""
        return self.context is not None and self.epoch.call_on_fit_task_end(**self.end)

    def close(self):
        """End the fit."""
        if self.context is not None:
            self.context.call_on_fit_task_end(**self.end)
