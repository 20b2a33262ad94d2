"""How an estimator learns a dictionary: iterations over all of the data, or a chunk of it online."""

from copy import copy

import numpy as np
from sklearn.utils import check_random_state

from ..._callbacks import Epochs
from ..._kernels.blas import single_threaded_blas
from ..._kernels.compiling import announced, tell_of_compiling
from .fitted_dictionary import read
from .learners import has_converged, make_learner, make_online
from .learning_data import learning_data
from .online import Pace


class DictionaryFittingMixin:
    """What stands behind ``fit`` and ``partial_fit``: the attributes change at the end, so an error leaves the old."""

    def _learn(self, X):
        """Iterate over all rows until the loss no longer falls."""
        seen, random_state = copy(self), check_random_state(self.random_state)
        data = learning_data(read(seen, X, reset=True))
        learner = make_learner(self, data, random_state)
        epochs = Epochs(self, X, self.max_iter, lambda: self._fitted(seen, learner.atoms.copy(), []), "iteration")
        losses = []
        told = announced(tell_of_compiling if self.verbose else None)
        with single_threaded_blas(), np.errstate(all="ignore"), told:
            while len(losses) < self.max_iter:
                epochs.start()
                progress = len(losses) / self.max_iter
                losses.append(learner.iterate(progress))
                if self.verbose:
                    print(f"Iteration {len(losses)}, loss = {data.in_its_unit(losses[-1]):.8g}")
                settled = learner.schedule.is_settled(progress)
                if epochs.stop() or (settled and has_converged(losses, self.convergence_tol)):
                    break
            online = learner.go_on_online()
        epochs.close()
        losses = [data.in_its_unit(loss) for loss in losses]
        vars(self).update(self._fitted(seen, learner.atoms, losses, online, data.exponent))
        return self

    def _learn_chunk(self, X):
        """Learn online from rows that need not come again."""
        seen, first = copy(self), "components_" not in vars(self)
        if not first:
            self._validate_params()  # scikit-learn does that before the first chunk alone
        X = read(seen, X, first, *([] if first else [self.components_.dtype]))
        data = learning_data(X, None if first else self._exponent)
        with single_threaded_blas(), np.errstate(all="ignore"):
            online = make_online(self, data, None if first else (self._online, self._exponent))
            loss = online.learn(data, self.batch_size, Pace(self.memory, self.max_share, self.relaxation))
        losses = [*([] if first else self.loss_curve_), data.in_its_unit(loss)]
        vars(self).update(self._fitted(seen, online.atoms, losses, online, data.exponent))
        return self

    def _fitted(self, seen, atoms, losses, online=None, exponent=0):
        """The fitted attributes."""
        names = {name: value for name, value in vars(seen).items() if name.endswith("_in_")}
        fitted = {"components_": atoms, "loss_curve_": losses, "n_iter_": len(losses)}
        return {**names, **fitted, "_online": online, "_exponent": exponent}
