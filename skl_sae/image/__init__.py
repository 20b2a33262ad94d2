"""Images: what sparse codes of their patches, or of whole images, are for."""

from ._coder import SparseImageCoder
from ._retrieval import ImageRetrieval

__all__ = ["ImageRetrieval", "SparseImageCoder"]
