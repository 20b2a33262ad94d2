"""Output with the columns of the input, in the container that ``set_output`` asks for."""

from scipy import sparse
from sklearn import get_config
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils._set_output import _get_output_config

from .._kernels.memory import read_only


def csr_kind():
    """The kind of CSR that scikit-learn's configuration asks for: arrays or matrices."""
    return sparse.csr_array if get_config().get("sparse_interface") == "sparray" else sparse.csr_matrix


def unwritable(weights):
    """Weights, an array or CSR, so that writing to them fails: the model would not see the change."""
    if not sparse.issparse(weights):
        return read_only(weights)
    weights = csr_kind()(weights)
    for array in (weights.data, weights.indices, weights.indptr):
        array.flags.writeable = False
    return weights


class _HandedOn(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """A transformer that returns a given array, so that scikit-learn puts it into the container."""

    def __init__(self, array):
        self.array = array

    def fit(self, X, y=None):
        """Do nothing. scikit-learn asks for the feature names of objects with this method only."""
        return self

    def __sklearn_is_fitted__(self):
        return True

    def transform(self, X):
        return self.array


def like_the_input(estimator, X, array):
    """Put an array that has the rows and features of X into the container of ``estimator.set_output``.

    Parameters
    ----------
    estimator : estimator
        A fitted estimator.
    X : {array-like, DataFrame, sparse matrix}
        What was passed to the estimator's method; a DataFrame's index is kept.
    array : {ndarray, sparse matrix} of shape (n_samples, n_features)
        The result.

    Returns
    -------
    result : {ndarray, sparse matrix, DataFrame}
        The array itself, if the output is not configured.
    """
    if not hasattr(estimator, "set_output"):  # a class may switch it off
        return array
    handed_on = _HandedOn(array)
    for name in ("n_features_in_", "feature_names_in_"):
        if hasattr(estimator, name):
            setattr(handed_on, name, getattr(estimator, name))
    return handed_on.set_output(transform=_get_output_config("transform", estimator)["dense"]).transform(X)
