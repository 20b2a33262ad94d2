"""Description length against a naive twin, by what it must not depend on, and by choices on data with known parts."""

from functools import partial
from math import lgamma, log, log2

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import NMF, PCA
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skl_sae import SparseAutoencoder
from skl_sae.datasets import make_sparse_features
from skl_sae.metrics import SCORERS, description_length, neg_description_length_scorer
from skl_sae.sparsity import TopK

BLOCKS = "skl_sae.metrics._blocks.BLOCK_ENTRIES", "skl_sae.metrics._coded_rows.BLOCK_ENTRIES"
PARTS = "support", "values", "residual", "dictionary"


class Dictionary(TransformerMixin, BaseEstimator):
    """Given codes for given rows, and a given dictionary."""

    def __init__(self, table=None, atoms=None, offset=0.0):
        self.table = table
        self.atoms = atoms
        self.offset = offset

    def transform(self, X):
        return np.array([self.table[int(row[0])] for row in np.asarray(X)])

    def inverse_transform(self, codes):
        return codes @ self.atoms + self.offset

    def __sklearn_is_fitted__(self):
        return True


def naive_bits_of_counts(counts):
    """A code that learns as it goes: every value was seen half a time before."""
    bits, seen, total = 0.0, [0.5] * len(counts), len(counts) / 2
    for value, count in enumerate(counts):
        for _ in range(count):
            bits -= log2(seen[value] / total)
            seen[value] += 1
            total += 1
    return bits


def naive_description_length(codes, atoms, offset, X, tolerance, n_rows):
    n = len(X)
    shares = 1 - np.isnan(X).mean(axis=0)
    variances = [np.nanvar(column) for column in X.T]
    low, high = 0.0, max(variances)
    for _ in range(200):
        D = (low + high) / 2
        allowed = sum(o * min(D, v) for o, v in zip(shares, variances, strict=True))
        low, high = (D, high) if allowed < tolerance * sum(shares * variances) else (low, D)
    steps = [np.sqrt(12 * D / (atom @ atom)) for atom in atoms]
    bins = np.array([[round(value / step) for value, step in zip(row, steps, strict=True)] for row in codes])
    rounded = bins * steps
    support = sum(naive_bits_of_counts([np.count_nonzero(b), n - np.count_nonzero(b)]) for b in bins.T)
    values = 0.0
    for b in bins.T:
        told = b[b != 0]
        if len(told):
            values += naive_bits_of_counts([np.count_nonzero(told == v) for v in range(told.min(), told.max() + 1)])
    errors = np.nanmean((X - rounded @ atoms - offset) ** 2, axis=0)
    residual = sum(o * 0.5 * log2(max(1, r / D)) for o, r in zip(shares, errors, strict=True))
    dictionary = 0.0
    for j, atom in enumerate(atoms):
        size = sum(value**2 for value in rounded[:, j]) * n_rows / n
        dictionary += sum(0.5 * log2(1 + entry**2 * size / D) for entry in atom)
    return support / n, values / n, residual, dictionary / n_rows


@pytest.fixture
def told():
    """Signed sparse codes of 40 rows, their dictionary, and the rows, which a first column numbers."""
    rng = np.random.default_rng(0)
    codes = np.round(rng.normal(size=(40, 5)), 2) * (rng.random((40, 5)) < 0.4)
    atoms = rng.normal(size=(5, 6))
    atoms[:, 0] = 0
    X = codes @ atoms + 3 + 0.3 * rng.normal(size=(40, 6))
    X[:, 0] = np.arange(40)
    return Dictionary(codes, atoms, 3.0), X


@pytest.mark.parametrize("tolerance", [0.3, 0.01, 1e-4])
@pytest.mark.parametrize("n_rows", [None, 500])
@pytest.mark.parametrize("missing", [0, 0.3])
def test_it_is_the_naive_twin(told, tolerance, n_rows, missing):
    model, X = told
    X[:, 1:][np.random.default_rng(1).random((40, 5)) < missing] = np.nan
    found = description_length(model, X, tolerance=tolerance, n_rows=n_rows)
    expected = naive_description_length(model.table, model.atoms, 3.0, X, tolerance, n_rows or 40)
    assert_allclose([getattr(found, part) for part in PARTS], expected, rtol=1e-6)
    assert found.total == sum(getattr(found, part) for part in PARTS)


