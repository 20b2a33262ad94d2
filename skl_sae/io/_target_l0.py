"""Thresholds set by data, for models whose files have wrong ones."""

from copy import copy, deepcopy

import numpy as np

from .._estimator.fitted import attributes_of
from .._kernels.quantile import upper_quantile
from .._model import inference
from .._parameters import is_number, with_plain_arguments
from ..sparsity._batch_topk import Threshold
from ..sparsity._target import warn_of_missed_target


@with_plain_arguments
def meet_target_l0(sae, X, target_l0):
    """Multiply all thresholds by one factor, with which rows of X have so many active units on average.

    For models with a threshold, as JumpReLU, BatchTopK and what is made of them: where the file had a wrong one, or
    another number of active units is wanted without training.

    Parameters
    ----------
    sae : SparseAutoencoder
        Fitted, or loaded.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Data like that of the training; some thousand rows are enough.
    target_l0 : float
        Mean number of active units of a row, at most the number of units. Where fewer pre-activations are positive
        there is a warning of what was reached.

    Returns
    -------
    other : SparseAutoencoder
        A fitted copy with other thresholds. Where some of them are zero, it has one threshold for all units.

    Raises
    ------
    ValueError
        If the model has no thresholds, or the target cannot be.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skl_sae import SparseAutoencoder
    >>> from skl_sae.io import meet_target_l0
    >>> X, _ = load_digits(return_X_y=True)
    >>> sae = SparseAutoencoder(32, sparsity="jumprelu", max_iter=3, random_state=0).fit(X)
    >>> codes = meet_target_l0(sae, X, 5).transform(X)
    >>> print(f"{(codes != 0).sum(axis=1).mean():.2f}")
    5.00
    """
    network, rows = sae._network_and_rows(X)
    if not isinstance(network.rule.deployed(), Threshold):
        raise ValueError(f"meet_target_l0 changes thresholds, and the rule {network.rule!r} has none.")
    n_units = network.architecture.n_units
    if not (is_number(target_l0) and 0 < target_l0 <= n_units):
        raise ValueError(f"Got target_l0={target_l0!r}, expected a number above 0 and at most {n_units}.")
    network = network.copy()
    threshold = network.parameters.units.threshold
    unit = threshold.copy() if (threshold > 0).all() else np.ones_like(threshold)
    with np.errstate(all="ignore"):
        tiles = lambda: (a / unit for a in inference.pre_activations(network, rows))
        bound, reached = upper_quantile(tiles, target_l0)
        if bound <= 0:  # a relu leaves nothing of what is not positive
            counts = [(np.count_nonzero(a > 0), len(a)) for a in tiles()]
            bound, reached = 0.0, np.divide(*np.sum(counts, axis=0))
        threshold[:] = np.minimum(unit.astype(np.float64) * bound, np.finfo(threshold.dtype).max)
    warn_of_missed_target("meet_target_l0", target_l0, reached)
    other = copy(sae)
    vars(other).update(attributes_of(network), _training=None)
    if hasattr(sae, "file_metadata_"):
        other.file_metadata_ = deepcopy(sae.file_metadata_)
        metadata = other.file_metadata_.get("saelens", {}).get("metadata") or {}
        if "l0" in metadata:  # it was that of the old thresholds
            metadata["l0"] = float(reached)
    return other
