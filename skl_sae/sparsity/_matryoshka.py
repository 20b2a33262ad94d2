"""Matryoshka: the first units alone must reconstruct the data too."""

from .._kernels.kernel import recordable
from .._model.codes import Decoding
from .._parameters import is_number, plain_list
from ._base import BaseSparsity
from ._batch_topk import BatchTopK
from ._names import RuleParametersMixin


class Matryoshka(RuleParametersMixin, BaseSparsity):
    r"""The codes of another rule, reconstructed from several prefixes of the units.

    :math:`L = \sum_g w_g \|x - \hat x^{(g)}\|^2`, with :math:`\hat x^{(g)}` decoded from the first :math:`m_g` units.
    So the first units learn what is common, and later ones what is special, and they are less inclined to absorb a
    general feature into special ones.

    Parameters
    ----------
    rule : str, BaseSparsity or None, default=None
        The inner rule, which makes the codes: a name, as for ``SparseAutoencoder(sparsity=...)``, or an object. None
        means :class:`BatchTopK`. Its parameters can be set and searched in each case: ``set_params(rule__k=8)``.
    prefixes : tuple of float, default=(1/16, 1/8, 1/4, 1/2, 1)
        Ends of the prefixes as fractions of the units: ascending, the last one 1. Prefixes that round to the same
        number of units are merged.
    weights : tuple of float or None, default=None
        Weight of each reconstruction. None gives all the same; they are scaled to a sum of 1.

    Attributes
    ----------
    rule_ : BaseSparsity
        The inner rule that was used; its own fitted attributes, as ``rule_.threshold_``, are those of the code.
    prefixes_ : list of tuple of (int, float)
        The end of each prefix, a number of units, and its weight.

    References
    ----------
    Bussmann, Nabeshima, Karvonen & Nanda, *Learning Multi-Level Features with Matryoshka Sparse Autoencoders*, 2025,
    arXiv:2503.17547.

    Examples
    --------
    >>> from skl_sae.sparsity import Matryoshka, TopK
    >>> Matryoshka(TopK(16), prefixes=(0.25, 1.0))
    Matryoshka(prefixes=(0.25, 1.0), rule=TopK(k=16))
    >>> Matryoshka("topk").set_params(rule__k=16)
    Matryoshka(rule=TopK(k=16))
    """

    _named_parameters = ("rule",)
    _none_stands_for = BatchTopK

    def __init__(self, rule=None, prefixes=(1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0), weights=None):
        self.rule, self.prefixes, self.weights = rule, prefixes, weights

    @property
    def scope(self):
        """What the inner rule must see at once."""
        return self.rule_.scope

    @property
    def unit_norm(self):
        """Whether the inner rule keeps the decoder's rows at norm one."""
        return self.rule_.unit_norm

    @property
    def initial_bias(self):
        """The inner rule's."""
        return self.rule_.initial_bias

    @property
    def dead_units(self):
        """The inner rule's."""
        return self.rule_.dead_units

    @property
    def default_activation(self):
        """The inner rule's."""
        return self._new_rule("rule").default_activation

    @property
    def calibrates(self):
        """The inner rule's."""
        return self._new_rule("rule").calibrates

    @property
    def shrinks(self):
        """The inner rule's."""
        return self.rule_.shrinks

    @property
    def signed(self):
        """The inner rule's."""
        return self.rule_.signed

    def initialize(self, n_units, activation):
        """Check the prefixes, and initialize the inner rule."""
        rule = self._new_rule("rule")
        if isinstance(rule, Matryoshka):
            raise ValueError("Matryoshka cannot wrap another Matryoshka; give all prefixes to one.")
        prefixes = plain_list(self.prefixes)
        weights = [1.0] * len(prefixes) if self.weights is None else plain_list(self.weights)
        valid = all(is_number(each) and 0 <= each <= 1 for each in prefixes)
        if not prefixes or not valid or sorted(prefixes) != prefixes or prefixes[-1] != 1:
            raise ValueError(f"Matryoshka: got prefixes={self.prefixes}, expected ascending fractions that end at 1.")
        if len(weights) != len(prefixes) or not all(is_number(each) and each > 0 for each in weights):
            raise ValueError(
                f"Matryoshka: got weights={self.weights}, expected {len(prefixes)} positive numbers, one a prefix."
            )
        merged, total = {}, sum(weights)
        for prefix, weight in zip(prefixes, weights, strict=True):
            stop = round(prefix * n_units)
            merged[stop] = merged.get(stop, 0.0) + weight / total
        self.prefixes_ = list(merged.items())
        self.rule_ = rule
        return rule.initialize(n_units, activation)

    def records(self, hook):
        """Tell whether a hook is recorded: this one and the inner rule's."""
        return super().records(hook) and self.rule_.records(hook)

    @recordable
    def encode(self, a, p, step):
        """Return the codes of the inner rule, to be read at every prefix."""
        codes = self.rule_.encode(a, p, step)
        for code in codes:
            code.decoding = Decoding(self.prefixes_, frozen=code.decoding.frozen)
        return codes

    @recordable
    def penalty(self, codes, p, g, step):
        """Delegate to the inner rule."""
        return self.rule_.penalty(codes, p, g, step)

    @recordable
    def backward(self, codes, p, g, step):
        """Delegate to the inner rule."""
        return self.rule_.backward(codes, p, g, step)

    def after_step(self, codes, p, step):
        """Delegate to the inner rule."""
        self.rule_.after_step(codes, p, step)

    def after_fit(self, tiles, p):
        """Delegate to the inner rule."""
        self.rule_.after_fit(tiles, p)

    def after_chunk(self, tiles, p):
        """Delegate to the inner rule."""
        self.rule_.after_chunk(tiles, p)

    def scored(self):
        """Return this rule, or what the inner rule names instead of itself."""
        inner = self.rule_.scored()
        return self if inner is self.rule_ else inner

    def publish(self, p, unit):
        """Let the inner rule, `rule_`, have its fitted attributes."""
        self.rule_.publish(p, unit)

    def deployed(self):
        """Return what the inner rule deploys."""
        return self.rule_.deployed()
