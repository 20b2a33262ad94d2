"""Training steps at random points, with the gradients that they tell, for the models of `naive`."""

import naive
import numpy as np
from sklearn.base import clone

from skl_sae._kernels.noise import drop
from skl_sae._model.architecture import Architecture
from skl_sae._model.network import Network
from skl_sae._training.encoder import EncoderPass
from skl_sae._training.step import TrainingStep
from skl_sae.sparsity import StepContext

# Largest relative error of a gradient.
TOLERANCE = 1e-6
# Parameters of a rule that are state: their gradient is zero.
WEIGHT = ("alpha", "active", "first_active")
STATE = {
    **{"L1": (*WEIGHT, "threshold"), "Gated": WEIGHT, "JumpReLU": (*WEIGHT, "size", "peak")},
    **{"KLDivergence": ("mean_activation",), "BatchTopK": ("threshold",)},
}


def network_of(model, dtype=np.float64):
    """A network like a naive model, with a rule of its own and all parameters zero."""
    kinds = {name: getattr(model, name) for name in Architecture._fields if name != "dtype"}
    return Network(Architecture(**kinds, dtype=np.dtype(dtype)), clone(model.rule))


def step_of(network, n_rows, model, auxiliary=None, own_target=True, encoder_pass=EncoderPass):
    """A workspace for batches of so many rows, with the model's penalties and dropout."""
    encoder = encoder_pass(network, n_rows, model.dropout)
    return TrainingStep(network, encoder, (model.l2, model.l1), auxiliary, model.dropout, own_target)


def gradient_of(run, theta, spoil=False):
    """Value, gradient, and how often each parameter was told; with `spoil`, it is destroyed as soon as that is done.

    ``run(update)`` takes a step with parameters `theta`, which are as they were afterwards, and returns its value.
    """
    gradient, told, kept = np.zeros(theta.size), np.zeros(theta.size, int), theta.copy()

    def update(start, part, check):
        gradient[start : start + part.size] += part.ravel()
        told[start : start + part.size] += 1
        if spoil:
            theta[start : start + part.size] = np.nan

    value = run(update)
    theta[:] = kept
    return value, gradient, told


class Problem:
    """A network at a random point, a batch, and the gradient that the step tells.

    Parameters
    ----------
    model : naive.Model
    seed : int
    n_rows : int
    missing : bool
        Whether a quarter of the target's entries is NaN.
    noisy : bool
        Whether the input is not the target.
    """

    def __init__(self, model, seed, n_rows=7, missing=False, noisy=False, auxiliary=None):
        m = self.model = model._replace(masks=masks(model, seed, n_rows))
        self.key = seed
        rng = np.random.default_rng(seed)
        self.network = network_of(m)
        self.network.unit_norm = False
        self.parameters = p = self.network.parameters
        p.theta[:] = 0.6 * rng.standard_normal(p.theta.size)
        for name in p.own:
            p[f"rule.{name}"][:] = rng.uniform(0.2, 0.8, m.encoder_sizes[-1])
        self.x = rng.random((n_rows, m.encoder_sizes[0]))
        self.target = np.where(missing & (rng.random(self.x.shape) < 0.25), np.nan, self.x)
        if noisy:
            self.x = self.x + 0.3 * rng.standard_normal(self.x.shape)
        own_target = missing or noisy or m.output_activation != "identity"
        self.step = step_of(self.network, n_rows, m, auxiliary, own_target)

    def load(self, lo, hi, x, target):
        target[:] = self.target[lo:hi]
        x[:] = self.x[lo:hi]

    def run(self, update, dead=None):
        return sum(self.losses(update, dead))

    def losses(self, update, dead=None):
        """The loss of a step, and that of the dead units' code."""
        step = StepContext(self.model.activation, 1 / len(self.x), self.model.number, dead, key=self.key)
        return self.step(self.load, len(self.x), step, update)

    def gradient(self, spoil=False):
        """Value and gradient; with `spoil`, a parameter is destroyed as soon as its gradient is told."""
        value, gradient, told = gradient_of(self.run, self.parameters.theta, spoil)
        assert (told == 1).all(), "each parameter is told once"
        return value, gradient

    def views(self, theta):
        """Named arrays of a stack of parameter vectors."""
        p = self.parameters
        shapes = {name: view.shape for name, view in p.views.items()}
        cut = {name: theta[..., p.start[name] : p.start[name] + int(np.prod(s))] for name, s in shapes.items()}
        return {name: part.reshape(*theta.shape[:-1], *shapes[name]) for name, part in cut.items()}

    def naive_value(self, theta):
        held = self.views(self.parameters.theta)
        return naive.objective(self.model, self.views(theta), held, self.x, self.target)

    def differences(self, h=1e-6):
        theta = self.parameters.theta
        shifts = h * np.eye(theta.size)
        return (self.naive_value(theta + shifts) - self.naive_value(theta - shifts)) / (2 * h)

    def state(self):
        """Whether a parameter is a rule's state, which no gradient moves."""
        flags = np.zeros(self.parameters.theta.size, bool)
        for name in STATE.get(type(getattr(self.model.rule, "rule", self.model.rule)).__name__, ()):
            if name in self.parameters.own:
                start = self.parameters.start[f"rule.{name}"]
                flags[start : start + self.model.encoder_sizes[-1]] = True
        for name, view in self.parameters.views.items():
            if name.endswith(("norm_mean", "norm_variance")):
                flags[self.parameters.start[name] :][: view.size] = True
        return flags

    def errors(self):
        """Relative errors of the value and of the gradient."""
        value, gradient = self.gradient()
        state = self.state()
        assert not gradient[state].any(), "state has no gradient"
        expected, difference = self.naive_value(self.parameters.theta), np.where(state, 0, self.differences())
        value_error = abs(value - expected) / max(1, abs(expected))
        return value_error, abs(gradient - difference).max() / max(1, abs(gradient).max())


def masks(model, key, n_rows):
    """What the package's dropout makes of ones."""
    ones = [np.ones((n_rows, width)) for width in model.encoder_sizes[1:]] if model.dropout else []
    for i, mask in enumerate(ones):
        drop(mask, np.array([key]), i if i < len(ones) - 1 else len(ones), 0, 0, model.dropout)
    return tuple(ones)
