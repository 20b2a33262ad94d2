"""Units that have lost all their weights, and a network without them."""

import numpy as np
from sklearn.base import clone

from .._model.network import Network
from .._model.restraint import Restraint

# Parameters of rules that may be shares of all units, or be chosen by their number.
NUMBERS_OF_UNITS = "k", "transform_k"


def living_units(network):
    """Which units can have a say: an array of bool.

    Those do not whose atom is all zero, nor those that read nothing and are silent without it.
    """
    units, kind = network.parameters.units, network.architecture
    speaks = units.decoder.any(axis=1)
    if kind.activation == "relu" and not kind.batch_norm:
        speaks &= units.encoder.any(axis=1) | (units.encoder_bias > 0)
    return speaks


def without_units(network, rule, living):
    """A network of the living units alone.

    Parameters
    ----------
    network : Network
    rule : BaseSparsity
        Not fitted; for the units that are left.
    living : ndarray of bool of shape (n_units,)

    Returns
    -------
    network : Network
    """
    kind, n = network.architecture, int(np.count_nonzero(living))
    sizes = {name: (*getattr(kind, name)[:-1], n) for name in ("encoder_sizes", "decoder_sizes")}
    smaller = Network(kind._replace(**sizes), rule)
    old, new = network.parameters, smaller.parameters
    of_units, restraint = set(old.unit_names.values()), network.restraint
    arrays = {"theta": (old.theta, new.theta)}
    if restraint is not None:
        fixed, anchor = restraint.fixed, restraint.anchor
        arrays["fixed"] = None if fixed is None else (fixed, np.empty(new.theta.size, bool))
        arrays["anchor"] = None if anchor is None else (anchor, np.empty_like(new.theta))
    for source, target in filter(None, arrays.values()):
        for name in old.shapes():
            part = old.part(source, name)
            new.part(target, name)[...] = part[living] if name in of_units else part
    if restraint is not None:
        fixed, anchor = (arrays[name] and arrays[name][1] for name in ("fixed", "anchor"))
        smaller.restraint = Restraint(fixed, anchor, restraint.strength)
    smaller.scaling, smaller.unit_norm = network.scaling.of(smaller.architecture), network.unit_norm
    return smaller


def rule_for_fewer(rule):
    """The rule, not fitted, with the number of active units that it has: it must not follow the number of units."""
    other = clone(rule)
    for name in NUMBERS_OF_UNITS:
        if hasattr(rule, f"{name}_") and (name == "k" or getattr(rule, name) is not None):
            other.set_params(**{name: getattr(rule, f"{name}_")})
    if hasattr(rule, "rule_"):
        other.set_params(rule=rule_for_fewer(rule.rule_))
    return other


def fixes_numbers(rule):
    """Whether a rule has numbers of units among its parameters, so that it must be told what they are now."""
    return any(name.split("__")[-1] in NUMBERS_OF_UNITS for name in rule.get_params())
