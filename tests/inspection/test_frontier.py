"""The frontier, and the scatter of two units."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skl_sae import SparseAutoencoder
from skl_sae.coding import KSVD
from skl_sae.inspection import FrontierDisplay, UnitPairDisplay
from skl_sae.metrics import SCORERS, dead_fraction, description_length, explained_variance, l0

plt = pytest.importorskip("matplotlib.pyplot")

X = np.random.default_rng(0).gamma(1.0, size=(60, 12))
SAE = SparseAutoencoder(max_iter=3, random_state=0, dead_units=None)


@pytest.fixture(autouse=True)
def _close_figures():
    plt.close("all")
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def display():
    return FrontierDisplay.from_estimator(SAE, X[:40], n_components=[6, 10], k=[1, 2, 4], X_val=X[40:])


def test_numbers_are_those_of_fits_by_hand(display):
    for i, width in enumerate([6, 10]):
        for j, k in enumerate([1, 2, 4]):
            sae = clone(SAE).set_params(n_components=width, sparsity__k=k).fit(X[:40])
            codes = sae.transform(X[40:])
            assert_allclose(display.score[i, j], explained_variance(X[40:], sae.inverse_transform(codes)))
            assert_allclose(display.l0[i, j], l0(codes))
            assert_allclose(display.dead[i, j], dead_fraction(codes))
    assert (display.time > 0).all() and display.time.shape == (2, 3)


def test_dead_units_are_drawn_and_not_warned_of():
    rows = np.tile(X[:5], (160, 1))  # five kinds of rows leave most of a hundred units dead
    with pytest.warns(UserWarning, match="did not fire"):
        clone(SAE).set_params(n_components=100, sparsity__k=1).fit(rows[:640])
    display = FrontierDisplay.from_estimator(SAE, rows, n_components=[100], k=[1])
    assert display.dead[0, 0] > 0


def test_lines_are_these_numbers(display):
    for panel, lines in zip(["score", "l0", "dead", "time"], display.lines_):
        for i, line in enumerate(lines):
            x = display.l0[i] if panel == "score" else [1, 2, 4]
            assert_allclose(line.get_xdata(), np.sort(x))
            assert_allclose(line.get_ydata(), getattr(display, panel)[i][np.argsort(x)])
    assert [text.get_text() for text in display.axes_[0].get_legend().get_texts()] == ["6", "10"]
    assert display.axes_[1].get_xlabel() == "k"


def test_bits_of_held_out_rows(display):
    sae = clone(SAE).set_params(n_components=10, sparsity__k=4).fit(X[:40])
    assert_allclose(display.bits[1, 2], description_length(sae, X[40:]).total)
    drawn = display.plot(panels="bits")
    assert_allclose(drawn.lines_[0][1].get_ydata(), display.bits[1])


def test_some_panels_in_given_axes(display):
    figure, axes = plt.subplots(1, 2)
    shown = FrontierDisplay(**{name: vars(display)[name] for name in ("n_components", "k", "score", "l0")})
    assert shown.plot(axes[1], panels="score", color="k") is shown and shown.figure_ is figure
    assert len(shown.axes_) == 1 and shown.lines_[0][0].get_color() == "k"
    shown.plot(panels=["time", "l0"])
    assert len(shown.axes_) == 1  # no times were given
    shown.figure_.canvas.draw()
    with pytest.raises(ValueError, match="'score', 'l0', 'dead', 'time'"):
        shown.plot(panels=["loss"])
    with pytest.raises(ValueError, match=r"plt\.subplots"):
        shown.plot(figure.add_axes([0, 0, 1, 1]))


def test_sparse_rows_data_frames_pipelines_and_other_knobs():
    options = {"n_components": [4, 6], "k": [1, 2]}
    rows = sparse.csr_array(X)
    by_split = FrontierDisplay.from_estimator(SAE, rows[:40], X_val=rows[40:], **options)
    frame = pd.DataFrame(X, columns=list("abcdefghijkl"))
    pipeline = make_pipeline(PCA(), StandardScaler(), SAE)
    of_frames = FrontierDisplay.from_estimator(pipeline, frame[:40], X_val=frame[40:], **options)
    assert by_split.score.shape == of_frames.score.shape == (2, 2)
    ksvd = FrontierDisplay.from_estimator(
        KSVD(max_iter=2, random_state=0), X, n_components=[8], k=[1, 3], knob="n_nonzero_coefs", cv=2
    )
    assert ksvd.knob == "n_nonzero_coefs" and ksvd.l0[0, 1] > ksvd.l0[0, 0]
    lasso = FrontierDisplay.from_estimator(
        clone(SAE).set_params(sparsity="l1"), X, n_components=[6], k=[0.01, 10.0], knob="sparsity__alpha"
    )
    assert lasso.l0[0, 1] < lasso.l0[0, 0]
    with pytest.raises(ValueError, match="Invalid parameter"):
        FrontierDisplay.from_estimator(PCA(), X, **options)


def test_rows_that_are_held_out_have_the_same_columns():
    frame = pd.DataFrame(X, columns=list("abcdefghijkl"))
    options = {"n_components": 4, "k": 1}  # a single one of each is no sequence
    assert FrontierDisplay.from_estimator(SAE, frame, X_val=frame[40:], **options).score.shape == (1, 1)
    for rows in (frame, X, sparse.csr_array(X)):
        with pytest.raises(ValueError, match="expected the 12 columns of X"):
            FrontierDisplay.from_estimator(SAE, rows, X_val=X[:, :5], **options)
    for held_out in (X, frame[frame.columns[::-1]], frame.rename(columns={"a": "z"})):
        with pytest.raises(ValueError, match="X_val with other columns"):
            FrontierDisplay.from_estimator(SAE, frame, X_val=held_out, **options)


def test_pca_stands_beside_the_units():
    options = {"n_components": [6], "k": [4, 1, 20], "X_val": X[40:], "pca": True}
    for rows in (X, sparse.csr_array(X)):
        display = FrontierDisplay.from_estimator(SAE, rows[:40], **{**options, "X_val": rows[40:]})
        for score, k in zip(display.pca_score, [1, 4]):
            pca = PCA(k).fit(X[:40])
            assert_allclose(score, explained_variance(X[40:], pca.inverse_transform(pca.transform(X[40:]))), atol=1e-6)
        assert np.isnan(display.pca_score[2])
        assert display.lines_[0][-1].get_label() == "PCA" and len(display.lines_[1]) == 1
        display.figure_.canvas.draw()
    with pytest.raises(ValueError, match="numbers of active units"):
        FrontierDisplay.from_estimator(SAE, X, **{**options, "k": [0.5]})


def test_searches():
    cv = ShuffleSplit(1, random_state=0)
    search = GridSearchCV(PCA(), {"n_components": [2, 1]}, scoring=SCORERS, refit=False, cv=cv).fit(X)
    display = FrontierDisplay.from_search(search)
    assert display.axes_[0].get_legend() is None and display.k.tolist() == [1, 2]
    assert_allclose(display.score[0], search.cv_results_["mean_test_explained_variance"][::-1])

    grid = [{"n_components": [6], "sparsity__k": [1, 2]}, {"n_components": [8], "sparsity__k": [2]}]
    search = GridSearchCV(SAE, grid, scoring=SCORERS, refit=False, cv=cv).fit(X)
    display = FrontierDisplay.from_search(search)
    assert_array_equal(np.isnan(display.score), [[False, False], [True, False]])
    display.figure_.canvas.draw()

    for grid, scoring, said in (
        ({"n_components": [6], "sparsity__k": [1], "tied_weights": [True]}, SCORERS, "one more parameter"),
        ({"n_components": [6], "sparsity": ["topk", "l1"]}, SCORERS, "numbers"),
        ({"n_components": [6]}, None, "SCORERS"),
    ):
        search = GridSearchCV(SAE, grid, scoring=scoring, refit=False, cv=cv).fit(X)
        with pytest.raises(ValueError, match=said):
            FrontierDisplay.from_search(search)
    with pytest.raises(NotFittedError):
        FrontierDisplay.from_search(GridSearchCV(SAE, {}))


# two units


@pytest.fixture(scope="module")
def sae():
    return SparseAutoencoder(n_components=8, max_iter=3, random_state=0).fit(X)


def places(display):
    return np.concatenate([points.get_offsets() for points in display.scatters_])


def test_values_are_where_they_are_and_zeros_below_all_of_them(sae):
    codes = sae.transform(X)[:, [5, 2]]
    display = UnitPairDisplay.from_estimator(sae, X, (5, 2))
    assert_allclose(display.codes, codes)
    drawn = places(display)
    for axis in range(2):
        active = codes[:, axis] != 0
        assert_allclose(drawn[active, axis], codes[active, axis])
        assert drawn[~active, axis].max() < min(0, codes[:, axis].min()) + 1e-12
    assert display.ax_.get_xlabel() == "unit 5" and "zero" in [t.get_text() for t in display.ax_.get_xticklabels()]
    display.figure_.canvas.draw()


def test_targets_are_colours(sae):
    strings = np.where(X[:, 0] > 1, "high", "low")
    for y, labels in ((strings, ["high", "low"]), (X[:, 0] > 1, ["False", "True"]), (np.arange(60) % 3, list("012"))):
        display = UnitPairDisplay.from_estimator(sae, X, ["sparseautoencoder1", 2], y=y, names=["a", "b"])
        assert [points.get_label() for points in display.scatters_] == labels
        sizes = [len(points.get_offsets()) for points in display.scatters_]
        assert sizes == np.unique(y, return_counts=True)[1].tolist()
    display = UnitPairDisplay.from_estimator(sae, X, (1, 2), y=X[:, 0])
    assert_allclose(display.scatters_[0].get_array(), X[:, 0])
    many = UnitPairDisplay.from_estimator(sae, X, (1, 2), y=[f"class {i % 25}" for i in range(60)], cmap="viridis")
    assert len(many.scatters_) == 25
    many.figure_.canvas.draw()


def test_signed_codes_dead_units_and_one_row(sae):
    pca = PCA(n_components=2).fit(X)
    assert_allclose(places(UnitPairDisplay.from_estimator(pca, X, (0, 1))), pca.transform(X))
    nothing = UnitPairDisplay(codes=np.zeros((4, 2)), units=(0, 1)).plot()
    assert_allclose(places(nothing), 0)
    UnitPairDisplay.from_estimator(sae, sparse.csr_array(X[:1]), (0, 1)).figure_.canvas.draw()


def test_wrong_units_and_targets(sae):
    for units, options, said in (
        ((0,), {}, "two units"),
        ((0, 0), {}, "each of them once"),
        ((0, 8), {}, "from 0 to 7"),
        ((0, 1), {"y": np.ones(3)}, "60, one a row"),
        ((0, 1), {"y": [None, *"ab" * 29, "a"]}, "y has missing values"),
        ((0, 1), {"y": [np.nan, *np.linspace(0, 1, 59)]}, "y has missing values"),
    ):
        with pytest.raises(ValueError, match=said):
            UnitPairDisplay.from_estimator(sae, X, units, **options)
