"""Compiling, or loading from the cache, where neither an interrupt nor a fork can come in between.

The locks of numba and llvmlite are classes in Python: an interrupt between the two lines that take one leaves it taken
for ever, and the next thread that compiles hangs. Interrupts hit the main thread alone, so another one compiles for it.
"""

import contextvars
import os
import threading
from contextlib import contextmanager

from llvmlite.binding import ffi
from numba.core.compiler_lock import global_compiler_lock

# Seconds that a fork waits until no other thread compiles: a child would inherit the locks, and LLVM half way.
PATIENCE = 30
# What keeps a lock: numba for compiling, llvmlite for each call of LLVM; in the order in which they are taken. The
# second is llvmlite's own business: a version without it is not guarded against forks beside a call of LLVM.
KEEPERS = [each for each in (global_compiler_lock, getattr(ffi.lib, "_lock", None)) if hasattr(each, "_lock")]

_listener = contextvars.ContextVar("skl_sae_listener", default=None)
# Whether it has been said that kernels are compiled: once in a process is enough.
_said = []


@contextmanager
def announced(say):
    """Meanwhile let `say`, a function or None, be called before a kernel is compiled, if none was announced before."""
    token = _listener.set(say)
    try:
        yield
    finally:
        _listener.reset(token)


def tell_of_compiling():
    """Print why the first fit on a machine is slow; what a fit that is verbose announces."""
    print("Compiling kernels for this machine: seconds, up to a minute, once. Later fits load them.", flush=True)


def announce():
    """A kernel is about to be compiled, not loaded."""
    say = _listener.get()
    if say is not None and not _said:
        _said.append(True)
        say()


def out_of_reach(work, *args):
    """``work(*args)``, in a thread of its own if this is the main thread.

    An interrupt is raised at once; the work goes on, and Python waits for it before it ends.
    """
    if threading.current_thread() is not threading.main_thread():
        return work(*args)
    results, errors, done = [], [], threading.Lock()
    done.acquire()

    def serve():
        try:
            results.append(work(*args))
        except BaseException as error:
            errors.append(error)
        finally:
            done.release()

    try:
        threading.Thread(target=contextvars.copy_context().run, args=(serve,), name="skl_sae-compiler").start()
    except RuntimeError:  # no more threads
        return work(*args)
    with done:
        pass
    if errors:
        raise errors.pop()
    return results[0]


def _before_fork():
    for keeper in KEEPERS:
        keeper._lock.acquire(timeout=PATIENCE)


def _after_fork():
    """In parent and child: whether the wait ended well is seen from the lock, which an interrupt can't falsify."""
    for keeper in KEEPERS:
        if keeper._lock._is_owned():
            keeper._lock.release()


def _after_fork_in_child():
    _after_fork()
    for keeper in KEEPERS:
        if not keeper._lock._is_owned():
            keeper._lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child)
