"""Edited data: the change of the reconstruction is added, and nothing else."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.decomposition import NMF, PCA, MiniBatchDictionaryLearning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skl_sae import SparseAutoencoder
from skl_sae.coding import KSVD
from skl_sae.inspection import edit
from skl_sae.inspection._interventions.edit import has_no_negative_codes
from skl_sae.sparsity import AbsTopK

X = np.random.default_rng(0).gamma(1.0, size=(60, 12))
MODELS = {
    "topk": SparseAutoencoder(n_components=10, max_iter=3, random_state=0),
    "deep": SparseAutoencoder(n_components=10, hidden_layer_sizes=(8,), max_iter=3, random_state=0),
    "signed": SparseAutoencoder(n_components=10, sparsity=AbsTopK(3), max_iter=3, random_state=0),
    "scaler": make_pipeline(StandardScaler(), SparseAutoencoder(n_components=10, max_iter=3, random_state=0)),
    "ksvd": KSVD(n_components=10, max_iter=3, random_state=0),
    "pca": PCA(n_components=5),
    "nmf": NMF(n_components=5, max_iter=500, random_state=0),
    "dictionary": MiniBatchDictionaryLearning(n_components=5, max_iter=3, random_state=0),
}


@pytest.fixture(scope="module", params=MODELS)
def model(request):
    return MODELS[request.param].fit(X)


def codes_of(model, rows):
    codes = model.transform(rows)
    return codes.toarray() if sparse.issparse(codes) else np.array(codes)


def naive_edit(model, rows, changes):
    """x + decode(edited) - decode(codes), row by row."""
    edited = []
    for x, codes in zip(rows, codes_of(model, rows)):
        codes = codes[None]
        changed = codes.copy()
        for unit, value in changes.items():
            changed[0, unit] = value
        edited.append(x + (model.inverse_transform(changed) - model.inverse_transform(codes))[0])
    return np.array(edited)


def test_edit_is_the_data_and_the_change_of_the_reconstruction(model):
    assert_allclose(edit(model, X, {0: 0.0, 3: 1.5}), naive_edit(model, X, {0: 0.0, 3: 1.5}), atol=1e-5)


def test_the_error_is_kept_once(model):
    """Data less the decoded code is the same before and after; adding the error anew would cancel the edit."""
    codes = codes_of(model, X)
    edited_codes = codes.copy()
    edited_codes[:, 2] = 2.0
    error = X - model.inverse_transform(codes)
    edited = edit(model, X, {2: 2.0})
    assert_allclose(edited - model.inverse_transform(edited_codes), error, atol=1e-5)
    assert np.abs(edited - X).max() > 1e-3


def test_values_that_are_there_already_change_no_bit(model):
    rows = X.copy()
    rows[0, 0] = 0.0 if isinstance(model, NMF) else -0.0
    codes = codes_of(model, rows)
    same = edit(model, rows, {unit: codes[:, unit] for unit in range(codes.shape[1])})
    assert same.tobytes() == rows.tobytes() and same is not rows


def test_rows_without_the_unit_stay_when_it_is_removed():
    model = MODELS["topk"].fit(X)
    inactive = model.transform(X)[:, 1] == 0
    edited = edit(model, X, {1: 0})
    assert_array_equal(edited[inactive], X[inactive])
    assert inactive.any() and (edited[~inactive] != X[~inactive]).any(axis=1).all()


def test_blocks_give_the_same(monkeypatch):
    model = MODELS["scaler"].fit(X)
    whole = edit(model, X, {0: np.arange(60.0)})
    monkeypatch.setattr("skl_sae.inspection._model.BLOCK_ENTRIES", 100)
    assert_allclose(edit(model, X, {0: np.arange(60.0)}), whole, rtol=1e-6)


def test_sparse_rows_stay_sparse(monkeypatch):
    rows = sparse.random_array((60, 12), density=0.2, format="csr", rng=0, dtype=np.float32)
    model = SparseAutoencoder(n_components=10, max_iter=3, random_state=0, sparse_output=True).fit(rows)
    before = rows.copy()
    for container in (sparse.csr_array, sparse.csr_matrix):
        edited = edit(model, container(rows), {0: 1.0})
        assert isinstance(edited, container) and edited.dtype == np.float32
        assert_allclose(edited.toarray(), edit(model, rows.toarray(), {0: 1.0}), atol=1e-6)
    same = edit(model, rows, {0: model.transform(rows)[:, [0]].toarray().ravel()})
    assert (same != before).nnz == 0 and (rows != before).nnz == 0

    rare = np.argmin(np.diff(sparse.csc_array(model.transform(rows)).indptr))
    removed = edit(model, rows, {int(rare): 0.0})
    active = model.transform(rows)[:, [rare]].toarray().ravel() != 0
    assert (removed[~active] != rows[~active]).nnz == 0


def test_missing_values_stay_missing():
    rows = X.copy()
    rows[::7, 3] = np.nan
    model = SparseAutoencoder(n_components=10, max_iter=3, random_state=0).fit(rows)
    edited = edit(model, rows, {0: 1.0})
    assert_array_equal(np.isnan(edited), np.isnan(rows))


def test_data_frames_and_names_of_units():
    frame = pd.DataFrame(X, columns=[f"column {i}" for i in range(12)], index=np.arange(60) * 2)
    model = make_pipeline(StandardScaler(), SparseAutoencoder(n_components=10, max_iter=3, random_state=0)).fit(frame)
    edited = edit(model, frame, {"sparseautoencoder4": 1.0})
    assert edited.index.equals(frame.index) and edited.columns.equals(frame.columns)
    assert_allclose(edited.to_numpy(), edit(model, frame, {4: 1.0}).to_numpy())


def test_integers_single_rows_and_dtypes():
    model = MODELS["topk"].fit(X)
    counts = np.rint(X).astype(int)
    assert_allclose(edit(model, counts, {0: 2.0}), naive_edit(model, counts.astype(float), {0: 2.0}), atol=1e-5)
    assert edit(model, X[:1].astype(np.float32), {0: 2.0}).dtype == np.float32
    assert edit(model, X[:1], {}).tobytes() == X[:1].tobytes()


def test_frames_of_polars():
    polars = pytest.importorskip("polars")
    rows = np.random.default_rng(0).random((9, 2))
    frame = polars.DataFrame(rows, schema=["a", "b"])
    edited = edit(PCA(1).fit(frame), frame, {0: 1.0})
    assert isinstance(edited, polars.DataFrame) and edited.columns == ["a", "b"]
    assert_allclose(edited.to_numpy(), edit(PCA(1).fit(rows), rows, {0: 1.0}))


def test_values_that_codes_cannot_hold():
    rows = np.random.default_rng(0).random((9, 4), dtype=np.float32)
    with pytest.raises(ValueError, match="float32, the type of the codes, cannot hold"):
        edit(PCA(2).fit(rows), rows, {0: 1e300})


def test_texts_are_edited_as_what_the_vectoriser_gives():
    texts = ["the cat sat", "the dog ran", "a cat and a dog", "the dog sat"] * 5
    model = make_pipeline(TfidfVectorizer(), SparseAutoencoder(n_components=4, max_iter=3, random_state=0)).fit(texts)
    edited = edit(model, texts, {0: 1.0})
    assert sparse.issparse(edited) and edited.shape == (20, len(model[0].get_feature_names_out()))


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({10: 0.0}, ValueError, "from 0 to 9"),
        ({-1: 0.0}, ValueError, "from 0 to 9"),
        ({"unit9": 0.0}, ValueError, "sparseautoencoder0"),
        ({True: 0.0}, TypeError, "an int or the name"),
        ({0.5: 0.0}, TypeError, "an int or the name"),
        ({0: 1.0, "sparseautoencoder0": 2.0}, ValueError, "each unit once"),
        ({0: np.nan}, ValueError, "not finite"),
        ({0: [1.0, 2.0]}, ValueError, "60 rows"),
        ({0: -1.0}, ValueError, "at least 0"),
        ([0], TypeError, "dict"),
    ],
)
def test_changes_that_make_no_sense(changes, error, said):
    with pytest.raises(error, match=said):
        edit(MODELS["topk"].fit(X), X, changes)


def test_which_models_have_no_negative_codes(model):
    known = has_no_negative_codes(model[-1] if hasattr(model, "steps") else model)
    assert not known or codes_of(model, X).min() >= 0
    names = [name for name, each in MODELS.items() if each is model]
    assert known == (names[0] in {"topk", "deep", "scaler", "nmf"})
    if not known:
        edit(model, X, {0: -1.0})
