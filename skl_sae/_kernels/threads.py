"""The one pool of threads.

`run(task, n_blocks)` calls ``task(block, slot)`` once for every block, on the calling thread and on the workers of
one process-wide pool, and returns the results in the order of the blocks. Blocks are claimed dynamically; what a block
does must not depend on who claims it. Results are then the same bits for any number of threads. `slot` numbers the
threads at work: scratch memory is indexed by it.

An interrupt can hit the caller at any line. So no counters tell what has happened, the objects themselves do; and every
clean-up runs twice, in case the first run was interrupted. Python objects shared by threads are changed by single calls
that no other thread can split: `dict.setdefault`, `deque.popleft`, `SimpleQueue.put`.
"""

import itertools
import os
import threading
from collections import deque
from queue import SimpleQueue

import numpy as np

from .thread_count import n_slots, n_threads
from .waiting import answer_and_watch, new_flag, watch

# Seconds that an interrupted caller waits for workers to end their blocks, before it leaves them to themselves.
PATIENCE = 30


def partition(n, size, multiple=16):
    """Fixed blocks of about `size` that cover ``range(n)``, with edges at multiples where they can be.

    >>> partition(100, 48)
    [(0, 48), (48, 100)]
    """
    n_blocks = max(1, round(n / size))
    edges = [round(n * i / n_blocks / multiple) * multiple for i in range(n_blocks)] + [n]
    return [(lo, hi) for lo, hi in itertools.pairwise(edges) if hi > lo]


def run(task, n_blocks, inline=False):
    """Return ``[task(block, slot) for each block]``; an exception is raised here, after all blocks have stopped.

    With `inline`, for one block, or while another thread uses the pool, the caller does all the work.
    """
    results = None
    if not inline and n_blocks > 1:
        n = min(n_blocks, n_threads(), n_slots())
        results = _pool.run(task, n_blocks, n) if n > 1 else None
    return [task(block, 0) for block in range(n_blocks)] if results is None else results


def enlist(task, slot):
    """Let the worker of a slot call ``task(slot)``, some time from now; nobody waits. Returns whether there is one."""
    return _pool.enlist(task, slot)


class _Errand:
    """What a worker is asked to do for nobody who waits."""

    def __init__(self, task):
        self.work, self.tickets = task, []


class _Ticket:
    """The order to a worker to take part in a call. Only who takes it first, the worker or the caller, acts on it."""

    __slots__ = ("_done", "_taker", "answer", "call", "finished", "number")

    def __init__(self, call, number):
        self.call, self.number = call, number
        self._taker, self._done, self.answer, self.finished = {}, threading.Lock(), new_flag(), False
        self._done.acquire()

    def take(self, slot):
        """Whether it belongs to this slot, however often it is asked."""
        return self._taker.setdefault("slot", slot) == slot

    def finish(self):
        self.finished = True
        self._done.release()

    def wait(self, interrupts):
        """Keep interrupts for later, because the worker still uses the caller's arrays; False if it takes too long."""
        while not self.finished:
            try:
                watch(self.answer, 1)
                if not self._done.acquire(timeout=PATIENCE if interrupts else -1):
                    return False
            except BaseException as error:
                interrupts.append(error)
        return True


