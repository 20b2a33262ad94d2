"""Peak memory, measured by the kernel in a process of its own."""

import subprocess
import sys

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ru_maxrss has another unit, or does not exist"),
]

PROLOGUE = """
import resource
import numpy as np
from skl_sae import SparseAutoencoder
from skl_sae.sparsity import TopK

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
"""


def measure(code):
    """The numbers that a fresh process prints last."""
    out = subprocess.run([sys.executable, "-c", PROLOGUE + code], capture_output=True, text=True, check=True).stdout
    return [float(number) for number in out.split()]


def test_transform_of_a_million_rows_needs_its_output_and_a_constant():
    before, after, data, codes = measure("""
X = np.random.default_rng(0).standard_normal((1_000_000, 64), np.float32)
sae = SparseAutoencoder(256, sparsity=TopK(8), sparse_output=True, max_iter=1, random_state=0).fit(X[:1000])
sae.transform(X[:1000])
before = peak()
codes = sae.transform(X)
after = peak()
assert codes.nnz > 7_000_000
print(before, after, X.nbytes, codes.data.nbytes + codes.indices.nbytes + codes.indptr.nbytes)
""")
    print(f"{(after - before) / 2**20:.0f} MB more, of which output {codes / 2**20:.0f} MB")
    # before holds the input, the interpreter and its libraries
    assert before - data < 400 * 2**20
    assert after - before < codes + 100 * 2**20


@pytest.mark.parametrize("sparse_input", [False, True])
def test_a_fit_needs_its_parameters_and_batches(sparse_input):
    """Parameters, two moments and as much again; never rows x units, nor a dense copy of sparse data."""
    n, d, m = (200_000, 2000, 2000) if sparse_input else (200_000, 100, 2000)
    before, after = measure(f"""
from scipy import sparse
n, d, m = {n, d, m}
if {sparse_input}:
    rng = np.random.default_rng(0)
    indices = np.sort(rng.integers(0, d, (n, 10)), axis=1).ravel()
    X = sparse.csr_array((np.ones(10 * n, np.float32), indices, np.arange(0, 10 * n + 1, 10)), (n, d))
    X.sum_duplicates()
else:
    X = np.random.default_rng(0).standard_normal((n, d), np.float32)
SparseAutoencoder(16, max_iter=1, random_state=0).fit(X[:1000])
before = peak()
SparseAutoencoder(m, sparsity=TopK(16), max_iter=1, batch_size=1024, random_state=0).fit(X)
print(before, peak())
""")
    parameters = 4 * (2 * d * m + d + m)
    batch = 4 * 1024 * (2 * m + 3 * d)
    print(
        f"{(after - before) / 2**20:.0f} MB more; parameters {parameters / 2**20:.0f} MB, batch {batch / 2**20:.0f} MB"
    )
    assert after - before < 4 * parameters + 2 * batch + 60 * 2**20 < n * m


# sparse data as wide as a hash

WIDE = """
from scipy import sparse
import sys
d, n = {d}, {n}
rng = np.random.default_rng(0)
indices = np.sort(rng.integers(0, d, (n, 50)), axis=1).astype(np.int32).ravel()
X = sparse.csr_array((rng.random(50 * n, np.float32) + 0.1, indices, np.arange(0, 50 * n + 1, 50)), (n, d))
X.sum_duplicates()
X = X.astype(np.float64)
def model(**params):
    return SparseAutoencoder(**{{"n_components": 8, "max_iter": 2, "random_state": 0, **params}})
small = X[:100, :2000]
small = small[:, np.diff(small.tocsc().indptr) > 0]
def warm_up(**params):
    sae = model(**params).fit(small)
    sae.transform(small), sae.score(small), sae.inverse_transform(sae.transform(small[:3]))
"""

# what is done, and the vectors of the size of the parameters that it may hold at once
CALLS = {
    "fit": ("{}", "sae = model().fit(X)", 8),
    "warm fit": ("{'warm_start': True}", "sae = model(warm_start=True).fit(X).fit(X)", 11),
    "partial_fit": ("{}", "sae = model().partial_fit(X).partial_fit(X)", 11),
    "partial_fit after fit": ("{}", "sae = model().fit(X).partial_fit(X)", 9),
    "transform": ("{}", "sae = model(max_iter=1).fit(X[:100]); sae.transform(X)", 7),
    "sparse transform": ("{}", "sae = model(max_iter=1, sparse_output=True).fit(X[:100]); sae.transform(X)", 7),
    "score": ("{}", "sae = model(max_iter=1).fit(X[:100]); sae.score(X)", 7),
    "score_samples": ("{}", "sae = model(max_iter=1).fit(X[:100]); sae.score_samples(X)", 7),
    "impute": ("{}", "sae = model(max_iter=1).fit(X[:100]); sae.impute(X)", 7),
    "inverse_transform": ("{}", "sae = model(max_iter=1).fit(X[:100]); sae.inverse_transform(np.ones((4, 8)))", 7),
    "resample": (
        "{'dead_units': 'resample'}",
        "sae = model(dead_units='resample', sparsity='l1', max_iter=3).fit(X)",
        7,
    ),
    "pretrain": (
        "{'pretrain': 'layerwise'}",
        "sae = model(hidden_layer_sizes=(8,), pretrain='layerwise', pretrain_max_iter=1).fit(X)",
        13,
    ),
    "early_stopping": ("{'early_stopping': True}", "sae = model(early_stopping=True).fit(X)", 10),
    "dense code": ("{'sparsity': 'kl'}", "sae = model(sparsity='kl').fit(X)", 7),
}


@pytest.mark.parametrize("n, d", [(1000, 2**20), (330, 131_072)])
@pytest.mark.parametrize("call", CALLS)
def test_wide_sparse_data_is_never_dense(call, n, d):
    """Some vectors of the size of the parameters, and a constant."""
    params, code, vectors = CALLS[call]
    before, after, theta = measure(
        WIDE.format(n=n, d=d)
        + f"""
warm_up(**{params})
before = peak()
{code}
print(before, peak(), sae._network.parameters.theta.nbytes)
"""
    )
    dense, used = 8 * n * d, after - before
    print(
        f"{call}: {used / 2**20:.0f} MiB, {used / theta:.1f} of theta ({theta / 2**20:.0f}), dense {dense / 2**20:.0f}"
    )
    assert used < vectors * theta + 160 * 2**20
    assert used < dense / 3 or d < 2**20
