"""The limit of BLAS to one thread, while our own threads work on blocks; and the user's limit of OpenMP's threads.

The limit of BLAS belongs to the process. If each fit restored the number that it found, two fits that end in another
order than they began would restore each other's. So those who need the limit are registered, and it ends with the last
of them. They are registered by weak references: one that is gone without leaving, because of an interrupt or a fork,
does not count.
"""

import os
import threading
from functools import cache
from weakref import ref

from threadpoolctl import OpenBLASController, ThreadpoolController


@cache
def _libraries(user_api):
    """Controllers of the libraries that were loaded at the first use, with a number of threads to control."""
    found = ThreadpoolController().lib_controllers
    return [library for library in found if library.user_api == user_api and library.num_threads is not None]


def _free_openblas():
    """Let any thread change the number. From 3.7 on, threadpoolctl ignores all but the one that changed it first."""
    getattr(OpenBLASController, "clear_controlling_thread", lambda force: None)(force=True)


def _set_threads(numbers):
    _free_openblas()
    for library, n in numbers:
        library.set_num_threads(n)
    _free_openblas()


class _Limit:
    """Whether BLAS is limited, and who needs it.

    `settle` makes the first agree with the second. It may be interrupted anywhere: the numbers to go back to are noted
    before any is changed, and forgotten after all are restored, and the next call does what is left to do.
    """

    def __init__(self):
        self.lock = threading.Lock()
        self.holds = {}
        self.before, self.limited = None, False

    def _needed(self):
        return any(hold() is not None for hold in list(self.holds.values()))

    def settle(self):
        with self.lock:
            while self.limited != self._needed() or (not self.limited and self.before is not None):
                if self._needed():
                    self._begin()
                else:
                    self._end()

    def _begin(self):
        if self.before is None:
            self.before = [(library, library.num_threads) for library in _libraries("blas")]
        _set_threads([(library, 1) for library, _ in self.before])
        self.limited = True

    def _end(self):
        self.limited = False
        _set_threads(self.before)
        self.before = None

    def leave(self, hold):
        self.holds.pop(id(hold), None)
        self.settle()

    def lost(self, hold):
        """A hold is gone without having left. Whoever has the lock is in `settle`, and looks again before its end."""
        if not self.lock.locked():
            self.settle()

    def after_fork(self):
        """Drop the holds of threads that the child does not have: all but the one that forked."""
        self.lock = threading.Lock()
        for key, hold in list(self.holds.items()):
            if getattr(hold(), "thread", None) != threading.get_ident():
                del self.holds[key]
        state = getattr(OpenBLASController, "_SHARED_STATE", None)
        if hasattr(state, "lock"):
            state.lock = threading.Lock()
        self.settle()


_limit = _Limit()


class single_threaded_blas:
    """Inside, a call of BLAS has one thread: blocks share out the work, and products always have the same bits."""

    def __enter__(self):
        self.thread, self.openmp_threads = threading.get_ident(), openmp_threads()
        try:
            _limit.holds[id(self)] = ref(self, _limit.lost)
            _limit.settle()
        except BaseException:
            _limit.leave(self)
            raise

    def __exit__(self, *exception):
        try:
            _limit.leave(self)
        except BaseException:  # an interrupt: leave once more
            _limit.leave(self)
            raise


@cache
def _blas_uses_openmp():
    return any(getattr(library, "threading_layer", None) == "openmp" for library in _libraries("blas"))


def openmp_threads():
    """Number of threads that OpenMP would give the caller, who may have lowered it; None without OpenMP.

    A BLAS that uses OpenMP is limited by this very number. Inside of our limit, the number before it is returned.
    """
    if _blas_uses_openmp():
        for hold in [hold() for hold in list(_limit.holds.values())]:
            if hold is not None and hold.thread == threading.get_ident():
                return hold.openmp_threads
    return max([library.num_threads for library in _libraries("openmp")], default=None)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_limit.after_fork)
