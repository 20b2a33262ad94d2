"""The gradient of a share of a batch, by the training step itself: its optimizer notes what it is told."""

import numpy as np

from .._kernels.blas import single_threaded_blas
from .._kernels.kernel import copy
from .._kernels.memory import zeros
from .._model.context import StepContext
from .._training.optimizers import Optimizer
from .._training.residual import ResidualPass
from .._training.training import Training


class Noted:
    """Takes the place of an optimizer: notes gradients and moves nothing.

    Parameters
    ----------
    size : int
    dtype : dtype
    """

    def __init__(self, size, dtype):
        self.gradient = zeros(size, dtype)

    def moments(self):
        """The array, by a name: the step is told where it is."""
        return {"gradient": self.gradient}

    def update(self, theta, start, gradient, settings, check):
        """Note the gradient of ``theta[start:start + gradient.size]``."""
        copy(gradient, *Optimizer.parts(start, gradient, self.gradient))


class SharedResidual(ResidualPass):
    """The pass of the dead units' code where the residual's variance over the whole batch is told. It serves one step.

    Attributes
    ----------
    sums : ndarray of shape (width + 1,)
        After the step, sums of the columns of the residual, and that of all squares.
    """

    sums = property(lambda self: self._sums)

    def find_factor(self, n_rows):
        """Nothing need be found: the factor is told, and the sums stay."""

    def tell(self, factor):
        """Set what the loss is multiplied by."""
        self._factor[0] = factor


class Share:
    """Rows of a block that belong to a batch.

    Parameters
    ----------
    step : Step
    rows : Rows
        Of the block.
    chosen : ndarray of int
        Those of the batch.
    key : int
        Of the random numbers.
    """

    def __init__(self, step, rows, chosen, key):
        self.step, self.chosen, self.key, self.n_rows = step, chosen, key, len(chosen)
        network = step.network.copy()
        self.training = training = Training(network, step.params, np.random.RandomState(0))
        training.optimizer, training.densities[:] = Noted(network.parameters.theta.size, network.dtype), step.densities
        with np.errstate(all="ignore"):
            training.prepare(self.n_rows, rows)
        space, self.residual = training.workspace, None
        if step.dead is not None:
            rule, _ = space.auxiliary
            space.auxiliary = rule, space._make_passes(rule, SharedResidual)
            (self.residual,) = space.auxiliary[1]

    gradient = property(lambda self: self.training.optimizer.gradient)
    fired = property(lambda self: self.training.workspace.units.fired)

    def run(self, factor):
        """Loss and auxiliary loss; the gradient is then that of the share."""
        training, step = self.training, self.step
        if self.residual is not None:
            self.residual.tell(factor)
        activation = training.network.architecture.activation
        numbers = step.number, step.dead, step.progress, self.key, step.n_steps
        context = StepContext(activation, 1 / self.n_rows, *numbers)
        training.source.choose(self.chosen, self.key, ())
        load, sparse = training.source.load, training.source.sparse
        with single_threaded_blas(), np.errstate(all="ignore"):
            return np.array(training.workspace(load, self.n_rows, context, training._update, sparse))

    def residual_sums(self):
        """Of each column of what the living units leave over, the sum; and last, that of all squares."""
        self.run(0.0)
        return self.residual.sums
