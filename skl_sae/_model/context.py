"""What a training step tells the rules."""

import numpy as np

from .activations import ACTIVATIONS


class StepContext:
    """What a training step tells the hooks of a rule, besides codes and parameters.

    Parameters
    ----------
    activation : str
        Activation of the code, resolved.
    weight : float
        Weight of a row: one over the number of rows. The mean over the batch of x is ``x.sum() * weight``.
    number : int
        1 for the first step of a network's training; a warm fit counts on.
    dead : ndarray of bool of shape (n_units,), optional
        The units that count as dead in this step.
    progress : float
        Fraction of the fit that is done, 0 where its length is unknown.
    key : int
        Of the step's random numbers.
    n_steps : int, optional
        Number of steps of this fit; None where it is unknown, as in ``partial_fit``.

    Attributes
    ----------
    activation : Activation
        The functions: ``activation.forward(a)`` and ``activation.backward(f, gradient)`` work in place.
    now : ndarray of shape (2,)
        `number` and `progress`, for kernels.

    Examples
    --------
    >>> import numpy as np
    >>> from skl_sae.sparsity import StepContext, TopK
    >>> rule = TopK(1)
    >>> own_parameters = rule.initialize(3, "relu")
    >>> (code,) = rule.encode(np.array([[0.5, 2.0, -1.0]]), None, StepContext("relu"))
    >>> code.index, code.values
    (array([[1]], dtype=int32), array([[2.]]))
    """

    def __init__(self, activation, weight=1.0, number=1, dead=None, progress=0.0, key=0, n_steps=None):
        self.activation = ACTIVATIONS[activation]
        self.weight, self.number, self.dead, self.progress, self.key = weight, number, dead, progress, key
        self.n_steps = n_steps

    @property
    def now(self):
        """What kernels are told of the step."""
        return np.array([self.number, self.progress])


class RecordedContext:
    """The same while a hook is recorded: what changes from step to step is in arrays that stay where they are.

    Parameters
    ----------
    activation : str
    weight : float
    now, dead, key : ndarray
        Filled at each step; `key` has one number.
    """

    def __init__(self, activation, weight, now, dead, key):
        self.activation, self.weight = ACTIVATIONS[activation], weight
        self.now, self.dead, self.key = now, dead, key

    def __getattr__(self, name):
        raise AttributeError(
            f"`step.{name}` changes from step to step and can't be recorded. Let a kernel read `step.now`, or leave "
            "out `recordable`: then the hook is run in each step."
        )
