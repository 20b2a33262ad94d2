"""The network of an estimator as numbers and arrays, and back."""

import zlib
from itertools import pairwise
from types import SimpleNamespace

import numpy as np

from .._model.restraint import Restraint
from .._model.stored_matrix import INTEGERS, StoredMatrix
from .._model.stored_network import StoredNetwork, StoredParameters
from ._errors import ModelFileError
from ._own_fields import Fields

# What a scaling is made of: numbers by their kinds, and arrays.
NUMBERS = {
    **dict.fromkeys(("scale", "code_scale", "gain", "output_gain"), "a positive number"),
    **dict.fromkeys(("measured", "reads_sparse", "codes_like_data", "keeps_missing"), "true or false"),
    "code_rows": "a count",
}
KINDS_OF_SCALE = None, "total", "features"
# Files of strangers may ask for any number of layers, each of which costs time and has hardly any weights.
MOST_LAYERS = 1000


def describe_network(network, writer):
    """A network as JSON; its arrays go to the writer.

    What a network of this kind is built of is told by the parameters of the estimator, and left out here.
    """
    arrays, scaling, restraint = writer.arrays, network.scaling, network.restraint
    record = {"stored": isinstance(network, StoredNetwork), "scaling": {"kind": scaling.kind}, "restraint": None}
    record["unit_norm"] = bool(network.unit_norm)
    if record["stored"]:
        record["masked"] = network.masked
        _describe_stored(network, arrays)
    else:
        arrays["network.theta"] = network.parameters.theta
    record["scaling"] |= {name: writer.value(getattr(scaling, name), name) for name in NUMBERS}
    arrays |= {f"scaling.{name}": getattr(scaling, name) for name in ("offset", "fill", "units", "observed")}
    if restraint is not None:
        record["restraint"] = {"strength": restraint.strength}
        given = {name: getattr(restraint, name) for name in ("fixed", "anchor")}
        arrays |= {f"restraint.{name}": array for name, array in given.items() if array is not None}
    return record


def _describe_stored(network, arrays):
    p = network.parameters
    arrays |= {f"network.{name}": vector for name, vector in p.vectors.items()}
    for name, matrix in p.matrices.items():
        arrays[f"network.{name}.values"] = matrix.values
        if matrix.scale is not None:
            arrays[f"network.{name}.scale"] = matrix.scale
        if matrix.sparse:
            arrays[f"network.{name}.places"] = np.packbits(matrix.support())
    if network.held is not None:
        arrays["network.held"] = np.frombuffer(zlib.decompress(network.held), np.uint8)


def new_network(sae, n_features, dtype, n_weights):
    """An untrained network of an estimator, if it has at most so many weights."""
    architecture, _ = sae._design(n_features, dtype)
    n_layers = max(map(len, architecture[:2]))
    if n_layers > MOST_LAYERS:
        raise ModelFileError(f"its parameters ask for {n_layers} layers, and files hold models of up to {MOST_LAYERS}")
    sizes = [architecture.encoder_sizes] if architecture.tied else architecture[:2]
    least = sum(a * b for each in sizes for a, b in pairwise(each))
    if getattr(sae, "_unrolls", False):
        least += (sae.n_layers - 1) * architecture.n_units  # thresholds
    if least > n_weights:
        raise ModelFileError(f"its parameters ask for {least} weights and more, its arrays have at most {n_weights}")
    return sae._new_network(SimpleNamespace(shape=(0, n_features), dtype=dtype))


def restore_network(sae, n_features, dtype, record, arrays):
    """The network that a record tells of, for an estimator with the parameters of its fit.

    Parameters
    ----------
    sae : SparseAutoencoder
    n_features : int
    dtype : dtype
    record : dict
    arrays : Arrays
    """
    fields = Fields(record, "network")
    if fields.take("stored", "true or false"):
        network = new_network(sae, n_features, dtype, 8 * arrays.nbytes)
        network = _restore_stored(network, fields.take("masked", "true or false"), arrays)
    else:
        theta = arrays.take("network.theta", dtype=dtype, finite=True)
        network = new_network(sae, n_features, dtype, theta.size)
        p = network.parameters
        if theta.shape != p.theta.shape:
            raise ModelFileError(f"its parameters ask for {p.theta.size} numbers, network.theta has {theta.shape}")
        p.__setstate__({**p.__getstate__(), "theta": theta})
    if fields.take("unit_norm", "true or false") != network.unit_norm:
        if not network.unit_norm:
            raise ModelFileError("its decoder's rows are not of a kind that is kept at norm one, and unit_norm is true")
        network.unit_norm = False  # as in a model that was loaded from a file of another library
    _restore_scaling(network.scaling, fields.take("scaling", "an object"), arrays)
    restraint = fields.optional("restraint", "an object")
    if restraint is not None:
        network.restraint = _restore_restraint(network, restraint, arrays)
    fields.close()
    return network