class _Call:
    """One run: the blocks that nobody has begun, the tickets of the workers, and what went wrong."""

    def __init__(self, task, n_blocks):
        self.task, self.blocks, self.tickets, self.results = task, deque(range(n_blocks)), [], [None] * n_blocks
        self.errors, self.interrupts, self._thread = [], [], threading.get_ident()

    def work(self, slot):
        """Do blocks until none is left. After an exception nobody begins another."""
        try:
            while self.blocks:
                try:
                    block = self.blocks.popleft()
                except IndexError:  # another thread was faster
                    return
                self.results[block] = self.task(block, slot)
        except BaseException as error:
            self.blocks.clear()
            (self.errors if isinstance(error, Exception) else self.interrupts).append(error)

    def close(self):
        """Wait for the workers that have begun, then drop the task. Returns whether they have ended."""
        self.blocks.clear()
        for ticket in self.tickets:
            if not ticket.take(0) and not ticket.wait(self.interrupts):
                return False
        self.task, self.tickets = None, []
        return True

    def raise_error(self):
        """Raise what went wrong, interrupts first. No cycle of exception and frames is left to keep arrays."""
        errors = self.interrupts + self.errors
        self.errors, self.interrupts = [], []
        try:
            if errors:
                raise errors[0]
        finally:
            del errors

    def lose_workers(self):
        """In a forked child: blocks of lost workers stay undone; without the caller, nobody wants the others either."""
        lost = [ticket for ticket in self.tickets if not ticket.take(0) and not ticket.finished]
        for ticket in lost:
            ticket.finished = True
        if lost:
            self.errors.append(RuntimeError("The process was forked while other threads worked on the same arrays."))
        if lost or self._thread != threading.get_ident():
            self.blocks.clear()


class _Worker:
    """A thread that sleeps on a queue until there is a ticket, after a moment of watching for it."""

    def __init__(self, pool, slot):
        self._pool, self._slot = pool, slot
        self._tickets, self._numbers, self._given = SimpleQueue(), itertools.count(1), new_flag()

    def start(self):
        threading.Thread(target=self._serve, name=f"skl_sae-{self._slot}", daemon=True).start()

    def give(self, call):
        ticket = _Ticket(call, next(self._numbers))
        call.tickets.append(ticket)
        self._tickets.put(ticket)
        self._given[0] = ticket.number

    def dismiss(self):
        self._tickets.put(None)

    def _serve(self):
        np.seterr(all="ignore")  # the settings of the caller's thread do not reach this one
        last = 0, new_flag()
        while last and not self._pool.retired:
            number, answer = last
            answer_and_watch(answer, self._given, number + 1)
            last = self._serve_one()

    def _serve_one(self):
        """Wait for a ticket and serve it. This is a function so that an idle worker keeps nothing of the last task."""
        ticket = self._tickets.get()
        if ticket is None:
            return None
        if ticket.take(self._slot):
            try:
                ticket.call.work(self._slot)
            finally:
                ticket.finish()
        return ticket.number, ticket.answer


class _Pool:
    """The workers, started at the first use."""

    def __init__(self):
        self._owner, self._workers, self.retired = {}, [], False

    def run(self, task, n_blocks, n_threads):
        """Run a task and return its results; return None, and do nothing, while another call has the pool."""
        call = _Call(task, n_blocks)
        try:
            try:
                if self._owner.setdefault("call", call) is not call:
                    return None
                for worker in self._helpers(n_threads - 1):
                    worker.give(call)
                call.work(0)
            finally:
                self._end(call)
        finally:
            self._end(call)
        call.raise_error()
        return call.results

    def enlist(self, task, slot):
        """Give a worker something to do for nobody who waits."""
        workers = self._helpers(slot)
        if len(workers) < slot:
            return False
        workers[slot - 1].give(_Errand(task))
        return True

    def _end(self, call):
        if not call.close():
            self.retire()
        if self._owner.get("call") is call:
            del self._owner["call"]

    def _helpers(self, n):
        """The first workers; fewer where the system gives no more threads."""
        while len(self._workers) < n:
            worker = _Worker(self, len(self._workers) + 1)
            try:
                worker.start()
                self._workers.append(worker)
            except RuntimeError:
                break
            except BaseException:
                if worker not in self._workers:
                    worker.dismiss()
                raise
        return self._workers[:n]

    def retire(self):
        """Leave workers that do not end to themselves, and begin with others."""
        global _pool
        self.retired = True
        for worker in self._workers:
            worker.dismiss()
        if _pool is self:
            _pool = _Pool()

    def after_fork(self):
        """In a forked child, which has none of the workers."""
        self.retired, self._workers = True, []
        for call in self._owner.values():
            call.lose_workers()


_pool = _Pool()


def _after_fork():
    global _pool
    parent, _pool = _pool, _Pool()
    parent.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
