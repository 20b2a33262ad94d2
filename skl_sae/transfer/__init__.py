"""Transfer: what was learned from one data set, used on another one."""

from ._sparse_transfer import SparseTransfer

__all__ = ["SparseTransfer"]
