"""What share of a step's time threads spend waiting: for the GIL, for one another, or for work.

    python benchmarks/profile_step.py --case topk_1000 kl --threads 2

Each entry of a thread into the compiled driver of a plan is timed, and the driver counts the pauses that it waits for
others. The rest of the wall time of a step, from its call to its return, a thread spends in the interpreter or asleep:
the caller prepares a step, a worker is woken up. Both are told as shares of all threads' time. Nothing is written.
"""

import argparse
import os
import tempfile
import threading
import time
from statistics import median

import numpy as np

import data
import workers as processes
from cases import CASES


def pause_seconds(plan):
    """How long a pause of the driver takes."""
    items, place = np.array([[0, 0, 1]]), np.array([0, -1, 0, 0])
    empty, table = np.zeros(0, np.int64), np.zeros((1, 1), np.int64)
    best = np.inf
    for _ in range(20):
        shared, place[:] = np.zeros(24, np.int64), (0, -1, 0, 0)
        start = time.perf_counter()
        plan._drive(np.zeros((0, 3), np.int64), items, empty, empty, table, shared, place, 10_000)
        best = min(best, time.perf_counter() - start)
    return best / place[plan.PAUSES]


class Watch:
    """Times the driver and the steps of one process."""

    def __init__(self, plan, step):
        self.plan, self.entries, self.steps = plan, [], []
        self.drive, self.call = plan._drive, step.TrainingStep.__call__
        self.pause = pause_seconds(plan)
        plan._drive = self._drive
        step.TrainingStep.__call__ = lambda *args, **kwargs: self._step(*args, **kwargs)

    def _drive(self, *args):
        place = args[6]
        start, pauses = time.perf_counter(), place[self.plan.PAUSES]
        reason = self.drive(*args)
        self.entries.append((threading.get_ident(), time.perf_counter() - start, place[self.plan.PAUSES] - pauses))
        return reason

    def _step(self, *args, **kwargs):
        self.entries.clear()
        start = time.perf_counter()
        value = self.call(*args, **kwargs)
        wall, entries = time.perf_counter() - start, list(self.entries)
        inside = sum(seconds for _, seconds, _ in entries)
        waiting = sum(n for *_, n in entries) * self.pause
        self.steps.append((wall, inside - waiting, waiting))
        return value


def profile(name, folder, options):
    """Print the shares of a case, medians over its steps."""
    from skl_sae._kernels import plan
    from skl_sae._training import step

    case = CASES[name]
    processes.prepare(name, folder, options.mnist)
    X = data.read(folder)[0][: case.chunk_rows]
    estimator = case.estimator()
    for _ in range(2):
        estimator.partial_fit(X)
    watch = Watch(plan, step)
    end = time.perf_counter() + options.seconds
    while time.perf_counter() < end:
        estimator.partial_fit(X)
    step.TrainingStep.__call__, plan._drive = watch.call, watch.drive
    wall, work, waiting = (np.array(column) for column in zip(*watch.steps, strict=True))
    threads = options.threads if median(work / wall) > 1 or options.threads == 1 else 1
    others = wall * threads - work - waiting
    shares = [median(part / wall / threads) for part in (work, waiting, others)]
    told = f"{1e3 * median(wall):9.3f} ms a step, {threads} at work; kernels {shares[0]:6.1%}"
    print(f"{name:16s} {told}, waiting in the driver {shares[1]:5.1%}, outside of it {shares[2]:5.1%}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", nargs="+", choices=CASES, default=list(CASES), metavar="NAME", help=", ".join(CASES))
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--seconds", type=float, default=3.0, help="of each case")
    parser.add_argument("--mnist", help="path of a .npz file with X (70000, 784) and y; by default it is downloaded")
    options = parser.parse_args()
    os.environ["NUMBA_NUM_THREADS"] = str(options.threads)
    for name in options.case:
        with tempfile.TemporaryDirectory() as folder:
            profile(name, folder, options)


if __name__ == "__main__":
    main()
