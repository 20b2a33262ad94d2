"""Time of a training step against features, units, active units and batch size, with one thread and with more.

One setting at a time departs from the base: TopK, 768-1024, k=32, batch 256, on normal data. Every number of threads
is a process of its own (``NUMBA_NUM_THREADS``); processes take turns, and a time is the median over the rounds.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np

import processors
import report

BASE = {"features": 768, "units": 1024, "k": 32, "batch": 256}
STEPS = {
    "features": [96, 192, 384, 1536],
    "units": [128, 256, 512, 2048, 4096],
    "k": [4, 8, 16, 64, 128],
    "batch": [32, 64, 128, 512, 1024, 4096],
}
SETTINGS = [BASE, *({**BASE, name: value} for name, values in STEPS.items() for value in values)]


def seconds_of_a_step(setting, seconds):
    """Median time of a step, by ``partial_fit`` of four batches at a time."""
    from skl_sae import SparseAutoencoder
    from skl_sae.sparsity import TopK

    n_steps, batch = 4, setting["batch"]
    X = np.random.default_rng(0).standard_normal((n_steps * batch, setting["features"]), dtype=np.float32)
    sae = SparseAutoencoder(
        setting["units"], sparsity=TopK(setting["k"]), batch_size=batch, dead_units=None, random_state=0
    )
    sae.partial_fit(X).partial_fit(X)
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 3:
        start = time.perf_counter()
        sae.partial_fit(X)
        times.append((time.perf_counter() - start) / n_steps)
    return median(times)


def in_process(n_threads, seconds):
    """Times of all settings, with a number of threads."""
    environment = {**os.environ, "NUMBA_NUM_THREADS": str(n_threads)}
    command = [sys.executable, __file__, "--worker", "--seconds", str(seconds)]
    result = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return json.loads(result.stdout.splitlines()[-1])


def table(times, threads):
    """A row a setting, with the speedup over one thread and the time relative to the base."""
    rows = []
    for i, setting in enumerate(SETTINGS):
        each = [median(t[i] for t in times[n]) for n in threads]
        base = median(t[0] for t in times[threads[-1]])
        changed = [f"{name} {value}" for name, value in setting.items() if value != BASE[name]] or ["base"]
        row = [*changed, *(f"{1e3 * t:.2f}" for t in each), f"{each[0] / each[-1]:.2f}", f"{each[-1] / base:.2f}"]
        rows.append([*row, f"{1e6 * each[-1] / setting['batch']:.1f}"])
    header = ["setting", *(f"ms, {n} thread{'s' * (n > 1)}" for n in threads), "speedup", "over base", "µs a row"]
    return report.lines(header, rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.5, help="of each setting in each round")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, os.cpu_count()])
    parser.add_argument("--out", type=Path, default=processors.folder())
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps([seconds_of_a_step(setting, options.seconds) for setting in SETTINGS]))
        return
    threads = sorted(set(options.threads))
    times = {n: [] for n in threads}
    for turn in range(options.rounds):
        for n in threads[:: -1 if turn % 2 else 1]:
            times[n].append(in_process(n, options.seconds))
    text = "\n\n".join(["# Scaling", " ".join(__doc__.split()), table(times, threads)]) + "\n"
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "scaling.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
