"""A parameter that is a fitted estimator, and stays one when its owner is cloned or searched."""

from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator
from sklearn.utils._param_validation import InvalidParameterError


def unwrapped(model):
    """A model, also where it is given as a ``FrozenEstimator``."""
    while isinstance(model, FrozenEstimator):
        model = model.estimator
    return model


def holds(model, wanted):
    """Whether a model is the wanted object, or has it among its parameters, at any depth; circles are no trouble."""
    left, seen = [model], set()
    while left:
        each = left.pop()
        if each is wanted:
            return True
        if id(each) in seen or isinstance(each, type):
            continue
        seen.add(id(each))
        if isinstance(each, list | tuple):  # the steps of a pipeline
            left.extend(each)
        elif hasattr(each, "get_params"):
            left.extend(each.get_params(deep=False).values())
    return False


class KeptModelMixin(BaseEstimator):
    """Keeps the parameter that `_kept_model` names as it is, and the parameters of such a model to itself.

    Clones and parameters are made without a look into the model: it may hold this estimator, or be it.
    """

    def _validate_params(self):
        kept = self._kept_model
        if unwrapped(vars(self).get(kept)) is self:
            raise InvalidParameterError(
                f"The {kept!r} parameter of {type(self).__name__} is the estimator itself: expected another object, "
                "which stays as it is when this one is fitted. Give a copy, as by copy.deepcopy."
            )
        super()._validate_params()

    def __sklearn_clone__(self):
        without, kept = object.__new__(type(self)), self._kept_model
        vars(without).update({name: value for name, value in vars(self).items() if name != kept})
        if kept in vars(self):
            vars(without)[kept] = None
        other = super(KeptModelMixin, without).__sklearn_clone__()
        if kept in vars(self):
            setattr(other, kept, vars(self)[kept])
        return other

    def get_params(self, deep=True):
        """Get parameters; those of a fitted model that is a parameter itself are not among them.

        Parameters
        ----------
        deep : bool, default=True
            Whether to return the parameters of nested objects, as ``sparsity__name``.

        Returns
        -------
        params : dict
            Parameter names mapped to their values.
        """
        params = super().get_params(deep=False)
        others = {name: value for name, value in params.items() if name != self._kept_model} if deep else {}
        for name, value in others.items():
            if hasattr(value, "get_params") and not isinstance(value, type):
                params.update({f"{name}__{key}": each for key, each in value.get_params().items()})
        return params

    def set_params(self, **params):
        """Set parameters.

        Parameters
        ----------
        **params : dict
            Parameter names mapped to their values. There is none of a fitted model that is a parameter itself.

        Returns
        -------
        self : object
            The estimator.
        """
        kept = self._kept_model
        nested = [name for name in params if name.startswith(f"{kept}__")]
        if nested:
            raise ValueError(
                f"Got {nested[0]}: the model given as `{kept}` is fitted, and its parameters could not change what it "
                f"has learned. Fit another one, and set `{kept}`; or set them before: model.{kept}.set_params(...)."
            )
        return super().set_params(**params)
