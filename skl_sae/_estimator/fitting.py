"""A fit, or a chunk of one, from its data to the fitted state."""

from contextlib import contextmanager, suppress

import numpy as np
from sklearn.utils import check_random_state

from .._callbacks import Epochs
from .._kernels.blas import single_threaded_blas
from .._kernels.compiling import announced, tell_of_compiling
from .._model import inference
from .._parameters import named
from .._training.course import Course
from .._training.dead_units import STREAM_ROWS
from .._training.loop import train
from .._warning import warn
from .building import BuildingMixin, split
from .curves import longer
from .data_checks import check_size, warn_of_dead_units, warn_of_unobserved
from .fitted import fitted_attributes
from .identity import identity


class FittingMixin(BuildingMixin):
    """What `fit` and `partial_fit` do between reading their arguments and replacing the fitted state."""

    @contextmanager
    def _learning(self):
        """One thread learns at a time, looks at the numbers itself, and says what takes long."""
        told = announced(tell_of_compiling if self.verbose else None)
        with self._training_lock(), np.errstate(all="ignore"), told:
            yield

    def _fit(self, X, X_val, y, checkpoints=None):
        """Assign nothing before the fit has succeeded, or has ended early with weights that can be used."""
        self._check_validation(X_val)
        seen = self._copy_for_features()
        rows = self._with_target(self._read_to_learn(seen, X, reset=True, known_means=True), y)
        validation = watched = None
        if X_val is not None:
            with named("X_val"):
                validation = self._read_to_learn(seen, X_val, reset=False, dtype=rows.dtype)
        random_state = check_random_state(self.random_state)
        if checkpoints is not None:
            checkpoints.begin(identity(self, rows, validation), random_state)
        if self.early_stopping and validation is None:
            rows, validation = split(rows, self.validation_fraction, random_state)
        if validation is not None:
            check_size(validation, *validation.moments()[:2], getattr(seen, "feature_names_in_", None))
        if not self.early_stopping:
            validation, watched = None, validation
        rows, held_out = self._hold_out(rows, validation, random_state)
        going_on = self._goes_on(rows)
        training = self._build(seen, rows, random_state, going_on)
        phases = self._count_epochs(len(rows), pretrains=self.pretrain is not None and not going_on)
        epochs = Epochs(self, X, sum(phases), lambda: self._snapshot(seen, training.network, rows))
        course, last = Course(epochs, checkpoints), None
        if phases[1:]:
            last = self._pretrain(training, rows, course)
        n_layers = len(course.histories)
        if phases[0] and not course.ended:
            train(training, rows, validation, course, self.batch_size, held_out=held_out, watched=watched)
        else:
            training.end_with(last, rows if held_out is None else held_out, rows)
        with single_threaded_blas():
            training.finish_fit(rows)
        epochs.close()
        watches, goes_on = validation is not None or watched is not None, course.failure is None
        fitted = self._fitted_by(seen, training, course.history, len(rows), watches=watches, goes_on=goes_on)
        if n_layers:
            fitted["pretrain_loss_curves_"] = [each.loss_curve for each in course.histories[:n_layers]]
        if course.failure is None and course.interrupts.number:
            self._warn_of_interrupt(fitted, course, checkpoints)
        training.put_by()
        self._commit(seen, fitted)
        if course.failure is not None:
            raise self._failure(fitted, course) from course.failure

    def _partial_fit(self, X, y):
        """Whatever happens before `_commit` leaves the model as it was."""
        first = "_network" not in vars(self)
        seen = self._copy_for_features()
        # infinities show in the means, which are needed anyway
        rows = self._read_to_learn(seen, X, first, None if first else self._network.dtype, known_means=True)
        rows = self._with_target(rows, y)
        training = self._training_for_chunk(seen, rows, first)
        try:
            with single_threaded_blas():
                loss, auxiliary_loss = training.one_pass(rows, self.batch_size)
                network = training.finish_chunk(rows)
            warn_of_unobserved(network.scaling.observed, getattr(seen, "feature_names_in_", None))
        except BaseException:
            training.undo_chunk()
            raise
        before = {} if first else vars(self)
        n_iter, scores = before.get("n_iter_", 0) + 1, before.get("validation_scores_")
        if scores is not None:  # an epoch that was interrupted has none either
            scores = longer(scores, *[np.nan] * (n_iter - len(scores)))
        losses = {"loss_curve_": loss, "auxiliary_loss_curve_": auxiliary_loss}
        loss_curves = [longer(before.get(name, ()), value) for name, value in losses.items()]
        fitted = fitted_attributes(training, network, max(len(rows), STREAM_ROWS), *loss_curves)
        fitted |= {"_training": training, "n_iter_": n_iter, "validation_scores_": scores}
        if first:
            fitted["pretrain_loss_curves_"] = None
        self._commit(seen, fitted)
        training.close_chunk()

    def _check_validation(self, X_val):
        """Raise where no training of the whole network is there to be watched."""
        if self.pretrain == "layerwise_only" and (self.early_stopping or X_val is not None):
            got, expected = ("X_val", "no X_val") if not self.early_stopping else ("early_stopping=True", "False")
            raise ValueError(
                f"{got} watches the training of the whole network, and pretrain='layerwise_only' has none: got both, "
                f"expected {expected} or pretrain='layerwise'."
            )

    def _fitted_by(self, seen, training, history, n_rows, watches=False, goes_on=True):
        """The attributes of a fit that has ended, by name; warns of what may be amiss.

        `watches` is whether there were held-out rows, and `goes_on` whether a later fit can go on from the moments.
        """
        loss_curves = history.loss_curve, history.auxiliary_loss_curve
        fitted = fitted_attributes(training, training.network, n_rows, *loss_curves)
        warn_of_unobserved(training.network.scaling.observed, getattr(seen, "feature_names_in_", None))
        warn_of_dead_units(training, fitted["dead_fraction_"], n_rows)
        return fitted | {
            "_training": training if goes_on and self.warm_start else None,  # else the moments are of no use
            "_dead_units": training.dead_units,
            "pretrain_loss_curves_": None,
            "validation_scores_": history.validation_scores if watches else None,
            "n_iter_": len(history.loss_curve),
        }

    def _snapshot(self, seen, network, rows):
        """Copies of the fitted attributes, for callbacks that ask for a fitted estimator during the fit."""
        network = network.copy()
        with suppress(ValueError):  # numbers that are not finite: the next epoch reports them
            network.scaling.set_code_scale(*inference.active_mean_square(network, rows), anew=True)
        return {"_network": network, "n_features_in_": seen.n_features_in_}

    def _warn_of_interrupt(self, fitted, course, checkpoints):
        """Warn in the words of scikit-learn's networks."""
        which, n_epochs, left = self._which(fitted, "the last step"), _n_epochs(course), ""
        if checkpoints is not None:
            start = ", of the estimator as it was before," if self.warm_start else ""
            left = f" The same call{start} resumes the fit from {str(checkpoints.folder)!r}."
        warn(
            f"Training interrupted by user in epoch {n_epochs}, after {fitted['n_steps_']} steps: the estimator is "
            f"fitted, with the weights of {which}.{left}"
        )

    def _failure(self, fitted, course):
        """The error of a fit that has diverged after an epoch that ended well."""
        which = self._which(fitted, f"epoch {_n_epochs(course)}, the last one that ended with finite numbers")
        return ValueError(f"{course.failure} The estimator is now fitted with the weights of {which}.")

    def _which(self, fitted, otherwise):
        """Which weights the estimator has after a fit that ended early."""
        scores = fitted["validation_scores_"] if self.early_stopping else None
        return f"epoch {1 + int(np.argmax(scores))}, the one with the best score" if scores else otherwise


def _n_epochs(course):
    """Number of epochs so far, those of layers included."""
    return sum(len(each.loss_curve) for each in course.histories)
