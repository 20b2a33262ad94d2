"""What a training step tells the rules."""

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
