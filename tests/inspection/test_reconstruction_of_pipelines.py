"""Reconstructions beside what the first steps of a pipeline make of the data, where these have no inverse."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from skl_sae import SparseAutoencoder
from skl_sae.inspection import ReconstructionDisplay

plt = pytest.importorskip("matplotlib.pyplot")
X = np.random.default_rng(0).normal(5, 3, (60, 5))


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def new_sae():
    return SparseAutoencoder(4, max_iter=2, random_state=0)


def test_an_imputer():
    holed = np.where(np.random.default_rng(1).random(X.shape) < 0.2, np.nan, X)
    model = make_pipeline(SimpleImputer(), StandardScaler(), new_sae()).fit(holed)
    display = ReconstructionDisplay.from_estimator(model, holed, n_samples=5)
    assert_allclose(display.X, model[0].transform(holed[:5]))
    assert_allclose(display.X_reconstructed, model[1:].inverse_transform(model.transform(holed[:5])), rtol=1e-5)


def test_scaled_columns_are_drawn_in_their_own_units():
    scalers = ColumnTransformer([("a", StandardScaler(), [0, 1, 2]), ("b", MinMaxScaler(), [3, 4])])
    model = make_pipeline(scalers, new_sae()).fit(X)
    display = ReconstructionDisplay.from_estimator(model, X, n_samples=5)
    assert_allclose(display.X, X[:5])


def test_a_pipeline_that_does_not_decode():
    model = make_pipeline(new_sae(), LogisticRegression()).fit(X, X[:, 0] > 5)
    with pytest.raises(AttributeError, match="has no 'transform'"):
        ReconstructionDisplay.from_estimator(model, X)
