"""A network with more units: those of the source as they are, and new ones that begin with what these leave."""

import numpy as np
from sklearn.utils import check_random_state

from .._kernels.blas import single_threaded_blas
from .._kernels.norms import unit_rows
from .._model import inference
from .._model.positive import starts
from ._layers import MEASURED
from ._residual_rows import ROWS, worst_rows

# Norm of a new unit's decoder row, relative to those of the source's units, where norms are free: units turn towards
# what they fire on before they matter.
NEW_DECODER = 0.1


def widened(estimator, network, X, n_new, random_state):
    """Make a wider network.

    Parameters
    ----------
    estimator : SparseAutoencoder
        With the network of the source; it becomes one of the wider network.
    network : Network
    X : {ndarray, CSR matrix} of shape (n_samples, n_features)
        The target.
    n_new : int
    random_state : int, RandomState instance or None

    Returns
    -------
    wide : Network
    fixed : ndarray of bool
        Which of its parameters are those of the source.
    """
    _assert_possible(estimator)
    n = network.architecture.n_units
    estimator.set_params(n_components=n + n_new)
    if "learn_dictionary" in estimator.get_params(deep=False):
        estimator.set_params(learn_dictionary=True)  # the source's atoms stay anyway
    rows = estimator._read_to_learn(estimator, X)
    wide = estimator._new_network(rows)
    wide.scaling = network.scaling.of(wide.architecture)
    fixed = np.zeros(wide.parameters.theta.size, bool)
    directions = _directions(network, rows, n_new, check_random_state(random_state))
    for name, view in wide.parameters.views.items():
        old = network.parameters[name]
        if name.startswith("dec") and wide.architecture.tied and name.endswith("weight"):
            continue
        new = tuple(slice(0, size) for size in old.shape)
        if view.shape != old.shape:
            view[n:] = _like(old, directions["dec" if name.startswith("dec") else "enc"], name, wide)
        view[new] = old
        if name != "dec0.bias" and name not in MEASURED:
            wide.parameters.part(fixed, name)[new] = True
    if "unrolled.lateral" in wide.parameters.views:
        _start_lateral(wide.parameters, n)
    return wide, fixed


def _assert_possible(estimator):
    """Raise where nobody can say what new units are to learn."""
    for name in "target", "measurement_matrix":
        if getattr(estimator, name, None) is not None:
            raise ValueError(
                f"mode='extend' learns new units from what the source leaves of X, and the source has a {name}: X is "
                f"not what it decodes. Expected a source with {name}=None, or mode='finetune'."
            )
    if estimator.batch_norm:
        raise ValueError(
            "mode='extend' keeps the source's units as they are, and batch_norm=True normalises them anew by each "
            "batch: expected a source with batch_norm=False, or mode='finetune'."
        )


def _directions(network, rows, n_new, random_state):
    """Directions of new rows of encoder and decoder: half what is left of badly explained rows, half random."""
    kind, rows = network.architecture, rows.sample(max(ROWS, n_new))
    with np.errstate(all="ignore"):
        picked = rows.subset(worst_rows(inference.squared_errors(network, rows), n_new, random_state))
        left = np.nan_to_num(picked.tile(0, n_new) - inference.reconstruct(network, picked)) / network.scaling.divisor
        inner = left
        if kind.encoder_depth > 1:
            inner = inference.hidden_values(network, picked, kind.encoder_depth - 1)
            inner = inner - inner.mean(axis=0)
    outer = left if kind.decoder_depth == 1 else inner
    noise = random_state.standard_normal(inner.shape)
    encoder = unit_rows(unit_rows(inner) + unit_rows(noise))
    if kind.decoder_depth > 1 and kind.decoder_sizes[-2] != inner.shape[1]:
        outer = random_state.standard_normal((n_new, kind.decoder_sizes[-2]))
    if outer.shape != noise.shape:
        noise = random_state.standard_normal(outer.shape)
    decoder = unit_rows(unit_rows(outer) + unit_rows(noise))
    return {"enc": starts(encoder, kind)[0], "dec": starts(decoder, kind)[1]}


def _like(old, directions, name, wide):
    """Rows as long as the source's on the mean; of numbers, that of the source's."""
    if old.ndim == 1:
        return old.mean()
    if name == "unrolled.lateral":
        return 0.0
    size = np.linalg.norm(old, axis=1).mean()
    if name == "dec0.weight" and not wide.unit_norm and not wide.parameters.further and wide.architecture.rescaled:
        size *= NEW_DECODER
    return size * directions


def _start_lateral(p, n):
    """Let new units inhibit others, and be inhibited, as in a step of a pursuit: by products of atoms and encoder."""
    with single_threaded_blas():
        step = np.eye(len(p["enc0.weight"])) - p["dec0.weight"] @ p["enc0.weight"].T
    p["unrolled.lateral"][n:], p["unrolled.lateral"][:, n:] = step[n:], step[:, n:]
