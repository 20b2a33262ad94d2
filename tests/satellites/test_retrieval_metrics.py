"""Mean average precision, beside plain loops over many orders of rows at equal distance."""

import re

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import average_precision_score, pairwise_distances

from skl_sae.metrics import _retrieval, mean_average_precision


def random_rows(n_rows, n_features=6, seed=0):
    rng = np.random.default_rng(seed)
    return np.where(rng.random((n_rows, n_features)) < 0.3, rng.random((n_rows, n_features)), 0)


def naive_average_precision(relevant, k):
    found, total = 0, 0.0
    for place, hit in enumerate(relevant[:k], start=1):
        found += hit
        total += hit * found / place
    return total / min(sum(relevant), k)


def naive_mean_average_precision(distances, y_queries, y_database, k, n_orders=400):
    """The mean over many orders of rows at equal distance, and over the queries to which something is relevant."""
    rng, found = np.random.default_rng(0), []
    for _ in range(n_orders):
        order = rng.permutation(len(y_database))
        for row, label in zip(distances, y_queries, strict=True):
            ranking = y_database[order][np.argsort(row[order], kind="stable")]
            if label in y_database:
                found.append(naive_average_precision(ranking == label, k))
    return np.mean(found)


@pytest.mark.parametrize("k", [1, 3, 7, 12, 40])
@pytest.mark.parametrize("tied", [True, False])
def test_mean_average_precision_is_that_of_loops(k, tied):
    rng = np.random.default_rng(1)
    distances = rng.integers(0, 3, (5, 12)) / 2 if tied else rng.random((5, 12))
    y_database, y_queries = np.array(list("abcabcaabbcc")), np.array(list("abcad"))
    expected = naive_mean_average_precision(distances, y_queries, y_database, k, 2000 if tied else 1)
    found = mean_average_precision(distances, None, y_queries, y_database, k=k, metric="precomputed")
    assert found == pytest.approx(expected, abs=0.015 if tied else 1e-12)


def test_every_order_of_few_rows():
    """Two of four tied rows are relevant: the mean over the six orders."""
    orders = [[1, 1, 0, 0], [1, 0, 1, 0], [1, 0, 0, 1], [0, 1, 1, 0], [0, 1, 0, 1], [0, 0, 1, 1]]
    for k in (1, 2, 3, 4):
        expected = np.mean([naive_average_precision(order, k) for order in orders])
        found = mean_average_precision(np.zeros((1, 4)), None, [1], [1, 1, 0, 0], k=k, metric="precomputed")
        assert found == pytest.approx(expected)


def test_without_ties_it_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    X, Y, labels = rng.random((30, 5)), rng.random((200, 5)), rng.integers(0, 4, 230)
    scores = -pairwise_distances(X, Y, metric="cosine")
    expected = np.mean(
        [average_precision_score(labels[30:] == y, row) for y, row in zip(labels[:30], scores, strict=True)]
    )
    assert mean_average_precision(X, Y, labels[:30], labels[30:]) == pytest.approx(expected)


@pytest.mark.parametrize("metric", ["cosine", "euclidean", "manhattan"])
@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array, np.float32])
def test_metrics_layouts_and_blocks(metric, make, monkeypatch):
    X, Y, labels = random_rows(20), random_rows(90, seed=1), np.arange(110) % 3
    distances = pairwise_distances(X, Y, metric=metric).round(6)
    expected = mean_average_precision(distances, None, labels[:20], labels[20:], k=30, metric="precomputed")
    monkeypatch.setattr(_retrieval, "WORKING_MEMORY", 1e-3)
    found = mean_average_precision(make(X), make(Y), labels[:20], labels[20:], k=30, metric=metric)
    assert found == pytest.approx(expected, abs=0.02)  # rounding makes ties and breaks them
    assert_array_equal(X, random_rows(20))


def test_the_best_and_the_worst():
    distances = np.arange(6.0)[None]
    assert mean_average_precision(distances, None, ["a"], list("aabbbb"), metric="precomputed") == 1
    worst = mean_average_precision(distances, None, ["a"], list("bbbbaa"), metric="precomputed")
    assert worst == pytest.approx((1 / 5 + 2 / 6) / 2)


def test_queries_to_which_nothing_is_relevant():
    distances = np.arange(8.0).reshape(2, 4)
    labels = ["a", "b", "a", "b"]
    some = mean_average_precision(distances, None, ["a", "c"], labels, metric="precomputed")
    assert some == mean_average_precision(distances[:1], None, ["a"], labels, metric="precomputed")
    with pytest.warns(UndefinedMetricWarning, match="no label of the queries"):
        assert np.isnan(mean_average_precision(distances, None, ["c", "d"], labels, metric="precomputed"))


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((np.ones((2, 3)), np.ones((4, 2)), [0, 1], [0, 1, 0, 1]), "Incompatible dimension"),
        ((np.ones((2, 3)), np.ones((4, 3)), [0, 1, 1], [0, 1, 0, 1]), "inconsistent numbers of samples"),
        ((np.ones((2, 3)), np.ones((4, 3)), [0, 1], [0, 1, 0]), "inconsistent numbers of samples"),
        ((np.full((2, 3), np.nan), np.ones((4, 3)), [0, 1], [0, 1, 0, 1]), "queries contains NaN"),
        ((np.ones((2, 3)), np.ones((4, 3)), [[0], [1]] * 2, [0, 1, 0, 1]), "inconsistent numbers"),
    ],
)
def test_arguments_that_do_not_fit(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        mean_average_precision(*arguments)


def test_distances_that_do_not_fit():
    with pytest.raises(ValueError, match=re.escape("shape (2, 3): expected (2, 4)")):
        mean_average_precision(np.ones((2, 3)), None, [0, 1], [0, 1, 0, 1], metric="precomputed")
    with pytest.raises(ValueError, match="'k' parameter"):
        mean_average_precision(np.ones((2, 3)), np.ones((2, 3)), [0, 1], [0, 1], k=0)
