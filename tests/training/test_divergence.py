"""A loss or a weight that is no longer finite ends the fit, with the weights of the last epoch that ended well."""

import re

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skl_sae import SparseAutoencoder
from skl_sae._training.schedule import Schedule
from skl_sae.sparsity._names import RULES

rng = np.random.default_rng(0)
X = rng.random((300, 5)) ** 3 @ rng.standard_normal((5, 9))
FEW = {"n_components": 12, "batch_size": 60, "max_iter": 6, "learning_rate": "constant", "random_state": 0, "tol": 0}
N_STEPS = 5


@pytest.fixture
def diverges(monkeypatch):
    """Let the learning rate be far too large from a step of the fit on."""
    at = Schedule.at

    def choose(first, factor=1e30, n_epochs=None):
        """From this step on, of schedules of this length, if one is given."""

        def changed(self, step):
            concerned = step >= first and n_epochs in (None, self.n_epochs)
            return at(self, step)[0], factor if concerned else at(self, step)[1]

        monkeypatch.setattr(Schedule, "at", changed)

    return choose


def state(sae):
    return {name: value for name, value in vars(sae).items() if not name.startswith("_lock")}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("rule", [None, *RULES], ids=str)
def test_the_last_good_epoch_is_kept(rule, solver, dtype, diverges):
    params = {**FEW, "sparsity": rule, "solver": solver}
    data, factor = X.astype(dtype), 1e30 if dtype == np.float32 else 1e250
    expected = SparseAutoencoder(**{**params, "max_iter": 2}).fit(data)
    diverges(2 * N_STEPS + 2, factor)
    sae = SparseAutoencoder(**params)
    with pytest.raises(ValueError, match=r"Training failed: .* learning_rate_init .* weights of epoch 2, the last"):
        sae.fit(data)
    assert_array_equal(sae.transform(data), expected.transform(data))
    assert sae.loss_curve_ == expected.loss_curve_
    assert (sae.n_iter_, sae.n_steps_, sae.dead_fraction_) == (2, 2 * N_STEPS, expected.dead_fraction_)
    sae.partial_fit(data)
    expected.partial_fit(data)
    assert_array_equal(sae.transform(data), expected.transform(data))


@pytest.mark.parametrize("first", [0, N_STEPS - 2])
def test_without_a_good_epoch_the_estimator_is_as_it_was(first, diverges):
    fitted = SparseAutoencoder(**FEW).fit(X)
    before = state(fitted)
    diverges(first)
    for sae in (SparseAutoencoder(**FEW), fitted):
        with pytest.raises(ValueError, match="Training failed") as caught:
            sae.fit(X.astype(np.float32))
        assert "is now fitted" not in str(caught.value)
    assert state(fitted) == before


def test_with_early_stopping_the_best_epoch_is_kept(diverges):
    sae = SparseAutoencoder(**FEW, early_stopping=True)
    diverges(4 * N_STEPS + 1)
    with pytest.raises(ValueError, match=r"weights of epoch [1-4], the one with the best score") as caught:
        sae.fit(X.astype(np.float32), X_val=X[:50])
    best = int(re.search(r"weights of epoch (\d)", str(caught.value))[1]) - 1
    assert len(sae.validation_scores_) == len(sae.loss_curve_) == 4
    assert sae.score(X[:50].astype(np.float32)) == max(sae.validation_scores_) == sae.validation_scores_[best]


def test_a_score_that_is_not_finite_counts(diverges):
    """The weights are finite after the epoch, the reconstructions are not."""
    sae = SparseAutoencoder(**FEW, early_stopping=True)
    diverges(3 * N_STEPS - 1, 1e38)
    with pytest.raises(ValueError, match=r"Training failed: .*is now fitted"):
        sae.fit(X.astype(np.float32), X_val=X[:50])
    assert len(sae.validation_scores_) == len(sae.loss_curve_) == 2


@pytest.mark.parametrize("pretrain", ["layerwise", "layerwise_only"])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_layers_that_have_been_trained_are_kept(pretrain, solver, diverges):
    params = {**FEW, "hidden_layer_sizes": (10,), "pretrain": pretrain, "pretrain_max_iter": 4, "solver": solver}
    sae = SparseAutoencoder(**params)
    diverges(2 * N_STEPS)
    with pytest.raises(ValueError, match="weights of epoch 2, the last"):
        sae.fit(X.astype(np.float32))
    assert [len(curve) for curve in sae.pretrain_loss_curves_] == [2, 0]
    assert np.isfinite(sae.score(X)) and sae.dead_fraction_ == 0
    sae.partial_fit(X.astype(np.float32))


def test_the_whole_that_diverges_at_once_leaves_the_layers(diverges):
    params = {**FEW, "hidden_layer_sizes": (10,), "pretrain_max_iter": 2}
    expected = SparseAutoencoder(**params, pretrain="layerwise_only").fit(X.astype(np.float32))
    diverges(0, n_epochs=FEW["max_iter"])
    sae = SparseAutoencoder(**params, pretrain="layerwise")
    with pytest.raises(ValueError, match="weights of epoch 4, the last"):
        sae.fit(X.astype(np.float32))
    assert_array_equal(sae.transform(X), expected.transform(X))
    assert sae.pretrain_loss_curves_ == expected.pretrain_loss_curves_


def test_a_warm_fit_goes_on_from_what_is_left(diverges):
    sae = SparseAutoencoder(**FEW, warm_start=True)
    diverges(2 * N_STEPS)
    with pytest.raises(ValueError, match="weights of epoch 2"):
        sae.fit(X.astype(np.float32))
    diverges(np.inf)
    loss, score = sae.loss_, sae.score(X)
    assert sae.fit(X.astype(np.float32)).score(X) > score
    assert sae.loss_ < loss and sae.n_steps_ == (2 + 6) * N_STEPS


def test_a_chunk_that_diverges_is_undone():
    sae = SparseAutoencoder(**FEW).partial_fit(X)
    codes = sae.transform(X)
    sae.set_params(solver="sgd", learning_rate_init=1e250)
    with pytest.raises(ValueError, match="Training failed"):
        sae.partial_fit(X)
    assert_array_equal(sae.transform(X), codes)
