"""Sparse coding: codes found by optimisation, with a dictionary that is fixed or learned."""

from ._sparse_encode import sparse_encode

__all__ = ["sparse_encode"]
