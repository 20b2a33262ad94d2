"""Malformed sparse matrices are refused before anything reads where their indices point."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import sparse

from skl_sae import SparseAutoencoder
from skl_sae._kernels.sparse_structure import check_sparse_structure

FORMATS = ["csr", "csc", "coo", "bsr", "lil", "dok", "dia"]
DENSE = np.where(np.random.default_rng(0).random((6, 4)) < 0.5, 1.5, 0)
DENSE[2] = 0  # an empty row
each_index = pytest.mark.parametrize("index", [np.int32, np.int64])
each_kind = pytest.mark.parametrize("kind", ["matrix", "array"])


def make(form, kind="array", index=None, dense=DENSE):
    """A sparse matrix of its own arrays, with indices of a type."""
    X = getattr(sparse, f"{form}_{kind}")(dense)
    for name in ("indices", "indptr", "row", "col", "offsets"):
        if index is not None and isinstance(getattr(X, name, None), np.ndarray):
            setattr(X, name, getattr(X, name).astype(index))
    return X


@each_index
@each_kind
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("shape", [(6, 4), (1, 4), (0, 4), (6, 0), (0, 0)])
def test_what_is_well_formed_passes(shape, form, kind, index):
    if form == "bsr" and 0 in shape:
        return
    X = make(form, kind, index, DENSE[: shape[0], : shape[1]])
    before = X.toarray()
    assert check_sparse_structure(X) is None
    assert (X.toarray() == before).all()


@pytest.mark.parametrize(
    "X", [DENSE, DENSE.tolist(), None, "a", sparse.coo_array(np.ones(3))], ids=lambda X: str(type(X))
)
def test_what_is_no_matrix_is_left_to_others(X):
    assert check_sparse_structure(X) is None


def test_room_behind_the_last_entry_must_be_pruned():
    """SciPy's conversions, sums and counts would read it."""
    X = make("csr")
    X.indices, X.data = np.append(X.indices, 1).astype(X.indices.dtype), np.append(X.data, 1)
    with pytest.raises(ValueError, match=r"an indptr that ends with .* expected as many\. .* prune is enough"):
        check_sparse_structure(X)
    X.prune()
    check_sparse_structure(X)


def at(name, place, value):
    """Set one number of an array."""

    def tamper(X):
        getattr(X, name)[place] = value

    return tamper


def put(name, change):
    """Put another array in the place of one."""

    def tamper(X):
        setattr(X, name, change(getattr(X, name)))

    return tamper


BIG = 1 << 30
COMPRESSED = [
    (at("indices", 0, BIG), "indices from . to 1073741824, expected 0 to 3"),
    (at("indices", -1, 4), "indices from . to 4, expected 0 to 3"),
    (at("indices", 1, -1), "indices from -1 to 3, expected 0 to 3"),
    (at("indices", 1, -BIG), "indices from -1073741824 to 3"),
    (at("indptr", 0, -3), "an indptr that starts with -3, expected 0"),
    (at("indptr", 0, 1), "an indptr that starts with 1, expected 0"),
    (at("indptr", 2, BIG), "an indptr that falls"),
    (at("indptr", 2, -1), "an indptr that falls"),
    (at("indptr", -1, BIG), "an indptr that ends with 1073741824 for .* indices and .* values"),
    (at("indptr", -1, 0), "an indptr that falls"),
    (put("indptr", lambda p: p[:-1]), "6 numbers in indptr, expected 7"),
    (put("indptr", lambda p: p[:0]), "0 numbers in indptr, expected 7"),
    (put("indptr", lambda p: np.append(p, p[-1])), "8 numbers in indptr, expected 7"),
    (put("indptr", lambda p: p.astype(float)), "indptr of type float64, expected integers"),
    (put("indptr", list), "an? indptr of type list, expected an array"),
    (put("indices", lambda i: i[:-1]), "an indptr that ends with .* for"),
    (put("indices", lambda i: np.append(i, i[:1])), "for .* indices and .* values, expected as many"),
    (put("indices", lambda i: i[:, None]), "indices of 2 axes"),
    (put("indices", lambda i: i.astype(complex)), "indices of type complex128, expected integers"),
    (put("data", lambda d: d[:2]), "an indptr that ends with .* for .* indices and 2 values"),
]
COORDINATES = [
    (at("row", 0, 6), "rows from . to 6, expected 0 to 5"),
    (at("row", 0, -1), "rows from -1 to 5"),
    (at("col", -1, BIG), "columns from 0 to 1073741824, expected 0 to 3"),
    (at("col", -1, -BIG), "columns from -1073741824"),
    (put("data", lambda d: d[:-1]), "rows and .* columns for .* values"),
    (put("data", lambda d: np.append(d, 1)), "rows and .* columns for .* values"),
]


