"""The one place that owns threads.

`run(task, n_blocks)` calls ``task(block, slot)`` once for every block, on the calling thread and on the workers of
one process-wide pool. Blocks are claimed dynamically; what a block writes must not depend on who claims it. Results
are then the same bits for any number of threads. `slot` numbers the threads at work: scratch memory is indexed by it.
"""

import itertools
import os
import threading
from contextlib import contextmanager

import numpy as np
from numba import config
from threadpoolctl import OpenBLASController, ThreadpoolController

from ._waiting import answer_and_watch, new_flag, watch


def n_slots():
    """Number of threads that may work at once; ``NUMBA_NUM_THREADS``, which joblib lowers in its workers."""
    return config.NUMBA_NUM_THREADS


def partition(n, size, multiple=16):
    """Fixed blocks of about `size` that cover ``range(n)``, with edges at multiples where they can be.

    >>> partition(100, 48)
    [(0, 48), (48, 100)]
    """
    n_blocks = max(1, round(n / size))
    edges = [round(n * i / n_blocks / multiple) * multiple for i in range(n_blocks)] + [n]
    return [(lo, hi) for lo, hi in itertools.pairwise(edges) if hi > lo]


def run(task, n_blocks, inline=False):
    """Call ``task(block, slot)`` for each block; an exception in a block is raised here, after all have stopped.

    With `inline`, for one block, or while another thread uses the pool, the caller does all the work.
    """
    if inline or n_blocks == 1 or n_slots() == 1 or not _pool.busy.acquire(blocking=False):
        for block in range(n_blocks):
            task(block, 0)
        return
    pool = _pool
    try:
        pool.run(task, n_blocks)
    finally:
        pool.busy.release()


class _Ticket:
    """What a worker is told to do once, and whether it has."""

    def __init__(self, work):
        self.work, self.finished, self.lock, self.answer = work, False, threading.Lock(), new_flag()
        self.lock.acquire()

    def serve(self, slot):
        self.work(slot)
        self.finished = True
        self.lock.release()

    def wait(self, errors):
        """An interrupt meanwhile is kept for later, because the worker still uses the caller's arrays."""
        while not self.finished:
            try:
                watch(self.answer, 1)
                self.lock.acquire()
            except KeyboardInterrupt as error:
                errors.append(error)


class _Worker:
    """A thread that sleeps on a lock until there is a ticket, after a moment of watching for it."""

    def __init__(self, slot):
        self.slot, self.ticket, self._go, self._calls = slot, None, threading.Lock(), new_flag()
        self._go.acquire()
        threading.Thread(target=self._serve, name=f"skl_sae-{slot}", daemon=True).start()

    def give(self, ticket):
        self.ticket = ticket
        self._calls[0] += 1
        self._go.release()

    def _serve(self):
        np.seterr(over="ignore", invalid="ignore")  # the settings of the caller's thread do not reach this one
        answer = new_flag()
        for call in itertools.count(1):
            answer_and_watch(answer, self._calls, call)
            self._go.acquire()
            self.ticket.serve(self.slot)
            answer = self.ticket.answer


class _Pool:
    """The workers, started at the first use."""

    def __init__(self):
        self.busy = threading.Lock()
        self._workers = []

    def run(self, task, n_blocks):
        blocks, errors = iter(range(n_blocks)), []

        def work(slot):
            try:
                for block in blocks:
                    task(block, slot)
            except BaseException as error:
                errors.append(error)
                for _ in blocks:  # nobody starts another block
                    pass

        n_helpers = min(n_blocks, n_slots()) - 1
        while len(self._workers) < n_helpers:
            self._workers.append(_Worker(len(self._workers) + 1))
        tickets = [_Ticket(work) for _ in range(n_helpers)]
        for worker, ticket in zip(self._workers, tickets, strict=False):
            worker.give(ticket)
        work(0)
        for ticket in tickets:
            ticket.wait(errors)
        if errors:
            raise errors[0]


_pool = _Pool()


@contextmanager
def _control_of_openblas():
    """From 3.7 on, threadpoolctl ignores all threads but the one that first changed the limit."""
    clear = getattr(OpenBLASController, "clear_controlling_thread", lambda force: None)
    clear(force=True)
    try:
        yield
    finally:
        clear(force=True)


class _SingleThreadedBLAS:
    """A process-wide limit of one BLAS thread, held while anybody needs it.

    The limit is not re-entrant by itself: two fits that end in another order than they began would restore each
    other's value. So the first that enters sets it and the last that leaves restores it.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._holders = 0
        self._controller = self._limit = None

    def __enter__(self):
        with self._lock:
            self._holders += 1
            if self._holders == 1:
                if self._controller is None:
                    self._controller = ThreadpoolController().select(user_api="blas")
                with _control_of_openblas():
                    self._limit = self._controller.limit(limits=1)

    def __exit__(self, *exception):
        with self._lock:
            self._holders -= 1
            if self._holders == 0:
                with _control_of_openblas():
                    self._limit.restore_original_limits()


_blas = _SingleThreadedBLAS()


@contextmanager
def single_threaded_blas():
    """Within it, BLAS has one thread a call: blocks are the parallelism, and products keep their bits."""
    with _blas:
        yield


def _after_fork():
    """A forked child has none of the workers: new pool; nobody of the child holds the BLAS limit."""
    global _pool
    _pool = _Pool()
    if _blas._holders:
        with _control_of_openblas():
            _blas._limit.restore_original_limits()
    _blas._lock, _blas._holders = threading.Lock(), 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
