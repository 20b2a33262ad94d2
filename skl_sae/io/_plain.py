"""A sparse autoencoder of one layer on each side as plain arrays: what the files of other libraries hold.

All of them compute, with x' = x - b_d where the decoder's bias is subtracted from the input, and x' = x elsewhere,

    a = x' W_e^T + b_e,    f = rule(a),    x_hat = f W_d + b_d  (+ x W_s)

with the weights of a unit in a row of W_e and of W_d, on the scale of the data.
"""

from typing import NamedTuple

import numpy as np
from scipy import sparse

from .._autoencoder import SparseAutoencoder
from .._estimator.fitted import attributes_of
from .._kernels.norms import row_norms
from .._model.network import Network
from .._training.dead_units import DeadUnits
from ..sparsity import L1, AbsTopK, Gated, JumpReLU, TopK
from ..sparsity._batch_topk import Threshold
from ..sparsity._gated import GatedCode
from ._errors import ModelFileError

# Units that are copied at once.
BLOCK = 64
# Size of a training step relative to the weights: about that of models that are trained here.
STEP = 0.01
# How far the square of a norm of one may be from it, by rounding.
ALMOST_ONE = 1e-3
# Size of a unit's activations relative to its threshold, and the largest of them relative to their size: a guess.
SIZE, PEAK = 2.0, 4.0


class PlainSAE(NamedTuple):
    """Arrays of a sparse autoencoder.

    Parameters
    ----------
    kind : {"standard", "topk", "abstopk", "jumprelu", "gated"}
        The rule: relu; the k largest, or largest in size; what exceeds a threshold; a gate.
    encoder, decoder : ndarray of shape (n_units, n_features)
    encoder_bias : ndarray of shape (n_units,)
        Of a gated one, that of the gate.
    bias : ndarray of shape (n_features,)
    centred : bool
        Whether the bias is subtracted from the input.
    tied : bool
        Whether the decoder is the encoder.
    k : int or None
    threshold : ndarray of shape (n_units,) or None
    gain, magnitude_bias : ndarray of shape (n_units,) or None
        Of a gated one: the logarithm of the factor between the two paths, and the bias of the magnitudes.
    skip : ndarray of shape (n_features, n_features) or None
        The path past the code, with inputs on the first axis.
    """

    kind: str
    encoder: np.ndarray
    encoder_bias: np.ndarray
    decoder: np.ndarray
    bias: np.ndarray
    centred: bool = True
    tied: bool = False
    k: int | None = None
    threshold: np.ndarray | None = None
    gain: np.ndarray | None = None
    magnitude_bias: np.ndarray | None = None
    skip: np.ndarray | None = None

    @property
    def has_unit_rows(self):
        """Whether the decoder's rows have norm one, so that training can keep it."""
        dtype = np.result_type(self.decoder, np.float32)
        squares = np.einsum("ij,ij->i", self.decoder, self.decoder, dtype=dtype)
        return bool(np.allclose(squares, 1, rtol=0, atol=ALMOST_ONE))


#: The rule that each kind is loaded as, and the rule's own parameters by the names of the record.
RULES = {
    "standard": (lambda plain: L1(norm_aware=not plain.has_unit_rows), ()),
    "topk": (lambda plain: TopK(plain.k), ()),
    "abstopk": (lambda plain: AbsTopK(plain.k), ()),
    "jumprelu": (lambda plain: JumpReLU(), ("threshold",)),
    "gated": (lambda plain: Gated(), ("gain", "magnitude_bias")),
}


