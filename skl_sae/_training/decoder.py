"""How a batch of codes is read: decoded, compared with its target, and the gradient pulled back to the code."""

from copy import copy

import numpy as np

from .._kernels.noise import layer_key
from .._kernels.products import multiply, multiply_t
from .._kernels.reductions import sum_columns
from .._model.activations import ACTIVATIONS
from .._model.codes import DENSITY_BREAK_EVEN, DenseCode, RowCode


class DecoderPass:
    """One code of a rule over a whole batch, and what reading it leaves.

    Parameters
    ----------
    network : Network
    example : DenseCode or RowCode
        The rule's code of one row: tells the layout.
    batch_size : int
        Number of rows to make room for.
    dropout : float
        Probability that the decoder does not see an entry.
    window : int, optional
        Rows of the arrays that are as wide as the data, where these can't hold a batch: the batch is then read in
        windows, and `accumulate` after each of them.

    Attributes
    ----------
    gradients : list of ndarray of shape (batch_size, width)
        Of each range of units, the gradient at the output of the decoder's first layer.
    """

    def __init__(self, network, example, batch_size, dropout=0.0, window=None):
        self.network, self.dropout, self.window, self.first = network, dropout, window, 0
        p, dtype = network.parameters, network.dtype
        self.decoding = example.decoding
        self.prefixes = example.decoding.prefixes or [(p.n_units, 1.0)]
        self.may_compress = isinstance(example, RowCode) or example.support is not None
        self.may_compress |= ACTIVATIONS[network.activation].zeros
        self.compressed = isinstance(example, RowCode) or example.selects
        self.always_compressed = self.compressed
        self.density = 1.0
        self.dense = self.sparse = None
        shape = (batch_size, p.n_units)
        if isinstance(example, RowCode):
            self._allocate_sparse(batch_size, example.index.shape[1])
        else:
            self.dense = DenseCode(np.empty(shape, dtype), decoding=self.decoding, grad=np.empty(shape, dtype))
            self.dense.pre = None if example.pre is None else np.empty(shape, dtype)
            self.dense.support = None if example.support is None else np.empty(shape, bool)
            if self.compressed:
                self._allocate_sparse(batch_size, p.n_units)
        outer, rows = p.decoder_sizes, [window or batch_size, *[batch_size] * p.decoder_depth]
        self.gradients = [np.empty((rows[p.decoder_depth - 1], outer[-2]), dtype) for _ in self.prefixes]
        # of each cut: the values of the hidden decoder layers, and the gradient at the output of each layer but the
        # innermost; outermost layer first
        tail = self.prefixes if self.decoding.target == "input" else []
        self.tail_values = [[np.empty((batch_size, n), dtype) for n in outer[1:-1]] for _ in tail]
        self.tail_gradients = [[np.empty(shape, dtype) for shape in zip(rows, outer[:-2])] for _ in tail]
        if window:
            self.weight_sums = None if self.decoding.frozen else np.empty(p["dec0.weight"].shape, dtype)
            self.bias_sums = np.empty(outer[0], dtype)

    def _allocate_sparse(self, batch_size, width):
        self.sparse = RowCode.empty(batch_size, width, self.network.dtype)
        self.sparse.decoding = self.decoding

    def begin(self, key):
        """Choose the layout of a step from the density of the last; counts decide, never timing."""
        self.key, self.active = layer_key(key, self.network.parameters.encoder_depth), []
        if self.may_compress and not self.always_compressed:
            self.compressed = self.density < DENSITY_BREAK_EVEN
        if self.compressed and self.sparse is None:
            self._allocate_sparse(*self.dense.values.shape)
        if self.window:
            self.bias_sums[:] = 0
            if self.weight_sums is not None:
                self.weight_sums[:] = 0

    def put(self, lo, hi, code):
        """Store a tile's code."""
        self.prefixes = code.decoding.prefixes or self.prefixes
        if self.dense is None:
            self.sparse.put(lo, hi, code)
            return
        self.dense.put(np.s_[lo:hi], code)
        if self.compressed:
            self.sparse.compress(lo, hi, code)

    def tile(self, lo, hi):
        """Rows ``lo..hi`` in the layout of this step."""
        return (self.sparse if self.compressed else self.dense).rows(lo, hi)

    # tiles of rows

    def read(self, lo, hi, target, row_weight):
        """Decode rows ``lo..hi`` at each cut and pull the gradient back to the code; returns the loss.

        The decoder's first layer is linear in the code. So the reconstructions of the prefixes are partial sums of one
        decoding, and the gradient of a range of units is the sum over the prefixes that contain it.
        """
        p, last, code = self.network.parameters, len(self.prefixes) - 1, self.tile(lo, hi)
        if self.may_compress:
            self.active.append(code.n_active())
        code = self._dropped(code, lo)
        at = self._rows(p.decoder_depth - 1, lo, hi)
        decoder, u = p.units.decoder, self.gradients[last][at]
        value, start, origin = 0.0, 0, self._origin()
        for cut, (stop, weight) in enumerate(self.prefixes):
            code.decode(decoder, start, stop, u, origin if cut == 0 else None)
            du = self.gradients[cut][at]
            if cut < last:
                du[:] = u
            value += self._compare(cut, weight * row_weight, lo, hi, du, target)
            start = stop
        for cut in range(last - 1, -1, -1):
            self.gradients[cut][at] += self.gradients[cut + 1][at]
        for start, stop, du in self.ranges(0, p.n_units):
            code.pull(decoder, du[at], start, stop)
        if self.dropout:
            code.drop(code.grad, self.key, lo, 0, self.dropout)
        return value

    def _rows(self, layer, lo, hi):
        """Where rows ``lo..hi`` stand in a gradient at a decoder layer's output; layer 0 is next to the data."""
        first = self.first if layer == 0 else 0
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
        p = self.network.parameters
        return p[f"dec{p.decoder_depth - 1}.bias"]

    def _compare(self, cut, weight, lo, hi, u, target):
        """Loss of the reconstruction from `u`, the first decoder layer's output, which becomes its gradient."""
        p, hidden = self.network.parameters, ACTIVATIONS[self.network.hidden_activation]
        if p.decoder_depth == 1:
            return self.network.loss(u, target, weight)
        values = [t[lo:hi] for t in self.tail_values[cut]]
        gradients = [*(du[self._rows(i, lo, hi)] for i, du in enumerate(self.tail_gradients[cut])), u]
        value = self.network.loss(self.network.decode_hidden(u, values, gradients), target, weight)
        for i in range(p.decoder_depth - 1):
            multiply_t(gradients[i], p[f"dec{i}.weight"], gradients[i + 1])
            hidden.backward(values[i], gradients[i + 1])
        return value

    # windows of rows

    def open_window(self, lo, hi):
        """Read rows ``lo..hi`` next."""
        self.first, self.window_rows = lo, hi - lo

    def close_window(self):
        """Order what was read by unit, for `accumulate`, and add to the gradient of the output's bias."""
        lo, n = self.first, self.window_rows
        if self.network.parameters.decoder_depth > 1:
            for gradients in self.tail_gradients:
                self.bias_sums += sum_columns(gradients[0][:n])
            return
        self.bias_sums += sum_columns(self.gradients[0][:n])
        code = self.tile(lo, lo + n)
        self.window_code = code.ordered(self.network.parameters.n_units) if self.compressed else code

    def accumulate(self, lo, hi):
        """Add the window to rows ``lo..hi`` of the gradient of the weights next to the data."""
        n, first = self.window_rows, self.first
        if self.weight_sums is None:
            return
        if self.network.parameters.decoder_depth == 1:
            self._correlate(self.window_code.block(lo, hi), lo, hi, first, n, self.weight_sums[lo:hi], True)
            return
        for values, gradients in zip(self.tail_values, self.tail_gradients, strict=True):
            out = self.weight_sums[lo:hi]
            multiply(values[0][first : first + n, lo:hi].T, gradients[0][:n], out, out)

    # blocks of units

    def order(self, n_rows):
        """After all tiles: the whole code, ready to be read by blocks of units."""
        code, n_units = self.tile(0, n_rows), self.network.parameters.n_units
        if self.may_compress:
            self.density = sum(self.active) / (n_rows * n_units)
        if self.compressed:
            code = code.ordered(n_units, None if self.dense is None else self.dense.pre)
        self.whole, self.n_rows = code, n_rows

    def decoder_gradient(self, code, lo, hi, out, add):
        """Write, or add, the gradient of the decoder's rows of the units ``lo..hi``, whose code is `code`."""
        if self.window and self.network.parameters.decoder_depth == 1:
            out[:] = out + self.weight_sums[lo:hi] if add else self.weight_sums[lo:hi]
        else:
            self._correlate(code, lo, hi, 0, self.n_rows, out, add)

    def _correlate(self, code, lo, hi, row, n_rows, out, add):
        """Write, or add, the products of the units ``lo..hi`` with the gradients at the decoder's first layer.

        `code` holds these units in `n_rows` rows from `row` on, and so do the gradients.
        """
        for start, stop, du in self.ranges(lo, hi):
            part = code if stop - start == hi - lo else code.block(start, stop)
            part = self._dropped(part, row, lo + start)
            part.correlate(part.values, du[:n_rows], out[start:stop], add)

    def bias_gradient(self, layer):
        """Gradient of the bias of a decoder layer."""
        if self.window and layer == 0:
            return self.bias_sums
        n = self.n_rows
        if layer == self.network.parameters.decoder_depth - 1:
            return sum_columns(self.gradients[0][:n])
        return sum(sum_columns(each[layer][:n]) for each in self.tail_gradients)

    def weight_gradient(self, layer, lo, hi, out, add):
        """Write, or add, the gradient of rows ``lo..hi`` of the weights of a layer behind the decoder's first."""
        if self.window and layer == 0:
            out[:] = out + self.weight_sums[lo:hi] if add else self.weight_sums[lo:hi]
            return
        for values, gradients in zip(self.tail_values, self.tail_gradients, strict=True):
            multiply(values[layer][: self.n_rows, lo:hi].T, gradients[layer][: self.n_rows], out, out if add else None)
            add = True

    def restore_rows(self):
        """Write the gradients of a compressed code back in the order of rows."""
        if self.compressed:
            self.whole.to_rows(self.whole.grad, self.sparse.grad)

    def tile_gradient(self, lo, hi):
        """The gradient of rows ``lo..hi`` as a code."""
        return self.tile(lo, hi).as_gradient()

    def ranges(self, lo, hi):
        """``(start, stop, gradient)`` of the ranges that meet the units ``lo..hi``, counted from `lo`."""
        start = 0
        for (stop, _), du in zip(self.prefixes, self.gradients, strict=True):
            a, b = max(start, lo), min(stop, hi)
            if a < b:
                yield a - lo, b - lo, du
            start = stop


