"""The largest of some numbers, by vectors: numba compiles no loop over floating-point maxima to them."""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .jit import jit
from .sparse_products import WIDE
from .vectors import REGISTER, constant, operands


def _largest(signed):
    """Kernel of the largest of ``x * weights`` in `WIDE` bytes from column j on, by size unless `signed`; or zero."""

    @intrinsic
    def largest(typing, x, weights, j):
        def generate(context, builder, signature, args):
            x, weights = operands(context, builder, signature, args[:2])
            zero, best = ir.Constant(x.vector, None), ir.Constant(x.vector, None)
            for v in range(WIDE // REGISTER):
                column = builder.add(args[2], constant(v * x.lanes))
                number = builder.fmul(x.load(x.at(column), x.vector), weights.load(weights.at(column), x.vector))
                sizes = [number] if signed else [number, builder.fsub(zero, number)]
                for size in sizes:
                    best = builder.select(builder.fcmp_ordered(">", size, best), size, best)
            lanes = [builder.extract_element(best, constant(i)) for i in range(x.lanes)]
            while len(lanes) > 1:
                pairs = zip(lanes[::2], lanes[1::2], strict=True)
                lanes = [builder.select(builder.fcmp_ordered(">", a, b), a, b) for a, b in pairs]
            return lanes[0]

        return x.dtype(x, weights, types.intp), generate

    return largest


def _largest_by_loops(signed):
    @jit
    def largest(x, weights, j):
        best = x.dtype.type(0)
        for c in range(j, j + WIDE // x.itemsize):
            number = x[c] * weights[c]
            best = max(best, number if signed else abs(number))
        return best

    return largest


largest_value, largest_size = ((_largest if REGISTER else _largest_by_loops)(signed) for signed in (True, False))
