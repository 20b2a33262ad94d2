"""The fitted state of an estimator: replaced at once, by one thread at a time, pickled with a version, read-only."""

import os
from threading import RLock

from scipy import sparse
from sklearn.exceptions import InconsistentVersionWarning

from .._kernels.memory import read_only
from .._parameters import ReadThrough
from .._version import __version__
from .._warning import warn
from .curves import as_list
from .output import unwritable


class FittedStateMixin:
    """Keeps the fitted attributes, and makes those that are views of the network on demand.

    ``_network`` is what `transform` and its like read. Training works on a network of its own and hands it over when
    it is done, so a reader in another thread, or after an error, sees a whole model.
    """

    loss_curve_ = ReadThrough("loss_curve_", as_list)
    auxiliary_loss_curve_ = ReadThrough("auxiliary_loss_curve_", as_list)
    validation_scores_ = ReadThrough("validation_scores_", as_list)

    def _training_lock(self):
        """Lock for whoever trains; of this process, since a fork may have copied one that nobody will release."""
        return vars(self).setdefault(f"_lock_{os.getpid()}", RLock())

    def _copy_for_features(self):
        """What scikit-learn's validation may write the features to that it sees, before the fit has succeeded."""
        other = object.__new__(type(self))
        vars(other).update(vars(self))
        return other

    def _commit(self, seen, fitted):
        """Replace the fitted state, with the features seen by such a copy. One assignment: nothing can interrupt it."""
        state = {name: value for name, value in vars(self).items() if name != "feature_names_in_"}
        features = ("n_features_in_", "feature_names_in_")
        state.update({name: value for name, value in vars(seen).items() if name in features})
        self.__dict__ = {**state, **fitted}

    def __getstate__(self):
        """The model as it is published: what another thread, or an interrupted call, has begun is left out."""
        while True:
            state = dict(super().__getstate__())
            training = state.get("_training")
            if training is None:
                break
            state["_training"] = training.as_of(state["_network"])
            if state["_training"] is not None and vars(self)["_network"] is state["_network"]:
                break
        state = {name: as_list(value) for name, value in state.items() if not name.startswith("_lock_")}
        return {**state, "_skl_sae_version": __version__}

    def __setstate__(self, state):
        state = dict(state)
        version = state.pop("_skl_sae_version", "unknown")
        if version != __version__:
            versions = {"current_sklearn_version": __version__, "original_sklearn_version": version}
            warn(InconsistentVersionWarning(estimator_name=type(self).__name__, **versions))
        super().__setstate__(state)

    def __sklearn_is_fitted__(self):
        return "_network" in vars(self)

    # attributes that are made on demand

    @property
    def coefs_(self):
        return [unwritable(weights) for weights in self._fitted("coefs_").coefs()]

    @property
    def intercepts_(self):
        return [read_only(array) for array in self._fitted("intercepts_").intercepts()]

    @property
    def intercept_(self):
        return read_only(self._fitted("intercept_").intercepts()[-1])

    @property
    def components_(self):
        network = self._fitted("components_")
        if network.architecture.decoder_depth > 1:
            raise AttributeError("components_ exists only for a decoder of a single layer; see coefs_.")
        atoms = network.coefs()[-1]
        return read_only(atoms.toarray() if sparse.issparse(atoms) else atoms)

    @property
    def skip_coef_(self):
        network = self._fitted("skip_coef_")
        if not network.architecture.skip:
            raise AttributeError("skip_coef_ exists only with skip=True.")
        return read_only(network.skip_coef())

    @property
    def _n_features_out(self):
        return self._network.architecture.n_units

    def _fitted(self, name):
        if "_network" not in vars(self):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r} before fit.")
        return self._network


def fitted_attributes(training, network, recent_rows, loss_curve, auxiliary_loss_curve):
    """Those of a training and of the network that it has made, by name."""
    return {
        **attributes_of(network),
        "loss_": loss_curve[-1],
        "loss_curve_": loss_curve,
        "auxiliary_loss_curve_": auxiliary_loss_curve,
        "n_steps_": training.n_steps,
        "dead_fraction_": training.dead_units.share(recent_rows),
        "_params": training.params,
    }


def attributes_of(network):
    """The attributes that a network has by itself, by name."""
    network.rule.publish(network.parameters.units, network.scaling.code_scale)
    return {
        "_network": network,
        "sparsity_": network.rule,
        "activation_": network.architecture.activation,
        "mean_": read_only(network.scaling.offset.copy()),
        "scale_": network.scaling.public,
        "code_scale_": network.scaling.code_scale,
    }
