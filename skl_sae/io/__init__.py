"""Models in files: those of this library, and exchange with others."""

from ._errors import ModelFileError
from ._formats import load, save

__all__ = ["ModelFileError", "load", "save"]
