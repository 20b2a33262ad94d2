"""Numbers that threads share without a lock: read, written and counted up in one piece. And a pause between looks."""

import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

# Instructions that take some 25 ns and leave the core to others: the name of LLVM's function, and its arguments.
INSTRUCTIONS = {
    "x86_64": ("llvm.x86.sse2.pause", []),
    "aarch64": ("llvm.aarch64.isb", [15]),
    "arm64": ("llvm.aarch64.isb", [15]),
}
PAUSE = INSTRUCTIONS.get(binding.get_process_triple().partition("-")[0])
PAUSES = PAUSE is not None


def new_flag(n=1):
    """Counters at zero."""
    return np.zeros(n, np.int64)


def _address(context, builder, kind, array, i):
    data = context.make_array(kind)(context, builder, array).data
    return builder.gep(data, [i])


@intrinsic
def read(typing, x, i):
    """``x[i]``, and all that was written before it was."""

    def generate(context, builder, signature, args):
        return builder.load_atomic(_address(context, builder, x, *args), "acquire", 8)

    return types.int64(x, types.intp), generate


@intrinsic
def read_at(typing, address, i):
    """The i-th number behind an address; not in one piece."""

    def generate(context, builder, signature, args):
        numbers = builder.inttoptr(args[0], ir.IntType(64).as_pointer())
        return builder.load(builder.gep(numbers, [args[1]]))

    return types.int64(types.int64, types.int64), generate


@intrinsic
def write(typing, x, i, value):
    """``x[i] = value``, after all that was written before."""

    def generate(context, builder, signature, args):
        builder.store_atomic(args[2], _address(context, builder, x, *args[:2]), "release", 8)
        return context.get_dummy_value()

    return types.void(x, types.intp, types.int64), generate


@intrinsic
def count(typing, x, i):
    """``x[i] += 1``; returns what was there before."""

    def generate(context, builder, signature, args):
        return builder.atomic_rmw("add", _address(context, builder, x, *args), ir.IntType(64)(1), "acq_rel")

    return types.int64(x, types.intp), generate


@intrinsic
def pause(typing):
    """Wait for some 25 ns, if the processor has an instruction for it."""

    def generate(context, builder, signature, args):
        if PAUSES:
            name, numbers = PAUSE
            numbers = [ir.IntType(32)(number) for number in numbers]
            kind = ir.FunctionType(ir.VoidType(), [number.type for number in numbers])
            builder.call(cgutils.get_or_insert_function(builder.module, kind, name), numbers)
        return context.get_dummy_value()

    return types.void(), generate
