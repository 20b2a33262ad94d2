"""The first layer on sparse data, against the same data made dense."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from skl_sae import SparseAutoencoder
from skl_sae._model.codes import DenseCode, RowCode
from skl_sae._model.sparse_rows import WORTH_IT, SparseRows
from skl_sae._training import dead_units, step, training
from skl_sae.sparsity import RULES, Matryoshka, TopK

X = sparse.random(300, 400, 0.006, format="csr", dtype=np.float64, random_state=0)
OFFSET, FACTOR = np.asarray(X.mean(axis=0)).ravel(), 0.3


def batch(dtype, n_rows=20):
    """Some rows, one of them empty, and the same as the network sees them."""
    rng = np.random.default_rng(0)
    empty = int(np.flatnonzero(np.diff(X.indptr) == 0)[0])
    chosen = np.append(rng.permutation(len(X.indptr) - 1)[: n_rows - 1], empty)
    rows = SparseRows(X.astype(dtype), chosen, OFFSET.astype(dtype), FACTOR)
    return rows, (X[chosen].toarray() - OFFSET) * FACTOR, rng


def close(got, want):
    assert_allclose(got, want, rtol=0, atol=np.abs(want).max() * (1e-5 if got.dtype == np.float32 else 1e-13))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_units", [1, 2, 3, 4, 5, 9])
def test_product(n_units, dtype):
    rows, x, rng = batch(dtype)
    weights, bias = rng.standard_normal((n_units, 400)), rng.standard_normal(n_units)
    want = x @ weights.T + bias
    arguments = weights.astype(dtype), bias.astype(dtype)
    whole = rows.multiply_t(*arguments)
    assert whole.dtype == dtype
    close(whole, want)
    out = np.full((7, n_units + 2), 5, dtype)
    assert rows.multiply_t(*arguments, 3, 10, out[:, 1:-1]).base is out
    assert_array_equal(out[:, 1:-1], whole[3:10])
    assert np.all(out[:, [0, -1]] == 5)
    assert_array_equal(rows.multiply_t(*arguments, 4, 5), whole[4:5])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("add", [False, True])
@pytest.mark.parametrize("layout", ["dense", "by unit"])
def test_gradient_of_the_weights(layout, add, dtype):
    rows, x, rng = batch(dtype)
    delta = rng.standard_normal((20, 12)) * (rng.random((20, 12)) < 0.3)
    code = DenseCode(delta.astype(dtype), grad=delta.astype(dtype))
    if layout == "by unit":
        entries = RowCode.empty(20, 12, dtype)
        entries.compress(0, 20, code)
        entries.grad[:] = entries.values
        code = entries.ordered(12)
    for lo, hi in (0, 12), (3, 8):
        before = rng.standard_normal((hi - lo, 400))
        out = before.astype(dtype)
        rows.correlate(code.block(lo, hi), out, add)
        close(out, delta[:, lo:hi].T @ x + (before if add else 0))


NETWORKS = {
    "one layer": {"sparsity": "topk"},
    "dense code": {"sparsity": "kl"},
    "deep": {"sparsity": "l1", "hidden_layer_sizes": (12,)},
    "tied": {"sparsity": None, "tied_weights": True, "scale": False},
    "normalised": {"sparsity": "topk", "hidden_layer_sizes": (12,), "batch_norm": True},
    "auxiliary": {"sparsity": "topk", "dead_units": "auxiliary"},
}


@pytest.mark.parametrize("options", NETWORKS.values(), ids=NETWORKS)
def test_a_network_learns_the_same(options, monkeypatch):
    """Also `transform` and `score` take that way; at the threshold dense products take over."""
    made, start = [], SparseRows.__init__
    monkeypatch.setattr(SparseRows, "__init__", lambda self, *args: made.append(args) or start(self, *args))
    results = []
    for data in X, X.toarray():
        sae = SparseAutoencoder(8, max_iter=4, batch_size=50, random_state=0, **options).fit(data)
        results.append((*sae.coefs_, *sae.intercepts_, sae.transform(data), np.array([sae.score(data)])))
        assert made if data is X else not made
        made.clear()
    for sparse_result, dense_result in zip(*results, strict=True):
        assert_allclose(sparse_result, dense_result, rtol=1e-7, atol=1e-9)
    thicker = sparse.random(300, 400, 1.2 * WORTH_IT, format="csr", random_state=0)
    SparseAutoencoder(8, max_iter=1, tol=0, random_state=0).fit(thicker)
    assert not made


WIDE = [
    *({"sparsity": rule} for rule in [None, *RULES]),
    {"sparsity": "topk", "dead_units": "auxiliary"},
    {"sparsity": Matryoshka(TopK(2)), "dead_units": "auxiliary"},
    {"sparsity": "l1", "hidden_layer_sizes": (12,), "dropout": 0.2},
    {"sparsity": "batch_topk", "decoder_layer_sizes": (12, 9), "dead_units": "auxiliary"},
    {"sparsity": "topk", "tied_weights": True, "scale": False, "dropout": 0.2},
    {"sparsity": None, "hidden_layer_sizes": (12,), "tied_weights": True, "batch_norm": True, "weight_decay": 0.1},
    {"sparsity": "topk", "output_activation": "sigmoid", "loss": "binary_cross_entropy"},
    {"sparsity": None, "hidden_layer_sizes": (12,), "pretrain": "layerwise", "pretrain_max_iter": 2},
]


@pytest.mark.filterwarnings("ignore:.* of the units did not fire")
@pytest.mark.parametrize("params", WIDE, ids=repr)
def test_windows_of_a_batch_give_what_the_whole_batch_gives(params, monkeypatch):
    """Data too wide for a dense batch is read a few rows at a time."""
    monkeypatch.setattr(dead_units, "DEAD_ROWS", 20)
    windows, read = [], step.read_windows
    monkeypatch.setattr(step, "read_windows", lambda *args: windows.append(args[0].encoder.window) or read(*args))

    def fit():
        sae = SparseAutoencoder(16, max_iter=3, batch_size=50, random_state=0, **params).fit(X)
        return [sae.partial_fit(X[:70]).loss_curve_, *sae.coefs_, *sae.intercepts_]

    whole = fit()
    assert not windows
    monkeypatch.setattr(training, "LARGE_BATCH", 0)
    monkeypatch.setattr(training, "WINDOW_SIZE", 7 * X.shape[1])
    for by_windows, expected in zip(fit(), whole, strict=True):
        assert_allclose(by_windows, expected, rtol=1e-6, atol=1e-9)
    assert set(windows) == {7}
