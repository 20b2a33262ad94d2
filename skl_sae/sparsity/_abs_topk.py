"""AbsTopK: the entries of a row that are largest in size keep their sign."""

from .._kernels.kernel import recordable
from ._topk import TopK, select_largest


class AbsTopK(TopK):
    r"""The k units of each row with the largest absolute pre-activations, which keep their sign; the others are zero.

    :math:`f = \mathrm{act}(a) \odot 1[\,|a| \text{ among the } k \text{ largest of its row}]`. Codes are signed: a unit
    stands for a direction of the data, forwards and backwards, where :class:`TopK` needs two units. Ties go to the unit
    of lower index, and zeros are not kept. The activation is the identity, or "tanh" for codes between -1 and 1; the
    others have no sign.

    Parameters
    ----------
    k : int, float or None, default=None
        Number of units kept: an int of at least 1, or a float in (0, 1], a fraction of the units. More than there are
        units means all of them. None means ``max(1, min(32, n_components // 8))``.
    transform_k : int, float or None, default=None
        Number of units kept by ``transform``, read like `k`. None means `k`. ``score`` always uses `k`.

    Attributes
    ----------
    k_, transform_k_ : int
        Numbers of units kept in the training and by ``transform``, resolved.

    References
    ----------
    Zhu, Khalili & Zhu, *AbsTopK: Rethinking Sparse Autoencoders For Bidirectional Features*, 2025, arXiv:2510.00404.

    Examples
    --------
    >>> import numpy as np
    >>> from skl_sae.sparsity import AbsTopK, StepContext
    >>> rule = AbsTopK(2)
    >>> own_parameters = rule.initialize(4, "identity")
    >>> (code,) = rule.encode(np.array([[0.5, 2.0, -3.0, 1.0]]), None, StepContext("identity"))
    >>> code.index, code.values
    (array([[1, 2]], dtype=int32), array([[ 2., -3.]]))
    """

    default_activation = "identity"
    signed = True

    def initialize(self, n_units, activation):
        """Check the activation, and resolve the numbers of units."""
        if activation not in ("identity", "tanh"):
            raise ValueError(
                f"AbsTopK keeps the sign of pre-activations: expected activation='identity' or 'tanh', got "
                f"{activation!r}. For codes that are not negative use TopK."
            )
        return super().initialize(n_units, activation)

    @recordable
    def encode(self, a, p, step):
        """Keep the k of each row that are largest in size."""
        return [select_largest(a, self.k_, step, signed=True)]
