"""Signals from few measurements, with a fixed dictionary."""

import numpy as np
from scipy import sparse
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin, _fit_context
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import validate_data

from .._doc_link import DocLinkMixin
from .._kernels.sparse_structure import check_sparse_structure
from .._parameters import PlainParametersMixin, check_named_array, integer, real
from ..metrics import explained_variance
from ._certificate import certify
from ._refit import refit
from ._sparse_encode import CODERS, sparse_encode


class SparseRecovery(DocLinkMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin, PlainParametersMixin):
    r"""Recover sparse codes, and the signals that they make, from linear measurements.

    A row of measurements is :math:`y = A x + e`, of a signal :math:`x = z D` whose code z has few entries that are not
    zero. A is the measurement matrix, D the dictionary, with one atom a row, and e is noise. ``transform`` finds z with
    the measured atoms :math:`D A^\top`, ``reconstruct`` the signal x. Nothing is learned: ``fit`` checks that
    shapes agree, and ``transform`` may be called without it.

    Read more in the :ref:`user guide <guide_sparse_coding>`.

    Parameters
    ----------
    dictionary : array-like of shape (n_components, n_features) or None, default=None
        D, one atom a row. None means that the signals themselves are sparse.

    measurement_matrix : array-like of shape (n_measurements, n_features) or None, default=None
        A. None means that the signals themselves are measured.

    algorithm : str, default="omp"
        The algorithm of :func:`sparse_encode`, such as "omp" (orthogonal matching pursuit), "lasso" or
        "basis_pursuit".

    n_nonzero_coefs : int or None, default=None
        Number of entries of a code that are not zero, for the algorithms that ask for it; see :func:`sparse_encode`.

    tol : float or None, default=None
        When a code is good enough: "omp" stops where the squared norm of the residual is at most `tol`;
        "basis_pursuit" allows a residual of norm `tol`, by default none; see :func:`sparse_encode`.

    alpha : float or None, default=None
        Weight of the l1 norm for "lasso" and "fista"; None means 1.

    positive : bool, default=False
        Whether codes are non-negative.

    polish : bool, default=False
        Whether the coefficients of a code are replaced by those of least squares on its support. This undoes the
        shrinkage of the l1 norm.

    transform_max_iter : int, default=10000
        Largest number of iterations of ``transform``, for the algorithms that iterate.

    sparse_output : bool, default=False
        Whether ``transform`` returns CSR.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        The dictionary; the identity if there is none.

    atoms_ : ndarray of shape (n_components, n_measurements)
        The atoms as they are measured, ``components_ @ measurement_matrix.T``.

    n_features_in_ : int
        Number of measurements of a signal.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the measurements, where the data has names that are all strings.

    See Also
    --------
    sparse_encode : The codes alone.
    basis_pursuit : The algorithm of the smallest l1 norm.
    mutual_coherence : How alike atoms are, which bounds what can be recovered.
    sklearn.decomposition.SparseCoder : Codes with a fixed dictionary, without measurements.

    References
    ----------
    J. Tropp, *Greed is Good: Algorithmic Results for Sparse Approximation*, IEEE Transactions on Information Theory 50,
    2004.

    Examples
    --------
    >>> import numpy as np
    >>> from skl_sae.coding import SparseRecovery
    >>> rng = np.random.default_rng(0)
    >>> A = rng.standard_normal((30, 80))
    >>> X = np.zeros((5, 80))
    >>> X[:, [7, 40, 63]] = rng.choice([-1.0, 1.0], (5, 3))
    >>> model = SparseRecovery(measurement_matrix=A, n_nonzero_coefs=3)
    >>> bool(np.allclose(model.fit(X @ A.T).reconstruct(X @ A.T), X))
    True
    """

    _parameter_constraints = {
        "dictionary": ["array-like", None],
        "measurement_matrix": ["array-like", None],
        "algorithm": [StrOptions({*CODERS})],
        "n_nonzero_coefs": [integer(), None],
        "tol": [real(0, None, closed="left"), None],
        "alpha": [real(0, None, closed="left"), None],
        "positive": ["boolean"],
        "polish": ["boolean"],
        "transform_max_iter": [integer()],
        "sparse_output": ["boolean"],
    }

    def __init__(
        self,
        dictionary=None,
        *,
        measurement_matrix=None,
        algorithm="omp",
        n_nonzero_coefs=None,
        tol=None,
        alpha=None,
        positive=False,
        polish=False,
        transform_max_iter=10000,
        sparse_output=False,
    ):
        self.dictionary = dictionary
        self.measurement_matrix = measurement_matrix
        self.algorithm = algorithm
        self.n_nonzero_coefs = n_nonzero_coefs
        self.tol = tol
        self.alpha = alpha
        self.positive = positive
        self.polish = polish
        self.transform_max_iter = transform_max_iter
        self.sparse_output = sparse_output

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Check that the shapes of data, dictionary and measurement matrix agree.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_measurements)
            Measurements, one signal a row.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The estimator itself.
        """
        X = self._validate(X, reset=True)
        self.atoms_ = self._atoms_for(X.shape[1])
        self._dictionary = self.dictionary
        return self

    def transform(self, X):
        """Find the codes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_measurements)
            Measurements, one signal a row. NaN is a missing measurement, for algorithms that allow it.

        Returns
        -------
        Z : {ndarray, csr_array} of shape (n_samples, n_components)
            The codes, float32 for data in float32; CSR if `sparse_output`.
        """
        X = self._validate(X, reset=False)
        return self._encode(X, self._known_atoms(X.shape[1]))

    def inverse_transform(self, X):
        """Compute the measurements that codes make.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_components)
            Codes.

        Returns
        -------
        Y : ndarray of shape (n_samples, n_measurements)
            Measurements.
        """
        Z = self._check_codes(X)
        atoms = self.atoms_ if hasattr(self, "atoms_") else self._measured_atoms(Z.shape[1])
        if Z.shape[1] != len(atoms):
            raise ValueError(f"Z has {Z.shape[1]} columns; expected {len(atoms)}, one for each atom.")
        return np.asarray(Z @ atoms.astype(Z.dtype, copy=False))

    def reconstruct(self, X):
        """Recover the signals.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_measurements)
            Measurements, one signal a row.

        Returns
        -------
        signals : ndarray of shape (n_samples, n_features)
            Codes times the dictionary; without a dictionary, the codes.
        """
        X = self._validate(X, reset=False)
        Z = self._encode(X, self._known_atoms(X.shape[1]))
        if self._known_dictionary() is not None:
            return np.asarray(Z @ self.components_.astype(Z.dtype, copy=False))
        return Z.toarray() if sparse.issparse(Z) else Z

    def certificate(self, X, Z=None):
        """Compute what can be proven of codes: that they are optimal, and the sparsest.

        For "lasso" and "fista", the duality gap is that of their objective. For "basis_pursuit", it is that of the
        smallest l1 norm within `tol` of the measurements. For any other algorithm, and for polished codes, it is that
        of the smallest l1 norm among all codes with the same reconstruction: 0 proves that basis pursuit would find
        the code, too. The two last take a solution of basis pursuit.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_measurements)
            Measurements, one signal a row.
        Z : {array-like, sparse matrix} of shape (n_samples, n_components), default=None
            Their codes. None means those of ``transform``.

        Returns
        -------
        RecoveryCertificate
            Residual, l1 norm, duality gap and number of entries of each code, and whether it is the sparsest.
        """
        X = self._validate(X, reset=False)
        atoms = self._known_atoms(X.shape[1])
        Z = self._encode(X, atoms) if Z is None else self._check_codes(Z)
        if Z.shape != (X.shape[0], len(atoms)):
            raise ValueError(f"Z has shape {Z.shape}; expected {(X.shape[0], len(atoms))}, a code for each row of X.")
        atoms = atoms.astype(X.dtype, copy=False)
        X, Z = (np.asarray(each.toarray() if sparse.issparse(each) else each, dtype=np.float64) for each in (X, Z))
        algorithm, alpha = None if self.polish else self.algorithm, 1.0 if self.alpha is None else self.alpha
        return certify(X, Z, atoms, algorithm, alpha, self.tol or 0.0, self.positive)

    def score(self, X, y=None):
        """Compute the share of the variance of the measurements that the codes explain.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_measurements)
            Measurements, one signal a row.
        y : None
            Ignored.

        Returns
        -------
        score : float
            Explained variance; 1 is best.
        """
        X = self._validate(X, reset=False)
        return explained_variance(X, self.inverse_transform(self._encode(X, self._known_atoms(X.shape[1]))))

    @property
    def components_(self):
        """The dictionary; the identity if there is none."""
        dictionary = self._known_dictionary()
        if dictionary is not None:
            return _checked(dictionary, "dictionary")
        return np.eye(len(self.atoms_), dtype=self.atoms_.dtype)

    @property
    def _n_features_out(self):
        return len(self.atoms_)

    def _known_dictionary(self):
        """That of ``fit``, or, without it, the parameter."""
        return getattr(self, "_dictionary", self.dictionary)

    def _known_atoms(self, width):
        """Those of ``fit``, or, without it, those that the parameters give for data of a width."""
        if hasattr(self, "atoms_"):
            return self.atoms_
        self._validate_params()
        return self._atoms_for(width)

    def _atoms_for(self, width):
        """Check that the atoms have the width of the data."""
        atoms = self._measured_atoms(width)
        if atoms.shape[1] != width:
            expected = (
                "dictionary, of shape (n_components, n_features)"
                if self.measurement_matrix is None
                else "measurement_matrix, of shape (n_measurements, n_features)"
            )
            raise ValueError(f"X has {width} columns; expected {atoms.shape[1]}, as the {expected}, says.")
        return atoms

    def _measured_atoms(self, width):
        """The atoms as they are measured; `width` is that of the identity, without dictionary and matrix."""
        if self.dictionary is None and self.measurement_matrix is None:
            return np.eye(width)
        if self.measurement_matrix is None:
            return _checked(self.dictionary, "dictionary")
        matrix = _checked(self.measurement_matrix, "measurement_matrix")
        if self.dictionary is None:
            return np.ascontiguousarray(matrix.T)
        dictionary = _checked(self.dictionary, "dictionary")
        if dictionary.shape[1] != matrix.shape[1]:
            raise ValueError(
                f"The dictionary has shape {dictionary.shape} and the measurement matrix {matrix.shape}: expected the "
                "same number of columns, one for each feature of a signal."
            )
        return dictionary @ matrix.T

    def _encode(self, X, atoms):
        options = {"algorithm": self.algorithm, "n_nonzero_coefs": self.n_nonzero_coefs, "tol": self.tol}
        options |= {"alpha": self.alpha, "positive": self.positive, "max_iter": self.transform_max_iter}
        if not self.polish:
            return sparse_encode(X, atoms, **options, sparse_output=self.sparse_output)
        Z = sparse_encode(X, atoms, **options)
        refit(X.toarray() if sparse.issparse(X) else X, Z, atoms, self.positive)
        return sparse.csr_array(Z) if self.sparse_output else Z

    def _validate(self, X, reset):
        return validate_data(
            self,
            X,
            reset=reset,
            accept_sparse="csr",
            dtype=[np.float64, np.float32],
            ensure_all_finite="allow-nan",
        )

    def _check_codes(self, Z):
        check_sparse_structure(Z)
        return check_named_array("Z", Z, accept_sparse="csr", dtype=[np.float64, np.float32])

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _checked(array, name):
    return check_named_array(name, array, dtype=[np.float64, np.float32])
