"""Sparse coding: codes found by optimisation, with a dictionary that is fixed or learned."""

from ._recovery_autoencoder import SparseRecoveryAutoencoder
from ._sparse_encode import sparse_encode

__all__ = ["SparseRecoveryAutoencoder", "sparse_encode"]