@np.errstate(all="ignore")  # what becomes infinite is refused
def to_estimator(plain, source):
    """A fitted estimator with these numbers.

    Codes are given, and data is read, on the scale that the arrays have: `scale` is False.

    Parameters
    ----------
    plain : PlainSAE
    source : path
        Where they come from, for errors.

    Returns
    -------
    sae : SparseAutoencoder
    """
    _check(plain, source)
    n_units, n_features = plain.encoder.shape
    dtype = np.result_type(*(each.dtype for each in (plain.encoder, plain.decoder)), np.float32)
    make_rule, own = RULES[plain.kind]
    options = {"tied_weights": plain.tied, "skip": plain.skip is not None, "scale": False}
    sae = SparseAutoencoder(n_units, sparsity=make_rule(plain), **options)
    network = Network(*sae._design(n_features, dtype))
    network.unit_norm = network.unit_norm and plain.has_unit_rows  # else the first step would change what codes mean
    _fill(network, plain, own)
    if not all(np.isfinite(array).all() for array in (network.parameters.theta, network.scaling.offset)):
        raise ModelFileError(f"{source} has values that are not finite numbers in {dtype}.")
    sae.learning_rate_init = _learning_rate(network.parameters.units)
    vars(sae).update(_fitted(network, n_features), _params=sae._parameters())
    return sae


def _fill(network, plain, own):
    """Write the arrays into a network; `own` are the names of those of its rule."""
    units, p, scaling = network.parameters.units, network.parameters, network.scaling
    for first in range(0, len(plain.encoder), BLOCK):  # in blocks because files have it transposed
        units.encoder[first : first + BLOCK] = plain.encoder[first : first + BLOCK]
    arrays = {"encoder_bias": plain.encoder_bias, **({} if plain.tied else {"decoder": plain.decoder})}
    for name, array in [*arrays.items(), *((name, getattr(plain, name)) for name in own)]:
        getattr(units, name)[...] = array
    if plain.kind == "jumprelu":
        _guess_activations(units)
    scaling.fill, scaling.observed = plain.bias.astype(network.dtype), np.ones(scaling.fill.size)
    if plain.centred:  # the decoder's bias is the offset, which is added again at the end
        scaling.offset = scaling.fill
    else:
        p["dec0.bias"][...] = plain.bias
    if plain.skip is not None:
        p["skip.weight"][...] = plain.skip
        if plain.centred:
            p["dec0.bias"][...] = plain.bias.astype(np.float64) @ plain.skip
    scaling.measured = True


def _learning_rate(units):
    """A share of the smaller one of both matrices' root mean squares, so that steps are small beside the weights.

    What "auto" means is for networks that see scaled data.
    """
    sizes = [float(np.linalg.norm(weights)) / weights.size**0.5 for weights in (units.encoder, units.decoder)]
    rate = STEP * min(sizes)
    return rate if 0 < rate < np.inf else "auto"


def _guess_activations(units):
    """What the rule remembers of activations and files do not have, such that training leaves the thresholds at first.

    A threshold is kept below the largest activation that is remembered, and its gradient comes from a window that is a
    share of the activations' size: where they are guessed too small, they grow within some steps.
    """
    np.maximum(units.threshold, 0, out=units.threshold)  # below zero it does nothing
    positive = units.threshold > 0
    others = units.threshold[positive].mean() if positive.any() else row_norms(units.encoder)
    units.size[:] = SIZE * np.where(positive, units.threshold, others)
    units.peak[:] = PEAK * units.size


def _fitted(network, n_features):
    """The attributes of a model that was not fitted here."""
    curves = {"loss_curve_": [], "auxiliary_loss_curve_": [], "pretrain_loss_curves_": None, "validation_scores_": None}
    numbers = {"loss_": np.nan, "n_iter_": 0, "n_steps_": 0, "dead_fraction_": np.nan, "n_features_in_": n_features}
    dead_units = DeadUnits(network.architecture.n_units)
    return {**attributes_of(network), **curves, **numbers, "_training": None, "_dead_units": dead_units}


