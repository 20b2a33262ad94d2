"""Codes of two units, one against the other."""

import numpy as np
from scipy.sparse import vstack
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import column_or_1d

from ..._parameters import named, plain_list
from .._chosen_units import unit_indices
from .._model import InspectedModel
from .._units.classes import has_missing
from .common import start_plot

# A target with more different numbers is drawn as a scale of colours.
_MOST_CLASSES = 20


class UnitPairDisplay:
    """Codes of two units as a scatter, with a target as colours.

    Sparse codes are zero in most rows, which would all lie on one line. These rows are spread at random over a grey
    band beside it: the places inside of a band mean nothing, and in the corner both units are zero.

    Create it with `from_estimator`; the parameters are stored as attributes.

    Parameters
    ----------
    codes : ndarray of shape (n_samples, 2)
        Values of the two units.
    units : tuple of two ints
        Indices of the units.
    y : ndarray of shape (n_samples,), default=None
        Target of each row: classes, or numbers.
    names : sequence of two str, default=None
        Labels of the axes. None writes "unit 3".

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the scatter.
    figure_ : matplotlib Figure
        Figure of the axes.
    scatters_ : list of matplotlib PathCollection
        Points: a collection for each class, or a single one.

    See Also
    --------
    UnitDisplay : One unit as a card.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.decomposition import PCA
    >>> from skl_sae.inspection import UnitPairDisplay
    >>> iris = load_iris()
    >>> pca = PCA(n_components=2).fit(iris.data)
    >>> display = UnitPairDisplay.from_estimator(pca, iris.data, (0, 1), y=iris.target_names[iris.target])
    >>> [points.get_label() for points in display.scatters_]
    ['setosa', 'versicolor', 'virginica']
    """

    def __init__(self, *, codes, units, y=None, names=None):
        self.codes = codes
        self.units = units
        self.y = y
        self.names = names

    def plot(self, ax=None, *, cmap=None, **kwargs):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a new figure.
        cmap : str or Colormap, default=None
            Colours of the target. None takes "tab10" for up to ten classes, "tab20" for more of them, and "viridis" for
            numbers.
        **kwargs : dict
            Options of matplotlib's ``scatter``.

        Returns
        -------
        self : UnitPairDisplay
            The display.
        """
        self.ax_ = ax = start_plot(self, ax, (5.6, 4.4))
        self.figure_, places = ax.figure, self._places()
        kwargs = {"s": 14, "alpha": 0.6, "linewidths": 0, **kwargs}
        if self.y is None:
            self.scatters_ = [ax.scatter(*places.T, **kwargs)]
        elif _is_classes(self.y):
            self._plot_classes(places, cmap, kwargs)
        else:
            self.scatters_ = [ax.scatter(*places.T, c=self.y, cmap=cmap or "viridis", **kwargs)]
            self.figure_.colorbar(self.scatters_[0], ax=ax, label="y").solids.set_alpha(1)
        labels = [f"unit {unit}" for unit in self.units] if self.names is None else self.names
        ax.set(xlabel=labels[0], ylabel=labels[1])
        ax.spines[["top", "right"]].set_visible(False)
        for axis, span, (low, high) in ((ax.xaxis, ax.axvspan, self._bands[0]), (ax.yaxis, ax.axhspan, self._bands[1])):
            if high > low:
                span(low, high, color="0.93", linewidth=0, zorder=0)
                far, highest = high + (high - low) / 2, axis.get_view_interval()[1]
                ticks = [tick for tick in axis.get_ticklocs() if far < tick <= highest]
                axis.set_ticks(
                    [(low + high) / 2, *ticks],
                    ["zero", *(f"{tick:g}".replace("-", "\N{MINUS SIGN}") for tick in ticks)],
                )
        return self

    def _places(self):
        """Where points are drawn: values of zero in a band below all the others, if there are other values too."""
        places, self._bands = np.array(self.codes, dtype=np.float64), np.zeros((2, 2))
        random = np.random.default_rng(0)
        for axis in range(2):
            zero = places[:, axis] == 0
            if not zero.any() or zero.all():
                continue
            values = places[~zero, axis]
            low, high = values.min(), values.max()
            size = (high - low if high > low else abs(high)) / 8
            end = min(low, 0.0 if low > 0 else low) - size / 4
            self._bands[axis] = end - size, end
            places[zero, axis] = random.uniform(end - 0.94 * size, end - 0.06 * size, zero.sum())
        return places

    def _plot_classes(self, places, cmap, kwargs):
        import matplotlib

        y = np.asarray(self.y)
        classes = np.unique(y)
        colors = matplotlib.colormaps.get_cmap(cmap or ("tab10" if len(classes) <= 10 else "tab20"))
        at = np.arange(len(classes)) if colors.N <= 20 else np.linspace(0, 1, len(classes))
        self.scatters_ = [
            self.ax_.scatter(*places[y == label].T, color=colors(at[i]), label=str(label), **kwargs)
            for i, label in enumerate(classes)
        ]
        place = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)}
        legend = self.ax_.legend(**place, frameon=False, handletextpad=0.2, fontsize="small")
        for handle in legend.legend_handles:
            handle.set_alpha(1)

    @classmethod
    def from_estimator(cls, estimator, X, units, *, y=None, names=None, ax=None, **kwargs):
        """Encode X, and draw two of its units.

        Parameters
        ----------
        estimator : object
            Fitted estimator with `transform` and `inverse_transform`, or a pipeline of such.
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Data.
        units : sequence of two ints or str
            The units, by index or by name, for the horizontal and the vertical axis.
        y : array-like of shape (n_samples,), default=None
            Target of each row, for colours. Strings, booleans and up to 20 different integers are classes.
        names : sequence of two str, default=None
            Labels of the axes. None writes "unit 3".
        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a new figure.
        **kwargs : dict
            Options of `plot`: `cmap`, and those of matplotlib.

        Returns
        -------
        display : UnitPairDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If there are not two units, one does not exist, or y does not have one value a row or misses some.
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        if names is not None and (isinstance(names, str | dict | set) or len(plain_list(names)) != 2):
            raise ValueError(f"Got names={names!r}; expected two names, one a unit, or None.")
        model = InspectedModel(estimator)
        chosen = unit_indices(model, units)
        if len(chosen) != 2:
            raise ValueError(f"Got units={units!r}; expected two units.")
        numbers = model.read(X)
        codes = vstack([block[:, chosen] for _, block in model.blocks(numbers)]).toarray()
        if y is not None:
            with named("y"):
                y = column_or_1d(y)
            if len(y) != len(codes):
                raise ValueError(f"Got {len(y)} values in y; expected {len(codes)}, one a row of X.")
            if has_missing(y):
                raise ValueError("y has missing values; expected one of each row. Drop these rows, or give them one.")
        return cls(codes=codes, units=tuple(chosen.tolist()), y=y, names=names).plot(ax, **kwargs)


def _is_classes(y):
    y = np.asarray(y)
    return y.dtype.kind not in "fiu" or (
        not type_of_target(y).startswith("continuous") and len(np.unique(y)) <= _MOST_CLASSES
    )
