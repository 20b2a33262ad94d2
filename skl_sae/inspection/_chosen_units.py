"""Units that a caller chose, by index or by name."""

from numbers import Integral

import numpy as np


def unit_index(model, unit):
    """Return the index of a unit, given as an int or as one of the names that `model.model` has for its outputs."""
    n_units = model.n_units
    if isinstance(unit, str):
        names = _names(model)
        if unit not in names:
            such = f" or a name such as {str(names[0])!r}" if names else "; the estimator has no names for its outputs"
            raise ValueError(f"Got the unit {unit!r}; expected an index{such}.")
        return names.index(unit)
    if not isinstance(unit, Integral) or isinstance(unit, bool | np.bool_):
        raise TypeError(f"Got the unit {unit!r}, a {type(unit).__name__}; expected an int or the name of a unit.")
    if not 0 <= unit < n_units:
        raise ValueError(f"Got unit {unit}; expected one of the {n_units} units, from 0 to {n_units - 1}.")
    return int(unit)


def _names(model):
    """Names of the outputs; those of the last step where some step before it has none."""
    for estimator in (model.model, getattr(model, "learner", model.model)):
        try:
            return list(estimator.get_feature_names_out())
        except AttributeError:
            continue
    return []


def unit_indices(model, units):
    """Return the indices of units as an array, in the order given; None means all."""
    if units is None:
        return np.arange(model.n_units)
    if isinstance(units, str | Integral):
        units = [units]
    if isinstance(units, dict | set | frozenset) or not hasattr(units, "__len__") or getattr(units, "ndim", 1) == 0:
        raise TypeError(f"Got units={units!r}; expected an int or a name, or a list, tuple or array of these.")
    chosen = np.array([unit_index(model, unit) for unit in units], dtype=np.intp)
    if len(chosen) == 0 or len(np.unique(chosen)) < len(chosen):
        raise ValueError(f"Got units={list(units)!r}; expected at least one unit, and each of them once.")
    return chosen
