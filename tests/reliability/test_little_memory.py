"""Memory that is not there: MemoryError, a model that is as it was, and a process that goes on."""

import sys

import pytest
from processes import run_well

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limit is of Linux")

# The limit is set when everything is loaded and compiled: what the process has, and some more.
TOOLS = """
import gc, resource, sys
import numpy as np
from skl_sae import SparseAutoencoder

def limit(more):
    with open("/proc/self/statm") as file:
        size = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + more, resource.getrlimit(resource.RLIMIT_AS)[1]))

def free():
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
"""

TOO_MUCH = """
X = np.random.default_rng(0).normal(size=(300, 20))
many = np.broadcast_to(X[0], (2_000_000, 20))
sae = SparseAutoencoder(64, max_iter=2, batch_size=100, random_state=0).fit(X).partial_fit(X)
codes, score, wide = sae.transform(X), sae.score(X), np.ones((50, 200_000))
SparseAutoencoder(2, max_iter=1, random_state=0).fit(np.random.default_rng(0).normal(size=(50, 30)))

CALLS = {
    "transform": lambda: sae.transform(many),
    "inverse_transform": lambda: sae.inverse_transform(np.broadcast_to(codes[0], (2_000_000, 64))),
    "fit": lambda: SparseAutoencoder(200, max_iter=1, random_state=0).fit(wide),
    "fit again": lambda: sae.set_params(n_components=200).fit(wide),
    "partial_fit": lambda: sae.set_params(batch_size=2_000_000).partial_fit(many),
}
for more in 8 << 20, 64 << 20, 200 << 20:
    for name, call in CALLS.items():
        limit(more)
        try:
            call()
        except MemoryError:
            pass
        else:
            raise AssertionError(f"{name}: enough memory")
        finally:
            free()
        gc.collect()
        sae.set_params(n_components=64, batch_size=100)
        assert np.array_equal(sae.transform(X), codes) and sae.score(X) == score, name
twin = SparseAutoencoder(64, max_iter=2, batch_size=100, random_state=0).fit(X).partial_fit(X)
assert np.array_equal(sae.partial_fit(X).transform(X), twin.partial_fit(X).transform(X))
print("well")
"""


# Wherever the memory ends: the call is done, or nothing is.
ANYWHERE = """
X = np.random.default_rng(0).normal(size=(1000, 100))
KINDS = {}, {"sparsity": "batch_topk"}, {"hidden_layer_sizes": (50,), "batch_norm": True, "sparsity": "kl"}
done, short = 0, 0
for params in KINDS:
    make = lambda: SparseAutoencoder(300, max_iter=1, batch_size=500, random_state=0, **params)
    after = [make().fit(X)]
    after.append(make().fit(X).partial_fit(X))
    codes = [each.transform(X).tobytes() for each in after]
    for more in [*range(0, 12 << 20, int(sys.argv[1])), 1 << 30]:
        sae = make().fit(X)
        limit(more)
        try:
            sae.partial_fit(X).transform(X), make().fit(X)
            done += 1
        except MemoryError:
            short += 1
        finally:
            free()
        assert sae.transform(X).tobytes() in codes
        gc.collect()
assert done >= 3 and short >= 3, (done, short)
print("well")
"""


THREADS = {"OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "3"}


def test_calls_that_need_more_memory_than_there_is():
    run_well(TOOLS + TOO_MUCH, timeout=180, **THREADS)


@pytest.mark.parametrize("step", [2 << 20, pytest.param(1 << 19, marks=pytest.mark.slow)])
def test_memory_that_ends_anywhere(step):
    run_well(TOOLS + ANYWHERE, str(step), timeout=600, **THREADS)
