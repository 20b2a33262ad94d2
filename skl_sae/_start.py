"""The start of a network: random, but fitted to a sample of the data."""

import numpy as np

from . import _batch_norm
from ._activations import ACTIVATIONS
from ._blas import single_threaded_blas

# Rows that the start is fitted to, at least (one a unit, if there are more units).
SAMPLE_ROWS = 1024
# Norms of the rows of the code's encoder and decoder. Units turn towards what they fire on; a small decoder lets them
# turn before they matter, and an encoder that fires on its own rows at once keeps units from being shut out.
ENCODER_NORM, DECODER_NORM = 1.0, 0.1
# A sigmoid code hardly varies at first, and the input of a bounded output has more than the size of the data: there the
# decoder starts at full size.
FULL_DECODER_NORM = 1.0
# The encoder's for rules that keep the decoder at norm one; and both behind hidden layers.
ENCODER_NORM_OF_UNIT_DECODER = 0.1
DEEP_ENCODER_NORM, DEEP_ENCODER_NORM_OF_UNIT_DECODER = 2.0, 0.5
# Standard deviation of the pre-activations of hidden layers.
HIDDEN_SPREAD = 0.05


def draw_sample(rows, network, random_state):
    """Rows of the data in the network's units: every row at most once, unless there are more units than rows."""
    n_wanted = max(network.parameters.n_units, min(SAMPLE_ROWS, len(rows)))
    picked = np.resize(random_state.permutation(len(rows)), n_wanted)
    sample = np.empty((n_wanted, network.parameters.encoder_sizes[0]), network.dtype)
    network.load(rows, picked, sample)
    return sample


def initialise(network, sample, random_state):
    """Write the parameters of the start.

    Hidden layers are Glorot-uniform; the encoder's are then scaled so that pre-activations on the sample have the same
    small standard deviation. The units' directions are those of rows of the sample, at the input of the code layer and
    about their mean, half mixed with random ones. The decoder's rows take the same directions where they have the
    same width. Intercepts are zero, but for the code's: there they make up for the mean of the sample, and are what
    the rule asks for.

    Parameters
    ----------
    network : Network
    sample : ndarray of shape (n_rows, n_features)
        At least as many rows as units.
    random_state : RandomState
    """
    p, units = network.parameters, network.parameters.units
    for name, view in p.views.items():
        if name.endswith("weight") and not (p.tied and name.startswith("dec")):
            bound = np.sqrt(6 / sum(view.shape))
            view[:] = random_state.uniform(-bound, bound, view.shape)
    h = _fit_hidden_layers(network, sample)
    mean = h.mean(axis=0) if p.encoder_depth > 1 else np.zeros(h.shape[1], h.dtype)
    h = h - mean
    size = np.sqrt(np.square(h).sum(axis=1).mean()) if p.encoder_depth > 1 else 1.0
    directions = _unit_rows(_unit_rows(h[: p.n_units]) + _unit_rows(random_state.standard_normal(units.encoder.shape)))
    encoder_norm, decoder_norm = _norms(network)
    if units.decoder.shape == directions.shape:
        units.decoder[:] = decoder_norm * directions
    elif network.unit_norm:
        units.decoder[:] = _unit_rows(units.decoder)
    if not p.tied:
        units.encoder[:] = directions * (encoder_norm / (size or 1))
    with single_threaded_blas():
        units.encoder_bias[:] = network.rule.initial_bias - units.encoder @ mean
    if p.batch_norm:
        _start_batch_norm(network, sample)
    for name, value in p.own.items():
        getattr(units, name)[:] = value


def _norms(network):
    """Norms of the rows of the code's encoder and decoder."""
    deep = network.parameters.encoder_depth > 1
    if network.rule.unit_norm:
        return DEEP_ENCODER_NORM_OF_UNIT_DECODER if deep else ENCODER_NORM_OF_UNIT_DECODER, 1.0
    small = network.centred and network.activation != "sigmoid"
    return DEEP_ENCODER_NORM if deep else ENCODER_NORM, DECODER_NORM if small else FULL_DECODER_NORM


def _fit_hidden_layers(network, h):
    """Scale each hidden layer of the encoder to the sample; returns the input of the code layer."""
    p = network.parameters
    with single_threaded_blas():
        for i in range(p.encoder_depth - 1):
            a = h @ p[f"enc{i}.weight"].T
            spread = (a.std() or 1) / HIDDEN_SPREAD
            p[f"enc{i}.weight"][:] /= spread
            h = a / spread
            ACTIVATIONS[network.hidden_activation].forward(h)
    return h


def _start_batch_norm(network, sample):
    """Batch normalisation that changes nothing on the sample."""
    p, h = network.parameters, sample
    with single_threaded_blas():
        for i in range(p.encoder_depth):
            bias = p[f"enc{i}.bias"]
            a = h @ p[f"enc{i}.weight"].T
            _batch_norm.measure(a, *(p[f"enc{i}.{name}"] for name in p.norm_arrays))
            h = a + bias
            bias += p[f"enc{i}.norm_mean"]
            ACTIVATIONS[network.hidden_activation].forward(h)


def _unit_rows(x):
    norms = np.linalg.norm(x, axis=1, keepdims=True)
    return x / np.where(norms > 0, norms, 1)
