"""The network: its parameters, and the forward pass of a tile of rows.

Everything is (rows, width), and a pass works on a tile of rows, so that training and inference share it and tiles can
go to threads. A network sees data on a scale of its own; see `scaling`.
"""

from copy import copy, deepcopy

import numpy as np
from scipy import sparse

from .._kernels.products import multiply, multiply_rows_t
from .._kernels.reductions import all_finite
from . import batch_norm
from .activations import ACTIVATIONS
from .codes import DenseCode
from .context import StepContext
from .losses import LOSSES
from .parameters import Parameters
from .scaling import Scaling
from .sparse_rows import SparseRows

# What is said where a number that comes out is not finite.
TOO_LARGE = "Values of X are too large for this network:"
REMEDY = (
    "Look for outliers, write NaN instead of a number that marks what is missing, or fit on data that has such values."
)


class Network:
    """Layers, rule, parameters and scaling of one autoencoder.

    Parameters
    ----------
    architecture : Architecture
    rule : BaseSparsity
        Initialized here; owned by the network.

    Attributes
    ----------
    parameters : Parameters
    scaling : Scaling
    frozen : frozenset of str
        Names of parameters that training leaves as they are.
    restraint : Restraint or None
        Entries of parameters that it leaves as they are, or pulls back.
    """

    frozen, restraint = frozenset(), None
    #: Parameters of the estimator that decide on shapes, in the words of an error.
    shaped_by = "n_components, the layer sizes, tied_weights, batch_norm, skip"

    def __init__(self, architecture, rule):
        self.architecture, self.rule = architecture, rule
        own = rule.initialize(architecture.n_units, architecture.activation)
        #: whether training keeps the decoder's rows at norm one; with tied weights, a code cannot shrink while the
        #: decoder grows, so that nothing need be kept
        self.unit_norm = rule.unit_norm and not architecture.tied
        self.parameters, self.scaling = Parameters(architecture, own, self.further()), Scaling(architecture)

    dtype = property(lambda self: self.architecture.dtype)

    def further(self):
        """Names and shapes of what a network of another kind has besides its layers; see `Parameters`."""
        return {}

    def copy(self):
        """A network of its own parameters, rule and scaling."""
        other = copy(self)
        other.parameters, other.rule, other.scaling = self.parameters.copy(), deepcopy(self.rule), copy(self.scaling)
        return other

    def assert_trains(self, how):
        """Raise where training cannot go on from this network; `how`, in the words of an error."""

    def go_on_from(self, other, how):
        """Take over the parameters of a network of the same shapes, and its scaling."""
        mine, its = self.parameters.shapes(), other.parameters.shapes()
        if mine != its:
            name = next(n for n in [*mine, *its] if mine.get(n) != its.get(n))
            raise ValueError(
                f"{how} needs the shapes of the last fit: {name} was {its.get(name)}, now {mine.get(name)}. "
                f"Leave {self.shaped_by} and the rule as they were, or start anew: fit with warm_start=False."
            )
        self.parameters.theta[:] = other.parameters.theta
        self.scaling = other.scaling.of(self.architecture)
        if other.rule.unit_norm and not other.unit_norm:  # rows that were loaded with other norms keep them
            self.unit_norm = False
        self.restraint = other.restraint and other.restraint.of(self.dtype)

    # the parameters on the scale of the data

    def coefs(self):
        """Weights (fan_in, fan_out) from the data to the code and back, on the scale of the data."""
        p, kind, scaling = self.parameters, self.architecture, self.scaling
        weights = [weight.T.copy() for weight, _ in self.encoder()]
        weights += [p[f"dec{i}.weight"].copy() for i in reversed(range(kind.decoder_depth))]
        of_features = weights[0].T
        of_features /= scaling.divisor
        weights[kind.encoder_depth - 1] /= scaling.code_scale
        weights[kind.encoder_depth] *= scaling.code_scale
        if kind.rescaled:
            weights[-1] *= scaling.output_divisor
        return weights

    def intercepts(self):
        """Intercepts that belong to `coefs`."""
        p, kind, scaling, layers = self.parameters, self.architecture, self.scaling, self.encoder()
        biases = [bias.copy() for _, bias in layers]
        biases += [p[f"dec{i}.bias"].copy() for i in reversed(range(kind.decoder_depth))]
        biases[0] -= layers[0][0] @ (scaling.offset / scaling.divisor)
        biases[kind.encoder_depth - 1] /= scaling.code_scale
        scaling.restore(biases[-1])
        if kind.skip:
            biases[-1] -= scaling.offset @ self.skip_coef()
        return biases

    def skip_coef(self):
        """Weights (n_features, n_features) of the path past the code, on the scale of the data."""
        weight, divisor = self.parameters["skip.weight"].copy(), self.scaling.divisor
        weight /= divisor[:, None]
        if self.architecture.rescaled:
            weight *= divisor
        return weight

    def has_finite_coefs(self):
        """Whether `coefs` and `intercepts` are finite. Mostly a bound on their size tells, without making them."""
        if not self.architecture.batch_norm:
            scaling, theta = self.scaling, self.parameters.theta
            factor = max(scaling.divisor.max(), 1 / scaling.divisor.min())
            factor *= max(scaling.code_scale, 1 / scaling.code_scale)
            largest = float(np.sqrt(theta @ theta)) * (1 + abs(scaling.offset).sum(dtype=np.float64))
            if largest * factor < np.finfo(self.dtype).max:
                return True
        return all(np.isfinite(array).all() for array in [*self.coefs(), *self.intercepts()])

    def has_bounded_codes(self):
        """Whether the codes of all rows whose squares are finite are finite, too, as bounds on the parameters tell."""
        largest = float(np.finfo(self.dtype).max)
        with np.errstate(all="ignore"):
            norm = self.largest_pre_activations(np.sqrt(largest))
            if not norm < largest:
                return False
            extremes = np.outer([1, -1], np.full(self.architecture.n_units, norm)).astype(self.dtype)
            context = StepContext(self.architecture.activation)
            values = self.rule.deployed().encode(extremes, self.parameters.units, context)[0].values
            return all_finite(values / self.dtype.type(self.scaling.code_scale))

    def largest_pre_activations(self, norm):
        """A bound on the norm of the pre-activations of the code, for inputs of a norm up to this one."""
        for weight, bias in self.encoder():  # the values of a sigmoid are at most 1, those of the others shrink
            norm = np.linalg.norm(weight) * norm + np.linalg.norm(bias) + np.sqrt(bias.size)
        return norm

    # training, a tile of rows

    def decode_hidden(self, u, values=None, outputs=None):
        """From the first decoder layer's output `u` to the output layer's pre-activations.

        `values` receives the value of each hidden layer, and `outputs` what each layer but the first gives; without
        them `u` is overwritten.
        """
        for i in range(self.architecture.decoder_depth - 1, 0, -1):
            t, out = (u, None) if values is None else (values[i - 1], outputs[i - 1])
            ACTIVATIONS[self.architecture.hidden_activation].forward(u, t)
            u = multiply(t, self.parameters[f"dec{i - 1}.weight"], out, self.parameters[f"dec{i - 1}.bias"])
        return u

    def add_skip(self, x, u):
        """Add what the path past the code makes of the inputs `x` to the output layer's pre-activations."""
        multiply(x, self.parameters["skip.weight"], u, u)

    def loss(self, u, target, weight, value):
        """Weighted loss of a tile, to an array of one number; `u` becomes its gradient."""
        LOSSES[self.architecture.loss](u, target, weight, self.architecture.output_activation, value)

    # inference, a tile of rows

    def encoder(self):
        """Weights (inner, outer) and bias of each encoder layer, with batch normalisation folded in."""
        p, layers = self.parameters, []
        for i in range(self.architecture.encoder_depth):
            weight, bias = p[f"enc{i}.weight"], p[f"enc{i}.bias"]
            if self.architecture.batch_norm:
                factor = batch_norm.factor(p[f"enc{i}.norm_gain"], p[f"enc{i}.norm_variance"])
                weight, bias = weight * factor[:, None], bias - factor * p[f"enc{i}.norm_mean"]
            layers.append((weight, bias))
        return layers

    def pre_activations(self, x, layers):
        """Pre-activations at the last of some `layers` of the encoder, of a tile of rows from `Scaling.inputs`."""
        for i, (weight, bias) in enumerate(layers):
            if i:
                ACTIVATIONS[self.architecture.hidden_activation].forward(x)
            x = self.project(x, weight, bias)
        if not all_finite(x):
            raise ValueError(f"{TOO_LARGE} the sums of the encoder are not finite in {self.dtype}. {REMEDY}")
        return x

    def project(self, x, weight, bias):
        """``x @ weight.T + bias``, with the same bits for a row whatever rows are beside it."""
        return x.multiply_t(weight, bias) if isinstance(x, SparseRows) else multiply_rows_t(x, weight, bias)

    def encode(self, x, rule, layers):
        """Code of such a tile under a deployed rule, on the network's own scale."""
        context = StepContext(self.architecture.activation)
        code = rule.encode(self.pre_activations(x, layers), self.parameters.units, context)[0]
        self._assert_finite_codes(code.values)
        return code

    def give(self, values):
        """Bring values of codes, in place, from the network's own scale to the one that codes are given on."""
        if self.scaling.code_scale != 1:
            values /= self.dtype.type(self.scaling.code_scale)
            self._assert_finite_codes(values)

    def _assert_finite_codes(self, values):
        if not all_finite(values):
            raise ValueError(f"{TOO_LARGE} the codes are not finite in {self.dtype}. {REMEDY}")

    def decode(self, code):
        """Reconstruction of a tile of codes as `transform` gives them: an array or CSR."""
        if sparse.issparse(code):
            u = code @ self.parameters.units.decoder
        else:
            u = self.decode_units(DenseCode(code).compact())
        u *= self.dtype.type(self.scaling.code_scale)
        return self.outputs(u)

    def decode_units(self, code):
        """The decoded code, without bias: the weights of the units next to the code, times their values."""
        decoder = self.parameters.units.decoder
        u = np.zeros((len(code.values), decoder.shape[1]), self.dtype)
        code.decode(decoder, 0, len(decoder), u)
        return u

    def outputs(self, u, x=None):
        """From the decoded code, without bias, to the reconstruction on the scale of the data.

        `x` are the inputs behind the code, for the path past it.
        """
        kind = self.architecture
        u += self.parameters[f"dec{kind.decoder_depth - 1}.bias"]
        u = self.decode_hidden(u)
        if kind.skip:
            self.add_skip(x, u)
        ACTIVATIONS[kind.output_activation].forward(u)
        self.scaling.restore(u)
        if not all_finite(u):
            raise ValueError(
                f"The reconstruction is not finite in {self.dtype}: the codes, or the values of X behind them, are too "
                "large for this network. Expected codes of the size that transform gives for data like the training's."
            )
        return u
