"""The epochs of a fit on a cluster, how it ends, and what the estimator has then."""

from sklearn.exceptions import ConvergenceWarning

from .._kernels.blas import single_threaded_blas
from .._training.calibration import calibrate
from .._training.history import History
from .._training.report import Report
from .._training.schedule import Schedule, batch_edges, n_epochs
from .._warning import warn


def schedule_of(trainer):
    """That of a whole fit, in steps of the trainer's epochs."""
    params, n = trainer.training.params, trainer.epoch_rows
    length = n_epochs(params["max_iter"], n, params["batch_size"])
    return Schedule(params["learning_rate"], length, len(batch_edges(n, params["batch_size"])) - 1)


def train(trainer, schedule, epochs):
    """Train until the schedule ends, or sooner: when the loss stalls, a callback stops, on Ctrl-C or a failure.

    Parameters
    ----------
    trainer : Rounds or Gradients
    schedule : Schedule
    epochs : Epochs
        Told about each epoch.

    Returns
    -------
    history : History
    failure : Exception or None
        What has ended the fit after a round was done. Before that, it is raised.
    """
    params, failure = trainer.training.params, None
    history = History(params["tol"], params["n_iter_no_change"])
    try:
        stopped = _run(trainer, schedule, epochs, history)
        if not stopped and schedule.name == "constant" and params["tol"] > 0 and schedule.n_epochs > history.patience:
            warn(
                f"Stochastic optimizer: max_iter={schedule.n_epochs} epochs were reached and the fit still improved. "
                "Raise max_iter, or use learning_rate='cooldown', which needs no stopping rule.",
                ConvergenceWarning,
            )
    except (KeyboardInterrupt, RuntimeError, ValueError) as error:
        if not (history.loss_curve or trainer.losses):
            raise
        if trainer.losses:
            history.note(trainer.mean_losses())
        if isinstance(error, KeyboardInterrupt):
            warn(f"Training interrupted by user: the estimator is fitted, with the weights of round {trainer.n_done}.")
        else:
            failure = error
    return history, failure


def _run(trainer, schedule, epochs, history):
    """All epochs; returns whether the fit has ended before the schedule."""
    report = Report(trainer.training.params["verbose"], history, trainer.epoch_rows)
    while (number := len(history.loss_curve)) < schedule.n_epochs:
        epochs.start()
        history.note(trainer.epoch(schedule, number))
        trainer.losses = []
        if schedule.name == "constant":
            history.improves(-history.loss_curve[-1])
        report.epoch(schedule.n_epochs)
        if epochs.stop() or (schedule.name == "constant" and history.stalled):
            return True
    return False


def finish(sae, seen, trainer, sample, history):
    """Calibrate on the `sample`, and replace the fitted state of the estimator."""
    training = trainer.training
    calibrate(training.network, "after_fit", sample, sample)
    with single_threaded_blas():
        training.finish_fit(sample)
    fitted = sae._fitted_by(seen, training, history, trainer.epoch_rows)
    training.put_by()
    sae._commit(seen, fitted)
