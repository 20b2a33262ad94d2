"""Sparse coding and dictionary learning: codes that are found by optimisation instead of by an encoder."""

from ._ksvd import KSVD

__all__ = ["KSVD"]
