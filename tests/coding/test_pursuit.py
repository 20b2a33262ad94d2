"""Orthogonal matching pursuit: against scikit-learn, least squares and the slow twins."""

import naive_coding as naive
import numpy as np
import pytest
from sklearn.datasets import make_sparse_coded_signal
from sklearn.linear_model import orthogonal_mp_gram

from skl_sae.coding import sparse_encode


def problem(seed=0, n=60, n_features=20, n_atoms=45, norms=False):
    rng = np.random.default_rng(seed)
    D = rng.standard_normal((n_atoms, n_features))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    return rng.standard_normal((n, n_features)), D * rng.uniform(0.1, 10, (n_atoms, 1)) if norms else D


@pytest.mark.parametrize("k", [1, 7, 20])
def test_equals_scikit_learn_with_a_number_of_atoms(k):
    X, D = problem()
    expected = orthogonal_mp_gram(D @ D.T, D @ X.T, n_nonzero_coefs=k).T
    np.testing.assert_allclose(sparse_encode(X, D, n_nonzero_coefs=k), expected, atol=1e-9)


@pytest.mark.parametrize("tol", [1e-3, 0.5, 5.0])
def test_equals_scikit_learn_with_an_error(tol):
    X, D = problem()
    expected = orthogonal_mp_gram(D @ D.T, D @ X.T, tol=tol, norms_squared=np.square(X).sum(axis=1)).T
    np.testing.assert_allclose(sparse_encode(X, D, tol=tol), expected, atol=1e-9)


def test_a_row_that_is_small_enough_has_no_code():
    """Here scikit-learn takes one atom in any case."""
    X, D = problem()
    assert not sparse_encode(X, D, tol=1e3).any()


def test_stops_at_whichever_comes_first():
    X, D = problem()
    Z = sparse_encode(X, D, n_nonzero_coefs=4, tol=9.0)
    active, errors = (Z != 0).sum(axis=1), np.square(X - Z @ D).sum(axis=1)
    assert active.max() == 4
    assert (active < 4).any()
    assert (errors[active < 4] <= 9).all()


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("norms", [False, True])
def test_equals_the_slow_twin(positive, masked, norms):
    X, D = problem(1, norms=norms)
    mask = np.random.default_rng(2).random(X.shape) < 0.6 if masked else np.ones(X.shape, bool)
    Z = sparse_encode(X, D, n_nonzero_coefs=5, tol=0.3, positive=positive, mask=mask if masked else None)
    twins = [naive.pursuit(x, D, 5, 0.3, positive, there) for x, there in zip(X, mask, strict=True)]
    np.testing.assert_allclose(Z, twins, atol=1e-8)


def test_codes_of_positive_atoms_are_not_negative_and_steps_back_are_taken():
    """Atoms of one sign are so alike that chosen ones must be dropped again."""
    rng = np.random.default_rng(3)
    X, D = rng.random((80, 12)), rng.random((60, 12))
    Z = sparse_encode(X, D, n_nonzero_coefs=6, positive=True)
    assert Z.min() >= 0
    np.testing.assert_allclose(Z, [naive.pursuit(x, D, 6, positive=True) for x in X], atol=1e-8)


def test_masked_codes_are_least_squares_on_their_support():
    X, D = problem(4, norms=True)
    mask = np.random.default_rng(5).random(X.shape) < 0.5
    for x, z, there in zip(X, sparse_encode(X, D, n_nonzero_coefs=3, mask=mask), mask, strict=True):
        residual = np.where(there, x - z @ D, 0)
        np.testing.assert_allclose(D[z != 0] @ residual, 0, atol=1e-9)


@pytest.mark.parametrize("masked", [False, True])
def test_groups_share_a_support_and_equal_the_slow_twin(masked):
    X, D = problem(6, norms=True)
    groups = np.random.default_rng(7).integers(0, 15, len(X))
    mask = np.random.default_rng(8).random(X.shape) < 0.7 if masked else np.ones(X.shape, bool)
    Z = sparse_encode(X, D, n_nonzero_coefs=4, groups=groups, mask=mask if masked else None)
    for label in np.unique(groups):
        rows = groups == label
        np.testing.assert_allclose(Z[rows], naive.group_pursuit(X[rows], D, 4, mask[rows]), atol=1e-8)
        assert len(np.unique(Z[rows] != 0, axis=0)) == 1


def test_a_group_is_done_when_its_mean_error_is_small():
    X, D = problem(9)
    groups = np.arange(len(X)) // 3
    Z = sparse_encode(X, D, tol=4.0, groups=groups)
    errors = np.square(X - Z @ D).sum(axis=1)
    assert (np.bincount(groups, errors) <= 12 + 1e-9).all()
    alone = sparse_encode(X, D, tol=4.0, groups=np.arange(len(X))[::-1])
    np.testing.assert_allclose(alone, sparse_encode(X, D, tol=4.0), atol=1e-9)


def test_groups_larger_than_a_tile():
    X, D = problem(10, n=400)
    groups = np.repeat([0, 1], [290, 110])
    Z = sparse_encode(X, D, n_nonzero_coefs=3, groups=groups)
    np.testing.assert_allclose(Z[groups == 0], naive.group_pursuit(X[groups == 0], D, 3), atol=1e-8)


def test_positive_groups_are_refused():
    X, D = problem()
    with pytest.raises(ValueError, match="positive=True, expected False"):
        sparse_encode(X, D, groups=np.zeros(len(X)), positive=True)


def test_finds_sparse_codes():
    y, dictionary, code = make_sparse_coded_signal(
        n_samples=200, n_components=80, n_features=40, n_nonzero_coefs=4, random_state=0
    )
    Z = sparse_encode(y, dictionary, n_nonzero_coefs=4)
    exact = np.abs(Z - code).max(axis=1) < 1e-8
    assert exact.mean() > 0.9


def test_atoms_that_depend_on_others_are_left_out():
    """Copies, sums and zeros: the code is that of the independent ones, and nothing is infinite."""
    X, D = problem(11)
    more = np.concatenate([D, D, D[:5] + D[5:10], np.zeros((3, 20)), -2 * D[:4]])
    Z = sparse_encode(X, more, n_nonzero_coefs=30)
    assert np.isfinite(Z).all()
    np.testing.assert_allclose(Z @ more, X, atol=1e-7)
    assert ((Z != 0).sum(axis=1) <= 20).all()
    assert not Z[:, 95:98].any()


def test_more_atoms_asked_for_than_there_are():
    X, D = problem()
    np.testing.assert_array_equal(sparse_encode(X, D, n_nonzero_coefs=1000), sparse_encode(X, D, n_nonzero_coefs=45))


def test_default_number_of_atoms_is_a_tenth_of_the_features():
    X, D = problem()
    assert ((sparse_encode(X, D) != 0).sum(axis=1) == 2).all()
