"""Data with a known answer (sparse features in superposition), and MNIST."""

from ._mnist import load_mnist
from ._synthetic import make_sparse_features

__all__ = ["load_mnist", "make_sparse_features"]
