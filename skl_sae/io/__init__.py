"""Models in files: those of this library, and exchange with others."""

from ._errors import ModelFileError
from ._formats import load, save
from ._onnx import to_onnx
from ._target_l0 import meet_target_l0

__all__ = ["ModelFileError", "load", "meet_target_l0", "save", "to_onnx"]
