"""Weights kept sparse or in few bits: the same codes, in memory and in files, and no training until they are dense."""

import pickle
import zlib

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import config_context
from sklearn.datasets import load_digits

from skl_sae import SparseAutoencoder
from skl_sae._model import bitmaps, stored_matrix
from skl_sae._model.codes import DenseCode, RowCode
from skl_sae._model.restraint import Restraint
from skl_sae._model.sparse_rows import SparseRows
from skl_sae._model.stored_matrix import StoredMatrix
from skl_sae._model.stored_network import StoredNetwork
from skl_sae.compression import prune, quantize

pytestmark = pytest.mark.filterwarnings("ignore:.*did not fire")
X = load_digits().data[:500].astype(np.float32)
KINDS = {
    "plain": {},
    "l1": {"sparsity": "l1"},
    "deep": {"hidden_layer_sizes": (24,), "decoder_layer_sizes": (20,)},
    "tied": {"hidden_layer_sizes": (24,), "tied_weights": True, "sparsity": "l1"},
    "skip": {"skip": True, "sparsity": "jumprelu"},
    "batch norm": {"batch_norm": True, "sparsity": "gated"},
    "signed": {"sparsity": "abs_topk"},
    "batch": {"sparsity": "batch_topk"},
}


@pytest.fixture(autouse=True)
def of_any_size(monkeypatch):
    """Let small matrices be multiplied as large ones are."""
    monkeypatch.setattr(stored_matrix, "SMALLEST", 0)


def test_only_large_matrices_with_few_entries_are_multiplied_one_by_one(monkeypatch):
    monkeypatch.undo()
    for shape, density, expected in ((64, 64), 0.1, False), ((64, 128), 0.1, True), ((64, 128), 0.4, False):
        assert matrix(density, np.float32, shape)[1].by_entries == expected


def pruned(amount=0.9, **params):
    sae = SparseAutoencoder(**{"n_components": 40, "max_iter": 3, "random_state": 0, **params}).fit(X)
    return prune(sae, amount, drop_dead=False)


def unpickled(sae):
    return pickle.loads(pickle.dumps(sae))


