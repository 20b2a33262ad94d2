"""Sparse autoencoders for scikit-learn."""

from ._autoencoder import SparseAutoencoder

__all__ = ["SparseAutoencoder"]
__version__ = "0.1.0"
