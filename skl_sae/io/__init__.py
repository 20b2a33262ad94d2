"""Models in files: those of this library, and exchange with others."""

from ._errors import ModelFileError
from ._formats import load, save
from ._onnx import to_onnx

__all__ = ["ModelFileError", "load", "save", "to_onnx"]
