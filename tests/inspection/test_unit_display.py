"""A unit as a card: it shows what the facts say, on images, tables and texts."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.decomposition import NMF, PCA
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skl_sae import SparseAutoencoder
from skl_sae.inspection import UnitDisplay
from skl_sae.inspection._displays.unit_panels import draw_values

plt = pytest.importorskip("matplotlib.pyplot")

TEXTS = [
    f"{animal} {verb} in the ${place}$"
    for animal in ("cat", "dog", "cow")
    for verb in ("sat", "ran")
    for place in ("house", "field", "road")
]


@pytest.fixture(autouse=True)
def _close_figures():
    plt.close("all")
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def cancer():
    data = load_breast_cancer(as_frame=True)
    sae = SparseAutoencoder(n_components=8, max_iter=30, random_state=0)
    return make_pipeline(StandardScaler(), sae).fit(data.data), data.data, data.target_names[data.target]


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return SparseAutoencoder(n_components=12, max_iter=10, random_state=0).fit(X[:300]), X[:300], y[:300]


def written(display):
    """All texts of the figure."""
    display.figure_.canvas.draw()
    return [text.get_text() for text in display.figure_.findobj(plt.Text) if text.get_text()]


def test_a_table_names_columns_and_their_changes_in_their_units(cancer):
    model, X, labels = cancer
    display = UnitDisplay.from_estimator(model, X, 2, y=labels)
    assert set(display.axes_) == {"columns", "classes", "values"}
    ax = display.axes_["columns"]
    columns = [tick.get_text() for tick in ax.get_yticklabels()]
    assert set(columns) <= set(X.columns) and len(columns) == 8

    codes = model.transform(X)[:, 2]
    typical = codes[codes != 0].mean()
    one = np.zeros((1, 8))
    one[0, 2] = typical
    added = (model.inverse_transform(one) - model.inverse_transform(one * 0))[0]
    in_deviations = added / X.std(ddof=0).to_numpy()
    by_size = X.columns[np.argsort(-np.abs(in_deviations))][:8]
    assert columns == by_size.tolist()
    for bar, note, column in zip(ax.patches, ax.texts, columns):
        at = X.columns.get_loc(column)
        assert_allclose(bar.get_width(), in_deviations[at], rtol=1e-4)
        assert_allclose(float(note.get_text().replace("\N{MINUS SIGN}", "-")), added[at], rtol=6e-3)

    counts = sum(bar.get_height() for bar in display.axes_["values"].patches)
    assert counts == (codes != 0).sum()
    labels_drawn = {tick.get_text() for tick in display.axes_["classes"].get_yticklabels()}
    assert labels_drawn == {"benign", "malignant"}


def test_an_image_shows_the_filter_its_top_rows_and_their_mean(digits):
    sae, X, y = digits
    display = UnitDisplay.from_estimator(sae, X, 3, y=y, image_shape=(8, 8), n_top=4)
    assert set(display.axes_) == {"filter", "mean", "examples", "classes", "values"}
    codes = sae.transform(X)[:, 3]
    top = np.argsort(-codes, kind="stable")[:4]
    assert_allclose(
        display.axes_["mean"].images[0].get_array(),
        np.average(X[top], axis=0, weights=codes[top]).reshape(8, 8),
        rtol=1e-5,
    )
    sheet = display.axes_["examples"].images[0].get_array()
    assert_allclose(sheet[:8, :8], X[top[0]].reshape(8, 8))
    drawn = display.axes_["filter"].images[0].get_array()
    assert_allclose(
        drawn / np.abs(drawn).max(), (sae.components_[3] / np.abs(sae.components_[3]).max()).reshape(8, 8), atol=1e-5
    )
    display.figure_.canvas.draw()


def test_texts_show_terms_and_texts_as_they_are():
    model = make_pipeline(TfidfVectorizer(), SparseAutoencoder(n_components=6, max_iter=40, random_state=0)).fit(TEXTS)
    display = UnitDisplay.from_estimator(model, TEXTS, 0)
    unit = np.argmax(display.data.facts.density)
    display.plot(unit=int(unit))
    assert {"terms", "texts"} <= set(display.axes_)
    terms = [tick.get_text() for tick in display.axes_["terms"].get_yticklabels()]
    assert terms and set(terms) <= set(model[0].get_feature_names_out())
    assert any(r"\$house\$" in text or r"\$" in text for text in written(display))  # a formula would lose the dollars


def test_other_units_are_drawn_from_the_same_data(cancer, monkeypatch):
    model, X, _ = cancer
    display = UnitDisplay.from_estimator(model, X, "sparseautoencoder1")
    assert display.unit == 1 and any(text.startswith("unit 1: ") for text in written(display))
    monkeypatch.setattr("skl_sae.inspection._displays.unit_data.gather", None)
    assert any(text.startswith("unit 5: ") for text in written(display.plot(unit=5, n_bars=3)))
    assert len(display.axes_["columns"].patches) == 3
    assert any(text.startswith("unit 4: ") for text in written(display.plot(unit="sparseautoencoder4")))
    figure, axes = plt.subplots(1, 2, layout="constrained")
    assert display.plot(axes[0]).figure_ is figure


def test_units_that_never_fire_one_row_missing_values_and_deep_decoders(digits):
    _, X, y = digits
    dead = SparseAutoencoder(n_components=90, sparsity="topk", max_iter=1, dead_units=None, random_state=0).fit(X)
    display = UnitDisplay.from_estimator(dead, X[:1], 0, image_shape=(8, 8), y=y[:1])
    silent = int(np.flatnonzero(display.data.facts.density == 0)[0])
    assert set(display.plot(unit=silent).axes_) == {"filter"}
    assert "active in none of 1 rows" in written(display)

    rows = X.copy()
    rows[10:, 20] = np.nan
    rows[::3, 30] = np.nan
    holes = SparseAutoencoder(n_components=8, hidden_layer_sizes=(10,), max_iter=3, random_state=0).fit(rows)
    display = UnitDisplay.from_estimator(holes, rows[10:], 0, image_shape=(8, 8, 1))
    unit = int(np.argmax(display.data.facts.density))
    mean = display.plot(unit=unit).axes_["mean"].images[0].get_array()
    assert np.ma.getmaskarray(mean)[2, 4] and np.isfinite(mean[3, 6])
    display.figure_.canvas.draw()


@pytest.mark.parametrize("model", [PCA(4), NMF(4, max_iter=1000, random_state=0)], ids=["pca", "nmf"])
def test_other_estimators_and_sparse_rows(model):
    X = np.random.default_rng(0).gamma(0.2, size=(50, 12)).astype(np.float32)
    for rows in (X, sparse.csr_array(X)):
        display = UnitDisplay.from_estimator(model.fit(rows), rows, 0, feature_names=[f"column {i}" for i in range(12)])
        assert {"columns", "terms"} & set(display.axes_)
        display.figure_.canvas.draw()
    colours = UnitDisplay.from_estimator(model.fit(X), X, 0, image_shape=(2, 2, 3))
    colours.figure_.canvas.draw()


def test_constant_data_have_no_bars():
    X = np.ones((9, 4))
    display = UnitDisplay.from_estimator(SparseAutoencoder(n_components=2, max_iter=1, random_state=0).fit(X), X, 0)
    assert "adds nothing to any column" in written(display)


def test_wrong_arguments(digits):
    sae, X, y = digits
    for unit, options, said in (
        (12, {}, "from 0 to 11"),
        ("unit", {}, "sparseautoencoder0"),
        (0, {"image_shape": (3, 3)}, "image_shape"),
        (0, {"image_shape": 64}, r"Got image_shape=\(64,\); expected \(height, width\)"),
        (0, {"y": y[:5]}, "300 rows"),
        (0, {"texts": ["a"]}, "300 rows"),
    ):
        with pytest.raises(ValueError, match=said):
            UnitDisplay.from_estimator(sae, X, unit, **options)
    display = UnitDisplay.from_estimator(sae, X, 0)
    for unit in (-1, 12):
        with pytest.raises(ValueError, match="from 0 to 11"):
            display.plot(unit=unit)
    with pytest.raises(ValueError, match="or a name such as 'sparseautoencoder0'"):
        display.plot(unit="sparseautoencoder12")
    with pytest.raises(TypeError, match="Got the unit True, a bool"):
        display.plot(unit=True)
    with pytest.raises(NotFittedError):
        UnitDisplay.from_estimator(SparseAutoencoder(), X, 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_that_are_all_the_same_have_a_histogram(dtype):
    _, ax = plt.subplots()
    draw_values(ax, np.full(9, 1e30, dtype=dtype))
    assert max(patch.get_height() for patch in ax.patches) == 9
