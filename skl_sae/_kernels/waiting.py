"""A moment of waiting for another thread, without the GIL and without falling asleep.

A parallel region of a training step lasts some hundred microseconds, and a thread that sleeps on a lock takes some tens
to wake up. So before it asks for the lock it watches a flag, for about as long as a region may take. This is done on
x86, where an instruction makes watching cheap; elsewhere the locks alone do the waiting.
"""

import platform

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic

from .jit import jit

WATCHES = platform.machine().lower() in ("x86_64", "amd64") and not config.DISABLE_JIT
# Number of pauses, of some 25 ns each: before a watch is given up; and, where asked for, after a flag was raised, in
# which time whoever raised it enters a kernel and releases the GIL.
PATIENCE, GRACE = 5000, 200


@intrinsic
def _read(typing, flag):
    def generate(context, builder, signature, args):
        return builder.load_atomic(context.make_array(flag)(context, builder, args[0]).data, "acquire", 8)

    return types.int64(flag), generate


@intrinsic
def _write(typing, flag, value):
    def generate(context, builder, signature, args):
        builder.store_atomic(args[1], context.make_array(flag)(context, builder, args[0]).data, "release", 8)
        return context.get_dummy_value()

    return types.void(flag, types.int64), generate


@intrinsic
def _pause(typing):
    def generate(context, builder, signature, args):
        kind = ir.FunctionType(ir.VoidType(), [])
        builder.call(cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.sse2.pause"), [])
        return context.get_dummy_value()

    return types.void(), generate


@jit
def _watch(answer, flag, count, patience, grace):
    """See `answer_and_watch`. A kernel runs without the GIL, so the flag `answer` tells that it is free."""
    _write(answer, 1)
    while _read(flag) < count and patience > 0:
        _pause()
        patience -= 1
    if patience > 0:
        for _ in range(grace):
            _pause()


def new_flag():
    """A counter, at zero."""
    return np.zeros(1, np.int64)


def watch(flag, count):
    """Wait until a flag has been raised to `count`, or for a moment."""
    if WATCHES:
        _watch(new_flag(), flag, count, PATIENCE, 0)


def answer_and_watch(answer, flag, count):
    """Raise the flag `answer` to 1 once the GIL is free, then `watch` the other, and leave the caller some time."""
    if WATCHES:
        _watch(answer, flag, count, PATIENCE, GRACE)
