"""Sparsity rules: which units of a code are active, and what that costs."""

from .._kernels.kernel import recordable
from .._model.context import StepContext
from ._abs_topk import AbsTopK
from ._base import BaseSparsity
from ._batch_topk import BatchTopK
from ._gated import Gated
from ._jumprelu import JumpReLU
from ._matryoshka import Matryoshka
from ._names import RULES
from ._penalties import L1, KLDivergence
from ._topk import LifetimeTopK, TopK

# One row a rule, by the name that ``SparseAutoencoder(sparsity=...)`` and ``Matryoshka(...)`` accept.
RULES |= {
    "abs_topk": AbsTopK,
    "batch_topk": BatchTopK,
    "gated": Gated,
    "jumprelu": JumpReLU,
    "kl": KLDivergence,
    "l1": L1,
    "lifetime_topk": LifetimeTopK,
    "matryoshka": Matryoshka,
    "topk": TopK,
}

__all__ = [
    "L1",
    "RULES",
    "AbsTopK",
    "BaseSparsity",
    "BatchTopK",
    "Gated",
    "JumpReLU",
    "KLDivergence",
    "LifetimeTopK",
    "Matryoshka",
    "StepContext",
    "TopK",
    "recordable",
]
