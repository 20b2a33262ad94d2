"""What is set when the steps are done: by hooks of the rule, and the factor that undoes the shrinkage of a penalty."""

import warnings

import numpy as np

from .._kernels.blas import single_threaded_blas
from .._model import inference

# Rows, evenly spaced, that the factor is found from, at most.
ROWS = 4096


def calibrate(network, hook, rows, trained_on):
    """Let a hook of the rule, `after_fit` or `after_chunk`, set what it needs from the rows as a whole.

    After a fit with a penalty that makes codes too small they are enlarged, and the output's intercept follows: that is
    learning, and done on the rows of the training.
    """
    if network.restraint is None:
        _calibrate(network, hook, rows, trained_on)
    else:
        network.restraint.keep(network.parameters.theta, lambda: _calibrate(network, hook, rows, trained_on))


def _calibrate(network, hook, rows, trained_on):
    rule, restraint = network.rule, network.restraint
    if rule.overrides(hook):
        with single_threaded_blas():
            getattr(rule, hook)(lambda: inference.pre_activations(network, rows), network.parameters.units)
    one_factor = restraint is None or not restraint.holds_numbers(network.parameters.theta)
    if hook == "after_fit" and rule.shrinks and one_factor:
        undo_shrinkage(network, trained_on)


def as_after_fit(network, rows, trained_on):
    """The network as it would be if the fit ended now, for a rule that `calibrates`; else the network itself."""
    if not network.rule.calibrates:
        return network
    network = network.copy()
    with warnings.catch_warnings():  # of targets that are missed: the end of the fit tells
        warnings.simplefilter("ignore")
        calibrate(network, "after_fit", rows, trained_on)
    return network


def undo_shrinkage(network, rows):
    """Enlarge the codes by the factor at which the reconstruction has the least squared error, about its mean.

    With P the reconstructions without intercept, :math:`c = \\mathrm{cov}(X, P) / \\mathrm{var}(P)`, summed over the
    features, is a factor on encoder and threshold of a relu code, and the output's intercept follows the means. Where
    the decoder has hidden layers, shares the encoder's weights or is not alone, the code stays as it is; and where it
    is made of more than the encoder's layers, or the target is not the data.
    """
    kind = network.architecture
    if network.parameters.further or rows.target is not None:
        return
    if kind.decoder_depth > 1 or kind.tied or kind.skip or not kind.centred or kind.activation != "relu":
        return
    mean_x, mean_p, factor, seen = _regression(network, rows)
    if not 1 < factor < np.inf:
        return
    units, names = network.parameters.units, ["encoder", "encoder_bias", "threshold"]
    if kind.batch_norm:
        names[0] = "norm_gain"  # normalised pre-activations do not depend on the size of the weights
    for name in names:
        getattr(units, name)[:] *= factor
    network.parameters["dec0.bias"][seen] = (mean_x - factor * mean_p)[seen]


def _regression(network, rows):
    """Means of observed values and of their reconstructions without intercept, the factor, and the features seen."""
    n = network.architecture.n_features
    count, sums, products = np.zeros(n), np.zeros((2, n)), np.zeros((2, n))
    for x, p in inference.decoded_codes(network, rows.sample(ROWS)):
        seen = ~np.isnan(x)
        x, p = np.where(seen, x, 0).astype(np.float64), np.where(seen, p, 0).astype(np.float64)
        count += seen.sum(axis=0)
        sums += x.sum(axis=0), p.sum(axis=0)
        products += np.einsum("ij,ij->j", x, p), np.einsum("ij,ij->j", p, p)
    mean_x, mean_p = sums / np.maximum(count, 1)
    with np.errstate(all="ignore"):
        covariance, variance = (products - np.stack([mean_x, mean_p]) * mean_p * count).sum(axis=1)
        return mean_x, mean_p, covariance / variance, count > 0
