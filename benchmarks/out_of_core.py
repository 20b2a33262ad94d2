"""Data larger than memory: what a fit on a file takes of it, and what the order of the rows costs.

    python benchmarks/out_of_core.py [--gb 10] [--limit-mb 1024] [--order-gb 4] [--folder /tmp] [--mnist PATH]

Files have 784 features in float32: sparse combinations of 64 atoms, and noise. They are written first and deleted at
the end. The model is TopK with 256 units and k=16, in batches of 512, for one epoch.

"Memory": each call has a process of its own, whose private memory is limited from its start to the end, libraries and
compiled code included (RLIMIT_DATA; the pages of the file are not private). Private memory is what was in RAM of it at
most, looked at every 5 ms, and before the call. Resident is all that the system had mapped at most, with pages of the
file that it could take back at any time.

"Order": `fit` on a smaller file, one epoch. It begins with none of its pages in memory, and another thread throws out
those that came first as soon as there are more than 512 MB, as a system does whose memory is full. The time is that of
the whole call; "epoch" is without that of the two passes in which values are checked and moments taken, measured alone.

"Sorted rows": MNIST's training images, 188 MB, sorted by label, and the explained variance of test images after four
epochs. Windows of 32 blocks of 4 MB are the library's; smaller ones stand for a longer file. Writes out_of_core.md.
"""

import argparse
import ctypes
import json
import mmap
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from datetime import date
from pathlib import Path

import numpy as np

import processors
import report

FEATURES, ATOMS, PIECE = 784, 64, 20_000
# Rows that a worker is warmed up with, and bytes of a row.
FEW, ROW = 2000, 4 * FEATURES
# Bytes of the smaller file that may be in memory, and of a part that is thrown out at a time.
CACHE, PART = 512 << 20, 4 << 20
ORDERS = {"False": False, "True": True, "blocks": "blocks"}
CALLS = ["fit", "fit, early_stopping", "partial_fit", "score", "transform, chunks of 10,000 rows"]


def write(path, n_rows):
    """A file of so many rows, written a piece at a time."""
    rng = np.random.default_rng(0)
    atoms = rng.standard_normal((ATOMS, FEATURES), np.float32)
    noise = np.float32(0.1) * rng.standard_normal((PIECE, FEATURES), np.float32)  # the same in each piece, for speed
    with open(path, "wb") as file:
        for lo in range(0, n_rows, PIECE):
            n = min(PIECE, n_rows - lo)
            codes = rng.random((n, ATOMS), np.float32) * (rng.random((n, ATOMS), np.float32) < 0.1)
            (codes @ atoms + noise[:n]).tofile(file)
        file.flush()
        os.fsync(file.fileno())  # pages that wait to be written can't be thrown out


def opened(path):
    return np.memmap(path, np.float32, "r").reshape(-1, FEATURES)


def model(**params):
    from skl_sae import SparseAutoencoder
    from skl_sae.sparsity import TopK

    params = {"shuffle": "blocks", "max_iter": 1, "batch_size": 512, "random_state": 0, **params}
    return SparseAutoencoder(256, sparsity=TopK(16), **params)


def call(name, X):
    """What is measured of a call: a function without arguments."""
    if name in ("fit", "partial_fit"):
        return lambda: getattr(model(), name)(X)
    if name == "fit, early_stopping":
        return lambda: model(early_stopping=True).fit(X)
    sae = model().fit(X[:FEW])
    if name == "score":
        return lambda: sae.score(X)
    return lambda: in_chunks(sae.transform, X)


def in_chunks(do, X, size=10_000):
    for lo in range(0, len(X), size):
        do(X[lo : lo + size])


class Watch(threading.Thread):
    """Does something again and again, beside a call."""

    def __init__(self, do, seconds):
        super().__init__(daemon=True)
        self.do, self.seconds, self.done = do, seconds, threading.Event()

    def run(self):
        while not self.done.wait(self.seconds):
            self.do()

    def __enter__(self):
        self.start()

    def __exit__(self, *error):
        self.done.set()
        self.join()


def private_bytes():
    """Private bytes in memory."""
    text = Path("/proc/self/status").read_text(encoding="utf-8")
    return 1024 * int(text.partition("RssAnon:")[2].split()[0])


def measure_memory(path, name):
    """Seconds, and megabytes before the call and at most."""
    X, seen = opened(path), []
    call(name, X[:FEW])()
    do, before, start = call(name, X), private_bytes(), time.perf_counter()
    with Watch(lambda: seen.append(private_bytes()), 0.005):
        do()
    peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = time.perf_counter() - start
    return [seconds, *(each / 2**20 for each in (before, max(seen, default=before), peak))]