def _restore_scaling(scaling, record, arrays):
    fields, architecture = Fields(record, "scaling"), scaling.architecture
    scaling.kind = fields.optional("kind", "a text")
    if scaling.kind not in KINDS_OF_SCALE:
        raise ModelFileError(f"scaling: kind is {scaling.kind!r}, expected one of {KINDS_OF_SCALE}")
    for name, kind in NUMBERS.items():
        setattr(scaling, name, fields.take(name, kind))
    fields.close()
    shape = (architecture.n_features,)
    for name, dtype in (
        ("offset", architecture.dtype),
        ("fill", architecture.dtype),
        ("units", "f8"),
        ("observed", None),
    ):
        setattr(scaling, name, arrays.take(f"scaling.{name}", shape, dtype, finite=True))
    if not (scaling.units > 0).all() or not (scaling.observed >= 0).all():
        raise ModelFileError("scaling: a unit of a feature is not above 0, or a number of observed values is below 0")


def _restore_restraint(network, record, arrays):
    fields, theta = Fields(record, "restraint"), network.parameters.theta
    strength = fields.take("strength", "a number of at least 0")
    fields.close()
    given = {"fixed": np.dtype(bool), "anchor": theta.dtype}
    given = {
        name: arrays.take(f"restraint.{name}", theta.shape, dtype)
        for name, dtype in given.items()
        if f"restraint.{name}" in arrays
    }
    return Restraint(**given, strength=strength)


def _restore_stored(network, masked, arrays):
    dense, stored = network.parameters, StoredNetwork.__new__(StoredNetwork)
    matrices = {name: _restore_matrix(name, dense[name].shape, network.dtype, arrays) for name in dense.matrix_names}
    vectors = {name: shape for name, shape in dense.shapes().items() if len(shape) == 1}
    vectors = {name: arrays.take(f"network.{name}", shape, network.dtype, True) for name, shape in vectors.items()}
    held = None
    if "network.held" in arrays:
        if not masked:
            raise ModelFileError("network.held belongs to weights of which some stay as they are")
        held = zlib.compress(arrays.take("network.held", (-(-dense.theta.size // 8),), np.dtype(np.uint8)).tobytes())
    parameters = StoredParameters.__new__(StoredParameters)
    kept = {name: getattr(dense, name) for name in ("architecture", "own", "further")}
    parameters.__setstate__({**kept, "matrices": matrices, "vectors": vectors})
    vars(stored).update({**vars(network), "parameters": parameters, "masked": masked, "restraint": None, "held": held})
    return stored


def _restore_matrix(name, shape, dtype, arrays):
    """A matrix whose places, if it is sparse, are a bit each."""
    values, scale, indptr, indices = arrays.take(f"network.{name}.values", finite=True), None, None, None
    if values.dtype not in (dtype, *INTEGERS.values()):
        raise ModelFileError(f"the weights {name} have the type {values.dtype}")
    if f"network.{name}.scale" in arrays:
        scale = arrays.take(f"network.{name}.scale", shape[:1], dtype, finite=True)
    if f"network.{name}.places" in arrays:
        size = shape[0] * shape[1]
        places = arrays.take(f"network.{name}.places", (-(-size // 8),), np.dtype(np.uint8))
        kept = np.unpackbits(places, count=size).reshape(shape).view(bool)
        indptr = np.concatenate([[0], np.count_nonzero(kept, axis=1).cumsum()]).astype(np.int64)
        shape_of_values = (int(indptr[-1]),)
        if values.shape == shape_of_values:
            indices = np.nonzero(kept)[1].astype(np.int32)
    else:
        shape_of_values = shape
    if values.shape != shape_of_values:
        raise ModelFileError(f"the weights {name} have the shape {values.shape}, expected {shape_of_values}")
    return StoredMatrix(shape, dtype, values, scale, indptr, indices)
