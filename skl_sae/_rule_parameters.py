"""Parameters of a rule that is given by name."""

from sklearn.base import BaseEstimator

from .sparsity import RULES, BaseSparsity


class RuleParametersMixin(BaseEstimator):
    """Lets the parameters of ``sparsity="topk"`` be got, set and searched as if it were the object ``TopK()``."""

    def get_params(self, deep=True):
        """Get parameters; with `deep`, those of a rule given by name too.

        Parameters
        ----------
        deep : bool, default=True
            Whether to return the parameters of the rule, as ``sparsity__name``.

        Returns
        -------
        params : dict
            Parameter names mapped to their values.
        """
        params = super().get_params(deep)
        if deep and isinstance(self.sparsity, str) and self.sparsity in RULES:
            rule = RULES[self.sparsity]()
            params.update({f"sparsity__{name}": value for name, value in rule.get_params().items()})
        return params

    def set_params(self, **params):
        """Set parameters; ``sparsity__name`` turns a rule given by name into the rule object first.

        Parameters
        ----------
        **params : dict
            Parameter names mapped to their values.

        Returns
        -------
        self : object
            The estimator.
        """
        nested = [name for name in params if name.startswith("sparsity__")]
        if nested:
            rule = params.get("sparsity", self.sparsity)
            if isinstance(rule, str) and rule in RULES:
                params = {**params, "sparsity": RULES[rule]()}
            elif not isinstance(rule, BaseSparsity):
                raise ValueError(
                    f"Got {nested[0]} with sparsity={rule!r}, which has no parameters; set `sparsity` too."
                )
        return super().set_params(**params)
