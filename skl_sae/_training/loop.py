"""The training loop: epochs of shuffled batches, and when to stop."""

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from .._kernels.blas import single_threaded_blas
from .._model import inference
from .._warning import warn
from .calibration import as_after_fit, calibrate
from .history import History
from .interrupts import Interrupted
from .report import Report
from .schedule import Schedule, batch_edges, n_epochs
from .stage import Stage
from .training import Diverged


def train(training, rows, validation, course, batch_size, label="", held_out=None, watched=None):
    """Train until the schedule ends, sooner after a stall of the loss or of the validation score, or a callback stops.

    So does Ctrl-C, and a divergence after an epoch that ended well: the network is then as `Course.ended` says, and in
    a fit that has ended so no step is taken.

    Parameters
    ----------
    training : Training
    rows : Rows
    validation : Rows or None
    course : Course
        Told about each step and epoch.
    batch_size : int
    label : str
        What is trained, for the lines that are printed, where it is a part of a network.
    held_out : Rows or None
        Rows to calibrate the rule on, where there is no validation.
    watched : Rows or None
        Rows that are scored after each epoch and decide on nothing, where there is no validation.

    Returns
    -------
    history : History
    """
    params, network = training.params, training.network
    max_iter = n_epochs(params["max_iter"], len(rows), batch_size)
    schedule = Schedule(params["learning_rate"], max_iter, len(batch_edges(len(rows), batch_size)) - 1)
    history = History(params["tol"], params["n_iter_no_change"])
    stage = Stage(course, training, schedule, history)
    course.begin(stage)
    stage.report = Report(params["verbose"], history, len(rows), label)
    watches = schedule.name == "constant" if validation is None else validation.means()[1].any()
    calibration_rows = next(each for each in (validation, held_out, rows) if each is not None)
    scored, score = watched if validation is None else validation, None
    if scored is not None:
        score = validation_score(network, rows, scored, calibration_rows)
    stage.decides = validation is not None
    if not course.ended:
        with single_threaded_blas():
            training.prepare(batch_size, rows)
            with course.interrupts:
                _run(stage, rows, batch_size, score, watches)
        stays = label or schedule.name != "constant" or stage.stopped or course.ended
        if not stays and not history.stalled:
            _warn_unconverged(params, max_iter)
    if stage.best is not None:
        network.parameters.theta[:] = stage.best
    calibrate(network, "after_fit", calibration_rows, rows)
    course.histories.append(history)
    return history


def _run(stage, rows, batch_size, score, watches):
    """All epochs that are left, to the end of the stage."""
    course, history, schedule = stage.course, stage.history, stage.schedule
    while not stage.stopped and len(history.loss_curve) < schedule.n_epochs:
        course.epochs.start()
        try:
            _pass(stage, rows, batch_size, score, watches)
        except Interrupted:
            course.save(stage)
            history.note(stage.losses / stage.n_rows)
            return
        except Diverged as failure:
            stage.go_back(failure)
            course.failure = failure
            return
        stage.report.epoch(schedule.n_epochs)
        stopped = course.interrupts.passed_on(course.epochs.stop)
        if watches and history.stalled:
            schedule.finish_from(len(history.loss_curve))
        stage.stopped = bool(stopped) and not course.interrupts.number
        course.turn(stage)
        if course.interrupts.number:
            break
    course.save(stage)


def _pass(stage, rows, batch_size, score, watches):
    """An epoch, from where the stage stands in it, and what it tells of the fit."""
    training, history = stage.training, stage.history
    losses = training.epoch(rows, batch_size, stage.schedule, len(history.loss_curve), stage)
    if score is not None:
        try:
            value = float(score())
        except ValueError as error:
            if stage.decides:
                what = "its codes or reconstructions of held-out rows are not finite"
                raise Diverged(training.failure(what)) from error
            value = np.nan
        history.validation_scores.append(value)
        if stage.decides and history.improves(value):
            stage.best = stage.theta.copy()
    if watches and not stage.decides:
        history.improves(-losses[0])
    history.note(losses)
    if len(history.loss_curve) < stage.schedule.n_epochs:
        stage.keep()


def validation_score(network, rows, validation, calibration_rows):
    """Function that scores the held-out rows: explained variance, about their own mean where they have variance.

    A rule with a target is scored as it would be deployed, or the first epochs would be the best.

    The score of a single row, or of equal rows, would be 0 in every epoch. There the variance is about the mean of the
    training data.
    """
    _, variance, count = validation.moments()
    mean = None
    if not count.any():
        warn(
            f"None of the {len(validation)} held-out rows has an observed value, so there is nothing to compare: they "
            "have no score, and early_stopping lets the fit run to its end. Pass other rows as X_val."
        )
    elif not (variance * count).any():
        mean = rows.means()[0]
        warn(
            f"The held-out rows have no variance (number of rows: {len(validation)}), so their squared error is "
            "compared with their distance from the mean of the training data. Raise validation_fraction, or pass more "
            "rows as X_val."
        )
    return lambda: inference.explained_variance(as_after_fit(network, calibration_rows, rows), validation, mean)


def _warn_unconverged(params, max_iter):
    if max_iter > params["n_iter_no_change"] and params["tol"] > 0:
        warn(
            f"Stochastic optimizer: max_iter={max_iter} epochs were reached and the fit still improved. "
            "Raise max_iter, or use learning_rate='cooldown', which needs no stopping rule.",
            ConvergenceWarning,
        )
