"""Sparse autoencoders for scikit-learn."""

from ._autoencoder import SparseAutoencoder
from ._imputer import SparseAutoencoderImputer
from ._version import __version__ as __version__

__all__ = ["SparseAutoencoder", "SparseAutoencoderImputer"]