def matrix(density, dtype, shape=(37, 53), bits=None, sparsely=True):
    rng = np.random.default_rng(0)
    weights = (rng.standard_normal(shape) * (rng.random(shape) < density)).astype(dtype)
    weights[:, 0], weights[5] = 0, 0
    stored = StoredMatrix.of(weights, bits)
    return weights, stored.kept(weights != 0) if sparsely else stored


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bits", [None, 16, 8])
@pytest.mark.parametrize(("density", "sparsely"), [(0.0, True), (0.1, True), (0.5, True), (1.0, False)])
def test_products(density, sparsely, bits, dtype, monkeypatch):
    monkeypatch.setattr(stored_matrix, "BLOCK", 10 * 53)
    weights, stored = matrix(density, dtype, bits=bits, sparsely=sparsely)
    assert stored.by_entries == (sparsely and density < 0.3) and stored.sparse == sparsely and stored.bits == bits
    dense = stored.to_dense()
    step = np.abs(weights).max(axis=1, keepdims=True) * {None: 0, 16: 1 / 65534, 8: 1 / 254}[bits]
    assert (np.abs(dense - weights) <= 1.01 * step).all()
    if sparsely:
        assert_array_equal(stored.to_csr().toarray(), dense)
    rng, tolerance = np.random.default_rng(1), {"rtol": 1e-4, "atol": 2e-5}
    bias = rng.standard_normal(37).astype(dtype)
    for n in 1, 4, 5, 33, 200:
        x = rng.standard_normal((n, 53)).astype(dtype)
        out = stored.multiply_t(x, bias)
        assert_allclose(out, x @ dense.T + bias, **tolerance)
        for i in {0, n // 2, n - 1}:
            assert_array_equal(stored.multiply_t(x[i : i + 1], bias)[0], out[i])
        rows = SparseRows(sparse.csr_array(x), np.arange(n), np.zeros(53, dtype), 1.0)
        assert_allclose(stored.multiply_t(rows, bias), out, **tolerance)
        t = rng.standard_normal((n, 37)).astype(dtype) * (rng.random((n, 37)) < 0.2)
        for code in DenseCode(t), DenseCode(t).to_rows():
            y = np.zeros((n, 53), dtype)
            stored.decode(code, y)
            assert_allclose(y, t @ dense, **tolerance)
    y = np.zeros((2, 53), dtype)
    stored.decode(RowCode(np.full((2, 3), 10**6, np.int32), np.full((2, 3), np.nan, dtype), np.zeros(2, np.int32)), y)
    assert not y.any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("amount", [0.9, 0.5])
def test_sparse_weights_do_what_dense_ones_do(kind, amount):
    sae = pruned(amount, **KINDS[kind])
    small = unpickled(sae).sparsify()
    assert all(sparse.issparse(weights) and weights.format == "csr" for weights in small.coefs_)
    for weights, dense in zip(small.coefs_, sae.coefs_, strict=True):
        assert_array_equal(weights.toarray(), dense)
    for intercepts, dense in zip(small.intercepts_, sae.intercepts_, strict=True):
        assert_array_equal(intercepts, dense)
    assert small.density_ == sae.density_
    if kind in ("plain", "l1", "batch"):
        assert_array_equal(small.components_, sae.components_)
    codes = small.transform(X)
    assert_allclose(codes, sae.transform(X), atol=1e-4)
    assert_array_equal(small.transform(X[7:8])[0], codes[7])
    assert_array_equal(small.transform(X[:40]), codes[:40])
    assert_allclose(small.transform(sparse.csr_array(X)), codes, atol=1e-4)
    assert_allclose(small.reconstruct(X), sae.reconstruct(X), atol=1e-3)
    assert_allclose(small.score(X), sae.score(X), rtol=1e-5)
    holes = np.where(np.random.default_rng(0).random(X.shape) < 0.1, np.nan, X)
    assert_allclose(small.impute(holes), sae.impute(holes), atol=1e-3)
    if kind != "skip":
        assert_allclose(small.inverse_transform(codes), sae.inverse_transform(codes), atol=1e-3)
        assert_allclose(small.inverse_transform(sparse.csr_array(codes)), small.inverse_transform(codes), atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bits", [None, 16, 8])
def test_the_mask_and_the_numbers_come_back(kind, bits):
    sae = pruned(**KINDS[kind])
    fixed = sae._network.restraint.fixed
    small = unpickled(sae).sparsify() if bits is None else quantize(sae, bits)
    codes = small.transform(X)
    assert isinstance(small._network, StoredNetwork) and small._network.sparse
    assert small.sparsify()._network.sparse and (small.transform(X) == codes).all()
    small = unpickled(small)
    assert_array_equal(small.transform(X), codes)
    assert small.densify() is small
    assert_allclose(small.transform(X), codes, atol=1e-4)
    assert_array_equal(small._network.restraint.fixed, fixed)
    if bits is None:
        assert_array_equal(small._network.parameters.theta, sae._network.parameters.theta)
    density = small.density_
    assert small.partial_fit(X).density_ == density
    assert small.set_params(warm_start=True, max_iter=1).fit(X).density_ == density
    assert not (small._network.parameters.theta == sae._network.parameters.theta).all()


def test_entries_that_are_fixed_at_other_numbers_come_back():
    sae = pruned(0.5)
    theta = sae._network.parameters.theta
    fixed = np.random.default_rng(0).random(theta.size) < 0.3
    sae._network.restraint = Restraint(fixed)
    for small in unpickled(sae).sparsify(), quantize(sae, 16):
        assert_array_equal(unpickled(small).densify()._network.restraint.fixed, fixed)
    assert_array_equal(unpickled(sae).sparsify().densify()._network.parameters.theta, theta)


def test_dense_weights_in_few_bits():
    sae = SparseAutoencoder(40, max_iter=20, random_state=0).fit(X)
    before = sae.transform(X)
    sizes = [sae._network.parameters.nbytes]
    for bits, loss in (16, 1e-5), (8, 1e-3):
        small = quantize(sae, bits)
        assert not sparse.issparse(small.coefs_[0]) and not small._network.sparse
        assert abs(small.score(X) - sae.score(X)) < loss
        assert_array_equal(small.transform(X[3:4])[0], small.transform(X)[3])
        sizes.append(small._network.parameters.nbytes)
        codes = small.transform(X)
        assert sparse.issparse(small.sparsify().coefs_[0])
        assert_allclose(small.transform(X), codes, atol=1e-4)
        with pytest.raises(ValueError, match=f"have {bits} bits already"):
            quantize(small, 8)
    assert sizes[0] > 1.8 * sizes[1] and sizes[1] > 1.7 * sizes[2]
    assert_array_equal(sae.transform(X), before)
    assert quantize(unpickled(sae).sparsify(), 8)._network.sparse


def test_training_needs_dense_weights():
    for small in pruned().sparsify(), quantize(pruned(), 8):
        codes = small.transform(X)
        with pytest.raises(ValueError, match=r"partial_fit goes on from dense weights.*Call densify\(\)"):
            small.partial_fit(X)
        with pytest.raises(ValueError, match=r"warm_start=True goes on from dense weights.*Call densify\(\)"):
            small.set_params(warm_start=True).fit(X)
        assert_array_equal(small.transform(X), codes)
        assert small.set_params(warm_start=False).fit(X).density_ > 0.9


def test_an_estimator_has_these_methods_when_it_is_fitted():
    assert not hasattr(SparseAutoencoder(), "sparsify") and not hasattr(SparseAutoencoder(), "densify")
    with pytest.raises(AttributeError, match="'SparseAutoencoder' has no attribute 'sparsify'"):
        SparseAutoencoder().sparsify()


def test_the_kind_of_csr_is_that_of_the_configuration():
    small = pruned().sparsify()
    assert sparse.isspmatrix_csr(small.coefs_[0])
    assert not small.coefs_[0].data.flags.writeable
    try:
        with config_context(sparse_interface="sparray"):
            assert isinstance(small.coefs_[0], sparse.csr_array)
    except TypeError:
        pytest.skip("this scikit-learn has no such setting")


def test_moments_are_let_go_and_counts_of_dead_units_kept():
    sae = SparseAutoencoder(40, random_state=0).partial_fit(X).partial_fit(X)
    idle, n_steps = sae._training.dead_units.idle.copy(), sae.n_steps_
    sae.sparsify()
    assert sae._training is None and (sae._dead_units.idle == idle).all()
    sae.densify().partial_fit(X)
    assert sae.n_steps_ > n_steps


@pytest.mark.parametrize("bits", [None, 16, 8])
def test_files(bits, tmp_path):
    sae = pruned()
    small = unpickled(sae).sparsify() if bits is None else quantize(sae, bits)
    codes = small.transform(X)
    joblib.dump(small, tmp_path / "model.joblib")
    mapped = joblib.load(tmp_path / "model.joblib", mmap_mode="r")
    assert not mapped._network.parameters.units.encoder.values.flags.writeable
    assert_array_equal(mapped.transform(X), codes)
    assert_array_equal(mapped.transform(X[:1]), codes[:1])
    mapped.densify().partial_fit(X)


def test_files_are_small():
    sae = SparseAutoencoder(400, max_iter=1, random_state=0).fit(np.tile(X, (1, 4)))
    small = prune(sae, 0.9)
    whole = len(pickle.dumps(sae))
    assert whole > 5 * len(pickle.dumps(unpickled(small).sparsify()))
    assert whole > 10 * len(pickle.dumps(quantize(small, 16))) > 12 * len(pickle.dumps(quantize(small, 8)))


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (16, 8), (9, 1 << 18)])
def test_bitmaps(shape):
    places = np.random.default_rng(0).random(shape) < 0.2
    csr = sparse.csr_array(places)
    packed = bitmaps.pack(shape, csr.indptr, csr.indices)
    indptr, indices = bitmaps.unpack(shape, packed)
    assert (indptr.dtype, indices.dtype) == (np.int64, np.int32)
    assert_array_equal(indptr, csr.indptr)
    assert_array_equal(indices, csr.indices)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda state: state | {"places": state["places"][:-3]},
        lambda state: state | {"places": state["places"] + b"more"},
        lambda state: state | {"places": b"y" + state["places"][1:]},
        lambda state: state | {"places": zlib.compress(bytes(10**6))},
        lambda state: state | {"places": state["places"][:20] + bytes(1) + state["places"][21:]},
        lambda state: state | {"values": state["values"][1:]},
        lambda state: state | {"shape": (40, 63)},
        lambda state: state | {"shape": (41, 64)},
        lambda state: state | {"scale": np.ones(3, np.float32)},
        lambda state: state | {"values": state["values"].astype(object)},
    ],
)
def test_corrupt_files(spoil):
    stored = pruned().sparsify()._network.parameters.units.encoder
    state = spoil(stored.__getstate__())
    with pytest.raises(ValueError, match=r"The stored weights are corrupt: .* Load the model from a file"):
        StoredMatrix.__new__(StoredMatrix).__setstate__(state)


def test_one_row_one_feature_one_unit():
    sae = SparseAutoencoder(1, max_iter=1, random_state=0).fit(X[:, 20:21])
    small = quantize(unpickled(sae).sparsify(), 8)
    assert_allclose(small.transform(X[:1, 20:21]), sae.transform(X[:1, 20:21]), rtol=0.1)
