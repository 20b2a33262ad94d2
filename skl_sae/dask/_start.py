"""The network and the training that a fit begins with, from moments of all rows and a sample of them."""

import numpy as np

from .._estimator.checks import copy_parameters
from .._estimator.data_checks import check_probabilities, check_size, warn_of_range
from .._estimator.given_start import check_columns
from .._model.initialization import draw_sample
from .._model.units import find_units, have_own_units
from ._facts import RemoteRows, facts_of, join
from ._fetching import fetch

# Rows, evenly spaced, that the client looks at, and numbers in them, at most: of wide data fewer rows, down to a batch.
SAMPLE_ROWS, SAMPLE_SIZE, FEWEST_SAMPLED = 4096, 1 << 26, 128


def look_at(cluster, sae, seen):
    """One pass over the data: `RemoteRows`. Raises where there are no rows, or none that the estimator accepts."""
    facts = cluster.sum("look", facts_of, join, cluster.send(type(sae).__name__))
    if not sum(facts.sizes):
        raise ValueError(f"Found X with no rows in {len(facts.sizes)} blocks: expected at least one.")
    n_features = facts.mean.size
    if seen.n_features_in_ not in (0, n_features):  # 0 stands for a number that is not known before
        raise ValueError(
            f"X should have {seen.n_features_in_} columns, and its blocks have {n_features}: expected what it says of "
            "itself. Correct the shape, or the columns of its meta."
        )
    seen.n_features_in_ = n_features
    rows = RemoteRows(facts, lambda numbers: fetch(cluster, facts.sizes, facts.dtype, numbers))
    if sae.loss == "binary_cross_entropy":
        check_probabilities(rows)
    return rows


def sampled(rows):
    """The rows that the client looks at: for units of features, and to calibrate what has been learned."""
    return rows.sample(min(SAMPLE_ROWS, max(FEWEST_SAMPLED, SAMPLE_SIZE // rows.shape[1])))


def begin(sae, seen, rows, random_state):
    """A network under training: a new one, as `fit` of the estimator makes it, or one that goes on from the last fit.

    Parameters
    ----------
    sae : SparseAutoencoder
    seen : SparseAutoencoder
        A copy with the features of X.
    rows : RemoteRows
    random_state : RandomState

    Returns
    -------
    training : Training
    """
    if sae.warm_start and "_network" in vars(sae) and sae._network.scaling.measured:
        return sae._build(seen, rows, random_state, "warm_start=True")
    check_columns(sae.init, seen)
    sample, (mean, variance, count) = sampled(rows), rows.moments()
    network = sae._new_network(rows)
    check_size(sample, mean, variance, getattr(seen, "feature_names_in_", None))
    warn_of_range(rows, sae.output_activation)
    kind = sae._kind_of_scale(network.architecture, lambda: "features" if have_own_units(sample) else "total")
    units = find_units(sample, mean, variance) if kind == "features" else None
    network.scaling.measure(mean, variance, kind, units)
    network.scaling.observe(mean, count, anew=True)
    network.scaling.look_at_density(rows)
    numbers = draw_sample(rows, network, random_state)
    drawn = rows.fetch(numbers[: len(rows)])  # with more units than rows, the others come once more
    sae._start_from(network, drawn, np.resize(np.arange(len(drawn)), len(numbers)), random_state)
    return sae._new_training(network, copy_parameters(sae._parameters()), random_state)
