"""The network: its parameters, and the forward pass of a tile of rows.

A network sees data in its own units: ``(x - offset) / scale`` (see `Units of the data` in the class docstring of
`SparseAutoencoder`). Everything is (rows, width), and a pass works on a tile of rows, so that training and inference
share it and tiles can go to threads.
"""

from copy import deepcopy

import numpy as np
from scipy import sparse

from . import _batch_norm
from ._activations import ACTIVATIONS
from ._codes import DenseCode
from ._losses import LOSSES
from ._parameters import Parameters
from ._products import multiply, multiply_t
from ._sparse_rows import WORTH_IT, SparseRows
from .sparsity._base import Step


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
        own = rule.start(encoder_sizes[-1], activation)
        self.unit_norm = rule.unit_norm and not tied  # tying already denies the escape through scale
        self.parameters = Parameters(encoder_sizes, decoder_sizes, tied, own, dtype, batch_norm)
        self.offset, self.scale, self.scaled = np.zeros(encoder_sizes[0], dtype), 1.0, False
        self.fill, self.observed = self.offset, np.zeros(encoder_sizes[0])

    dtype = property(lambda self: self.parameters.theta.dtype)

    @property
    def centred(self):
        """Whether the target is ``(x - offset) / scale``: only a linear output can reproduce it."""
        return self.output_activation == "identity"

    def measure(self, mean, variance, scale):
        """Set the units of the data: the mean, and with `scale` the square root of the total variance."""
        self.offset = mean.astype(self.dtype)
        self.scale, self.scaled = 1.0, scale and self.centred and self.loss_name == "squared_error"
        if self.scaled:
            total = float(variance.sum()) or float(mean @ mean)  # a single row has no variance
            self.scale = float(np.sqrt(total)) or 1.0

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

    def go_on_from(self, other):
        """Take over the parameters of a network of the same shapes, and its units of the data."""
        mine, its = self.parameters.shapes(), other.parameters.shapes()
        if mine != its:
            name = next(n for n in [*mine, *its] if mine.get(n) != its.get(n))
            raise ValueError(
                f"warm_start=True needs the shapes of the last fit: {name} was {its.get(name)}, now {mine.get(name)}. "
                "Use the same layers and rule, or warm_start=False."
            )
        self.parameters.theta[:] = other.parameters.theta
        self.take_units(other)

    def copy(self):
        """A network of its own parameters."""
        return deepcopy(self)

    def coefs(self):
        """Weights (fan_in, fan_out) from the data to the code and back, in the units of the data."""
        p = self.parameters
        weights = [weight.T.copy() for weight, _ in self.encoder()]
        weights += [p[f"dec{i}.weight"].copy() for i in reversed(range(p.decoder_depth))]
        weights[0] /= self.scale
        if self.centred:
            weights[-1] *= self.scale
        return weights

    def intercepts(self):
        """Intercepts that belong to `coefs`."""
        p, layers = self.parameters, self.encoder()
        biases = [bias.copy() for _, bias in layers]
        biases += [p[f"dec{i}.bias"].copy() for i in reversed(range(p.decoder_depth))]
        biases[0] -= layers[0][0] @ (self.offset / self.scale)
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
        if rows.sparse and rows.X.nnz < WORTH_IT * rows.X.shape[0] * rows.X.shape[1]:
            return SparseRows(rows.X, chosen, self.offset, 1 / self.scale)
        return None

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
                factor = _batch_norm.factor(p[f"enc{i}.norm_gain"], p[f"enc{i}.norm_variance"])
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
            x = x.multiply_t(weight, bias) if isinstance(x, SparseRows) else multiply_t(x, weight, start=bias)
        return x

    def encode(self, x, rule, layers):
        """Code of a tile of data in the network's units under a deployed rule."""
        return rule.encode(self.pre_activations(x, layers), self.parameters.units, Step(self.activation))[0]

    def decode(self, code):
        """Reconstruction, in the units of the data, of a tile of codes: an array or CSR matrix (rows, units)."""
        decoder = self.parameters.units.decoder
        if sparse.issparse(code):
            return self.outputs(code @ decoder)
        u = np.zeros((len(code), decoder.shape[1]), self.dtype)
        DenseCode(code).compact().decode(decoder, 0, len(decoder), u)
        return self.outputs(u)

    def outputs(self, u):
        """From the decoded code, without bias, to the units of the data."""
        u += self.parameters[f"dec{self.parameters.decoder_depth - 1}.bias"]
        u = self.decode_hidden(u)
        ACTIVATIONS[self.output_activation].forward(u)
        if self.centred:
            u *= self.scale
            u += self.offset
        return u
