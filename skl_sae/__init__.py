"""Sparse autoencoders for scikit-learn."""

from ._autoencoder import SparseAutoencoder
from ._imputer import SparseAutoencoderImputer

__all__ = ["SparseAutoencoder", "SparseAutoencoderImputer"]
__version__ = "0.1.0"
