"""A score beside those of a frozen random dictionary and of PCA."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

from skl_sae import SparseAutoencoder
from skl_sae.datasets import make_sparse_features
from skl_sae.metrics import SCORERS, baseline_scores, l0
from skl_sae.sparsity import TopK

ROWS = "estimator", "random dictionary", "PCA"


@pytest.fixture(scope="module")
def fitted():
    X = make_sparse_features(1200, 48, 32, mean_active=4, zipf_exponent=0, random_state=0)[0]
    return SparseAutoencoder(48, sparsity=TopK(5), max_iter=30, random_state=0).fit(X[:900]), X[:900], X[900:]


class Seen:
    """A scorer that keeps what it is given."""

    def __init__(self):
        self.models = []

    def __call__(self, model, X, y):
        self.models.append(model)
        return 0.0


def test_a_learned_dictionary_is_beyond_both(fitted):
    sae, X_train, X = fitted
    found = baseline_scores(sae, X, X_train=X_train, random_state=0)
    assert tuple(found) == ROWS
    assert_allclose(found["estimator"], sae.score(X), rtol=1e-6)
    assert found["estimator"] > found["random dictionary"] + 0.1 > found["PCA"] > 0


def test_all_scorers_at_once(fitted):
    sae, X_train, X = fitted
    found = baseline_scores(sae, X, X_train=X_train, scoring=SCORERS, random_state=0)
    assert {tuple(each) for each in found.values()} == {tuple(SCORERS)}
    numbers = -found["estimator"]["neg_l0"]
    assert numbers - 1 < -found["random dictionary"]["neg_l0"] <= round(numbers)
    assert -found["PCA"]["neg_l0"] == round(numbers)


def test_rows_have_the_shape_and_sign_of_the_estimator(fitted):
    sae, X_train, X = fitted
    seen = Seen()
    baseline_scores(sae, X, X_train=X_train, scoring=seen, random_state=0)
    random, pca = seen.models[1:]
    codes = random.transform(X)
    assert codes.shape == sae.transform(X).shape
    assert codes.min() == 0
    assert np.count_nonzero(codes, axis=1).max() == round(l0(sae.transform(X)))
    seen = Seen()
    baseline_scores(PCA(3).fit(X_train), X, X_train=X_train, scoring=seen, random_state=0)
    assert seen.models[1].transform(X).min() < 0
    reference = PCA(3).fit(X_train)
    assert_allclose(
        seen.models[2].inverse_transform(seen.models[2].transform(X)),
        reference.inverse_transform(reference.transform(X)),
        atol=1e-5,
    )
    assert pca.transform(X).shape[1] == round(l0(sae.transform(X)))


def test_matching_pursuit(fitted):
    """The random row's codes, one row and step at a time."""
    sae, X_train, X = fitted
    seen = Seen()
    baseline_scores(sae, X, X_train=X_train, scoring=seen, random_state=0)
    random = seen.models[1]
    for x, code in zip(X[:20], random.transform(X[:20]), strict=True):
        residual, expected = x - X_train.mean(axis=0), np.zeros(48)
        for _ in range(random.n_active):
            products = random.directions @ residual
            j = products.argmax()
            expected[j] += max(products[j], 0)
            residual = residual - max(products[j], 0) * random.directions[j]
        assert_allclose(code, expected, atol=1e-5)


def test_labels_reach_the_scorer(fitted):
    sae, X_train, X = fitted
    y = (X[:, 0] > X[:, 0].mean()).astype(int)

    def accuracy(model, X, y):
        return LogisticRegression().fit(model.transform(X), y).score(model.transform(X), y)

    found = baseline_scores(sae, X, y, X_train=X_train, scoring=accuracy, random_state=0)
    assert all(0.5 < found[name] <= 1 for name in ROWS)


def test_csr_and_missing_values(fitted):
    sae, X_train, X = fitted
    expected = baseline_scores(sae, X, X_train=X_train, random_state=0)
    found = baseline_scores(sae, sparse.csr_array(X), X_train=sparse.csr_array(X_train), random_state=0)
    for name in ROWS:
        assert found[name] == pytest.approx(expected[name], abs=1e-3)
    X = np.where(np.random.default_rng(0).random(X.shape) < 0.05, np.nan, X)
    found = baseline_scores(sae, X, X_train=X_train, random_state=0)
    for name in ROWS:  # scored on what is observed
        assert found[name] == pytest.approx(expected[name], abs=0.1)


def test_it_is_reproducible(fitted):
    sae, X_train, X = fitted
    found = [baseline_scores(sae, X, X_train=X_train, random_state=seed) for seed in (0, 0, 1)]
    assert found[0] == found[1] != found[2]


def test_what_does_not_fit(fitted):
    sae, X_train, X = fitted
    with pytest.raises(ValueError, match="X_train has 31 columns; expected 32"):
        baseline_scores(sae, X, X_train=X_train[:, 1:])
    with pytest.raises(ValueError, match="'scoring' parameter"):
        baseline_scores(sae, X, scoring="r2")


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("n_rows, n_columns", [(1, 6), (2, 6), (8, 1), (8, 6)])
def test_few_rows_and_columns(make, n_rows, n_columns):
    X = np.random.default_rng(0).normal(size=(8, n_columns))
    sae = SparseAutoencoder(4, max_iter=2, random_state=0).fit(make(X))
    found = baseline_scores(sae, make(X), X_train=make(X[:n_rows]), random_state=0)
    dense = baseline_scores(sae, X, X_train=X[:n_rows], random_state=0)
    assert_allclose([found[row] for row in ROWS], [dense[row] for row in ROWS], rtol=1e-5, atol=1e-9)


def test_columns_that_do_not_vary():
    X = np.random.default_rng(0).normal(size=(8, 6))
    sae = SparseAutoencoder(4, max_iter=2, random_state=0).fit(X)
    found = baseline_scores(sae, X, X_train=np.ones((5, 6)), random_state=0)
    assert np.isfinite(list(found.values())).all()


def test_wide_csr_is_never_dense_before_it_is_decoded(monkeypatch):
    X = sparse.random_array((60, 700), density=0.02, format="csr", rng=np.random.default_rng(0))
    sae = SparseAutoencoder(40, sparsity=TopK(2), max_iter=2, random_state=0).fit(X)
    seen = Seen()
    baseline_scores(sae, X, scoring=seen, random_state=0)
    dense = [model.transform(X.toarray()) for model in seen.models[1:]]
    monkeypatch.setattr(sparse.csr_array, "toarray", None)
    for model, expected in zip(seen.models[1:], dense, strict=True):
        assert_allclose(model.transform(X), expected, atol=1e-12)
        assert_allclose(model.inverse_transform(expected), expected @ model.directions + model.mean, atol=1e-12)