class ResidualPass(DecoderPass):
    """A code that is to reconstruct what another one leaves over.

    The residual is minus half the gradient of the loss at the output of the decoder's first layer, for one row of
    weight one: ``x - x_hat`` for a decoder of one layer with linear output and squared error. It takes no gradient.
    The loss is relative to the residual's variance over the batch.
    """

    def aim(self, first, n_rows, row_weight):
        """Take the residual of `first`, after it has been read."""
        self.residual = first.gradients[-1][:n_rows] / (-2 * row_weight * first.prefixes[-1][1])
        if self.windowed:
            self.squares += np.square(self.residual).sum(dtype=np.float64)
            self.sums += self.residual.sum(axis=0)
            self.factor = 1.0
        else:
            spread = np.square(self.residual - self.residual.mean(axis=0)).sum(dtype=np.float64) * row_weight
            self.factor = 1 / float(spread) if spread > 0 else 0.0

    @property
    def windowed(self):
        """Whether the residual is as wide as the data and comes in windows."""
        return self.window is not None and self.network.parameters.decoder_depth == 1

    def begin(self, key):
        super().begin(key)
        if self.windowed:
            self.squares, self.sums = 0.0, np.zeros(self.network.parameters.decoder_sizes[0])

    def rescale(self, n_rows, row_weight):
        """After all windows: divide what was read by the variance of the residual; returns the factor."""
        spread = (self.squares - (self.sums**2).sum() / n_rows) * row_weight
        factor = 1 / spread if spread > 0 else 0.0
        self.tile(0, n_rows).grad *= self.network.dtype.type(factor)
        self.weight_sums *= self.network.dtype.type(factor)
        return factor

    def _origin(self):
        return 0

    def _compare(self, cut, weight, lo, hi, u, target):
        u -= self.residual[self._rows(self.network.parameters.decoder_depth - 1, lo, hi)]
        if self.network.parameters.decoder_depth == 1:
            u[np.isnan(target)] = 0
        value = weight * self.factor * float(np.square(u).sum(dtype=np.float64))
        u *= 2 * weight * self.factor
        return value
