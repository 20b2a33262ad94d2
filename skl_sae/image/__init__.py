"""What sparse codes do for images."""

from ._retrieval import ImageRetrieval

__all__ = ["ImageRetrieval"]
