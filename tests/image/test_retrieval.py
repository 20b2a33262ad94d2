"""Retrieval by sparse codes, beside scikit-learn's NearestNeighbors and plain loops."""

import pickle
import re

import numpy as np
import pytest
from joblib import dump, load
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import FunctionTransformer
from test_common import with_checks

from skl_sae import SparseAutoencoder
from skl_sae.coding import KSVD
from skl_sae.image import ImageRetrieval, _retrieval
from skl_sae.image._inverted_index import nearest
from skl_sae.metrics import mean_average_precision
from skl_sae.sparsity import TopK

QUICK = {"max_iter": 3, "random_state": 0}


class AsTheyAre(TransformerMixin, BaseEstimator):
    """Rows are their own codes."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X

    def __sklearn_is_fitted__(self):
        return True


def random_codes(n_rows, n_units=30, seed=0, dtype=np.float64, signed=True):
    rng = np.random.default_rng(seed)
    codes = np.where(rng.random((n_rows, n_units)) < 0.15, rng.standard_normal((n_rows, n_units)), 0).astype(dtype)
    return codes if signed else np.abs(codes)


def naive_neighbors(queries, database, n):
    """By loops; of images at equal distance the first comes first."""
    distances = np.ones((len(queries), len(database)))
    for i, q in enumerate(queries):
        for j, x in enumerate(database):
            norms = np.linalg.norm(q) * np.linalg.norm(x)
            distances[i, j] -= float(q @ x) / norms if norms else 0
    order = np.argsort(distances.round(12), axis=1, kind="stable")[:, :n]
    return np.take_along_axis(distances, order, axis=1), order


@pytest.fixture(scope="module")
def digits():
    images, y = load_digits(return_X_y=True)
    return images.reshape(-1, 8, 8), y


@with_checks(
    [
        ImageRetrieval(SparseAutoencoder(12, **QUICK)),
        ImageRetrieval(SparseAutoencoder(12, sparse_output=True, **QUICK), n_neighbors=1),
        ImageRetrieval(KSVD(12, **QUICK)),
        ImageRetrieval(PCA(1)),
        ImageRetrieval(AsTheyAre()),
    ]
)
def test_estimator(estimator, check):
    check(estimator)


# Neighbours


@pytest.mark.parametrize("n_images", [1, 7, 200, 5000])
@pytest.mark.parametrize("signed", [False, True])
def test_neighbors_are_those_of_loops(n_images, signed):
    """A long database takes another way of selecting; codes without active units are among them, and duplicates."""
    database, queries = random_codes(n_images, signed=signed), random_codes(5, seed=1, signed=signed)
    database[n_images // 2 :: 3] = 0
    database[-1] = database[0]
    queries[1] = 0
    queries[2] = database[-1]
    for n in {1, n_images // 3 + 1, n_images}:
        distances, images = ImageRetrieval(AsTheyAre(), n_neighbors=n).fit(database).kneighbors(queries)
        expected, order = naive_neighbors(queries, database, n)
        assert_allclose(distances, expected, atol=1e-12)
        assert_array_equal(images, order)
        assert images.dtype == np.int64
        assert (np.diff(distances) >= 0).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_neighbors_are_those_of_scikit_learn(dtype):
    database, queries = random_codes(800, dtype=dtype), random_codes(50, seed=1, dtype=dtype)
    retrieval = ImageRetrieval(AsTheyAre()).fit(database)
    expected, _ = NearestNeighbors(n_neighbors=10, metric="cosine", algorithm="brute").fit(database).kneighbors(queries)
    distances, images = retrieval.kneighbors(queries)
    assert distances.dtype == dtype
    assert_allclose(distances, expected, atol=1e-6 if dtype == np.float32 else 1e-12)
    assert_array_equal(retrieval.kneighbors(queries, 4, return_distance=False), images[:, :4])


def test_queries_of_another_precision():
    codes = random_codes(20)
    retrieval = ImageRetrieval(AsTheyAre(), n_neighbors=3).fit(codes.astype(np.float32))
    assert_array_equal(retrieval.kneighbors(codes)[1], retrieval.kneighbors(codes.astype(np.float32))[1])
    whole = ImageRetrieval(AsTheyAre(), n_neighbors=2).fit((10 * codes).astype(np.int64))
    assert whole.index_.dtype == np.float64


def test_the_scale_of_a_code_plays_no_part():
    database, queries = random_codes(40), random_codes(6, seed=1)
    retrieval = ImageRetrieval(AsTheyAre(), n_neighbors=5)
    expected = retrieval.fit(database).kneighbors(queries)
    for scale in (1e-200, 1e200):
        found = clone(retrieval).fit(scale * database).kneighbors(queries / scale)
        assert_allclose(found[0], expected[0], atol=1e-12)
        assert_array_equal(found[1], expected[1])


def test_codes_of_others_are_left_alone():
    """A coder may return its argument, or an array that it keeps."""
    codes = sparse.csr_array(random_codes(20))
    codes.data[::3] = 0
    data = codes.data.copy()
    ImageRetrieval(AsTheyAre(), n_neighbors=2).fit(codes).kneighbors(codes)
    assert_array_equal(codes.data, data)


def test_nothing_is_known_of_a_query_without_active_units():
    distances, images = ImageRetrieval(AsTheyAre(), n_neighbors=3).fit(random_codes(9)).kneighbors(np.zeros((1, 30)))
    assert_array_equal(distances, [[1, 1, 1]])
    assert_array_equal(images, [[0, 1, 2]])


def test_results_are_the_same_in_any_blocks_and_with_any_threads(monkeypatch):
    database, queries = random_codes(300, dtype=np.float32), random_codes(40, seed=1, dtype=np.float32)
    retrieval = ImageRetrieval(AsTheyAre()).fit(database, np.arange(300) % 7)
    expected, score = retrieval.kneighbors(queries), retrieval.score(queries, np.arange(40) % 7)
    monkeypatch.setattr("skl_sae.image._inverted_index.BLOCK_ENTRIES", 700)
    monkeypatch.setattr(_retrieval, "BATCH", 33)
    for threads in ("1", "2"):
        monkeypatch.setenv("NUMBA_NUM_THREADS", threads)
        again = clone(retrieval).fit(database, np.arange(300) % 7)
        for a, b in zip(expected, again.kneighbors(queries), strict=True):
            assert_array_equal(a, b)
        assert again.score(queries, np.arange(40) % 7) == score


def test_long_indices():
    """SciPy takes 64 bits for the indices of large matrices."""
    index, queries = sparse.csc_array(random_codes(50)), sparse.csr_array(random_codes(8, seed=1))
    expected = nearest(index, queries, 3)
    index.indices, index.indptr = index.indices.astype(np.int64), index.indptr.astype(np.int64)
    for a, b in zip(nearest(index, queries, 3), expected, strict=True):
        assert_array_equal(a, b)


# The images


def test_images_and_their_rows_are_the_same(digits):
    images, _ = digits
    coder = SparseAutoencoder(16, **QUICK)
    of_images = ImageRetrieval(coder).fit(images[50:])
    of_rows = ImageRetrieval(coder).fit(images[50:].reshape(-1, 64))
    expected = of_rows.kneighbors(images[:50].reshape(-1, 64))
    assert (of_images.image_shape_, of_rows.image_shape_) == ((8, 8), None)
    for retrieval in (of_images, of_rows):
        for queries in (images[:50], list(images[:50]), images[:50].reshape(-1, 64)):
            for a, b in zip(retrieval.kneighbors(queries), expected, strict=True):
                assert_array_equal(a, b)
    by_csr = ImageRetrieval(coder).fit(sparse.csr_array(images[50:].reshape(-1, 64)))
    found = by_csr.kneighbors(sparse.csr_array(images[:50].reshape(-1, 64)))
    assert (found[1] == expected[1]).mean() > 0.9  # CSR is summed in another order


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_colour(dtype):
    images = np.random.default_rng(0).integers(0, 256, (60, 6, 5, 3)).astype(dtype)
    retrieval = ImageRetrieval(SparseAutoencoder(16, **QUICK), n_neighbors=1).fit(images)
    assert (retrieval.image_shape_, retrieval.n_features_in_) == ((6, 5, 3), 90)
    distances, found = retrieval.kneighbors(images[10:20])
    assert_allclose(distances, 0, atol=1e-6)
    assert_array_equal(found[:, 0], np.arange(10, 20))


def test_one_image():
    image = np.random.default_rng(0).random((1, 4, 4))
    retrieval = ImageRetrieval(KSVD(2, **QUICK), n_neighbors=1).fit(image, ["a"])
    distances, found = retrieval.kneighbors(image)
    assert_allclose(distances, [[0]], atol=1e-12)
    assert (found, retrieval.score(image, ["a"])) == (0, 1)


def test_frames(digits):
    pandas = pytest.importorskip("pandas")
    images, _ = digits
    frame = pandas.DataFrame(images.reshape(-1, 64)).rename(columns=str)
    coder = SparseAutoencoder(16, **QUICK).fit(frame)
    retrieval = ImageRetrieval(FrozenEstimator(coder)).fit(frame[50:])
    assert list(retrieval.feature_names_in_) == list(frame.columns)
    plain = ImageRetrieval(FrozenEstimator(SparseAutoencoder(16, **QUICK).fit(images.reshape(-1, 64))))
    expected = plain.fit(images[50:]).kneighbors(images[:50])
    for a, b in zip(retrieval.kneighbors(frame[:50]), expected, strict=True):
        assert_array_equal(a, b)


def test_read_only_files(digits, tmp_path):
    images, y = digits
    retrieval = ImageRetrieval(SparseAutoencoder(16, **QUICK)).fit(images, y)
    dump((retrieval, images), tmp_path / "index")
    mapped, X = load(tmp_path / "index", mmap_mode="r")
    assert not mapped.index_.data.flags.writeable
    for a, b in zip(mapped.kneighbors(X[:9]), retrieval.kneighbors(images[:9]), strict=True):
        assert_array_equal(a, b)
    assert mapped.score(X[:9], y[:9]) == pickle.loads(pickle.dumps(retrieval)).score(images[:9], y[:9])
    again = clone(retrieval).fit(X, y)
    assert_array_equal(again.index_.data, retrieval.index_.data)


# The coder


def test_an_unfitted_coder_is_cloned_and_a_frozen_one_is_used(digits):
    images, _ = digits
    coder = SparseAutoencoder(16, **QUICK)
    retrieval = ImageRetrieval(coder).fit(images)
    assert not hasattr(coder, "n_features_in_")
    fitted = SparseAutoencoder(16, max_iter=2, random_state=1).fit(images[:300].reshape(-1, 64))
    before = fitted.components_.copy()
    frozen = ImageRetrieval(FrozenEstimator(fitted)).fit(images)
    assert_array_equal(fitted.components_, before)
    assert_allclose(
        np.abs(frozen.index_.toarray()), _unit_rows(fitted.transform(images.reshape(-1, 64))), rtol=1e-6, atol=1e-9
    )
    assert (retrieval.index_ != frozen.index_).nnz


def _unit_rows(codes):
    norms = np.linalg.norm(codes, axis=1, keepdims=True)
    return np.abs(codes) / np.where(norms, norms, 1)


def test_the_coder_is_searched(digits):
    images, y = digits
    search = GridSearchCV(
        ImageRetrieval(SparseAutoencoder(16, sparsity=TopK(1), **QUICK)), {"coder__sparsity__transform_k": [1, 4]}, cv=2
    )
    assert 0.2 < search.fit(images, y).best_score_ < 1


def test_entries_given_twice_count_once():
    codes = random_codes(20)

    class Twice(AsTheyAre):
        def transform(self, X):
            rows, columns = np.nonzero(X)
            halves = np.tile(X[rows, columns] / 2, 2)
            return sparse.coo_array((halves, (np.tile(rows, 2), np.tile(columns, 2))), X.shape).tocsr(copy=False)

    plain, twice = ImageRetrieval(AsTheyAre()).fit(codes), ImageRetrieval(Twice()).fit(codes)
    assert_allclose(twice.index_.toarray(), plain.index_.toarray())
    assert twice.nbytes_ == plain.nbytes_


def test_memory_of_the_index(digits):
    images, _ = digits
    retrieval = ImageRetrieval(SparseAutoencoder(32, sparsity=TopK(4), **QUICK)).fit(images.astype(np.float32))
    assert retrieval.nbytes_ <= len(images) * 4 * 8 + 33 * 4


# Mean average precision


def test_mean_average_precision_of_the_index_is_the_function(digits):
    images, y = digits
    retrieval = ImageRetrieval(SparseAutoencoder(16, **QUICK)).fit(images[60:], y[60:])
    codes = retrieval.coder_.transform(images.reshape(-1, 64))
    for k in (None, 5):
        expected = mean_average_precision(codes[:60], sparse.csr_array(codes[60:]), y[:60], y[60:], k=k)
        assert retrieval.mean_average_precision(images[:60], y[:60], k) == pytest.approx(expected, abs=1e-4)
    assert retrieval.score(images[:60], y[:60]) == retrieval.mean_average_precision(images[:60], y[:60])


def test_the_order_of_the_database_plays_no_part():
    database, y = random_codes(50, 4), np.sort(np.arange(50) % 3)
    scores = [
        ImageRetrieval(AsTheyAre()).fit(database[order], y[order]).score(random_codes(20, 4, seed=1), np.arange(20) % 3)
        for order in (np.arange(50), np.arange(50)[::-1], np.random.default_rng(0).permutation(50))
    ]
    assert_allclose(scores, scores[0], rtol=1e-12)


def test_codes_find_more_of_a_kind_than_pixels(digits):
    """At a fourteenth of the memory."""
    images, y = digits
    coder = SparseAutoencoder(40, sparsity=TopK(1, transform_k=4), random_state=0)
    pixels = images.reshape(-1, 64).astype(np.float32)
    retrieval = ImageRetrieval(coder).fit(pixels[200:], y[200:])
    assert retrieval.score(pixels[:200], y[:200]) > 0.03 + mean_average_precision(
        pixels[:200], pixels[200:], y[:200], y[200:]
    )
    assert retrieval.nbytes_ < pixels[200:].nbytes / 7


# Errors


@pytest.mark.parametrize(
    "X, message",
    [
        (np.ones((3, 4, 6)), "The images have shape (4, 6): expected (4, 5)"),
        (np.ones((3, 5, 4)), "The images have shape (5, 4): expected (4, 5)"),
        (np.ones((3, 19)), "X has 19 features, but ImageRetrieval is expecting 20 features"),
        ([np.ones((4, 5)), np.ones((4, 4))], "expected one shape"),
        (np.ones((2, 2, 2, 5, 2)), "dim 5"),
        (np.full((2, 4, 5), np.nan), "NaN"),
    ],
)
def test_queries_that_do_not_fit(X, message):
    retrieval = ImageRetrieval(AsTheyAre(), n_neighbors=1).fit(np.ones((3, 4, 5)))
    with pytest.raises(ValueError, match=re.escape(message)):
        retrieval.kneighbors(X)


@pytest.mark.parametrize("n", [0, 4, 1.5, "all"])
def test_numbers_of_neighbours(n):
    retrieval = ImageRetrieval(AsTheyAre()).fit(np.ones((3, 4)))
    with pytest.raises(ValueError, match="expected an integer from 1 to 3"):
        retrieval.kneighbors(np.ones((1, 4)), n)


def test_what_a_score_needs():
    X = np.ones((3, 4))
    with pytest.raises(ValueError, match="no labels"):
        ImageRetrieval(AsTheyAre()).fit(X).score(X, [0, 1, 2])
    with pytest.raises(ValueError, match="inconsistent numbers"):
        ImageRetrieval(AsTheyAre()).fit(X, [0, 1])
    retrieval = ImageRetrieval(AsTheyAre()).fit(X, [0, 1, 2])
    with pytest.raises(ValueError, match="inconsistent numbers"):
        retrieval.score(X, [0, 1])
    with pytest.raises(ValueError, match="expected a positive integer"):
        retrieval.mean_average_precision(X, [0, 1, 2], k=0)
    with pytest.raises(NotFittedError):
        ImageRetrieval(AsTheyAre()).kneighbors(X)


def test_codes_that_are_not_finite():
    class Broken(AsTheyAre):
        def transform(self, X):
            return X / 0.0

    with np.errstate(all="ignore"), pytest.raises(ValueError, match="expected codes that are finite"):
        ImageRetrieval(Broken()).fit(np.ones((3, 4)))


@pytest.mark.parametrize("dtype", [np.float16, ">f4", ">f8", np.uint8, bool])
def test_codes_of_any_type(dtype):
    codes = np.random.default_rng(0).integers(0, 3, (30, 8)).astype(dtype)
    retrieval = ImageRetrieval(FunctionTransformer(), n_neighbors=3).fit(codes)
    expected = ImageRetrieval(FunctionTransformer(), n_neighbors=3).fit(codes.astype(np.float64))
    assert_array_equal(retrieval.kneighbors(codes)[1][:, 0], expected.kneighbors(codes.astype(np.float64))[1][:, 0])
