"""Products with compressed codes: with the entries of each row, and with those of each unit (see `layouts`)."""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .jit import jit, row_of
from .kernel import kernel
from .vectors import REGISTER, constant, operands

# Columns that are worked on at a time, so that what rows share stays in the cache where they are long: whole vectors.
COLUMNS_IN_CACHE = 512


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
                factor = values.load_spread(values.at(entry))
                for total, column in zip(sums, columns, strict=True):
                    term = x.load(x.at(row, column), x.vector)
                    builder.store(x.fma(factor, term, builder.load(total)), total)
            for total, column in zip(sums, columns, strict=True):
                out.store(builder.load(total), out.at(column))
            return context.get_dummy_value()

        return types.void(index, values, x, out, types.intp, types.intp, types.intp), generate

    return combine


_combine_8, _combine_4, _combine_2, _combine_1 = (_combine(vectors) for vectors in (8, 4, 2, 1))


def _combine_by_registers(ptr, count, width, index, values, x, out, add):
    """out[i] (+)= sum over some entries of value times row of `x`; a row of `out` is read and written once.

    The entries are ``ptr[i]..ptr[i + 1]``, or else, where a `width` is given, the first ``count[i]`` of that many.
    """
    lanes, n_columns = REGISTER // out.itemsize, out.shape[1]
    for start in range(0, n_columns, COLUMNS_IN_CACHE):
        n = min(n_columns, start + COLUMNS_IN_CACHE)
        for i in range(out.shape[0]):
            first = i * width if width > 0 else ptr[i]
            last = first + count[i] if width > 0 else ptr[i + 1]
            o, j = row_of(out, i), start
            if not add:
                for c in range(start, n):
                    o[np.uint64(c)] = 0
            while j + 8 * lanes <= n:
                _combine_8(index, values, x, o, first, last, j)
                j += 8 * lanes
            if j + 4 * lanes <= n:
                _combine_4(index, values, x, o, first, last, j)
                j += 4 * lanes
            if j + 2 * lanes <= n:
                _combine_2(index, values, x, o, first, last, j)
                j += 2 * lanes
            if j + lanes <= n:
                _combine_1(index, values, x, o, first, last, j)
                j += lanes
            if j < n:
                for q in range(first, last):
                    v, row = values[q], row_of(x, index[q])
                    for c in range(j, n):
                        o[c] += v * row[c]


@jit
def _combine_wide_by_loops(index, values, x, out, first, last, j):
    """`combine_wide` where there are no registers to write for."""
    for q in range(first, last):
        v, row = values[q], row_of(x, index[q])
        for c in range(j, j + WIDE // out.itemsize):
            out[c] += v * row[c]


# For other kernels: add weighted rows of an array to this many bytes of a row, from a column on.
WIDE = 8 * REGISTER or 512
combine_wide = _combine_8 if REGISTER else _combine_wide_by_loops


def _combine_by_loops(ptr, count, width, index, values, x, out, add):
    """The same, with a row of `out` read and written once for four entries."""
    for i in range(out.shape[0]):
        q = i * width if width > 0 else ptr[i]
        last = q + count[i] if width > 0 else ptr[i + 1]
        o = row_of(out, i)
        if not add:
            for c in range(o.size):
                o[c] = 0
        while q + 4 <= last:
            v0, v1, v2, v3 = values[q], values[q + 1], values[q + 2], values[q + 3]
            x0, x1 = row_of(x, index[q]), row_of(x, index[q + 1])
            x2, x3 = row_of(x, index[q + 2]), row_of(x, index[q + 3])
            for c in range(o.size):
                o[c] += v0 * x0[c] + v1 * x1[c] + v2 * x2[c] + v3 * x3[c]
            q += 4
        while q < last:
            v0, x0 = values[q], row_of(x, index[q])
            for c in range(o.size):
                o[c] += v0 * x0[c]
            q += 1


# One kernel for both layouts: it takes long to compile.
_combine_rows = kernel("l1", "i1", "n", "i1", "T1", "T2", "T2!", "n")(
    _combine_by_registers if REGISTER else _combine_by_loops
)
_NO_PTR, _NO_COUNT = np.empty(0, np.int64), np.empty(0, np.int32)


def spmm(index, values, count, decoder, start, stop, out):
    """out[i] += sum over the entries of row i, of the units ``start..stop``, of value times row of `decoder`."""
    width = index.shape[1]
    if start > 0 or stop < len(decoder):
        _add_part(index, values, count, decoder, start, stop, out)
    elif width:
        _combine_rows(_NO_PTR, count, width, index.reshape(-1), values.reshape(-1), decoder, out, True)


def spmm_by_unit(ptr, row, values, x, out, add):
    """out[u] (+)= sum over the entries of unit u of value times x[row]."""
    _combine_rows(ptr, _NO_COUNT, 0, row, values, x, out, add)


@kernel("i2", "T2", "i1", "T2", "n", "n", "T2!")
def _add_part(index, values, count, decoder, start, stop, out):
    for i in range(out.shape[0]):
        r, units, v = row_of(out, i), row_of(index, i), row_of(values, i)
        for j in range(count[i]):
            if start <= units[j] < stop:
                w0, v0 = row_of(decoder, units[j]), v[j]
                for c in range(r.size):
                    r[c] += v0 * w0[c]


def sddmm(index, count, decoder, gradient, start, stop, out):
    """out[i, j] = gradient[i] . decoder[index[i, j]] of the units ``start..stop``."""
    if start > 0 or stop < len(decoder):
        _dots_of_part(index, count, decoder, gradient, start, stop, out)
    else:
        _dots(index, count, decoder, gradient, out)


@kernel("i2", "i1", "T2", "T2", "T2!")
def _dots(index, count, decoder, gradient, out):
    """Four dot products at a time. Columns are counted without a sign, which would be looked at."""
    zero, n_columns, step = gradient.dtype.type(0), np.uint64(gradient.shape[1]), np.uint64(COLUMNS_IN_CACHE)
    start = np.uint64(0)
    while start < n_columns:
        end = min(n_columns, start + step)
        for i in range(gradient.shape[0]):
            r, units, o = row_of(gradient, i), row_of(index, i), row_of(out, i)
            for j in range(count[i] if start == 0 else 0):
                o[j] = zero
            j, n = 0, count[i]
            while j + 4 <= n:
                w0, w1 = row_of(decoder, units[j]), row_of(decoder, units[j + 1])
                w2, w3 = row_of(decoder, units[j + 2]), row_of(decoder, units[j + 3])
                s0, s1, s2, s3 = zero, zero, zero, zero
                for c in range(start, end):
                    y = r[c]
                    s0 += y * w0[c]
                    s1 += y * w1[c]
                    s2 += y * w2[c]
                    s3 += y * w3[c]
                o[j], o[j + 1], o[j + 2], o[j + 3] = o[j] + s0, o[j + 1] + s1, o[j + 2] + s2, o[j + 3] + s3
                j += 4
            while j < n:
                w0, s0 = row_of(decoder, units[j]), zero
                for c in range(start, end):
                    s0 += r[c] * w0[c]
                o[j] += s0
                j += 1
        start = end


@kernel("i2", "i1", "T2", "T2", "n", "n", "T2!")
def _dots_of_part(index, count, decoder, gradient, start, stop, out):
    for i in range(gradient.shape[0]):
        r, units = row_of(gradient, i), row_of(index, i)
        for j in range(count[i]):
            if start <= units[j] < stop:
                w, total = row_of(decoder, units[j]), gradient.dtype.type(0)
                for c in range(r.size):
                    total += r[c] * w[c]
                out[i, j] = total