def test_the_code_of_counts_is_gamma_functions():
    """The sequential code and its closed form."""
    counts = [3, 0, 7, 1]
    closed = lgamma(sum(counts) + 2) - lgamma(2) - sum(lgamma(c + 0.5) - lgamma(0.5) for c in counts)
    assert_allclose(naive_bits_of_counts(counts), closed / log(2))


@pytest.fixture(scope="module")
def fitted():
    X = make_sparse_features(800, 24, 16, mean_active=3, zipf_exponent=0, noise=0.05, random_state=0)[0]
    return SparseAutoencoder(24, sparsity=TopK(4), max_iter=20, random_state=0).fit(X), X


@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1e6, 1e30])
def test_the_unit_of_the_data_plays_no_part(told, scale):
    model, X = told

    class Scaled(Dictionary):
        def transform(self, X):
            return super().transform(np.rint(np.asarray(X) / scale))

    other = Scaled(7 * model.table, model.atoms * scale / 7, 3.0 * scale)
    found, expected = description_length(other, X * scale), description_length(model, X)
    for part in (*PARTS, "without_model"):
        assert_allclose(getattr(found, part), getattr(expected, part), rtol=1e-6)


def test_a_refitted_model_of_other_units_is_as_long(fitted):
    _, X = fitted
    lengths = [
        description_length(SparseAutoencoder(24, max_iter=5, random_state=0).fit(X * s), X * s).total
        for s in (1.0, 1024.0)
    ]
    assert_allclose(*lengths, rtol=1e-4)


@pytest.mark.parametrize("block", [2000, 10**6])
def test_blocks_play_no_part(fitted, block, monkeypatch):
    expected = description_length(*fitted)
    for name in BLOCKS:
        monkeypatch.setattr(name, block)
    assert_allclose(description_length(*fitted).total, expected.total, rtol=1e-9)


def test_csr_lists_and_frames(fitted):
    pd = pytest.importorskip("pandas")
    sae, X = fitted
    expected = description_length(sae, X).total
    assert description_length(sae, X.tolist()).total == pytest.approx(expected, rel=1e-5)
    for container in (sparse.csr_array, sparse.csc_matrix, sparse.coo_array):
        assert description_length(sae, container(X)).total == pytest.approx(expected, rel=1e-5)
    assert description_length(sae, pd.DataFrame(X)).total == pytest.approx(expected, rel=1e-9)
    sae = SparseAutoencoder(**{**sae.get_params(deep=False), "sparse_output": True}).fit(X)
    assert description_length(sae, X).total == pytest.approx(expected, rel=1e-5)


def test_missing_values_are_not_told(fitted):
    _, X = fitted
    X = X.copy()
    X[::2, :8] = np.nan
    sae = SparseAutoencoder(24, sparsity=TopK(4), max_iter=20, random_state=0).fit(X)
    assert description_length(sae, X).without_model < 0.8 * description_length(*fitted).without_model
    X[:, 3] = np.nan
    sae = SparseAutoencoder(24, sparsity=TopK(4), max_iter=2, random_state=0)
    with pytest.warns(UserWarning, match="no observed value"):
        sae.fit(X)
    assert np.isfinite(description_length(sae, X).total)


def test_dead_units_and_empty_columns_are_nearly_free(told):
    model, X = told
    wider = Dictionary(np.hstack([model.table, np.zeros((40, 3))]), np.vstack([model.atoms, np.ones((3, 6))]), 3.0)
    found, expected = description_length(wider, X), description_length(model, X)
    assert found.values == expected.values and found.dictionary == pytest.approx(expected.dictionary)
    assert 0 < found.support - expected.support < 3 * 4 / 40
    more = Dictionary(model.table, np.hstack([model.atoms, np.zeros((5, 2))]), 3.0)
    assert description_length(more, np.hstack([X, np.full((40, 2), 3.0)])).total == pytest.approx(expected.total)


