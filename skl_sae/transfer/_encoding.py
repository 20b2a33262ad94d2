"""What a fitted transfer does with data: it checks their features, and lets its estimator encode, decode and score."""

from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from .._kernels.sparse_structure import check_sparse_structure
from ._as_it_is import AnyTransfer


def encoder_has(name):
    """Whether what encodes has a method; before the fit that is the source."""

    def check(self):
        getattr(vars(self).get("estimator_", self._given), name)
        return True

    return check


class EncodingMixin(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Methods of a transfer with `estimator_`; before the fit, the source says which of them there are."""

    def _read(self, X, reset=False):
        """Check shape and features of X; its values are checked where they are read."""
        if isinstance(self._kind, AnyTransfer):
            validate_data(self, X, reset=reset, skip_check_array=True)
            return X
        check_sparse_structure(X)
        return validate_data(self, X, accept_sparse="csr", dtype="numeric", ensure_all_finite=False, reset=reset)

    @property
    def n_iter_(self):
        """Number of epochs or iterations."""
        if "estimator_" not in vars(self):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute 'n_iter_' before fit.")
        return getattr(self.estimator_, "n_iter_", 1)

    @property
    def _n_features_out(self):
        return self.estimator_._n_features_out

    def get_feature_names_out(self, input_features=None):
        """Get names of the codes: of an autoencoder or a dictionary numbered, of another source those that it gives.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Checked against the features seen by ``fit``.

        Returns
        -------
        feature_names_out : ndarray of str
            One a column of what ``transform`` returns.
        """
        check_is_fitted(self)
        if isinstance(self._kind, AnyTransfer):
            return self.estimator_.get_feature_names_out(input_features)
        return super().get_feature_names_out(input_features)

    def transform(self, X):
        """Encode.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data with the features of the target.

        Returns
        -------
        codes : {ndarray, CSR matrix} of shape (n_samples, n_components)
            Codes; CSR if the source's `sparse_output` says so. With ``mode="extend"`` those of new units come last.
        """
        check_is_fitted(self)
        return self.estimator_.transform(self._read(X))

    @available_if(encoder_has("inverse_transform"))
    def inverse_transform(self, X):
        """Decode, if the source can.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_components)
            Codes, from ``transform`` or made otherwise.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
            Reconstructions.
        """
        check_is_fitted(self)
        return self.estimator_.inverse_transform(X)

    @available_if(encoder_has("reconstruct"))
    def reconstruct(self, X):
        """Encode and decode, if the source can: with as many active units as in the training.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data with the features of the target.

        Returns
        -------
        X_reconstructed : ndarray of shape (n_samples, n_features)
            Reconstructions.
        """
        check_is_fitted(self)
        return self.estimator_.reconstruct(self._read(X))

    @available_if(encoder_has("score"))
    def score(self, X, y=None):
        """Explained variance of the reconstruction, or what else the source's ``score`` is.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data with the features of the target.
        y : array-like, optional
            Handed to the ``score`` of `estimator_`.

        Returns
        -------
        score : float
            Of an autoencoder or a dictionary, at most 1.0.
        """
        check_is_fitted(self)
        return self.estimator_.score(self._read(X), y)
