"""Figures of the literature, where they take seconds."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.svm import LinearSVC

from skl_sae import SparseAutoencoder
from skl_sae._kernels.quantile import MARGIN
from skl_sae.datasets import make_sparse_features
from skl_sae.metrics import dictionary_match, l0
from skl_sae.sparsity import L1, Gated, JumpReLU, LifetimeTopK, TopK


def digits_accuracy(features, y):
    """Test accuracy of a linear SVM whose C is chosen by cross-validation on the training part."""
    Z, Z_test, y, y_test = train_test_split(features, y, test_size=0.35, random_state=1)
    search = GridSearchCV(LinearSVC(dual=False), {"C": np.logspace(-3, 2, 6)}, cv=3)
    return search.fit(Z, y).score(Z_test, y_test)


@pytest.mark.slow
def test_winner_take_all_digits():
    """After FC-WTA (Makhzani & Frey, 2015); a reproduction got about 99 %, with C chosen on the test set."""
    X, y = load_digits(return_X_y=True)
    X_train, _ = train_test_split(X, test_size=0.35, random_state=1)
    scores = []
    for seed in range(5):
        sae = SparseAutoencoder(256, sparsity=LifetimeTopK(0.07), random_state=seed).fit(X_train)
        scores.append(digits_accuracy(sae.transform(X), y))
    assert np.mean(scores) >= 0.982
    assert digits_accuracy(X, y) == pytest.approx(0.963, abs=0.005)


# data, number of units, how nearly the target is met, and the least explained variance
DATA = {
    "digits": (load_digits().data, 128, 0.05, 0.88),
    "breast_cancer": (load_breast_cancer().data, 64, 0.15, 0.9),  # 50 rows are held out
    "features": (1000 * make_sparse_features(6000, 256, 64, mean_active=10, random_state=0)[0], 256, 0.05, 0.78),
}
TARGETS = [L1(target_l0=20), L1(target_l0=20, norm_aware=True), JumpReLU(target_l0=20), Gated(target_l0=20)]


@pytest.mark.parametrize("rule", TARGETS, ids=repr)
@pytest.mark.parametrize("name", DATA)
def test_target_l0_is_met_on_held_out_rows(name, rule):
    X, n_components, tolerance, least_score = DATA[name]
    X, X_test = train_test_split(X, test_size=0.25, random_state=0)
    sae = SparseAutoencoder(n_components, sparsity=rule, random_state=0).fit(X)
    assert l0(sae.transform(X_test)) == pytest.approx(20, rel=tolerance)
    assert sae.score(X_test) > least_score
    assert sae.dead_fraction_ < 0.02


@pytest.mark.parametrize("n_epochs", [5, 20, 40])
def test_thresholds_stay_where_the_activations_are(n_epochs):
    """Or a margin above all of them; on data of low rank a few units do. Pushed thresholds once went to 7,000 there."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((3000, 8)) @ rng.standard_normal((8, 64)) + 0.1 * rng.standard_normal((3000, 64))
    for rule in JumpReLU(target_l0=4), JumpReLU(0.01, bandwidth=0.1):
        sae = SparseAutoencoder(128, sparsity=rule, max_iter=n_epochs, dead_units=None, random_state=0)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".* of the units did not fire")
            sae.fit(X)
        pre = X @ sae.coefs_[0] + sae.intercepts_[0]
        assert (sae.sparsity_.threshold_ <= np.maximum(pre.max(axis=0), 0) * (1 + MARGIN) * (1 + 1e-9)).all()
        assert sae.score(X) > 0.65


@pytest.mark.slow
@pytest.mark.parametrize("rule, bound", [(TopK(5), 0.98), (L1(0.1), 0.95)], ids=repr)
def test_features_in_superposition_are_found(rule, bound):
    """512 features in 256 dimensions, 5 active (after Sharkey, Braun & Millidge, 2022)."""
    X, _, dictionary = make_sparse_features(500_000, 512, 256, mean_active=5, zipf_exponent=0, random_state=0)
    sae = SparseAutoencoder(512, sparsity=rule, batch_size=1024, max_iter=10, random_state=0).fit(X)
    match = dictionary_match(sae.components_, dictionary, signed=True, random_state=0)
    assert match.mean_max_cosine >= bound
    assert match.random_mean_max_cosine < 0.3
