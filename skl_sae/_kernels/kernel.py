"""Kernels of known types: called at once, or named, to be called in each step of a recorded plan.

A kernel says what its arguments are: a letter for the numbers, a digit for the axes, and ``!`` if the array is written.

=======  ====================================  =======  ==============================
``T``    float32 or float64, one type a call   ``l``    int64
``S``    the same, where two types can meet    ``d``    float64
``J``    int32 or int64, one type a call       ``b``    bool
``i``    int32                                 ``n``    an integer, not an array
=======  ====================================  =======  ==============================

Arrays of one axis must be contiguous. Those of two may be views, as a block of units is, and are read through
`row_of`; so each kernel is compiled once for a type of numbers, whatever the layouts of the arrays.
"""

import threading
from functools import partial, update_wrapper

import numba
import numpy as np
from numba import types

from .jit import FASTMATH, cache_of, jit, row_of

DTYPES = {letter: np.dtype(name) for letter, name in zip("ildb", ("int32", "int64", "float64", "bool"), strict=True)}
_thread = threading.local()


def recording():
    """The plan that kernels called in this thread are recorded in, or None."""
    return getattr(_thread, "plan", None)


def record_in(plan):
    """Let kernels that this thread calls be recorded in a plan; with None, run. Returns what was set before."""
    before, _thread.plan = recording(), plan
    return before


class Kernel:
    """A function compiled once for each type of its numbers.

    Parameters
    ----------
    function : callable
    kinds : tuple of str
        What the arguments are.
    fastmath : set or bool
    """

    def __init__(self, function, kinds, fastmath):
        update_wrapper(self, function)
        self.function, self.kinds, self._fastmath = function, kinds, fastmath
        self._axes = [int(kind[1]) if kind != "n" else 0 for kind in kinds]
        self._free = {letter: [kind[0] for kind in kinds].index(letter) for letter in "TSJ" if letter in "".join(kinds)}
        self._first = next(iter(self._free.values()), None)
        self._kept = cache_of(function)  # now: later its file may be another one
        self._compiled, self._addresses = {}, {}

    def __call__(self, *args):
        plan = recording()
        if plan is not None:
            plan.add(self, args)
            return None
        return self.for_arrays(args)(*self.in_shape(args))

    def in_shape(self, args):
        """The arguments, with an array of one axis as a row where two are expected."""
        if self._first is None or args[self._first].ndim == self._axes[self._first]:
            return args
        return [x[None] if axes == 2 and x.ndim == 1 else x for x, axes in zip(args, self._axes, strict=True)]

    def for_arrays(self, args):
        """The function compiled for the numbers of these arguments."""
        key = tuple(args[i].dtype for i in self._free.values())
        try:
            return self._compiled[key]
        except KeyError:
            return self._compiled.setdefault(key, self._compile(key))

    def _compile(self, key):
        dtypes = DTYPES | dict(zip(self._free, key, strict=True))
        known = {letter: numba.from_dtype(dtype) for letter, dtype in dtypes.items()}
        return jit(self.function, tuple(_type_of(kind, known) for kind in self.kinds), self._fastmath, self._kept)

    def address(self, args):
        """Where the machine code for these arguments begins; the kernel must be kept as long as it is used."""
        compiled = self.for_arrays(args)
        if compiled not in self._addresses:  # LLVM is asked once: it takes a lock, and time
            (result,) = compiled.overloads.values()
            self._addresses[compiled] = result.library.get_pointer_to_function(result.fndesc.llvm_func_name)
        return self._addresses[compiled]

    def words(self, args):
        """The numbers that the machine code takes for the arguments, and of which argument each is an address.

        Numba hands over an array as the numbers of its structure: two owners (none here), the number of items, their
        size, the address, the shape, and the strides.
        """
        words, addresses = [], []
        for kind, axes, x in zip(self.kinds, self._axes, args, strict=True):
            if not axes:
                words.append(int(x))
                continue
            self._check(kind, axes, x, args)
            addresses.append(len(words) + 4)
            words += [0, 0, x.size, x.itemsize, x.__array_interface__["data"][0], *x.shape, *x.strides]
        return words, addresses

    def _check(self, kind, axes, x, args):
        """Numba checks the types of a call; what is recorded must be checked here."""
        expected = args[self._free[kind[0]]].dtype if kind[0] in self._free else DTYPES[kind[0]]
        fits = x.ndim == axes and x.dtype == expected
        if axes == 1 and x.size > 1:
            fits = fits and x.strides[0] == x.itemsize
        if not fits or (kind.endswith("!") and not x.flags.writeable):
            raise TypeError(
                f"{self.__name__}: got an array of {x.dtype}, shape {x.shape} and strides {x.strides} for an argument "
                f"of kind {kind!r} and type {expected}."
            )


def _type_of(kind, known):
    if kind == "n":
        return types.intp
    axes = int(kind[1])
    return types.Array(known[kind[0]], axes, "C" if axes == 1 else "A", readonly=not kind.endswith("!"))


def kernel(*kinds, fastmath=FASTMATH):
    """Make a kernel of a function whose arguments are of these kinds."""
    return partial(Kernel, kinds=kinds, fastmath=fastmath)


# kernels that everybody needs to fill recorded arrays


@kernel("T2", "T2!")
def copy(x, out):
    """Copy an array of any numbers, of flags too."""
    for i in range(x.shape[0]):
        a, b = row_of(x, i), row_of(out, i)
        for j in range(a.size):
            b[j] = a[j]


@kernel("T2", "T2!")
def add(x, out):
    """Add an array to another."""
    for i in range(x.shape[0]):
        a, b = row_of(x, i), row_of(out, i)
        for j in range(a.size):
            b[j] += a[j]


@kernel("T2!")
def clear(x):
    """Write zeros."""
    for i in range(x.shape[0]):
        row = row_of(x, i)
        for j in range(row.size):
            row[j] = 0


def recordable(function):
    """Mark a hook of a rule that does nothing to arrays but call kernels.

    It is called once, while a training step is recorded, and its kernels are called in each step. A hook without the
    mark is called in each step; so is one that overrides a marked one.

    Parameters
    ----------
    function : callable
        The hook.

    Returns
    -------
    function : callable
        The same one.

    Examples
    --------
    >>> from skl_sae.sparsity import BaseSparsity, recordable
    >>> class Plain(BaseSparsity):
    ...     @recordable
    ...     def backward(self, codes, p, g, step):
    ...         return codes[0].through(step.activation)
    >>> Plain().records("backward")
    True
    """
    function.recordable = True
    return function
