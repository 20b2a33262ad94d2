"""Training of a copy that goes on between and after prunings, with parameters of its own for that while."""

from contextlib import contextmanager

from .._estimator.checks import copy_parameters
from .._estimator.fitted import attributes_of

# Parameters while a copy is trained on: all rows teach it, from where it is.
MEANWHILE = {"warm_start": True, "early_stopping": False, "pretrain": None}


@contextmanager
def _parameters(sae, **meanwhile):
    """Set parameters of an estimator for a while; what it was fitted with is then what it had before."""
    before = {name: getattr(sae, name) for name in meanwhile}
    sae.set_params(**meanwhile)
    try:
        yield
    finally:
        sae.set_params(**before)
        sae._params = copy_parameters(sae._parameters())


def fine_tune(sae, X, n_epochs):
    """Train on for some epochs, with the schedule of the learning rate that the estimator has."""
    names = getattr(sae, "feature_names_in_", None)
    with _parameters(sae, **MEANWHILE, max_iter=n_epochs):
        sae.fit(X)
    if names is not None:
        sae.feature_names_in_ = names  # the rows may come without
    if not sae.warm_start:
        sae._commit(sae, {"_training": None})  # the moments are of use only where a fit goes on


def one_epoch(sae, X):
    """Train on for an epoch, at a constant learning rate."""
    with _parameters(sae, **MEANWHILE):
        sae.partial_fit(X)


def publish(sae, network):
    """Make a network of the same shapes that of an estimator, whose training goes on with it."""
    before, training = sae._network, sae._training
    if training is not None:
        training = training.go_on(before, network.copy(), training.params)
    sae._commit(sae, {**attributes_of(network), "_training": training})
