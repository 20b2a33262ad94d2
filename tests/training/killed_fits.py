"""Fits in processes of their own that are killed at random moments and begun again, until they are done.

    python killed_fits.py FOLDER N_KILLS SEED [--interpreters]

Each is a fork, or with --interpreters a Python that starts from nothing. Every step writes a checkpoint, so most of the
time goes into that, and so do most of the kills. After each the checkpoint must be whole and no older than before; the
fit that gets to its end must have the bits of one that was left alone.
"""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
from scipy import sparse

from skl_sae import SparseAutoencoder
from skl_sae._estimator.checkpoints import Checkpoints

rng = np.random.default_rng(0)
X = rng.random((330, 6)) ** 3 @ rng.standard_normal((6, 10))
MISSING = np.where(rng.random(X.shape) < 0.2, np.nan, X).astype(np.float32)
CSR = sparse.csr_array(np.where(X > 0.5, X, 0))
FEW = {"n_components": 14, "batch_size": 55, "max_iter": 4, "random_state": 3}
DEEP = {**FEW, "hidden_layer_sizes": (12,)}
CONFIGURATIONS = {
    "topk": (FEW, X),
    "missing, float32": ({**FEW, "early_stopping": True, "sparsity": "l1"}, MISSING),
    "CSR, resampled": ({**FEW, "sparsity": "batch_topk", "dead_units": "resample", "n_components": 60}, CSR),
    "layers": ({**DEEP, "pretrain": "layerwise", "pretrain_max_iter": 2, "max_iter": 2, "dropout": 0.2}, X),
    "sgd, normalised": ({**DEEP, "solver": "sgd", "batch_norm": True, "corruption": "gaussian"}, X),
}


def result(name, **how):
    """A digest of all that a fit has learned."""
    params, data = CONFIGURATIONS[name]
    sae = SparseAutoencoder(**params, warm_start=True).fit(data, **how)
    digest = hashlib.sha256(sae._network.parameters.theta.tobytes())
    for moment in sae._training.optimizer.moments().values():
        digest.update(moment.tobytes())
    numbers = [sae.loss_curve_, sae.auxiliary_loss_curve_, sae.validation_scores_, sae.pretrain_loss_curves_]
    digest.update(json.dumps([*numbers, sae.n_steps_, sae._dead_units.idle.tolist()]).encode())
    return digest.hexdigest()


def fit(name, folder, answer):
    """In a process of its own: fit with checkpoints, and write the result."""
    found = result(name, checkpoint=folder, every=timedelta(microseconds=1))
    Path(f"{answer}.new").write_text(found, encoding="utf-8")
    os.replace(f"{answer}.new", answer)


def begin(name, folder, answer, interpreters):
    """Start the process; returns its number."""
    if interpreters:
        command = [sys.executable, __file__, "--fit", name, str(folder), str(answer)]
        return subprocess.Popen(command).pid
    number = os.fork()
    if number == 0:
        status = 1
        try:
            fit(name, folder, answer)
            status = 0
        finally:
            os._exit(status)
    return number


def progress(folder):
    """How far the last checkpoint is: stages that have ended, and steps; it must be whole."""
    if not (folder / "checkpoint.npz").exists():
        return 0, 0
    state = Checkpoints(folder, 1, None)._read()[0]["state"]
    return len(state["ended"]), state["training"]["n_steps"]


def kill_often(folder, n_kills, chance, interpreters=False):
    """Kill fits of each configuration so many times in all. Returns how many died beside a file half written, and
    how many fits there were."""
    longest, n_fits, in_writes = 4.0 if interpreters else 0.2, 0, 0
    for i, name in enumerate(CONFIGURATIONS):
        expected, kills = result(name), n_kills * i // len(CONFIGURATIONS)
        while kills < n_kills * (i + 1) // len(CONFIGURATIONS):
            place, answer, reached = Path(folder) / f"fit{n_fits}", Path(folder) / f"answer{n_fits}", (0, 0)
            place.mkdir()
            n_fits += 1
            while not answer.exists():
                number = begin(name, place, answer, interpreters)
                if kills < n_kills * (i + 1) // len(CONFIGURATIONS):
                    time.sleep(chance.random() * longest)
                    os.kill(number, signal.SIGKILL)
                status = os.waitpid(number, 0)[1]
                assert status in (0, signal.SIGKILL)
                kills += status == signal.SIGKILL
                in_writes += any(place.glob("*.tmp"))
                now = progress(place)
                assert now >= reached, f"{name}: steps were lost, {reached} to {now}"
                # some kills a fit, however busy the machine is
                longest *= 0.8 if status == 0 else 1.2 if now == reached else 1.0
                reached = now
            assert answer.read_text(encoding="utf-8") == expected, f"{name}: other bits"
    return in_writes, n_fits


if __name__ == "__main__":
    if sys.argv[1] == "--fit":
        fit(*sys.argv[2:])
    else:
        where, n, seed, *more = sys.argv[1:]
        in_writes, n_fits = kill_often(where, int(n), random.Random(int(seed)), "--interpreters" in more)
        print(f"{n} kills of {n_fits} fits, {in_writes} of them beside a file half written: well")
