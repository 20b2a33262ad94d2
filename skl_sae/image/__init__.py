"""Images: what sparse codes of their patches are for."""

from ._coder import SparseImageCoder

__all__ = ["SparseImageCoder"]
