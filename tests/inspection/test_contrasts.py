"""What is high or low in the rows of a unit, against its definition; names that it makes."""

import naive_units as naive
import numpy as np
import pytest
from naive_units import Directions
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skl_sae import SparseAutoencoder
from skl_sae.inspection import _model
from skl_sae.inspection._model import InspectedModel
from skl_sae.inspection._units.facts import unit_facts
from skl_sae.inspection._units.gathering import gather
from skl_sae.sparsity import TopK

RNG = np.random.default_rng(0)
X = RNG.standard_normal((90, 5)) + 0.2


def contrasts(model, X):
    codes, signs = model.transform(X), naive.sides(model.transform(X))[0]
    decoded = model.inverse_transform(codes)
    found = np.zeros((codes.shape[1], decoded.shape[1]))
    for j, values in enumerate(codes.T):
        if values.any():
            found[j] = signs[j] * np.sum(values[:, None] * (decoded - decoded.mean(axis=0)), axis=0)
            found[j] /= np.abs(values).sum()
    return found


@pytest.mark.parametrize("block_entries", [1 << 22, 50])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("squash", [False, True])
def test_contrasts(signed, squash, block_entries, monkeypatch):
    monkeypatch.setattr(_model, "BLOCK_ENTRIES", block_entries)
    model = Directions(signed=signed, squash=squash).fit(X)
    for scaled in (model, make_pipeline(StandardScaler(), model).fit(X)):
        gathered = gather(InspectedModel(scaled), X)
        assert_allclose(gathered.contrasts[:], contrasts(scaled, X), rtol=1e-6, atol=1e-9)
        assert_allclose(gathered.contrasts[2:4], contrasts(scaled, X)[2:4], rtol=1e-6, atol=1e-9)


def test_contrasts_of_csr_and_of_components():
    rows = sparse.csr_array(np.where(X > 0.5, X, 0.0))
    model = Directions().fit(rows)
    assert_allclose(gather(InspectedModel(model), rows).contrasts[:], contrasts(model, rows), rtol=1e-6, atol=1e-9)
    pca = PCA(3).fit(X)
    found = gather(InspectedModel(pca), X).contrasts[:]
    cosines = np.sum(found * pca.components_, axis=1) / np.linalg.norm(found, axis=1)
    assert_allclose(np.abs(cosines), 1)  # components do not vary together


class Exchanged(TransformerMixin, BaseEstimator):
    """One of five units is active in each row; what they add has a common part, which a row without any lacks."""

    atoms = np.column_stack([np.full((5, 2), 9.0), np.diag([1.0, -1, 1, -1, 1]), np.zeros(5)])

    def fit(self, X, y=None):
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        return np.eye(5)[X[:, -1].astype(int)]

    def inverse_transform(self, codes):
        return codes @ self.atoms

    def get_feature_names_out(self, input_features=None):
        return np.array([f"u{j}" for j in range(5)])


def test_names_do_not_tell_what_all_units_have_in_common():
    kinds = RNG.integers(5, size=300)
    table = Exchanged.atoms[kinds] + 0.1 * RNG.standard_normal((300, 8))
    table[:, -1] = kinds
    names = ["income", "age", "rent", "size", "cost", "noise", "dust", "kind"]
    facts = unit_facts(Exchanged().fit(table), table, feature_names=names)
    assert facts.names == ["high rent", "low size", "high cost", "low noise", "high dust"]
    assert facts.effects[0][0][0] in ("income", "age")  # what the unit adds is another question


@pytest.mark.parametrize("load", [load_breast_cancer, load_wine])
@pytest.mark.parametrize("k", [1, 4])
def test_what_a_name_says_is_true_of_the_rows(load, k):
    """By what units add to a code of zeros, some of these names said "high" of a column that is low in their rows."""
    table = load(as_frame=True).data
    model = make_pipeline(StandardScaler(), SparseAutoencoder(14, sparsity=TopK(k), random_state=0)).fit(table)
    codes, Z = model.transform(table), (table - table.mean()) / table.std(ddof=0)
    for name, values in zip(unit_facts(model, table).names, codes.T):
        if values.any():
            for words in name.partition(" #")[0].split(", "):
                direction, column = words.split(" ", 1)
                mean = np.average(Z[column], weights=values)
                assert mean > 0 if direction == "high" else mean < 0
