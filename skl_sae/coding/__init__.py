"""Sparse coding: codes found by optimisation, with a dictionary that is fixed or learned."""

from ._basis_pursuit import basis_pursuit
from ._certificate import RecoveryCertificate
from ._coherence import mutual_coherence
from ._ksvd import KSVD
from ._recovery import SparseRecovery
from ._recovery_autoencoder import SparseRecoveryAutoencoder
from ._sparse_encode import sparse_encode

__all__ = [
    "KSVD",
    "RecoveryCertificate",
    "SparseRecovery",
    "SparseRecoveryAutoencoder",
    "basis_pursuit",
    "mutual_coherence",
    "sparse_encode",
]
