"""How often units fire."""

import numpy as np
from sklearn.utils._optional_dependencies import check_matplotlib_support

from ..._parameters import with_plain_arguments
from ...metrics import feature_density
from .common import check_estimator, start_plot


class ActivationDensityDisplay:
    """Histogram of the firing frequency of units, on a log scale.

    The firing frequency of a unit is the share of the rows in which it is active. Units that are active in no row,
    the dead ones, have no logarithm and get a bar of their own at the left.

    Create it with `from_estimator` or `from_codes`; the parameters are stored as attributes.

    Parameters
    ----------
    density : ndarray of shape (n_components,)
        Firing frequency of each unit, between 0 and 1.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the histogram.
    figure_ : matplotlib Figure
        Figure of the axes.
    bars_ : matplotlib BarContainer
        Bars of the units that fire, over log10 of their frequency.
    dead_bar_ : matplotlib BarContainer or None
        Bar of the dead units; None without dead units.

    See Also
    --------
    skl_sae.metrics.feature_density : The frequencies.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skl_sae import SparseAutoencoder
    >>> from skl_sae.inspection import ActivationDensityDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> sae = SparseAutoencoder(max_iter=5, random_state=0).fit(X)
    >>> display = ActivationDensityDisplay.from_estimator(sae, X)
    >>> display.ax_.get_title()
    '0 of 128 units never fire'
    """

    def __init__(self, *, density):
        self.density = density

    @with_plain_arguments
    def plot(self, ax=None, *, bins=30, dead_color="tab:red", **kwargs):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a new figure.
        bins : int, default=30
            Number of bars from the rarest unit to a frequency of 1.
        dead_color : color, default="tab:red"
            Colour of the bar of dead units.
        **kwargs : dict
            Options of matplotlib's ``hist``.

        Returns
        -------
        self : ActivationDensityDisplay
            The display.
        """
        self.ax_ = ax = start_plot(self, ax, (6.4, 4.0))
        self.figure_ = ax.figure
        density = np.asarray(self.density, dtype=np.float64)
        exponents = np.log10(density[density > 0])
        n_dead = len(density) - len(exponents)
        low = min(exponents.min(initial=0.0), -1.0)
        _, _, self.bars_ = ax.hist(exponents, **{"bins": bins, "range": (low, 0.0), **kwargs})

        ticks = ax.xaxis.get_major_locator().tick_values(low, 0.0)
        ticks = [tick for tick in ticks if low <= tick <= 0]
        labels = [f"{tick:g}".replace("-", "\N{MINUS SIGN}") for tick in ticks]
        self.dead_bar_ = None
        if n_dead:
            width = -low / 15
            at = low - 1.5 * width
            self.dead_bar_ = ax.bar(at, n_dead, width=width, color=dead_color)
            ax.bar_label(self.dead_bar_, padding=2)
            ax.margins(y=0.1)  # room for the label
            ticks, labels = [at, *ticks], ["dead", *labels]
        ax.set_xticks(ticks, labels)
        ax.set(
            xlabel="log10 of the share of rows in which a unit fires",
            ylabel="units",
            title=f"{n_dead} of {len(density)} units never fire",
        )
        ax.yaxis.get_major_locator().set_params(integer=True)
        return self

    @classmethod
    @with_plain_arguments
    def from_estimator(cls, estimator, X, *, ax=None, **kwargs):
        """Encode X, count how often each unit is active, and draw.

        Parameters
        ----------
        estimator : object
            Fitted transformer, such as a pipeline that ends with an autoencoder.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data. A unit that fires in one of a thousand rows needs some thousands of them to show.
        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a new figure.
        **kwargs : dict
            Options of `plot`: `bins`, `dead_color`, and those of matplotlib.

        Returns
        -------
        display : ActivationDensityDisplay
            The display, drawn.

        Raises
        ------
        AttributeError
            If the estimator has no `transform`.
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        check_estimator(estimator, "transform")
        return cls.from_codes(estimator.transform(X), ax=ax, **kwargs)

    @classmethod
    def from_codes(cls, codes, *, ax=None, **kwargs):
        """Count how often each unit is active in given codes, and draw.

        Parameters
        ----------
        codes : {array-like, sparse matrix} of shape (n_samples, n_components)
            Codes, as `transform` gives them. Sparse ones are not made dense.
        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a new figure.
        **kwargs : dict
            Options of `plot`: `bins`, `dead_color`, and those of matplotlib.

        Returns
        -------
        display : ActivationDensityDisplay
            The display, drawn.
        """
        check_matplotlib_support(f"{cls.__name__}.from_codes")
        return cls(density=feature_density(codes)).plot(ax, **kwargs)
