"""Signed codes: what AbsTopK keeps, and that all that counts active units does so whatever their sign."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.datasets import make_sparse_coded_signal

from skl_sae import SparseAutoencoder
from skl_sae.metrics import dead_fraction, dictionary_match, feature_density, l0
from skl_sae.sparsity import AbsTopK, Matryoshka, TopK

ATOMS = 24
X, DICTIONARY, CODES = make_sparse_coded_signal(
    3000, n_components=ATOMS, n_features=16, n_nonzero_coefs=2, random_state=0
)


def make(rule, n_components=ATOMS, **options):
    return SparseAutoencoder(n_components, sparsity=rule, **{"random_state": 0, "max_iter": 60, **options})


@pytest.fixture(scope="module")
def signed():
    return make(AbsTopK(2)).fit(X)


def test_atoms_are_found_whatever_the_sign_of_their_codes(signed):
    """The relu code of as many units has one side of some atoms, and misses others."""
    plain = make(TopK(2)).fit(X)
    found, missed = (dictionary_match(sae.components_, DICTIONARY, random_state=0) for sae in (signed, plain))
    assert found.hungarian > 0.97 > 0.85 > missed.hungarian
    assert signed.score(X) > 0.9 > 0.8 > plain.score(X)
    codes = signed.transform(X)[:, found.assignment]
    agree = np.array([np.corrcoef(codes[:, j], CODES[:, j])[0, 1] for j in range(ATOMS)])
    assert np.median(abs(agree)) > 0.95
    assert 0.4 < (codes < 0).sum() / (codes != 0).sum() < 0.6


def test_codes_are_the_largest_in_size_with_their_sign(signed):
    codes, weights = signed.transform(X), signed.coefs_[0]
    a = X @ weights + signed.intercepts_[0]
    kept = np.argsort(-abs(a), axis=1, kind="stable")[:, :2]
    expected = np.zeros_like(a)
    np.put_along_axis(expected, kept, np.take_along_axis(a, kept, axis=1), axis=1)
    assert_allclose(codes, expected, atol=1e-10)
    assert_allclose(codes @ signed.components_ + signed.intercept_, signed.inverse_transform(codes), atol=1e-10)


def test_negative_entries_count_as_active(signed):
    codes = signed.transform(X)
    assert l0(codes) == 2 == l0(sparse.csr_array(codes))
    assert_allclose(feature_density(codes), (codes != 0).mean(axis=0))
    assert_allclose(np.sqrt(np.mean(codes[codes != 0] ** 2)), 1, rtol=1e-9)
    assert dead_fraction(codes) == signed.dead_fraction_ == 0


def test_a_unit_with_one_sign_alone_is_not_dead():
    """Each row is minus a part: a nonnegative code of the parts would be zero."""
    rows = -np.abs(CODES[:, :8]) @ np.eye(8, 16)
    sae = make(AbsTopK(2), 8, scale=False).fit(rows)
    assert sae.dead_fraction_ == dead_fraction(sae.transform(rows)) == 0


@pytest.mark.parametrize("options", [{}, {"hidden_layer_sizes": (20,)}, {"tied_weights": True}], ids=str)
@pytest.mark.parametrize("rule", [AbsTopK(3), Matryoshka(AbsTopK(3), (0.5, 1.0))], ids=repr)
def test_sparse_input_and_output_give_the_same_codes(rule, options):
    rows = np.where(abs(X) > 0.1, X, 0)[:400]
    dense = make(rule, max_iter=5, **options).fit(rows)
    of_sparse = make(rule, max_iter=5, sparse_output=True, **options).fit(sparse.csr_array(rows))
    codes = of_sparse.transform(sparse.csr_array(rows))
    assert codes.nnz == 3 * 400 and codes.has_sorted_indices
    assert_allclose(codes.toarray(), dense.transform(rows), atol=1e-6)
    assert dense.activation_ == "identity"


def test_transform_k_adds_entries(signed):
    more = make(AbsTopK(2, transform_k=4)).fit(X)
    few, many = signed.transform(X), more.transform(X)
    assert (np.count_nonzero(many, axis=1) == 4).all()
    assert_array_equal(np.where(few != 0, many, 0), few)
    assert more.score(X) == signed.score(X)


def test_more_than_there_are_units_means_all():
    sae = make(AbsTopK(100), 5, max_iter=2).fit(X)
    assert sae.sparsity_.k_ == 5 and np.count_nonzero(sae.transform(X), axis=1).min() == 5


def test_missing_values_and_chunks():
    rng = np.random.default_rng(0)
    holes = np.where(rng.random(X.shape) < 0.2, np.nan, X)
    sae = make(AbsTopK(2), corruption="masking")
    for _ in range(20):
        for chunk in np.array_split(holes, 3):
            sae.partial_fit(chunk)
    filled = sae.impute(holes)
    missing = np.isnan(holes)
    assert np.square(filled - X)[missing].mean() < 0.8 * np.square(X - X.mean(axis=0))[missing].mean()
    assert sae.dead_fraction_ == 0


@pytest.mark.parametrize("activation", ["relu", "sigmoid"])
def test_an_activation_without_sign_is_refused(activation):
    message = f"expected activation='identity' or 'tanh', got '{activation}'. For codes that are not negative use TopK"
    with pytest.raises(ValueError, match=message):
        make(AbsTopK(2), activation=activation).fit(X)


def test_tanh_keeps_the_sign_between_bounds():
    codes = make(AbsTopK(2), activation="tanh").fit(X).transform(X)
    assert -1 <= codes.min() < 0 < codes.max() <= 1
