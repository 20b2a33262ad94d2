"""What the parameter `init` gives a network to start from."""

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from .._kept_model import unwrapped
from .._model.brought_in import are_alike, bring_in
from .._parameters import check_named_array

EXPECTED = "expected a fitted SparseAutoencoder, another fitted model with components_, an array or None"


def given_start(init, network):
    """The network whose parameters are to be brought in, or the decoder's rows on the scale of the data.

    Parameters
    ----------
    init : object
        As the estimator has it.
    network : Network
        The one that is to start.

    Returns
    -------
    other : Network or None
    components : ndarray of shape (n_units, n_features) or None
    """
    if init is None:
        return None, None
    model = unwrapped(init)
    given = _network_of(model)
    if given is not None and type(given) is type(network) and are_alike(network, given):
        return given, None
    if network.architecture.decoder_depth > 1:
        raise ValueError(
            f"init={_named(model)} gives the rows of one decoder layer, and this decoder has hidden layers: expected a "
            "fitted SparseAutoencoder with the same layers, activations, tied_weights, batch_norm, skip and rule; or "
            "decoder_layer_sizes=()."
        )
    return None, _components(model, network)


def check_columns(init, seen):
    """Raise where a model, or a data frame of components, is of columns with other names or in another order.

    Parameters
    ----------
    init : object
        As the estimator has it.
    seen : estimator
        With what it has noted of the columns of X.
    """
    model = unwrapped(init)
    names = getattr(model, "feature_names_in_", getattr(model, "columns", None))
    expected = getattr(seen, "feature_names_in_", None)
    if names is None or expected is None or len(names) != len(expected):  # other widths are told of by their shapes
        return
    at = next((i for i, name in enumerate(names) if isinstance(name, str) and name != expected[i]), None)
    if at is not None:
        raise ValueError(
            f"init={_named(model)} is of other columns than X, or has them in another order: its column {at} is "
            f"{names[at]!r}, and that of X is {expected[at]!r}. Give X the columns of init, in their order."
        )


def _network_of(model):
    """The network of a fitted autoencoder, or None; raise where a model has not been fitted."""
    if isinstance(model, type):
        raise TypeError(f"init is the class {model.__name__}: {EXPECTED}.")
    if hasattr(model, "fit"):
        try:
            check_is_fitted(model)
        except NotFittedError as error:
            raise NotFittedError(
                f"init is a {type(model).__name__} that is not fitted: fit it first. A candidate of a search, as in "
                "{'init': [...]}, must be FrozenEstimator(model): a search resets others."
            ) from error
    network = vars(model).get("_network") if hasattr(model, "fit") else None
    return network.opened() if hasattr(network, "opened") else network


def _components(model, network):
    kind = network.architecture
    rows = model
    if hasattr(model, "fit"):
        rows = getattr(model, "components_", None)
        if rows is None:
            raise ValueError(f"init={_named(model)} has no components_: {EXPECTED}.")
    elif isinstance(model, str | bytes | dict | set) or (not isinstance(model, list | tuple) and np.ndim(model) == 0):
        raise ValueError(f"Got init={model!r:.80}, {EXPECTED}.")
    with np.errstate(all="ignore"):  # numbers too large for the type become infinite, and are refused
        rows = check_named_array("init", rows, dtype=network.dtype, order="C")
    expected = kind.n_units, kind.decoder_sizes[0]
    if rows.shape != expected:
        remedy = "give others" if rows.shape[1] != expected[1] else f"set n_components={rows.shape[0]}, or give others"
        raise ValueError(
            f"init={_named(model)} has {rows.shape[0]} components of {rows.shape[1]} features, expected "
            f"n_components={expected[0]} of {expected[1]} features, as X has: {remedy}."
        )
    return rows


def _named(model):
    return f"{type(model).__name__}(...)" if hasattr(model, "fit") else "array"


def bring_in_finite(network, other):
    """Let the network start from the parameters of another one; raise where its scale makes them infinite."""
    bring_in(network, other)
    if not np.isfinite(network.parameters.theta).all():
        raise ValueError(
            f"The weights of init are not finite in {network.dtype} on the scale of X, which is far from that of the "
            "data that init was fitted on: bring X to a scale like it, or give components."
        )


def arrays_of(init):
    """The numbers that make one start another than the next, for the identity of a fit."""
    model = unwrapped(init)
    if not hasattr(model, "fit"):
        return [] if model is None else [np.asarray(model)]
    network = _network_of(model)
    if network is None:
        return [np.asarray(getattr(model, "components_", ()))]
    scaling = network.scaling
    return [network.parameters.theta, scaling.offset, scaling.divisor, np.array([scaling.code_scale])]
