"""A seed gives the same bits with any number of threads, in any process, after a fork, and beside other fits."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse

from skl_sae import SparseAutoencoder

ROOT = Path(__file__).parents[2]

# Batches of 128 x 200 x 256 are more than SMALL_WORK, those of the deep network are less, so both ways are taken.
SCRIPT = """
import hashlib, json, os, sys, threading
import numpy as np
from skl_sae import SparseAutoencoder
from skl_sae._training.step import SMALL_WORK
from skl_sae._kernels.thread_count import n_threads

rng = np.random.default_rng(0)
X = (rng.random((2000, 20)) ** 3 @ rng.standard_normal((20, 200))).astype(np.float32)
data = {"complete": X, "missing": np.where(rng.random(X.shape) < 0.2, np.float32(np.nan), X)}
common = {"n_components": 256, "max_iter": 2, "random_state": 0}
CONFIGURATIONS = {
    "topk": {"sparsity": "topk"},
    "abs_topk": {"sparsity": "abs_topk"},
    "l1": {"sparsity": "l1"},
    "kl": {"sparsity": "kl"},
    "None": {"sparsity": None},
    "tied": {"sparsity": "l1", "tied_weights": True, "weight_decay": 1e-4},
    "large batch": {"sparsity": "topk", "batch_size": 1024},
    "deep": {"sparsity": "topk", "hidden_layer_sizes": (96,), "sparse_output": True},
    "deep, small": {"sparsity": "l1", "hidden_layer_sizes": (30, 20), "n_components": 50, "solver": "sgd"},
    "dropout": {"sparsity": "topk", "hidden_layer_sizes": (96,), "dropout": 0.3},
    "dropout, dense": {"sparsity": "kl", "dropout": 0.3},
    "batch norm": {"sparsity": "l1", "hidden_layer_sizes": (96,), "batch_norm": True},
    "gaussian": {"sparsity": None, "corruption": "gaussian"},
    "masking": {"sparsity": None, "corruption": "masking"},
    "skip": {"sparsity": "topk", "skip": True, "corruption": "masking", "corruption_emphasis": 0.8},
    "pretrain": {"sparsity": "topk", "hidden_layer_sizes": (96,), "pretrain": "layerwise", "pretrain_max_iter": 1},
    "missing": {"sparsity": "topk", "X": "missing"},
    "positive": {"sparsity": "l1", "positive_decoder": True},
    "positive, deep": {"sparsity": "topk", "positive_decoder": True, "hidden_layer_sizes": (96,)},
}
assert 128 * 200 * 256 >= SMALL_WORK > 128 * 20 * 50

def fingerprint(params):
    params = {**common, **params}
    X = data[params.pop("X", "complete")]
    sae = SparseAutoencoder(**params).fit(X)
    codes = sae.transform(X)
    digest = hashlib.sha256(sae._network.parameters.theta.tobytes())
    for part in (codes.data, codes.indices, codes.indptr) if params.get("sparse_output") else (codes,):
        digest.update(part.tobytes())
    digest.update(np.array(sae.loss_curve_).tobytes())
    return digest.hexdigest()

def fingerprints():
    return {name: fingerprint(params) for name, params in CONFIGURATIONS.items()}

def in_fork():
    read, write = os.pipe()
    if os.fork() == 0:
        os.write(write, json.dumps(fingerprints()).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        return json.loads(pipe.read() or "{}")

def four_at_once():
    results = [None] * 4
    def work(i):
        results[i] = fingerprints()
    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results

result = {"slots": n_threads(), "plain": fingerprints()}
if "more" in sys.argv:
    result["threads"] = four_at_once()
    result["again"] = fingerprints()
    if hasattr(os, "fork"):
        result["fork"] = in_fork()
print(json.dumps(result))
"""


def in_process(n_threads, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NUMBA_NUM_THREADS": str(n_threads)}
    command = [sys.executable, "-c", SCRIPT, *arguments]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def four():
    """Fingerprints of fits with four threads."""
    result = in_process(4, "more")
    assert result["slots"] == 4
    return result


STREAMS = {
    "dense": lambda X: X,
    "of another type": lambda X: X.astype(np.int64),
    "Fortran": np.asfortranarray,
    "sparse": sparse.csr_array,
    "nearly empty": lambda X: sparse.csr_array(np.where(np.arange(X.size).reshape(X.shape) % 307 == 0, X, 0)),
    "dense and sparse in turn": lambda X: X if len(X) % 2 else sparse.csr_array(X),
}


@pytest.mark.parametrize("params", [{}, {"hidden_layer_sizes": (5,), "solver": "sgd"}, {"corruption": "masking"}])
@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)
def test_chunks_of_many_sizes_are_read_where_they_are(stream, params):
    """A workspace that is kept, with all that is recorded in it, gives what a new one for each chunk gives."""
    rng, sae, twin = np.random.default_rng(0), *(SparseAutoencoder(9, random_state=0, **params) for _ in range(2))
    for each in sae, twin:
        each.set_params(batch_size=32)
    for n in 40, 64, 7, 300, 1, 32, 7, 40:
        chunk = stream(np.round(9 * rng.random((n, 30))))
        if twin.__dict__.get("_training"):
            twin._training.workspace = twin._training.source = None
        for each in sae, twin:
            each.partial_fit(chunk.copy())
        del chunk
        assert_array_equal(sae._network.parameters.theta, twin._network.parameters.theta)
    assert np.isfinite(sae._network.parameters.theta).all()


@pytest.mark.parametrize("n_threads", [1, 2])
def test_number_of_threads(n_threads, four):
    result = in_process(n_threads)
    assert result["slots"] == n_threads
    assert result["plain"] == four["plain"]


def test_configurations_differ(four):
    """The fingerprints are of the results."""
    assert len(set(four["plain"].values())) == len(four["plain"]) > 4


def test_again_in_the_same_process(four):
    assert four["again"] == four["plain"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_after_a_fork(four):
    assert four["fork"] == four["plain"]


def test_four_fits_at_once(four):
    assert four["threads"] == [four["plain"]] * 4
