"""The training loop: epochs of shuffled batches, and when to stop."""

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from .._kernels.blas import single_threaded_blas
from .._model import inference
from .._warning import warn
from .calibration import as_after_fit, calibrate
from .schedule import Schedule, batch_edges, n_epochs


class History:
    """Curves of a fit, and whether it still improves.

    Parameters
    ----------
    tol : float
    n_iter_no_change : int
    """

    def __init__(self, tol, n_iter_no_change):
        self.tol, self.patience = tol, n_iter_no_change
        self.loss_curve, self.auxiliary_loss_curve, self.validation_scores = [], [], []
        self.best, self.waited = -np.inf, 0

    def improves(self, value):
        """Note a value to be maximised; returns whether it is the best so far."""
        self.waited = 0 if value > self.best + self.tol else self.waited + 1
        better = value > self.best
        self.best = max(self.best, value)
        return better

    @property
    def stalled(self):
        """Whether the value has not risen by `tol` for more than `n_iter_no_change` epochs."""
        return self.waited > self.patience


def train(training, rows, validation, epochs, batch_size, label="", held_out=None):
    """Train until the schedule ends, sooner after a stall of the loss or of the validation score, or a callback stops.

    Parameters
    ----------
    training : Training
    rows : Rows
    validation : Rows or None
    epochs : Epochs
        Told about each epoch.
    batch_size : int
    label : str
        What is trained, for the lines that are printed, where it is a part of a network.
    held_out : Rows or None
        Rows to calibrate the rule on, where there is no validation.

    Returns
    -------
    history : History
    """
    params, theta = training.params, training.network.parameters.theta
    max_iter = n_epochs(params["max_iter"], len(rows), batch_size)
    schedule = Schedule(params["learning_rate"], max_iter, len(batch_edges(len(rows), batch_size)) - 1)
    history, best_theta = History(params["tol"], params["n_iter_no_change"]), None
    watches = schedule.name == "constant" if validation is None else validation.means()[1].any()
    score = None if validation is None else validation_score(training.network, rows, validation)
    with single_threaded_blas():
        training.prepare(batch_size, rows)
        while (number := len(history.loss_curve)) < schedule.n_epochs:
            epochs.start()
            loss, auxiliary_loss = training.epoch(rows, batch_size, schedule, number)
            history.loss_curve.append(loss)
            history.auxiliary_loss_curve.append(auxiliary_loss)
            if validation is not None:
                history.validation_scores.append(score())
                if history.improves(history.validation_scores[-1]):
                    best_theta = theta.copy()
            elif watches:
                history.improves(-loss)
            if params["verbose"]:
                _report(history, label)
            if epochs.stop():
                break
            if watches and history.stalled:
                schedule.finish_from(number + 1)
        else:
            if not label and schedule.name == "constant" and not history.stalled:
                _warn_unconverged(params, max_iter)
    if best_theta is not None:
        theta[:] = best_theta
    calibration_rows = next(each for each in (validation, held_out, rows) if each is not None)
    calibrate(training.network, "after_fit", calibration_rows, rows)
    return history


def validation_score(network, rows, validation):
    """Function that scores the held-out rows: explained variance, about their own mean where they have variance.

    A rule with a target is scored as it would be deployed, or the first epochs would be the best.

    The score of a single row, or of equal rows, would be 0 in every epoch. There the variance is about the mean of the
    training data.
    """
    _, variance, count = validation.moments()
    mean = None
    if not count.any():
        warn(
            f"None of the {len(validation)} held-out rows has an observed value, so early_stopping has nothing to "
            "compare: the fit runs to its end. Pass other rows as X_val."
        )
    elif not (variance * count).any():
        mean = rows.means()[0]
        warn(
            f"The held-out rows have no variance (number of rows: {len(validation)}), so early_stopping compares their "
            "squared error with their distance from the mean of the training data. Raise validation_fraction, or pass "
            "more rows as X_val."
        )
    return lambda: inference.explained_variance(as_after_fit(network, validation, rows), validation, mean)


def _report(history, label):
    line = f"{label}Iteration {len(history.loss_curve)}, loss = {history.loss_curve[-1]:.8g}"
    if history.validation_scores:
        line += f", validation score = {history.validation_scores[-1]:.6f}"
    print(line)


def _warn_unconverged(params, max_iter):
    if max_iter > params["n_iter_no_change"] and params["tol"] > 0:
        warn(
            f"Stochastic optimizer: max_iter={max_iter} epochs were reached and the fit still improved. "
            "Raise max_iter, or use learning_rate='cooldown', which needs no stopping rule.",
            ConvergenceWarning,
        )
