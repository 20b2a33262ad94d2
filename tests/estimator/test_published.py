"""Figures of the literature, where they take seconds."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from skl_sae import SparseAutoencoder
from skl_sae.datasets import make_sparse_features
from skl_sae.metrics import dictionary_match, l0
from skl_sae.sparsity import L1, JumpReLU, LifetimeTopK, TopK


def digits_accuracy(features, y):
    """Test accuracy of a linear SVM whose C is chosen by cross-validation on the training part."""
    Z, Z_test, y, y_test = train_test_split(features, y, test_size=0.35, random_state=1)
    search = GridSearchCV(LinearSVC(dual=False), {"C": np.logspace(-3, 2, 6)}, cv=3)
    return search.fit(Z, y).score(Z_test, y_test)


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


DATA = {
    "digits": (load_digits().data, 128),
    "breast_cancer": (StandardScaler().fit_transform(load_breast_cancer().data), 64),
    "features": (1000 * make_sparse_features(6000, 256, 64, mean_active=10, random_state=0)[0], 256),
}


@pytest.mark.parametrize("rule", [L1(target_l0=20), JumpReLU(target_l0=20)], ids=lambda rule: type(rule).__name__)
@pytest.mark.parametrize("name", DATA)
def test_target_l0_is_met_on_held_out_rows(name, rule):
    X, n_components = DATA[name]
    X, X_test = train_test_split(X, test_size=0.25, random_state=0)
    sae = SparseAutoencoder(n_components, sparsity=rule, random_state=0).fit(X)
    assert l0(sae.transform(X)) == pytest.approx(20, rel=0.005)
    assert l0(sae.transform(X_test)) == pytest.approx(20, rel=0.1)
    assert sae.dead_fraction_ < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("rule, bound", [(TopK(5), 0.98), (L1(0.1), 0.95)], ids=repr)
def test_features_in_superposition_are_found(rule, bound):
    """512 features in 256 dimensions, 5 active (after Sharkey, Braun & Millidge, 2022)."""
    X, _, dictionary = make_sparse_features(500_000, 512, 256, mean_active=5, zipf_exponent=0, random_state=0)
    sae = SparseAutoencoder(512, sparsity=rule, batch_size=1024, max_iter=10, random_state=0).fit(X)
    match = dictionary_match(sae.components_, dictionary, signed=True, random_state=0)
    assert match.mean_max_cosine >= bound
    assert match.random_mean_max_cosine < 0.3
