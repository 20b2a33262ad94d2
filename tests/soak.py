"""Streams of `partial_fit` for a long time, with all that goes on beside them, and what the process then holds.

    python tests/soak.py --minutes 30

Chunks have many sizes, dense, CSR, of either type, with missing values, and now and then one that is refused. Between
them models are read, pickled and gone on with, cloned, and thrown away. A line a minute tells memory, threads and open
files.

What has been allocated is counted, to the byte: pages that a process holds come in steps of megabytes, and hide in a
minute what a stream loses. Before each count all models are pickled and read again, so that none has its workspace.
The verdict is the median of the slopes from each count to the next: kernels that are compiled meanwhile are in few of
them, and what is lost with each chunk is in all. A busy machine takes longer: there are so many chunks at least.
"""

import argparse
import ctypes
import gc
import os
import pickle
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import sparse
from sklearn.base import clone

sys.path.insert(0, str(Path(__file__).parent.parent))  # where the package is not installed

from skl_sae import SparseAutoencoder
from skl_sae.sparsity import L1

FEATURES, MOST_ROWS = 32, 700
MODELS = [
    {},
    {"sparsity": "batch_topk", "sparse_output": True},
    {"sparsity": L1(target_l0=4), "shuffle": "blocks"},
    {"sparsity": "kl", "hidden_layer_sizes": (16,), "batch_norm": True},
    {"sparsity": "jumprelu", "dead_units": "resample", "solver": "sgd"},
    {"sparsity": "matryoshka", "corruption": "masking", "dropout": 0.1},
]
# Of a small object of Python, of which only the number is known, about as many as a dict or a string takes.
BYTES_OF_AN_OBJECT = 64
# Chunks until all kernels are compiled and caches are full, and in all, at least.
WARM_UP, FEWEST = 900, 2400
# Loss curves hold two numbers a chunk.
BYTES_OF_A_CHUNK = 2 * (BYTES_OF_AN_OBJECT + 8)
# A stream that loses so much with each chunk has a leak; caches that still fill lose less.
MOST_OF_A_CHUNK = 512


class Held(NamedTuple):
    """What the process holds."""

    seconds: float
    chunks: int
    allocated: int  # bytes
    private: int  # bytes of its pages
    threads: int
    files: int


class Mallinfo(ctypes.Structure):
    """What glibc 2.33 and later tell of all arenas."""

    NAMES = "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"
    _fields_ = [(name, ctypes.c_size_t) for name in NAMES]


def allocated():
    """Bytes that are allocated: those of `malloc`, and about those of small objects of Python."""
    mallinfo = ctypes.CDLL(None).mallinfo2
    mallinfo.restype = Mallinfo
    info = mallinfo()
    return info.uordblks + info.hblkhd + BYTES_OF_AN_OBJECT * sys.getallocatedblocks()


def can_count():
    """Whether the system tells all that is counted."""
    return sys.platform.startswith("linux") and hasattr(ctypes.CDLL(None), "mallinfo2")


def held(start, chunks):
    gc.collect()
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    private, threads = 1024 * int(status["RssAnon"].split()[0]), int(status["Threads"])
    files = len(os.listdir("/proc/self/fd"))
    return Held(time.monotonic() - start, chunks, allocated(), private, threads, files)


def draw_chunk(rng, data):
    """Some rows in some form."""
    n = int(np.exp(rng.uniform(0, np.log(MOST_ROWS))))
    X = data[rng.integers(0, len(data), n)]
    form = rng.integers(6)
    if form == 0:
        return sparse.csr_array(np.where(X > 1, X, 0))
    if form == 1:
        return np.where(rng.random(X.shape) < 0.1, np.nan, X)
    if form == 2:
        return np.asfortranarray(X, np.float64)
    return X


def go_on(rng, sae, X):
    """A chunk, and something beside it; returns the model that is gone on with."""
    sae.partial_fit(X)
    beside = rng.integers(12)
    if beside == 0:
        sae = pickle.loads(pickle.dumps(sae))
    elif beside == 1:
        clone(sae).partial_fit(X)
    elif beside == 2:
        try:
            sae.partial_fit(np.full((3, FEATURES), np.inf, np.float32))
        except ValueError:
            pass
    elif beside == 3:
        reader = threading.Thread(target=sae.transform, args=(X,))
        reader.start()
        sae.partial_fit(X)
        reader.join()
    elif beside < 7:
        codes = sae.transform(X)
        sae.inverse_transform(codes), sae.score_samples(X), sae.coefs_
    return sae


def soak(seconds, every=60.0, show=print):
    """What the process holds at the end of each period, from the time when everything has been done at least once."""
    rng, warm_up = np.random.default_rng(0), seconds / 4
    data = (rng.standard_normal((5000, 8)) @ rng.standard_normal((8, FEATURES))).astype(np.float32)
    models = [SparseAutoencoder(24, batch_size=32, random_state=0, **params) for params in MODELS]
    models = [sae.partial_fit(data) for sae in models]
    start, chunks, told, next_time = time.monotonic(), 0, [], warm_up
    while time.monotonic() - start < seconds or chunks < FEWEST:
        for i, sae in enumerate(models):
            models[i], chunks = go_on(rng, sae, draw_chunk(rng, data)), chunks + 1
        if time.monotonic() - start >= next_time and chunks >= WARM_UP:
            del sae
            models = pickle.loads(pickle.dumps(models))
            told.append(held(start, chunks))
            show(line(told[-1]))
            next_time = time.monotonic() - start + every
    assert all(np.isfinite(each).all() for sae in models for each in sae.coefs_)
    return told


def line(now):
    memory = f"{now.allocated / 2**20:.2f} MB allocated, {now.private / 2**20:.1f} MB private"
    return f"{now.seconds:6.0f} s, {now.chunks} chunks: {memory}, {now.threads} threads, {now.files} open files"


def growth(told):
    """Bytes by which memory grows with each chunk, without the loss curves: the median slope from count to count."""
    chunks, memory = (np.diff([getattr(each, name) for each in told]) for name in ("chunks", "allocated"))
    return float(np.median(memory / chunks)) - BYTES_OF_A_CHUNK


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    told = soak(60 * options.minutes, every=min(60.0, 3 * options.minutes))
    print(f"memory grows by {growth(told):.0f} bytes a chunk beside the loss curves")
    same = len({each.threads for each in told}) == len({each.files for each in told}) == 1
    return same and growth(told) < MOST_OF_A_CHUNK


if __name__ == "__main__":
    sys.exit(not main())
