"""What the displays share: checks, axes, and sheets of tiles."""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils.validation import check_is_fitted

from ..._parameters import is_count


def check_estimator(estimator, *needed):
    """Raise unless the estimator is fitted and has what is `needed`."""
    if isinstance(estimator, BaseEstimator):
        check_is_fitted(estimator)
    for name in needed:
        if not hasattr(estimator, name):
            raise AttributeError(
                f"{type(estimator).__name__} has no {name!r}; expected a fitted estimator that has it "
                "(of a pipeline or a search, pass the estimator inside)."
            )


def check_count(name, value, available=None):
    """Return the count, at most as many as there are, if this is known: then None means all."""
    if value is None and available is not None:
        return available
    if not is_count(value):
        or_none = "" if available is None else ", or None"
        raise ValueError(f"Got {name}={value!r}; expected an int of at least 1{or_none}.")
    return value if available is None else min(value, available)


def check_option(name, value, options):
    """Raise unless the value is one of the options."""
    if not isinstance(value, str) or value not in options:
        raise ValueError(f"Got {name}={value!r}; expected one of {', '.join(map(repr, options))}.")


def as_images(rows, image_shape):
    """Return rows of features as images (n, height, width), or (n, height, width, 3) if they have colours."""
    rows, shape = np.asarray(rows), tuple(np.atleast_1d(image_shape).tolist())
    if not all(map(is_count, shape)) or len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] not in (1, 3)):
        raise ValueError(
            f"Got image_shape={shape}; expected (height, width) or (height, width, channels) with 1 or 3 channels."
        )
    if np.prod(shape) != rows.shape[1]:
        raise ValueError(
            f"Got image_shape={shape}, which is {np.prod(shape)} values, but there are {rows.shape[1]} features; "
            "expected a shape whose product is the number of features."
        )
    return rows.reshape(-1, *shape[:2]) if shape[-1] == 1 or len(shape) == 2 else rows.reshape(-1, *shape)


def gap_between(images):
    """Pixels between two tiles."""
    return 1 + max(images.shape[1:3]) // 16


def tile_sheet(images, n_columns, gaps):
    """Lay out images row by row on one sheet.

    Parameters
    ----------
    images : ndarray of shape (n, height, width) or (n, height, width, 3)
        The tiles.
    n_columns : int
        Tiles in a row.
    gaps : tuple of two ints
        Pixels between rows, and between columns.

    Returns
    -------
    ndarray of shape (sheet_height, sheet_width) or (sheet_height, sheet_width, 3)
        The sheet, NaN where there is no tile.
    """
    n, height, width = images.shape[:3]
    n_rows = -(-n // n_columns)
    down, right = height + gaps[0], width + gaps[1]
    sheet = np.full((n_rows * down - gaps[0], n_columns * right - gaps[1], *images.shape[3:]), np.nan)
    for i, image in enumerate(images):
        top, left = i // n_columns * down, i % n_columns * right
        sheet[top : top + height, left : left + width] = image
    return sheet


def histogram_edges(values, n_bins):
    """Return edges of bins, with some width where all values are the same but for rounding."""
    low, high = float(values.min()), float(values.max())
    size = max(abs(low), abs(high))
    if high - low <= 1e-9 * size:
        low, high = low - (size or 1.0) / 2, high + (size or 1.0) / 2
    return np.linspace(low, high, n_bins + 1)


def start_plot(display, ax, figsize, layout="constrained"):
    """Return the axes to draw on, made if `ax` is None. Images need the layout "compressed", or labels are cut off."""
    check_matplotlib_support(f"{type(display).__name__}.plot")
    import matplotlib.pyplot as plt

    if ax is None:
        _, ax = plt.subplots(figsize=figsize, layout=layout)
    return ax


def start_grid(display, ax, n_rows, n_columns, figsize, **kwargs):
    """Return the axes to draw in, without a frame, and a grid of places inside of them."""
    ax = start_plot(display, ax, figsize)
    if ax.get_subplotspec() is None:
        raise ValueError("Got axes that are not part of a grid; expected those of plt.subplots, to draw panels in.")
    ax.set_axis_off()
    return ax, ax.get_subplotspec().subgridspec(n_rows, n_columns, **kwargs)


def line_options(kwargs):
    """Give options their long names, so that an alias (`c`, `lw`) replaces a default."""
    from matplotlib import cbook, lines

    return cbook.normalize_kwargs(kwargs, lines.Line2D)


def sheet_size(sheet, width, *, least=2.4, left=0.0, top=0.0):
    """Figure size for a sheet about `width` inches wide, or less to fit a screen; with room for labels or a title."""
    width = np.clip(width, least, 9.0)
    height = width * sheet.shape[0] / sheet.shape[1]
    shrink = min(1.0, 9.0 / height)
    return max(least, width * shrink) + left, height * shrink + top + 0.1


def draw_sheet(ax, sheet, vmin, vmax, **kwargs):
    """Draw a sheet without ticks; NaN is transparent, so that a light grey shows between the tiles.

    Colours are scaled here, since matplotlib reads `vmin` and `vmax` for grey images only.
    """
    if sheet.ndim == 2:
        drawn = np.ma.masked_invalid(sheet)
        if "norm" not in kwargs:
            kwargs.update(vmin=vmin, vmax=vmax)
    else:
        seen = np.isfinite(sheet).all(axis=2, keepdims=True)
        scaled = np.clip((np.where(seen, sheet, vmin) - vmin) / ((vmax - vmin) or 1.0), 0.0, 1.0)
        drawn = np.concatenate([scaled, seen], axis=2)
    image = ax.imshow(drawn, **{"interpolation": "nearest", **kwargs})
    ax.set(xticks=[], yticks=[], facecolor="0.88")
    ax.spines[:].set_visible(False)
    return image
