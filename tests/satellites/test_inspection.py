"""The displays: what is drawn is what was given, where it should be."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, PolynomialFeatures, StandardScaler

from skl_sae import SparseAutoencoder
from skl_sae.inspection import ActivationDensityDisplay, ComponentsDisplay, ReconstructionDisplay, TrainingCurveDisplay

plt = pytest.importorskip("matplotlib.pyplot")

DISPLAYS = [ReconstructionDisplay, ComponentsDisplay, TrainingCurveDisplay, ActivationDensityDisplay]
X = np.random.default_rng(0).uniform(size=(40, 24))
SHAPE = (4, 6)


@pytest.fixture(autouse=True)
def _close_figures():
    plt.close("all")  # other tests of the same process may leave some
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def sae():
    return SparseAutoencoder(n_components=10, max_iter=3, early_stopping=True, random_state=0).fit(X)


@pytest.fixture(scope="module")
def deep():
    return SparseAutoencoder(n_components=5, hidden_layer_sizes=(9,), max_iter=2, random_state=0).fit(X)


class Holder:
    """A fitted estimator with the given attributes."""

    def __init__(self, **attributes):
        vars(self).update(attributes)


def drawn(display):
    """Check that the picture can be made, and return the array of its image."""
    display.figure_.canvas.draw()
    return display.im_.get_array()


def from_estimator(display, estimator, **kwargs):
    """Call the constructor with what it needs."""
    options = {
        ReconstructionDisplay: {"X": X, "image_shape": SHAPE},
        ComponentsDisplay: {"image_shape": SHAPE},
        TrainingCurveDisplay: {},
        ActivationDensityDisplay: {"X": X},
    }
    return display.from_estimator(estimator, **{**options[display], **kwargs})


# all displays


@pytest.mark.parametrize("display", DISPLAYS)
def test_a_given_ax_is_used_and_plot_returns_the_display(display, sae):
    figure, ax = plt.subplots()
    shown = from_estimator(display, sae, ax=ax)
    assert shown.ax_ is ax and shown.figure_ is figure
    assert plt.get_fignums() == [figure.number]
    assert shown.plot() is shown
    assert shown.ax_ is not ax and len(plt.get_fignums()) == 2
    shown.figure_.canvas.draw()


@pytest.mark.parametrize("display", DISPLAYS)
def test_unfitted_estimators_are_refused(display):
    with pytest.raises(NotFittedError, match="This SparseAutoencoder instance is not fitted yet"):
        from_estimator(display, SparseAutoencoder())
    assert not plt.get_fignums()


@pytest.mark.parametrize(
    "display, missing",
    [
        (ReconstructionDisplay, "transform"),
        (ComponentsDisplay, "components_"),
        (TrainingCurveDisplay, "loss_curve_"),
        (ActivationDensityDisplay, "transform"),
    ],
)
def test_estimators_of_another_kind_are_refused(display, missing):
    with pytest.raises(AttributeError, match=f"LinearRegression has no '{missing}'; expected a fitted estimator"):
        from_estimator(display, LinearRegression().fit(X, X[:, 0]))


@pytest.mark.parametrize("display", DISPLAYS)
def test_a_missing_matplotlib_is_named(display, sae, monkeypatch):
    shown = from_estimator(display, sae)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=rf"{display.__name__}.from_estimator requires matplotlib"):
        from_estimator(display, sae)
    with pytest.raises(ImportError, match=rf"{display.__name__}.plot requires matplotlib"):
        shown.plot()


def test_the_import_does_not_need_matplotlib():
    code = "import sys; sys.modules['matplotlib'] = None; import skl_sae.inspection"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "shape, message",
    [
        ((5, 5), r"Got image_shape=\(5, 5\), which is 25 values, but there are 24 features"),
        ((24,), r"Got image_shape=\(24,\); expected \(height, width\) or \(height, width, channels\)"),
        ((3, 4, 2), r"Got image_shape=\(3, 4, 2\); expected .* with 1 or 3 channels"),
    ],
)
@pytest.mark.parametrize("display", [ReconstructionDisplay, ComponentsDisplay])
def test_wrong_image_shapes_are_refused(display, shape, message, sae):
    with pytest.raises(ValueError, match=message):
        from_estimator(display, sae, image_shape=shape)
    assert not plt.get_fignums()


@pytest.mark.parametrize(
    "display, option",
    [
        (ReconstructionDisplay, "n_samples"),
        (ReconstructionDisplay, "n_columns"),
        (ComponentsDisplay, "n_components"),
        (ComponentsDisplay, "n_columns"),
    ],
)
@pytest.mark.parametrize("value", [0, -1, 2.0, True, "a"])
def test_wrong_counts_are_refused(display, option, value, sae):
    with pytest.raises(ValueError, match=f"Got {option}={value!r}; expected an int of at least 1, or None"):
        from_estimator(display, sae, **{option: value})


# reconstructions


def test_images_stand_above_their_reconstructions():
    made = X + 0.5
    display = ReconstructionDisplay.from_predictions(X, made, image_shape=SHAPE, n_samples=5, n_columns=3)
    sheet = drawn(display)
    assert sheet.shape == (2 * 9 + 3, 3 * 6 + 2)  # pairs of 4 + 1 + 4, three apart
    expected = np.full(sheet.shape, np.nan)
    for i, (row, column) in enumerate([(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]):
        top, left = row * 12, column * 7
        expected[top : top + 4, left : left + 6] = X[i].reshape(SHAPE)
        expected[top + 5 : top + 9, left : left + 6] = made[i].reshape(SHAPE)
    assert_array_equal(sheet.filled(np.nan), expected)
    ticks = {tick: label.get_text() for tick, label in zip(display.ax_.get_yticks(), display.ax_.get_yticklabels())}
    assert ticks == {1.5: "input", 6.5: "reconstruction", 13.5: "input", 18.5: "reconstruction"}
    assert display.axes_ is display.lines_ is display.missing_ is None


def test_images_stand_beside_reconstructions_of_several_names():
    made = {"one": X + 0.5, "two": X - 0.5}
    with_nan = X.copy()
    with_nan[1, 7] = np.nan
    display = ReconstructionDisplay.from_predictions(
        with_nan, made, image_shape=SHAPE, n_samples=3, orientation="horizontal", n_columns=7, input_name="pixels"
    )
    assert list(display.X_reconstructed) == ["one", "two"] and len(display.X_reconstructed["two"]) == 3
    sheet = drawn(display)
    assert sheet.shape == (4 + 1 + 4, 20 + 3 + 20)  # two groups of 6 + 1 + 6 + 1 + 6 fit in seven images
    for i, (top, left) in enumerate([(0, 0), (0, 23), (5, 0)]):
        for j, rows in enumerate([with_nan, *made.values()]):
            part = sheet[top : top + 4, left + 7 * j : left + 7 * j + 6]
            assert_array_equal(part.filled(np.nan), rows[i].reshape(SHAPE))
    ticks = [label.get_text() for label in display.ax_.get_xticklabels()]
    assert ticks == ["pixels", "one", "two"] * 2
    assert_array_equal(display.ax_.get_xticks(), [2.5, 9.5, 16.5, 25.5, 32.5, 39.5])
    overlay = display.missing_.get_array()
    assert_array_equal(np.argwhere(~np.ma.getmaskarray(overlay)), [[1, 24]])


def test_rows_of_one_image_are_never_split():
    made = {"one": X, "two": X}
    display = ReconstructionDisplay.from_predictions(
        X[:2], {name: rows[:2] for name, rows in made.items()}, image_shape=SHAPE, orientation="horizontal", n_columns=1
    )
    assert drawn(display).shape == (9, 20)


def test_several_reconstructions_below_each_other():
    display = ReconstructionDisplay.from_predictions(X, {"one": X + 1, "two": X + 2}, image_shape=SHAPE, n_samples=2)
    assert drawn(display).shape == (14, 13)
    assert_array_equal(display.ax_.get_yticks(), [1.5, 6.5, 11.5])
    with pytest.raises(ValueError, match="Got orientation='left'; expected one of 'vertical', 'horizontal'"):
        display.plot(orientation="left")


def test_the_scale_is_that_of_the_inputs_for_both():
    display = ReconstructionDisplay.from_predictions(X[:3], 10 * X[:3] - 5, image_shape=SHAPE)
    assert display.im_.get_clim() == (X[:3].min(), X[:3].max())
    display.plot(vmin=-1, vmax=2, cmap="viridis")
    assert display.im_.get_clim() == (-1, 2) and display.im_.get_cmap().name == "viridis"
    norm = plt.Normalize(0, 5)
    assert display.plot(norm=norm).im_.norm is norm


@pytest.mark.parametrize("n_samples, n_drawn", [(3, 3), (10_000, 40), (None, 40)])
def test_the_number_of_samples_is_clipped(n_samples, n_drawn, sae):
    display = ReconstructionDisplay.from_estimator(sae, X, image_shape=SHAPE, n_samples=n_samples)
    assert_array_equal(display.X, X[:n_drawn])
    assert_array_equal(display.X_reconstructed, sae.inverse_transform(sae.transform(X))[:n_drawn])


def test_only_what_is_drawn_is_encoded():
    seen = []
    spy = FunctionTransformer(lambda X: seen.append(X.shape) or X, inverse_func=lambda X: X)
    ReconstructionDisplay.from_estimator(spy, X, n_samples=2)
    assert seen == [(2, 24)]


@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csr_matrix, sparse.coo_array, pd.DataFrame, list])
def test_reconstructions_of_other_containers(container):
    data = X * (X > 0.5)
    data_in = container(data.tolist()) if container is list else container(data)
    if container is pd.DataFrame:
        data_in.columns = [f"pixel {i}" for i in range(24)]
    model = SparseAutoencoder(n_components=6, max_iter=2, sparse_output=True, random_state=0).fit(data_in)
    display = ReconstructionDisplay.from_estimator(model, data_in, image_shape=SHAPE, n_samples=4)
    assert type(display.X) is type(display.X_reconstructed) is np.ndarray
    assert_array_equal(display.X, data[:4])
    assert_array_equal(drawn(display)[:4, :6], data[0].reshape(SHAPE))


def test_reconstructions_of_a_pipeline_are_in_the_units_of_its_input():
    pipe = make_pipeline(StandardScaler(), PCA(3, random_state=0)).fit(X)
    display = ReconstructionDisplay.from_estimator(pipe, X, n_samples=4)
    assert_allclose(display.X_reconstructed, pipe.inverse_transform(pipe.transform(X))[:4])
    with pytest.raises(AttributeError, match="Pipeline has no 'inverse_transform'"):
        ReconstructionDisplay.from_estimator(make_pipeline(PolynomialFeatures(1)).fit(X), X)


def test_missing_pixels_are_painted_and_do_not_break_the_scale():
    with_nan = X[:4].copy()
    missing = np.zeros(with_nan.shape, dtype=bool)
    missing[0, 7] = missing[3, :] = True
    with_nan[missing] = np.nan
    display = ReconstructionDisplay.from_predictions(
        with_nan, X[:4], image_shape=SHAPE, n_columns=2, missing_color="lime"
    )
    assert display.im_.get_clim() == (np.nanmin(with_nan), np.nanmax(with_nan))
    drawn(display)
    overlay = display.missing_.get_array()
    expected = np.zeros(overlay.shape, dtype=bool)
    expected[1, 1] = True
    expected[12:16, 7:13] = True
    assert_array_equal(~np.ma.getmaskarray(overlay), expected)
    colors = display.missing_.to_rgba(overlay)
    assert_array_equal(colors[1, 1], [0, 1, 0, 1])
    assert colors[0, 0, 3] == 0  # what is not missing shows through
    pixels = np.asarray(display.figure_.canvas.buffer_rgba())[..., :3].reshape(-1, 3)
    assert (pixels == [0, 255, 0]).all(axis=1).sum() > 100


def test_missing_pixels_reach_the_estimator():
    with_nan = np.where(X > 0.9, np.nan, X)
    imputer = FunctionTransformer(lambda X: np.nan_to_num(X, nan=0.5), inverse_func=lambda X: X)
    display = ReconstructionDisplay.from_estimator(imputer, with_nan, image_shape=SHAPE)
    assert_array_equal(display.X, with_nan[:10])
    assert_array_equal(display.X_reconstructed, np.nan_to_num(with_nan[:10], nan=0.5))


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.float32])
def test_types_of_pixels(dtype):
    pixels = (2 * X).astype(dtype)
    for shape in (SHAPE, (4, 2, 3), None):
        display = ReconstructionDisplay.from_predictions(pixels, pixels, image_shape=shape)
        display.figure_.canvas.draw()
    assert_array_equal(display.lines_[0][0].get_ydata(), pixels[0])


def test_all_missing_can_be_drawn():
    display = ReconstructionDisplay.from_predictions(np.full((2, 24), np.nan), X[:2], image_shape=SHAPE)
    assert (~np.ma.getmaskarray(display.missing_.get_array())).sum() == 48
    drawn(display)


def test_images_with_colours():
    rows = np.random.default_rng(1).uniform(2, 4, size=(2, 4 * 5 * 3))
    rows[0, 4] = np.nan  # a channel of pixel (0, 1)
    display = ReconstructionDisplay.from_predictions(rows, np.nan_to_num(rows) + 10, image_shape=(4, 5, 3))
    sheet = drawn(display)
    scaled = (rows - np.nanmin(rows)) / (np.nanmax(rows) - np.nanmin(rows))
    assert sheet.shape == (9, 11, 4)
    assert_allclose(sheet[:4, 6:, :3], scaled[1].reshape(4, 5, 3))
    assert_array_equal(sheet[5:, :5, :3], 1.0)  # brighter than all inputs
    assert_array_equal(np.argwhere(sheet[:4, :5, 3] == 0), [[0, 1]])
    assert_array_equal(np.argwhere(~np.ma.getmaskarray(display.missing_.get_array())), [[0, 1]])


def test_one_channel_is_grey():
    display = ReconstructionDisplay.from_predictions(X[:1], X[:1], image_shape=(*SHAPE, 1))
    assert_array_equal(drawn(display)[:4], X[0].reshape(SHAPE))


def test_curves():
    with_nan = X[:3].copy()
    with_nan[1, [3, 8]] = np.nan
    figure, ax = plt.subplots()
    display = ReconstructionDisplay.from_predictions(with_nan, X[:3], ax=ax, lw=3)
    figure.canvas.draw()
    assert display.ax_ is ax and display.im_ is None
    for i, (below, above) in enumerate(display.lines_):
        assert_array_equal(below.get_xdata(), np.arange(24))
        assert_array_equal(below.get_ydata(), with_nan[i])
        assert_array_equal(above.get_ydata(), X[i])
        assert below.axes is above.axes is display.axes_[i]
        assert below.get_linewidth() == 3
    heights = [axes.get_window_extent() for axes in display.axes_]
    assert heights[0].y0 > heights[1].y1 and heights[1].y0 > heights[2].y1
    assert len({axes.get_ylim() for axes in display.axes_}) == 1
    [spans] = display.missing_
    assert spans.axes is display.axes_[1]
    assert [(path.vertices[:, 0].min(), path.vertices[:, 0].max()) for path in spans.get_paths()] == [
        (2.5, 3.5),
        (7.5, 8.5),
    ]
    box = spans.axes.get_window_extent()  # from the bottom of the axes to their top
    assert_allclose(spans.get_transform().transform([(0, 0), (0, 1)])[:, 1], [box.y0, box.y1])
    low, high = display.axes_[0].get_ylim()
    assert low < X[:3].min() < X[:3].max() < high < 1.2


def test_curves_of_several_models():
    display = ReconstructionDisplay.from_predictions(X, {"one": X + 1, "two": X + 2}, n_samples=2)
    for i, lines in enumerate(display.lines_):
        assert [line.get_label() for line in lines] == ["input", "one", "two"]
        assert_array_equal(lines[2].get_ydata(), X[i] + 2)
    assert len({line.get_color() for line in display.lines_[0]}) == 3


def test_shapes_that_differ_are_refused():
    with pytest.raises(ValueError, match=r"X_reconstructed has shape \(40, 23\); expected the shape of X, \(40, 24\)"):
        ReconstructionDisplay.from_predictions(X, X[:, 1:])
    with pytest.raises(ValueError, match=r"X_reconstructed has shape \(39, 24\); expected the shape of X"):
        ReconstructionDisplay.from_predictions(X, {"one": X, "two": X[1:]})


# components


def tile(display, i, n_columns, gap=1):
    """The pixels of the tile i."""
    height, width = SHAPE
    top, left = i // n_columns * (height + gap), i % n_columns * (width + gap)
    return drawn(display)[top : top + height, left : left + width]


@pytest.mark.parametrize("layer", ["decoder", "encoder"])
@pytest.mark.parametrize("order", ["norm", "index", "density"])
def test_tiles_are_the_filters_in_order(order, layer, sae):
    filters = sae.components_ if layer == "decoder" else sae.coefs_[0].T
    keys = {
        "norm": -np.linalg.norm(filters, axis=1),
        "index": np.arange(10),
        "density": -np.count_nonzero(sae.transform(X), axis=0),
    }
    units = np.argsort(keys[order], kind="stable")[:7]
    display = ComponentsDisplay.from_estimator(
        sae, X, image_shape=SHAPE, layer=layer, order=order, n_components=7, n_columns=3
    )
    assert_array_equal(display.units, units)
    for i, unit in enumerate(units):
        assert_allclose(tile(display, i, 3), filters[unit].reshape(SHAPE) / np.abs(filters[unit]).max())
    sheet = drawn(display)
    assert sheet.shape == (14, 20)
    assert np.ma.getmaskarray(sheet)[[4, 9]].all() and np.ma.getmaskarray(sheet)[:, [6, 13]].all()
    assert sheet.count() == 7 * 24
    assert display.im_.get_clim() == (-1, 1)
    assert display.ax_.get_title().startswith(f"{layer.capitalize()}: 7 of 10 units")


def test_one_scale_for_all():
    filters = np.stack([np.arange(24.0), -3 * np.arange(24.0), np.zeros(24)])
    holder = Holder(components_=filters)
    shared = ComponentsDisplay.from_estimator(holder, image_shape=SHAPE, order="index", scale="global", n_columns=3)
    assert shared.im_.get_clim() == (-69, 69)
    own = ComponentsDisplay.from_estimator(holder, image_shape=SHAPE, order="index", n_columns=3)
    for i in range(3):
        assert_array_equal(tile(shared, i, 3), filters[i].reshape(SHAPE))
    assert_allclose(tile(own, 1, 3), -tile(own, 0, 3))
    assert_array_equal(tile(own, 2, 3), 0)  # a filter of zeros is drawn as such


def test_zero_is_the_middle_of_the_colours():
    filters = np.random.default_rng(0).normal(size=(2, 24)) + 5
    filters[0, 0] = 0.0
    display = ComponentsDisplay.from_estimator(Holder(components_=filters), image_shape=SHAPE, order="index")
    assert display.im_.norm(0.0) == 0.5
    coloured = ComponentsDisplay.from_estimator(Holder(components_=filters), image_shape=(4, 2, 3), order="index")
    assert drawn(coloured)[0, 0, 0] == 0.5
    assert_allclose(drawn(coloured)[:4, :2, :3], 0.5 + filters[0].reshape(4, 2, 3) / filters[0].max() / 2)


@pytest.mark.parametrize("n_components, n_drawn", [(4, 4), (1000, 10), (None, 10)])
def test_the_number_of_components_is_clipped(n_components, n_drawn, sae):
    display = ComponentsDisplay.from_estimator(sae, image_shape=SHAPE, n_components=n_components)
    assert drawn(display).count() == n_drawn * 24
    assert not len(display.ax_.get_xticks()) and not len(display.ax_.get_yticks())


def test_components_of_other_estimators():
    pca = PCA(3).fit(X)
    display = ComponentsDisplay.from_estimator(pca, image_shape=SHAPE, order="index")
    assert_array_equal(display.components, pca.components_)


def test_a_deep_decoder_has_no_components_but_a_first_layer(deep):
    with pytest.raises(AttributeError, match=r"expected a decoder of a single layer\. layer='encoder' draws"):
        ComponentsDisplay.from_estimator(deep, image_shape=SHAPE)
    display = ComponentsDisplay.from_estimator(deep, image_shape=SHAPE, layer="encoder", order="index")
    assert_array_equal(display.components, deep.coefs_[0].T)
    with pytest.raises(ValueError, match="got 9 filters and 5 units"):
        ComponentsDisplay.from_estimator(deep, X, image_shape=SHAPE, layer="encoder", order="density")


@pytest.mark.parametrize(
    "options, message",
    [
        ({"layer": "code"}, "Got layer='code'; expected one of 'decoder', 'encoder'"),
        ({"order": "size"}, "Got order='size'; expected one of 'norm', 'index', 'density'"),
        ({"scale": 2}, "Got scale=2; expected one of 'tile', 'global'"),
        ({"order": "density"}, "order='density' counts how often units are active in X; got X=None"),
    ],
)
def test_wrong_options_of_components(options, message, sae):
    with pytest.raises(ValueError, match=message):
        ComponentsDisplay.from_estimator(sae, image_shape=SHAPE, **options)


# training


def test_loss_and_validation_scores(sae):
    display = TrainingCurveDisplay.from_estimator(sae)
    assert_array_equal(display.line_.get_xdata(), [1, 2, 3])
    assert_array_equal(display.line_.get_ydata(), sae.loss_curve_)
    assert_array_equal(display.score_line_.get_xdata(), [1, 2, 3])
    assert_array_equal(display.score_line_.get_ydata(), sae.validation_scores_)
    assert display.score_line_.axes is display.score_ax_ is not display.ax_
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["loss", "validation score"]
    assert display.ax_.get_yscale() == "linear"
    display.figure_.canvas.draw()


@pytest.mark.parametrize("absent", [{}, {"validation_scores_": None, "pretrain_loss_curves_": None}])
def test_what_is_absent_is_not_drawn(absent):
    display = TrainingCurveDisplay.from_estimator(Holder(loss_curve_=[3.0, 2.0], **absent))
    assert display.score_ax_ is display.score_line_ is None
    assert display.pretrain_lines_ == [] and list(display.ax_.lines) == [display.line_]
    assert display.ax_.get_legend() is None


def test_pretraining_comes_first():
    layers, losses, scores = [[5.0, 4.0, 3.0], [2.0, 1.0]], [0.9, 0.8, 0.7, 0.6], [0.1, 0.2, 0.3, 0.4]
    estimator = Holder(loss_curve_=losses, pretrain_loss_curves_=layers, validation_scores_=scores)
    display = TrainingCurveDisplay.from_estimator(estimator, log=True, c="black")
    first, second = display.pretrain_lines_
    assert_array_equal(first.get_xydata(), np.column_stack([[1, 2, 3], layers[0]]))
    assert_array_equal(second.get_xydata(), np.column_stack([[4, 5], layers[1]]))
    assert_array_equal(display.line_.get_xydata(), np.column_stack([[6, 7, 8, 9], losses]))
    assert_array_equal(display.score_line_.get_xydata(), np.column_stack([[6, 7, 8, 9], scores]))
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels == ["layer 1", "layer 2", "all layers", "validation score"]
    assert display.ax_.get_yscale() == "log"
    assert display.line_.get_color() == "black"
    display.figure_.canvas.draw()


def test_a_single_epoch_shows():
    display = TrainingCurveDisplay(loss_curve=[1.0], pretrain_loss_curves=[np.linspace(2, 1, 50)]).plot()
    assert display.line_.get_marker() == "." and display.pretrain_lines_[0].get_marker() == ""


# densities

# frequencies 1, 1/10, 1/100, 0, 0 over 100 rows
CODES = np.zeros((100, 5))
CODES[:, 0] = 1
CODES[:10, 1] = -2
CODES[7, 2] = 3


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix, sparse.csr_array, pd.DataFrame])
def test_densities_are_counted_and_dead_units_apart(container):
    display = ActivationDensityDisplay.from_codes(container(CODES), bins=4)
    assert_array_equal(display.density, [1, 0.1, 0.01, 0, 0])
    assert [bar.get_height() for bar in display.bars_] == [1, 0, 1, 1]  # edges -2, -1.5, -1, -.5, 0
    assert_allclose([bar.get_x() for bar in display.bars_], [-2, -1.5, -1, -0.5])
    [dead] = display.dead_bar_
    assert dead.get_height() == 2 and dead.get_x() + dead.get_width() < -2
    assert [text.get_text() for text in display.ax_.texts] == ["2"]
    assert display.ax_.get_xticklabels()[0].get_text() == "dead"
    assert display.ax_.get_title() == "2 of 5 units never fire"
    display.figure_.canvas.draw()


def test_sparse_codes_stay_sparse(monkeypatch):
    codes = sparse.csr_array(CODES)
    for name in ("toarray", "todense", "__array__"):
        monkeypatch.setattr(sparse.csr_array, name, None, raising=False)
    display = ActivationDensityDisplay.from_estimator(FunctionTransformer(accept_sparse=True), codes)
    assert_array_equal(display.density, [1, 0.1, 0.01, 0, 0])


def test_densities_of_an_estimator(sae):
    display = ActivationDensityDisplay.from_estimator(make_pipeline(sae), X)
    assert_array_equal(display.density, np.count_nonzero(sae.transform(X), axis=0) / 40)


@pytest.mark.parametrize("density, n_dead", [(np.zeros(3), 3), (np.ones(3), 0), (np.full(3, 0.5), 0)])
def test_densities_that_are_all_equal(density, n_dead):
    display = ActivationDensityDisplay(density=density).plot(color="green")
    assert (display.dead_bar_ is None) == (n_dead == 0)
    assert sum(bar.get_height() for bar in display.bars_) == 3 - n_dead
    display.figure_.canvas.draw()
