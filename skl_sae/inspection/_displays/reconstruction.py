"""Inputs beside their reconstructions."""

import numpy as np
from scipy.sparse import issparse
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils.validation import _num_samples

from ..._parameters import check_named_array, with_plain_arguments
from .._model import InspectedModel
from .common import (
    as_images,
    check_count,
    check_estimator,
    check_option,
    draw_sheet,
    gap_between,
    line_options,
    sheet_size,
    start_plot,
    tile_sheet,
)


class ReconstructionDisplay:
    """Inputs, and what a transformer makes of them.

    Rows are drawn as images, each beside its reconstructions and on the same grey scale, or as curves over the
    features. Missing values (NaN) of the input are painted in a colour of their own.

    Create it with `from_estimator` or `from_predictions`; the parameters are stored as attributes.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Inputs to draw. NaN marks a missing value.
    X_reconstructed : ndarray of shape (n_samples, n_features), or dict of str to ndarray
        Their reconstructions; several with a name each, such as those of different models, are drawn in their order.
    image_shape : tuple of int, default=None
        Shape of a row as an image: (height, width) or (height, width, channels), with 1 or 3 channels. None means that
        rows are no images, and draws curves.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the images, or the one that holds the curves' axes.
    figure_ : matplotlib Figure
        Figure of the axes.
    im_ : matplotlib AxesImage or None
        All images on one sheet; None for curves.
    missing_ : matplotlib Artist or list of Artist or None
        What marks the missing values: an image over the sheet, or one artist for each row of curves with any; None if
        no image has any.
    axes_ : ndarray of Axes of shape (n_samples,) or None
        Axes of the curves, one a row of X; None for images.
    lines_ : list of tuple of Line2D or None
        Curves of the input and of its reconstructions, for each row; None for images.

    See Also
    --------
    ComponentsDisplay : The parts that reconstructions are made of.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skl_sae import SparseAutoencoder
    >>> from skl_sae.inspection import ReconstructionDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> sae = SparseAutoencoder(max_iter=5, random_state=0).fit(X)
    >>> display = ReconstructionDisplay.from_estimator(sae, X, image_shape=(8, 8), n_samples=5)
    >>> display.im_.get_array().shape  # five tiles of 8 x 8, a gap between, in two rows
    (17, 44)

    A noisy row, what a model makes of it, and the truth, side by side:

    >>> import numpy as np
    >>> noisy = X[:1] + 3 * np.random.default_rng(0).standard_normal((1, 64))
    >>> denoised = sae.inverse_transform(sae.transform(noisy))
    >>> display = ReconstructionDisplay.from_predictions(
    ...     noisy, {"denoised": denoised, "original": X[:1]}, image_shape=(8, 8), input_name="noisy",
    ...     orientation="horizontal",
    ... )
    >>> [label.get_text() for label in display.ax_.get_xticklabels()]
    ['noisy', 'denoised', 'original']
    """

    def __init__(self, *, X, X_reconstructed, image_shape=None):
        self.X = X
        self.X_reconstructed = X_reconstructed
        self.image_shape = image_shape

    @with_plain_arguments
    def plot(
        self,
        ax=None,
        *,
        n_columns=10,
        orientation="vertical",
        input_name="input",
        missing_color="tab:orange",
        **kwargs,
    ):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. Curves get axes of their own inside of it. None makes a new figure.
        n_columns : int, default=10
            Images in a row; side by side, an input and its reconstructions stay in one row. Curves are always one below
            the other.
        orientation : {"vertical", "horizontal"}, default="vertical"
            Whether an image stands above its reconstructions, or at their left, which suits few large ones.
        input_name : str, default="input"
            Label of the inputs.
        missing_color : color, default="tab:orange"
            Colour of missing values.
        **kwargs : dict
            Options of matplotlib's ``imshow``, or of ``plot`` for all curves. By default images have ``cmap="gray"``
            and go from the smallest to the largest input (`vmin`, `vmax`).

        Returns
        -------
        self : ReconstructionDisplay
            The display.

        Raises
        ------
        ValueError
            If `image_shape` does not fit the number of features.
        """
        check_option("orientation", orientation, ("vertical", "horizontal"))
        self.im_ = self.missing_ = self.axes_ = self.lines_ = None
        rows = [(input_name, self.X), *_named(self.X_reconstructed).items()]
        if self.image_shape is None:
            self._plot_curves(ax, rows, missing_color, kwargs)
        else:
            n_columns = check_count("n_columns", n_columns, len(self.X) * len(rows))
            self._plot_images(ax, rows, n_columns, orientation == "vertical", missing_color, kwargs)
        self.figure_ = self.ax_.figure
        return self

    def _plot_images(self, ax, rows, n_columns, above, missing_color, kwargs):
        images = [as_images(each, self.image_shape) for _, each in rows]
        inputs, axis = images[0], 1 if above else 2
        n_columns = min(n_columns if above else max(1, n_columns // len(images)), len(inputs))
        gap = gap_between(inputs)
        gaps = (3 * gap, gap) if above else (gap, 3 * gap)  # what belongs together stands closer together
        between = np.full(np.insert(np.delete(inputs.shape, axis), axis, gap), np.nan)
        groups = np.concatenate([inputs, *(part for image in images[1:] for part in (between, image))], axis=axis)
        sheet = tile_sheet(groups, n_columns, gaps)
        room = {"left": 1.1} if above else {"top": 0.3}
        in_a_row = n_columns if above else n_columns * len(images)
        width = in_a_row * np.clip(inputs.shape[2] / 50, 0.8, 3.0)  # inches; fifty pixels of a photograph in each
        self.ax_ = ax = start_plot(self, ax, sheet_size(sheet, width, **room), "compressed")
        # colours span the inputs' range, so that pictures of several models of the same data can be compared
        finite = self.X[np.isfinite(self.X)]
        scale = (
            {"vmin": float(finite.min()), "vmax": float(finite.max())} if finite.size else {"vmin": 0.0, "vmax": 1.0}
        )
        self.im_ = draw_sheet(ax, sheet, **{"cmap": "gray", **scale, **kwargs})
        self._label_images([name for name, _ in rows], inputs.shape[axis], gap, sheet.shape[axis - 1], above)

        missing = np.isnan(inputs)
        if missing.any():
            missing = missing.any(axis=3) if missing.ndim == 4 else missing
            rest = [(0, 0), (0, 0), (0, 0)]
            rest[axis] = (0, groups.shape[axis] - inputs.shape[axis])
            self.missing_ = self._mark_missing(tile_sheet(np.pad(missing, rest), n_columns, gaps), missing_color)

    def _label_images(self, names, size, gap, length, above):
        """Write the names at the left of each row of images, or over each column."""
        step = len(names) * (size + gap) + 2 * gap  # from a group of images to the next
        first = np.arange(0, length, step)[:, None]
        ticks = (first + np.arange(len(names)) * (size + gap) + (size - 1) / 2).ravel()
        labels = names * len(first)
        if above:
            self.ax_.set_yticks(ticks, labels)
        else:
            self.ax_.set_xticks(ticks, labels)
            self.ax_.xaxis.tick_top()
        self.ax_.tick_params(length=0)

    def _mark_missing(self, sheet, color):
        """Paint missing pixels over the sheet, whose own NaN are the gaps as well."""
        from matplotlib.colors import ListedColormap

        place = {"origin": self.im_.origin, "extent": self.im_.get_extent(), "aspect": self.ax_.get_aspect()}
        options = {"cmap": ListedColormap([color]), "interpolation": "nearest", **place}
        return self.ax_.imshow(np.ma.masked_where(sheet != 1, sheet), **options)

    def _plot_curves(self, ax, rows, missing_color, kwargs):
        n = len(self.X)
        self.ax_ = ax = start_plot(self, ax, (6.4, min(0.9 * n + 0.8, 12.0)))
        ax.set_axis_off()
        self.axes_, self.lines_, self.missing_ = np.empty(n, dtype=object), [], []
        features, kwargs = np.arange(self.X.shape[1]), line_options(kwargs)
        for i, x in enumerate(self.X):
            first = self.axes_[0]
            self.axes_[i] = axes = ax.inset_axes([0, 1 - (i + 0.9) / n, 1, 0.8 / n], sharex=first, sharey=first)
            curves = []
            for j, (name, each) in enumerate(rows):
                look = {"color": f"C{j - 1}", "linewidth": 1.2} if j else {"color": "0.6", "linewidth": 2.5}
                curves += axes.plot(features, each[i], **{**look, "label": name, **kwargs})
            self.lines_.append(tuple(curves))
            missing = features[np.isnan(x)]
            if missing.size:
                spans = axes.broken_barh(
                    [(j - 0.5, 1) for j in missing], (0, 1), color=missing_color, alpha=0.3, linewidth=0
                )
                spans.set_transform(axes.get_xaxis_transform())
                self.missing_.append(spans)
            axes.tick_params(labelbottom=i == n - 1)
        self.axes_[-1].set_xlabel("feature")
        self.axes_[0].legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=len(rows), frameon=False)

    @classmethod
    @with_plain_arguments
    def from_estimator(cls, estimator, X, *, image_shape=None, n_samples=10, ax=None, **kwargs):
        """Encode and decode the first rows of X, and draw both.

        Parameters
        ----------
        estimator : object
            Fitted transformer with `transform` and `inverse_transform`, such as a pipeline. Where its first steps have
            no inverse, as an imputer, what they give is drawn.
        X : {array-like, sparse matrix} of shape (n_total, n_features)
            Data. NaN is drawn as missing, where the estimator accepts it.
        image_shape : tuple of int, default=None
            Shape of a row as an image: (height, width) or (height, width, channels), with 1 or 3 channels. None draws
            curves.
        n_samples : int or None, default=10
            Number of rows to draw, from the first on, at most all. None means all.
        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a new figure.
        **kwargs : dict
            Options of `plot`: `n_columns`, `orientation`, `input_name`, `missing_color`, and those of matplotlib.

        Returns
        -------
        display : ReconstructionDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If `image_shape` does not fit the number of features.
        AttributeError
            If the estimator has no `transform` or no `inverse_transform`.
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        X = _first_rows(X, n_samples)
        decodes = isinstance(estimator, Pipeline) and hasattr(estimator[-1], "inverse_transform")
        model = InspectedModel(estimator) if decodes else None
        if model is None or model.reader is None:
            check_estimator(estimator, "transform", "inverse_transform")
            X_reconstructed = estimator.inverse_transform(estimator.transform(X))
        else:  # its first steps have no inverse, as an imputer; what they give is reconstructed
            X = model.read(X)
            X_reconstructed = model.decode(model.encode(X))
        return cls.from_predictions(X, X_reconstructed, image_shape=image_shape, n_samples=None, ax=ax, **kwargs)

    @classmethod
    @with_plain_arguments
    def from_predictions(cls, X, X_reconstructed, *, image_shape=None, n_samples=10, ax=None, **kwargs):
        """Draw inputs and given reconstructions.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_total, n_features)
            Data. NaN marks a missing value.
        X_reconstructed : {array-like, sparse matrix} of shape (n_total, n_features), or dict of str to such
            Reconstructions; several with a name each, such as those of different models.
        image_shape : tuple of int, default=None
            Shape of a row as an image: (height, width) or (height, width, channels), with 1 or 3 channels. None draws
            curves.
        n_samples : int or None, default=10
            Number of rows to draw, from the first on, at most all. None means all.
        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a new figure.
        **kwargs : dict
            Options of `plot`: `n_columns`, `orientation`, `input_name`, `missing_color`, and those of matplotlib.

        Returns
        -------
        display : ReconstructionDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If the two shapes differ, or `image_shape` does not fit the number of features.
        """
        check_matplotlib_support(f"{cls.__name__}.from_predictions")
        made = _named(X_reconstructed)
        for rows in made.values():
            if np.shape(rows) != np.shape(X):
                raise ValueError(f"X_reconstructed has shape {np.shape(rows)}; expected the shape of X, {np.shape(X)}.")
        made = {name: _as_array(rows, n_samples, "X_reconstructed") for name, rows in made.items()}
        if not isinstance(X_reconstructed, dict):
            [made] = made.values()
        display = cls(X=_as_array(X, n_samples, "X"), X_reconstructed=made, image_shape=image_shape)
        return display.plot(ax, **kwargs)


def _named(X_reconstructed):
    """Reconstructions by their names."""
    return X_reconstructed if isinstance(X_reconstructed, dict) else {"reconstruction": X_reconstructed}


def _as_array(rows, n_samples, name):
    """The first rows, dense and checked."""
    rows = _first_rows(rows, n_samples)
    array = check_named_array(name, rows, accept_sparse="csr", ensure_all_finite="allow-nan")
    return array.toarray() if issparse(array) else array


def _first_rows(X, n_samples):
    """The first rows; a data frame stays one, with the names that the estimator has seen."""
    n_total = X.shape[0] if issparse(X) else _num_samples(X)
    n_samples = check_count("n_samples", n_samples, n_total)
    return X.tocsr()[:n_samples] if issparse(X) else _safe_indexing(X, np.arange(n_samples))
