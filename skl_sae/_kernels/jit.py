"""The one place that decides how kernels are compiled.

Kernels are serial and release the GIL; plans and the pool run them. They are compiled at their first call,
for the types they meet, and kept in numba's cache folder. A kernel calls kernels of its own file and of this folder
only: the cache does not see a change in another file.
"""

from functools import partial

import numba
import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

from .cache import KernelCache, tell
from .compiling import announce, out_of_reach

# Reassociation and contraction let reductions vectorise. "nnan" and "ninf" are left out: NaN marks a missing value.
FASTMATH = {"nsz", "arcp", "contract", "afn", "reassoc"}


def cache_of(function):
    """None where no cache folder can be written (read-only installation, no home)."""
    try:
        return None if numba.config.DISABLE_JIT else KernelCache(function)
    except (OSError, RuntimeError):
        return None


def jit(function, signature=None, fastmath=FASTMATH, kept=None):
    """Compile a kernel: nogil, cached, IEEE division; with a `signature` at once, for these types alone.

    `error_model="numpy"` removes the branch on a zero divisor that keeps loops from being vectorised.
    Without a cache, the one that is `kept` or one of its own, the kernel is compiled anew in each process instead of
    failing at import.
    """
    if numba.config.DISABLE_JIT:
        return np.errstate(all="ignore")(function)  # as compiled: whoever calls looks at the numbers
    kernel = numba.njit(nogil=True, error_model="numpy", fastmath=fastmath)(function)
    kept = kept or cache_of(function)
    if kept is not None:
        kernel._cache = kept
    kernel.compile = partial(out_of_reach, kernel.compile)
    kernel._compile_for_args = partial(_and_tell, kernel._compile_for_args)
    if signature is not None:
        if kept is None:
            announce()
        _and_tell(kernel.compile, signature)
        kernel.disable_compile()
    return kernel


def _and_tell(compile_, *args, **kwargs):
    """Outside of numba's functions and of the thread that compiles, from where the caller's line is seen."""
    result = compile_(*args, **kwargs)
    tell()
    return result


@intrinsic
def _contiguous_row(typing, x, i):
    def generate(context, builder, signature, args):
        kind, row_kind = signature.args[0], signature.return_type
        array = context.make_array(kind)(context, builder, args[0])
        step, inner = cgutils.unpack_tuple(builder, array.strides, 2)
        n = cgutils.unpack_tuple(builder, array.shape, 2)[1]
        size = context.get_constant(types.intp, context.get_abi_sizeof(context.get_data_type(kind.dtype)))
        apart = builder.and_(builder.icmp_signed("!=", inner, size), builder.icmp_signed(">", n, n.type(1)))
        with builder.if_then(apart, likely=False):
            context.call_conv.return_user_exc(builder, ValueError, ("Rows must be contiguous.",))
        data = cgutils.pointer_add(builder, array.data, builder.mul(args[1], step), return_type=array.data.type)
        row = context.make_array(row_kind)(context, builder)
        populate_array(row, data, [n], [size], size, meminfo=None)
        return row._getvalue()

    return types.Array(x.dtype, 1, "C", readonly=not x.mutable)(x, types.intp), generate


if numba.config.DISABLE_JIT:

    def row_of(x, i):
        """Row i of a view of two axes whose rows are contiguous; loops over it are vectorised."""
        return x[i]

else:
    row_of = _contiguous_row
