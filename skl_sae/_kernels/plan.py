"""A plan: calls that are recorded once, with the addresses of their arrays, and made often without the interpreter.

A plan is a list of regions, a region a number of items that may run at once, an item a list of calls. While a plan is
recorded, a kernel that is called is only noted (see `kernel`); what is not a kernel is noted with `Plan.call`, and the
interpreter calls it in its place. Threads claim items one after the other, over all regions, by counting up one number,
and an item waits until all items of earlier regions are done. So nobody waits for a thread that has not begun.

The addresses hold because the plan keeps what is recorded, and those of arrays that move come from `Addresses`.
"""

import os
import time

import numpy as np
from numba import config

from .addresses import Addresses, Moved
from .atomics import count, new_flag, pause, read, write
from .calling import SIZES, invoke, size_of
from .jit import jit
from .kernel import record_in
from .thread_count import n_slots, n_threads, processors
from .threads import run

#: Whether each run checks first that all recorded arrays lie within those that they belong to.
CHECKS = False
# Looks at the progress of others before a thread goes to sleep; seconds of the first sleep, and of the longest.
PATIENCE, SHORT, LONG = 4000, 2e-5, 1e-3
# What threads share, each number on a line of the cache of its own.
CLAIMED, DONE, STOPPED = 0, 8, 16
# Why a thread leaves the driver: nothing is left, others are behind, the interpreter is needed, a kernel has failed.
ENDED, WAITS, CALLS, FAILED = range(4)
# Fields of a call (without an address the interpreter makes it), of an item, and of a thread's place, where the number
# of pauses that it has waited is counted, too.
ADDRESS, SIZE, WORD = range(3)
FIRST, LAST, BEFORE = range(3)
SLOT, ITEM, CALL, PAUSES = range(4)


@jit
def _drive(calls, items, words, columns, table, shared, place, patience):
    """Claim items and make their calls, from a thread's place on."""
    slot, item, call = place[SLOT], place[ITEM], place[CALL]
    while True:
        if item < 0:
            item = count(shared, CLAIMED)
            call = items[item, FIRST] if item < items.shape[0] else 0
        before = items[item, BEFORE] if item < items.shape[0] else items.shape[0]
        while read(shared, DONE) < before and read(shared, STOPPED) == 0:
            if patience <= 0:
                place[ITEM], place[CALL] = item, call
                return WAITS
            pause()
            patience -= 1
            place[PAUSES] += 1
        if item >= items.shape[0] or read(shared, STOPPED) != 0:
            return ENDED
        while call < items[item, LAST]:
            address, size, word = calls[call, ADDRESS], calls[call, SIZE], calls[call, WORD]
            call += 1
            place[ITEM], place[CALL] = item, call
            if address == 0:
                return CALLS
            if invoke(address, size, words, columns, word, table, slot) != 0:
                return FAILED
        count(shared, DONE)
        item = -1


@jit
def _stop(shared):
    """Let all threads leave."""
    write(shared, STOPPED, 1)


class Plan:
    """Recorded calls.

    Parameters
    ----------
    addresses : Addresses, optional
        Where arrays are that move.
    """

    def __init__(self, addresses=None):
        self.addresses = addresses or Addresses()
        # of each call its numbers, the kernel or function, and the arguments, which are kept
        self._calls, self._called = [], []
        self._items, self._words, self._columns = [], [], []
        self._shared, self._program = new_flag(24), None

    # recording

    def region(self, n, task):
        """Record ``task(i)`` for each of n items, which may run at once, after all that was recorded before."""
        before, self._program = len(self._items), None
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
        self._shared[:], pid = 0, os.getpid()
        n = 1 if inline else min(n_threads(), n_slots())
        patience = PATIENCE if n <= processors() else 0
        try:
            run(lambda _, slot: self._work(slot, patience, pid), n, inline)
        finally:
            _stop(self._shared)

    def _work(self, slot, patience, pid):
        """Drive, and do what needs the interpreter."""
        place, sleep = np.array([slot, -1, 0, 0]), SHORT
        try:
            while (reason := _drive(*self._program, self.addresses.table, self._shared, place, patience)) != ENDED:
                if reason == WAITS:
                    if os.getpid() != pid:  # a forked child has lost the other threads
                        return
                    time.sleep(sleep)
                    sleep = min(2 * sleep, LONG)
                    continue
                called, args = self._called[place[CALL] - 1]
                if reason == FAILED:
                    raise RuntimeError(f"The kernel {called.__name__} has failed.")
                self._call(called, args, slot)
                sleep = SHORT
        except BaseException:
            _stop(self._shared)
            raise

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
