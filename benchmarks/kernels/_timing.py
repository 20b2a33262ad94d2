"""How the kernel scripts measure."""

import time


def best(work, seconds=1.0):
    """Least time of a call within `seconds`, after one call that compiles."""
    work()
    least, end = float("inf"), time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        work()
        least = min(least, time.perf_counter() - start)
    return least