def _check(plain, source):
    """Raise unless shapes and types belong together."""
    if plain.encoder.ndim != 2 or 0 in plain.encoder.shape:
        raise ModelFileError(
            f"{source}: the encoder has the shape {plain.encoder.shape}, expected two axes, not empty."
        )
    n_units, n_features = plain.encoder.shape
    shapes = {
        **dict.fromkeys(("encoder_bias", "threshold", "gain", "magnitude_bias"), (n_units,)),
        **{"decoder": (n_units, n_features), "bias": (n_features,), "skip": (n_features, n_features)},
    }
    for name, shape in shapes.items():
        array = getattr(plain, name)
        if array is not None and array.shape != shape:
            raise ModelFileError(f"{source}: {name} has the shape {array.shape}, expected {shape}.")
    for name in ["encoder", *shapes]:
        array = getattr(plain, name)
        if array is not None and (array.dtype.kind != "f" or array.itemsize > 8):
            raise ModelFileError(f"{source}: {name} has the type {array.dtype}, expected floating-point numbers.")
    if plain.kind in ("topk", "abstopk") and not (type(plain.k) is int and 1 <= plain.k <= n_units):
        raise ModelFileError(f"{source}: got k={str(plain.k)[:30]}, expected a whole number from 1 to {n_units}.")


def from_estimator(sae, format):
    """The numbers of a fitted estimator, in double precision, on the scale of the data and of its codes.

    The bias is subtracted from the input: so large means cost no digits.

    Parameters
    ----------
    sae : SparseAutoencoder
        Fitted.
    format : str
        For errors.

    Returns
    -------
    plain : PlainSAE

    Raises
    ------
    ValueError
        If it has more than such a record can say.
    """
    network = sae._fitted("coefs_")
    kind, scaling, p = network.architecture, network.scaling, network.parameters
    rule = network.rule.deployed()
    reasons = {
        "hidden layers": kind.is_deep,
        f"output_activation={kind.output_activation!r}": kind.output_activation != "identity",
        f"weights of its own as a {type(sae).__name__}": bool(p.further),
    }
    for reason, holds in reasons.items():
        if holds:
            raise ValueError(f"Files of the format {format!r} cannot hold a model with {reason}: use 'skl_sae'.")
    weights = [sparse.csr_array(each).toarray() if sparse.issparse(each) else each for each in network.coefs()]
    encoder, decoder = (each.astype(np.float64) for each in weights)
    bias = network.intercepts()[-1].astype(np.float64)
    skip = None if not kind.skip else network.skip_coef().astype(np.float64)
    offset = scaling.offset.astype(np.float64)
    shift = (bias - offset) @ encoder  # of the pre-activations, because another vector is subtracted
    (_, encoder_bias), unit = network.encoder()[-1], scaling.code_scale
    own = _of_rule(network, rule, encoder_bias, shift, format)
    arrays = {"encoder": encoder.T, "encoder_bias": encoder_bias / unit + shift, "decoder": decoder, "bias": bias}
    return PlainSAE(**own, **arrays, tied=np.array_equal(encoder.T, decoder), skip=skip)


def _of_rule(network, rule, encoder_bias, shift, format):
    """The kind of a deployed rule, and what it knows of each unit, on the scale of the codes.

    Magnitudes of gates are made of pre-activations without the gate's own bias, which is less than `encoder_bias` where
    a batch normalisation is folded in.
    """
    units, unit, activation = network.parameters.units, network.scaling.code_scale, network.architecture.activation
    if isinstance(rule, AbsTopK) and activation == "identity":
        return {"kind": "abstopk", "k": rule.k_}
    if type(rule) is TopK and activation == "relu":
        return {"kind": "topk", "k": rule.k_}
    if type(rule) is Threshold and activation == "relu":
        return {"kind": "jumprelu", "threshold": units.threshold.astype(np.float64) / unit}
    if type(rule) is GatedCode:
        gain, bias = units.gain.astype(np.float64), units.magnitude_bias.astype(np.float64)
        folded = encoder_bias.astype(np.float64) - units.encoder_bias
        return {"kind": "gated", "gain": gain, "magnitude_bias": bias / unit + np.exp(gain) * (shift + folded / unit)}
    if not rule.overrides("encode") and activation == "relu":
        return {"kind": "standard"}
    raise ValueError(
        f"Files of the format {format!r} know codes of a relu, of the largest pre-activations, of thresholds and of "
        f"gates: got {network.rule!r} with activation={activation!r}. Use the format 'skl_sae'."
    )
