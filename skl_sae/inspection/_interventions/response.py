"""Predictions as numbers, whatever the predictor is."""

import numpy as np
from sklearn.base import is_classifier, is_outlier_detector

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
            raise ValueError(
                "Got a classifier of several targets; expected one target. Pass its estimators one by one."
            )
        self.decides = self.classes is not None or is_outlier_detector(predictor)

    def __call__(self, rows):
        """Predict."""
        out = getattr(self.predictor, self.method)(rows)
        if self.classes is not None and self.method == "predict":
            return (np.asarray(out)[:, None] == self.classes).astype(np.float64)
        out = np.asarray(out, dtype=np.float64)
        return out[:, None] if out.ndim == 1 else out

    def decisions(self, out):
        """Return an int a row: the class that the output stands for."""
        return np.argmax(out, axis=1) if out.shape[1] > 1 else (out[:, 0] > 0).astype(np.intp)

    def outputs(self, n_outputs):
        """Return what each output stands for."""
        if self.classes is not None and n_outputs == len(self.classes):
            return np.asarray(self.classes)
        if self.classes is not None and n_outputs == 1 and len(self.classes) == 2:
            return np.asarray(self.classes)[1:]
        if n_outputs == 1:
            return np.array(["prediction" if self.method == "predict" else self.method], dtype=object)
        return np.array([f"output {i}" for i in range(n_outputs)], dtype=object)
