"""What a random dictionary and PCA reach, beside which a score says something."""

import numpy as np
from scipy.sparse import csr_array, issparse
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.utils import check_random_state, gen_batches
from sklearn.utils._param_validation import HasMethods

from .._kernels.norms import unit_rows
from .._kernels.sparse_structure import check_sparse_structure
from .._parameters import check_named_array, checked
from ._blocks import dense_rows, encoded_blocks, row_chunks
from ._codes import l0
from ._scorers import explained_variance_scorer

# Numbers of rows or codes that are held at a time: so many rows that a product with the directions is one of matrices.
BLOCK_ENTRIES = 1 << 20
# Codes with a smaller share of numbers that are not zero are multiplied as sparse ones.
MOSTLY_ZERO = 0.1
# Sparse data of more columns has its principal components found without their covariance.
MOST_COLUMNS = 500


@checked(
    {
        "estimator": [HasMethods(["transform", "inverse_transform"])],
        "X": ["array-like", "sparse matrix"],
        "y": ["array-like", None],
        "X_train": ["array-like", "sparse matrix", None],
        "scoring": [dict, callable],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def baseline_scores(estimator, X, y=None, *, X_train=None, scoring=explained_variance_scorer, random_state=None):
    r"""Score a fitted estimator beside a frozen random dictionary and PCA, which have as many numbers in a row.

    A score alone says little: sparse autoencoders whose dictionary was random, and never learned, came close to trained
    ones in published measures of interpretability [1]_. The random row has as many units as the estimator, of Gaussian
    directions, about the mean of `X_train`; matching pursuit [2]_ gives a row as many active ones as the estimator has
    on average, without negative codes if the estimator has none. In each step

    .. math::

        j = \arg\max_j \langle r, d_j \rangle, \qquad z_j \leftarrow z_j + \langle r, d_j \rangle, \qquad
        r \leftarrow r - \langle r, d_j \rangle\, d_j

    PCA has that number of components, all of which are active in each row. What the estimator has beyond both it has
    learned, and owes to its sparsity.

    Parameters
    ----------
    estimator : object
        Fitted estimator with `transform` and `inverse_transform`, such as a pipeline of these.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Data to score. Where values are missing, the baselines encode the mean of the column.
    y : array-like of shape (n_samples,), default=None
        Labels, for scorers that want them.
    X_train : {array-like, sparse matrix} of shape (n_train, n_features), default=None
        Data of which the baselines take mean and principal components. None is `X`, which favours them.
    scoring : callable or dict of callables, default=explained_variance_scorer
        Scorers called as ``scorer(estimator, X, y)``, such as `SCORERS`.
    random_state : int, RandomState instance or None, default=None
        Determines the random dictionary. Pass an int for reproducible results.

    Returns
    -------
    dict
        The keys "estimator", "random dictionary" and "PCA". Values are the score, or a dict of scores with the keys of
        `scoring`; ``pandas.DataFrame.from_dict(found, orient="index")`` makes a table of these.

    References
    ----------
    .. [1] A. Korznikov et al., "Sanity Checks for Sparse Autoencoders: Do SAEs Beat Random Baselines?", 2026,
       arXiv:2602.14111.
    .. [2] S. Mallat and Z. Zhang, "Matching Pursuits with Time-Frequency Dictionaries", IEEE Transactions on Signal
       Processing 41, 1993.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skl_sae import SparseAutoencoder
    >>> from skl_sae.metrics import baseline_scores
    >>> X = load_digits().data
    >>> sae = SparseAutoencoder(64, max_iter=30, random_state=0).fit(X[:1200])
    >>> found = baseline_scores(sae, X[1200:], X_train=X[:1200], random_state=0)
    >>> found["estimator"] > found["random dictionary"] > 0
    True
    """
    numbers = _check(X, "X")
    train = numbers if X_train is None else _check(X_train, "X_train")
    if train.shape[1] != numbers.shape[1]:
        raise ValueError(f"X_train has {train.shape[1]} columns; expected {numbers.shape[1]}, as in X.")
    n_units, n_active, signed = _kind_of_codes(estimator, X, numbers.shape[1])
    rng = check_random_state(random_state)
    mean = _mean(train)
    directions = unit_rows(rng.standard_normal((n_units, train.shape[1])))
    models = {
        "estimator": estimator,
        "random dictionary": _RandomDictionary(mean, directions, n_active, signed),
        "PCA": _principal_components(train, mean, n_active, rng),
    }
    return {
        name: {key: scorer(model, X, y) for key, scorer in scoring.items()}
        if isinstance(scoring, dict)
        else scoring(model, X, y)
        for name, model in models.items()
    }


def _check(X, name):
    check_sparse_structure(X, name)
    return check_named_array(name, X, accept_sparse="csr", dtype="numeric", ensure_all_finite="allow-nan")


def _kind_of_codes(estimator, X, n_features):
    """How many units there are, how many of them are active in a row on average, and whether codes are ever negative.

    The mean is rounded, and no row is without an active unit.
    """
    total, n_samples, signed = 0.0, 0, False
    for _, codes in encoded_blocks(estimator, X, n_features):
        codes = codes if issparse(codes) else np.asarray(codes)
        n_rows, n_units = codes.shape
        total += n_rows * l0(codes)
        n_samples += n_rows
        signed |= bool(codes.min() < 0)
    return n_units, min(n_units, max(1, round(total / n_samples))), signed


def _mean(X):
    """Mean of the observed values of each column; 0 where there are none."""
    sums, counts = np.zeros((2, X.shape[1]))
    for rows in row_chunks(X):
        block = dense_rows(X, rows)
        counts += (~np.isnan(block)).sum(axis=0)
        sums += np.nansum(block, axis=0)
    return sums / np.maximum(counts, 1)


def _filled(X, mean):
    """The data with means in the place of missing values."""
    if issparse(X):
        X = X.copy()
        X.data = np.where(np.isnan(X.data), mean[X.indices], X.data)
        return X
    return np.where(np.isnan(X), mean, X)


def _principal_components(X, mean, n_components, rng):
    """PCA that fills missing values."""
    if X.shape[0] == 1:
        return _Directions(mean, np.zeros((1, X.shape[1])))  # a single row varies in no direction
    by_parts = issparse(X) and X.shape[1] > MOST_COLUMNS
    solver = ("arpack" if by_parts else "covariance_eigh") if issparse(X) else "auto"
    n_components = min(n_components, min(X.shape) - by_parts)
    with np.errstate(invalid="ignore"):  # columns that do not vary have no share of a variance
        pca = PCA(n_components, svd_solver=solver, random_state=rng).fit(_filled(X, mean))
    return _Directions(mean, pca.components_.astype(np.float64))


class _Directions(BaseEstimator):
    """Orthonormal directions about a mean, all of them active."""

    def __init__(self, mean, directions):
        self.mean = mean
        self.directions = directions

    def fit(self, X, y=None):
        """Nothing is learned."""
        return self

    def transform(self, X):
        """Encode."""
        X = _check(X, "X")
        width = len(self.directions) if issparse(X) else max(self.directions.shape)
        batches = gen_batches(X.shape[0], max(1, BLOCK_ENTRIES // width))
        return np.concatenate([self._encode(self._products(X[rows])) for rows in batches])

    def inverse_transform(self, X):
        """Decode."""
        # A row of the random dictionary has few active units, so its codes are multiplied as sparse ones.
        X = csr_array(X) if issparse(X) or np.count_nonzero(X) < MOSTLY_ZERO * X.size else X
        decoded = X @ self.directions
        decoded += self.mean
        return decoded

    def _products(self, block):
        """Inner products of rows, which are centred, and directions; missing values are at the mean."""
        if issparse(block):
            return _filled(block, self.mean) @ self.directions.T - self.directions @ self.mean
        return np.where(np.isnan(block), 0, block - self.mean) @ self.directions.T

    def _encode(self, products):
        return products


class _RandomDictionary(_Directions):
    """A frozen dictionary, of which a row uses so many units."""

    def __init__(self, mean, directions, n_active, signed):
        super().__init__(mean, directions)
        self.n_active = n_active
        self.signed = signed
        self._gram = directions @ directions.T

    def _encode(self, products):
        """Matching pursuit of all rows at once."""
        codes, each = np.zeros_like(products), np.arange(len(products))
        for _ in range(self.n_active):
            best = (np.abs(products) if self.signed else products).argmax(axis=1)
            step = products[each, best]
            if not self.signed:
                step = np.maximum(step, 0)
            codes[each, best] += step
            products -= step[:, None] * self._gram[best]
        return codes
