"""A code that is taught: it is compared with a given code, and not decoded."""

import numpy as np

from ..._kernels.jit import row_of
from ..._kernels.kernel import kernel
from ..._model.codes import Decoding
from ..._training.decoder import DecoderPass


@kernel("T2", "T2", "T2!", "d1", "d1!")
def _compare(values, target, grad, weight, cost):
    """grad <- 2 weight (values - target); cost <- weight * sum (values - target)^2."""
    slope, total = values.dtype.type(2 * weight[0]), 0.0
    for i in range(values.shape[0]):
        v, want, g, part = row_of(values, i), row_of(target, i), row_of(grad, i), values.dtype.type(0)
        for j in range(v.size):
            error = v[j] - want[j]
            part += error * error
            g[j] = slope * error
        total += part
    cost[0] = weight[0] * total


@kernel("i2", "T2", "i1", "T2", "T2!", "d1", "d1!")
def _compare_entries(index, values, count, target, grad, weight, cost):
    """The same of a compressed code: what is not kept is zero, and takes no gradient."""
    slope, total = values.dtype.type(2 * weight[0]), 0.0
    for i in range(count.size):
        v, want, g, at, part = row_of(values, i), row_of(target, i), row_of(grad, i), row_of(index, i), 0.0
        for j in range(want.size):
            part += want[j] * want[j]
        for q in range(count[i]):
            wanted = want[at[q]]
            error = v[q] - wanted
            part += error * error - wanted * wanted
            g[q] = slope * error
        total += part
    cost[0] = weight[0] * total


class CodePass(DecoderPass):
    """A code whose loss is its squared distance from a given one; in the place of a `DecoderPass`.

    The decoder takes no gradient from it.
    """

    decoding = property(lambda self: Decoding(frozen=True))

    def read(self, batch, lo, hi, target, active):
        """Compare rows ``lo..hi`` with their targets."""
        code, weight, cost = self.code.rows(lo, hi), np.array([batch.context.weight]), batch.costs.new()
        if self.code.may_change:
            code.count_active(active.new())
        if self.code.compressed:
            _compare_entries(code.index, code.values, code.count, target, code.grad, weight, cost)
        else:
            _compare(code.values, target, code.grad, weight, cost)
