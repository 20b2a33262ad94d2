"""What share of a step's time threads spend in kernels, waiting for one another, and outside of the compiled driver.

    python benchmarks/profile_step.py --case topk_1000 kl --threads 2

A step is the time from its beginning to that of the next one. The driver counts the pauses that a thread waits in it:
for items of the other threads, and a follower for the next step while the leader prepares it in Python. Entries into
the driver are timed; what a thread does outside of it, it spends in the interpreter, waiting for the GIL, or asleep.
All are told as shares of the time of all threads, medians over the steps. Nothing is written.
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


def pause_seconds(crew):
    """How long a pause of the driver takes: a follower waits for a run that never comes."""
    job, shared, place = np.zeros(8, np.int64), np.zeros(24, np.int64), np.array([1, -1, 0, 0])
    job[crew.N_THREADS], best = 2, np.inf
    for _ in range(20):
        place[crew.PAUSES] = 0
        start = time.perf_counter()
        crew._drive(job, shared, place, 10_000, 10_000)
        best = min(best, (time.perf_counter() - start) / place[crew.PAUSES])
    return best


class Watch:
    """Times what the threads of a crew do, from step to step.

    Attributes
    ----------
    steps : list of (float, float, float)
        Of each step its seconds, and the seconds of all threads that were waited in the driver and spent outside.
    """

    def __init__(self, crew, step):
        self.crew, self.step, self.pause = crew, step, pause_seconds(crew)
        self.drive, self.call = crew._drive, step.TrainingStep.__call__
        # of each thread: its place, the seconds that it has been in the driver, and since when it is there
        self.places, self.inside, self.entered = {}, {}, {}
        self.steps, self.last = [], None

    def __enter__(self):
        self.crew._drive = self._drive
        watch = self
        self.step.TrainingStep.__call__ = lambda *args, **kwargs: watch.note() or watch.call(*args, **kwargs)
        return self

    def __exit__(self, *error):
        self.crew._drive, self.step.TrainingStep.__call__ = self.drive, self.call

    def _drive(self, job, shared, place, *patience):
        me = threading.get_ident()
        self.places[me], self.entered[me] = place, time.perf_counter()
        try:
            return self.drive(job, shared, place, *patience)
        finally:
            self.inside[me] = self.inside.get(me, 0.0) + time.perf_counter() - self.entered.pop(me)

    def note(self):
        """A step begins."""
        now, entered = time.perf_counter(), dict(self.entered)
        inside = sum(self.inside.values()) + sum(now - since for since in entered.values())
        pauses = {id(place): int(place[self.crew.PAUSES]) for place in self.places.values()}
        if self.last is not None:
            then, inside_then, pauses_then = self.last
            waited = sum(n - pauses_then.get(place, 0) for place, n in pauses.items()) * self.pause
            self.steps.append((now - then, waited, inside - inside_then))
        self.last = now, inside, pauses


def profile(name, folder, options):
    """Print the shares of a case."""
    from skl_sae._kernels import crew
    from skl_sae._training import step

    case = CASES[name]
    processes.prepare(name, folder, options.mnist)
    X = data.read(folder)[0][: case.chunk_rows]
    estimator = case.estimator()
    for _ in range(2):
        estimator.partial_fit(X)
    with Watch(crew, step) as watch:
        end = time.perf_counter() + options.seconds
        while time.perf_counter() < end:
            watch.last = None  # what is between two calls is no step
            estimator.partial_fit(X)
    wall, waited, inside = (np.array(column) for column in zip(*watch.steps, strict=True))
    n = options.threads if len(watch.places) > 1 else 1
    shares = [median(part / wall / n) for part in (inside - waited, waited, n * wall - inside)]
    told = f"{1e3 * median(wall):9.3f} ms a step, {n} at work; kernels {shares[0]:6.1%}"
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
