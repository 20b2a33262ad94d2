"""Scorers encode and decode a block of rows at a time, and find what they find of all rows at once."""

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline

from skl_sae import SparseAutoencoder
from skl_sae.metrics import (
    SCORERS,
    baseline_scores,
    dead_fraction,
    explained_variance,
    explained_variance_scorer,
    l0,
    neg_dead_fraction_scorer,
    neg_l0_scorer,
)
from skl_sae.sparsity import TopK

BLOCK, CHUNK = "skl_sae.metrics._blocks.BLOCK_ENTRIES", "skl_sae.metrics._blocks.CHUNK_ENTRIES"


class Halves(TransformerMixin, BaseEstimator):
    """Codes are the data, their decoding is half of it; keeps the shapes that it is given."""

    def __init__(self):
        self.shapes = []

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        self.shapes.append(X.shape)
        return X

    def inverse_transform(self, codes):
        return codes * 0.5

    def __sklearn_is_fitted__(self):
        return True


def naive(estimator, X):
    """Each score of all rows at once."""
    codes = estimator.transform(X)
    return {
        "explained_variance": explained_variance(X, estimator.inverse_transform(codes)),
        "neg_l0": -l0(codes),
        "neg_dead_fraction": -dead_fraction(codes),
    }


@pytest.fixture(scope="module")
def fitted():
    X = np.random.default_rng(0).normal(size=(120, 9))
    sae = SparseAutoencoder(30, sparsity=TopK(3), max_iter=5, random_state=0)
    return sae.fit(X), X


@pytest.mark.parametrize("block", [30 * 7, 10**6])
@pytest.mark.parametrize("chunk", [9 * 4, 10**6])
@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array, sparse.coo_array, np.ndarray.tolist])
def test_blocks_play_no_part(fitted, block, chunk, make, monkeypatch):
    sae, X = fitted
    expected = naive(sae, X)
    monkeypatch.setattr(BLOCK, block)
    monkeypatch.setattr(CHUNK, chunk)
    for name, value in expected.items():
        assert SCORERS[name](sae, make(X)) == pytest.approx(value, rel=1e-5)


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array])
def test_no_block_is_large(make, monkeypatch):
    X, model = make(np.random.default_rng(0).normal(size=(50, 4))), Halves()
    monkeypatch.setattr(BLOCK, 40)
    for scorer in (explained_variance_scorer, neg_l0_scorer, neg_dead_fraction_scorer):
        scorer(model, X)
        assert max(model.shapes) == (10, 4)
    assert explained_variance_scorer(model, X) == pytest.approx(explained_variance(X, X * 0.5), rel=1e-12)


@pytest.mark.parametrize("powers", [(0, 0), (-500, 0), (0, 500), (-500, 500), (500, -500)])
def test_errors_that_grow_from_block_to_block(powers, monkeypatch):
    """Sums of squares that could not be represented, beside others that come later or before."""
    monkeypatch.setattr(CHUNK, 4)
    X = np.random.default_rng(0).normal(size=(40, 4))
    decoded = X + np.random.default_rng(1).normal(size=X.shape)
    exponents = np.repeat(powers, 20)[:, None]
    for values in ("variance_weighted", "raw_values"):
        found = explained_variance(np.ldexp(X, exponents), np.ldexp(decoded, exponents), multioutput=values)
        rows = np.flatnonzero(np.repeat(powers, 20) == max(powers))
        squares = np.square(X - decoded)[rows].sum(axis=0)
        mean = X[rows].sum(axis=0) / 40
        total = np.square(X[rows] - mean).sum(axis=0) + (40 - len(rows)) * mean**2
        raw = values == "raw_values"
        expected = 1 - (squares / total if raw else squares.sum() / total.sum())
        assert_allclose(found, expected, rtol=1e-12)


def test_memory_does_not_grow_with_rows():
    X = sparse.random(10_000, 2000, density=1e-3, format="csr", random_state=0)
    model = TruncatedSVD(20, n_iter=1, random_state=0).fit(X)
    for scorer in (explained_variance_scorer, neg_l0_scorer):
        tracemalloc.start()
        try:
            scorer(model, X)  # reconstructions are 160 MB
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 30e6


def test_frames_keep_their_names(fitted):
    pd = pytest.importorskip("pandas")
    _, X = fitted
    frame = pd.DataFrame(X).add_prefix("column ")
    model = PCA(3).fit(frame).set_output(transform="pandas")
    expected = explained_variance(X, np.asarray(model.inverse_transform(model.transform(frame))))
    assert explained_variance_scorer(model, frame) == pytest.approx(expected)
    assert neg_l0_scorer(model, frame) == -3


@pytest.mark.parametrize("container", [list, tuple, np.array, "Series"])
def test_codes_of_texts(container):
    if container == "Series":
        container = pytest.importorskip("pandas").Series
    texts = container(["a fox", "two foxes", "a dog and a fox", "dogs"])
    model = make_pipeline(TfidfVectorizer(token_pattern=r"\w+"), SparseAutoencoder(4, max_iter=2, random_state=0))
    model.fit(texts)
    assert neg_l0_scorer(model, texts) == -l0(model.transform(texts))
    assert neg_dead_fraction_scorer(model, texts) == -dead_fraction(model.transform(texts))


def test_a_single_row_and_a_wrong_width(fitted):
    sae, X = fitted
    with pytest.warns(UndefinedMetricWarning, match="less than two rows"):
        assert np.isnan(explained_variance_scorer(sae, X[:1]))
    model = PCA(2).fit(X)
    model.inverse_transform = lambda codes: codes
    with pytest.raises(ValueError, match=r"X_reconstructed has shape \(120, 2\); expected the shape of X, \(120, 9\)"):
        explained_variance_scorer(model, X)


def test_baselines_have_the_mean_activity_of_all_blocks(fitted, monkeypatch):
    sae, X = fitted
    expected = baseline_scores(sae, X, scoring=SCORERS, random_state=0)
    monkeypatch.setattr(BLOCK, 100)
    found = baseline_scores(sae, X, scoring=SCORERS, random_state=0)
    for row in expected:
        assert_allclose(list(found[row].values()), list(expected[row].values()), rtol=1e-5)
