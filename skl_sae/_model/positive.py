"""Decoders without negative weights: their units only add."""

from math import prod

import numpy as np

from .._kernels.jit import row_of
from .._kernels.kernel import kernel
from .._kernels.norms import unit_rows


@kernel("T2!", fastmath=False)
def project(weights):
    """Write zeros where weights are negative. NaN, and either zero, stay to the bit."""
    zero = weights.dtype.type(0)
    for i in range(weights.shape[0]):
        w = row_of(weights, i)
        for c in range(w.size):
            w[c] = zero if w[c] < zero else w[c]


def project_decoder(network):
    """The same of all weights of the decoder, where the network is to have none that are negative."""
    if network.architecture.positive_decoder:
        for name in network.parameters.decoder_names:
            project(network.parameters[name])


def project_part(network, start, shape):
    """The same of a slice of the flat vector, which begins at `start` and belongs to one array. Recorded."""
    p = network.parameters
    if network.architecture.positive_decoder and any(_holds(p, name, start) for name in p.decoder_names):
        project(p.theta[start : start + prod(shape)].reshape(shape))


def _holds(parameters, name, start):
    first = parameters.start[name]
    return first <= start < first + parameters[name].size


def starts(directions, architecture):
    """Directions of rows of the encoder and of the decoder for units that are to turn towards these directions.

    A positive decoder takes what is positive in them. One that has nothing positive is turned around first.
    """
    if not architecture.positive_decoder:
        return directions, directions
    inward = np.where((directions > 0).any(axis=1, keepdims=True), directions, -directions)
    outward = unit_rows(np.maximum(inward, 0))
    return outward if architecture.tied else inward, outward


def assert_positive(network):
    """Raise where training is to begin with negative weights that it would set to zero."""
    p = network.parameters
    if not network.architecture.positive_decoder:
        return
    least = min(float(p[name].min()) for name in p.decoder_names)
    if least < 0:
        raise ValueError(
            "positive_decoder=True needs a start without negative weights in the decoder, and those that are given "
            f"(init), or were fitted or loaded before, have some: the least is {least:.3g} on the network's scale. "
            "Expected positive_decoder=False; or a new fit from init=np.maximum(components, 0), or from init=None."
        )
