"""Units of two dictionaries, matched."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.decomposition import NMF, PCA
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skl_sae import SparseAutoencoder
from skl_sae.inspection import compare_dictionaries
from skl_sae.metrics import stability

random = np.random.default_rng(0)
A, B = random.standard_normal((4, 6)), random.standard_normal((5, 6))
X = random.gamma(1.0, size=(50, 6))


def naive(a, b, signed):
    """Cosines one by one, and the best of all matchings."""
    cosines = np.zeros((len(a), len(b)))
    for i, j in itertools.product(range(len(a)), range(len(b))):
        cosine = a[i] @ b[j] / np.sqrt((a[i] @ a[i]) * (b[j] @ b[j]))
        cosines[i, j] = cosine if signed else abs(cosine)
    matchings = itertools.permutations(range(len(b)), len(a))
    best = max(matchings, key=lambda chosen: cosines[np.arange(len(a)), list(chosen)].sum())
    return cosines, best


@pytest.mark.parametrize("signed", [False, True])
def test_pairs_are_the_best_matching_and_neighbours_the_nearest(signed):
    comparison = compare_dictionaries(A, B, signed=signed, random_state=0)
    cosines, best = naive(A, B, signed)
    found = dict(comparison.pairs.tolist())
    assert tuple(found[i] for i in range(4)) == best
    assert_allclose(comparison.similarities, [cosines[i, j] for i, j in comparison.pairs])
    assert (np.diff(comparison.similarities) <= 0).all()
    assert_allclose(comparison.mean_similarity, cosines[np.arange(4), list(best)].mean())
    assert_array_equal(comparison.nearest_in_b, cosines.argmax(axis=1))
    assert_array_equal(comparison.nearest_in_a, cosines.argmax(axis=0))
    assert_allclose(comparison.similarity_a, cosines.max(axis=1))
    assert_allclose(comparison.similarity_b, cosines.max(axis=0))
    assert comparison.n_shared(0.5) == (comparison.similarities >= 0.5).sum()


def test_order_length_and_sign_do_not_matter_unless_signed():
    other = -3 * A[[2, 0, 3, 1]]
    comparison = compare_dictionaries(A, other)
    assert_allclose(comparison.similarities, 1)
    assert_array_equal(comparison.pairs[np.argsort(comparison.pairs[:, 0]), 1], [1, 3, 0, 2])
    assert compare_dictionaries(A, other, signed=True).mean_similarity < 0.9


def test_the_units_of_columns_play_no_part():
    """As in `stability`, where features are divided by their units; or one column would decide."""
    raw = np.random.default_rng(0).normal(size=(400, 8)) * np.geomspace(1e-3, 1e3, 8)
    a, b = (SparseAutoencoder(6, max_iter=3, random_state=seed).fit(raw) for seed in (0, 1))
    assert a.scale_.shape == (8,)
    comparison = compare_dictionaries(a, b, random_state=0)
    assert comparison.mean_similarity == pytest.approx(stability([a, b]).mean, rel=1e-12)
    expected = compare_dictionaries(a.components_ / a.scale_, b.components_ / b.scale_, random_state=0)
    assert comparison.mean_similarity == pytest.approx(expected.mean_similarity, rel=1e-12)
    assert expected.mean_similarity < compare_dictionaries(a.components_, b.components_).mean_similarity - 0.1


def test_chance_is_told_and_reproducible():
    chance = [compare_dictionaries(A, B, random_state=0).random_similarity for _ in range(2)]
    assert chance[0] == chance[1] and 0 < chance[0] < 1


def test_zero_rows_match_nothing():
    comparison = compare_dictionaries(np.vstack([A, np.zeros((1, 6))]), A)
    assert comparison.similarity_a[4] == 0 and len(comparison.pairs) == 4


def test_estimators_pipelines_and_deep_decoders():
    sae = SparseAutoencoder(n_components=5, max_iter=3, random_state=0).fit(X)
    assert_allclose(compare_dictionaries(sae, sae.components_).similarities, 1, atol=1e-6)
    assert compare_dictionaries(sae, NMF(3, max_iter=1000, random_state=0).fit(X)).pairs.shape == (3, 2)

    scaled = make_pipeline(StandardScaler(), PCA(3)).fit(X)
    assert_allclose(compare_dictionaries(scaled, scaled[-1]).similarities, 1)

    search = GridSearchCV(make_pipeline(StandardScaler(), PCA(3)), {"pca__n_components": [3]}, cv=2).fit(
        X * range(1, 7)
    )
    assert_allclose(compare_dictionaries(search, search.best_estimator_[-1]).similarities, 1)

    deep = SparseAutoencoder(n_components=5, hidden_layer_sizes=(7,), max_iter=3, random_state=0).fit(X)
    added = deep.inverse_transform(np.eye(5)) - deep.inverse_transform(np.zeros((1, 5)))
    assert_allclose(compare_dictionaries(deep, added).similarities, 1, atol=1e-6)


def test_what_is_printed_is_short():
    printed = repr(compare_dictionaries(B, A, random_state=0))
    assert printed.startswith("<DictionaryComparison of 5 with 4 units: mean similarity ") and len(printed) < 120


def test_table():
    table = compare_dictionaries(B, A, random_state=0).to_frame()
    assert table.index.tolist() == [0, 1, 2, 3, 4] and table["match"].isna().sum() == 1
    assert table.columns.tolist() == ["match", "similarity", "nearest", "nearest_similarity"]
    paired = table.dropna()
    assert (paired["nearest_similarity"] >= paired["similarity"]).all()


@pytest.mark.parametrize(
    ("a", "b", "error", "said"),
    [
        (A, A[:, :4], ValueError, "a has 6 columns and b has 4"),
        (A, np.full((2, 6), np.nan), ValueError, "b contains NaN"),
        (SparseAutoencoder(), A, NotFittedError, "not fitted"),
    ],
)
def test_what_cannot_be_compared(a, b, error, said):
    with pytest.raises(error, match=said):
        compare_dictionaries(a, b)
