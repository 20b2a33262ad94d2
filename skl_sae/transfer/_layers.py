"""Layers of a network by the words and numbers that a transfer names them by."""

import numpy as np

from .._parameters import plain_list

# What rules measure of the activations, and a weight that they adapt for all units at once: it follows the data.
MEASURED = {f"rule.{name}" for name in ("size", "peak", "mean_activation", "alpha", "active", "first_active")}


def names_of(network, freeze):
    """Names of the parameters of "encoder", "decoder", or of layers with the numbers of `coefs_`."""
    names, kind = list(network.parameters.views), network.architecture
    decoder = [name for name in names if name.startswith(("dec", "skip"))]
    if isinstance(freeze, str):
        return decoder if freeze == "decoder" else [name for name in names if name not in decoder]
    depth, n_layers = kind.encoder_depth, kind.encoder_depth + kind.decoder_depth
    chosen = plain_list(freeze)
    if network.parameters.further or not all(type(i) is int and 0 <= i < n_layers for i in chosen):
        expected = f"numbers of layers, 0 to {n_layers - 1} as in coefs_, or " if not network.parameters.further else ""
        raise ValueError(f"Got freeze={freeze!r}, expected {expected}'encoder', 'decoder' or None.")
    beginnings = [f"enc{i}." if i < depth else f"dec{n_layers - 1 - i}." for i in chosen]
    if depth - 1 in chosen:
        beginnings.append("rule.")
    return [name for name in names if name.startswith(tuple(beginnings))]


def anchor_of(parameters):
    """The parameters as they are, for a pull towards them; NaN for what is measured of the data, not learned."""
    anchor, states = parameters.theta.copy(), set(MEASURED)
    states |= {name for name in parameters.views if name.endswith(("norm_mean", "norm_variance"))}
    if "size" not in parameters.own:  # thresholds of JumpReLU are learned, those of others are set
        states.add("rule.threshold")
    for name in states & set(parameters.views):
        parameters.part(anchor, name)[...] = np.nan
    return anchor


def mask_of(parameters, names):
    """Which entries of the flat vector belong to some parameters."""
    mask = np.zeros(parameters.theta.size, bool)
    for name in set(names) - MEASURED:
        parameters.part(mask, name)[...] = True
    return mask
