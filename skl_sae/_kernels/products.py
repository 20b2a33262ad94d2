"""Dense products of a tile of rows: a block of the result stays in registers during the loop over the inner dimension.

    multiply      initial + x @ weights       vectors along the columns, times single numbers of `x`
    multiply_t    initial + x @ weights.T     vectors along the inner dimension, summed at the end

Why not BLAS: it copies its operands into packed panels first, which does not pay for tiles of a few dozen rows, and
NumPy releases and takes the GIL around each call. Here, every number of a result is summed in the same order wherever
it stands, so the product of a row has the same bits alone and among others.

Where the processor has none of AVX-512, AVX2 and NEON, NumPy's BLAS makes the products.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .kernel import kernel, recording
from .vectors import REGISTER, constant, operands

# Blocks of a result that registers hold, with a few left for the operands: (rows, vectors) and (rows, columns). AVX2
# has 16 registers, AVX-512 and NEON have 32.
ROWS, VECTORS = (4, 3) if REGISTER == 32 else (8, 3)
ROWS_T, COLUMNS_T = (3, 4) if REGISTER == 32 else (8, 3)
# What a result starts from: zero, the row `initial` in every row, or what `out` holds already.
FROM_ZERO, FROM_INITIAL, FROM_OUT = range(3)
# Part of the weights that is used at a time, so that it stays in the cache: of the inner dimension, and of columns.
DEPTH, COLUMNS_IN_CACHE = 1024, 21 * COLUMNS_T
# Number of rows that BLAS multiplies at a time where a row must not depend on the others.
ROWS_ALIKE = 32


def _block(rows, vectors):
    """Kernel of the block of ``out = initial + x @ weights`` with corner (i, j), from ``first..last`` of `inner`."""

    @intrinsic
    def block(typing, x, weights, out, initial, mode, i, j, first, last):
        def generate(context, builder, signature, args):
            x, w, out, initial = operands(context, builder, signature, args[:4])
            mode, i, j, first, last = args[4:]
            columns = [builder.add(j, constant(v * w.lanes)) for v in range(vectors)]
            cells = [(builder.add(i, constant(r)), column) for r in range(rows) for column in columns]
            sums = [cgutils.alloca_once_value(builder, ir.Constant(out.vector, None)) for _ in cells]
            with builder.if_then(builder.icmp_signed("==", mode, constant(FROM_INITIAL))):
                for total, (_, column) in zip(sums, cells, strict=True):
                    builder.store(out.load(initial.at(column), out.vector), total)
            with builder.if_then(builder.icmp_signed("==", mode, constant(FROM_OUT))):
                for total, cell in zip(sums, cells, strict=True):
                    builder.store(out.load(out.at(*cell), out.vector), total)
            x.data, w.data = x.at(constant(0), first), w.at(first, constant(0))
            with cgutils.for_range(builder, builder.sub(last, first)) as loop:
                panel = [w.load(w.at(loop.index, column), w.vector) for column in columns]
                for r in range(rows):
                    number = x.load_spread(x.at(builder.add(i, constant(r)), loop.index))
                    for v, factor in enumerate(panel):
                        total = sums[r * vectors + v]
                        builder.store(out.fma(number, factor, builder.load(total)), total)
            for total, cell in zip(sums, cells, strict=True):
                out.store(builder.load(total), out.at(*cell))
            return context.get_dummy_value()

        return types.void(x, weights, out, initial, *[types.intp] * 5), generate

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
    """Kernel of the same block of ``out = initial + x @ weights.T``; vectors run along `inner`."""

    @intrinsic
    def block(typing, x, weights, out, initial, mode, i, j, first, last):
        def generate(context, builder, signature, args):
            x, w, out, initial = operands(context, builder, signature, args[:4])
            mode, i, j, first, last = args[4:]
            sums = [cgutils.alloca_once_value(builder, ir.Constant(out.vector, None)) for _ in range(rows * columns)]

            def add_products(k, keep=lambda vector: vector):
                factors = [keep(w.load(w.at(builder.add(j, constant(c)), k), w.vector)) for c in range(columns)]
                for r in range(rows):
                    vector = keep(x.load(x.at(builder.add(i, constant(r)), k), x.vector))
                    for c, factor in enumerate(factors):
                        total = sums[r * columns + c]
                        builder.store(out.fma(vector, factor, builder.load(total)), total)

            x.data, w.data = x.at(constant(0), first), w.at(constant(0), first)
            depth, lanes = builder.sub(last, first), constant(x.lanes)
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
                result = out.piece(totals, first, columns)
                out.store(builder.fadd(result, builder.load(base)), address)
            return context.get_dummy_value()

        return types.void(x, weights, out, initial, *[types.intp] * 5), generate

    return block


_block_wide, _row_wide = _block(ROWS, VECTORS), _block(1, VECTORS)
_block_narrow, _row_narrow = _block(ROWS, 1), _block(1, 1)
_block_inner, _column_inner = _block_t(ROWS_T, COLUMNS_T), _block_t(ROWS_T, 1)
_row_inner, _number_inner = _block_t(1, COLUMNS_T), _block_t(1, 1)


@intrinsic
def _in_rows(typing, x):
    """Whether the numbers of each row lie side by side."""

    def generate(context, builder, signature, args):
        (array,) = operands(context, builder, signature, args)
        *rows, numbers = array.shape
        fine = builder.icmp_signed("==", array.strides[-1], constant(array.size))
        for n, few in [(numbers, 1), *[(n, 0) for n in rows]]:
            fine = builder.or_(fine, builder.icmp_signed("<=", n, constant(few)))
        return fine

    return types.boolean(x), generate


# What a kernel returns: that the product is made, or else that nothing was written, and why.
DONE, MISFIT, MISFIT_OF_INITIAL, APART = range(4)
ERRORS = {
    MISFIT: "The shapes of the factors and of the product do not fit.",
    MISFIT_OF_INITIAL: "The initial row must have one number for each column of the product.",
    APART: "The rows of the weights, the product and the initial row must be contiguous.",
}


# No fastmath: it would allow another order of summation for a single row than for many.
# The two kernels are one function each, whose blocks stand once: a kernel that they called would be optimised alone and
# again in each of them, and once more for copies of another layout.
@kernel("T2", "T2", "T2!", "T1", "n", fastmath=False)
def _multiply(x, weights, out, initial, mode):
    m, n, depth, lanes = out.shape[0], out.shape[1], x.shape[1], REGISTER // out.itemsize
    if weights.shape[0] != depth or weights.shape[1] != n or x.shape[0] != m:
        return MISFIT
    if mode == FROM_INITIAL and initial.size != n:
        return MISFIT_OF_INITIAL
    if not (_in_rows(weights) and _in_rows(out)):
        return APART
    rows, whole = m - m % ROWS, n - n % lanes
    w, to, start, width = weights, out, initial, whole
    # the last columns do not fill a vector: they are copied to arrays where they do
    panel, last_out = np.zeros((depth if whole < n else 0, lanes), out.dtype), np.empty((m, lanes), out.dtype)
    last_initial = np.zeros(lanes, out.dtype)
    for part in range(1 if whole == n else 2):
        if part == 1:
            w, to, start, width = panel, last_out, last_initial, lanes
            for k in range(depth):
                for j in range(n - whole):
                    panel[k, j] = weights[k, np.uintp(whole + j)]
            for i in range(m if mode == FROM_OUT else 0):
                for j in range(n - whole):
                    last_out[i, j] = out[i, np.uintp(whole + j)]
            for j in range(n - whole if mode == FROM_INITIAL else 0):
                last_initial[j] = initial[np.uintp(whole + j)]
        wide = width - width % (VECTORS * lanes)
        for first in range(0, max(depth, 1), DEPTH):
            last, how = min(depth, first + DEPTH), mode if first == 0 else FROM_OUT
            for j in range(0, wide, VECTORS * lanes):
                for i in range(0, rows, ROWS):
                    _block_wide(x, w, to, start, how, i, j, first, last)
                for i in range(rows, m):
                    _row_wide(x, w, to, start, how, i, j, first, last)
            for j in range(wide, width, lanes):
                for i in range(0, rows, ROWS):
                    _block_narrow(x, w, to, start, how, i, j, first, last)
                for i in range(rows, m):
                    _row_narrow(x, w, to, start, how, i, j, first, last)
    for i in range(m):
        for j in range(n - whole):
            out[i, np.uintp(whole + j)] = last_out[i, j]
    return DONE


@kernel("T2", "T2", "T2!", "T1", "n", fastmath=False)
def _multiply_t(x, weights, out, initial, mode):
    m, n, depth = out.shape[0], out.shape[1], x.shape[1]
    if weights.shape[0] != n or weights.shape[1] != depth or x.shape[0] != m:
        return MISFIT
    if mode == FROM_INITIAL and initial.size != n:
        return MISFIT_OF_INITIAL
    if not (_in_rows(weights) and _in_rows(out)):
        return APART
    a, w, wide = x, weights, max(depth, REGISTER // out.itemsize)
    if depth < wide or not _in_rows(x):  # copies, with zeros behind the rows
        a_wide, w_wide = np.zeros((m, wide), out.dtype), np.zeros((n, wide), out.dtype)
        for k in range(depth):
            for i in range(m):
                a_wide[i, k] = x[i, k]
            for j in range(n):
                w_wide[j, k] = weights[j, k]
        a, w, depth = a_wide, w_wide, wide
    rows, columns = m - m % ROWS_T, n - n % COLUMNS_T
    for first in range(0, depth, DEPTH):
        last, how = min(depth, first + DEPTH), mode if first == 0 else FROM_OUT
        for some in range(0, n, COLUMNS_IN_CACHE):
            stop = min(columns, some + COLUMNS_IN_CACHE)
            for i in range(0, rows, ROWS_T):
                for j in range(some, stop, COLUMNS_T):
                    _block_inner(a, w, out, initial, how, i, j, first, last)
            for i in range(rows, m):
                for j in range(some, stop, COLUMNS_T):
                    _row_inner(a, w, out, initial, how, i, j, first, last)
        for j in range(columns, n):
            for i in range(0, rows, ROWS_T):
                _column_inner(a, w, out, initial, how, i, j, first, last)
            for i in range(rows, m):
                _number_inner(a, w, out, initial, how, i, j, first, last)
    return DONE


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
        _leave_to_blas(x, weights, out, initial)
    return out


def multiply_t(x, weights, out=None, initial=None):
    """``initial + x @ weights.T``; see `multiply`. The rows of `x` should be contiguous, too."""
    if out is None:
        out = np.empty((len(x), len(weights)), weights.dtype)
    if REGISTER:
        _run(_multiply_t, x, weights, out, initial)
    else:
        _leave_to_blas(x, weights.T, out, initial)
    return out


def _run(product, x, weights, out, initial):
    mode = FROM_ZERO if initial is None else FROM_OUT if initial is out else FROM_INITIAL
    row = initial if mode == FROM_INITIAL else np.empty(0, out.dtype)
    if row.size > 1 and row.strides[0] != row.itemsize:
        raise ValueError(ERRORS[APART])
    problem = product(x, weights, out, row, mode)
    if problem:
        raise ValueError(ERRORS[problem])


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


def _leave_to_blas(*args):
    """Let NumPy multiply: now, or where it stands in the plan that is recorded."""
    plan = recording()
    if plan is None:
        _multiply_by_blas(*args)
    else:
        plan.call(_multiply_by_blas, *args)


def _multiply_by_blas(x, right, out, initial):
    result = np.matmul(x, right)
    if initial is None:
        out[:] = result
    else:
        np.add(initial, result, out=out)
