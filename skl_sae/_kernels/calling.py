"""Calls of kernels by the address of their machine code, without the interpreter.

Numba's functions take, as C would pass them, the address of the result, that of an exception, and the numbers that
`Kernel.words` lists; they return zero, or a status. A caller may pass more than a function reads, so a few sizes serve
all kernels.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

# Numbers of words that are passed. More than the last one no kernel takes.
SIZES = 24, 48, 80


def size_of(n_words):
    """Index of the smallest size that has room for some words."""
    return next(i for i, size in enumerate(SIZES) if size >= n_words)


@intrinsic
def invoke(typing, address, size, words, columns, table):
    """Call a kernel with ``words[i] + table[columns[i]]`` for its words; returns its status, zero if all is well.

    All arguments but the index of a size are addresses, those of arrays of int64.
    """

    def generate(context, builder, signature, args):
        i64, i32 = ir.IntType(64), ir.IntType(32)
        address, size, *arrays = args
        words, columns, table = (builder.inttoptr(array, i64.as_pointer()) for array in arrays)
        # both are left alone unless something goes wrong, or something is returned
        result, exception = cgutils.alloca_once(builder, i64, 2), cgutils.alloca_once(builder, i64)
        end, status = builder.append_basic_block("called"), cgutils.alloca_once(builder, i32)
        choice = builder.switch(size, end)
        for number, n in enumerate(SIZES):
            block = builder.append_basic_block(f"with_{n}")
            choice.add_case(i64(number), block)
            builder.position_at_end(block)
            passed = [result, exception]
            for i in range(n):
                base = builder.load(builder.gep(table, [builder.load(builder.gep(columns, [i64(i)]))]))
                passed.append(builder.add(builder.load(builder.gep(words, [i64(i)])), base))
            kind = ir.FunctionType(i32, [each.type for each in passed])
            builder.store(builder.call(builder.inttoptr(address, kind.as_pointer()), passed), status)
            builder.branch(end)
        builder.position_at_end(end)
        return builder.sext(builder.load(status), i64)

    return types.int64(*[types.int64] * 5), generate
