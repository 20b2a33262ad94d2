"""Products with compressed codes: with the entries of each row, and with those of each unit (see `layouts`)."""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .jit import jit
from .vectors import REGISTER, constant, operands


def _combine(vectors):
    """Kernel that adds weighted rows of `x` to some vectors of `out`, from column j on, which stay in registers."""

    @intrinsic
    def combine(typing, index, values, x, out, first, last, j):
        def generate(context, builder, signature, args):
            index, values, x, out = operands(context, builder, signature, args[:4])
            first, last, j = args[4:]
            columns = [builder.add(j, constant(v * x.lanes)) for v in range(vectors)]
            sums = [cgutils.alloca_once_value(builder, out.load(out.at(column), out.vector)) for column in columns]
            with cgutils.for_range_slice(builder, first, last, constant(1)) as (entry, _):
                row = builder.sext(index.load(index.at(entry), index.number), ir.IntType(64))
                factor = x.spread(values.load(values.at(entry), values.number))
                for total, column in zip(sums, columns, strict=True):
                    term = x.load(x.at(row, column), x.vector)
                    builder.store(x.fma(factor, term, builder.load(total)), total)
            for total, column in zip(sums, columns, strict=True):
                out.store(builder.load(total), out.at(column))
            return context.get_dummy_value()

        return types.void(index, values, x, out, types.intp, types.intp, types.intp), generate

    return combine


_combine_8, _combine_4, _combine_2, _combine_1 = (_combine(vectors) for vectors in (8, 4, 2, 1))


def _add_rows_by_registers(index, values, first, last, x, out):
    """out += sum over the entries ``first..last`` of value times row of `x`; `out` is read and written once."""
    lanes, j = REGISTER // out.itemsize, 0
    while j + 8 * lanes <= out.size:
        _combine_8(index, values, x, out, first, last, j)
        j += 8 * lanes
    if j + 4 * lanes <= out.size:
        _combine_4(index, values, x, out, first, last, j)
        j += 4 * lanes
    if j + 2 * lanes <= out.size:
        _combine_2(index, values, x, out, first, last, j)
        j += 2 * lanes
    if j + lanes <= out.size:
        _combine_1(index, values, x, out, first, last, j)
        j += lanes
    if j < out.size:
        for q in range(first, last):
            v, row = values[q], x[index[q]]
            for c in range(j, out.size):
                out[c] += v * row[c]


def _add_rows_by_loops(index, values, first, last, x, out):
    """The same, with `out` read and written once for four entries."""
    q = first
    while q + 4 <= last:
        v0, v1, v2, v3 = values[q], values[q + 1], values[q + 2], values[q + 3]
        x0, x1, x2, x3 = x[index[q]], x[index[q + 1]], x[index[q + 2]], x[index[q + 3]]
        for c in range(out.size):
            out[c] += v0 * x0[c] + v1 * x1[c] + v2 * x2[c] + v3 * x3[c]
        q += 4
    while q < last:
        v0, x0 = values[q], x[index[q]]
        for c in range(out.size):
            out[c] += v0 * x0[c]
        q += 1


_add_rows = jit(_add_rows_by_registers if REGISTER else _add_rows_by_loops)


@jit
def spmm(index, values, count, decoder, start, stop, out):
    """out[i] += sum over the entries of row i, of the units ``start..stop``, of value times row of `decoder`."""
    for i in range(out.shape[0]):
        r, units, v = out[i], index[i], values[i]
        if start == 0 and stop == decoder.shape[0]:
            _add_rows(units, v, 0, np.int64(count[i]), decoder, r)
            continue
        for j in range(count[i]):
            if start <= units[j] < stop:
                w0, v0 = decoder[units[j]], v[j]
                for c in range(r.size):
                    r[c] += v0 * w0[c]


@jit
def sddmm(index, count, decoder, gradient, start, stop, out):
    """out[i, j] = gradient[i] . decoder[index[i, j]] of the units ``start..stop``; four dot products at a time."""
    d = gradient.shape[1]
    zero = gradient.dtype.type(0)
    for i in range(gradient.shape[0]):
        r, units = gradient[i], index[i]
        j, n = 0, count[i]
        if start > 0 or stop < decoder.shape[0]:
            for j in range(n):
                if start <= units[j] < stop:
                    w0, s0 = decoder[units[j]], zero
                    for c in range(d):
                        s0 += r[c] * w0[c]
                    out[i, j] = s0
            continue
        while j + 4 <= n:
            w0, w1 = decoder[units[j]], decoder[units[j + 1]]
            w2, w3 = decoder[units[j + 2]], decoder[units[j + 3]]
            s0, s1, s2, s3 = zero, zero, zero, zero
            for c in range(d):
                y = r[c]
                s0 += y * w0[c]
                s1 += y * w1[c]
                s2 += y * w2[c]
                s3 += y * w3[c]
            out[i, j], out[i, j + 1], out[i, j + 2], out[i, j + 3] = s0, s1, s2, s3
            j += 4
        while j < n:
            w0, s0 = decoder[units[j]], zero
            for c in range(d):
                s0 += r[c] * w0[c]
            out[i, j] = s0
            j += 1


@jit
def spmm_by_unit(ptr, row, values, x, out, add):
    """out[u] (+)= sum over the entries of unit u of value times x[row]."""
    for u in range(out.shape[0]):
        if not add:
            out[u][:] = 0
        _add_rows(row, values, ptr[u], ptr[u + 1], x, out[u])
