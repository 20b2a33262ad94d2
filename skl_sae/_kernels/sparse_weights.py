"""Products with sparse weights: matrices in CSR, a row for each unit.

The sum of an entry is four sums over every fourth weight, each term rounded once, whether rows come one by one or as a
tile: a row has the same bits whatever rows are beside it.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .jit import row_of
from .kernel import kernel
from .memory import empty_rows
from .vectors import REGISTER, constant, operands

# Sums that an entry is made of; vectors of a tile of rows; and rows up to which they are multiplied one by one.
CHAINS, TILE_VECTORS, FEW_ROWS = 4, 8, 4
# No reassociation: sums would depend on how a loop is unrolled.
IN_ORDER = {"nsz", "contract"}


def multiply_entries_t(x, ptr, index, values, initial):
    """``initial + x @ W.T``, with the entries ``ptr[u]..ptr[u + 1]`` of row u of W."""
    n, dtype = len(x), values.dtype
    if n <= FEW_ROWS or not REGISTER:
        out = np.array(np.broadcast_to(initial, (n, initial.size)), order="C")
        _add_by_row(ptr, index, values, x, out)
        return out
    out, lanes = np.empty((n, initial.size), dtype), REGISTER // dtype.itemsize
    for lo in range(0, n, TILE_VECTORS * lanes):
        part, mine = x[lo : lo + TILE_VECTORS * lanes], out[lo : lo + TILE_VECTORS * lanes]
        width = -(-len(part) // lanes) * lanes
        columns, sums = empty_rows(x.shape[1], width, dtype), empty_rows(initial.size, width, dtype)
        columns[:, len(part) :] = 0
        columns[:, : len(part)] = part.T
        sums[:] = initial[:, None]
        _add_by_tile(ptr, index, values, columns, sums)
        mine[:] = sums[:, : len(part)].T
    return out


@kernel("l1", "i1", "T1", "T2", "T2!", fastmath=IN_ORDER)
def _add_by_row(ptr, index, values, x, out):
    """Places are counted without a sign, which would be looked at."""
    zero, one, two, three, four = out.dtype.type(0), np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(4)
    for i in range(x.shape[0]):
        row, o = row_of(x, i), row_of(out, i)
        for u in range(o.size):
            q, last = np.uint64(ptr[u]), np.uint64(ptr[u + 1])
            s0, s1, s2, s3 = zero, zero, zero, zero
            while q + four <= last:
                s0 += values[q] * row[np.uint64(index[q])]
                s1 += values[q + one] * row[np.uint64(index[q + one])]
                s2 += values[q + two] * row[np.uint64(index[q + two])]
                s3 += values[q + three] * row[np.uint64(index[q + three])]
                q += four
            if q < last:
                s0 += values[q] * row[np.uint64(index[q])]
            if q + one < last:
                s1 += values[q + one] * row[np.uint64(index[q + one])]
            if q + two < last:
                s2 += values[q + two] * row[np.uint64(index[q + two])]
            o[u] += (s0 + s1) + (s2 + s3)


def _add(vectors):
    """Kernel that adds weighted rows of `x` to some vectors of `out`, from column j on, in the same order."""

    @intrinsic
    def add(typing, index, values, x, out, first, last, j):
        def generate(context, builder, signature, args):
            index, values, x, out = operands(context, builder, signature, args[:4])
            first, last, j = args[4:]
            columns = [builder.add(j, constant(v * x.lanes)) for v in range(vectors)]

            def chain(k):
                sums = [cgutils.alloca_once(builder, x.vector) for _ in columns]
                for total in sums:
                    builder.store(ir.Constant(x.vector, None), total)
                steps = builder.add(first, constant(k)), last, constant(CHAINS)
                with cgutils.for_range_slice(builder, *steps) as (entry, _):
                    row = builder.sext(index.load(index.at(entry), index.number), ir.IntType(64))
                    factor = values.load_spread(values.at(entry))
                    for total, column in zip(sums, columns, strict=True):
                        term = x.load(x.at(row, column), x.vector)
                        builder.store(x.fma(factor, term, builder.load(total)), total)
                return [builder.load(total) for total in sums]

            def plus(a, b):
                return [builder.fadd(one, other) for one, other in zip(a, b, strict=True)]

            total = plus(plus(chain(0), chain(1)), plus(chain(2), chain(3)))
            before = [out.load(out.at(column), out.vector) for column in columns]
            for value, column in zip(plus(before, total), columns, strict=True):
                out.store(value, out.at(column))
            return context.get_dummy_value()

        return types.void(index, values, x, out, types.intp, types.intp, types.intp), generate

    return add


_add_8, _add_4, _add_2, _add_1 = (_add(vectors) for vectors in (8, 4, 2, 1))


@kernel("l1", "i1", "T1", "T2", "T2!", fastmath=IN_ORDER)
def _add_by_tile(ptr, index, values, columns, out):
    """Of rows that stand in `columns`, whole vectors wide."""
    lanes, n = REGISTER // out.itemsize, out.shape[1]
    for u in range(out.shape[0]):
        o, j = row_of(out, u), 0
        while j + 8 * lanes <= n:
            _add_8(index, values, columns, o, ptr[u], ptr[u + 1], j)
            j += 8 * lanes
        if j + 4 * lanes <= n:
            _add_4(index, values, columns, o, ptr[u], ptr[u + 1], j)
            j += 4 * lanes
        if j + 2 * lanes <= n:
            _add_2(index, values, columns, o, ptr[u], ptr[u + 1], j)
            j += 2 * lanes
        if j + lanes <= n:
            _add_1(index, values, columns, o, ptr[u], ptr[u + 1], j)


@kernel("i2", "T2", "i1", "l1", "i1", "T1", "T2!")
def add_weighted(units, factors, count, ptr, index, values, out):
    """out[i] += sum over the entries of row i of a code of factor times row of W."""
    for i in range(out.shape[0]):
        o, unit, factor = row_of(out, i), row_of(units, i), row_of(factors, i)
        for j in range(count[i]):
            u, f = unit[j], factor[j]
            for q in range(ptr[u], ptr[u + 1]):
                o[np.uint64(index[q])] += f * values[q]


@kernel("l1", "i1", "T1", "T2!")
def fill_rows(ptr, index, values, out):
    """Write rows of W, of which `ptr` has the entries, into a dense block."""
    for u in range(out.shape[0]):
        o = row_of(out, u)
        for c in range(o.size):
            o[c] = 0
        for q in range(ptr[u], ptr[u + 1]):
            o[np.uint64(index[q])] = values[q]
