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
