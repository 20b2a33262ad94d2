"""A transformer that fills missing values, with the conventions of scikit-learn's imputers."""

from numbers import Real

import numpy as np
from sklearn.base import OneToOneFeatureMixin, TransformerMixin, _fit_context, clone
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted, validate_data

from ._autoencoder import SparseAutoencoder
from ._doc_link import DocLinkMixin
from ._named_parameters import NamedParametersMixin
from ._parameters import MissingMarker, PlainParametersMixin


class SparseAutoencoderImputer(
    DocLinkMixin, OneToOneFeatureMixin, TransformerMixin, NamedParametersMixin, PlainParametersMixin
):
    """Fill missing values with the reconstruction of an autoencoder.

    The autoencoder learns on the rows of ``fit``, with or without missing values. Noise on its input teaches it to
    impute: it hides observed values, and their reconstruction is compared with the truth. Observed values are returned
    as they are, to the last bit.

    Read more in the :ref:`user guide <guide_missing_values>`.

    Parameters
    ----------
    estimator : SparseAutoencoder or None, default=None
        The autoencoder, of which a clone is fitted. None means a denoising autoencoder that did well on pixels and on
        tables: ``SparseAutoencoder(n_components=256, hidden_layer_sizes=(512,), sparsity=None, skip=True,
        corruption="masking", corruption_level=0.1, corruption_emphasis=0.95, weight_decay=5e-5, batch_size=32)``. Its
        parameters can be set and searched in either case: ``set_params(estimator__max_iter=300)``.

    standardize : bool, default=True
        Whether the autoencoder sees each feature with mean 0 and standard deviation 1, of its observed values. Results
        are on the scale of X in any case. Set it to False where all features have the same scale, as pixels have, and
        for an estimator with ``loss="binary_cross_entropy"``.

    missing_values : int, float, np.nan or pandas.NA, default=np.nan
        What marks a missing value. With np.nan or pandas.NA these are NaN, None, and the missing values of pandas'
        nullable columns; with another marker, X must not have NaN.

    add_indicator : bool, default=False
        Whether ``transform`` appends a :class:`~sklearn.impute.MissingIndicator`'s columns: for each feature with
        missing values in ``fit``, whether the value was missing.

    keep_empty_features : bool, default=False
        Whether features without any observed value in ``fit`` are kept, filled with 0, instead of left out.

    copy : bool, default=True
        Whether ``transform`` leaves X as it is. False lets it write into X where that is possible.

    random_state : int, RandomState instance or None, default=None
        The `random_state` of the autoencoder. None keeps the estimator's own.

    Attributes
    ----------
    estimator_ : SparseAutoencoder or None
        The fitted autoencoder, of the features with observed values. None if there are none.

    scaler_ : StandardScaler or None
        The scaler of these features, if `standardize`.

    indicator_ : MissingIndicator or None
        What makes the columns of the indicator, if `add_indicator`.

    n_features_in_ : int
        Number of features seen by ``fit``.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X has names that are all strings.

    See Also
    --------
    skl_sae.SparseAutoencoder.impute : The same for a fitted autoencoder, without standardising.
    sklearn.impute.KNNImputer : Fills with the mean of the nearest rows; much faster.
    sklearn.impute.IterativeImputer : Predicts each feature from the others; better where these predict it linearly.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from skl_sae import SparseAutoencoderImputer
    >>> X = load_iris().data
    >>> missing = np.random.default_rng(0).random(X.shape) < 0.2
    >>> filled = SparseAutoencoderImputer(random_state=0).fit_transform(np.where(missing, np.nan, X))
    >>> bool(np.array_equal(filled[~missing], X[~missing]))
    True
    >>> bool(np.std((filled - X)[missing]) < 0.5 * np.std(X - X.mean(axis=0)))
    True
    """

    _named_parameters = ("estimator",)

    _parameter_constraints = {
        "estimator": [SparseAutoencoder, None],
        "standardize": ["boolean"],
        "missing_values": [MissingMarker(numeric_only=True)],
        "add_indicator": ["boolean"],
        "keep_empty_features": ["boolean"],
        "copy": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator=None,
        *,
        standardize=True,
        missing_values=np.nan,
        add_indicator=False,
        keep_empty_features=False,
        copy=True,
        random_state=None,
    ):
        self.estimator = estimator
        self.standardize = standardize
        self.missing_values = missing_values
        self.add_indicator = add_indicator
        self.keep_empty_features = keep_empty_features
        self.copy = copy
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None):
        """Fit the autoencoder to the observed values.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The fitted imputer.
        """
        X = self._validate(X, reset=True, copy=False)
        missing = self._missing(X)
        observed = ~missing.all(axis=0)
        indicator = scaler = estimator = None
        if self.add_indicator:
            from sklearn.impute import MissingIndicator  # few need it, and loading it takes time

            marker = np.nan if self._marks_nan() else self.missing_values
            indicator = MissingIndicator(missing_values=marker, error_on_new=False).fit(X)
        if observed.any():
            Z = np.where(missing, np.nan, X)[:, observed]
            if self.standardize:
                scaler = StandardScaler().set_output(transform="default")
                Z = scaler.fit_transform(Z)
            estimator = self._new_estimator().fit(Z)
        # Assigned together at the end: a fit that fails leaves what the last one has learned.
        self._observed, self.indicator_, self.scaler_, self.estimator_ = observed, indicator, scaler, estimator
        return self

    def __sklearn_is_fitted__(self):
        return hasattr(self, "estimator_")

    def transform(self, X):
        """Fill the missing values.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.

        Returns
        -------
        X_filled : ndarray of shape (n_samples, n_features_out)
            X, with every observed value as it was; without the features that had no observed value in ``fit``, unless
            `keep_empty_features`; with the columns of the indicator, if `add_indicator`.
        """
        check_is_fitted(self)
        X = self._validate(X, reset=False, copy=self.copy)
        missing = self._missing(X)
        self._fill(X, missing)
        if self.keep_empty_features:
            X[:, ~self._observed] = 0
        elif not self._observed.all():
            X = X[:, self._observed]
        return X if self.indicator_ is None else np.hstack([X, missing[:, self.indicator_.features_]])

    def get_feature_names_out(self, input_features=None):
        """Get the names of the features that ``transform`` returns.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the features of X. None means `feature_names_in_`, or ``["x0", "x1", ...]`` where X had no names.

        Returns
        -------
        feature_names_out : ndarray of str
            Names of the features that are left, and ``"missingindicator_"`` with their name for the indicator's.
        """
        check_is_fitted(self)
        names = super().get_feature_names_out(input_features)
        left = names if self.keep_empty_features else names[self._observed]
        return left if self.indicator_ is None else np.append(left, self.indicator_.get_feature_names_out(names))

    def _fill(self, X, missing):
        """Write what the autoencoder reconstructs into X, on the scale of X."""
        columns = np.flatnonzero(self._observed)
        rows = np.flatnonzero(missing[:, columns].any(axis=1))
        if rows.size == 0:
            return
        missing = missing[np.ix_(rows, columns)]
        Z = np.where(missing, np.nan, X[np.ix_(rows, columns)])
        if self.scaler_ is not None:
            Z = self.scaler_.transform(Z)
        Z = self.estimator_.impute(Z)
        if self.scaler_ is not None:
            Z = self.scaler_.inverse_transform(Z)
        i, j = np.nonzero(missing)
        X[rows[i], columns[j]] = Z[i, j]

    def _stand_in(self, name, value):
        if value is not None:
            return value
        return SparseAutoencoder(
            n_components=256,
            hidden_layer_sizes=(512,),
            sparsity=None,
            skip=True,
            corruption="masking",
            corruption_level=0.1,
            corruption_emphasis=0.95,
            weight_decay=5e-5,
            batch_size=32,
        )

    def _new_estimator(self):
        # It works on arrays, also where scikit-learn is configured to return DataFrames.
        estimator = clone(self._stand_in("estimator", self.estimator)).set_output(transform="default")
        return estimator if self.random_state is None else estimator.set_params(random_state=self.random_state)

    def _marks_nan(self):
        """Whether missing values are NaN once X is an array of numbers; pandas.NA is the marker that is no number."""
        return not isinstance(self.missing_values, Real) or bool(np.isnan(self.missing_values))

    def _validate(self, X, reset, copy):
        return validate_data(
            self,
            X,
            reset=reset,
            dtype=[np.float64, np.float32],
            ensure_all_finite="allow-nan" if self._marks_nan() else True,
            copy=copy,
            force_writeable=not reset,
        )

    def _missing(self, X):
        # The marker is rounded to the type of X, as it was in the data.
        return np.isnan(X) if self._marks_nan() else X.dtype.type(self.missing_values) == X

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self._marks_nan()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
