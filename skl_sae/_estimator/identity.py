"""What makes two calls of `fit` the same one: parameters, data and the model that they begin with."""

import hashlib

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator

from .._kept_model import unwrapped
from .given_start import arrays_of

# Rows, evenly spaced, that data is known by, at most; fewer where they are wide, so that these are so many numbers.
ROWS, NUMBERS = 1000, 1 << 24
# Parameters that have no part in what is learned.
WITHOUT_EFFECT = {"verbose", "sparse_output"}


def identity(estimator, rows, validation):
    """All that decides on a fit, as lists, dicts, strings and numbers; `rows` and `validation` as they were passed."""
    params = {**estimator._parameters(), **estimator.get_params(deep=False)}  # a subclass may have more, or fewer
    if (init := params.pop("init", None)) is not None:
        params["init"] = f"a {type(unwrapped(init)).__name__} ({_digest(*arrays_of(init))})"
    return {
        "estimator": type(estimator).__name__,
        "parameters": {name: _plain(value) for name, value in params.items() if name not in WITHOUT_EFFECT},
        "data": {"X": _of_rows(rows), "y": _of_rows(rows.target), "X_val": _of_rows(validation)},
        "start": _of_model(estimator) if estimator.warm_start else None,
    }


def differences(now, then):
    """What differs between two identities, in words; an empty list if they are the same fit."""
    if now["estimator"] != then["estimator"]:
        return [f"the estimator was {then['estimator']}, now {now['estimator']}"]
    names = {**now["parameters"], **then["parameters"]}
    pairs = [(name, then["parameters"].get(name), now["parameters"].get(name)) for name in names]
    found = [f"{name} was {before}, now {after}" for name, before, after in pairs if before != after]
    for name, after in now["data"].items():
        before = then["data"].get(name)
        if before != after:
            found.append(f"{name} {_difference_of_data(before, after)}")
    if now["start"] != then["start"]:
        found.append("warm_start=True goes on from another model than then")
    return found


def _difference_of_data(before, after):
    if before is None or after is None:
        return "was not passed then" if before is None else "was passed then"
    for name in ("shape", "dtype", "kind"):
        if before[name] != after[name]:
            return f"had the {name} {before[name]}, now {after[name]}"
    return "has other values"


def _plain(value):
    """A parameter in words, so that equal ones give equal words, in any process."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, BaseEstimator):
        params = sorted(value.get_params(deep=False).items())
        return f"{type(value).__name__}({', '.join(f'{name}={_plain(each)}' for name, each in params)})"
    if sparse.issparse(value) or (isinstance(value, np.ndarray) and not value.dtype.hasobject):
        return f"an array of shape {value.shape} ({_digest(*_arrays(value))})"
    if isinstance(value, list | tuple | dict):
        items = value.items() if isinstance(value, dict) else value
        return f"{type(value).__name__}({', '.join(map(_plain, items))})"
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value)
    return f"a {type(value).__name__}"  # as of generators, whose state is in the checkpoint


def _of_rows(rows):
    """Shape and type of data, and what some of its rows are."""
    if rows is None:
        return None
    sample = rows.sample(max(1, min(ROWS, NUMBERS // max(1, rows.shape[1]))))
    values = sample.X if sample.chosen is None else sample.X[sample.chosen]
    stored = int(rows.X.nnz) if rows.sparse else None
    return {
        "shape": list(rows.shape),
        "dtype": str(rows.dtype),
        "kind": "CSR" if rows.sparse else "dense",
        "stored": stored,
        "digest": _digest(*_arrays(values)),
    }


def _of_model(estimator):
    """What a warm fit goes on from; None where it starts anew."""
    network, training = vars(estimator).get("_network"), vars(estimator).get("_training")
    if network is None:
        return None
    network.assert_trains("warm_start=True")
    moments = [] if training is None else training.state(network)[0].values()
    restraint = [] if network.restraint is None else [network.restraint.fixed, network.restraint.anchor]
    return _digest(network.parameters.theta, *moments, *(array for array in restraint if array is not None))


def _arrays(values):
    return (values.data, values.indices, values.indptr) if sparse.issparse(values) else (values,)


def _digest(*arrays):
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()
