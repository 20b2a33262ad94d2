"""A parameter that is a fitted estimator, and stays one when its owner is cloned or searched."""

from sklearn.base import BaseEstimator

from ._source import unwrapped


class KeptSourceMixin(BaseEstimator):
    """Keeps `source` as it is, and its parameters to itself."""

    def __sklearn_clone__(self):
        other = super().__sklearn_clone__()
        other.source = self.source
        return other

    def get_params(self, deep=True):
        """Get the parameters of the transfer; those of the source are not among them.

        Parameters
        ----------
        deep : bool, default=True
            Ignored.

        Returns
        -------
        params : dict
            Parameter names mapped to their values.
        """
        return super().get_params(deep=False)

    def set_params(self, **params):
        """Set parameters of the transfer.

        Parameters
        ----------
        **params : dict
            Parameter names mapped to their values. There is none of the source.

        Returns
        -------
        self : object
            The transfer.
        """
        nested = [name for name in params if name.startswith("source__")]
        if nested:
            raise ValueError(
                f"Got {nested[0]}: the source is fitted, and its parameters could not change what it has learned. Fit "
                "another source, and set `source`; or set them before: transfer.source.set_params(...)."
            )
        return super().set_params(**params)

    @property
    def _given(self):
        """The fitted source."""
        return unwrapped(self.source)
