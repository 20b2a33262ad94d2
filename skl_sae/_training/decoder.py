"""A code on its way through the decoder: decoded, compared with its target, the gradient pulled back to the code."""

import numpy as np

from .._kernels.kernel import add, copy
from .._kernels.memory import empty_rows
from .._kernels.products import multiply, multiply_t
from .._kernels.reductions import add_sums
from .._model.activations import ACTIVATIONS
from .batch import BatchCode
from .windows import WindowSums


class DecoderPass:
    """One code of a rule over a whole batch, and what decoding it leaves.

    Parameters
    ----------
    network : Network
    example : DenseCode or RowCode
        The rule's code of one row: tells the layout.
    batch_size : int
        Number of rows to make room for.
    dropout : float
        Probability that the decoder does not see an entry.
    inputs : ndarray of shape (batch_size, n_features)
        The data, as the encoder reads it, for the path past the code.
    window : int or None
        Rows of the arrays that are as wide as the data, where these can't hold a batch. The batch is then read in
        windows; after each of them `close_window` and `accumulate` add it to the gradients next to the data.

    Attributes
    ----------
    code : BatchCode
    prefixes : list of (int, float)
        See `Decoding`.
    gradients : list of ndarray of shape (batch_size, width)
        Of each range of units, the gradient at the output of the decoder's first layer.
    tails : list of (list of ndarray, list of ndarray)
        Of each prefix, the values of the hidden decoder layers, and the gradient at the output of each layer but the
        innermost; outermost layer first.
    whole : DenseCode or UnitCode
        The code to be read by blocks of units, from `order` on.
    """

    def __init__(self, network, example, batch_size, dropout, inputs, window):
        self.network, self.dropout, self.inputs = network, dropout, inputs
        kind, dtype = network.architecture, network.dtype
        self.prefixes = example.decoding.prefixes or [(kind.n_units, 1.0)]
        self.code, self.whole, self._room = BatchCode(kind, example, batch_size, drops=bool(dropout)), None, None
        outer, rows = kind.decoder_sizes, [window or batch_size, *[batch_size] * kind.decoder_depth]
        self.gradients = [empty_rows(rows[kind.decoder_depth - 1], outer[-2], dtype) for _ in self.prefixes]
        self.tails = [
            (
                [empty_rows(batch_size, n, dtype) for n in outer[1:-1]],
                [empty_rows(*shape, dtype) for shape in zip(rows, outer[:-2])],
            )
            for _ in (self.prefixes if self.decoding.target == "input" else [])
        ]
        self.window = WindowSums(network, self.decoding.frozen) if window else None

    decoding = property(lambda self: self.code.decoding)

    # tiles of rows

    def read(self, batch, lo, hi, target, active):
        """Decode rows ``lo..hi`` at each prefix and pull the gradient back to the code.

        The decoder's first layer is linear in the code. So the reconstructions of the prefixes are partial sums of one
        decoding, and the gradient of a range of units is the sum over the prefixes that contain it. `active` is where
        the number of entries that need a gradient is counted.
        """
        p, last, code = self.network.parameters, len(self.prefixes) - 1, self.code.rows(lo, hi)
        if self.code.may_change:
            code.count_active(active.new())
        layer = self.network.architecture.encoder_depth
        if self.dropout:
            code.drop_values(batch.context.key, layer, lo, self.dropout)
        at = self._rows(self.network.architecture.decoder_depth - 1, lo, hi)
        decoder, u = p.units.decoder, self.gradients[last][at]
        start, origin = 0, self._origin(lo, hi, u)
        for i, (stop, weight) in enumerate(self.prefixes):
            code.decode(decoder, start, stop, u, origin if i == 0 else None)
            du = self.gradients[i][at]
            if i < last:
                copy(u, du)
            self._compare(i, weight * batch.context.weight, lo, hi, du, target, self._costs(batch).new())
            start = stop
        for i in range(last - 1, -1, -1):
            add(self.gradients[i + 1][at], self.gradients[i][at])
        for start, stop, du in self.ranges(0, len(decoder)):
            code.pull(decoder, du[at], start, stop)
        if self.dropout:
            code.drop_gradient(batch.context.key, layer, lo, self.dropout)

    def _costs(self, batch):
        """Where the loss of this code is added up."""
        return batch.costs

    def _rows(self, layer, lo, hi):
        """Where rows ``lo..hi`` stand in a gradient at a decoder layer's output; layer 0 is next to the data."""
        first = self.window.first if self.window and layer == 0 else 0
        return np.s_[lo - first : hi - first]

    def _origin(self, lo, hi, u):
        """What a silent code is decoded to, at the output of the decoder's first layer; None if `u` holds it."""
        p, kind = self.network.parameters, self.network.architecture
        bias = p[f"dec{kind.decoder_depth - 1}.bias"]
        if kind.decoder_depth > 1 or not kind.skip:
            return bias
        multiply(self.inputs[lo:hi], p["skip.weight"], u, bias)
        return None

    def _compare(self, i, weight, lo, hi, u, target, value):
        """Loss of prefix i, to `value`, from `u`, the first decoder layer's output, which becomes its gradient."""
        network, depth = self.network, self.network.architecture.decoder_depth
        if depth == 1:
            network.loss(u, target, weight, value)
            return
        values, gradients = self.tails[i]
        values = [t[lo:hi] for t in values]
        gradients = [*(du[self._rows(layer, lo, hi)] for layer, du in enumerate(gradients)), u]
        y = network.decode_hidden(u, values, gradients)
        if network.architecture.skip:
            network.add_skip(self.inputs[lo:hi], y)
        network.loss(y, target, weight, value)
        for layer in range(depth - 1):
            multiply_t(gradients[layer], network.parameters[f"dec{layer}.weight"], gradients[layer + 1])
            ACTIVATIONS[network.architecture.hidden_activation].backward(values[layer], gradients[layer + 1])

    def tile_gradient(self, lo, hi):
        """The gradient of rows ``lo..hi`` as a code."""
        return self.code.rows(lo, hi).as_gradient()

    # windows of rows

    def close_window(self):
        """Order what was read by unit, for `accumulate`, and add to the gradient of the output's bias."""
        window, kind = self.window, self.network.architecture
        n = window.n_rows
        if kind.decoder_depth > 1:
            for _, gradients in self.tails:
                add_sums(gradients[0][:n], window.bias)
            return
        add_sums(self.gradients[0][:n], window.bias)
        if self.code.compressed and window.room is None:
            window.room = self.code.room_by_unit(len(self.gradients[0]), kind.n_units)
        window.code = self.code.by_unit(window.first, window.first + n, window.room)

    def accumulate(self, batch, lo, hi):
        """Add the window to rows ``lo..hi`` of the gradient of the weights next to the data."""
        window = self.window
        if window.weight is None:
            return
        out, n, first = window.weight[lo:hi], window.n_rows, window.first
        if self.network.architecture.decoder_depth == 1:
            self._correlate(batch, window.code.block(lo, hi), lo, hi, first, n, out, True)
            return
        for values, gradients in self.tails:
            multiply(values[0][first : first + n, lo:hi].T, gradients[0][:n], out, out)

    # blocks of units

    def take(self, n_rows):
        """Let the code be read by blocks of units, in the layout and with the rows of a step."""
        if self.code.compressed and self._room is None:
            self._room = self.code.room_by_unit(len(self.code.entries.index), self.network.architecture.n_units)
        self.whole = self._room if self.code.compressed else self.code.rows(0, n_rows)

    def order(self, n_rows):
        """After all tiles: order the entries by unit."""
        self.code.by_unit(0, n_rows, self._room)

    def restore_rows(self):
        """Write the gradients of a compressed code back in the order of rows."""
        if self.code.compressed:
            self.whole.restore_rows(self.code.entries.grad)

    def decoder_gradient(self, batch, code, lo, hi, out, adds):
        """Write, or add, the gradient of the decoder's rows of the units ``lo..hi``, whose code is `code`."""
        if self.window and self.network.architecture.decoder_depth == 1:
            self.window.give_weight(lo, hi, out, adds)
        else:
            self._correlate(batch, code, lo, hi, 0, batch.n_rows, out, adds)

    def _correlate(self, batch, code, lo, hi, row, n_rows, out, adds):
        """Write, or add, the products of the units ``lo..hi`` with the gradients at the decoder's first layer.

        `code` holds these units in `n_rows` rows from `row` on, and so do the gradients.
        """
        for start, stop, du in self.ranges(lo, hi):
            part = code if stop - start == hi - lo else code.block(start, stop)
            if self.dropout and self.code.compressed:
                layer = self.network.architecture.encoder_depth
                part.drop_values(batch.context.key, layer, row, lo + start, self.dropout)
            part.correlate("seen", du[:n_rows], out[start:stop], adds)

    def add_bias_gradient(self, batch, layer, out):
        """Add the gradient of the bias of a decoder layer."""
        n = batch.n_rows
        if self.window and layer == 0:
            add(self.window.bias, out)
        elif layer == self.network.architecture.decoder_depth - 1:
            add_sums(self.gradients[0][:n], out)
        else:
            for _, gradients in self.tails:
                add_sums(gradients[layer][:n], out)

    def skip_gradient(self, batch, lo, hi, out, adds):
        """Write, or add, the gradient of rows ``lo..hi`` of the weights of the path past the code."""
        x, one_layer = self.inputs[: batch.n_rows, lo:hi].T, self.network.architecture.decoder_depth == 1
        for dy in self.gradients[:1] if one_layer else [gradients[0] for _, gradients in self.tails]:
            multiply(x, dy[: batch.n_rows], out, out if adds else None)
            adds = True

    def weight_gradient(self, batch, layer, lo, hi, out, adds):
        """Write, or add, the gradient of rows ``lo..hi`` of the weights of a layer behind the decoder's first."""
        if self.window and layer == 0:
            self.window.give_weight(lo, hi, out, adds)
            return
        n = batch.n_rows
        for values, gradients in self.tails:
            multiply(values[layer][:n, lo:hi].T, gradients[layer][:n], out, out if adds else None)
            adds = True

    def ranges(self, lo, hi):
        """``(start, stop, gradient)`` of the ranges that meet the units ``lo..hi``, counted from `lo`."""
        start = 0
        for (stop, _), du in zip(self.prefixes, self.gradients, strict=True):
            a, b = max(start, lo), min(stop, hi)
            if a < b:
                yield a - lo, b - lo, du
            start = stop
