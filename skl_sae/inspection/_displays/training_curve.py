"""Loss and validation score by epoch."""

import numpy as np
from sklearn.utils._optional_dependencies import check_matplotlib_support

from .common import check_estimator, line_options, start_plot


class TrainingCurveDisplay:
    """Loss of each epoch, the score of held-out rows, and the losses of a layer-wise pre-training.

    Epochs are counted from 1 on. Pre-training comes first, a layer after the other, and its epochs are counted too.

    Create it with `from_estimator`; the parameters are stored as attributes.

    Parameters
    ----------
    loss_curve : array-like of shape (n_epochs,)
        Loss of each epoch.
    validation_scores : array-like of shape (n_epochs,), default=None
        Score of the held-out rows after each epoch.
    pretrain_loss_curves : list of array-like, default=None
        Losses of the epochs of each layer's pre-training.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the losses.
    figure_ : matplotlib Figure
        Figure of the axes.
    line_ : matplotlib Line2D
        Curve of the loss.
    pretrain_lines_ : list of Line2D
        Curve of each layer's pre-training.
    score_ax_ : matplotlib Axes or None
        Axes with the validation scores, at the right; None without scores.
    score_line_ : matplotlib Line2D or None
        Curve of the validation scores; None without scores.

    See Also
    --------
    sklearn.model_selection.LearningCurveDisplay : Scores by the number of training rows.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skl_sae import SparseAutoencoder
    >>> from skl_sae.inspection import TrainingCurveDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> sae = SparseAutoencoder(max_iter=5, early_stopping=True, random_state=0).fit(X)
    >>> display = TrainingCurveDisplay.from_estimator(sae)
    >>> display.line_.get_xdata()
    array([1, 2, 3, 4, 5])
    >>> display.score_ax_.get_ylabel()
    'validation score'
    """

    def __init__(self, *, loss_curve, validation_scores=None, pretrain_loss_curves=None):
        self.loss_curve = loss_curve
        self.validation_scores = validation_scores
        self.pretrain_loss_curves = pretrain_loss_curves

    def plot(self, ax=None, *, log=False, **kwargs):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a new figure.
        log : bool, default=False
            Whether the axis of the loss is logarithmic.
        **kwargs : dict
            Options of matplotlib's ``plot``, for all curves.

        Returns
        -------
        self : TrainingCurveDisplay
            The display.
        """
        self.ax_ = ax = start_plot(self, ax, (6.4, 4.0))
        self.figure_ = ax.figure
        kwargs = line_options(kwargs)
        self.pretrain_lines_, done = [], 0
        for layer, losses in enumerate(self.pretrain_loss_curves or [], start=1):
            epochs = done + np.arange(1, len(losses) + 1)
            options = {"color": f"C{layer + 1}", "label": f"layer {layer}", **_marker(losses), **kwargs}
            self.pretrain_lines_ += ax.plot(epochs, losses, **options)
            done += len(losses)
            ax.axvline(done + 0.5, color="0.8", linewidth=0.8, zorder=0)
        epochs = done + np.arange(1, len(self.loss_curve) + 1)
        label = "all layers" if self.pretrain_lines_ else "loss"
        options = {"color": "C0", "label": label, **_marker(self.loss_curve), **kwargs}
        [self.line_] = ax.plot(epochs, self.loss_curve, **options)
        ax.set(xlabel="epoch", ylabel="loss", yscale="log" if log else "linear")
        ax.xaxis.get_major_locator().set_params(integer=True)
        lines = [*self.pretrain_lines_, self.line_]

        self.score_ax_ = self.score_line_ = None
        if self.validation_scores is not None:
            self.score_ax_ = ax.twinx()
            options = {"color": "C1", "linestyle": "--", "label": "validation score", **_marker(epochs), **kwargs}
            scored = epochs[: len(self.validation_scores)]  # an epoch that was interrupted has a loss alone
            [self.score_line_] = self.score_ax_.plot(scored, self.validation_scores, **options)
            self.score_ax_.set_ylabel("validation score")
            lines.append(self.score_line_)
        if len(lines) > 1:
            # above the axes: a curve can be anywhere inside
            place = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0), "ncols": min(len(lines), 5)}
            ax.legend(handles=lines, **place, frameon=False, columnspacing=1.2, handlelength=1.5)
        return self

    @classmethod
    def from_estimator(cls, estimator, *, ax=None, **kwargs):
        """Draw the training of an estimator.

        Parameters
        ----------
        estimator : object
            Fitted estimator with `loss_curve_`. `validation_scores_` and `pretrain_loss_curves_` are drawn where they
            exist and are not None.
        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a new figure.
        **kwargs : dict
            Options of `plot`: `log`, and those of matplotlib.

        Returns
        -------
        display : TrainingCurveDisplay
            The display, drawn.

        Raises
        ------
        AttributeError
            If the estimator has no `loss_curve_`.
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        check_estimator(estimator, "loss_curve_")
        display = cls(
            loss_curve=estimator.loss_curve_,
            validation_scores=getattr(estimator, "validation_scores_", None),
            pretrain_loss_curves=getattr(estimator, "pretrain_loss_curves_", None),
        )
        return display.plot(ax, **kwargs)


def _marker(values):
    """Dots on a short curve: a single epoch would make no line."""
    return {"marker": "." if len(values) < 30 else ""}
