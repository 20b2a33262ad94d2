"""What tests compare: all numbers that a fit leaves, and what one round does, in public terms."""

from copy import deepcopy

import numpy as np


def numbers(sae):
    """Weights on the scale of the data, and the loss of each epoch."""
    return np.concatenate([np.ravel(each) for each in (*sae.coefs_, *sae.intercepts_, sae.loss_curve_)])


def assert_equal(a, b):
    """To the bit."""
    np.testing.assert_array_equal(numbers(a), numbers(b))


def mean_of_fits(start, parts):
    """The weights after a round: each part goes on by itself from a warm start, and the mean is taken by rows."""
    fits = [deepcopy(start).fit(part) for part in parts]
    weights = [len(part) for part in parts]
    return np.average([fit._network.parameters.theta for fit in fits], axis=0, weights=weights)
