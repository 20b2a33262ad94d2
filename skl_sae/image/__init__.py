"""Images: what sparse codes of their patches are for."""

from ._coder import SparseImageCoder
from ._sections import CorruptImageError

__all__ = ["CorruptImageError", "SparseImageCoder"]
