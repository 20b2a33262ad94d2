"""Memory that runs out: an error, the model as it was, and the next call goes on as if nothing had happened.

Limits are set in a process of its own, whose code is compiled and whose threads are there: what compilers do without
memory is theirs. Freed arrays go back to the system (MALLOC_MMAP_THRESHOLD_), so that a limit is a limit.
"""

import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from processes import run_well

from skl_sae import SparseAutoencoder
from skl_sae._training.training import Training

CODE = """
import faulthandler, sys, warnings
sys.path.insert(0, sys.argv[1])
faulthandler.enable()
warnings.simplefilter("ignore")
import numpy as np
from out_of_core_calls import within
from skl_sae import SparseAutoencoder
from skl_sae.sparsity import TopK

name, step = sys.argv[2], int(sys.argv[3]) << 20
X = np.random.default_rng(0).random((4000, 400), np.float32)

def make():
    return SparseAutoencoder(2000, sparsity=TopK(8), max_iter=1, batch_size=512, random_state=0)

def begun():
    '''The model before the call, and the call.'''
    sae = make()
    if name == "fit again":
        sae.fit(X[:1000])
    elif name != "fit":
        sae.partial_fit(X)
    return sae, getattr(sae, name.split()[0])

sae, call = begun()
before = None if name == "fit" else sae.transform(X[:50])
call(X)
after = sae.transform(X[:50])
sae, call = begun()
failures = 0
for allowed in range(0, 1 << 30, step):
    error = within(allowed, call, X)
    if error is None:
        break
    failures += 1
    if before is None:
        assert not hasattr(sae, "n_features_in_")
    else:
        assert (sae.transform(X[:50]) == before).all(), (allowed, error)
assert failures > 1, "memory never ran out"
assert (sae.transform(X[:50]) == after).all(), "the failures have left a trace"
print(failures, "well")
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="RLIMIT_DATA has another meaning")
@pytest.mark.parametrize(
    "name, step",
    [
        *(("fit", 8), ("partial_fit", 8)),
        *(pytest.param(name, 1, marks=pytest.mark.slow) for name in ("fit", "fit again", "partial_fit", "score")),
        *(pytest.param(name, 1, marks=pytest.mark.slow) for name in ("transform", "score_samples", "impute")),
    ],
)
def test_a_call_that_memory_does_not_suffice_for_leaves_the_model_as_it_was(name, step):
    run_well(CODE, str(Path(__file__).parent), name, str(step), timeout=600, MALLOC_MMAP_THRESHOLD_="65536")


@pytest.mark.parametrize("step", [1, 2, 5])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_memory_that_runs_out_in_a_step(method, step, monkeypatch):
    """Injected, so that it is seen on every system."""
    X = np.random.default_rng(0).random((600, 10))

    def make():
        return SparseAutoencoder(8, max_iter=2, warm_start=True, random_state=0).partial_fit(X)

    sae, calls, whole = make(), [], Training._step
    before, want = sae.transform(X), getattr(make(), method)(X).transform(X)

    def fail(*args):
        calls.append(args)
        if len(calls) == step:
            raise MemoryError("Unable to allocate 8.00 GiB")
        return whole(*args)

    with monkeypatch.context() as patch:
        patch.setattr(Training, "_step", fail)
        with pytest.raises(MemoryError, match="Unable to allocate"):
            getattr(sae, method)(X)
    assert_array_equal(sae.transform(X), before)
    assert_array_equal(getattr(sae, method)(X).transform(X), want)
