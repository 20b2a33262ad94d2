"""The parameters of a fitted network in another one of the same kind, for the scale that the other sees its data on."""

import numpy as np

from .._kernels.norms import row_norms
from .batch_norm import EPSILON

# Rules' own parameters that are measured like activations, and those that are not. Of others nothing is known.
LIKE_ACTIVATIONS = {"threshold", "size", "peak", "magnitude_bias"}
WITHOUT_SCALE = {"gain", "alpha", "active", "first_active", "mean_activation"}
# Activations that may be scaled: act(c a) = c act(a).
SCALABLE = {"relu", "identity"}


def are_alike(network, other):
    """Whether one network can take over all parameters of the other: the layers and the rule are of the same kind."""
    free = {"dtype": None, "positive_decoder": False}
    mine, its = (each.architecture._replace(**free) for each in (network, other))
    same_rule = type(network.rule) is type(other.rule) and network.parameters.own.keys() == other.parameters.own.keys()
    return mine == its and same_rule and network.parameters.shapes() == other.parameters.shapes()


def bring_in(network, other):
    r"""Write the parameters of `other`, so that on the scale of X the network does what that one does.

    With :math:`r = s / s_o` and :math:`\delta = (\mu - \mu_o) / s_o` of the two scalings, the other's input is
    :math:`r x + \delta`: its first weights take r, its first intercept :math:`W \delta`. Its output is brought back
    likewise. Where the activations can be scaled, codes are too, so that the decoder's rows keep their norms: their
    mean one, or each of them where training keeps norms of one. Tied weights cannot take r on both sides: they stay as
    they are, which is exact where r is one number.

    Parameters
    ----------
    network, other : Network
        With known scalings; see `are_alike`.
    """
    p, kind, scaling = network.parameters, network.architecture, network.scaling
    p.theta[:] = other.parameters.theta
    if other.rule.unit_norm and not other.unit_norm:  # rows that were loaded with other norms keep them
        network.unit_norm = False
    ratio = scaling.divisor.astype(np.float64) / other.scaling.divisor
    shift = (scaling.offset.astype(np.float64) - other.scaling.offset) / other.scaling.divisor
    _shift_input(network, shift)
    _restore_output(network, other, ratio, shift)
    if kind.tied:
        _scale_tied(network, ratio)
        return
    p["enc0.weight"][:] *= ratio
    norms = row_norms(p.units.decoder)
    if network.unit_norm and not other.unit_norm:
        norms[:] = 1
    if kind.rescaled:
        p["dec0.weight"][:] /= ratio
    if _can_scale_codes(network):
        _scale_codes(network, norms)


def _shift_input(network, shift):
    """Let the first intercept, or what batch normalisation subtracts, take the difference of the means."""
    p, kind = network.parameters, network.architecture
    change = p["enc0.weight"] @ shift
    if kind.batch_norm:
        p["enc0.norm_mean"][:] -= change
        return
    p["enc0.bias"][:] += change
    if kind.encoder_depth == 1 and "magnitude_bias" in p.own:  # a path of its own, which has no part in that intercept
        p.units.magnitude_bias[:] += np.exp(p.units.gain) * change


def _restore_output(network, other, ratio, shift):
    """The output's intercept, and the path past the code."""
    p, kind = network.parameters, network.architecture
    bias = p["dec0.bias"].astype(np.float64)
    if kind.skip:
        bias += shift @ p["skip.weight"]
        p["skip.weight"][:] *= ratio[:, None] / (ratio if kind.rescaled else 1)
    if kind.centred:
        bias -= shift
    p["dec0.bias"][:] = bias / (ratio if kind.rescaled else 1)


def _can_scale_codes(network):
    return network.architecture.activation in SCALABLE and not (
        network.parameters.own.keys() - LIKE_ACTIVATIONS - WITHOUT_SCALE
    )


def _scale_codes(network, wanted):
    """Scale codes so that the decoder's rows have the norms that are wanted, or their mean square."""
    p, units, kind = network.parameters, network.parameters.units, network.architecture
    norms = row_norms(units.decoder)
    if network.unit_norm:
        factor = np.where((norms > 0) & (wanted > 0), norms / np.where(wanted > 0, wanted, 1), 1)
    else:
        size, size_wanted = (float(np.sqrt(np.square(each, dtype=np.float64).sum())) for each in (norms, wanted))
        factor = np.full(norms.size, size / size_wanted if size > 0 and size_wanted > 0 else 1.0)
    factor = factor.astype(network.dtype)
    units.decoder /= factor[:, None]
    for name in ["norm_gain"] if kind.batch_norm else ["encoder"]:
        getattr(units, name)[:] *= factor.reshape(-1, *(1,) * (getattr(units, name).ndim - 1))
    for name in ["encoder_bias", *(p.own.keys() & LIKE_ACTIVATIONS)]:
        getattr(units, name)[:] *= factor


def _scale_tied(network, ratio):
    """Scale what every layer gives, and leave the weights as they are."""
    p, kind = network.parameters, network.architecture
    hidden = {kind.hidden_activation} if kind.is_deep else set()
    if not kind.rescaled or not _can_scale_codes(network) or hidden - SCALABLE:
        return
    factor = 1 / float(np.sqrt(np.mean(ratio**2)))
    for i in range(kind.encoder_depth):
        for name in ["bias", *(["norm_mean"] if kind.batch_norm else [])]:
            p[f"enc{i}.{name}"][:] *= factor
        if kind.batch_norm:
            gain, variance = p[f"enc{i}.norm_gain"], p[f"enc{i}.norm_variance"]
            gain *= np.sqrt((factor**2 * variance + EPSILON) / (variance + EPSILON))
            variance *= factor**2
        if i > 0:
            p[f"dec{i}.bias"][:] *= factor
    for name in p.own.keys() & LIKE_ACTIVATIONS:
        getattr(p.units, name)[:] *= factor
