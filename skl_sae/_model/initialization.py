"""The first parameters of a network: random, but fitted to a sample of the data, which is read tile by tile."""

import numpy as np

from .._kernels.blas import single_threaded_blas
from .._kernels.norms import row_norms, unit_rows
from .._kernels.products import multiply_t
from . import batch_norm
from .activations import ACTIVATIONS
from .positive import starts
from .rows import row_numbers
from .sparse_rows import SparseRows
from .whitening import Whitening

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
# Positive weights that a value in an outer layer of a positive decoder has at first: sums of many hardly differ from
# row to row, and are so large that learning begins with making them smaller.
POSITIVE_INPUTS = 2
# Standard deviation of the pre-activations of hidden layers.
HIDDEN_SPREAD = 0.05
# Numbers that are made dense, or drawn, at a time.
TILE_SIZE = 1 << 18


def draw_sample(rows, network, random_state):
    """Numbers of rows: every row at most once, unless there are more units than rows."""
    n_wanted = max(network.architecture.n_units, min(SAMPLE_ROWS, len(rows)))
    numbers = row_numbers(len(rows))
    random_state.shuffle(numbers)
    return np.resize(numbers, n_wanted)


def initialize(network, rows, picked, random_state, components=None):
    """Write the parameters of the start.

    Hidden layers are Glorot-uniform; the encoder's are then scaled so that pre-activations on the sample have the same
    small standard deviation. The units' directions are those of rows of the sample, at the input of the code layer and
    about their mean, half mixed with random ones. The decoder's rows take the same directions where they have the
    same width. The path past the code is zero. So are intercepts, but for the code's, which centre the pre-activations
    at the rule's `initial_bias`, and those of a relu output, which give the mean. Rows of given components, but for
    zeros, take the place of the directions.

    Parameters
    ----------
    network : Network
    rows : Rows
    picked : ndarray of int of shape (n_rows,)
        The rows of the sample, at least as many as units.
    random_state : RandomState
    components : ndarray of shape (n_units, n_features), optional
        Rows of a decoder of one layer, on the scale of the data.
    """
    p, units, kind = network.parameters, network.parameters.units, network.architecture
    _draw_uniform(p, random_state)
    h = _fit_hidden_layers(network, rows, picked) if kind.encoder_depth > 1 else None
    mean, size = np.zeros(kind.encoder_sizes[-2], network.dtype), 1.0
    if h is not None:
        mean, h, size = _centre(h)
    encoder_norm, decoder_norm = _norms(network)
    mirrors = units.decoder.shape == units.encoder.shape

    def load(lo, hi):
        return _load(network, rows, picked[lo:hi]) if h is None else h[lo:hi]

    whiten = Whitening(load, len(picked), kind.encoder_sizes[-2])
    for lo, hi in _tiles(*units.encoder.shape):
        x = whiten(load(lo, hi))
        directions = unit_rows(unit_rows(x) + unit_rows(random_state.standard_normal(x.shape)))
        inward, outward = starts(directions, kind)
        if mirrors:
            units.decoder[lo:hi] = decoder_norm * outward
        if not kind.tied:
            units.encoder[lo:hi] = inward * (encoder_norm / size)
    if components is not None:
        _take(network, components, encoder_norm / size, mirrors)
    if network.unit_norm and not mirrors:
        units.decoder[:] = unit_rows(units.decoder)
    with single_threaded_blas():
        units.encoder_bias[:] = network.rule.initial_bias - units.encoder @ mean
    if kind.rescaled and not kind.centred:  # an output at or below zero in every row would learn nothing
        p["dec0.bias"][:] = np.maximum(network.scaling.offset / network.scaling.divisor, 0)
    if kind.batch_norm:
        _start_batch_norm(network, rows, picked)
    for name, value in p.own.items():
        getattr(units, name)[:] = value


def _take(network, components, encoder_norm, mirrors):
    """Let given components be the decoder's rows, and their directions the encoder's where it has rows of such.

    Where codes are on a scale of their own, one factor on all components is free: their mean norm is then one. A small
    decoder, as a fit without `init` begins with so that units can turn, would lose time.
    """
    kind, units = network.architecture, network.parameters.units
    atoms = components / network.scaling.output_divisor if kind.rescaled else components
    directions = unit_rows(atoms)
    given = directions.any(axis=1)
    if network.unit_norm:
        atoms = directions
    elif network.scaling.scales_codes and given.any():
        largest = abs(atoms).max()
        squares = np.square(atoms / largest, dtype=np.float64).sum(axis=1)
        atoms = atoms / largest * (FULL_DECODER_NORM / np.sqrt(squares[given].mean()))
    units.decoder[given] = atoms[given]
    if mirrors and not kind.tied:
        units.encoder[given] = directions[given] * encoder_norm


