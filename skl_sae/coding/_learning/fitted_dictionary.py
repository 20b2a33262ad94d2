"""What an estimator with a dictionary does with data: encode, decode, score."""

import numpy as np
from scipy import sparse
from sklearn import get_config
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted, validate_data

from ..._kernels.sparse_structure import check_sparse_structure
from ..._parameters import PlainParametersMixin
from ...metrics import explained_variance
from .residual import decode


class FittedDictionaryMixin(ClassNamePrefixFeaturesOutMixin, TransformerMixin, PlainParametersMixin):
    """Methods of an estimator with `components_` and a method `_coder`, which returns the `Coding` of `transform`."""

    def transform(self, X):
        """Encode.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data. NaN marks a missing value: the code is then that of the observed values.

        Returns
        -------
        codes : {ndarray, CSR matrix} of shape (n_samples, n_components)
            Codes; CSR if `sparse_output`.
        """
        codes = self._encode(self._read(X), self.sparse_output)
        if not self.sparse_output:
            return codes
        kind = sparse.csr_array if get_config().get("sparse_interface") == "sparray" else sparse.csr_matrix
        return kind(codes)

    def inverse_transform(self, X):
        """Decode: the product of codes and `components_`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_components)
            Codes, from ``transform`` or made otherwise.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
            Reconstructions, dense.
        """
        check_is_fitted(self)
        check_sparse_structure(X)
        atoms = self.components_
        codes = check_array(X, accept_sparse="csr", dtype=atoms.dtype, order="C", input_name="X")
        if codes.shape[1] != len(atoms):
            raise ValueError(
                f"X has {codes.shape[1]} columns, but inverse_transform expects {len(atoms)}, one an atom."
            )
        return self._decode(sparse.csr_array(codes))

    def score(self, X, y=None):
        """Explained variance of the reconstruction: R2 weighted by the variance of the features.

        One minus the ratio of two sums: of squared errors, and of squared distances from the mean of X. Both run over
        the observed values. Codes with more entries score higher: compare scores at equal sparsity.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.
        y : None
            Ignored.

        Returns
        -------
        score : float
            At most 1.0.
        """
        X = self._read(X)
        return explained_variance(X, self._decode(self._encode(X, True)))

    def _read(self, X):
        """Check X against the fit, and return it in the type of the dictionary."""
        check_is_fitted(self)
        return read(self, X, reset=False, dtype=self.components_.dtype)

    def _encode(self, X, sparse_output):
        return self._coder().encode_array(X, self.components_, sparse_output)

    def _decode(self, codes):
        out = np.zeros((codes.shape[0], self.components_.shape[1]), self.components_.dtype)
        decode(codes, self.components_, out)
        return out

    @property
    def _n_features_out(self):
        return len(self.components_)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def read(estimator, X, reset, dtype=(np.float64, np.float32)):
    """Validate data: dense with NaN, or CSR with finite numbers."""
    check_sparse_structure(X)
    finite = True if sparse.issparse(X) else "allow-nan"
    return validate_data(
        estimator, X, accept_sparse="csr", dtype=dtype, order="C", ensure_all_finite=finite, reset=reset
    )
