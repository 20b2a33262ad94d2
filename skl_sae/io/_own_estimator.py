"""A fitted estimator as a record that JSON can hold, and arrays; and back."""

from copy import deepcopy

import numpy as np

from .._autoencoder import SparseAutoencoder
from .._estimator.checks import copy_parameters, differ
from .._estimator.fitted import attributes_of
from ..coding import SparseRecoveryAutoencoder
from ._errors import ModelFileError
from ._own_fields import Fields
from ._own_network import describe_network, new_network, restore_network
from ._own_training import describe_dead_units, describe_training, restore_dead_units, restore_training
from ._own_values import Writer, new

# The classes whose objects have files of their own.
CLASSES = {each.__name__: each for each in (SparseAutoencoder, SparseRecoveryAutoencoder)}
TYPES = {name: np.dtype(name) for name in ("float32", "float64")}
# Fitted attributes that are not made from the network, and their kinds.
ATTRIBUTES = {
    **dict.fromkeys(("loss_", "dead_fraction_"), "a number"),
    **dict.fromkeys(("n_steps_", "n_iter_"), "a count"),
    **dict.fromkeys(("loss_curve_", "auxiliary_loss_curve_"), "a list of numbers"),
    "validation_scores_": "a list of numbers",
    "pretrain_loss_curves_": "a list of lists of numbers",
}
MAY_BE_NONE = "validation_scores_", "pretrain_loss_curves_"
CONTAINERS = "default", "pandas", "polars"


def describe(sae):
    """A fitted estimator as a record, and its arrays by name; that of the network's numbers is the first.

    Parameters
    ----------
    sae : SparseAutoencoder

    Returns
    -------
    record : dict
    arrays : dict of str to ndarray

    Raises
    ------
    TypeError
        If it is of a class that has no such files.
    ValueError
        If a parameter is none that such files can hold, or is not valid.
    """
    if CLASSES.get(type(sae).__name__) is not type(sae):
        raise TypeError(
            f"Files of the format 'skl_sae' hold {' and '.join(CLASSES)}, got {type(sae).__name__}. Keep it with "
            "joblib.dump or skops.io.dump."
        )
    sae._validate_params()
    state, writer = sae.__getstate__(), Writer()
    network, training = state["_network"], state.get("_training")
    names, own = sae._get_param_names(), {name: state[name] for name in sae._get_param_names()}
    fitted_with = state.get("_params", own)
    record = {"class": type(sae).__name__, "n_features": int(network.architecture.n_features)}
    record |= {"dtype": network.dtype.name, "network": describe_network(network, writer)}
    record["parameters"] = _values(own, writer, "parameters")
    record["fitted_with"] = _values(_others(fitted_with, own, names), writer, "fitted_with")
    record["training"] = record["dead_units"] = None
    if training is not None:
        record["training"] = describe_training(training, writer)
        others = _others(training.params, fitted_with, names)
        record["trained_with"] = _values(others, writer, "trained_with")
    if "_dead_units" in state:
        record["dead_units"] = describe_dead_units(state["_dead_units"], writer, "dead_units")
    record["attributes"] = {name: writer.value(state[name], name) for name in ATTRIBUTES if name in state}
    if "feature_names_in_" in state:
        record["feature_names"] = list(map(str, state["feature_names_in_"]))
    if "file_metadata_" in state:
        record["file_metadata"] = state["file_metadata_"]
    output = state.get("_sklearn_output_config", {}).get("transform")
    if output is not None:
        record["output"] = output
    record["generators"] = writer.states()
    _assert_complete(sae, network, fitted_with)
    return record, writer.arrays


def _values(parameters, writer, where):
    return {name: writer.value(value, f"{where}.{name}") for name, value in parameters.items()}


def _others(parameters, known, names):
    """Those of some parameters that have another value than is known."""
    return {name: parameters[name] for name in names if differ({name: parameters[name]}, known)}


