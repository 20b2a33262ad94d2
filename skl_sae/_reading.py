"""How a batch of codes is read: decoded, compared with its target, and the gradient pulled back to the code."""

from copy import copy

import numpy as np

from ._activations import ACTIVATIONS
from ._codes import DENSITY_BREAK_EVEN, DenseCode, RowCode
from ._noise import layer_key
from ._products import multiply_t


class Reader:
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

    Attributes
    ----------
    gradients : list of ndarray of shape (batch_size, width)
        Of each range of units, the gradient at the output of the decoder's first layer.
    """

    def __init__(self, network, example, batch_size, dropout=0.0):
        self.network, self.dropout = network, dropout
        p, dtype = network.parameters, network.dtype
        self.reading = example.reading
        self.cuts = example.reading.cuts or [(p.n_units, 1.0)]
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
            self.dense = DenseCode(np.empty(shape, dtype), reading=self.reading, grad=np.empty(shape, dtype))
            self.dense.pre = None if example.pre is None else np.empty(shape, dtype)
            self.dense.support = None if example.support is None else np.empty(shape, bool)
            if self.compressed:
                self._allocate_sparse(batch_size, p.n_units)
        outer = p.decoder_sizes
        self.gradients = [np.empty((batch_size, outer[-2]), dtype) for _ in self.cuts]
        # of each cut: the values of the hidden decoder layers, and the gradient at the output of each layer but the
        # innermost; outermost layer first
        self.tail_values = [[np.empty((batch_size, n), dtype) for n in outer[1:-1]] for _ in self.cuts]
        self.tail_gradients = [[np.empty((batch_size, n), dtype) for n in outer[:-2]] for _ in self.cuts]

    def _allocate_sparse(self, batch_size, width):
        self.sparse = RowCode.empty(batch_size, width, self.network.dtype)
        self.sparse.reading = self.reading

    def begin(self, key):
        """Choose the layout of a step from the density of the last; counts decide, never timing."""
        self.key, self.active = layer_key(key, self.network.parameters.encoder_depth), []
        if self.may_compress and not self.always_compressed:
            self.compressed = self.density < DENSITY_BREAK_EVEN
        if self.compressed and self.sparse is None:
            self._allocate_sparse(*self.dense.values.shape)

    def put(self, lo, hi, code):
        """Store a tile's code."""
        self.cuts = code.reading.cuts or self.cuts
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

        The decoder's first layer is linear in the code. So the reconstructions of the cuts are partial sums of one
        decoding, and the gradient of a range of units is the sum over the cuts that contain it.
        """
        p, last, code = self.network.parameters, len(self.cuts) - 1, self.tile(lo, hi)
        if self.may_compress:
            self.active.append(code.n_active())
        code = self._dropped(code, lo)
        decoder, u = p.units.decoder, self.gradients[last][lo:hi]
        value, start, origin = 0.0, 0, self._origin()
        for cut, (stop, weight) in enumerate(self.cuts):
            code.decode(decoder, start, stop, u, origin if cut == 0 else None)
            du = self.gradients[cut][lo:hi]
            if cut < last:
                du[:] = u
            value += self._compare(cut, weight * row_weight, lo, hi, du, target)
            start = stop
        for cut in range(last - 1, -1, -1):
            self.gradients[cut][lo:hi] += self.gradients[cut + 1][lo:hi]
        for start, stop, du in self.ranges(0, p.n_units):
            code.pull(decoder, du[lo:hi], start, stop)
        if self.dropout:
            code.drop(code.grad, self.key, lo, 0, self.dropout)
        return value

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
        gradients = [*(du[lo:hi] for du in self.tail_gradients[cut]), u]
        value = self.network.loss(self.network.decode_hidden(u, values, gradients), target, weight)
        for i in range(p.decoder_depth - 1):
            multiply_t(gradients[i], p[f"dec{i}.weight"], gradients[i + 1])
            hidden.backward(values[i], gradients[i + 1])
        return value

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
        for start, stop, du in self.ranges(lo, hi):
            part = code if stop - start == hi - lo else code.block(start, stop)
            part = self._dropped(part, 0, lo + start)
            part.correlate(part.values, du[: self.n_rows], out[start:stop], add)

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
        for (stop, _), du in zip(self.cuts, self.gradients, strict=True):
            a, b = max(start, lo), min(stop, hi)
            if a < b:
                yield a - lo, b - lo, du
            start = stop


class ResidualReader(Reader):
    """A code that is to reconstruct what another one leaves over.

    The residual is minus half the gradient of the loss at the output of the decoder's first layer, for one row of
    weight one: ``x - x_hat`` for a decoder of one layer with linear output and squared error. It takes no gradient.
    The loss is relative to the residual's variance over the batch.
    """

    def aim(self, first, n_rows, row_weight):
        """Take the residual of `first`, after it has been read."""
        self.residual = first.gradients[-1][:n_rows] / (-2 * row_weight * first.cuts[-1][1])
        spread = np.square(self.residual - self.residual.mean(axis=0)).sum(dtype=np.float64) * row_weight
        self.factor = 1 / float(spread) if spread > 0 else 0.0

    def _origin(self):
        return 0

    def _compare(self, cut, weight, lo, hi, u, target):
        u -= self.residual[lo:hi]
        if self.network.parameters.decoder_depth == 1:
            u[np.isnan(target)] = 0
        value = weight * self.factor * float(np.square(u).sum(dtype=np.float64))
        u *= 2 * weight * self.factor
        return value
