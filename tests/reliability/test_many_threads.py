"""One fitted model that many threads use at once, also while another thread fits: the bits of a single thread."""

import sys
import threading

import numpy as np
import pytest
from scipy import sparse

from skl_sae import SparseAutoencoder

METHODS = "transform", "reconstruct", "score_samples"
N_THREADS = 8


def data(n_rows=600):
    rng = np.random.default_rng(0)
    X = (rng.random((n_rows, 10)) ** 3 @ rng.standard_normal((10, 40))).astype(np.float32)
    X[rng.random(X.shape) < 0.05] = np.nan
    return X


def results(sae, X):
    """What the methods give, of all rows, of a single one and of sparse ones, as bytes."""
    rows = [X, X[:1], sparse.csr_array(np.nan_to_num(X[:50]))]
    found = [getattr(sae, method)(each) for method in METHODS for each in rows]
    found += [sae.impute(X), np.array(sae.score(X))]
    return [each.tobytes() for each in found]


@pytest.mark.parametrize(
    "params", [{}, {"hidden_layer_sizes": (30,), "skip": True}, {"sparsity": "batch_topk"}], ids=repr
)
def test_many_threads_use_one_model_while_another_fits(params):
    X, wrong = data(), []
    make = lambda **more: SparseAutoencoder(64, max_iter=3, random_state=0, **params, **more)
    sae, other = make().fit(X), make()
    expected, end = results(sae, X), threading.Event()

    def use():
        for _ in range(4):
            if results(sae, X) != expected:
                wrong.append(threading.current_thread().name)

    def fit():
        while not end.is_set():
            other.fit(X)

    users, fitter = [threading.Thread(target=use) for _ in range(N_THREADS)], threading.Thread(target=fit)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in [fitter, *users]:
            thread.start()
        for thread in users:
            thread.join(120)
    finally:
        sys.setswitchinterval(before)
        end.set()
        fitter.join(120)
    assert not wrong and not any(thread.is_alive() for thread in [fitter, *users])
    assert other._network.parameters.theta.tobytes() == sae._network.parameters.theta.tobytes()
