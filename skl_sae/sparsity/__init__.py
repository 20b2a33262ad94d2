"""Sparsity rules: which units of a code are active, and what that costs."""

from ._base import BaseSparsity
from ._penalties import L1, KLDivergence
from ._topk import TopK

#: The rules by the names that ``SparseAutoencoder(sparsity=...)`` accepts.
RULES = {
    "kl": KLDivergence,
    "l1": L1,
    "topk": TopK,
}

__all__ = ["L1", "RULES", "BaseSparsity", "KLDivergence", "TopK"]
