"""The threads that run plans, one run after the other, without the interpreter in between.

A run is published as the addresses of its tables. The leader, the thread that calls `run`, and the followers, workers
of the pool, claim its items by counting up one number, and an item waits until all items of earlier regions are done,
which is another number. A follower that finds nothing left watches for the next run for a moment before it goes back to
the pool. So nobody waits for a thread that has not begun, and two runs in succession wake nobody up.

The number that is counted up has the number of the run in its upper half. A claim counts if its run still is the
published one: for then, an item that was left in it has kept the run from ending.
"""

import os
import time
from itertools import count as counter

import numpy as np

from .addresses import address_of
from .atomics import count, new_flag, pause, read, read_at, write
from .calling import invoke
from .jit import jit
from .thread_count import n_slots, n_threads, processors
from .threads import enlist

# Looks, of some 25 ns each: at the progress of others, because a thread that sleeps with an item in hand delays all;
# between two sleeps; and for the next run. Seconds of the first and of the longest sleep.
PATIENCE, GLANCE, LINGER = 400_000, 200, 10_000
SHORT, LONG = 2e-5, 1e-3
# What threads share, each number on a line of the cache of its own.
CLAIMED, DONE, STOPPED = 0, 8, 16
# The published run: addresses of calls, items, words, columns and table, and numbers of columns, items and threads.
CALLS, ITEMS, WORDS, COLUMNS, TABLE, N_COLUMNS, N_ITEMS, N_THREADS = range(8)
# Why a thread leaves the driver: nothing is left, others are behind, the interpreter is needed, a kernel has failed.
ENDED, WAITS, ASKS, FAILED = range(4)
# Fields of a call (without an address the interpreter makes it), of an item, and of a thread's place, where the number
# of pauses that it has waited is counted, too.
ADDRESS, SIZE, WORD = range(3)
FIRST, LAST, BEFORE = range(3)
SLOT, ITEM, CALL, PAUSES = range(4)
# A run has an even number. Before it is published, an odd one stands there, and claims beyond any item.
RUN, CLOSED = 1 << 32, 1 << 31


@jit
def _publish(job, shared, new, run):
    """Begin a run, when the last one has ended."""
    write(shared, CLAIMED, (run - 1) * RUN + CLOSED)
    for i in range(new.size):
        write(job, i, new[i])
    write(shared, DONE, 0)
    write(shared, STOPPED, 0)
    write(shared, CLAIMED, run * RUN)


@jit
def _stop(shared):
    """Let nothing be done in the items that are left."""
    write(shared, STOPPED, 1)


@jit
def _claim(job, shared):
    """Number of an item, or -1 if none is left; and the run."""
    while True:
        claimed = count(shared, CLAIMED)
        n = read(job, N_ITEMS)
        if read(shared, CLAIMED) // RUN == claimed // RUN:
            item = claimed % RUN
            return item if item < n else -1, claimed // RUN


@jit
def _is_over(job, shared, slot, run):
    """Whether the leader may return, or a follower finds another run."""
    if slot == 0:
        return read(shared, DONE) >= read(job, N_ITEMS)
    return read(shared, CLAIMED) // RUN != run


@jit
def _call(job, call, slot):
    """Make a call. Returns why not, or else 0."""
    record = read(job, CALLS) + 24 * call
    address = read_at(record, ADDRESS)
    if address == 0:
        return ASKS
    word, row = 8 * read_at(record, WORD), 8 * slot * read(job, N_COLUMNS)
    words, columns = read(job, WORDS) + word, read(job, COLUMNS) + word
    failed = invoke(address, read_at(record, SIZE), words, columns, read(job, TABLE) + row) != 0
    return FAILED if failed else 0


@jit
def _drive(job, shared, place, first, patience):
    """Claim items and make their calls, from a thread's place on. `first` is the patience until something is done."""
    slot, item, call, limit = place[SLOT], place[ITEM], place[CALL], first
    while True:
        if item < 0:
            if slot >= read(job, N_THREADS):
                return ENDED
            item, run = _claim(job, shared)
            if item >= 0:
                call = read_at(read(job, ITEMS), 3 * item + FIRST)
        ready = item >= 0
        left = limit if ready or slot == 0 else min(limit, LINGER)
        before = read_at(read(job, ITEMS), 3 * item + BEFORE) if ready else 0
        while not (
            (read(shared, DONE) >= before or read(shared, STOPPED) != 0) if ready else _is_over(job, shared, slot, run)
        ):
            if left <= 0:
                place[ITEM], place[CALL] = item, call
                return WAITS if ready or slot == 0 else ENDED
            pause()
            left -= 1
            place[PAUSES] += 1
        limit = patience
        if not ready:
            if slot == 0:
                return ENDED
            continue
        last = read_at(read(job, ITEMS), 3 * item + LAST)
        while call < last and read(shared, STOPPED) == 0:
            call += 1
            reason = _call(job, call - 1, slot)
            if reason != 0:
                place[ITEM], place[CALL] = item, call
                return reason
        place[ITEM] = item = -1
        count(shared, DONE)


