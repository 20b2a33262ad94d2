"""Warnings that point at the caller's line, however deep they arise."""

import sys
import warnings
from pathlib import Path

import sklearn

_INSIDE = str(Path(__file__).parent), str(Path(sklearn.__file__).parent)


def warn(message, category=UserWarning):
    """Warn at the first line outside of this package and of scikit-learn, whose wrappers and pipelines call it."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_INSIDE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
