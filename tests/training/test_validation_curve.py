"""Held-out rows that are scored after each epoch, without any say in the fit."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skl_sae import SparseAutoencoder
from skl_sae.coding import SparseRecoveryAutoencoder
from skl_sae.inspection import TrainingCurveDisplay
from skl_sae.io import load, save
from skl_sae.sparsity import BatchTopK, JumpReLU

rng = np.random.default_rng(0)
ATOMS = rng.standard_normal((12, 6))
X, X_VAL = ((rng.random((n, 12)) < 0.2) * rng.gamma(2, size=(n, 12)) @ ATOMS for n in (300, 80))


def make(**options):
    return SparseAutoencoder(**{"n_components": 12, "max_iter": 6, "random_state": 0, "batch_size": 32, **options})


KINDS = {
    "topk": {},
    "constant": {"learning_rate": "constant", "tol": 0.02, "n_iter_no_change": 1, "max_iter": 60},
    "batch": {"sparsity": BatchTopK(3)},
    "held out": {"sparsity": JumpReLU(target_l0=3)},
    "layers": {"hidden_layer_sizes": (8,), "pretrain": "layerwise", "pretrain_max_iter": 2},
    "resampled": {"sparsity": "l1", "dead_units": "resample"},
    "noisy": {"dropout": 0.2, "corruption": "masking"},
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", KINDS)
def test_the_fit_has_the_same_bits(kind, dtype):
    plain = make(**KINDS[kind]).fit(X.astype(dtype))
    watched = make(**KINDS[kind]).fit(X.astype(dtype), X_val=X_VAL)
    assert plain.validation_scores_ is None
    assert len(watched.validation_scores_) == watched.n_iter_ == plain.n_iter_
    assert_array_equal(watched._network.parameters.theta, plain._network.parameters.theta)
    assert watched.loss_curve_ == plain.loss_curve_
    assert watched.code_scale_ == plain.code_scale_


def test_scores_are_those_of_shorter_fits():
    constant = {"learning_rate": "constant", "tol": 0.0}
    scores = make(**constant, max_iter=4).fit(X, X_val=X_VAL).validation_scores_
    assert_allclose(scores, [make(**constant, max_iter=n).fit(X).score(X_VAL) for n in range(1, 5)], rtol=1e-12)


def test_a_rule_with_a_target_is_scored_as_it_would_be_deployed():
    sae = make(sparsity=JumpReLU(target_l0=3), max_iter=20).fit(X, X_val=X_VAL)
    assert abs(sae.validation_scores_[-1] - sae.score(X_VAL)) < 0.02


def test_chunks_after_a_fit_have_no_score(tmp_path):
    sae = make().fit(X, X_val=X_VAL).partial_fit(X)
    assert len(sae.validation_scores_) == len(sae.loss_curve_) == 7
    assert np.isnan(sae.validation_scores_[-1])
    save(sae, tmp_path)
    assert_array_equal(load(tmp_path).validation_scores_, sae.validation_scores_)
    assert make().partial_fit(X).partial_fit(X).validation_scores_ is None


@pytest.mark.parametrize("n_scores", [0, 5])
def test_chunks_after_an_interrupted_epoch(n_scores):
    sae = make().fit(X, X_val=X_VAL)
    sae.validation_scores_ = sae.validation_scores_[:n_scores]  # as after Ctrl-C in an epoch
    sae.partial_fit(X)
    np.testing.assert_array_equal(np.isnan(sae.validation_scores_), np.arange(7) >= n_scores)


def test_missing_values_and_rows_without_any():
    holes = np.where(rng.random(X_VAL.shape) < 0.2, np.nan, X_VAL)
    assert np.isfinite(make().fit(X, X_val=holes).validation_scores_).all()
    with pytest.warns(UserWarning, match="None of the 3 held-out rows has an observed value, so there is nothing"):
        sae = make().fit(X, X_val=np.full((3, 6), np.nan))
    assert_array_equal(sae._network.parameters.theta, make().fit(X)._network.parameters.theta)
    with pytest.warns(UserWarning, match="have no variance"):
        assert len(make().fit(X, X_val=X_VAL[:1]).validation_scores_) == 6


def test_a_fit_goes_on_from_a_checkpoint(tmp_path):
    whole = make().fit(X, X_val=X_VAL)
    again = make().fit(X, X_val=X_VAL, checkpoint=tmp_path)
    assert again.validation_scores_ == whole.validation_scores_
    assert make().fit(X, X_val=X_VAL, checkpoint=tmp_path).validation_scores_ == whole.validation_scores_
    with pytest.raises(ValueError, match="X_val"):
        make().fit(X, checkpoint=tmp_path)


def test_the_display_shows_it():
    pytest.importorskip("matplotlib").use("agg")
    sae = make().fit(X, X_val=X_VAL)
    display = TrainingCurveDisplay.from_estimator(sae)
    assert_array_equal(display.score_line_.get_ydata(), sae.validation_scores_)
    short = TrainingCurveDisplay(loss_curve=[3, 2, 1], validation_scores=[0.1, 0.2]).plot()
    assert_array_equal(short.score_line_.get_xdata(), [1, 2])


def test_an_unrolled_network_is_watched_where_it_gives_back_its_data():
    sae = SparseRecoveryAutoencoder(12, n_layers=2, max_iter=3, random_state=0)
    assert len(sae.fit(X, X_val=X_VAL).validation_scores_) == 3
    with pytest.raises(ValueError, match="X_val has no meaning with target and measurement_matrix"):
        sae.set_params(target="signals").fit(X, X, X_val=X_VAL)