def _tiles(n_rows, width):
    step = max(1, TILE_SIZE // width)
    return [(lo, min(n_rows, lo + step)) for lo in range(0, n_rows, step)]


def _draw_uniform(p, random_state):
    """Glorot-uniform weights, drawn a tile at a time."""
    for name, view in p.views.items():
        if name.endswith("weight") and name != "skip.weight" and not (p.architecture.tied and name.startswith("dec")):
            bound = np.sqrt(6 / sum(view.shape))
            for lo, hi in _tiles(*view.shape):
                view[lo:hi] = random_state.uniform(-bound, bound, view[lo:hi].shape)
    if p.architecture.positive_decoder:
        _make_positive(p)


def _make_positive(p):
    """Leave of such a decoder what is positive; in its outer layers, the largest weights."""
    for name in p.decoder_names[:-1]:
        weights, share = p[name], min(0.5, POSITIVE_INPUTS / len(p[name]))
        weights[weights < (1 - 2 * share) * np.sqrt(6 / sum(weights.shape))] = 0
    outward = starts(p.units.decoder, p.architecture)[1]
    p.units.decoder[:] = row_norms(p.units.decoder)[:, None] * outward


def _load(network, rows, picked):
    x = np.empty((len(picked), rows.shape[1]), network.dtype)
    network.scaling.load(rows, picked, x)
    return x


def _first_products(network, rows, picked):
    """``x @ W.T`` of the sample and the first layer's weights."""
    weights = network.parameters["enc0.weight"]
    out = np.empty((len(picked), len(weights)), network.dtype)
    for lo, hi in _tiles(len(picked), rows.shape[1]):
        x = network.scaling.inputs(rows, picked[lo:hi])
        if isinstance(x, SparseRows):
            x.multiply_t(weights, np.zeros_like(out[0]), out=out[lo:hi])
        else:
            multiply_t(x, weights, out[lo:hi])
    return out


def _norms(network):
    """Norms of the rows of the code's encoder and decoder."""
    kind = network.architecture
    deep = kind.encoder_depth > 1
    if network.rule.unit_norm:
        return DEEP_ENCODER_NORM_OF_UNIT_DECODER if deep else ENCODER_NORM_OF_UNIT_DECODER, 1.0
    small = kind.rescaled and kind.activation != "sigmoid"
    return DEEP_ENCODER_NORM if deep else ENCODER_NORM, DECODER_NORM if small else FULL_DECODER_NORM


def _fit_hidden_layers(network, rows, picked):
    """Scale each hidden layer of the encoder to the sample; returns the input of the code layer."""
    p = network.parameters
    a = _first_products(network, rows, picked)
    with single_threaded_blas():
        for i in range(network.architecture.encoder_depth - 1):
            if i > 0:
                a = h @ p[f"enc{i}.weight"].T  # noqa: F821
            spread = _spread(a, network.scaling) / HIDDEN_SPREAD
            p[f"enc{i}.weight"][:] /= spread
            h = a / spread
            ACTIVATIONS[network.architecture.hidden_activation].forward(h)
    return h


def _centre(h):
    """The mean, the differences from it, and their size; no differences and 1 where there are none but for rounding."""
    mean = h.mean(axis=0)
    size, centred = _root_mean_square(h), h - mean
    spread = _root_mean_square(centred)
    if spread > 10 * np.finfo(h.dtype).eps * size:
        return mean, centred, spread
    return mean, np.zeros_like(h), 1.0


def _root_mean_square(rows):
    return float(np.sqrt(np.square(rows, dtype=np.float64).sum(axis=1).mean()))


def _spread(a, scaling):
    """Standard deviation; 1 where there is none but for rounding of the values and of the mean taken from them."""
    spread, size = float(a.std()), float(np.abs(a).max() + np.linalg.norm(scaling.offset / scaling.divisor))
    return spread if spread > 4 * np.finfo(a.dtype).eps * size else 1.0


def _start_batch_norm(network, rows, picked):
    """Batch normalisation that changes nothing on the sample."""
    p, kind, a = network.parameters, network.architecture, _first_products(network, rows, picked)
    with single_threaded_blas():
        for i in range(kind.encoder_depth):
            bias = p[f"enc{i}.bias"]
            batch_norm.measure(a, *(p[f"enc{i}.{name}"] for name in p.norm_arrays))
            h = a + bias
            bias += p[f"enc{i}.norm_mean"]
            ACTIVATIONS[network.architecture.hidden_activation].forward(h)
            if i + 1 < kind.encoder_depth:
                a = h @ p[f"enc{i + 1}.weight"].T
