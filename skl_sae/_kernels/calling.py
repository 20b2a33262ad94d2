"""Calls of kernels by the address of their machine code, without the interpreter.

Numba's functions take, as C would pass them, the address of the result, that of an exception, and the numbers that
`Kernel.words` lists; they return zero, or a status. A caller may pass more than a function reads, so a few sizes serve
all kernels.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

# Numbers of words that are passed. More than the last one no kernel takes.
SIZES = 16, 32, 48, 64, 80


def size_of(n_words):
    """Index of the smallest size that has room for some words."""
    return next(i for i, size in enumerate(SIZES) if size >= n_words)


@intrinsic
def invoke(typing, address, size, words, columns, first, table, slot):
    """Call a kernel with ``words[first:] + table[slot, columns[first:]]``; returns its status, zero if all is well."""

    def generate(context, builder, signature, args):
        arrays = dict(zip(("words", "columns", "table"), (words, columns, table), strict=True))
        address, size, *rest = args
        values = dict(zip(("words", "columns", "table"), (rest[0], rest[1], rest[3]), strict=True))
        made = {n: context.make_array(kind)(context, builder, values[n]) for n, kind in arrays.items()}
        first, slot = rest[2], rest[4]
        i64, i32 = ir.IntType(64), ir.IntType(32)
        word, column = (builder.gep(made[name].data, [first]) for name in ("words", "columns"))
        n_columns = builder.extract_value(made["table"].shape, 1)
        row = builder.gep(made["table"].data, [builder.mul(slot, n_columns)])
        # both are left alone unless something goes wrong, or something is returned
        result, exception = builder.alloca(i64, 2), builder.alloca(i64)
        end, status = builder.append_basic_block("called"), builder.alloca(i32)
        choice = builder.switch(size, end)
        for number, n in enumerate(SIZES):
            block = builder.append_basic_block(f"with_{n}")
            choice.add_case(i64(number), block)
            builder.position_at_end(block)
            passed = [result, exception]
            for i in range(n):
                base = builder.load(builder.gep(row, [builder.load(builder.gep(column, [i64(i)]))]))
                passed.append(builder.add(builder.load(builder.gep(word, [i64(i)])), base))
            kind = ir.FunctionType(i32, [each.type for each in passed])
            builder.store(builder.call(builder.inttoptr(address, kind.as_pointer()), passed), status)
            builder.branch(end)
        builder.position_at_end(end)
        return builder.sext(builder.load(status), i64)

    kinds = types.int64, types.int64, words, columns, types.int64, table, types.int64
    return types.int64(*kinds), generate
