"""Warnings that point at the caller's line, however deep they arise."""

import os
import sys
import warnings
from pathlib import Path

import joblib
import sklearn

_INSIDE = tuple(str(Path(path).parent) + os.sep for path in (__file__, sklearn.__file__, joblib.__file__))


def warn(message, category=UserWarning):
    """Warn at the first line outside of this package, of scikit-learn and of joblib, whose pipelines call it."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_INSIDE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
