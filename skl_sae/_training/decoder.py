"""A code on its way through the decoder: decoded, compared with its target, the gradient pulled back to the code."""

from copy import copy
from typing import NamedTuple

import numpy as np

from .._kernels.noise import layer_key
from .._kernels.products import multiply, multiply_t
from .._kernels.reductions import sum_columns
from .._model.activations import ACTIVATIONS
from .batch import BatchCode
from .windows import WindowSums


class Share(NamedTuple):
    """What a tile of rows adds to the loss, and the number of its entries that need a gradient."""

    loss: float
    n_active: int


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
        The code to be read by blocks of units, after `order`.
    """

    def __init__(self, network, example, batch_size, dropout, window):
        self.network, self.dropout, self.decoding, self.key = network, dropout, example.decoding, 0
        kind, dtype = network.architecture, network.dtype
        self.prefixes = example.decoding.prefixes or [(kind.n_units, 1.0)]
        self.code, self.whole = BatchCode(kind, example, batch_size), None
        outer, rows = kind.decoder_sizes, [window or batch_size, *[batch_size] * kind.decoder_depth]
        self.gradients = [np.empty((rows[kind.decoder_depth - 1], outer[-2]), dtype) for _ in self.prefixes]
        self.tails = [
            (
                [np.empty((batch_size, n), dtype) for n in outer[1:-1]],
                [np.empty(shape, dtype) for shape in zip(rows, outer[:-2])],
            )
            for _ in (self.prefixes if self.decoding.target == "input" else [])
        ]
        self.window = WindowSums(network, self.decoding.frozen) if window else None

    def begin(self, key, density=1.0):
        """Open a step, after one in which the code had this density."""
        self.key = layer_key(key, self.network.architecture.encoder_depth)
        self.code.choose(density)
        if self.window:
            self.window.clear()

    # tiles of rows

    def read(self, lo, hi, target, row_weight):
        """Decode rows ``lo..hi`` at each prefix and pull the gradient back to the code; returns their `Share`.

        The decoder's first layer is linear in the code. So the reconstructions of the prefixes are partial sums of one
        decoding, and the gradient of a range of units is the sum over the prefixes that contain it.
        """
        p, last, code = self.network.parameters, len(self.prefixes) - 1, self.code.rows(lo, hi)
        n_active = code.n_active() if self.code.may_change else 0
        code = self._dropped(code, lo)
        at = self._rows(self.network.architecture.decoder_depth - 1, lo, hi)
        decoder, u = p.units.decoder, self.gradients[last][at]
        loss, start, origin = 0.0, 0, self._origin()
        for i, (stop, weight) in enumerate(self.prefixes):
            code.decode(decoder, start, stop, u, origin if i == 0 else None)
            du = self.gradients[i][at]
            if i < last:
                du[:] = u
            loss += self._compare(i, weight * row_weight, lo, hi, du, target)
            start = stop
        for i in range(last - 1, -1, -1):
            self.gradients[i][at] += self.gradients[i + 1][at]
        for start, stop, du in self.ranges(0, len(decoder)):
            code.pull(decoder, du[at], start, stop)
        if self.dropout:
            code.drop(code.grad, self.key, lo, 0, self.dropout)
        return Share(loss, n_active)

    def _rows(self, layer, lo, hi):
        """Where rows ``lo..hi`` stand in a gradient at a decoder layer's output; layer 0 is next to the data."""
        first = self.window.first if self.window and layer == 0 else 0
        return np.s_[lo - first : hi - first]

    def _dropped(self, code, row, unit=0):
        """The code as the decoder sees it, from `row` and `unit` on."""
        if not self.dropout:
            return code
        code = copy(code)
        code.values = code.values.copy()
        code.drop(code.values, self.key, row, unit, self.dropout)
        return code

    def _origin(self):
        """What a silent code is decoded to, at the output of the decoder's first layer."""
        return self.network.parameters[f"dec{self.network.architecture.decoder_depth - 1}.bias"]

    def _compare(self, i, weight, lo, hi, u, target):
        """Loss of prefix i from `u`, the first decoder layer's output, which becomes its gradient."""
        network, depth = self.network, self.network.architecture.decoder_depth
        if depth == 1:
            return network.loss(u, target, weight)
        values, gradients = self.tails[i]
        values = [t[lo:hi] for t in values]
        gradients = [*(du[self._rows(layer, lo, hi)] for layer, du in enumerate(gradients)), u]
        loss = network.loss(network.decode_hidden(u, values, gradients), target, weight)
        for layer in range(depth - 1):
            multiply_t(gradients[layer], network.parameters[f"dec{layer}.weight"], gradients[layer + 1])
            ACTIVATIONS[network.architecture.hidden_activation].backward(values[layer], gradients[layer + 1])
        return loss

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
                window.bias += sum_columns(gradients[0][:n])
            return
        window.bias += sum_columns(self.gradients[0][:n])
        window.code = self.code.by_unit(window.first, window.first + n, kind.n_units)

    def accumulate(self, lo, hi):
        """Add the window to rows ``lo..hi`` of the gradient of the weights next to the data."""
        window = self.window
        if window.weight is None:
            return
        out, n, first = window.weight[lo:hi], window.n_rows, window.first
        if self.network.architecture.decoder_depth == 1:
            self._correlate(window.code.block(lo, hi), lo, hi, first, n, out, True)
            return
        for values, gradients in self.tails:
            multiply(values[0][first : first + n, lo:hi].T, gradients[0][:n], out, out)

    # blocks of units

    def order(self, n_rows):
        """After all tiles: the whole code, ready to be read by blocks of units."""
        self.whole = self.code.by_unit(0, n_rows, self.network.architecture.n_units)

    def restore_rows(self):
        """Write the gradients of a compressed code back in the order of rows."""
        if self.code.compressed:
            self.whole.restore_rows(self.whole.grad, self.code.entries.grad)

    def decoder_gradient(self, batch, code, lo, hi, out, add):
        """Write, or add, the gradient of the decoder's rows of the units ``lo..hi``, whose code is `code`."""
        if self.window and self.network.architecture.decoder_depth == 1:
            self.window.give_weight(lo, hi, out, add)
        else:
            self._correlate(code, lo, hi, 0, batch.n_rows, out, add)

    def _correlate(self, code, lo, hi, row, n_rows, out, add):
        """Write, or add, the products of the units ``lo..hi`` with the gradients at the decoder's first layer.

        `code` holds these units in `n_rows` rows from `row` on, and so do the gradients.
        """
        for start, stop, du in self.ranges(lo, hi):
            part = code if stop - start == hi - lo else code.block(start, stop)
            part = self._dropped(part, row, lo + start)
            part.correlate(part.values, du[:n_rows], out[start:stop], add)

    def bias_gradient(self, batch, layer):
        """Gradient of the bias of a decoder layer."""
        if self.window and layer == 0:
            return self.window.bias
        n = batch.n_rows
        if layer == self.network.architecture.decoder_depth - 1:
            return sum_columns(self.gradients[0][:n])
        return sum(sum_columns(gradients[layer][:n]) for _, gradients in self.tails)

    def weight_gradient(self, batch, layer, lo, hi, out, add):
        """Write, or add, the gradient of rows ``lo..hi`` of the weights of a layer behind the decoder's first."""
        if self.window and layer == 0:
            self.window.give_weight(lo, hi, out, add)
            return
        n = batch.n_rows
        for values, gradients in self.tails:
            multiply(values[layer][:n, lo:hi].T, gradients[layer][:n], out, out if add else None)
            add = True

    def ranges(self, lo, hi):
        """``(start, stop, gradient)`` of the ranges that meet the units ``lo..hi``, counted from `lo`."""
        start = 0
        for (stop, _), du in zip(self.prefixes, self.gradients, strict=True):
            a, b = max(start, lo), min(stop, hi)
            if a < b:
                yield a - lo, b - lo, du
            start = stop
