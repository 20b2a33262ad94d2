"""Scorers: higher is better.

Rows are encoded by blocks, so the memory used does not depend on how many there are.
"""

from ._blocks import encoded_blocks
from ._codes import mean_active, share_of_dead
from ._description_length import description_length
from ._reconstruction import explained_variance_of_estimator


def explained_variance_scorer(estimator, X, y=None):
    """Compute the explained variance of ``inverse_transform(transform(X))``, on the scale of `X`.

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
    return explained_variance_of_estimator(estimator, X)


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
    return -mean_active(codes for _, codes in encoded_blocks(estimator, X))


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
    return -share_of_dead(codes for _, codes in encoded_blocks(estimator, X))


def neg_description_length_scorer(estimator, X, y=None, *, tolerance=0.05, n_rows=None):
    """Negate the bits that a row takes when it is told by the model: what tells the data more briefly scores higher.

    By it a search finds a width and a number of active units without labels.

    Parameters
    ----------
    estimator : object
        Fitted estimator with `transform` and `inverse_transform`, such as a pipeline.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Data to describe.
    y : None
        Ignored.
    tolerance : float, default=0.05
        Share of the variance that need not be described; ``functools.partial`` sets another one.
    n_rows : int, default=None
        Number of rows that share the dictionary, None for those of `X`. In a search that is the number of all rows,
        not of those held out.

    Returns
    -------
    float
        Minus the total of `description_length`.

    Examples
    --------
    >>> from functools import partial
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skl_sae import SparseAutoencoder
    >>> from skl_sae.metrics import neg_description_length_scorer
    >>> X = load_digits().data
    >>> scorer = partial(neg_description_length_scorer, n_rows=len(X))
    >>> grid = {"sparsity__k": [2, 16]}
    >>> sae = SparseAutoencoder(64, max_iter=30, random_state=0)
    >>> GridSearchCV(sae, grid, scoring=scorer, cv=3).fit(X).best_params_
    {'sparsity__k': 2}
    """
    return -description_length(estimator, X, tolerance=tolerance, n_rows=n_rows).total
