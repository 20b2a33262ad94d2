"""Pruning: weights of small magnitude become zero and stay so."""

from copy import copy, deepcopy

import numpy as np

from .._autoencoder import SparseAutoencoder
from .._estimator.checks import copy_parameters
from .._estimator.fitted import attributes_of
from .._estimator.sparse_weights import trainable_or_stored
from .._model.stored_network import StoredNetwork
from .._parameters import checked, is_count, is_number, named
from ._dead_units import fixes_numbers, living_units, rule_for_fewer, without_units
from ._fine_tuning import fine_tune, one_epoch, publish
from ._masks import MASKS
from ._pruning import names_of_layers, pruned

SCHEDULES = (None, "cubic")


@checked({"drop_dead": ["boolean"]}, prefer_skip_nested_validation=False)
def prune(
    sae,
    amount,
    *,
    scope="layer",
    layers=None,
    schedule=None,
    fine_tune_X=None,
    fine_tune_epochs=20,
    drop_dead=True,
):
    r"""Remove the weights of smallest magnitude; returns a pruned copy, the estimator that is given stays as it is.

    A share of the weights becomes zero, and stays zero when training goes on: in the copy's ``partial_fit``, and in
    ``fit`` with ``warm_start=True``, these weights have no gradient, no moments and no penalty. Intercepts are never
    pruned. Pruned weights are still kept as zeros; :meth:`~skl_sae.SparseAutoencoder.sparsify` leaves them out.

    Parameters
    ----------
    sae : SparseAutoencoder
        Fitted, with dense weights.
    amount : float
        Share of the weights to be zero, in [0, 1), of all weights of a layer or of all layers: of `size` weights
        exactly ``floor(amount * size + 0.5)`` go. What is zero already counts, and what was pruned before goes first:
        the same call once more changes nothing, but where units were dropped, which leaves fewer weights to count. Of
        equal magnitudes the first in memory go.
    scope : {"layer", "global"}, default="layer"
        Whether each layer loses this share, or all layers together. For the latter, magnitudes are divided by the root
        of the mean square of their layer's weights that are not zero, and 2 % of each layer stay at least.
    layers : int, "skip" or list of these, optional
        The layers that are pruned: positions in ``coefs_``, and "skip" for ``skip_coef_``. All by default. Tied
        weights are one layer with two positions.
    schedule : {None, "cubic"}, default=None
        With None all weights go at once. With "cubic" they go in the first half of the epochs, after t of T epochs the
        share :math:`s_t = s + (s_0 - s) (1 - t / T)^3`, with :math:`s` the amount and :math:`s_0` what was pruned
        before (Zhu & Gupta); it needs `fine_tune_X`.
    fine_tune_X : {array-like, sparse matrix} of shape (n_samples, n_features), optional
        Rows to train the copy on with the weights that are left; without, nothing is trained.
    fine_tune_epochs : int, default=20
        Number of epochs of that, all together. Those after the last pruning have the `learning_rate` schedule of the
        estimator; ``loss_curve_`` is then theirs.
    drop_dead : bool, default=True
        Whether units are removed that have lost all their weights: those without an atom and, with an activation
        "relu", those that read nothing and have no positive intercept. `n_components` of the copy is the number that is
        left, and a number of active units that was chosen by the number of units is kept as it was.

    Returns
    -------
    pruned : SparseAutoencoder
        Fitted, with dense weights.

    Raises
    ------
    ValueError
        If a parameter is out of its range, if a schedule has no data, if scope="global" would leave less than it must,
        if no unit is left, or if the weights are kept sparse or in few bits.
    TypeError
        If `sae` is something else than a `SparseAutoencoder`.

    See Also
    --------
    compression_report : What was saved, and what it costs.
    quantize : Fewer bits for each weight.

    Notes
    -----
    Where a rule keeps atoms at norm one, the pruned atoms are brought to norm one again, and the factor goes to the
    encoder, so that the same codes up to that factor give the same reconstructions. That is left to the training where
    an activation does not pass a factor on.

    References
    ----------
    S. Han et al., *Learning both Weights and Connections for Efficient Neural Networks*, NeurIPS 2015: the criterion.
    M. Zhu & S. Gupta, *To prune, or not to prune*, 2017, arXiv:1710.01878, equation 1: the schedule.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skl_sae import SparseAutoencoder
    >>> from skl_sae.compression import prune
    >>> X, y = load_digits(return_X_y=True)
    >>> sae = SparseAutoencoder(n_components=64, max_iter=20, random_state=0).fit(X)
    >>> small = prune(sae, 0.5, fine_tune_X=X)
    >>> [int((weights == 0).sum()) for weights in small.coefs_]
    [2048, 2048]
    """
    _check(sae, amount, scope, schedule, fine_tune_X, fine_tune_epochs)
    names = names_of_layers(sae._network.architecture, layers)
    result = deepcopy(sae)
    if fine_tune_X is not None:
        with named("fine_tune_X"):
            result._read(copy(result), fine_tune_X)  # of the same features, in the same order
    rounds = max(1, fine_tune_epochs // 2) if schedule == "cubic" else 1
    first = _share_pruned(result._network, names)
    for t in range(1, rounds + 1):
        share = amount + (first - amount) * (1 - t / rounds) ** 3
        publish(result, pruned(result._network, names, max(share, 0.0), scope))
        if t < rounds:
            one_epoch(result, fine_tune_X)
    if fine_tune_X is not None:
        fine_tune(result, fine_tune_X, fine_tune_epochs - rounds + 1)
    if drop_dead:
        _drop_dead(result)
    return result


def _check(sae, amount, scope, schedule, X, n_epochs):
    if not isinstance(sae, SparseAutoencoder):
        raise TypeError(f"prune takes a fitted SparseAutoencoder, got {type(sae).__name__}.")
    if isinstance(trainable_or_stored(sae, "prune"), StoredNetwork):
        raise ValueError("prune needs dense weights in full precision; call densify() first.")
    if not is_number(amount) or not 0 <= amount < 1:
        raise ValueError(f"Got amount={amount!r}, expected a number in [0, 1): the share of weights to be zero.")
    if not isinstance(scope, str) or scope not in MASKS:
        raise ValueError(f"Got scope={scope!r}, expected one of {list(MASKS)}.")
    if not isinstance(schedule, str | None) or schedule not in SCHEDULES:
        raise ValueError(f"Got schedule={schedule!r}, expected one of {list(SCHEDULES)}.")
    if schedule is not None and X is None:
        raise ValueError(f"schedule={schedule!r} trains between prunings: got fine_tune_X=None, expected data.")
    if not is_count(n_epochs):
        raise ValueError(f"Got fine_tune_epochs={n_epochs!r}, expected an int of at least 1.")


def _share_pruned(network, names):
    """Share of the weights of some layers that an earlier pruning has removed."""
    p, restraint = network.parameters, network.restraint
    if restraint is None or restraint.fixed is None:
        return 0.0
    zero = restraint.fixed & (p.theta == 0)
    n_zero = sum(np.count_nonzero(p.part(zero, name)) for name in names)
    return n_zero / sum(p[name].size for name in names)


def _drop_dead(sae):
    """Remove the units that have no say any more, in place."""
    network = sae._network
    living = living_units(network)
    if living.all():
        return
    n = int(np.count_nonzero(living))
    if n == 0:
        raise ValueError("No unit is left: all have lost their weights. Ask for a smaller amount.")
    rule = rule_for_fewer(network.rule)
    network = without_units(network, rule, living)
    dead_units = sae._dead_units if sae._training is None else sae._training.dead_units
    sae.set_params(n_components=n)
    if fixes_numbers(rule):
        sae.set_params(sparsity=rule_for_fewer(network.rule))
    counts = {"_training": None, "_dead_units": dead_units.only(living)}
    sae._commit(sae, {**attributes_of(network), **counts, "_params": copy_parameters(sae._parameters())})