def test_other_models_are_told_too():
    X = np.abs(make_sparse_features(300, 12, 10, mean_active=3, random_state=0)[0])
    deep = SparseAutoencoder(8, sparsity="l1", hidden_layer_sizes=(9,), output_activation="sigmoid", max_iter=3)
    models = PCA(4), NMF(4, max_iter=500), make_pipeline(StandardScaler(), PCA(3)), StandardScaler(), deep
    for model in models:
        found = description_length(model.fit(np.clip(X, 0, 1)), np.clip(X, 0, 1))
        assert np.isfinite(found.total) and min(getattr(found, part) for part in PARTS) >= 0, model
    found = description_length(StandardScaler().fit(X), X)
    assert found.residual < 0.1 * found.values  # it reconstructs, but for what is rounded: all is in the values


@pytest.fixture(scope="module")
def search():
    """Models of data with 48 parts, 4 of them active on average and hardly ever more than 8."""
    X = make_sparse_features(4000, 48, 64, mean_active=4, zipf_exponent=0, noise=0.05, random_state=0)[0]
    grid = {"n_components": [24, 48, 96], "sparsity": [TopK(k) for k in (2, 8, 16)]}
    scoring = {
        "bits": partial(neg_description_length_scorer, n_rows=len(X)),
        "explained_variance": SCORERS["explained_variance"],
    }
    split = PredefinedSplit(np.repeat([-1, 0], [3200, 800]))
    sae = SparseAutoencoder(max_iter=30, random_state=0)
    return GridSearchCV(sae, grid, scoring=scoring, refit=False, cv=split).fit(X).cv_results_


def test_it_finds_the_number_of_parts(search):
    """Where explained variance asks for ever more."""
    chosen = search["params"][np.argmax(search["mean_test_bits"])]
    assert (chosen["n_components"], chosen["sparsity"].k) == (48, 8)
    assert search["params"][np.argmax(search["mean_test_explained_variance"])]["sparsity"].k == 16


def test_it_is_deterministic(fitted):
    assert description_length(*fitted) == description_length(*fitted)


def test_scorer_is_in_the_table_of_scorers(fitted):
    assert SCORERS["neg_description_length"](*fitted) == -description_length(*fitted).total
    assert neg_description_length_scorer(*fitted, tolerance=0.2) > neg_description_length_scorer(*fitted)


@pytest.mark.parametrize("X", [np.ones((5, 3)), np.full((4, 2), -1e150), np.zeros((1, 2))])
def test_data_that_does_not_vary(X):
    with pytest.raises(ValueError, match="The columns of X do not vary"):
        description_length(StandardScaler().fit(X), X)


def test_parameters_are_checked(fitted):
    for tolerance in (0, 1, -1):
        with pytest.raises(ValueError, match="'tolerance' parameter"):
            description_length(*fitted, tolerance=tolerance)
    with pytest.raises(ValueError, match="'estimator' parameter"):
        description_length(object(), [[1.0]])
    with pytest.raises(ValueError, match="'n_rows' parameter"):
        description_length(*fitted, n_rows=0)


class Broken(Dictionary):
    """Its codes, or what it decodes, have a value that is no number."""

    def __init__(self, codes=0.0, decoded=0.0):
        self.codes = codes
        self.decoded = decoded

    def transform(self, X):
        return X + self.codes

    def inverse_transform(self, codes):
        return codes + self.decoded


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_no_number_is_refused(bad):
    """A sum over observed values would have left such errors out."""
    X = np.random.default_rng(0).normal(size=(20, 3))
    with pytest.raises(ValueError, match="Input codes contains"):
        description_length(Broken(codes=bad), X)
    with pytest.raises(ValueError, match="Input reconstruction contains"):
        description_length(Broken(decoded=bad), X)


class WholeCodes:
    """A model whose codes are whole numbers of a type."""

    def __init__(self, dtype):
        self.dtype = dtype

    def transform(self, X):
        return np.rint(X).astype(self.dtype)

    def inverse_transform(self, codes):
        return 1.0 * codes


def test_codes_of_whole_numbers_are_rounded_and_not_cut():
    X = 5 * np.random.default_rng(0).normal(size=(200, 4))
    found = [description_length(WholeCodes(dtype), X) for dtype in (np.float64, np.int64, np.int8)]
    assert found[0] == found[1] == found[2]
