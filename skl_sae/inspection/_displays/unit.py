"""A unit as a card."""

from sklearn.utils._optional_dependencies import check_matplotlib_support

from ..._parameters import with_plain_arguments
from .._chosen_units import unit_index
from .._model import InspectedModel
from .common import check_count, start_grid
from .unit_data import unit_data
from .unit_panels import (
    LINE,
    draw_bars,
    draw_classes,
    draw_filter,
    draw_header,
    draw_image,
    draw_images,
    draw_terms,
    draw_texts,
    draw_values,
    image_scale,
)


class UnitDisplay:
    """One unit as a card: what it adds, in which rows, for which classes, and how large its values are.

    What it adds is a tile where rows are images, beside the mean of the rows in which its value is largest; a list of
    terms where X counts terms; and else a bar chart of the columns it changes most: a bar is as long as the change in
    standard deviations of the column, and the number beside it is the change in the column's own unit, also if a
    pipeline scales it first. Classes have their lift, how many times as frequent they are where the unit is on as in
    all rows, with an interval of 95 %. The name above is that of `describe_units`: it tells the rows of the unit from
    all rows, and other units that are active beside it have a part in that.

    Create it with `from_estimator`; the parameters are stored as attributes. `plot` draws other units as well, without
    looking at the data again.

    Parameters
    ----------
    data : object
        What is known of all units.
    unit : int
        Index of the unit that `plot` draws unless it is told another one.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes around the panels.
    axes_ : dict of str to matplotlib Axes
        The panels: "filter", "mean" and "examples" of images, or "terms", or "columns"; "texts", "classes" and
        "values", where there are some.
    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    describe_units : All units as a table.
    unit_report : All units as a page.
    UnitPairDisplay : Codes of two units.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skl_sae import SparseAutoencoder
    >>> from skl_sae.inspection import UnitDisplay
    >>> cancer = load_breast_cancer(as_frame=True)
    >>> sae = SparseAutoencoder(n_components=8, max_iter=20, random_state=0)
    >>> model = make_pipeline(StandardScaler(), sae).fit(cancer.data)
    >>> labels = cancer.target_names[cancer.target]
    >>> display = UnitDisplay.from_estimator(model, cancer.data, unit=0, y=labels)
    >>> sorted(display.axes_)
    ['classes', 'columns', 'values']
    """

    def __init__(self, *, data, unit):
        self.data = data
        self.unit = unit

    @with_plain_arguments
    def plot(self, ax=None, *, unit=None, n_bars=8):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw in, made by ``plt.subplots``; panels are put inside of it. None makes a new figure.
        unit : int or str, default=None
            The unit, by index or by name. None takes that of the display.
        n_bars : int, default=8
            Columns or terms to draw, at most.

        Returns
        -------
        self : UnitDisplay
            The display.

        Raises
        ------
        ValueError
            If the unit does not exist.
        TypeError
            If it is neither an int nor a name.
        """
        unit = unit_index(self.data.model, self.unit if unit is None else unit)
        n_bars = check_count("n_bars", n_bars, len(self.data.facts.feature_names))
        self._unit, self._n_bars, self.axes_ = unit, n_bars, {}
        main, side = self._main_panels(), self._side_panels()
        ratios = [*(width for _, width, _ in main), *([1.15] if side else [])]
        places = {"width_ratios": ratios, "height_ratios": [0.55, 3.0], "wspace": 0.03, "hspace": 0.0}
        self.ax_, grid = start_grid(self, ax, 2, len(ratios), (3.0 * sum(ratios), 3.6), **places)
        self.figure_ = self.ax_.figure
        title = ": ".join(filter(None, [f"unit {unit}", self.data.name(unit)]))
        draw_header(self.figure_.add_subplot(grid[0, :]), title, self.data.line(unit))
        for i, (name, _, draw) in enumerate(main):
            self.axes_[name] = self.figure_.add_subplot(grid[1, i])
            draw(self.axes_[name])
        if side:
            rows = grid[1, -1].subgridspec(len(side), 1, height_ratios=[height for _, height, _ in side], hspace=0.03)
            for i, (name, _, draw) in enumerate(side):
                self.axes_[name] = self.figure_.add_subplot(rows[i])
                draw(self.axes_[name])
        return self

    def _main_panels(self):
        """Name, width and painter of each panel that says what the unit adds, and where."""
        data, unit = self.data, self._unit
        if data.image_shape is not None:
            panels = [("filter", 1.0, lambda ax: draw_filter(ax, data.filter(unit)))]
            if len(data.facts.top_rows[unit]):
                images, mean = data.images(unit), data.mean_image(unit)
                scale = image_scale(images)
                panels.append(("mean", 1.0, lambda ax: draw_image(ax, mean, scale, "mean of its top rows")))
                panels.append(("examples", 1.0, lambda ax: draw_images(ax, images, scale)))
            return panels
        if data.facts.terms is not None and data.facts.terms[unit]:
            terms = data.facts.terms[unit][: self._n_bars]
            panels = [("terms", 1.3, lambda ax: draw_terms(ax, terms))]
        else:
            bars = data.bars(unit, self._n_bars)
            panels = [("columns", 2.2, lambda ax: draw_bars(ax, *bars))]
        if data.facts.texts is not None:
            texts = [data.facts.texts[row] for row in data.facts.top_rows[unit]]
            width = 1.9 * max(0.3, min(1.0, max(map(len, texts), default=0) / LINE))  # words need less room than texts
            panels.append(("texts", width, lambda ax: draw_texts(ax, texts)))
        return panels

    def _side_panels(self):
        """Name, height and painter of the panels at the right."""
        data, unit = self.data, self._unit
        panels = []
        if data.facts.classes is not None and data.facts.classes[unit]:
            classes = data.facts.classes[unit][:5]
            panels.append(("classes", 0.35 + 0.25 * len(classes), lambda ax: draw_classes(ax, classes)))
        if data.facts.density[unit]:
            panels.append(("values", 1.0, lambda ax: draw_values(ax, data.values(unit))))
        return panels

    @classmethod
    @with_plain_arguments
    def from_estimator(
        cls,
        estimator,
        X,
        unit,
        *,
        feature_names=None,
        y=None,
        texts=None,
        image_shape=None,
        n_top=9,
        ax=None,
        **kwargs,
    ):
        """Describe the units of an estimator, and draw one of them.

        Parameters
        ----------
        estimator : object
            Fitted estimator with `transform` and `inverse_transform`, or a pipeline of such; leading steps without an
            inverse, as a vectoriser of texts, are applied first.
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Data, or texts for a pipeline that begins with a vectoriser.
        unit : int or str
            The unit, by index or by name.
        feature_names : array-like of str of shape (n_features,), default=None
            Names of the columns. None takes those that the estimator knows.
        y : {array-like, sparse matrix} of shape (n_samples,) or (n_samples, n_classes), default=None
            Class of each row, or zeros and ones, a column a class: as of `describe_units`.
        texts : array-like of str of shape (n_samples,), default=None
            Text of each row, to show. None shows X, if these are texts.
        image_shape : tuple of int, default=None
            Shape of a row as an image: (height, width) or (height, width, channels), with 1 or 3 channels.
        n_top : int, default=9
            Rows to show: those with the largest values.
        ax : matplotlib Axes, default=None
            Axes to draw in. None makes a new figure.
        **kwargs : dict
            Options of `plot`: `n_bars`.

        Returns
        -------
        display : UnitDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If the unit does not exist, `image_shape` does not fit, or y or texts do not have one entry a row.
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        model = InspectedModel(estimator, feature_names)
        unit = unit_index(model, unit)
        data = unit_data(model, X, y=y, texts=texts, image_shape=image_shape, n_top=n_top)
        return cls(data=data, unit=unit).plot(ax, **kwargs)
