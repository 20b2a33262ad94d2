"""The threshold of BatchTopK in a stream: it must give k active units in rows that come next."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skl_sae import SparseAutoencoder
from skl_sae._model.codes import DenseCode
from skl_sae._model.parameters import Units
from skl_sae.datasets import make_sparse_features
from skl_sae.metrics import l0
from skl_sae.sparsity import BatchTopK, Matryoshka, StepContext

DATA = make_sparse_features(9000, 64, 32, mean_active=4, random_state=0)[0]
HELD_OUT = DATA[8000:]


def streamed(sizes, rule):
    """An estimator after chunks of these sizes, and L0 over k on the 1000 rows after each."""
    sae = SparseAutoencoder(64, sparsity=rule, random_state=0)
    reached, lo = [], 0
    for size in sizes:
        sae.partial_fit(DATA[lo : lo + size])
        lo += size
        reached.append(l0(sae.transform(DATA[lo : lo + 1000])) / 6)
    return sae, np.array(reached)


@pytest.mark.parametrize("size", [320, 1000, 2000])
@pytest.mark.parametrize("rule", [BatchTopK(6), Matryoshka(BatchTopK(6))], ids=repr)
def test_the_rows_after_a_chunk_have_k_active_units(rule, size):
    """From the first chunk on, within 15 %, and without a bias of more than 5 %; the weights move all the time."""
    _, reached = streamed([size] * (8000 // size), rule)
    assert_allclose(reached, 1, atol=0.15)
    assert abs(reached.mean() - 1) < 0.05


@pytest.mark.parametrize("size, n_chunks, tolerance", [(1, 600, 0.25), (40, 100, 0.1), (200, 35, 0.1)])
def test_small_chunks_have_a_running_mean(size, n_chunks, tolerance):
    sae, _ = streamed([size] * (n_chunks - 1), BatchTopK(6))
    assert_allclose(l0(sae.transform(HELD_OUT)) / 6, 1, atol=tolerance)


def test_single_rows_after_large_chunks_hardly_move_the_threshold():
    sae, _ = streamed([1000] * 5, BatchTopK(6))
    before = l0(sae.transform(HELD_OUT))
    sae.set_params(learning_rate_init=1e-12)  # else the weights move, a step for each row
    for row in DATA[5000:5030]:
        sae.partial_fit(row[None])
    assert_allclose(l0(sae.transform(HELD_OUT)), before, rtol=0.1)


def test_after_a_chunk_the_threshold_is_exact_for_its_rows():
    sae = SparseAutoencoder(64, sparsity=BatchTopK(6), random_state=0).partial_fit(DATA[:450])
    assert np.count_nonzero(sae.transform(DATA[:450])) == 6 * 450
    sae.partial_fit(DATA[:2000])
    looked_at = DATA[np.linspace(0, 1999, 500).astype(int)]
    assert np.count_nonzero(sae.transform(looked_at)) == 6 * 500


@pytest.mark.parametrize(
    "n_rows, number, weight",
    [(128, 1, 1.0), (1, 1, 1.0), (1, 2, 0.5), (1, 500, 0.01), (30, 500, 0.1), (300, 500, 1.0), (4096, 500, 1.0)],
)
def test_the_running_mean_goes_back_over_rows(n_rows, number, weight):
    """Over 300 rows, and 100 steps at most; over all steps at first."""
    rule, p = BatchTopK(2), Units(threshold=np.full(4, 8.0))
    rule.initialize(4, "relu")
    values = np.array([3.0, 5.0])  # the bound lies below the smallest, by half the distance to the next
    rule.after_step([DenseCode(values)], p, StepContext("relu", 1 / n_rows, number))
    assert_allclose(p.threshold, (1 - weight) * 8 + weight * 2)
