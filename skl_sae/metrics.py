"""How well an autoencoder reconstructs, how sparse its codes are, whether its dictionary is the true one.

`SCORERS` holds the scorers for a model selection with several metrics; each is also a name of its own.
A unit is active (it "fired") in a row when its code there is not zero. For non-negative codes this is "greater than
zero": an entry that a rule selected but that is 0, and an explicit zero of a sparse matrix, do not count.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import issparse
from sklearn.utils import check_array, check_random_state, gen_batches

__all__ = [
    "SCORERS",
    "DictionaryMatch",
    "dead_fraction",
    "dictionary_match",
    "explained_variance",
    "explained_variance_scorer",
    "feature_density",
    "l0",
    "neg_dead_fraction_scorer",
    "neg_l0_scorer",
]

# Entries that are made dense, or float64, at a time.
_CHUNK_ENTRIES = 1 << 16


def _row_chunks(X):
    """Yield slices of the rows of `X`, of about `_CHUNK_ENTRIES` entries each."""
    n_samples, n_features = X.shape
    yield from gen_batches(n_samples, max(1, _CHUNK_ENTRIES // n_features))


def _dense_rows(X, rows):
    """The given rows as a dense float64 array."""
    block = X[rows]
    return (block.toarray() if issparse(block) else block).astype(np.float64, copy=False)


# Reconstruction


def explained_variance(X, X_reconstructed):
    r"""Fraction of the total variance of `X` that its reconstruction explains.

    .. math::

        1 - \mathrm{FVU} = 1 - \frac{\sum_{i} \lVert x_i - \hat x_i \rVert^2}{\sum_{i} \lVert x_i - \bar x \rVert^2}

    with both sums over the whole set and :math:`\bar x` the mean of its rows: R2 with features weighted by their
    variance. A constant offset between `X` and its reconstruction counts as error. Sums are accumulated in float64,
    a block of rows at a time, so the memory used does not depend on the number of rows.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The data. NaN marks a missing value; sums and means run over the observed entries only.
    X_reconstructed : {array-like, sparse matrix} of shape (n_samples, n_features)
        The reconstruction, finite everywhere.

    Returns
    -------
    float
        At most 1. When the columns of `X` are constant, 1.0 for an exact reconstruction and 0.0 for any other.

    See Also
    --------
    sklearn.metrics.r2_score : The same with ``multioutput="variance_weighted"``, for dense and complete data.

    Examples
    --------
    >>> import numpy as np
    >>> from skl_sae.metrics import explained_variance
    >>> X = np.array([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]])
    >>> explained_variance(X, X + 0.5)
    0.25
    >>> X[0, 1] = np.nan
    >>> explained_variance(X, np.nan_to_num(X, nan=7.0))
    1.0
    """
    X = check_array(X, accept_sparse="csr", dtype="numeric", ensure_all_finite="allow-nan", input_name="X")
    X_reconstructed = check_array(X_reconstructed, accept_sparse="csr", dtype="numeric", input_name="X_reconstructed")
    if X_reconstructed.shape != X.shape:
        raise ValueError(f"X_reconstructed has shape {X_reconstructed.shape}; expected the shape of X, {X.shape}.")
    reference, mean = _column_means(X)
    residual = total = 0.0
    for rows in _row_chunks(X):
        block = _dense_rows(X, rows)
        error = block - _dense_rows(X_reconstructed, rows)
        deviation = block - reference
        deviation -= mean
        missing = np.isnan(block)
        if missing.any():
            error[missing] = deviation[missing] = 0.0
        residual += np.square(error, out=error).sum()
        total += np.square(deviation, out=deviation).sum()
    if total == 0.0:
        return 1.0 if residual == 0.0 else 0.0
    return float(1.0 - residual / total)


def _column_means(X):
    """A reference value of each column, and the mean of its observed entries minus that reference.

    The reference is the first observed value: the deviations of a constant column are then exactly zero, and those
    of a column with a large offset lose no digits.
    """
    reference = np.full(X.shape[1], np.nan)
    sums = np.zeros(X.shape[1])
    counts = np.zeros(X.shape[1], dtype=np.int64)
    for rows in _row_chunks(X):
        block = _dense_rows(X, rows)
        missing = np.isnan(block)
        if np.isnan(reference).any():
            first = block[missing.argmin(axis=0), np.arange(X.shape[1])]
            reference = np.where(np.isnan(reference), first, reference)
        deviation = block - reference
        deviation[missing] = 0.0
        sums += deviation.sum(axis=0)
        counts += len(block) - missing.sum(axis=0)
    if not counts.any():
        raise ValueError("Every entry of X is NaN; expected at least one observed value.")
    return reference, sums / np.maximum(counts, 1)


# Codes


def _active_counts(codes):
    """The number of rows in which each unit is active, and the number of rows."""
    codes = check_array(codes, accept_sparse="csr", dtype="numeric", input_name="codes")
    n_samples, n_units = codes.shape
    if issparse(codes):
        if not codes.has_canonical_format:
            codes = codes.copy()  # entries given twice are one entry: their sum
            codes.sum_duplicates()
        return np.bincount(codes.indices[codes.data != 0], minlength=n_units), n_samples
    counts = np.zeros(n_units, dtype=np.int64)
    for rows in _row_chunks(codes):
        counts += np.count_nonzero(codes[rows], axis=0)
    return counts, n_samples


def l0(codes):
    """Mean number of active units in a row.

    Parameters
    ----------
    codes : {array-like, sparse matrix} of shape (n_samples, n_components)
        Codes, as `transform` gives them.

    Returns
    -------
    float
        Between 0 and `n_components`.

    Examples
    --------
    >>> from skl_sae.metrics import l0
    >>> l0([[0.0, 2.0, 0.0], [1.0, 3.0, 0.0]])
    1.5
    """
    counts, n_samples = _active_counts(codes)
    return float(counts.sum() / n_samples)


def feature_density(codes):
    """Fraction of the rows in which each unit is active.

    Parameters
    ----------
    codes : {array-like, sparse matrix} of shape (n_samples, n_components)
        Codes, as `transform` gives them.

    Returns
    -------
    ndarray of shape (n_components,)
        Densities, between 0 and 1.

    Examples
    --------
    >>> from skl_sae.metrics import feature_density
    >>> feature_density([[0.0, 2.0, 0.0], [1.0, 3.0, 0.0]])
    array([0.5, 1. , 0. ])
    """
    counts, n_samples = _active_counts(codes)
    return counts / n_samples


def dead_fraction(codes):
    """Fraction of the units that are active in no row.

    Parameters
    ----------
    codes : {array-like, sparse matrix} of shape (n_samples, n_components)
        Codes, as `transform` gives them, of enough rows for a rare unit to show.

    Returns
    -------
    float
        Between 0 and 1.

    Examples
    --------
    >>> from skl_sae.metrics import dead_fraction
    >>> dead_fraction([[0.0, 2.0, 0.0, 0.0], [1.0, 3.0, 0.0, 0.0]])
    0.5
    """
    counts, _ = _active_counts(codes)
    return float(np.mean(counts == 0))


# Dictionaries


@dataclass(frozen=True, eq=False)
class DictionaryMatch:
    """Agreement of a learned dictionary with the true one; see `dictionary_match`.

    Parameters
    ----------
    mean_max_cosine : float
        Mean over the true features of their largest cosine with a learned row.
    hungarian : float
        Mean cosine of the pairs of the best one-to-one matching.
    random_mean_max_cosine : float
        `mean_max_cosine` of a random dictionary of the learned shape.
    random_hungarian : float
        `hungarian` of a random dictionary of the learned shape.
    assignment : ndarray of shape (n_true,)
        The learned row matched with each true feature; -1 for a true feature left over.

    Examples
    --------
    >>> from skl_sae.metrics import dictionary_match
    >>> match = dictionary_match([[0.0, 2.0]], [[1.0, 0.0], [0.0, 1.0]], random_state=0)
    >>> match.mean_max_cosine, match.hungarian, match.assignment
    (0.5, 1.0, array([-1,  0]))
    """

    mean_max_cosine: float
    hungarian: float
    random_mean_max_cosine: float
    random_hungarian: float
    assignment: np.ndarray


def dictionary_match(learned, true, *, signed=False, random_state=None):
    r"""Compare a learned dictionary with the true one.

    With :math:`c_{gj}` the absolute cosine of true row g and learned row j,

    .. math::

        \text{mean max cosine} = \frac{1}{G} \sum_g \max_j c_{gj}
        \qquad
        \text{Hungarian} = \frac{1}{P} \max_\pi \sum_{(g, j) \in \pi} c_{gj}

    where :math:`\pi` runs over the one-to-one matchings, of :math:`P = \min(n_{true}, n_{learned})` pairs. The first
    grows with the number of learned rows and forgives duplicates, the second does not forgive them. Both are above
    zero for random rows, so each comes with its value for a random dictionary: unit rows with a Gaussian direction.

    Parameters
    ----------
    learned : array-like of shape (n_learned, n_features)
        Learned dictionary, one unit a row (`components_`). Norms do not matter; a row of zeros matches nothing.
    true : array-like of shape (n_true, n_features)
        True dictionary, one feature a row.
    signed : bool, default=False
        Whether a row that points the opposite way counts as a mismatch: cosines then keep their sign.
    random_state : int, RandomState instance or None, default=None
        Determines the random dictionary. Pass an int for reproducible results.

    Returns
    -------
    DictionaryMatch
        Both measures, both of the random dictionary, and the matching.

    Examples
    --------
    >>> import numpy as np
    >>> from skl_sae.metrics import dictionary_match
    >>> true = np.eye(3, 20)
    >>> match = dictionary_match(true[[2, 0, 1]], true, random_state=0)
    >>> match.hungarian, match.assignment
    (1.0, array([1, 2, 0]))
    >>> match.random_hungarian < 0.4
    True
    """
    learned = check_array(learned, dtype=np.float64, input_name="learned")
    true = check_array(true, dtype=np.float64, input_name="true")
    if learned.shape[1] != true.shape[1]:
        raise ValueError(
            f"learned has {learned.shape[1]} columns; expected {true.shape[1]}, as in true. Rows are dictionary atoms."
        )
    random = check_random_state(random_state).standard_normal(learned.shape)
    mean_max, hungarian, assignment = _match(learned, true, signed)
    random_mean_max, random_hungarian, _ = _match(random, true, signed)
    return DictionaryMatch(mean_max, hungarian, random_mean_max, random_hungarian, assignment)


def _match(learned, true, signed):
    """Mean max cosine, Hungarian mean cosine and assignment of one dictionary."""
    cosines = _unit_rows(true) @ _unit_rows(learned).T
    if not signed:
        np.abs(cosines, out=cosines)
    rows, columns = linear_sum_assignment(cosines, maximize=True)
    assignment = np.full(len(true), -1)
    assignment[rows] = columns
    return float(cosines.max(axis=1).mean()), float(cosines[rows, columns].mean()), assignment


def _unit_rows(A):
    """Rows divided by their norm, rows of zeros left alone. Scaled first: squares neither vanish nor overflow."""
    largest = np.abs(A).max(axis=1, keepdims=True)
    A = A / np.where(largest > 0, largest, 1.0)
    norms = np.linalg.norm(A, axis=1, keepdims=True)
    return A / np.where(norms > 0, norms, 1.0)


# Scorers: higher is better


def explained_variance_scorer(estimator, X, y=None):
    """Compute the explained variance of ``inverse_transform(transform(X))``, in the units of `X`.

    Parameters
    ----------
    estimator : object
        Fitted estimator with `transform` and `inverse_transform`, such as a pipeline.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Data to reconstruct.
    y : None
        Ignored.

    Returns
    -------
    float
        `explained_variance` of the reconstruction.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.decomposition import PCA
    >>> from skl_sae.metrics import explained_variance_scorer
    >>> X = load_iris().data
    >>> round(explained_variance_scorer(PCA(n_components=1).fit(X), X), 3)
    0.925
    """
    return explained_variance(X, estimator.inverse_transform(estimator.transform(X)))


def neg_l0_scorer(estimator, X, y=None):
    """Negate the mean number of active units in a row: sparser codes score higher.

    Parameters
    ----------
    estimator : object
        Fitted estimator with `transform`.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Data to encode.
    y : None
        Ignored.

    Returns
    -------
    float
        Minus `l0` of the codes.

    Examples
    --------
    >>> from sklearn.preprocessing import Binarizer
    >>> from skl_sae.metrics import neg_l0_scorer
    >>> neg_l0_scorer(Binarizer(threshold=0.5).fit([[0.0, 2.0]]), [[0.0, 2.0], [3.0, 1.0]])
    -1.5
    """
    return -l0(estimator.transform(X))


def neg_dead_fraction_scorer(estimator, X, y=None):
    """Negate the fraction of the units that are active in no row: fewer dead units score higher.

    Parameters
    ----------
    estimator : object
        Fitted estimator with `transform`.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Data to encode.
    y : None
        Ignored.

    Returns
    -------
    float
        Minus `dead_fraction` of the codes.

    Examples
    --------
    >>> from sklearn.preprocessing import Binarizer
    >>> from skl_sae.metrics import neg_dead_fraction_scorer
    >>> neg_dead_fraction_scorer(Binarizer(threshold=2.5).fit([[0.0, 2.0]]), [[0.0, 2.0], [3.0, 1.0]])
    -0.5
    """
    return -dead_fraction(estimator.transform(X))


#: For ``GridSearchCV(..., scoring=SCORERS, refit="explained_variance")``.
SCORERS = {
    "explained_variance": explained_variance_scorer,
    "neg_l0": neg_l0_scorer,
    "neg_dead_fraction": neg_dead_fraction_scorer,
}
