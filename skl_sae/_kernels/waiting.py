"""A moment of waiting for another thread, without the GIL and without falling asleep.

A step lasts from some ten to some thousand microseconds, and a thread that sleeps on a lock takes some tens to wake up.
So before it asks for the lock it watches a flag, for about as long as it may take until the next step. This is done
where an instruction makes watching cheap; elsewhere the locks alone do the waiting.
"""

from numba import config

from .atomics import PAUSES, new_flag, pause, read, write
from .jit import jit

WATCHES = PAUSES and not config.DISABLE_JIT
# Number of pauses, of some 25 ns each: before a watch is given up; and, where asked for, after a flag was raised, in
# which time whoever raised it enters a kernel and releases the GIL.
PATIENCE, GRACE = 5000, 200


@jit
def _watch(answer, flag, count, patience, grace):
    """See `answer_and_watch`. A kernel runs without the GIL, so the flag `answer` tells that it is free."""
    write(answer, 0, 1)
    while read(flag, 0) < count and patience > 0:
        pause()
        patience -= 1
    if patience > 0:
        for _ in range(grace):
            pause()


def watch(flag, count):
    """Wait until a flag has been raised to `count`, or for a moment."""
    if WATCHES:
        _watch(new_flag(), flag, count, PATIENCE, 0)


def answer_and_watch(answer, flag, count):
    """Raise the flag `answer` to 1 once the GIL is free, then `watch` the other, and leave the caller some time."""
    if WATCHES:
        _watch(answer, flag, count, PATIENCE, GRACE)
