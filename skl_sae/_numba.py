"""The one place that decides how kernels are compiled.

Kernels are serial and release the GIL; `_parallel` runs them over blocks. They are compiled at their first call,
for the types they meet, and kept in numba's cache. A kernel calls kernels of its own file only: numba's cache does
not see a change in another file.
"""

import numba

# Reassociation and contraction let reductions vectorise. "nnan" and "ninf" are left out: NaN marks a missing value.
FASTMATH = {"nsz", "arcp", "contract", "afn", "reassoc"}


def jit(function, signature=None, fastmath=FASTMATH):
    """Compile a kernel: nogil, cached, IEEE division; with a `signature` at once, for these types alone.

    `error_model="numpy"` removes the branch on a zero divisor that keeps loops from being vectorised.
    Where no cache folder can be written (read-only installation, no home), the kernel is compiled anew in each
    process instead of failing at import.
    """
    options = {"nogil": True, "error_model": "numpy", "fastmath": fastmath}
    try:
        return numba.njit(signature, cache=True, **options)(function)
    except RuntimeError:
        return numba.njit(signature, **options)(function)
