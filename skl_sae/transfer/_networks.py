"""Transfer from a fitted autoencoder: its network goes on with other data, under a restraint."""

import numpy as np

from .._estimator.data_checks import check_size
from .._estimator.fitted import attributes_of
from .._model.restraint import Restraint
from .._model.units import find_units
from .._training.dead_units import DeadUnits
from ._layers import anchor_of, mask_of, names_of
from ._source import copy_of
from ._wider import widened


class NetworkTransfer:
    """What a `SparseAutoencoder` can take to other data, or one that is derived from it.

    Parameters
    ----------
    source : SparseAutoencoder
        Fitted.
    options : SparseTransfer
    """

    def __init__(self, source, options):
        self.source, self.options = source, options

    @property
    def dtype(self):
        """Of the codes, where nothing is learned; None before the fit of the source."""
        network = vars(self.source).get("_network")
        return None if network is None else network.dtype

    def frozen(self, X):
        """An estimator that encodes as the source does, with a mean and a scale of its own if that is asked for."""
        estimator = copy_of(self.source)
        if self.options.recenter:
            network = estimator._network.copy()
            rows = estimator._read_to_learn(estimator, X, dtype=network.dtype)
            _measure(network.scaling, rows, getattr(estimator, "_is_centred", True))
            vars(estimator).update(attributes_of(network))
        return estimator

    def begin(self, estimator, X):
        """The same, made ready to go on with data when it is fitted."""
        o, network = self.options, estimator._network.copy()
        network.assert_trains(f"mode={o.mode!r}")
        names = "learning_rate_init", "max_iter", "batch_size"
        given = {name: getattr(o, name) for name in names if getattr(o, name) is not None}
        estimator.set_params(warm_start=True, random_state=o.random_state, verbose=o.verbose, **given)
        if o.mode == "extend":
            network, fixed = widened(estimator, network, X, o._n_new(network.architecture.n_units), o.random_state)
        else:
            fixed = network.restraint and network.restraint.fixed  # what was pruned
            if o.freeze is not None:
                names = names_of(network, o.freeze)
                _assert_stays(names, o.freeze)
                mask = mask_of(network.parameters, names)
                fixed = mask if fixed is None else fixed | mask
        network.scaling.measured = True  # a scale that constant data has given is kept, too
        strength = o.l2_sp if o.mode == "finetune" else 0.0
        network.restraint = Restraint(fixed, anchor_of(network.parameters), strength)
        dead_units = DeadUnits(network.architecture.n_units)
        vars(estimator).update(attributes_of(network), _training=None, _dead_units=dead_units)
        return estimator

    def learn(self, estimator, method, X, y):
        """Fit it by a method of its own. What is fixed stays, whatever a rule does, and so does the scale of codes."""
        before = estimator._network
        getattr(estimator, method)(X, y)
        network, training = estimator._network.copy(), estimator._training
        fixed = network.restraint.fixed
        for each in filter(None, [network, training and training.network]):  # what the next chunk goes on from, too
            if fixed is not None:
                each.parameters.theta[fixed] = before.parameters.theta[fixed]
            if not each.scaling.codes_like_data:
                each.scaling.code_scale = before.scaling.code_scale
        vars(estimator).update(attributes_of(network))

    def score(self, estimator, X, y):
        """Explained variance."""
        return estimator.score(X, y)


def _assert_stays(names, freeze):
    """Raise where training would see frozen layers as they are not."""
    if any(name.endswith("norm_mean") for name in names):
        raise ValueError(
            f"Got freeze={freeze!r}, layers of the encoder, and a source with batch_norm=True, which training "
            "normalises anew by each batch: expected a source with batch_norm=False, or layers of the decoder."
        )


def _measure(scaling, rows, centred):
    """Take mean and scale from other rows, of the same kind as before."""
    mean, variance, count = rows.moments()
    check_size(rows, mean, variance, None)
    units = find_units(rows, mean, variance) if scaling.kind == "features" else None
    scaling.measure(mean, variance, scaling.kind, units)
    if not centred:
        scaling.offset = np.zeros_like(scaling.offset)
    scaling.observe(mean, count, anew=True)
    if not scaling.keeps_missing:  # networks that see what is missing read dense rows
        scaling.look_at_density(rows)
    if scaling.codes_like_data:
        scaling.set_code_scale(1.0, 0)
