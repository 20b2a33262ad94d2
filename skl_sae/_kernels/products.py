"""Dense products of a tile of rows: a block of the result stays in registers during the loop over the inner dimension.

    multiply      initial + x @ weights       vectors along the columns, times single numbers of `x`
    multiply_t    initial + x @ weights.T     vectors along the inner dimension, summed at the end

Why not BLAS: it copies its operands into packed panels first, which does not pay for tiles of a few dozen rows, and
NumPy releases and takes the GIL around each call. Here, every number of a result is summed in the same order wherever
it stands, so the product of a row has the same bits alone and among others.

Where the processor has neither AVX-512 nor AVX2, NumPy's BLAS makes the products.
"""

from functools import partial

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .jit import jit, jit_views
from .vectors import REGISTER, constant, operands

# Blocks of a result that its registers hold, with a few left for the operands: (rows, vectors) and (rows, columns).
ROWS, VECTORS = (8, 3) if REGISTER == 64 else (4, 3)
ROWS_T, COLUMNS_T = (8, 3) if REGISTER == 64 else (3, 4)
# No fastmath: it would allow another order of summation for a single row than for many.
exact = partial(jit, fastmath=False)
# What a result starts from: zero, the row `initial` in every row, or what `out` holds already.
FROM_ZERO, FROM_INITIAL, FROM_OUT = range(3)
# Part of the weights that is used at a time, so that it stays in the cache: of the inner dimension, and of columns.
DEPTH, COLUMNS_IN_CACHE = 1024, 21 * COLUMNS_T
# Number of rows that BLAS multiplies at a time where a row must not depend on the others.
ROWS_ALIKE = 32


def _block(rows, vectors):
    """Kernel of the block of ``out = initial + x @ weights`` whose corner is (i, j)."""

    @intrinsic
    def block(typing, x, weights, out, initial, mode, i, j):
        def generate(context, builder, signature, args):
            x, w, out, initial = operands(context, builder, signature, args[:4])
            mode, i, j = args[4:]
            columns = [builder.add(j, constant(v * w.lanes)) for v in range(vectors)]
            cells = [(builder.add(i, constant(r)), column) for r in range(rows) for column in columns]
            sums = [cgutils.alloca_once_value(builder, ir.Constant(out.vector, None)) for _ in cells]
            with builder.if_then(builder.icmp_signed("==", mode, constant(FROM_INITIAL))):
                for total, (_, column) in zip(sums, cells, strict=True):
                    builder.store(out.load(initial.at(column), out.vector), total)
            with builder.if_then(builder.icmp_signed("==", mode, constant(FROM_OUT))):
                for total, cell in zip(sums, cells, strict=True):
                    builder.store(out.load(out.at(*cell), out.vector), total)
            with cgutils.for_range(builder, x.shape[1]) as loop:
                panel = [w.load(w.at(loop.index, column), w.vector) for column in columns]
                for r in range(rows):
                    number = x.spread(x.load(x.at(builder.add(i, constant(r)), loop.index), x.number))
                    for v, factor in enumerate(panel):
                        total = sums[r * vectors + v]
                        builder.store(out.fma(number, factor, builder.load(total)), total)
            for total, cell in zip(sums, cells, strict=True):
                out.store(builder.load(total), out.at(*cell))
            return context.get_dummy_value()

        return types.void(x, weights, out, initial, mode, i, j), generate

    return block


def _sum_lanes(of, vectors):
    """Sum the lanes of each vector; the sums, in order, fill the lanes of as few vectors as they need."""
    width = of.lanes
    while width > 1:
        half, pairs = width // 2, zip(vectors[::2], [*vectors[1::2], vectors[-1]], strict=False)
        low = [first + lane for first in range(0, 2 * of.lanes, width) for lane in range(half)]
        high = [lane + half for lane in low]
        vectors = [of.builder.fadd(of.shuffle(a, b, low), of.shuffle(a, b, high)) for a, b in pairs]
        width = half
    return vectors


