"""Rounds on a cluster of two local worker processes against one process, and what a model of their cost says of more.

A round takes ``n / rate + hops * bytes / bandwidth + 2 * blocks * overhead``, with n rows of a block and one block a
worker, the bytes of the weights and of both moments, and ``4 + 2 log2(workers)`` hops: from the client by the scheduler
to a worker, on to the others, back along the tree of sums, and to the client. Rate, bandwidth and overhead are measured
here: the steps of one process of one thread, a round trip of as many bytes, and tasks that do nothing. The second table
puts the rate of all cores and the bandwidths of networks into the same formula. Data is normal: only times count.
"""

import argparse
import json
import logging
import math
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np

import processors
import report

CASES = {"784-2000, k=32": (784, 2000, 32), "768-6144, k=32": (768, 6144, 32)}
# Bytes a second, of Ethernet with 1 and with 10 GBit/s.
NETWORKS = {"1 GbE": 110e6, "10 GbE": 1100e6}
WORKERS = 2, 8, 32, 128, 1000
BATCH, EFFICIENCY = 256, 0.8


def autoencoder(case, epochs):
    from skl_sae import SparseAutoencoder
    from skl_sae.sparsity import TopK

    _, units, k = CASES[case]
    options = {"batch_size": BATCH, "max_iter": epochs, "dead_units": None, "random_state": 0}
    return SparseAutoencoder(units, sparsity=TopK(k), **options)


def data(case, n_rows):
    return np.random.default_rng(0).standard_normal((n_rows, CASES[case][0]), dtype=np.float32)


def rate_of_one_process(case, n_rows):
    """Rows a second of the steps alone: the time of two more epochs."""
    X, times = data(case, n_rows), []
    for epochs in (1, 1, 3):
        start = time.perf_counter()
        autoencoder(case, epochs).fit(X)
        times.append(time.perf_counter() - start)
    return 2 * n_rows / (times[2] - times[1])


def in_process(case, n_rows, n_threads):
    """The same in a process of its own, with a number of threads."""
    command = [sys.executable, __file__, "--worker", case, "--rows", str(n_rows)]
    environment = {**os.environ, "NUMBA_NUM_THREADS": str(n_threads)}
    result = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return json.loads(result.stdout.splitlines()[-1])


def n_bytes(case):
    """Of weights and moments, in float32."""
    features, units, _ = CASES[case]
    return 3 * 4 * (2 * features * units + features + units)


def hops(workers):
    return 4 + 2 * math.log2(workers)


def round_time(n_rows, workers, rate, size, bandwidth, overhead):
    """What the model says of a round on `n_rows` rows a worker."""
    return n_rows / rate + hops(workers) * size / bandwidth + 2 * workers * overhead


def rows_for(efficiency, workers, rate, size, bandwidth, overhead):
    """Rows a worker from which on the steps take this share of a round."""
    return efficiency / (1 - efficiency) * rate * round_time(0, workers, rate, size, bandwidth, overhead)


def probe(client, size):
    """Bytes a second of a hop, and seconds of a task."""
    array, times = np.ones(size // 4, np.float32), []
    for _ in range(5):
        start = time.perf_counter()
        client.scatter(array, hash=False).result()
        times.append(time.perf_counter() - start)
    tasks = []
    for turn in range(5):
        start = time.perf_counter()
        client.gather(client.map(abs, range(200), key=[f"probe-{turn}-{i}" for i in range(200)]))
        tasks.append((time.perf_counter() - start) / 200)
    return 4 * size / median(times), median(tasks)


def seconds_of_a_round(client, case, X, n_rows):
    """Of a fit on two blocks: the time of two more rounds."""
    from skl_sae.dask import fit

    times = []
    for epochs in (1, 1, 3):
        start = time.perf_counter()
        fit(autoencoder(case, epochs), X, client=client, block_rows=n_rows)
        times.append(time.perf_counter() - start)
    return (times[2] - times[1]) / 2


def measure(client, case, sizes, turns):
    """Rows of the first table, and the numbers that the second one needs."""
    steady = max(sizes)
    rate, rate_of_all = (in_process(case, steady, n) for n in (1, processors.n_cores()))
    bandwidth, overhead = probe(client, n_bytes(case))
    rows = []
    for n_rows in sizes:
        X = data(case, 2 * n_rows)
        seconds = median(seconds_of_a_round(client, case, X, n_rows) for _ in range(turns))
        expected = round_time(n_rows, 2, rate, n_bytes(case), bandwidth, overhead)
        ratios = f"{2 * n_rows / rate / seconds:.2f}", f"{2 * n_rows / rate_of_all / seconds:.2f}"
        rows.append([case, str(n_rows), f"{seconds:.2f}", f"{expected:.2f}", *ratios])
    print(f"{case}: {rate:.0f} rows/s, with all cores {rate_of_all:.0f}; {bandwidth / 1e6:.0f} MB/s; {overhead:.4f} s")
    return rows, (rate_of_all, overhead)


def second_table(found):
    """Rows a worker in a round that are enough, by number of workers."""
    rows = []
    for case, (rate, overhead) in found.items():
        for network, bandwidth in NETWORKS.items():
            enough = [rows_for(EFFICIENCY, n, rate, n_bytes(case), bandwidth, overhead) for n in WORKERS]
            rows.append([case, network, *(f"{n / 1000:.0f} k" for n in enough)])
    return report.lines(["case", "network", *(f"{n} workers" for n in WORKERS)], rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[5_000, 20_000, 60_000], help="rows of a block")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--case", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--out", type=Path, default=processors.folder())
    parser.add_argument("--worker", choices=CASES, help=argparse.SUPPRESS)
    parser.add_argument("--rows", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(rate_of_one_process(options.worker, options.rows)))
        return
    from distributed import Client, LocalCluster

    quiet = {"dashboard_address": ":0", "silence_logs": logging.CRITICAL}
    rows, found = [], {}
    with LocalCluster(n_workers=2, threads_per_worker=1, **quiet) as cluster, Client(cluster) as client:
        for case in options.case:
            measured, found[case] = measure(client, case, options.sizes, options.turns)
            rows += measured
    columns = ["case", "rows a block", "s a round", "by the model"]
    text = report.lines([*columns, "over one thread", f"over {processors.n_cores()} threads"], rows)
    parts = [f"# Two workers of one thread: {processors.title()}", " ".join(__doc__.split()), text]
    parts += [f"Rows a worker in a round, for steps that take {EFFICIENCY:.0%} of it:", second_table(found)]
    text = "\n\n".join(parts) + "\n"
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "cluster.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
