"""An unrolled encoder under training: forward, and back through all its layers."""

import numpy as np

from ..._kernels.jit import row_of
from ..._kernels.kernel import add, clear, kernel
from ..._kernels.memory import empty_rows
from ..._kernels.products import multiply, multiply_t
from ..._training.training import Training
from .shrinkage import add_threshold_gradient, clear_silent
from .unrolled import scale_by

# Part of the learning rate for the whole of a network that was trained layer by layer. Its layers are close to what
# they will be, and many of them together turn larger steps into a code that grows from layer to layer.
FINE_TUNING = 0.1


@kernel("T2", "T2!")
def _negate_observed(x, h):
    """``h <- -h``, and zero where x is missing."""
    zero = x.dtype.type(0)
    for i in range(x.shape[0]):
        a, b = row_of(x, i), row_of(h, i)
        for c in range(a.size):
            b[c] = -b[c] if a[c] == a[c] else zero


@kernel("T2", "T2", "T1!")
def _subtract_product(x, y, out):
    """Take the sum of all products of two arrays off a number."""
    total = 0.0
    for i in range(x.shape[0]):
        a, b, part = row_of(x, i), row_of(y, i), x.dtype.type(0)
        for c in range(a.size):
            part += a[c] * b[c]
        total += part
    out[0] -= total


class UnrolledPass:
    """Workspace of an unrolled encoder, in the place of an `EncoderPass`; see there, and `unrolled` for the equations.

    With :math:`\\delta_t` the gradient at the pre-activations of layer t and :math:`h_t = -\\delta_t W_t`, where the
    input is observed, the gradient at the code below is :math:`\\delta_t + h_t B^\\top`, that of the weights
    :math:`\\delta_t^\\top r_t` with r the residual, that of the dictionary :math:`\\sum_t z_t^\\top h_{t+1}`.

    Attributes
    ----------
    room : Room
        What the way forward leaves.
    deltas : list of ndarray of shape (batch_size, n_units)
        Of each layer the gradient of its code, then of its pre-activations.
    pulled : list of ndarray of shape (batch_size, n_inputs)
        Of each layer :math:`h_t`; for learned steps before it is multiplied with the step.
    scaled : list of ndarray
        The same, multiplied.
    """

    def __init__(self, network, batch_size, dropout=0.0, window=None):
        self.network, self.batch_size, self.window = network, batch_size, window
        (n_inputs, n_units), self.norm = network.architecture.encoder_sizes, None

        def allocate(width):
            return empty_rows(batch_size, width, network.dtype)

        n = network.unrolled.n_layers
        # where only the code's layer learns, nothing has to go back
        learns = not set(network.parameters.further) <= network.frozen
        self.depth = n if learns else 1
        self.inputs = [allocate(n_inputs)]
        self.room = network.room(allocate, batch_size)
        self.deltas = [allocate(n_units) for _ in range(n)] if learns else []
        back = learns and network.dictionary is not None
        self.pulled = [allocate(n_inputs) for _ in range(n)] if back else []
        self.scaled = [allocate(n_inputs) for _ in range(n)] if network.stepped else self.pulled

    # tiles of rows

    def forward(self, batch, lo, hi, out):
        """Pre-activations of the units of rows ``lo..hi``, in `out`."""
        return self.network.forward(self.inputs[0][lo:hi], self.room.rows(lo, hi), out)

    def pull_code(self, batch, lo, hi, deltas):
        """Gradient of the last hidden code, from those of the pre-activations of the code's layer."""
        delta = self.deltas[-1][lo:hi]
        clear(delta)
        for each in deltas:
            each.add_values(delta)
        self._pull_through(self.depth - 1, lo, hi)

    def pull(self, batch, i, lo, hi):
        """Back through the shrinkage of layer i, and on to the code below."""
        clear_silent(self.room.codes[i][lo:hi], self.deltas[i][lo:hi])
        self._pull_through(i, lo, hi)

    def _pull_through(self, i, lo, hi):
        """From the pre-activations of layer i to the code below."""
        network, delta = self.network, self.deltas[i][lo:hi]
        below = self.deltas[i - 1][lo:hi] if i else None
        if network.dictionary is None:
            if i:
                multiply_t(delta, self.network.parameters["unrolled.lateral"], below)
            return
        if i == 0 and not self.network.stepped:
            return
        h, x = self.pulled[i][lo:hi], self.inputs[0][lo:hi]
        multiply(delta, network.weight(i), h)
        _negate_observed(x, h)
        if self.network.stepped:
            scaled = self.scaled[i][lo:hi]
            scale_by(h, self.network.parameters[f"unrolled{i}.step"], scaled)
            h = scaled
        if i:
            multiply_t(h, network.dictionary, below)
            add(delta, below)

    # blocks of units

    def correlate(self, batch, i, code, out, add=False):
        """Write, or add, the gradient of the weights of the code's layer."""
        code.correlate("grad", self.room.inputs[-1][: batch.n_rows], out, add)

    def add_code_gradient(self, batch, lo, hi, gradient):
        """Add what the layers before have to the gradient of weights that they share with the code's layer."""
        if self.depth == 1 or self.network.unrolled.variant == "coupled":
            return
        n = batch.n_rows
        for t in range(self.depth - 1):
            multiply(self.deltas[t][:n, lo:hi].T, self.room.inputs[t][:n], gradient, gradient)
            if self.network.stepped:
                multiply(self.room.codes[t][:n, lo:hi].T, self.scaled[t + 1][:n], gradient, gradient)

    def weight_gradient(self, batch, name, lo, hi, out):
        """Write the gradient of rows ``lo..hi`` of weights that are not the code's layer's."""
        layer, array, n = *_place(name), batch.n_rows
        if array == "weight":
            multiply(self.deltas[layer][:n, lo:hi].T, self.room.inputs[layer][:n], out)
            return
        behind = self.deltas if array == "lateral" else self.pulled
        for t in range(self.depth - 1):
            multiply(self.room.codes[t][:n, lo:hi].T, behind[t + 1][:n], out, out if t else None)

    def vector_gradient(self, batch, name):
        """Gradient of the thresholds, or of the step size, of a layer."""
        layer, array, n = *_place(name), batch.n_rows
        out = np.empty_like(self.network.parameters[name])
        clear(out)
        if array == "step":
            _subtract_product(self.room.residuals[layer][:n], self.pulled[layer][:n], out)
        else:
            arrays = self.room.codes[layer][:n], self.deltas[layer][:n], self.network.parameters[name]
            bound, positive = self.room.bounds[layer][:n], self.network.unrolled.positive
            add_threshold_gradient(*arrays, bound, positive, out)
        return out


def _place(name):
    """Layer, if there is one, and array of a parameter."""
    layer, _, array = name.removeprefix("unrolled").partition(".")
    return int(layer or 0), array


class UnrolledTraining(Training):
    """The training of an unrolled network."""

    encoder_pass = UnrolledPass

    @property
    def rate(self):
        """The learning rate at the start, less for a network whose layers have been trained one by one."""
        return super().rate * (FINE_TUNING if self.params["pretrain"] == "layerwise" else 1)

    def __init__(self, network, params, random_state):
        super().__init__(network, params, random_state)
        if self.revival == "resample" and network.unrolled.n_layers > 1:
            raise ValueError(
                "dead_units='resample' restarts units on rows of the data and needs one layer: got n_layers="
                f"{network.unrolled.n_layers}, expected n_layers=1; or use dead_units='auxiliary'."
            )
