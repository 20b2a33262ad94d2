"""Smaller models: fewer weights, fewer bits for each, and what that costs."""

from ._prune import prune
from ._quantize import quantize
from ._report import compression_report

__all__ = ["compression_report", "prune", "quantize"]
