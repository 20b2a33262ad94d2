"""Images: what sparse codes of their patches, or of whole images, are for."""

from ._coder import SparseImageCoder
from ._retrieval import ImageRetrieval
from ._sections import CorruptImageError

__all__ = ["CorruptImageError", "ImageRetrieval", "SparseImageCoder"]
