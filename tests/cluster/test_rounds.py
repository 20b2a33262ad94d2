"""Local steps and their mean: what a round does, the same bits for any number of workers, and every rule."""

from copy import deepcopy

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from twins import assert_equal, mean_of_fits, numbers

from skl_sae import SparseAutoencoder
from skl_sae.dask import fit
from skl_sae.sparsity import RULES


@pytest.fixture
def start(sae, digits):
    """A fit that goes on without drawing anything."""
    sae.set_params(shuffle=False, learning_rate="constant", max_iter=1, warm_start=True, tol=0)
    return sae.fit(digits)


def test_one_block_is_one_process(client, sae, digits):
    """Without a random order nothing differs."""
    sae.set_params(shuffle=False)
    np.testing.assert_allclose(numbers(fit(sae, digits, block_rows=2000)), numbers(clone(sae).fit(digits)), rtol=1e-9)


@pytest.mark.parametrize("kind", ["model", "components"])
def test_the_start_that_is_given_is_that_of_one_process(client, sae, digits, kind):
    other = clone(sae).set_params(random_state=5, max_iter=3).fit(digits)
    sae.set_params(shuffle=False, init=other if kind == "model" else other.components_)
    np.testing.assert_allclose(numbers(fit(sae, digits, block_rows=2000)), numbers(clone(sae).fit(digits)), rtol=1e-9)
    assert not np.allclose(numbers(sae), numbers(clone(sae).set_params(init=None).fit(digits)), rtol=1e-3)


def test_a_start_of_other_columns_is_told_of(client, sae, digits):
    import dask.dataframe as dd

    frame = pd.DataFrame(digits, columns=[f"pixel {i}" for i in range(64)])
    sae.set_params(init=clone(sae).set_params(max_iter=1).fit(frame))
    with pytest.raises(ValueError, match=r"init=SparseAutoencoder\(...\) is of other columns than X"):
        fit(sae, dd.from_pandas(frame[frame.columns[::-1]], npartitions=2))


@pytest.mark.parametrize("rule", ["topk", "gated"])
def test_a_round_is_the_mean_of_fits_that_go_on(client, start, digits, rule):
    start.set_params(sparsity=rule, warm_start=False).fit(digits)
    start.set_params(warm_start=True).fit(digits)
    expected = mean_of_fits(start, [digits[:1000], digits[1000:]])
    fit(start, digits, block_rows=1000)
    theta = start._network.parameters.theta
    if rule == "gated":  # the mean of rows of norm one is brought back to norm one
        decoder = start._network.parameters.part(expected, "dec0.weight")
        decoder /= np.linalg.norm(decoder, axis=1, keepdims=True)
    np.testing.assert_allclose(theta, expected, rtol=1e-9, atol=1e-12)


def test_moments_are_averaged_too(client, start, digits):
    expected = []
    for part in (digits[:1000], digits[1000:]):
        expected.append(deepcopy(start).fit(part)._training.optimizer.second)
    fit(start, digits, block_rows=1000)
    expected = np.average(expected, axis=0, weights=[1000, len(digits) - 1000])
    np.testing.assert_allclose(start._training.optimizer.second, expected, rtol=1e-9, atol=1e-15)


def test_the_same_bits_for_any_number_of_workers(client, cluster, sae, blocks):
    two = fit(clone(sae), blocks)
    for n_workers in (1, 3):
        cluster.scale(n_workers)
        client.wait_for_workers(n_workers, timeout=120)
        assert_equal(fit(clone(sae), blocks), two)


def test_rounds_within_an_epoch(client, sae, digits):
    """More rounds bring the blocks closer to one process: here one for each step of the blocks."""
    few, many = (clone(sae).set_params(max_iter=4) for _ in range(2))
    fit(few, digits, block_rows=900)
    fit(many, digits, block_rows=900, round_steps=1)
    assert many.n_iter_ == few.n_iter_ == 4 and many.n_steps_ == few.n_steps_ == 36
    assert many.score(digits) > few.score(digits) - 0.02


def test_units_that_a_small_block_does_not_need_are_alive(client, digits):
    """Each unit fires in one of the large blocks; a row cannot need them all."""
    sae = SparseAutoencoder(300, sparsity="topk", max_iter=6, batch_size=50, random_state=0)
    fit(sae, np.concatenate([digits[:900], digits[:1]]), block_rows=900)
    assert np.mean(~(sae.transform(digits[:900]) != 0).any(axis=0)) == 0
    assert sae.dead_fraction_ < 0.03


@pytest.mark.parametrize("rule", sorted(RULES))
def test_every_rule(client, digits, rule):
    sae = SparseAutoencoder(24, sparsity=rule, batch_size=50, max_iter=3, random_state=0)
    fit(sae, digits[:1200].astype(np.float32), block_rows=400)
    codes = sae.transform(digits.astype(np.float32))
    assert np.isfinite(codes).all() and codes.any()
    assert sae.loss_curve_[-1] < sae.loss_curve_[0]


@pytest.mark.parametrize(
    "params",
    [
        {"batch_norm": True, "sparsity": "l1", "dropout": 0.1},
        {"hidden_layer_sizes": 20, "corruption": "masking"},
        {"dead_units": "resample", "n_components": 200, "sparsity": "l1"},
        {"solver": "sgd", "tied_weights": True, "skip": True, "weight_decay": 1e-4},
        {"scale": "features", "learning_rate": "constant"},
    ],
    ids=lambda params: "-".join(params),
)
@pytest.mark.filterwarnings("ignore:.*of the units did not fire")
@pytest.mark.filterwarnings("ignore:.*max_iter:sklearn.exceptions.ConvergenceWarning")
def test_options(client, sae, digits, params):
    fit(sae.set_params(**params), digits, block_rows=900)
    assert sae.loss_curve_[-1] < sae.loss_curve_[0] and sae.score(digits) > 0


def test_a_deterministic_fit_of_random_parts(client, sae, digits):
    """Dropout and noise are drawn for each block and round from the seed."""
    sae.set_params(dropout=0.2, corruption="gaussian")
    assert_equal(fit(clone(sae), digits, block_rows=600), fit(clone(sae), digits, block_rows=600))


def test_divergence_is_told(client, sae, digits):
    with pytest.raises(ValueError, match="diverged"):
        fit(sae.set_params(learning_rate_init=1e30), digits.astype(np.float32), block_rows=900)
    assert not hasattr(sae, "n_iter_")


@pytest.mark.parametrize("params", [{}, {"sparsity": "gated"}, {"decoder_layer_sizes": 9}, {"dead_units": "resample"}])
def test_decoders_without_negative_weights(client, sae, digits, params):
    fit(sae.set_params(positive_decoder=True, **params), digits, block_rows=500)
    assert min(weights.min() for weights in sae.coefs_[1:]) >= 0
    assert sae.loss_curve_[-1] < sae.loss_curve_[0]
