"""The network: its parameters, and the forward pass of a tile of rows.

A network sees data in its own units: ``(x - offset) / scale`` (see `Units of the data` in the class docstring of
`SparseAutoencoder`). Everything is (rows, width), and a pass works on a tile of rows, so that training and inference
share it and tiles can go to threads.
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
from .sparse_rows import WORTH_IT, SparseRows

# What is said where a number that comes out is not finite.
TOO_LARGE = "Values of X are too large for this network:"
REMEDY = (
    "Look for outliers, write NaN instead of a number that marks what is missing, or fit on data that has such values."
)
# Rows that the running mean behind the unit of the codes goes back, about.
CODE_ROWS = 1000


class Network:
    """Layers, activations, loss and rule of one autoencoder.

    Parameters
    ----------
    encoder_sizes, decoder_sizes : tuple of int
        Widths from the data to the code, both included.
    activation, hidden_activation, output_activation, loss : str
    rule : BaseSparsity
        Started here; owned by the network.
    tied : bool
    dtype : dtype
    batch_norm : bool
        Whether the pre-activations of the encoder's layers are normalised.
    """

    def __init__(
        self,
        encoder_sizes,
        decoder_sizes,
        activation,
        hidden_activation,
        output_activation,
        loss,
        rule,
        tied,
        dtype,
        batch_norm=False,
    ):
        self.activation, self.hidden_activation = activation, hidden_activation
        self.output_activation, self.loss_name = output_activation, loss
        self.rule = rule
        own = rule.initialize(encoder_sizes[-1], activation)
        self.unit_norm = rule.unit_norm and not tied  # tying already denies the escape through scale
        self.parameters = Parameters(encoder_sizes, decoder_sizes, tied, own, dtype, batch_norm)
        self.offset, self.scale, self.scaled = np.zeros(encoder_sizes[0], dtype), 1.0, False
        self.fill, self.observed = self.offset, np.zeros(encoder_sizes[0])
        #: whether the units of the data come from data with some variance, and whether its rows are few numbers among
        #: zeros; codes are given in units of `code_scale`, known from about `code_rows` rows
        self.measured, self.reads_sparse, self.code_scale, self.code_rows = False, False, 1.0, 0

    dtype = property(lambda self: self.parameters.theta.dtype)

    @property
    def centred(self):
        """Whether the target is ``(x - offset) / scale``: only a linear output can reproduce it."""
        return self.output_activation == "identity"

    def measure(self, mean, variance, scale):
        """Set the units of the data: the mean, and with `scale` the square root of the total variance."""
        self.offset = mean.astype(self.dtype)
        self.scale, self.scaled = 1.0, scale and self.centred and self.loss_name == "squared_error"
        self.measured = bool(variance.sum() > 0)
        if self.scaled:
            total = float(variance.sum()) or float(mean @ mean)  # a single row has no variance
            self.scale = float(np.sqrt(total)) or 1.0

    def look_at_density(self, rows):
        """Choose the products with sparse data once: a row then has the same code whatever rows are beside it."""
        self.reads_sparse = rows.sparse and rows.X.nnz < WORTH_IT * rows.X.shape[0] * rows.X.shape[1]

    def observe(self, mean, count, anew):
        """Set what a missing value is filled with: the mean of the feature's values so far, or `anew` of these alone.

        Features without any value are filled with 0.
        """
        before, fill = (np.zeros_like(self.observed), 0.0) if anew else (self.observed, self.fill)
        self.observed = before + count
        step = count / np.maximum(self.observed, 1)
        self.fill = (fill + (mean - fill) * step).astype(self.dtype)

    def take_units(self, other):
        """Take over the units of the data from another network."""
        self.offset, self.scale, self.scaled = other.offset.astype(self.dtype), other.scale, other.scaled
        self.fill, self.observed = other.fill.astype(self.dtype), other.observed
        self.measured, self.reads_sparse = other.measured, other.reads_sparse
        self.code_scale, self.code_rows = other.code_scale, other.code_rows

    def go_on_from(self, other, how):
        """Take over the parameters of a network of the same shapes, and its units of the data."""
        mine, its = self.parameters.shapes(), other.parameters.shapes()
        if mine != its:
            name = next(n for n in [*mine, *its] if mine.get(n) != its.get(n))
            raise ValueError(
                f"{how} needs the shapes of the last fit: {name} was {its.get(name)}, now {mine.get(name)}. "
                "Leave n_components, the layer sizes, tied_weights, batch_norm and the rule as they were, or start "
                "anew: fit with warm_start=False."
            )
        self.parameters.theta[:] = other.parameters.theta
        self.take_units(other)

    def copy(self):
        """A network of its own parameters and rule, which shares what training replaces and never writes."""
        other = copy(self)
        other.parameters, other.rule = self.parameters.copy(), deepcopy(self.rule)
        return other

    def set_code_scale(self, mean_square, n_rows, anew=False):
        """Give codes in the unit in which the mean square of an active entry is one, if they can be.

        A code with bounds, as of a sigmoid, means what it is, and so does one of data in its own units. The mean is one
        over about the last `CODE_ROWS` rows, or `anew` of these alone.
        """
        if self.scaled and self.activation in ("relu", "identity") and 0 < mean_square < np.inf:
            before = 0 if anew else self.code_rows
            share = n_rows / (before + n_rows)
            self.code_scale = float(np.sqrt((1 - share) * self.code_scale**2 + share * mean_square))
            self.code_rows = min(before + n_rows, CODE_ROWS)

    def fits_units(self):
        """Whether `coefs` and `intercepts` are finite, too."""
        if self.parameters.batch_norm:
            return self._has_finite_coefs()
        factor = max(self.scale, 1 / self.scale) * max(self.code_scale, 1 / self.code_scale)
        theta = self.parameters.theta
        size = float(np.sqrt(theta @ theta)) * (1 + abs(self.offset).sum(dtype=np.float64))  # no entry is larger
        return size * factor < np.finfo(self.dtype).max or self._has_finite_coefs()

    def _has_finite_coefs(self):
        return all(np.isfinite(array).all() for array in [*self.coefs(), *self.intercepts()])

    def coefs(self):
        """Weights (fan_in, fan_out) from the data to the code and back, in the units of the data."""
        p = self.parameters
        weights = [weight.T.copy() for weight, _ in self.encoder()]
        weights += [p[f"dec{i}.weight"].copy() for i in reversed(range(p.decoder_depth))]
        weights[0] /= self.scale
        weights[p.encoder_depth - 1] /= self.code_scale
        weights[p.encoder_depth] *= self.code_scale
        if self.centred:
            weights[-1] *= self.scale
        return weights

    def intercepts(self):
        """Intercepts that belong to `coefs`."""
        p, layers = self.parameters, self.encoder()
        biases = [bias.copy() for _, bias in layers]
        biases += [p[f"dec{i}.bias"].copy() for i in reversed(range(p.decoder_depth))]
        biases[0] -= layers[0][0] @ (self.offset / self.scale)
        biases[p.encoder_depth - 1] /= self.code_scale
        if self.centred:
            biases[-1] *= self.scale
            biases[-1] += self.offset
        return biases

    # training, a tile of rows

    def load(self, rows, chosen, x, target=None):
        """Write the `chosen` rows of the data as inputs, and as targets: with NaN where a value is missing."""
        rows.take(chosen, self.offset, 1 / self.scale, self.fill, x)
        if target is not None:
            nothing, missing = np.zeros_like(self.offset), np.full_like(self.offset, np.nan)
            rows.take(chosen, *((self.offset, 1 / self.scale) if self.centred else (nothing, 1.0)), missing, target)

    def sparse_rows(self, rows, chosen):
        """The `chosen` rows for the products of the first layer; None where those with `load`'s are faster."""
        if rows.sparse and self.reads_sparse:
            return SparseRows(rows.X, rows.numbers(chosen), self.offset, 1 / self.scale)
        return None

    def inputs(self, rows, chosen):
        """The `chosen` rows as the encoder reads them: an array (rows, features), or a `SparseRows`."""
        x = self.sparse_rows(rows, chosen)
        if x is None:
            x = np.empty((len(chosen), self.parameters.encoder_sizes[0]), self.dtype)
            self.load(rows, chosen, x)
        return x

    def decode_hidden(self, u, values=None, outputs=None):
        """From the first decoder layer's output `u` to the output layer's pre-activations.

        `values` receives the value of each hidden layer, and `outputs` what each layer but the first gives; without
        them `u` is overwritten.
        """
        for i in range(self.parameters.decoder_depth - 1, 0, -1):
            t, out = (u, None) if values is None else (values[i - 1], outputs[i - 1])
            ACTIVATIONS[self.hidden_activation].forward(u, t)
            u = multiply(t, self.parameters[f"dec{i - 1}.weight"], out, self.parameters[f"dec{i - 1}.bias"])
        return u

    def loss(self, u, target, weight):
        """Weighted loss of a tile; `u` becomes its gradient."""
        return LOSSES[self.loss_name](u, target, weight, self.output_activation)

    # inference, a tile of rows

    def encoder(self):
        """Weights (inner, outer) and bias of each encoder layer, with batch normalisation folded in."""
        p, layers = self.parameters, []
        for i in range(p.encoder_depth):
            weight, bias = p[f"enc{i}.weight"], p[f"enc{i}.bias"]
            if p.batch_norm:
                factor = batch_norm.factor(p[f"enc{i}.norm_gain"], p[f"enc{i}.norm_variance"])
                weight, bias = weight * factor[:, None], bias - factor * p[f"enc{i}.norm_mean"]
            layers.append((weight, bias))
        return layers

    def pre_activations(self, x, layers):
        """Pre-activations at the last of some `layers` of the encoder, of a tile of data in the network's units.

        The tile is an array (rows, features) or a `SparseRows`.
        """
        for i, (weight, bias) in enumerate(layers):
            if i:
                ACTIVATIONS[self.hidden_activation].forward(x)
            x = x.multiply_t(weight, bias) if isinstance(x, SparseRows) else multiply_rows_t(x, weight, bias)
        if not all_finite(x):
            raise ValueError(f"{TOO_LARGE} the sums of the encoder are not finite in {self.dtype}. {REMEDY}")
        return x

    def encode(self, x, rule, layers):
        """Code of a tile of data in the network's units under a deployed rule."""
        code = rule.encode(self.pre_activations(x, layers), self.parameters.units, StepContext(self.activation))[0]
        if not all_finite(code.values):
            raise ValueError(f"{TOO_LARGE} the codes are not finite in {self.dtype}. {REMEDY}")
        return code

    def give(self, values):
        """Turn values of codes, in place, into the unit in which codes are given."""
        if self.code_scale != 1:
            values /= self.dtype.type(self.code_scale)
            if not all_finite(values):
                raise ValueError(f"{TOO_LARGE} the codes are not finite in {self.dtype}. {REMEDY}")

    def decode(self, code):
        """Reconstruction, in the units of the data, of a tile of codes as `transform` gives them: an array or CSR."""
        decoder = self.parameters.units.decoder
        if sparse.issparse(code):
            u = code @ decoder
        else:
            u = np.zeros((len(code), decoder.shape[1]), self.dtype)
            DenseCode(code).compact().decode(decoder, 0, len(decoder), u)
        u *= self.dtype.type(self.code_scale)
        return self.outputs(u)

    def outputs(self, u):
        """From the decoded code, without bias, to the units of the data."""
        u += self.parameters[f"dec{self.parameters.decoder_depth - 1}.bias"]
        u = self.decode_hidden(u)
        ACTIVATIONS[self.output_activation].forward(u)
        if self.centred:
            u *= self.scale
            u += self.offset
        if not all_finite(u):
            raise ValueError(
                f"The reconstruction is not finite in {self.dtype}: the codes, or the values of X behind them, are too "
                "large for this network. Expected codes of the size that transform gives for data like the training's."
            )
        return u
