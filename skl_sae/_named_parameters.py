"""Parameters that stand for an object, by a name or by None."""

from sklearn.base import BaseEstimator


class NamedParametersMixin(BaseEstimator):
    """Lets the parameters of an object be got, set and searched where the object is only named.

    ``sparsity="topk"`` then has ``sparsity__k``, as ``sparsity=TopK()`` has. A class lists such parameters in
    `_named_parameters` and says in `_stand_in` what they stand for.
    """

    _named_parameters = ()

    def _stand_in(self, name, value):
        """Make the object that the value of a parameter stands for; a value that stands for none is returned."""
        return value

    def _check_named(self, name, value):
        """Raise where a value is none that the parameter may have."""

    def _validate_params(self):
        for name in self._named_parameters:
            self._check_named(name, getattr(self, name))
        super()._validate_params()

    def get_params(self, deep=True):
        """Get parameters; with `deep`, those of objects that are given by name too.

        Parameters
        ----------
        deep : bool, default=True
            Whether to return the parameters of nested objects, as ``sparsity__name``.

        Returns
        -------
        params : dict
            Parameter names mapped to their values.
        """
        params = super().get_params(deep)
        if deep:
            # A subclass may lack the parameter, so look among those that it has.
            for name in [name for name in self._named_parameters if name in params]:
                target = self._stand_in(name, params[name])
                if target is not params[name]:
                    params.update({f"{name}__{key}": value for key, value in target.get_params().items()})
        return params

    def set_params(self, **params):
        """Set parameters; ``sparsity__name`` turns a rule given by name into the rule object first.

        Parameters
        ----------
        **params : dict
            Parameter names mapped to their values, in any order.

        Returns
        -------
        self : object
            The estimator.
        """
        own = self.get_params(deep=False)
        for name in [name for name in self._named_parameters if name in own]:
            nested = [key for key in params if key.startswith(f"{name}__")]
            if not nested:
                continue
            value = params.get(name, own[name])
            target = self._stand_in(name, value)
            if isinstance(target, type) or not hasattr(target, "set_params"):
                self._check_named(name, value)
                raise ValueError(f"Got {nested[0]} with {name}={value!r}, which has no parameters; set `{name}` too.")
            if target is not value:
                # Set before it is attached: a parameter that the object lacks leaves all as it was.
                target.set_params(**{key.removeprefix(f"{name}__"): params[key] for key in nested})
                params = {**{key: params[key] for key in params if key not in nested}, name: target}
        return super().set_params(**params)
