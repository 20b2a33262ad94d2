"""Pools of processes and of threads: by multiprocessing, however it starts processes, and by joblib, by any backend."""

import multiprocessing

import pytest
from processes import run_well

# A fork beside other threads is a DeprecationWarning.
SETTINGS = {"NUMBA_NUM_THREADS": "2", "PYTHONWARNINGS": "ignore::DeprecationWarning"}

TOOLS = """
import multiprocessing, sys, threading
import numpy as np
from skl_sae import SparseAutoencoder

X = (np.random.default_rng(0).random((3000, 8)) ** 3 @ np.random.default_rng(1).standard_normal((8, 60)))
assert X.nbytes > 2**20

def make(seed=0):
    return SparseAutoencoder(96, max_iter=2, random_state=seed)

sae = make().fit(X)
expected = sae.transform(X)
"""

# Workers use a fitted model, and fit; before, while another thread of the parent fits, and after.
POOL = """
context = multiprocessing.get_context(sys.argv[1])
fits = [make(seed).fit(X).transform(X) for seed in range(2)]

def pool_is_well():
    with context.Pool(2) as pool:
        codes = pool.map_async(sae.transform, [X, X[:1], X[:100]])
        models = [pool.apply_async(make(seed).fit, (X,)) for seed in range(2)]
        for each, n in zip(codes.get(60), (len(X), 1, 100)):
            assert np.array_equal(each, expected[:n])
        for model, codes in zip(models, fits):
            assert np.array_equal(model.get(60).transform(X), codes)

pool_is_well()
end = threading.Event()

def fit():
    while not end.is_set():
        assert np.array_equal(make().fit(X).transform(X), expected)

thread = threading.Thread(target=fit)
thread.start()
try:
    pool_is_well()
finally:
    end.set()
    thread.join(60)
assert not thread.is_alive()
assert np.array_equal(make().fit(X).transform(X), expected)
print("well")
"""

# The child finds the estimator half way through a fit, whose thread it does not have.
SAME = """
import os, time
end = threading.Event()

def fit():
    while not end.is_set():
        sae.fit(X)

def child():
    well = np.array_equal(sae.transform(X), expected) and np.array_equal(sae.fit(X).transform(X), expected)
    sys.exit(0 if well else 3)

thread = threading.Thread(target=fit)
thread.start()
try:
    for n in range(8):
        time.sleep(0.01 * n)
        process = multiprocessing.get_context("fork").Process(target=child)
        process.start()
        process.join(60)
        assert process.exitcode == 0, process.exitcode
finally:
    end.set()
    thread.join(60)
assert not thread.is_alive() and np.array_equal(sae.transform(X), expected)
print("well")
"""

# Large arrays reach the workers of loky and multiprocessing as read-only memory maps.
JOBLIB = """
from joblib import Parallel, delayed, parallel_config
from sklearn.model_selection import GridSearchCV

def search():
    grid = {"n_components": [16, 96], "sparsity__k": [4, 8]}
    return GridSearchCV(make(), grid, cv=2, error_score="raise").fit(X)

alone = search()
with parallel_config(sys.argv[1], n_jobs=2):
    together = search()
    codes = Parallel()(delayed(sae.transform)(X) for _ in range(4))
    models = Parallel()(delayed(make(seed).fit)(X) for seed in range(3))
assert np.array_equal(together.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"])
assert np.array_equal(together.transform(X), alone.transform(X))
assert all(np.array_equal(each, expected) for each in codes)
for seed, model in enumerate(models):
    assert np.array_equal(model.transform(X), make(seed).fit(X).transform(X))
    assert np.array_equal(model.partial_fit(X).transform(X), make(seed).fit(X).partial_fit(X).transform(X))
print("well")
"""


# Each process of the others imports everything anew.
FAST, SLOW = {"fork"}, pytest.mark.slow


@pytest.mark.parametrize(
    "method",
    [pytest.param(each, marks=[] if each in FAST else SLOW) for each in multiprocessing.get_all_start_methods()],
)
def test_a_pool_of_multiprocessing(method):
    run_well(TOOLS + POOL, method, timeout=180, **SETTINGS)


@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_a_backend_of_joblib(backend):
    run_well(TOOLS + JOBLIB, backend, timeout=180, **SETTINGS)


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs fork")
def test_a_fork_while_another_thread_fits_this_estimator():
    run_well(TOOLS + SAME, timeout=180, **SETTINGS)