class SmallMemory:
    """Lets few of a mapped file's pages stay in memory: the parts that came first are thrown out first."""

    def __init__(self, path, X):
        self.file, self.map = os.open(path, os.O_RDONLY), X.base.base
        self.size, self.start = len(self.map), ctypes.c_void_p(X.ctypes.data)
        self.pages = np.zeros(-(-self.size // mmap.PAGESIZE), np.uint8)
        self.starts = np.arange(0, self.pages.size, PART // mmap.PAGESIZE)
        self.since = np.full(self.starts.size, np.inf)
        self.libc = ctypes.CDLL(None, use_errno=True)

    def throw_out(self, part):
        lo = int(part) * PART
        self.map.madvise(mmap.MADV_DONTNEED, lo, min(PART, self.size - lo))
        os.posix_fadvise(self.file, lo, PART, os.POSIX_FADV_DONTNEED)
        self.since[part] = np.inf

    def empty(self):
        for part in range(self.starts.size):
            self.throw_out(part)

    def look(self):
        """Throw out what is too much."""
        pages = self.pages.ctypes.data_as(ctypes.c_void_p)
        if self.libc.mincore(self.start, ctypes.c_size_t(self.size), pages):
            raise OSError(ctypes.get_errno(), "mincore failed")
        bytes_of = mmap.PAGESIZE * np.add.reduceat((self.pages & 1).astype(np.int64), self.starts)
        self.since[bytes_of == 0] = np.inf
        self.since[(bytes_of > 0) & (self.since == np.inf)] = time.monotonic()
        surplus = bytes_of.sum() - CACHE
        for part in np.argsort(self.since, kind="stable"):
            if surplus <= 0:
                break
            surplus -= bytes_of[part]
            self.throw_out(part)


def measure_order(path, name):
    """Seconds of a fit on a cold file that stays cold."""
    X = opened(path)
    sae = model(shuffle=ORDERS.get(name, False), max_iter=1)
    sae.fit(X[:FEW]), sae.score(X[:FEW])
    memory = SmallMemory(path, X)
    memory.empty()
    start = time.perf_counter()
    with Watch(memory.look, 0.1):
        if name == "moments":
            from skl_sae._model.rows import Rows

            rows = Rows(X)
            rows.assert_no_infinity("")
            rows.moments()
        else:
            sae.fit(X)
    return [time.perf_counter() - start]


def in_process(kind, path, name, limit_mb=0):
    """What a process of its own has measured."""
    command = [sys.executable, __file__, "--worker", kind, str(path), name, "--limit-mb", str(limit_mb)]
    result = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(result.stdout.splitlines()[-1])


def work(kind, path, name, limit_mb):
    """Of the process that measures."""
    warnings.simplefilter("ignore")
    if limit_mb:
        resource.setrlimit(resource.RLIMIT_DATA, (limit_mb << 20, resource.RLIM_INFINITY))
    print(json.dumps({"memory": measure_memory, "order": measure_order}[kind](path, name)))


def memory(path, options):
    """A row a call."""
    rows = []
    for name in options.calls:
        seconds, *megabytes = in_process("memory", path, name, options.limit_mb)
        rows.append([name, f"{seconds:.0f}", *(f"{each:,.0f}" for each in megabytes)])
        print("  ", *rows[-1], flush=True)
    return report.lines(["call", "s", "private MB before", "private MB at most", "resident MB at most"], rows)


def orders(path, n_rows):
    """A row an order."""
    passes, rows = in_process("order", path, "moments")[0], []
    for name in ORDERS:
        seconds = in_process("order", path, name)[0]
        epoch = seconds - passes
        rows.append([f"shuffle={name}", f"{seconds:.1f}", f"{epoch:.1f}", f"{n_rows / epoch:,.0f}"])
        rows[-1].append(f"{n_rows * ROW / epoch / 1e6:,.0f}")
        print("  ", *rows[-1], flush=True)
    return report.lines(["order", "s", "epoch, s", "rows/s", "MB/s"], rows)


def sorted_rows(mnist):
    """A row an order: how well is learned what lies in the order of its labels."""
    from skl_sae._training import order
    from skl_sae.datasets import load_mnist

    X, y, X_test, _ = load_mnist(mnist)
    X, rows = X[np.argsort(y, kind="stable")], []
    own = order.WINDOW, order.BLOCK_BYTES
    for name, sizes in [
        ("True", own),
        ("blocks", own),
        ("blocks", (8, 1 << 22)),
        ("blocks", (8, 1 << 20)),
        ("False", own),
    ]:
        order.WINDOW, order.BLOCK_BYTES = sizes
        score = model(shuffle=ORDERS[name], max_iter=4).fit(X).score(X_test)
        windows = f", windows of {sizes[0]} x {sizes[1] >> 20} MB" if name == "blocks" else ""
        rows.append([f"shuffle={name}{windows}", f"{score:.4f}"])
        print("  ", *rows[-1], flush=True)
    order.WINDOW, order.BLOCK_BYTES = own
    return report.lines(["order", "explained variance"], rows)


def document(parts, options):
    about, _, *texts = (" ".join(part.split()) for part in __doc__.split("\n\n"))
    sizes = f"Memory: {options.gb:g} GB under a limit of {options.limit_mb} MB. Order: {options.order_gb:g} GB."
    machine = f"{date.today().isoformat()}, {processors.title()}, {processors.n_cores()} cores. {sizes}"
    return "\n\n".join(["# Data larger than memory", about, *texts, *parts, machine]) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gb", type=float, default=10, help="of the first file; 0: not at all")
    parser.add_argument("--limit-mb", type=int, default=1024)
    parser.add_argument("--order-gb", type=float, default=4, help="of the second one, likewise")
    parser.add_argument("--calls", nargs="+", choices=CALLS, default=CALLS)
    parser.add_argument("--folder", type=Path, help="of the files, on the disk that is measured")
    parser.add_argument("--out", type=Path, default=processors.folder())
    parser.add_argument("--mnist", help="path of a .npz file with X (70000, 784) and y, for the table of sorted rows")
    parser.add_argument("--worker", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(*options.worker, options.limit_mb)
        return
    parts = []
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        path = Path(folder, "X")
        for title, gigabytes in [("Memory", options.gb), ("Order", options.order_gb)]:
            n_rows = int(1e9 * gigabytes) // ROW
            if n_rows == 0:
                continue
            write(path, n_rows)
            table = memory(path, options) if title == "Memory" else orders(path, n_rows)
            parts += [f"## {title}: {n_rows:,} rows", table]
    if options.mnist:
        parts += ["## Sorted rows", sorted_rows(options.mnist)]
    options.out.mkdir(parents=True, exist_ok=True)
    text = document(parts, options)
    (options.out / "out_of_core.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
