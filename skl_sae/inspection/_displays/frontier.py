"""What more units, and more of them active, buy."""

import warnings
from numbers import Real

import numpy as np
from scipy.sparse import issparse, vstack
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV, ShuffleSplit, check_cv
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils.validation import _num_samples

from ..._parameters import checked, integer, with_plain_arguments
from ...metrics import SCORERS, explained_variance_scorer
from .common import check_estimator, check_option, line_options, start_grid

_PANELS = {
    "score": "explained variance of held-out rows",
    "l0": "active units per row (L0)",
    "dead": "share of dead units",
    "time": "seconds of a fit",
    "bits": "bits of a held-out row",
}
# Where they stand in `cv_results_`, and their sign there.
_RESULTS = {
    "score": ("mean_test_explained_variance", 1),
    "l0": ("mean_test_neg_l0", -1),
    "dead": ("mean_test_neg_dead_fraction", -1),
    "time": ("mean_fit_time", 1),
    "bits": ("mean_test_neg_description_length", -1),
}


class FrontierDisplay:
    """Score on held-out rows, active and dead units, and time of a fit, over the number of units and of active ones.

    The first panel is the frontier: the score against the active units per row, a line for each number of units, so
    that rules of different knobs can be compared. The others have the knob, such as k, on the horizontal axis.

    Create it with `from_estimator` or `from_search`; the parameters are stored as attributes.

    Parameters
    ----------
    n_components : ndarray of shape (n_widths,)
        Numbers of units, rising; [None] where one number was tried, without a legend.
    k : ndarray of shape (n_knobs,)
        Values of the knob, rising.
    score : ndarray of shape (n_widths, n_knobs)
        Explained variance of held-out rows, the mean over the splits; NaN where there was no fit.
    l0 : ndarray of shape (n_widths, n_knobs), default=None
        Active units per held-out row.
    dead : ndarray of shape (n_widths, n_knobs), default=None
        Share of the units that are active in no held-out row.
    time : ndarray of shape (n_widths, n_knobs), default=None
        Seconds of a fit.
    knob : str, default="k"
        Name of the knob, for the labels.
    bits : ndarray of shape (n_widths, n_knobs), default=None
        Bits of a held-out row, which have a minimum; see :func:`skl_sae.metrics.description_length`.
    pca_score : ndarray of shape (n_knobs,), default=None
        Score of PCA with k components, which are all active.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes around the panels.
    axes_ : ndarray of matplotlib Axes
        The panels.
    figure_ : matplotlib Figure
        Figure of the axes.
    lines_ : list of list of matplotlib Line2D
        Of each panel the lines, one for each number of units.

    See Also
    --------
    skl_sae.metrics.SCORERS : The scorers behind the panels.
    sklearn.model_selection.ValidationCurveDisplay : One score over one parameter.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skl_sae import SparseAutoencoder
    >>> from skl_sae.inspection import FrontierDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> sae = SparseAutoencoder(max_iter=5, random_state=0)
    >>> display = FrontierDisplay.from_estimator(sae, X, n_components=[16, 32], k=[2, 4, 8])
    >>> display.score.shape, display.axes_.shape
    ((2, 3), (4,))
    >>> bool((display.score[:, 2] > display.score[:, 0]).all())  # more active units reconstruct better
    True
    """

    def __init__(self, *, n_components, k, score, l0=None, dead=None, time=None, knob="k", bits=None, pca_score=None):
        self.n_components = n_components
        self.k = k
        self.score = score
        self.l0 = l0
        self.dead = dead
        self.time = time
        self.knob = knob
        self.bits = bits
        self.pca_score = pca_score

    @with_plain_arguments
    def plot(self, ax=None, *, panels=("score", "l0", "dead", "time"), cmap="viridis", **kwargs):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw in; panels get axes of their own inside of it. None makes a new figure.
        panels : sequence of {"score", "l0", "dead", "time", "bits"}, default=("score", "l0", "dead", "time")
            What to draw, in this order.
        cmap : str or Colormap, default="viridis"
            Colours of the lines, from few to many units.
        **kwargs : dict
            Options of matplotlib's ``plot``, for all lines.

        Returns
        -------
        self : FrontierDisplay
            The display.
        """
        panels = [panels] if isinstance(panels, str) else list(panels)
        for panel in panels:
            check_option("panels", panel, tuple(_PANELS))
        panels = [panel for panel in panels if getattr(self, panel) is not None]
        n_columns = min(len(panels), 2)
        size = 4.4 * n_columns, 3.3 * -(-len(panels) // n_columns)
        self.ax_, grid = start_grid(self, ax, -(-len(panels) // n_columns), n_columns, size, hspace=0.06, wspace=0.06)
        self.figure_, kwargs = self.ax_.figure, line_options(kwargs)
        import matplotlib

        colors = matplotlib.colormaps.get_cmap(cmap)(np.linspace(0.0, 0.85, len(self.n_components)))
        self.axes_, self.lines_ = np.empty(len(panels), dtype=object), []
        for i, panel in enumerate(panels):
            self.axes_[i] = self.figure_.add_subplot(grid[divmod(i, n_columns)])
            self.lines_.append(self._plot_panel(self.axes_[i], panel, colors, kwargs))
        if self.n_components[0] is not None or self.pca_score is not None:
            self.axes_[0].legend(title="units", frameon=False, fontsize="small", title_fontsize="small")
        return self

    def _plot_panel(self, ax, panel, colors, kwargs):
        """Draw one panel, and return its lines."""
        values, lines = np.asarray(getattr(self, panel), dtype=np.float64), []
        on_l0 = panel == "score" and self.l0 is not None
        for i, (width, color) in enumerate(zip(self.n_components, colors)):
            x = np.asarray(self.l0[i] if on_l0 else self.k, dtype=np.float64)
            seen = np.flatnonzero(np.isfinite(values[i]))
            seen = seen[np.argsort(x[seen], kind="stable")]
            options = {"color": color, "marker": "o", "markersize": 4, "label": str(width), **kwargs}
            lines += ax.plot(x[seen], values[i, seen], **options)
        if panel == "score" and self.pca_score is not None:
            lines += ax.plot(self.k, self.pca_score, color="0.5", linestyle="--", label="PCA", zorder=1)
        ax.set(xlabel=_PANELS["l0"] if on_l0 else self.knob, title=_PANELS[panel])
        ax.title.set_fontsize("medium")
        ax.grid(color="0.9")
        ax.set_axisbelow(True)
        ax.spines[["top", "right"]].set_visible(False)
        if panel in ("dead", "time"):
            ax.set_ylim(bottom=0, top=None if values[np.isfinite(values)].max(initial=0) > 0 else 1)
        if not on_l0:
            _ticks(ax, np.asarray(self.k, dtype=np.float64))
        return lines

    @classmethod
    @checked({"pca": ["boolean"], "n_jobs": [integer(None), None]}, prefer_skip_nested_validation=False)
    def from_estimator(
        cls,
        estimator,
        X,
        *,
        n_components,
        k,
        knob="sparsity__k",
        X_val=None,
        cv=None,
        pca=False,
        n_jobs=None,
        ax=None,
        **kwargs,
    ):
        """Fit the estimator with each number of units and each value of the knob, score held-out rows, and draw.

        Parameters
        ----------
        estimator : object
            Estimator with `transform` and `inverse_transform`, or a pipeline that ends with one, whose last step gets
            the parameters. It is cloned, and stays as it is.
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Data.
        n_components : int or array-like of int
            Numbers of units.
        k : number or array-like of such
            Values of the knob.
        knob : str, default="sparsity__k"
            Parameter that gets the values of k: "sparsity__alpha" for the rule "l1", "n_nonzero_coefs" for
            :class:`~skl_sae.coding.KSVD`.
        X_val : {array-like, sparse matrix, dataframe} of shape (n_held_out, n_features), default=None
            Rows to score, held in one more copy of the data; then `cv` is not used.
        cv : int, splitter or iterable, default=None
            How rows of X are held out, as in :class:`~sklearn.model_selection.GridSearchCV`. None holds out a fifth of
            the rows, drawn once.
        pca : bool, default=False
            Whether to draw the score of PCA with k components as well, for k that are numbers of active units: as many
            numbers tell a row, but the same components for all rows. PCA takes no missing values.
        n_jobs : int, default=None
            Fits at a time. The time of a fit is longer if several share the processor.
        ax : matplotlib Axes, default=None
            Axes to draw in. None makes a new figure.
        **kwargs : dict
            Options of `plot`: `panels`, `cmap`, and those of matplotlib.

        Returns
        -------
        display : FrontierDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If the estimator does not have these parameters, `X_val` has other columns than X, or `pca` is asked for and
            k are not numbers of units.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        prefix = f"{estimator.steps[-1][0]}__" if hasattr(estimator, "steps") else ""
        if X_val is None:
            cv = ShuffleSplit(n_splits=1, test_size=0.2, random_state=0) if cv is None else cv
        else:
            n = _num_samples(X)
            X = _stacked(X, X_val)
            cv = [(np.arange(n), np.arange(n, _num_samples(X)))]
        grid = {
            f"{prefix}n_components": np.atleast_1d(n_components).tolist(),
            f"{prefix}{knob}": np.atleast_1d(k).tolist(),
        }
        options = {"refit": False, "cv": check_cv(cv), "n_jobs": n_jobs, "error_score": "raise"}
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".* of the units did not fire")  # a panel shows them
            search = GridSearchCV(estimator, grid, scoring=SCORERS, **options).fit(X)
        display = cls._of_search(search)
        if pca:
            display.pca_score = _pca_scores(X, display.k, options)
        return display.plot(ax, **kwargs)

    @classmethod
    def from_search(cls, search, *, ax=None, **kwargs):
        """Draw the results of a search over `n_components` and one more parameter, or over one of the two.

        Parameters
        ----------
        search : object
            Fitted search with `cv_results_`, such as :class:`~sklearn.model_selection.GridSearchCV` with
            ``scoring=SCORERS`` of `skl_sae.metrics`. Where single scores are missing, their panels are.
        ax : matplotlib Axes, default=None
            Axes to draw in. None makes a new figure.
        **kwargs : dict
            Options of `plot`: `panels`, `cmap`, and those of matplotlib.

        Returns
        -------
        display : FrontierDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If the search has other parameters, values that are not numbers, or none of the scores.
        sklearn.exceptions.NotFittedError
            If the search is not fitted.
        """
        check_matplotlib_support(f"{cls.__name__}.from_search")
        return cls._of_search(search).plot(ax, **kwargs)

    @classmethod
    def _of_search(cls, search):
        """Collect what is drawn."""
        check_estimator(search, "cv_results_")
        results = search.cv_results_
        width, knob = _searched(results["params"])
        widths = sorted({each[width] for each in results["params"]}) if width else [None]
        values = sorted({each[knob] for each in results["params"]})
        tables = {name: _table(results, name, (width, widths), (knob, values)) for name in _PANELS}
        if tables["score"] is None:
            raise ValueError(
                f"Got a search without explained variance; expected scoring=skl_sae.metrics.SCORERS, got "
                f"{sorted(name for name in results if name.startswith('mean_test'))}."
            )
        return cls(n_components=np.array(widths), k=np.array(values), knob=knob.rpartition("__")[2], **tables)