@each_kind
@each_index
@pytest.mark.parametrize("number", range(len(COMPRESSED)))
def test_malformed_csr(number, index, kind):
    tamper, message = COMPRESSED[number]
    X = make("csr", kind, index)
    tamper(X)
    with pytest.raises(ValueError, match=f"^Codes is a CSR matrix that is not well formed: got .*{message}"):
        check_sparse_structure(X, "Codes")


@pytest.mark.parametrize("number", range(len(COMPRESSED)))
def test_malformed_csc(number):
    tamper, message = COMPRESSED[number]
    X = make("csc", dense=DENSE.T.copy())
    tamper(X)
    with pytest.raises(ValueError, match=f"X is a CSC matrix .*{message}"):
        check_sparse_structure(X)


@each_index
@pytest.mark.parametrize("number", range(len(COORDINATES)))
def test_malformed_coo(number, index):
    tamper, message = COORDINATES[number]
    X = make("coo", "matrix", index)
    tamper(X)
    with pytest.raises(ValueError, match=f"X is a COO matrix .*{message}"):
        check_sparse_structure(X)


def test_malformed_in_other_formats():
    blocks = sparse.bsr_array(np.ones((6, 4)), blocksize=(2, 2))
    for tamper in (at("indices", 0, 2), at("indices", 0, -1), at("indptr", 1, 99), put("data", lambda d: d[:-1])):
        X = blocks.copy()
        tamper(X)
        with pytest.raises(ValueError, match="X is a BSR matrix"):
            check_sparse_structure(X)
    X = blocks.copy()
    X.data = np.ones((6, 5, 2))
    with pytest.raises(ValueError, match=r"blocks of shape \(5, 2\), expected one that divides \(6, 4\)"):
        check_sparse_structure(X)
    for place, columns in [(0, [9]), (1, [-1]), (2, [0, 1, 2, 3])]:
        X = make("lil")
        X.rows[place] = columns
        with pytest.raises(ValueError, match="X is a LIL matrix"):
            check_sparse_structure(X)
    X = make("dok")
    X._dict[7, 9] = 1.0
    with pytest.raises(ValueError, match=r"X is a DOK matrix .* an entry at \(7, 9\) in a matrix of shape \(6, 4\)"):
        check_sparse_structure(X)
    X = make("dia")
    X.offsets = np.append(X.offsets, 3)
    with pytest.raises(ValueError, match=r"X is a DIA matrix .* values of shape"):
        check_sparse_structure(X)


def test_what_the_constructor_lets_through():
    parts = np.ones(3), np.array([0, 1, 2]), np.array([0, 2, 1, 3])
    with pytest.raises(ValueError, match="indptr that falls"):
        check_sparse_structure(sparse.csr_matrix(parts, shape=(3, 3), copy=False))
    with pytest.raises(ValueError, match="indices from 0 to 7, expected 0 to 2"):
        check_sparse_structure(sparse.csr_matrix((parts[0], np.array([0, 7, 2]), np.array([0, 1, 2, 3])), shape=(3, 3)))


numbers = st.integers(-3, 9) | st.sampled_from([BIG, -BIG, 2**31 - 1, -(2**31)])


@settings(deadline=None)
@given(
    st.sampled_from(["csr", "csc", "coo"]),
    st.lists(st.tuples(st.sampled_from(["indices", "indptr", "row", "col"]), st.integers(0, 20), numbers), max_size=3),
)
def test_what_passes_can_be_converted(form, changes):
    X = make(form, "matrix")
    for name, place, number in changes:
        array = getattr(X, name, None)
        if isinstance(array, np.ndarray):
            array[place % array.size] = number
    try:
        check_sparse_structure(X)
    except ValueError:
        return
    coo = X.tocoo()
    dense = np.zeros(X.shape)
    np.add.at(dense, (coo.row, coo.col), coo.data)
    assert (X.tocsr().toarray() == dense).all()


def test_duplicates_behind_a_flag_that_lies_are_summed():
    """No kernel relies on the order of indices, or on their being different."""
    rng = np.random.default_rng(0)
    indices, data = rng.integers(0, 8, 600).astype(np.int32), rng.random(600)
    lying = sparse.csr_array((data, indices, np.arange(0, 601, 10)), shape=(60, 8))
    dense = np.zeros((60, 8))
    np.add.at(dense, (np.repeat(np.arange(60), 10), indices), data)
    lying.has_sorted_indices = lying.has_canonical_format = True
    check_sparse_structure(lying)
    make = lambda X: SparseAutoencoder(6, max_iter=2, random_state=0).fit(X)
    sae, twin = make(lying), make(dense)
    assert_allclose(sae.components_, twin.components_, rtol=1e-7, atol=1e-9)
    assert_allclose(twin.transform(lying), twin.transform(dense), atol=1e-9)
    assert_allclose(twin.score(lying), twin.score(dense), rtol=1e-9)
    codes = sparse.csr_array(lying[:, :6])
    codes.has_sorted_indices = codes.has_canonical_format = True
    assert_allclose(twin.inverse_transform(codes), twin.inverse_transform(codes.toarray()), atol=1e-9)
