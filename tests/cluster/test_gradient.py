"""One large batch over blocks is the same batch in one process."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from twins import numbers

from skl_sae import SparseAutoencoder
from skl_sae._training import training
from skl_sae.dask import fit
from skl_sae.sparsity import L1, BaseSparsity, Gated, JumpReLU, Matryoshka, TopK


def assert_like_one_process(sae, X, tolerance=1e-5, **options):
    one, many = clone(sae).fit(X), fit(clone(sae), X, sync="gradient", **options)
    np.testing.assert_allclose(numbers(many), numbers(one), rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(many.transform(X), one.transform(X), rtol=tolerance, atol=tolerance)
    assert many.n_steps_ == one.n_steps_ and many.code_scale_ == pytest.approx(one.code_scale_)
    assert many.dead_fraction_ == one.dead_fraction_
    return many


@pytest.mark.parametrize(
    "params",
    [
        {"sparsity": TopK(4)},
        {"sparsity": L1(0.05)},
        {"sparsity": Gated(0.02), "solver": "sgd"},
        {"sparsity": Matryoshka(TopK(4))},
        {"sparsity": None, "hidden_layer_sizes": 20, "weight_decay": 1e-3},
        {"tied_weights": True, "skip": True},
        {"sparsity": L1(0.05), "positive_decoder": True},
    ],
    ids=lambda params: "-".join(map(str, params.values())),
)
def test_it_equals_one_process(client, sae, digits, params):
    assert_like_one_process(sae.set_params(batch_size=450, **params), digits, block_rows=500)


def test_float32_sparse_and_missing_values(client, sae, digits):
    sae.set_params(batch_size=450)
    X = np.where(np.random.RandomState(0).random_sample(digits.shape) < 0.1, np.nan, digits)
    assert_like_one_process(sae, X, block_rows=500)
    X = sparse.random_array((900, 400), density=0.005, format="csr", random_state=np.random.default_rng(0))
    assert_like_one_process(sae.set_params(max_iter=2), X, block_rows=250)
    assert_like_one_process(sae, digits.astype(np.float32), 1e-3, block_rows=500)


@pytest.mark.filterwarnings("ignore:.*of the units did not fire")
def test_dead_units_learn_what_they_learn_in_one_process(client):
    """Their loss is relative to the variance of the residual over the whole batch."""
    generator = np.random.RandomState(0)
    X = np.abs(generator.standard_normal((3000, 6))) @ generator.standard_normal((6, 20))
    sae = SparseAutoencoder(80, sparsity=TopK(2), batch_size=500, max_iter=4, random_state=0)
    many = assert_like_one_process(sae, X, block_rows=1100)
    assert many.auxiliary_loss_curve_[-1] > 0


@pytest.mark.filterwarnings("ignore:.*of the units did not fire")
def test_wide_sparse_rows_come_in_windows(monkeypatch):
    """On a worker in this process, which sees the limits that are lowered here."""
    from distributed import Client

    monkeypatch.setattr(training, "LARGE_BATCH", 1)
    monkeypatch.setattr(training, "WINDOW_SIZE", 1 << 15)
    X = sparse.random_array((3000, 800), density=0.004, format="csr", random_state=np.random.default_rng(0))
    sae = SparseAutoencoder(400, sparsity=TopK(1), batch_size=750, max_iter=4, random_state=0)
    with Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=":0"):
        many = assert_like_one_process(sae, X, block_rows=1400)
    assert many.auxiliary_loss_curve_[-1] > 0


class Own(BaseSparsity):
    """Nobody knows whether this one looks at whole batches."""


@pytest.mark.parametrize(
    "params, words",
    [
        ({"sparsity": "batch_topk"}, "BatchTopK"),
        ({"sparsity": "lifetime_topk"}, "LifetimeTopK"),
        ({"sparsity": "kl"}, "KLDivergence"),
        ({"sparsity": Matryoshka("batch_topk")}, "BatchTopK"),
        ({"sparsity": JumpReLU()}, "JumpReLU"),
        ({"sparsity": L1(target_l0=5)}, "target_l0"),
        ({"sparsity": Own()}, "Own"),
        ({"batch_norm": True}, "batch_norm"),
        ({"dead_units": "resample"}, "resample"),
    ],
    ids=str,
)
def test_what_is_no_sum_over_blocks_is_refused(sae, digits, params, words):
    with pytest.raises(ValueError, match=f"{words}.*sync='rounds'"):
        fit(sae.set_params(**params), digits, sync="gradient")
