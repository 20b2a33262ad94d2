"""Predictions as numbers, whatever the predictor is."""

from itertools import combinations

import numpy as np
from sklearn.base import is_classifier, is_clusterer, is_outlier_detector

_SEVERAL = "Got a classifier of several targets; expected one target. Pass its estimators one by one."
METHODS = ("predict_proba", "decision_function", "predict")


class Response:
    """The output of a fitted predictor as an array (n_rows, n_outputs).

    Parameters
    ----------
    predictor : object
        Fitted.
    method : str
        One of `METHODS`, or "auto".
    """

    def __init__(self, predictor, method):
        if method != "auto" and method not in METHODS:
            raise ValueError(f"Got response_method={method!r}; expected 'auto' or one of {', '.join(METHODS)}.")
        found = [name for name in (METHODS if method == "auto" else [method]) if hasattr(predictor, name)]
        if not found:
            raise TypeError(
                f"{type(predictor).__name__} has no {' or '.join(METHODS if method == 'auto' else [method])}; "
                "expected a fitted predictor."
            )
        self.predictor, self.method = predictor, found[0]
        self.classes = getattr(predictor, "classes_", None) if is_classifier(predictor) else None
        if isinstance(self.classes, list):
            raise ValueError(_SEVERAL)
        if is_clusterer(predictor):
            raise TypeError(
                "Got a clusterer, whose predictions are numbers of clusters; expected a classifier, a regressor or an "
                "outlier detector. A classifier that has learned the clusters as labels will do."
            )
        self.decides = self.classes is not None or is_outlier_detector(predictor)

    def __call__(self, rows):
        """Return the output, and what `predict` says of each row, or None of a regressor.

        The class of the largest output is not always the one that is predicted: thresholds may be tuned, and outputs
        may be of pairs of classes.
        """
        found = getattr(self.predictor, self.method)(rows)
        decisions = None
        if self.decides:
            decisions = np.asarray(found if self.method == "predict" else self.predictor.predict(rows))
            if decisions.ndim > 1:
                raise ValueError(_SEVERAL)
        if self.classes is not None and self.method == "predict":
            return (decisions[:, None] == self.classes).astype(np.float64), decisions
        out = np.asarray(found, dtype=np.float64)
        return (out[:, None] if out.ndim == 1 else out), decisions

    def outputs(self, n_outputs):
        """Return what each output stands for."""
        if self.method == "decision_function" and n_outputs > 1 and _votes(self.predictor):
            return np.array([f"{a} against {b}" for a, b in combinations(self.classes, 2)], dtype=object)
        if self.classes is not None and n_outputs == len(self.classes):
            return np.asarray(self.classes)
        if self.classes is not None and n_outputs == 1 and len(self.classes) == 2:
            return np.asarray(self.classes)[1:]
        if n_outputs == 1:
            return np.array(["prediction" if self.method == "predict" else self.method], dtype=object)
        return np.array([f"output {i}" for i in range(n_outputs)], dtype=object)


def _votes(predictor):
    """Whether outputs are of pairs of classes."""
    predictor = getattr(predictor, "best_estimator_", predictor)
    if hasattr(predictor, "steps"):
        return _votes(predictor.steps[-1][1])
    return getattr(predictor, "decision_function_shape", None) == "ovo"
