"""Streams of `partial_fit` for a long time, with all that goes on beside them, and what the process then holds.

    python tests/soak.py --minutes 30

Chunks have many sizes, dense, CSR, of either type, with missing values, and now and then one that is refused. Between
them models are read, pickled and gone on with, cloned, and thrown away. A line a minute tells private memory, threads
and open files.
"""

import argparse
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
# Loss curves hold two numbers a chunk.
BYTES_OF_A_CHUNK = 2 * (sys.getsizeof(0.0) + 8)


class Held(NamedTuple):
    """What the process holds."""

    seconds: float
    chunks: int
    memory: int  # private bytes in memory
    threads: int
    files: int


def held(start, chunks):
    gc.collect()
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    memory, threads = 1024 * int(status["RssAnon"].split()[0]), int(status["Threads"])
    return Held(time.monotonic() - start, chunks, memory, threads, len(os.listdir("/proc/self/fd")))


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
    while time.monotonic() - start < seconds:
        for i, sae in enumerate(models):
            models[i], chunks = go_on(rng, sae, draw_chunk(rng, data)), chunks + 1
        if time.monotonic() - start >= next_time:
            told.append(held(start, chunks))
            show(line(told[-1]))
            next_time += every
    told.append(held(start, chunks))
    assert all(np.isfinite(each).all() for sae in models for each in sae.coefs_)
    return told


def line(now):
    memory = f"{now.memory / 2**20:.1f} MB private"
    return f"{now.seconds:6.0f} s, {now.chunks} chunks: {memory}, {now.threads} threads, {now.files} open files"


def growth(told):
    """Bytes by which memory has grown from the first half of the periods to the second, without the loss curves."""
    half = len(told) // 2
    memory = np.array([each.memory - BYTES_OF_A_CHUNK * each.chunks for each in told], float)
    return float(np.median(memory[half:]) - np.median(memory[:half]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    told = soak(60 * options.minutes, every=min(60.0, 3 * options.minutes))
    print(f"memory has grown by {growth(told) / 2**20:.2f} MB beside the loss curves")
    same = len({each.threads for each in told}) == len({each.files for each in told}) == 1
    return same and growth(told) < 4 << 20


if __name__ == "__main__":
    sys.exit(not main())
