"""Calls on a file of 72 MB in a process that may take a few MB more than it has: run by ``test_out_of_core``.

Each call is made on a small file first, so that code is compiled and threads are there. RLIMIT_DATA counts private
memory alone, touched or not, and none of the pages of files.
"""

import resource
import sys
import traceback
import warnings
from pathlib import Path

import numpy as np
from scipy import sparse

from skl_sae import SparseAutoencoder

warnings.simplefilter("ignore")

# More than what is converted at once, for being small.
SIZE, ALLOWED = 9 << 23, 24 << 20
FEW_ROWS, PIECE = 2000, 1 << 20


def model(**params):
    defaults = {"n_components": 16, "max_iter": 1, "batch_size": 256, "shuffle": "blocks", "random_state": 0}
    return SparseAutoencoder(**{**defaults, **params})


def in_chunks(sae, X):
    for lo in range(0, len(X), 4096):
        sae.transform(X[lo : lo + 4096])


def fit(**params):
    return lambda X: model(**params).fit(X)


def after_fit(method):
    def call(X):
        sae = model().fit(X[:FEW_ROWS])
        method(sae, X)

    return call


# what is called, and the file that it is called on
CALLS = {
    "fit": (fit(), {}),
    "random order": (fit(shuffle=True), {}),
    "no shuffling": (fit(shuffle=False), {}),
    "early stopping": (fit(early_stopping=True), {}),
    "rows of its own to stop by": (lambda X: model(early_stopping=True).fit(X, X_val=X), {}),
    "rows held out for a rule": (fit(sparsity="jumprelu"), {}),
    "a target": (fit(sparsity="l1"), {}),
    "hidden layers": (fit(hidden_layer_sizes=(8,), sparsity="kl", batch_norm=True), {}),
    "output with bounds": (fit(sparsity="kl", output_activation="sigmoid"), {}),
    "cross-entropy": (fit(sparsity="kl", output_activation="sigmoid", loss="binary_cross_entropy"), {}),
    "noise": (fit(corruption="gaussian"), {}),
    "masks": (fit(corruption="masking", dropout=0.1), {}),
    "a scale for each feature": (fit(scale="features"), {}),
    "resampling": (fit(dead_units="resample", max_iter=2), {}),
    "warm start": (lambda X: model(warm_start=True).fit(X).fit(X), {}),
    "partial_fit": (lambda X: model().partial_fit(X).partial_fit(X), {}),
    "missing values": (fit(), {"missing": True}),
    "float64": (fit(), {"dtype": np.float64}),
    "uint8": (fit(), {"dtype": np.uint8}),
    "Fortran order": (fit(batch_size=4096), {"order": "F"}),
    "big-endian": (fit(), {"dtype": np.dtype(">f4")}),
    "wide": (fit(n_components=2, batch_size=4), {"width": 1 << 16}),
    "transform in chunks": (after_fit(in_chunks), {}),
    "score": (after_fit(lambda sae, X: sae.score(X)), {}),
    "score_samples": (after_fit(lambda sae, X: sae.score_samples(X)), {}),
    "sparse codes": (after_fit(lambda sae, X: sae.set_params(sparse_output=True).transform(X)), {}),
    "sparse": (fit(), {"sparse": True}),
    "a copy in memory": (lambda X: model().fit(np.array(X)), {}),
}


def write(path, n_rows, width=256, dtype=np.float32, order="C", missing=False):
    X = np.lib.format.open_memmap(path, "w+", dtype, (n_rows, width), fortran_order=order == "F")
    block = np.random.default_rng(0).random((max(1, min(n_rows, PIECE // width)), width))
    block[missing & (block < 0.1)] = np.nan
    block = np.asarray(255 * block if X.dtype == np.uint8 else block, X.dtype)
    for lo in range(0, n_rows, len(block)):
        X[lo : lo + len(block)] = block[: n_rows - lo]
    X.flush()
    del X
    return np.load(path, mmap_mode="r")


def write_sparse(folder, n_rows, width=2000, stored=8):
    """CSR whose three arrays lie in files."""
    rng = np.random.default_rng(0)
    arrays = {
        "data": np.ones(n_rows * stored, np.float32),
        "indices": (np.arange(stored) * (width // stored) + rng.integers(0, width // stored, (n_rows, 1))).ravel(),
        "indptr": np.arange(0, n_rows * stored + 1, stored),
    }
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array if name == "data" else array.astype(np.int32))
    mapped = [np.load(folder / f"{name}.npy", mmap_mode="r") for name in arrays]
    return sparse.csr_array(tuple(mapped), shape=(n_rows, width))


def data(folder, n_rows=None, sparse=False, **kind):
    if sparse:
        return write_sparse(folder, n_rows or SIZE // 64)
    row = kind.get("width", 256) * np.dtype(kind.get("dtype", np.float32)).itemsize
    return write(folder / "X.npy", n_rows or SIZE // row, **kind)


def private_memory():
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmData"):
            return 1024 * int(line.split()[1])
    raise OSError("/proc/self/status has no VmData")


def within(allowed, call, *args):
    """What the call raises under a limit, or nothing."""
    before = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (private_memory() + allowed, before[1]))
    try:
        call(*args)
    except MemoryError as error:
        return error
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)
    return None


def main(folder, names):
    for name in names:
        call, kind = CALLS[name]
        width = kind.get("width", 256)
        call(data(folder, n_rows=FEW_ROWS if width < 1000 else 160, **kind))
        X = data(folder, **kind)
        error = within(ALLOWED, call, X)
        print(f"{name}: {'well' if error is None else repr(error)}", flush=True)
        if error is not None:
            traceback.print_exception(error)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
