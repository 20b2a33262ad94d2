"""Scorers: higher is better."""

from ._codes import dead_fraction, l0
from ._reconstruction import explained_variance


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