def _searched(params):
    """Names of the parameters: the number of units, or None, and the knob."""
    names = sorted({name for each in params for name in each})
    numeric = all(isinstance(value, Real) for each in params for value in each.values())
    widths = [name for name in names if name.rpartition("__")[2] == "n_components"]
    knobs = [name for name in names if name not in widths]
    if len(widths) > 1 or len(knobs) > 1 or not numeric or any(len(each) < len(names) for each in params):
        raise ValueError(
            f"Got a search over {', '.join(map(repr, names))}; expected one over n_components and one more parameter, "
            "all with numbers as values."
        )
    return (widths[0], knobs[0]) if widths and knobs else (None, names[0])


def _table(results, panel, width, knob):
    """Results of one kind, (n_widths, n_knobs), NaN where there are none; or None."""
    name, sign = _RESULTS[panel]
    if name not in results:
        return None
    table = np.full((len(width[1]), len(knob[1])), np.nan)
    for params, value in zip(results["params"], results[name]):
        table[width[1].index(params.get(width[0])), knob[1].index(params[knob[0]])] = sign * value
    return table


def _pca_scores(X, k, options):
    """Score of PCA with each number of components; NaN where there are not so many."""
    if k.dtype.kind not in "iu":
        raise ValueError(f"Got pca=True and k={k.tolist()!r}; expected ints, numbers of active units.")
    n_rows = min(len(train) for train, _ in options["cv"].split(X))
    possible = k <= min(n_rows, X.shape[1]) - issparse(X)
    scores = np.full(len(k), np.nan)
    search = GridSearchCV(PCA(), {"n_components": k[possible]}, scoring=explained_variance_scorer, **options)
    scores[possible] = search.fit(X).cv_results_["mean_test_score"]
    return scores


def _ticks(ax, values):
    """A logarithmic axis for values that span much, with the values as ticks."""
    if len(values) > 2 and values[0] > 0 and values[-1] / values[0] > 6:
        ax.set_xscale("log")
    shown = values if len(values) <= 8 else values[:: -(-len(values) // 8)]
    ax.set_xticks(shown, [f"{value:g}" for value in shown])
    ax.set_xticks([], minor=True)


def _stacked(X, X_val):
    """Rows of both, in the container of X."""
    if getattr(X, "ndim", 0) == 2 and X.shape[1:] != np.shape(X_val)[1:]:
        raise ValueError(f"Got X_val of shape {np.shape(X_val)}; expected the {X.shape[1]} columns of X.")
    if hasattr(X, "iloc") and list(X.columns) != list(getattr(X_val, "columns", ())):
        raise ValueError("Got X_val with other columns than X; expected a data frame with the same ones in that order.")
    if issparse(X):
        return vstack([X, X_val], format="csr")
    if hasattr(X, "iloc"):
        import pandas as pd  # the data are a data frame, so this is installed

        return pd.concat([X, X_val], ignore_index=True)
    return np.concatenate([np.asarray(X), np.asarray(X_val)])
