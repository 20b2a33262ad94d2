"""Stability over fits against a naive twin, and what it says about fits of known kind."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skl_sae import SparseAutoencoder
from skl_sae.metrics import dictionary_match, stability
from skl_sae.sparsity import TopK


def naive_stability(dictionaries, signed):
    """PW-MCC and the stability of each unit, by trying all matchings."""
    units = [[[] for _ in each] for each in dictionaries]
    means = []
    for a, b in itertools.permutations(range(len(dictionaries)), 2):
        A, B = dictionaries[a], dictionaries[b]
        cosines = np.array([[x @ y / np.sqrt((x @ x) * (y @ y)) for y in B] for x in A])
        if not signed:
            cosines = np.abs(cosines)
        rows = range(len(A))
        best = max(itertools.permutations(range(len(B))), key=lambda p, c=cosines, r=rows: sum(c[i, p[i]] for i in r))
        means.append(np.mean([cosines[i, best[i]] for i in rows]))
        for i in rows:
            units[a][i].append(cosines[i, best[i]])
    return np.mean(means), [np.mean(each, axis=1) for each in units]


@pytest.mark.parametrize("signed", [False, True])
def test_it_is_the_naive_twin(signed):
    rng = np.random.default_rng(0)
    dictionaries = [rng.normal(size=(5, 4)) for _ in range(3)]
    found = stability(dictionaries, signed=signed, random_state=0)
    mean, units = naive_stability(dictionaries, signed)
    assert_allclose(found.mean, mean, rtol=1e-12)
    assert_allclose(found.units, units, rtol=1e-12)
    assert_allclose(found.pairs, found.pairs.T)
    assert_array_equal(np.diag(found.pairs), 1)


def test_two_fits_are_a_dictionary_match():
    rng = np.random.default_rng(1)
    A, B = rng.normal(size=(2, 6, 10))
    found = stability([A, B], random_state=0)
    assert_allclose(found.mean, dictionary_match(A, B, random_state=0).hungarian)
    assert 0 < found.random < 1


def test_order_norms_and_signs_play_no_part():
    rng = np.random.default_rng(2)
    A = rng.normal(size=(8, 12))
    B = A[rng.permutation(8)] * rng.uniform(1e-200, 1e200, (8, 1)) * rng.choice([-1, 1], (8, 1))
    assert_allclose(stability([A, B, A], random_state=0).mean, 1)
    assert stability([A, B], signed=True, random_state=0).mean < 0.9


def test_a_unit_that_is_left_over_or_zero_is_not_stable():
    found = stability([np.eye(3), np.eye(2, 3), [[1.0, 0, 0], [0, 0, 0], [0, 0, 1]]], random_state=0)
    assert_allclose(found.units[0], [1, 0.5, 0.5])
    assert_allclose(found.units[1], [1, 0.5])
    assert_allclose(found.units[2], [1, 0, 0.5])
    assert_allclose(found.pairs[0, 1], 1)


def test_fits_of_an_estimator_and_of_a_pipeline():
    X = np.random.default_rng(0).normal(size=(60, 6))
    fits = [SparseAutoencoder(8, max_iter=2, random_state=seed).fit(X) for seed in range(2)]
    expected = stability([fit.components_ for fit in fits], random_state=0)
    assert stability(fits, random_state=0).mean == expected.mean
    pipelines = [make_pipeline(StandardScaler(), PCA(3)).fit(X[i : i + 50]) for i in (0, 10)]
    assert 0 < stability(pipelines, random_state=0).mean < 1
    assert_allclose(stability([pipelines[0], pipelines[0]], random_state=0).mean, 1)


FAR_APART = np.geomspace(1e-3, 1e3, 8)


def of_a_raw_table(seed, factors=FAR_APART, n_rows=None):
    X = (np.random.default_rng(0).normal(size=(400, 8)) * factors)[:n_rows]
    return SparseAutoencoder(6, sparsity=TopK(2), max_iter=3, random_state=seed).fit(X)


def test_the_units_of_columns_play_no_part():
    """Where features are divided by their units; or all units would point along the column of the largest numbers."""
    fits = [of_a_raw_table(seed) for seed in range(3)]
    assert fits[0].scale_.shape == (8,)
    found = stability(fits, signed=True, random_state=0)
    expected = stability([fit.components_ / fit.scale_ for fit in fits], signed=True, random_state=0)
    assert found.mean == pytest.approx(expected.mean, rel=1e-6)
    assert found.random == expected.random
    assert found.mean < stability([fit.components_ for fit in fits], signed=True, random_state=0).mean - 0.1
    other = [of_a_raw_table(seed, FAR_APART[::-1]) for seed in range(3)]
    assert_allclose(stability(other, signed=True, random_state=0).pairs, found.pairs, rtol=1e-3)


def test_units_of_columns_that_differ_a_little():
    """Fits of other rows, and a plain dictionary: all are compared in the same units."""
    fits = [of_a_raw_table(0), of_a_raw_table(1, n_rows=300)]
    units = np.sqrt(fits[0].scale_ * fits[1].scale_)
    expected = stability([fit.components_ / units for fit in fits], random_state=0).mean
    assert stability(fits, random_state=0).mean == pytest.approx(expected, rel=1e-12)
    assert_allclose(stability([fits[0], fits[0].components_], random_state=0).mean, 1)


def test_what_cannot_be_compared():
    with pytest.raises(ValueError, match="Got 1 fits; expected at least 2"):
        stability([np.eye(3)])
    with pytest.raises(ValueError, match=r"dictionaries of \[3, 4\] columns"):
        stability([np.eye(3), np.eye(4)])
    with pytest.raises(TypeError, match=r"fits\[1\] is a StandardScaler without 'components_'"):
        stability([np.eye(3), StandardScaler()])
    with pytest.raises(ValueError, match=r"fits\[0\] contains NaN"):
        stability([[[np.nan]], [[1.0]]])


def test_the_published_toy():
    """32 directions in 16 dimensions, 3 active: fits that differ in their seed find the same units."""
    rng = np.random.default_rng(0)
    parts = rng.standard_normal((32, 16))
    parts /= np.linalg.norm(parts, axis=1, keepdims=True)
    codes = np.zeros((50_000, 32))
    active = rng.random(codes.shape).argsort(axis=1)[:, :3]
    np.put_along_axis(codes, active, np.abs(rng.standard_normal(active.shape)), axis=1)
    X = (codes @ parts).astype(np.float32)
    fits = [SparseAutoencoder(32, sparsity=TopK(3), random_state=seed).fit(X) for seed in range(2)]
    found = stability(fits, signed=True, random_state=0)
    assert found.mean > 0.97
    assert found.random < 0.7


def test_a_search_is_the_fit_that_it_found():
    X = np.random.default_rng(0).normal(size=(40, 5))
    search = GridSearchCV(PCA(random_state=0), {"n_components": [2, 3]}, cv=2).fit(X)
    alone = search.best_estimator_
    assert stability([search, alone], random_state=0).mean == pytest.approx(1)


@pytest.mark.parametrize("fits", [PCA(), 3, make_pipeline(PCA())])
def test_fits_are_a_list(fits):
    with pytest.raises(TypeError, match="expected a list of fits"):
        stability(fits)
