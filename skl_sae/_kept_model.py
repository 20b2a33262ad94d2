"""A parameter that is a fitted estimator, and stays one when its owner is cloned or searched."""

from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator


def unwrapped(model):
    """A model, also where it is given as a ``FrozenEstimator``."""
    while isinstance(model, FrozenEstimator):
        model = model.estimator
    return model


class KeptModelMixin(BaseEstimator):
    """Keeps the parameter that `_kept_model` names as it is, and the parameters of such a model to itself."""

    def __sklearn_clone__(self):
        other, name = super().__sklearn_clone__(), self._kept_model
        if name in vars(self):
            setattr(other, name, getattr(self, name))
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
        params, beginning = super().get_params(deep), f"{self._kept_model}__"
        return {name: value for name, value in params.items() if not name.startswith(beginning)}

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
