"""The report counts what there is, and says whether single rows are faster."""

import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_digits

from skl_sae import SparseAutoencoder
from skl_sae.coding import KSVD
from skl_sae.compression import _report, compression_report, prune, quantize

pd = pytest.importorskip("pandas")
X = load_digits().data[:300].astype(np.float32)


@pytest.fixture
def sae():
    return SparseAutoencoder(32, max_iter=2, random_state=0).fit(X)


def test_counts(sae, monkeypatch):
    monkeypatch.setattr(_report, "SECONDS", 0.01)
    small = quantize(prune(sae, 0.75, drop_dead=False), 8).sparsify()
    report = compression_report(sae, small, X)
    before, after = report.loc["before"], report.loc["after"]
    n, vectors = 2 * 32 * 64, 32 + 64
    assert before["parameters"] == after["parameters"] == n + vectors
    assert before["non_zeros"] == n + vectors and after["non_zeros"] <= n // 4 + vectors
    assert before["bytes_in_memory"] == 4 * (n + vectors)
    # an int8 and an int32 a weight; an int64 and a float32 for each of two matrices of 32 rows; vectors
    assert after["bytes_in_memory"] == 5 * n // 4 + 2 * (33 * 8 + 32 * 4) + 4 * vectors
    assert before["bytes_on_disk"] == len(pickle.dumps(sae, pickle.HIGHEST_PROTOCOL))
    assert after["bytes_on_disk"] == len(pickle.dumps(small, pickle.HIGHEST_PROTOCOL))
    assert before["explained_variance"] == sae.score(X) and after["explained_variance"] == small.score(X)
    for rate in "rows_per_s_single", "rows_per_s_batch":
        assert report.loc["ratio", rate] == pytest.approx(after[rate] / before[rate]) and before[rate] > 0
    faster = report.loc["ratio", "rows_per_s_single"] > 1.05
    assert report["single_row_faster"].isna().tolist() == [True, False, True]
    assert bool(after["single_row_faster"]) == faster


def test_one_model_and_no_data(sae):
    report = compression_report(sae)
    assert list(report.index) == ["before"] and "explained_variance" not in report
    assert report["parameters"].dtype == np.int64
    assert "single_row_faster" not in compression_report(sae, prune(sae, 0.5))


def test_data_frames(sae, monkeypatch):
    monkeypatch.setattr(_report, "SECONDS", 0.01)
    frame = pd.DataFrame(X, columns=[f"p{i}" for i in range(64)])
    sae = SparseAutoencoder(32, max_iter=1, random_state=0).fit(frame)
    assert compression_report(sae, X=frame).loc["before", "explained_variance"] == sae.score(frame)


def test_lists_and_sparse_rows(sae, monkeypatch):
    monkeypatch.setattr(_report, "SECONDS", 0.01)
    for rows in X.tolist(), sparse.coo_array(X), sparse.csr_array(X):
        assert compression_report(sae, X=rows).loc["before", "explained_variance"] == pytest.approx(sae.score(X))


def test_errors(sae):
    with pytest.raises(TypeError, match="before: compression_report takes a fitted SparseAutoencoder, got KSVD"):
        compression_report(KSVD())
    with pytest.raises(TypeError, match=r"after: .* got dict"):
        compression_report(sae, {})
    with pytest.raises(AttributeError, match="before fit"):
        compression_report(SparseAutoencoder())
    for bits in 4, True, "16":
        with pytest.raises(ValueError, match=r"expected one of \[16, 8\]"):
            quantize(sae, bits)
    with pytest.raises(TypeError, match="quantize takes a fitted SparseAutoencoder"):
        quantize(KSVD())
