"""A mean number of active units as the target of a fit: the weight of a penalty is adapted until it is met."""

import numpy as np

from .._kernels.kernel import kernel
from .._parameters import is_number
from .._warning import warn

# A target moves the weight of a penalty within these bounds: far beyond any that makes a difference, and finite.
LEAST_WEIGHT, LARGEST_WEIGHT = 1e-12, 1e12
# Number of steps that is assumed where the length of a fit is unknown, as in ``partial_fit``.
UNKNOWN_STEPS = 1000
# How fast the weight follows: an error of one (a factor of e) that stays changes its logarithm by so much in the course
# of a fit, but by no more than this in a step; a change of the number of active units changes it at once.
REACH, FASTEST, DAMPING = 100.0, 0.05, 1.0
# Rate of the running mean of the number of active units.
SMOOTHING = 0.1
# Share of a fit in which the target falls from where the fit has begun.
DESCENT = 0.1
# A target may be missed by this share of it without a warning.
TOLERANCE = 0.01


@kernel("T1", "d1", "T1!")
def multiply(x, factor, out):
    """The product with one number."""
    for j in range(x.size):
        out[j] = x[j] * x.dtype.type(factor[0])


class WeightMixin:
    """Mixin of rules with a penalty of weight `alpha`, which is adapted during a fit if there is a `target_l0`."""

    @property
    def calibrates(self):
        """Whether `after_fit` is to see rows that were held out."""
        return self.target_l0 is not None

    def _costs(self, p, step):
        """The weight of each unit's penalty, for the rows of a batch."""
        n, dtype = len(p.encoder_bias), p.encoder_bias.dtype
        costs, alpha = np.empty(n, dtype), np.full(n, self.alpha, dtype) if self.target_l0 is None else p.alpha
        multiply(alpha, np.array([step.weight]), costs)
        return costs

    def publish(self, p, unit):
        """With a target, set the weight."""
        if self.target_l0 is not None:
            self.alpha_ = float(p.alpha[0])


def state(alpha):
    """What a rule with a target keeps besides its own parameters: one number each, in an array of one a unit."""
    return {"alpha": alpha, "active": 0.0, "first_active": 0.0}


def steer(p, active, target, step, most=LARGEST_WEIGHT):
    """Change the weight ``p.alpha`` after a batch with a mean number of `active` units a row.

    The logarithm of the weight is changed in proportion to the error (the integral term) and to the change of the
    running mean (the proportional one). In the first part of a fit the target falls, on a line of the logarithm, from
    the number of active units at the start, so that units find their features before they compete. Above `most` the
    weight falls as fast as it may.
    """
    tiny = 1e-3 * target
    before = max(float(p.active[0] if step.number > 1 else active), tiny)
    now = max(before + SMOOTHING * (active - before), tiny)
    if step.n_steps and step.progress == 0:
        p.first_active[:] = now
    start = max(float(p.first_active[0]), target)
    share = min(1.0, step.progress / DESCENT) if step.n_steps else 1.0
    goal = start ** (1 - share) * target**share
    rate = min(FASTEST, REACH / (step.n_steps or UNKNOWN_STEPS))
    change = rate * np.clip(np.log(now / goal), -1, 1) + DAMPING * np.clip(np.log(now / before), -0.1, 0.1)
    last = float(p.alpha[0])
    weight = min(last * np.exp(change), max(most, last * np.exp(-FASTEST)))
    p.active[:], p.alpha[:] = now, np.clip(weight, LEAST_WEIGHT, LARGEST_WEIGHT)


def check_target(rule, target, n_units):
    """Raise where a target L0 is not a positive number, or more than there are units."""
    if target is not None and not (is_number(target) and target > 0):
        raise ValueError(f"{rule}: got target_l0={target!r}, expected None or a number above 0.")
    if target is not None and target > n_units:
        raise ValueError(
            f"{rule}: got target_l0={target!r} for a layer of {n_units} units, expected at most {n_units}. Lower the "
            "target, or raise n_components."
        )


def warn_of_missed_target(rule, target, reached):
    """Warn where fewer units are active than was asked for."""
    if reached < (1 - TOLERANCE) * target:
        warn(
            f"{rule}: target_l0={target} is out of reach: a row has {reached:.4g} active units on average. "
            "The others have nothing positive to give, or are tied. Lower target_l0, or use other data."
        )


def check_bools(rule, **values):
    """Raise where a setting is not True or False: of a text, as "no", nobody knows which."""
    for name, value in values.items():
        if not isinstance(value, bool):
            raise ValueError(f"{rule}: got {name}={value!r}, expected True or False.")


def check_non_negative(rule, name, value):
    """Raise where a penalty's weight is not a number of at least 0."""
    if not (is_number(value) and value >= 0):
        raise ValueError(f"{rule}: got {name}={value!r}, expected a number of at least 0.")
