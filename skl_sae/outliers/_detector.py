"""The outlier detector: it checks its input, and lets an autoencoder say what it expects."""

from copy import copy

import numpy as np
from sklearn.base import OutlierMixin, _fit_context, clone
from sklearn.utils import check_random_state, get_tags
from sklearn.utils._param_validation import HasMethods, RealNotInt, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from .._autoencoder import SparseAutoencoder
from .._doc_link import DocLinkMixin
from .._kernels.sparse_structure import check_sparse_structure
from .._named_parameters import NamedParametersMixin
from .._parameters import PlainParametersMixin, integer, is_count, real, with_plain_arguments
from .._warning import warn
from ._conformal import below, number_of_held_out, p_values, threshold
from ._reasons import reasons
from ._residuals import Residuals

# Share of new rows like the training data that contamination="auto" takes for outliers, and the held-out rows that
# such a p-value needs.
FALSE_ALARMS, ENOUGH_HELD_OUT = 0.05, 19


class ReconstructionOutlierDetector(DocLinkMixin, OutlierMixin, NamedParametersMixin, PlainParametersMixin):
    r"""Find rows that an autoencoder fails to reconstruct, with p-values and reasons.

    Most rows of ``fit`` train the estimator. The score of a row is minus the mean squared error of what it says about
    the row, over the observed values,

    .. math::

        s(x) = -\frac{1}{|O|} \sum_{j \in O} \Big( \frac{x_j - \hat x_j}{u_j} \Big)^2

    with :math:`u_j` the unit of column j: where columns are evidently measured in different units, as in most raw
    tables, a robust standard deviation of the column; else one number for all, as for pixels.

    **P-values.** The other rows, n of them, are held out, and the p-value of a row is its rank among these:

    .. math::

        p(x) = \frac{1 + \#\{i : s(x_i) \le s(x)\}}{n + 1}

    If the row and those held out are exchangeable, as independent draws from one distribution are, then
    :math:`P(p(x) \le \alpha) \le \alpha` for each :math:`\alpha`, whatever the estimator and the distribution are:
    of new rows that are like the others, a share of :math:`\alpha` is called an outlier. This holds on the average over
    what is held out; with few such rows the share of a single fit is near :math:`\alpha`, not at it. The smallest
    p-value is 1 / (n + 1). It does not hold for rows that come later from a source that drifts, for rows that were in
    ``fit``, nor for rows that hang together (as those of one patient). Ties count as at least as extreme, so
    p-values are then too large rather than too small. Where many rows are tested, control the false discovery rate:
    ``scipy.stats.false_discovery_control(detector.p_values(X))``.

    **Missing values** have no error. A row without any observed value has the score 0 and the p-value 1: nothing
    speaks against it.

    Read more in the :ref:`user guide <guide_outliers>`.

    Parameters
    ----------
    estimator : estimator or None, default=None
        What reconstructs, of which a clone is fitted: a transformer with ``inverse_transform`` (or ``reconstruct``), or
        a pipeline of such. None means a denoising autoencoder,
        ``SparseAutoencoder(corruption="gaussian", corruption_level=4.0)``. Its parameters can be set and searched in
        either case: ``set_params(estimator__max_iter=50)``.

    contamination : "auto" or float, default="auto"
        Where ``predict`` draws the line. A number in (0, 0.5]: the share of the rows of ``fit`` that are outliers;
        those of the training have smaller errors than new rows, of which more may then be called outliers. "auto": rows
        with a p-value of at most 5 % are outliers, so a share of 5 % of new rows that are none.

    calibration : float or int, default=0.2
        Rows that are held out of the training for the p-values: a share of the rows of ``fit``, or a number of them. Of
        60 rows or more, a share is rounded to 19, 39, 59, ... rows, with which there is a p-value of exactly 5 %.

    random_state : int, RandomState instance or None, default=None
        Which rows are held out, and the `random_state` of the estimator. None keeps the estimator's own.

    Attributes
    ----------
    estimator_ : estimator
        The fitted estimator.

    offset_ : float
        What ``decision_function`` subtracts from the scores.

    calibration_scores_ : ndarray of shape (n_held_out,)
        Scores of the rows that were held out, lowest first.

    units_ : ndarray of shape (n_features,)
        The unit of each column, in which errors count.

    usual_errors_ : ndarray of shape (n_features,)
        Root mean square of the errors of each column, of the rows that were held out, on the scale of X. NaN for a
        column without any observed value there.

    n_features_in_ : int
        Number of features seen by ``fit``.

    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, where X has names that are all strings.

    See Also
    --------
    skl_sae.SparseAutoencoder.score_samples : Minus the squared error of each row alone.
    sklearn.ensemble.IsolationForest : Outliers by how few cuts isolate them; no need for an estimator.
    sklearn.neighbors.LocalOutlierFactor : Outliers by the density around them.

    Notes
    -----
    Strong noise keeps the default estimator from copying what it sees, so that what it expects is drawn towards usual
    rows. Noise and rule were chosen by the mean AUC on data sets of their own; ``benchmarks/outliers.py`` names them,
    and has the AUC on others.

    References
    ----------
    V. Vovk, A. Gammerman and G. Shafer, *Algorithmic Learning in a Random World*, Springer, 2005: conformal p-values.

    S. Bates, E. Candès, L. Lei, Y. Romano and M. Sesia, *Testing for outliers with conformal p-values*, Annals of
    Statistics 51, 2023, arXiv:2104.08279: held-out rows, and the false discovery rate of many tests.

    P. Vincent, H. Larochelle, Y. Bengio and P.-A. Manzagol, *Extracting and composing robust features with denoising
    autoencoders*, ICML 2008.

    G. Alain and Y. Bengio, *What Regularized Auto-Encoders Learn from the Data-Generating Distribution*, JMLR 15, 2014,
    arXiv:1211.4246: what a denoising autoencoder corrects is the slope of the log density, so its error is large where
    data is rare.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from skl_sae.outliers import ReconstructionOutlierDetector
    >>> X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    >>> benign, malignant = X[y == 1], X[y == 0]
    >>> detector = ReconstructionOutlierDetector(random_state=0).fit(benign)
    >>> bool((detector.predict(malignant) == -1).mean() > 0.7)
    True
    >>> float(detector.p_values(malignant[:1])[0])  # there are 79 held-out rows
    0.0125
    >>> reasons = detector.explain(malignant[:1], n_top=3)
    >>> list(reasons.columns)
    ['row', 'column', 'observed', 'expected', 'share', 'times_usual']
    >>> "area error" in list(reasons["column"])
    True
    """

    _named_parameters = ("estimator",)

    _parameter_constraints = {
        "estimator": [HasMethods(["fit", "transform"]), None],
        "contamination": [StrOptions({"auto"}), real(0, 0.5, closed="right")],
        "calibration": [real(0, 1, closed="neither", kind=RealNotInt), integer()],
        "random_state": ["random_state"],
    }

    def __init__(self, estimator=None, *, contamination="auto", calibration=0.2, random_state=None):
        self.estimator = estimator
        self.contamination = contamination
        self.calibration = calibration
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None):
        """Fit the estimator to most rows, and score the others for the p-values.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows, of which most are no outliers. NaN is a missing value, where the estimator takes it.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The fitted detector.
        """
        seen = copy(self)
        X = seen._read(X, reset=True)
        random = check_random_state(self.random_state)
        order = random.permutation(X.shape[0])
        held_out, training = np.split(order, [number_of_held_out(self.calibration, X.shape[0])])
        estimator = self._new_estimator(random).fit(X[training])
        residuals = Residuals(estimator, X[training])
        scores = np.sort(residuals.scores(X[held_out]))
        if self.contamination == "auto":
            offset = threshold(scores, FALSE_ALARMS)
            self._warn_of_few(scores)
        else:
            offset = below(np.percentile(residuals.scores(X), 100 * self.contamination))
        # Assigned together at the end: a fit that fails leaves what the last one has learned.
        vars(self).pop("feature_names_in_", None)
        vars(self).update({name: value for name, value in vars(seen).items() if name.endswith("_in_")})
        self.usual_errors_ = residuals.usual_errors(X[held_out])
        self.estimator_, self.calibration_scores_, self.offset_ = estimator, scores, offset
        self.units_, self._residuals = residuals.units, residuals
        return self

    def __sklearn_is_fitted__(self):
        return "offset_" in vars(self)

    def score_samples(self, X):
        """Return minus the mean squared error of what is observed of each row, in units of the columns.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            Low where a row is unlike the training data; never positive.
        """
        check_is_fitted(self)
        return self._residuals.scores(self._read(X))

    def decision_function(self, X):
        """Return scores, shifted such that those of outliers are below zero.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        decision : ndarray of shape (n_samples,)
            ``score_samples(X) - offset_``.
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X):
        """Say which rows are outliers.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        labels : ndarray of int of shape (n_samples,)
            -1 for outliers, 1 for the others.
        """
        return np.where(self.decision_function(X) < 0, -1, 1)

    def p_values(self, X):
        """Return conformal p-values: how rarely a row like the training data has so low a score.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows that were not in ``fit``.

        Returns
        -------
        p : ndarray of shape (n_samples,)
            At least 1 / (n + 1), with n the number of held-out rows.
        """
        scores = self.score_samples(X)
        self._warn_of_few(self.calibration_scores_)
        return p_values(scores, self.calibration_scores_)

    @with_plain_arguments
    def explain(self, X, n_top=5):
        """Say which columns make each row unlike the training data; needs pandas.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.
        n_top : int, default=5
            Number of columns for each row, at most; columns without an error are left out.

        Returns
        -------
        reasons : DataFrame
            For each row its columns with the largest errors, largest first. "row": the number of the row, or its label
            in a DataFrame's index. "column": the name, x0, x1, ... without names. "observed" and "expected": the value,
            and its reconstruction, on the scale of X. "share": of the row's squared error. "times_usual": the error in
            comparison with `usual_errors_`.
        """
        check_is_fitted(self)
        if not is_count(n_top):
            raise ValueError(f"Got n_top={n_top!r}; expected a number of columns, 1 or more.")
        index = X.index if hasattr(X, "iloc") else None
        X = self._read(X)
        index = np.arange(X.shape[0]) if index is None else index
        names = getattr(self, "feature_names_in_", np.array([f"x{j}" for j in range(X.shape[1])], dtype=object))
        return reasons(self._residuals, X, self.usual_errors_, names, index, n_top)

    def _stand_in(self, name, value):
        if value is not None:
            return value
        return SparseAutoencoder(corruption="gaussian", corruption_level=4.0)

    def _new_estimator(self, random):
        estimator = clone(self._stand_in("estimator", self.estimator))
        if not any(hasattr(estimator, name) for name in ("reconstruct", "inverse_transform")):
            raise TypeError(
                f"Got estimator={estimator!r}, which has no inverse_transform; expected one that reconstructs what it "
                "has transformed, such as SparseAutoencoder, PCA, or a pipeline that ends in one."
            )
        if hasattr(estimator, "set_output"):
            estimator.set_output(transform="default")  # arrays, also where scikit-learn is configured otherwise
        if self.random_state is None:
            return estimator
        names = sorted(name for name in estimator.get_params() if f"__{name}".endswith("__random_state"))
        return estimator.set_params(**{name: random.randint(2**31 - 1) for name in names})

    def _read(self, X, reset=False):
        check_sparse_structure(X)
        tags = self.__sklearn_tags__().input_tags
        return validate_data(
            self,
            X,
            reset=reset,
            accept_sparse="csr" if tags.sparse else False,
            dtype=[np.float64, np.float32],
            ensure_all_finite="allow-nan" if tags.allow_nan else True,
            ensure_min_samples=2 if reset else 1,
        )

    def _warn_of_few(self, scores):
        """Warn where no p-value is small enough."""
        if len(scores) < ENOUGH_HELD_OUT:
            warn(
                f"With {len(scores)} held-out rows the smallest p-value is {1 / (len(scores) + 1):.3g}: too large to "
                f"say of any row that it is an outlier, if {100 * FALSE_ALARMS:g} % of the others may be called so. "
                f"Hold out at least {ENOUGH_HELD_OUT} rows: give more rows to fit, or set "
                f"calibration={ENOUGH_HELD_OUT}."
            )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self._stand_in("estimator", self.estimator)).input_tags
        tags.input_tags.sparse, tags.input_tags.allow_nan = inner.sparse, inner.allow_nan
        return tags
