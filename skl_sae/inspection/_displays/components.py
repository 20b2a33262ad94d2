"""Filters as tiles."""

import numpy as np
from sklearn.utils._optional_dependencies import check_matplotlib_support

from ..._parameters import with_plain_arguments
from ...metrics import feature_density
from .common import (
    as_images,
    check_count,
    check_estimator,
    check_option,
    draw_sheet,
    gap_between,
    sheet_size,
    start_plot,
    tile_sheet,
)


class ComponentsDisplay:
    """Filters of an autoencoder as tiles of one image.

    Red adds to the reconstruction, blue takes away, white is zero; where the code is signed and a unit has a negative
    value, it is the other way round. Filters with colour channels are drawn in their own colours, with grey for zero.

    Create it with `from_estimator`; the parameters are stored as attributes.

    Parameters
    ----------
    components : ndarray of shape (n_drawn, n_features)
        Filters to draw, row by row.
    image_shape : tuple of int
        Shape of a filter as an image: (height, width) or (height, width, channels), with 1 or 3 channels.
    units : ndarray of shape (n_drawn,), default=None
        Index of the unit of each filter.
    name : str, default=None
        Title of the picture.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the image.
    figure_ : matplotlib Figure
        Figure of the axes.
    im_ : matplotlib AxesImage
        The image of all tiles.

    See Also
    --------
    ReconstructionDisplay : Inputs, and what the components make of them.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skl_sae import SparseAutoencoder
    >>> from skl_sae.inspection import ComponentsDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> sae = SparseAutoencoder(n_components=30, max_iter=5, random_state=0).fit(X)
    >>> display = ComponentsDisplay.from_estimator(sae, image_shape=(8, 8), n_columns=10)
    >>> display.im_.get_array().shape  # 3 x 10 tiles of 8 x 8, a gap between
    (26, 89)
    """

    def __init__(self, *, components, image_shape, units=None, name=None):
        self.components = components
        self.image_shape = image_shape
        self.units = units
        self.name = name

    @with_plain_arguments
    def plot(self, ax=None, *, n_columns=None, scale="tile", **kwargs):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a new figure.
        n_columns : int, default=None
            Tiles in a row. None makes the image about square.
        scale : {"tile", "global"}, default="tile"
            Whether each filter is divided by its own largest absolute value, which shows shapes, or all are drawn as
            they are on one scale, which shows sizes as well. Zero is in the middle of the colours in both cases.
        **kwargs : dict
            Options of matplotlib's ``imshow``, by default ``cmap="RdBu_r"``.

        Returns
        -------
        self : ComponentsDisplay
            The display.

        Raises
        ------
        ValueError
            If `image_shape` does not fit the number of features.
        """
        check_option("scale", scale, ("tile", "global"))
        filters = np.asarray(self.components, dtype=np.float64)
        images = as_images(filters, self.image_shape)
        if n_columns is None:
            n_columns = int(np.ceil(np.sqrt(len(images) * images.shape[1] / images.shape[2])))
        n_columns = check_count("n_columns", n_columns, len(images))

        limit = np.abs(filters).max() or 1.0
        if scale == "tile":
            largest = np.abs(images).max(axis=tuple(range(1, images.ndim)), keepdims=True)
            images, limit = images / np.where(largest > 0, largest, 1.0), 1.0  # a filter of zeros stays as it is
        gap = gap_between(images)
        sheet = tile_sheet(images, n_columns, (gap, gap))
        self.ax_ = start_plot(self, ax, sheet_size(sheet, 0.5 * n_columns, least=3.6, top=0.3), "compressed")
        self.figure_ = self.ax_.figure
        self.im_ = draw_sheet(self.ax_, sheet, **{"cmap": "RdBu_r", "vmin": -limit, "vmax": limit, **kwargs})
        if self.name is not None:
            self.ax_.set_title(self.name, fontsize="medium")
        return self

    @classmethod
    @with_plain_arguments
    def from_estimator(
        cls, estimator, X=None, *, image_shape, layer="decoder", order="norm", n_components=100, ax=None, **kwargs
    ):
        """Draw the filters of an estimator.

        Parameters
        ----------
        estimator : object
            Fitted estimator with `components_`, or with `coefs_` for ``layer="encoder"``.
        X : {array-like, sparse matrix} of shape (n_samples, n_features), default=None
            Data to count how often units are active, for ``order="density"``.
        image_shape : tuple of int
            Shape of a filter as an image: (height, width) or (height, width, channels), with 1 or 3 channels.
        layer : {"decoder", "encoder"}, default="decoder"
            "decoder" draws `components_`, what a unit adds to the reconstruction. "encoder" draws the weights of the
            encoder's first layer, what its units look for in the input; they exist for decoders of any depth too.
        order : {"norm", "index", "density"}, default="norm"
            Which filters come first: the longest, those of the first units, or those of the units that are active in
            most rows of X.
        n_components : int or None, default=100
            Number of filters to draw, at most all. None means all.
        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a new figure.
        **kwargs : dict
            Options of `plot`: `n_columns`, `scale`, and those of matplotlib.

        Returns
        -------
        display : ComponentsDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If `image_shape` does not fit the number of features, or if ``order="density"`` has no X or no filter for
            each unit of the code.
        AttributeError
            If the estimator has no `components_` (or `coefs_`): a deep decoder has none.
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        check_option("layer", layer, ("decoder", "encoder"))
        check_option("order", order, tuple(_ORDERS))
        filters = _filters(estimator, layer)
        units, said = _order(estimator, X, filters, order), _ORDERS[order]
        units = units[: check_count("n_components", n_components, len(units))]
        name = f"{layer.capitalize()}: {len(units)} of {len(filters)} units, {said}"
        display = cls(components=filters[units], image_shape=image_shape, units=units, name=name)
        return display.plot(ax, **kwargs)


_ORDERS = {"norm": "longest first", "index": "the first ones", "density": "most active first"}


def _filters(estimator, layer):
    """One filter a row."""
    if layer == "encoder":
        check_estimator(estimator, "coefs_")
        return np.asarray(estimator.coefs_[0]).T
    check_estimator(estimator)
    if not hasattr(estimator, "components_") and hasattr(estimator, "coefs_"):
        raise AttributeError(
            f"This {type(estimator).__name__} has no 'components_'; expected a decoder of a single layer. "
            "layer='encoder' draws the first layer of the encoder instead."
        )
    check_estimator(estimator, "components_")
    return np.asarray(estimator.components_)


def _order(estimator, X, filters, order):
    """Indices of the filters, those to be drawn first in front."""
    if order == "index":
        return np.arange(len(filters))
    if order == "norm":
        return np.argsort(-np.linalg.norm(filters, axis=1), kind="stable")
    if X is None:
        raise ValueError("order='density' counts how often units are active in X; got X=None.")
    density = feature_density(estimator.transform(X))
    if len(density) != len(filters):
        raise ValueError(
            f"order='density' needs one filter for each unit of the code; got {len(filters)} filters and "
            f"{len(density)} units."
        )
    return np.argsort(-density, kind="stable")
