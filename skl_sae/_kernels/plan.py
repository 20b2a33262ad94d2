"""A plan: calls that are recorded once, with the addresses of their arrays, and made often without the interpreter.

A plan is a list of regions, a region a number of items that may run at once, an item a list of calls. While a plan is
recorded, a kernel that is called is only noted (see `kernel`); what is not a kernel is noted with `Plan.call`, and the
interpreter calls it in its place. See `crew` for how a plan is run.

The addresses hold because the plan keeps what is recorded, and those of arrays that move come from `Addresses`.
"""

import numpy as np
from numba import config

from .addresses import Addresses, Moved
from .calling import SIZES, size_of
from .crew import BEFORE, FIRST, LAST, Crew, job_of
from .kernel import record_in
from .threads import run

# Plans that are kept: for batches of two sizes, with and without dead units, and a few layouts of the codes.
KEPT_PLANS = 8
#: Whether each run checks first that all recorded arrays lie within those that they belong to.
CHECKS = False


class Plans:
    """Plans that work on the same memory and are run by the same threads, by what they depend on.

    Attributes
    ----------
    addresses : Addresses
    crew : Crew
    """

    def __init__(self):
        self.addresses, self.crew, self._kept = Addresses(), Crew(), {}

    def find(self, key, record):
        """What ``record(plan)`` has made of a new plan for this key, at the first time or now."""
        if key not in self._kept:
            if len(self._kept) == KEPT_PLANS:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = record(Plan(self.addresses, self.crew))
        return self._kept[key]

    def forget(self):
        """Record anew: what is read is of another kind."""
        self._kept.clear()


class Plan:
    """Recorded calls.

    Parameters
    ----------
    addresses : Addresses, optional
        Where arrays are that move.
    crew : Crew, optional
        The threads that run the plan, and others of the same workspace.
    """

    def __init__(self, addresses=None, crew=None):
        self.addresses, self.crew = addresses or Addresses(), crew or Crew()
        # of each call its numbers, the kernel or function, and the arguments, which are kept
        self._calls, self._called = [], []
        self._items, self._words, self._columns = [], [], []
        self._program = self._table = self._job = None

    # recording

    def region(self, n, task):
        """Record ``task(i)`` for each of n items, which may run at once, after all that was recorded before."""
        before, self._program, self._table = len(self._items), None, None
        for i in range(n):
            first, outer = len(self._calls), record_in(self)
            try:
                task(i)
            finally:
                record_in(outer)
            self._items.append((first, len(self._calls), before))

    def add(self, kernel, args):
        """Record the call of a kernel."""
        args = kernel.in_shape(args)
        if config.DISABLE_JIT:
            self.call(kernel.function, *args)
            return
        words, places = kernel.words(args)
        noted, columns = [self.addresses.moved(x) for x in args], [0] * len(words)
        for place, x in zip(places, [x for x in noted if isinstance(x, Moved | np.ndarray)], strict=True):
            if isinstance(x, Moved):
                words[place], columns[place] = x.offset, x.column
                if x.whole:  # its length follows the address
                    words[place + 1], columns[place + 1] = 0, x.column + 1
        size = size_of(len(words))
        rest = [0] * (SIZES[size] - len(words))
        self._note((kernel.address(args), size, len(self._words)), kernel, noted)
        self._words += words + rest
        self._columns += columns + rest

    def call(self, function, *args):
        """Record the call of a function that is not a kernel, with arrays as they are in its thread and time."""
        self._note((0, 0, 0), function, [self.addresses.moved(x) for x in args])

    def do(self, function, *args):
        """Record what a function does, if it is `recordable`, or else its call."""
        if getattr(function, "recordable", False):
            function(*args)
        else:
            self.call(function, *args)

    def _note(self, numbers, called, args):
        self._calls.append(numbers)
        self._called.append((called, args))

    def _finish(self):
        tables = [np.array(numbers, np.int64).reshape(-1, 3) for numbers in (self._calls, self._items)]
        self._program = [*tables, np.array(self._words, np.int64), np.array(self._columns, np.int64)]

    # running

    def run(self, inline=False):
        """Make all calls, on several threads unless `inline`; an exception is raised here after all have stopped."""
        if self._program is None:
            self._finish()
        if CHECKS:
            self.check()
        if config.DISABLE_JIT:
            self._interpret(inline)
            return
        if self._table is not self.addresses.table:
            self._table, self._job = self.addresses.table, job_of(self._program, self.addresses.table)
        self.crew.run(self, self._job, inline)

    def call_by_hand(self, call, slot, failed):
        """Make a call by the interpreter, or tell that a kernel has failed.

        The driver knows no more than that. Called again the kernel says why; if all is well now, memory was short.
        """
        called, args = self._called[call]
        try:
            self._call(called, args, slot)
        except Exception as error:
            if failed and not isinstance(error, MemoryError):
                raise RuntimeError(f"The kernel {called.__name__} has failed.") from error
            raise
        if failed:
            raise MemoryError(f"The kernel {called.__name__} has not got the memory for its work.")

    def _call(self, called, args, slot):
        called(*[self.addresses.at(x, slot) for x in args])

    def _interpret(self, inline):
        """The same where kernels are not compiled."""
        items = self._program[1]
        for before in np.unique(items[:, BEFORE]):
            region = items[items[:, BEFORE] == before]

            def task(i, slot, region=region):
                for call in range(region[i, FIRST], region[i, LAST]):
                    self._call(*self._called[call], slot)

            run(task, len(region), inline)

    def check(self):
        """Raise IndexError where a recorded array does not lie within that which it belongs to, in any slot."""
        for _, args in self._called:
            for x in args:
                if isinstance(x, Moved):
                    self.addresses.check(x)
