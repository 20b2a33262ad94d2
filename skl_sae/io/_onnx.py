"""`to_onnx`: what a fitted autoencoder computes, for runtimes without Python."""

import json
from pathlib import Path

from sklearn.utils.validation import check_is_fitted

from .._autoencoder import SparseAutoencoder
from .._estimator.sparse_weights import trainable_or_stored
from .._model.stored_network import StoredNetwork
from .._parameters import checked
from .._version import __version__
from . import _onnx_network as layers
from ._atomic import write_files
from ._onnx_graph import Graph
from ._onnx_rules import encode


def _codes(graph, network, rule):
    """Codes of X on the network's own scale, and the inputs behind them."""
    x = layers.inputs(graph, network, graph.input("X", network.architecture.n_features))
    a = layers.pre_activations(graph, network, x)
    return encode(graph, a, rule, network.parameters.units, network.architecture.activation), x


def _transform(graph, network):
    codes, _ = _codes(graph, network, network.rule.deployed())
    graph.output(layers.given(graph, network, codes), "codes", network.architecture.n_units)


def _reconstruct(graph, network):
    codes, x = _codes(graph, network, network.rule.scored())
    graph.output(layers.outputs(graph, network, codes, x), "reconstruction", network.architecture.decoder_sizes[0])


def _inverse_transform(graph, network):
    codes = layers.taken(graph, network, graph.input("codes", network.architecture.n_units))
    graph.output(layers.outputs(graph, network, codes, None), "reconstruction", network.architecture.decoder_sizes[0])


#: What adds the operations of each method to a graph.
METHODS = {"transform": _transform, "reconstruct": _reconstruct, "inverse_transform": _inverse_transform}


@checked({"methods": [str, tuple, list]}, prefer_skip_nested_validation=False)
def to_onnx(sae, path=None, *, methods="transform"):
    """Write what a fitted autoencoder computes as an ONNX model.

    Parameters
    ----------
    sae : SparseAutoencoder
        Fitted.
    path : str or path-like, optional
        File to save the model in: written aside, and then put in its place. Not saved by default.
    methods : {"transform", "reconstruct", "inverse_transform"} or tuple of these, default="transform"
        What the model is to compute, as the methods of the estimator of these names do. ``"transform"`` gives the
        output ``codes``, the other two ``reconstruction``. ``"inverse_transform"``, whose input is ``codes``, goes with
        no other; that of the others is ``X``. ``("transform", "reconstruct")`` gives both outputs in one run.

    Returns
    -------
    model : onnx.ModelProto
        Checked, in opset 11 and IR version 6: onnxruntime 1.0 and later run it. Inputs and outputs have the type of the
        network, float32 or float64 as the data it was fitted on, and the shape (n_samples, width), with any number of
        rows. Its ``metadata_props`` name the version of the library, the methods, the rule and, where the data
        had them, the features, as JSON.

    Raises
    ------
    TypeError
        If `sae` is something else than a `SparseAutoencoder`.
    ValueError
        If there is no such method, the rule has an ``encode`` of its own, the estimator is of another class with other
        weights besides (`SparseRecoveryAutoencoder`) or with such a method of its own, or the weights take more than
        the 2 GB that a file can have.
    AttributeError
        If the estimator lacks the method, as ``inverse_transform`` with ``skip=True``.
    ImportError
        If onnx is not installed: it comes with ``pip install "skl-sae[onnx]"``.

    Notes
    -----
    Missing values, NaN, are filled as ``transform`` fills them, and of equal values TopK keeps those of lower index.
    Numbers agree up to rounding, a unit whose value is within rounding of a threshold or of the next one, however, may
    be active in one and not in the other. Infinite values and results are not refused as they are by the estimator.
    Weights that are kept sparse or in few bits are written dense and in the type of the network.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skl_sae import SparseAutoencoder
    >>> from skl_sae.io import to_onnx
    >>> X, _ = load_digits(return_X_y=True)
    >>> sae = SparseAutoencoder(n_components=32, max_iter=5, random_state=0).fit(X)
    >>> model = to_onnx(sae)
    >>> model.graph.input[0].name, model.graph.output[0].name
    ('X', 'codes')
    """
    chosen = (methods,) if isinstance(methods, str) else tuple(methods)
    _check(sae, chosen, methods)
    network = trainable_or_stored(sae, "to_onnx")
    if isinstance(network, StoredNetwork):
        network = network.opened()
    graph = Graph(network.dtype)
    for method in chosen:
        METHODS[method](graph, network)
    metadata = {"skl_sae_version": __version__, "methods": json.dumps(chosen), "sparsity": repr(network.rule)}
    if hasattr(sae, "feature_names_in_"):
        metadata["feature_names"] = json.dumps(sae.feature_names_in_.tolist())
    model = graph.model(metadata, producer_name="skl_sae", producer_version=__version__)
    if path is not None:
        path, data = Path(path), model.SerializeToString()
        write_files(path.parent, {path.name: lambda aside: aside.write_bytes(data)})
    return model


def _check(sae, chosen, methods):
    """Raise where the methods of this object are not known."""
    if not isinstance(sae, SparseAutoencoder):
        raise TypeError(f"to_onnx expected a fitted SparseAutoencoder, got {type(sae).__name__}.")
    alone = "inverse_transform"
    if not chosen or not set(chosen) <= set(METHODS) or len(set(chosen)) < len(chosen):
        names = ", ".join(map(repr, METHODS))
        raise ValueError(f"Got methods={methods!r}, expected one of {names}, or a tuple of them.")
    if alone in chosen and len(chosen) > 1:
        raise ValueError(f"Got methods={methods!r}: {alone!r} reads codes and the others read X. Make two models.")
    check_is_fitted(sae)
    for method in chosen:
        getattr(sae, method)
        owner = next(cls for cls in type(sae).__mro__ if method in vars(cls))
        if owner is not SparseAutoencoder:
            raise ValueError(
                f"to_onnx knows the methods of SparseAutoencoder; got {type(sae).__name__}, and {owner.__name__} has a "
                f"{method} of its own."
            )