def _block_t(rows, columns):
    """Kernel of the block of ``out = initial + x @ weights.T`` with corner (i, j); vectors run along `inner`."""

    @intrinsic
    def block(typing, x, weights, out, initial, mode, i, j):
        def generate(context, builder, signature, args):
            x, w, out, initial = operands(context, builder, signature, args[:4])
            mode, i, j = args[4:]
            sums = [cgutils.alloca_once_value(builder, ir.Constant(out.vector, None)) for _ in range(rows * columns)]

            def add_products(k, keep=lambda vector: vector):
                factors = [keep(w.load(w.at(builder.add(j, constant(c)), k), w.vector)) for c in range(columns)]
                for r in range(rows):
                    vector = keep(x.load(x.at(builder.add(i, constant(r)), k), x.vector))
                    for c, factor in enumerate(factors):
                        total = sums[r * columns + c]
                        builder.store(out.fma(vector, factor, builder.load(total)), total)

            depth, lanes = x.shape[1], constant(x.lanes)
            rest = builder.srem(depth, lanes)
            with cgutils.for_range_slice(builder, constant(0), builder.sub(depth, rest), lanes) as (k, _):
                add_products(k)
            with builder.if_then(builder.icmp_signed("!=", rest, constant(0))):
                # the last vector reaches back over numbers that were seen: zeros take their place
                numbers = ir.Constant(ir.VectorType(ir.IntType(64), x.lanes), list(range(x.lanes)))
                unseen = builder.icmp_signed(">=", numbers, x.spread(builder.sub(lanes, rest)))
                zero = ir.Constant(x.vector, None)
                add_products(builder.sub(depth, lanes), lambda vector: builder.select(unseen, vector, zero))

            totals = _sum_lanes(out, [builder.load(total) for total in sums])
            piece = ir.VectorType(out.number, columns)
            base = cgutils.alloca_once_value(builder, ir.Constant(piece, None))
            with builder.if_then(builder.icmp_signed("==", mode, constant(FROM_INITIAL))):
                builder.store(out.load(initial.at(j), piece), base)
            for r in range(rows):
                first, address = r * columns, out.at(builder.add(i, constant(r)), j)
                with builder.if_then(builder.icmp_signed("==", mode, constant(FROM_OUT))):
                    builder.store(out.load(address, piece), base)
                lane, pair = first % out.lanes, [*totals[first // out.lanes :], totals[-1]][:2]
                result = out.shuffle(*pair, range(lane, lane + columns))
                out.store(builder.fadd(result, builder.load(base)), address)
            return context.get_dummy_value()

        return types.void(x, weights, out, initial, mode, i, j), generate

    return block


_block_wide, _row_wide = _block(ROWS, VECTORS), _block(1, VECTORS)
_block_narrow, _row_narrow = _block(ROWS, 1), _block(1, 1)
_block_inner, _column_inner = _block_t(ROWS_T, COLUMNS_T), _block_t(ROWS_T, 1)
_row_inner, _number_inner = _block_t(1, COLUMNS_T), _block_t(1, 1)


@exact
def _multiply_vectors(x, weights, out, initial, mode):
    """`multiply` where the columns fill vectors."""
    lanes = REGISTER // out.itemsize
    m, n = out.shape
    whole, wide = m - m % ROWS, n - n % (VECTORS * lanes)
    for j in range(0, wide, VECTORS * lanes):
        for i in range(0, whole, ROWS):
            _block_wide(x, weights, out, initial, mode, i, j)
        for i in range(whole, m):
            _row_wide(x, weights, out, initial, mode, i, j)
    for j in range(wide, n, lanes):
        for i in range(0, whole, ROWS):
            _block_narrow(x, weights, out, initial, mode, i, j)
        for i in range(whole, m):
            _row_narrow(x, weights, out, initial, mode, i, j)


@jit
def _copy(source, out):
    """Copy to the first columns of `out`. (An assignment of slices would take seconds to compile.)"""
    for i in range(source.shape[0]):
        for j in range(source.shape[1]):
            out[i, j] = source[i, j]


@jit_views("x", "x", "out", "v", "n", fastmath=False)
def _multiply(x, weights, out, initial, mode):
    _check(x, weights.shape, weights, out, initial, mode)
    lanes = REGISTER // out.itemsize
    depth, n = weights.shape
    whole = n - n % lanes
    rest = n - whole
    # the last columns do not fill a vector: they are copied to arrays where they do
    panel, last = np.zeros((depth if rest else 0, lanes), out.dtype), np.empty((len(out), lanes), out.dtype)
    last_initial = np.zeros(lanes, out.dtype)
    if rest:
        _copy(weights[:, whole:], panel)
        _copy(out[:, whole:], last)
    for j in range(min(rest, max(initial.size - whole, 0))):
        last_initial[j] = initial[whole + j]
    for k in range(0, max(depth, 1), DEPTH):
        a, how = x[:, k : k + DEPTH], mode if k == 0 else FROM_OUT
        _multiply_vectors(a, weights[k : k + DEPTH], out[:, :whole], initial, how)
        if rest:
            _multiply_vectors(a, panel[k : k + DEPTH], last, last_initial, how)
    _copy(last[:, :rest], out[:, whole:])


@exact
def _multiply_t_vectors(x, weights, out, initial, mode):
    """`multiply_t` where the inner dimension fills a vector, and stays in the cache."""
    m, n = out.shape
    rows, columns = m - m % ROWS_T, n - n % COLUMNS_T
    for first in range(0, n, COLUMNS_IN_CACHE):
        last = min(columns, first + COLUMNS_IN_CACHE)
        for i in range(0, rows, ROWS_T):
            for j in range(first, last, COLUMNS_T):
                _block_inner(x, weights, out, initial, mode, i, j)
        for i in range(rows, m):
            for j in range(first, last, COLUMNS_T):
                _row_inner(x, weights, out, initial, mode, i, j)
    for j in range(columns, n):
        for i in range(0, rows, ROWS_T):
            _column_inner(x, weights, out, initial, mode, i, j)
        for i in range(rows, m):
            _number_inner(x, weights, out, initial, mode, i, j)


@exact
def _multiply_t_depths(x, weights, out, initial, mode):
    for k in range(0, x.shape[1], DEPTH):
        a, how = x[:, k : k + DEPTH], mode if k == 0 else FROM_OUT
        _multiply_t_vectors(a, weights[:, k : k + DEPTH], out, initial, how)


@jit_views("x", "x", "out", "v", "n", fastmath=False)
def _multiply_t(x, weights, out, initial, mode):
    _check(x, weights.shape[::-1], weights, out, initial, mode)
    lanes = REGISTER // out.itemsize
    depth = x.shape[1]
    if depth >= lanes and _has_rows(x):
        _multiply_t_depths(x, weights, out, initial, mode)
    else:
        wide = max(depth, lanes)
        x_wide, weights_wide = np.zeros((len(x), wide), out.dtype), np.zeros((len(weights), wide), out.dtype)
        _copy(x, x_wide)
        _copy(weights, weights_wide)
        _multiply_t_depths(x_wide, weights_wide, out, initial, mode)


@jit
def _has_rows(x):
    return x.size == 0 or x.shape[1] == 1 or x.strides[1] == x.itemsize


@jit
def _check(x, shape, weights, out, initial, mode):
    """Raise where a kernel, which trusts its arguments, would leave its arrays; `shape` is that of the right factor."""
    if x.shape[1] != shape[0] or out.shape != (x.shape[0], shape[1]):
        raise ValueError("The shapes of the factors and of the product do not fit.")
    if mode == FROM_INITIAL and initial.size != shape[1]:
        raise ValueError("The initial row must have one number for each column of the product.")
    in_line = initial.size <= 1 or initial.strides[0] == initial.itemsize
    if not (_has_rows(weights) and _has_rows(out) and in_line):
        raise ValueError("The rows of the weights, the product and the initial row must be contiguous.")


def multiply(x, weights, out=None, initial=None):
    """``initial + x @ weights``.

    Parameters
    ----------
    x : ndarray of shape (rows, inner)
        May be a view of any strides.
    weights : ndarray of shape (inner, columns)
        Its rows must be contiguous, as those of `out`.
    out : ndarray of shape (rows, columns), optional
    initial : ndarray of shape (columns,), optional
        Added to each row. `out` itself means that the product is added to what is there.

    Returns
    -------
    out : ndarray of shape (rows, columns)
    """
    if out is None:
        out = np.empty((len(x), weights.shape[1]), weights.dtype)
    if REGISTER:
        _run(_multiply, x, weights, out, initial)
    else:
        _multiply_by_blas(x, weights, out, initial)
    return out


def multiply_t(x, weights, out=None, initial=None):
    """``initial + x @ weights.T``; see `multiply`. The rows of `x` should be contiguous, too."""
    if out is None:
        out = np.empty((len(x), len(weights)), weights.dtype)
    if REGISTER:
        _run(_multiply_t, x, weights, out, initial)
    else:
        _multiply_by_blas(x, weights.T, out, initial)
    return out


def _run(kernel, x, weights, out, initial):
    mode = FROM_ZERO if initial is None else FROM_OUT if initial is out else FROM_INITIAL
    row = initial if mode == FROM_INITIAL else np.empty(0, out.dtype)
    kernel(x, weights, out, row, mode)


def multiply_rows_t(x, weights, initial):
    """``initial + x @ weights.T``, with the same bits for a row whatever rows are beside it.

    Our kernels do that anyway. The bits that BLAS gives a row depend on the number of rows, so rows are multiplied in
    groups of one size, the last filled up with zeros. Where they also depend on the place in a group, rows are
    multiplied one by one.
    """
    if REGISTER:
        return multiply_t(x, weights, initial=initial)
    if not _places_are_alike(weights):
        return np.matmul(x[:, None], weights.T)[:, 0] + initial
    out = np.empty((len(x), len(weights)), weights.dtype)
    for lo in range(0, len(x), ROWS_ALIKE):
        group = x[lo : lo + ROWS_ALIKE]
        filled = np.zeros((ROWS_ALIKE, x.shape[1]), x.dtype)
        filled[: len(group)] = group
        out[lo : lo + ROWS_ALIKE] = np.matmul(filled, weights.T)[: len(group)]
    out += initial
    return out


_alike = {}


def _places_are_alike(weights):
    """Whether BLAS gives equal rows of a group equal bits, with weights of this shape."""
    kind = weights.shape, weights.dtype
    if kind not in _alike:
        row = np.random.default_rng(0).standard_normal(weights.shape[1]).astype(weights.dtype)
        product = np.matmul(np.tile(row, (ROWS_ALIKE, 1)), weights.T)
        _alike[kind] = bool((product == product[0]).all())
    return _alike[kind]


def _multiply_by_blas(x, right, out, initial):
    result = np.matmul(x, right)
    if initial is None:
        out[:] = result
    else:
        np.add(initial, result, out=out)