def job_of(program, table):
    """What is published of a plan.

    Parameters
    ----------
    program : list of ndarray of int64
        Calls, items, words and columns.
    table : ndarray of int64 of shape (n_slots, n_columns)
    """
    arrays = [address_of(array) for array in (*program, table)]
    return np.array([*arrays, table.shape[1], len(program[1]), 1], np.int64)


class _Wait:
    """How long a thread looks before it sleeps, and how long it sleeps.

    Parameters
    ----------
    watches : bool
        Whether there is a processor for each thread; otherwise looking would keep the others from working.
    """

    def __init__(self, watches):
        self.patience = self.first = PATIENCE if watches else 0
        self._seconds, self._place = SHORT, None

    def sleep(self, reason, place):
        """After the driver was left: sleep if others are behind, the longer the longer it takes."""
        at = int(place[ITEM]), int(place[CALL])
        if reason != WAITS or at != self._place:
            self.first, self._seconds, self._place = self.patience, SHORT, at
        if reason == WAITS:
            time.sleep(self._seconds)
            self.first, self._seconds = min(self.patience, GLANCE), min(2 * self._seconds, LONG)


class Crew:
    """Threads that run plans on the same memory, one plan at a time.

    Attributes
    ----------
    plan : Plan or None
        The one that is run.
    size : int
        How many threads run it.
    """

    def __init__(self):
        self.plan, self._errors = None, []
        self._begin_anew()
        self.muster()

    def muster(self):
        """Ask how many threads may work from now on: at every run it would take longer than to wake them up."""
        self.size = min(n_threads(), n_slots())

    def _begin_anew(self):
        """At the start, and in a forked child, which has none of the followers."""
        self._pid, self._asked, self._runs = os.getpid(), set(), counter(2, 2)
        self._job, self._shared = new_flag(8), new_flag(24)

    def run(self, plan, job, inline):
        """Make the calls of a plan; an exception is raised here, after all threads have stopped.

        Parameters
        ----------
        plan : Plan
        job : ndarray of int64
            What is published of it, see `job_of`.
        inline : bool
            Whether this thread does it all.
        """
        if self._pid != os.getpid():
            self._begin_anew()
        job[N_THREADS] = n = 1 if inline else self.size
        self.plan, self._errors, place, ended = plan, [], np.array([0, -1, 0, 0]), False
        try:
            try:
                _publish(self._job, self._shared, job, next(self._runs))
                for slot in range(1, n):
                    if slot not in self._asked:
                        self._ask(slot)
            finally:
                self._lead(place, n)
            ended = True
        finally:
            if not ended:  # an interrupt has come in between
                self._asked = set()
                self._lead(place, n)
        self.plan = None
        if self._errors:
            self._raise_errors()

    def _ask(self, slot):
        """Let a worker follow. It is noted first: the worker may be done before the next line."""
        self._asked.add(slot)
        if not enlist(self._follow, slot):
            self._asked.discard(slot)

    def _lead(self, place, n):
        """Drive to the end. Interrupts are kept for later, because followers still use the arrays."""
        wait = _Wait(n <= processors())
        while (reason := self._go_on(place, wait)) != ENDED:
            if reason == WAITS and self._pid != os.getpid():
                raise RuntimeError("The process was forked while other threads worked on the same arrays.")
            wait.sleep(reason, place)

    def _follow(self, slot):
        """Drive as long as there is something to do. Called on a worker.

        A run that begins while it leaves has either seen that it is still noted, or asks again.
        """
        place, wait = np.array([slot, -1, 0, 0]), _Wait(slot < processors())
        try:
            while (reason := self._go_on(place, wait)) != ENDED or self._is_wanted(slot):
                wait.sleep(reason, place)
        finally:
            self._asked.discard(slot)

    def _is_wanted(self, slot):
        """Whether a run has begun that counts on a follower which is about to leave."""
        self._asked.discard(slot)
        if self.plan is None or slot >= self.size:
            return False
        self._asked.add(slot)
        return True

    def _go_on(self, place, wait):
        """Drive, and do what the interpreter is asked for."""
        try:
            reason = _drive(self._job, self._shared, place, wait.first, wait.patience)
            if reason in (ASKS, FAILED):
                self.plan.call_by_hand(place[CALL] - 1, int(place[SLOT]), reason == FAILED)
            return reason
        except BaseException as error:
            self._errors.append(error)
            _stop(self._shared)
            return ASKS

    def _raise_errors(self):
        """Raise what went wrong, interrupts first. No cycle of exception and frames is left to keep arrays."""
        errors, self._errors = self._errors, []
        try:
            if errors:
                raise next((error for error in errors if not isinstance(error, Exception)), errors[0])
        finally:
            del errors
