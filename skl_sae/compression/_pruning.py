"""The network of a pruned model: weights that are zero and stay so, and norms that are kept."""

import numpy as np

from .._model.restraint import Restraint
from .._model.stored_matrix import TINY
from .._parameters import plain_list
from ._masks import MASKS

# What rules have for each unit: numbers on the scale of its pre-activation, and those that have nothing to do with it.
ON_THE_SCALE, STATE = {"threshold", "size", "peak"}, {"alpha", "active", "first_active", "mean_activation"}
OF_GATED = {"gain", "magnitude_bias"}


def names_of_layers(architecture, layers):
    """Names of the arrays of weights that `layers` stands for: all with None; else numbers of `coefs_`, and "skip"."""
    encoder = [f"enc{i}.weight" for i in range(architecture.encoder_depth)]
    side = "enc" if architecture.tied else "dec"
    known = dict(enumerate(encoder + [f"{side}{i}.weight" for i in reversed(range(architecture.decoder_depth))]))
    if architecture.skip:
        known["skip"] = "skip.weight"
    if layers is None:
        layers = list(known)
    layers = [layers] if isinstance(layers, str) or np.ndim(layers) == 0 else plain_list(layers)
    wrong = [layer for layer in layers if isinstance(layer, bool) or layer not in list(known)]
    if wrong or not layers:
        raise ValueError(f"Got layers={layers}, expected some of {list(known)}, the numbers of the matrices in coefs_.")
    return list(dict.fromkeys(known[layer] for layer in layers))


def pruned(network, names, amount, scope):
    """A copy of the network, in which a share of the weights of some layers is zero, and fixed.

    Parameters
    ----------
    network : Network
    names : list of str
        Names of the arrays.
    amount : float
        Share of all their weights, with those that are zero already.
    scope : {"layer", "global"}

    Returns
    -------
    network : Network
    """
    unpruned, network = network.parameters.theta, network.copy()
    p, before = network.parameters, network.restraint or Restraint()
    fixed = np.zeros(p.theta.size, bool) if before.fixed is None else before.fixed.copy()
    layers = [(p[name].reshape(-1), p.part(fixed, name).reshape(-1)) for name in names]
    scores = [np.abs(weights) for weights, _ in layers]
    for score, (_, held) in zip(scores, layers, strict=True):
        score[held & (score == 0)] = -1  # what was pruned goes first, before what is zero by chance
    for mask, (weights, held) in zip(MASKS[scope](scores, amount), layers, strict=True):
        weights[mask | (np.abs(weights) < TINY)] = 0
        held[mask] = True
    network.restraint = Restraint(fixed, before.anchor, before.strength)
    if network.unit_norm and not np.array_equal(p.theta, unpruned):
        renormalise(network)
    return network


def renormalise(network):
    """Bring the decoder's rows to norm one, and give the factor to the code, such that the reconstructions stay.

    Only where they do: with a rule whose numbers are known, and an activation that a factor passes through. Units with
    weights that training must leave as they are, and atoms that are all zero, stay as they are.
    """
    p, own = network.parameters, set(network.parameters.own)
    if network.architecture.activation not in ("relu", "identity") or not own <= ON_THE_SCALE | STATE | OF_GATED:
        return
    units, fixed = p.units, network.restraint.fixed
    factor = np.linalg.norm(units.decoder, axis=1).astype(network.dtype)
    held = factor == 0
    for short, name in p.unit_names.items():
        array = getattr(units, short)
        held |= (p.part(fixed, name) & (array != 0)).reshape(len(held), -1).any(axis=1)
    factor[held] = 1
    units.decoder /= factor[:, None]
    if own & OF_GATED:  # the gate stays
        units.gain += np.log(factor)
        units.magnitude_bias *= factor
        return
    if network.architecture.batch_norm:
        units.norm_gain *= factor
    else:
        units.encoder *= factor[:, None]
    units.encoder_bias *= factor
    for name in own & ON_THE_SCALE:
        getattr(units, name)[:] *= factor