def _assert_complete(sae, network, fitted_with):
    """Raise if the network is another one than its parameters, and the numbers of its units, make."""
    shape = network.architecture.n_features, network.dtype
    made = new_network(_with(type(sae), fitted_with), *shape, np.inf)
    rule = deepcopy(network.rule)
    for each in made.rule, rule:
        each.publish(network.parameters.units, network.scaling.code_scale)
    same = made.architecture == network.architecture and made.frozen == network.frozen
    same = same and (made.unit_norm or not network.unit_norm)
    mine, its = vars(rule), vars(made.rule)
    if not same or type(made.rule) is not type(rule) or mine.keys() != its.keys() or differ(mine, its):
        raise ValueError(
            f"The network is another one than the parameters of its fit make: got {network.architecture} with {rule}, "
            f"expected {made.architecture} with {made.rule} and no state but its parameters of units. Keep it with "
            "joblib.dump or skops.io.dump."
        )


def _with(kind, parameters):
    """An estimator with the parameters of a fit."""
    return kind(**{name: parameters[name] for name in kind._get_param_names()})


def restore(record, arrays, metadata=None):
    """The estimator that a record tells of.

    Parameters
    ----------
    record : dict
    arrays : Arrays
    metadata : dict, optional
        What a file of another library, from which the estimator comes, has held besides.

    Returns
    -------
    sae : SparseAutoencoder

    Raises
    ------
    ModelFileError
        If anything in the record or the arrays is not as it should be. Other errors come from objects that are made of
        their values.
    """
    fields = Fields(record, "the model")
    kind, n_features = fields.take("class", "a text"), fields.take("n_features", "a count")
    dtype = TYPES.get(fields.take("dtype", "a text"))
    if kind not in CLASSES or dtype is None:
        raise ModelFileError(f"it is a {kind!r} of {dtype}, expected one of {[*CLASSES]} of one of {[*TYPES]}")
    sae = new(CLASSES[kind], fields.take("parameters", "an object"))
    sae._validate_params()
    fitted_with = {**sae._parameters(), **copy_parameters(fields.take("fitted_with", "an object"))}
    other = _with(CLASSES[kind], fitted_with)
    other._validate_params()
    network = restore_network(other, n_features, dtype, fields.take("network", "an object"), arrays)
    params = copy_parameters(fitted_with)
    fitted = {**attributes_of(network), "n_features_in_": n_features, "_params": params}
    fitted |= _attributes(fields.take("attributes", "an object"))
    training = fields.optional("training", "an object")
    fitted["_training"] = training
    if training is not None:
        others = copy_parameters(fields.take("trained_with", "an object"))
        trained_with = {**params, **others} if others else params
        _with(CLASSES[kind], trained_with)._validate_params()
        fitted["_training"] = restore_training(other, network, trained_with, training, arrays)
    counts = fields.optional("dead_units", "an object")
    if counts is not None:
        fitted["_dead_units"] = restore_dead_units(counts, network.architecture.n_units, arrays, "dead_units")
    fitted |= _names(fields, n_features)
    if metadata is not None:
        fitted["file_metadata_"] = Fields({"file_metadata": metadata}, "the model").take("file_metadata", "an object")
    output = fields.optional("output", "a text")
    if output not in (None, *CONTAINERS):
        raise ModelFileError(f"output is {output!r}, expected one of {CONTAINERS}")
    fields.close()
    arrays.close()
    vars(sae).update(fitted)
    return sae if output is None else sae.set_output(transform=output)


def _attributes(record):
    fields = Fields(record, "attributes")
    take = {True: fields.optional, False: fields.take}
    attributes = {name: take[name in MAY_BE_NONE](name, kind) for name, kind in ATTRIBUTES.items() if name in record}
    fields.close()
    return attributes


def _names(fields, n_features):
    names = fields.optional("feature_names", "a list of texts")
    if names is None:
        return {}
    if len(names) != n_features:
        raise ModelFileError(f"it has {len(names)} names of features, expected {n_features}")
    return {"feature_names_in_": np.array(names, dtype=object)}
