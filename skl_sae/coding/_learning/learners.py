"""The parts that a fit needs, made from the parameters of the estimator and the data."""

import numpy as np
from sklearn.utils import check_random_state

from ..._parameters import check_named_array
from .coding import PENALISED, Coding, Schedule
from .dictionary_start import start_atoms
from .ksvd_loop import Ksvd
from .online import Pace
from .online_loop import Online, Passes
from .replacement import Replacement


def make_learner(estimator, data, random_state):
    """What has a method `iterate`: K-SVD or passes of the online method."""
    atoms, coder, replacement = _parts(estimator, data, random_state)
    start = estimator.alpha_start
    if start is not None and (estimator.algorithm not in PENALISED or estimator.alpha == 0):
        raise ValueError(
            f"Got alpha_start={start} with alpha={estimator.alpha} and algorithm={estimator.algorithm!r}; expected two "
            f"positive numbers and one of {PENALISED}."
        )
    schedule = Schedule(coder, None if start is None else np.ldexp(start, -data.exponent))
    if estimator.method == "ksvd":
        return Ksvd(data, atoms, schedule, estimator.update, replacement, random_state)
    online, memory = Online.begin(atoms, coder, replacement), estimator.memory or data.shape[0]
    pace = Pace(memory, estimator.max_share, estimator.relaxation)
    return Passes(online, data, estimator.batch_size, pace, schedule, random_state)


def make_online(estimator, data, before):
    """What learns from a chunk: anew, or from what was `before`, an `Online` and the exponent of its data."""
    if before is None:
        return Online.begin(*_parts(estimator, data, check_random_state(estimator.random_state)))
    online, exponent = before
    coder = _fit_coding(estimator, data.shape[1]).scaled(data.exponent)
    return online.continued(coder, _replacement(estimator), 2.0 ** (exponent - data.exponent))


def _parts(estimator, data, random_state):
    """Dictionary at the start, how rows are encoded, and what is replaced."""
    start, n_components = estimator.dict_init, estimator.n_components
    n_features, frozen = data.shape[1], estimator.n_frozen_components
    if not isinstance(start, str):
        start = check_named_array("dict_init", start, dtype=[np.float64, np.float32])
        if start.shape[1] != n_features or len(start) > n_components:
            raise ValueError(
                f"dict_init has shape {start.shape}; expected at most n_components={n_components} rows, each with the "
                f"{n_features} features of X."
            )
    n_given = 0 if isinstance(start, str) else len(start)
    if frozen > n_given:
        raise ValueError(
            f"Got n_frozen_components={frozen} and a dict_init with {n_given} atoms of its own; expected an array with "
            "the atoms that are to be frozen."
        )
    atoms = start_atoms(data.X, n_components, start, frozen, random_state, data.X.dtype)
    return atoms, _fit_coding(estimator, n_features).scaled(data.exponent), _replacement(estimator)


def _replacement(estimator):
    e = estimator
    return Replacement(e.min_usage, e.max_coherence, e.replace_every, e.n_frozen_components)


def _fit_coding(estimator, n_features):
    """How the fit encodes."""
    e = estimator
    return _with_default(
        Coding(e.algorithm, e.n_nonzero_coefs, e.tol, _or_one(e.alpha), e.positive), e.n_components, n_features
    )


def transform_coding(estimator):
    """How a fitted estimator encodes."""
    e = estimator
    algorithm = e.transform_algorithm or e.algorithm
    n_nonzero_coefs, alpha, tol = e.transform_n_nonzero_coefs, e.transform_alpha, e.transform_tol
    coding = Coding(
        algorithm,
        e.n_nonzero_coefs if n_nonzero_coefs is None else n_nonzero_coefs,
        e.tol if tol is None and algorithm == e.algorithm else tol,
        _or_one(e.alpha) if alpha is None else alpha,
        e.positive,
    )
    return _with_default(coding, *e.components_.shape)


def _or_one(alpha):
    return 1.0 if alpha is None else alpha


def _with_default(coding, n_components, n_features):
    """With a number of entries where the algorithm needs one and nobody has said which."""
    if coding.algorithm in ("omp", "topk", "iht") and coding.n_nonzero_coefs is None:
        if coding.algorithm != "omp" or coding.tol is None:
            return coding._replace(n_nonzero_coefs=max(1, min(32, n_components // 8, n_features // 4)))
    return coding


def has_converged(losses, tol):
    """Whether the last iteration has lowered the loss by less than a share of it."""
    return len(losses) > 1 and tol > 0 and not losses[-2] - losses[-1] > tol * abs(losses[-2])
