"""Images that look like a query, found by their sparse codes."""

import numpy as np
from scipy import sparse
from sklearn.base import _fit_context, clone
from sklearn.preprocessing import normalize
from sklearn.utils import _safe_indexing, check_consistent_length, column_or_1d, gen_batches
from sklearn.utils._param_validation import HasMethods
from sklearn.utils.validation import check_is_fitted, validate_data

from .._doc_link import DocLinkMixin
from .._kernels.sparse_structure import check_sparse_structure
from .._parameters import PlainParametersMixin, checked, integer, is_count, with_plain_arguments
from ..metrics._retrieval import average_precisions, mean_of
from ._inverted_index import nearest, similarities

# Images that are encoded at a time.
BATCH = 4096


class ImageRetrieval(DocLinkMixin, PlainParametersMixin):
    r"""Find the images whose sparse codes are nearest to those of a query, by cosine.

    ``fit`` encodes a database of images, and keeps for each unit the list of the images in which it is active: an
    inverted index. ``kneighbors`` visits the lists of a query's active units alone. Distances are those of
    :class:`~sklearn.neighbors.NearestNeighbors` with ``metric="cosine"`` on the same codes.

    Read more in the :ref:`user guide <guide_images>`.

    Parameters
    ----------
    coder : estimator
        What encodes an image: a transformer whose output has few entries that are not zero, such as
        :class:`~skl_sae.SparseAutoencoder` or :class:`~skl_sae.coding.KSVD`. A clone is fitted to the database. A
        fitted coder is used as it is if it is wrapped in :class:`~sklearn.frozen.FrozenEstimator`.

    n_neighbors : int, default=10
        Number of images that ``kneighbors`` finds, unless it is told another.

    Attributes
    ----------
    coder_ : estimator
        The fitted coder.

    index_ : csc_array of shape (n_images, n_components)
        The codes of the database, divided by their norms. Column j is the list of the images in which unit j is active.
        ``index_.tocsr()`` has one image a row.

    nbytes_ : int
        Memory of the index, in bytes.

    labels_ : ndarray of shape (n_images,) or None
        The y of ``fit``.

    image_shape_ : tuple of int or None
        Shape of the images of ``fit``; None if they were rows.

    n_features_in_ : int
        Number of pixels of an image, times channels.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the pixels, where X has names that are all strings.

    See Also
    --------
    sklearn.neighbors.NearestNeighbors : The same for any data and many metrics.
    skl_sae.metrics.mean_average_precision : The measure, for any kind of features.

    Notes
    -----
    X is an array of shape (n_images, height, width) or (n_images, height, width, channels), or a list of images of one
    shape. Images may also be rows, of shape (n_images, n_features), dense or CSR; so an array with two axes is never
    taken for a single image. Memory is that of the index and some MB for each thread.

    An index holds 8 bytes for each active unit of an image in float32, which coders return for images in float32, and
    12 in float64.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skl_sae import SparseAutoencoder
    >>> from skl_sae.image import ImageRetrieval
    >>> from skl_sae.sparsity import TopK
    >>> images, digits = load_digits(return_X_y=True)
    >>> images = images.reshape(-1, 8, 8)
    >>> coder = SparseAutoencoder(40, sparsity=TopK(1, transform_k=4), random_state=0)
    >>> retrieval = ImageRetrieval(coder).fit(images[200:], digits[200:])
    >>> distances, found = retrieval.kneighbors(images[:1], n_neighbors=5)
    >>> digits[200:][found[0]], digits[0]
    (array([0, 0, 0, 0, 0]), np.int64(0))
    >>> retrieval.score(images[:200], digits[:200]) > 0.67
    True
    """

    _parameter_constraints = {
        "coder": [HasMethods(["fit", "transform"])],
        "n_neighbors": [integer()],
    }

    def __init__(self, coder, *, n_neighbors=10):
        self.coder = coder
        self.n_neighbors = n_neighbors

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None):
        """Fit the coder to the images, and index their codes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_images, height, width[, channels]) or (n_images, n_features)
            The database.
        y : array-like of shape (n_images,), default=None
            Labels of the images, which ``score`` needs. The coder gets them, too.

        Returns
        -------
        self : object
            The fitted index.
        """
        X, shape = self._rows(X, reset=True)
        if y is not None:
            y = column_or_1d(y)
            check_consistent_length(X, y)
        coder = clone(self.coder).fit(X, y)
        self.coder_, self.labels_, self.image_shape_ = coder, y, shape
        self.index_ = self._encode(X).tocsc()
        if max(self.index_.nnz, *self.index_.shape) <= np.iinfo(np.int32).max:
            for name in ("indices", "indptr"):
                setattr(self.index_, name, getattr(self.index_, name).astype(np.int32, copy=False))
        self.nbytes_ = sum(x.nbytes for x in (self.index_.data, self.index_.indices, self.index_.indptr))
        return self

    @checked({"return_distance": ["boolean"]}, prefer_skip_nested_validation=False)
    def kneighbors(self, X, n_neighbors=None, return_distance=True):
        """Find the nearest images of the database.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_queries, height, width[, channels]) or (n_queries, n_features)
            Queries, of the shape of the database's images.
        n_neighbors : int, default=None
            Number of images that are found for each query. None means the parameter `n_neighbors`.
        return_distance : bool, default=True
            Whether distances are returned.

        Returns
        -------
        distances : ndarray of shape (n_queries, n_neighbors)
            One minus the cosine of the codes, ascending; 1 where no unit is active in both. Only if `return_distance`.
        images : ndarray of int64 of shape (n_queries, n_neighbors)
            Places in the database, the nearest first; at equal distance, the first of the database comes first.
        """
        check_is_fitted(self)
        n, n_images = self.n_neighbors if n_neighbors is None else n_neighbors, self.index_.shape[0]
        if not is_count(n) or n > n_images:
            raise ValueError(f"n_neighbors={n!r}: expected an integer from 1 to {n_images}, the number of images.")
        cosines, images = nearest(self.index_, self._queries(X), n)
        if not return_distance:
            return images
        return np.clip(1 - cosines, 0, 2), images

    @with_plain_arguments
    def mean_average_precision(self, X, y, k=None):
        """Compute the mean average precision of what is found for queries.

        An image of the database is relevant to a query if both have the same label; see
        :func:`skl_sae.metrics.mean_average_precision`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_queries, height, width[, channels]) or (n_queries, n_features)
            Queries.
        y : array-like of shape (n_queries,)
            Their labels.
        k : int, default=None
            Number of nearest images that count; None for the whole database.

        Returns
        -------
        float
            Between 0 and 1.
        """
        check_is_fitted(self)
        if self.labels_ is None:
            raise ValueError("The images of the database have no labels: expected them in fit(X, y), got y=None.")
        if k is not None and not is_count(k):
            raise ValueError(f"k={k!r}: expected a positive integer, or None for the whole database.")
        queries, y = self._queries(X), column_or_1d(y)
        check_consistent_length(queries, y)

        def precisions(cosines, first):
            return average_precisions(-cosines, y[first : first + len(cosines)], self.labels_, k)

        return mean_of(similarities(self.index_, queries, precisions))

    def score(self, X, y):
        """Compute the mean average precision over the whole database.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_queries, height, width[, channels]) or (n_queries, n_features)
            Queries.
        y : array-like of shape (n_queries,)
            Their labels.

        Returns
        -------
        float
            Between 0 and 1.
        """
        return self.mean_average_precision(X, y)

    def _queries(self, X):
        """Codes of queries, of the type of the index."""
        X, _ = self._rows(X, reset=False)
        return self._encode(X).astype(self.index_.dtype, copy=False)

    def _rows(self, X, reset):
        """Images as validated rows, and the shape of an image; None if they were rows before."""
        check_sparse_structure(X)
        if hasattr(X, "columns"):  # the coder looks at the values, and may know the columns by name
            validate_data(self, X, reset=reset, skip_check_array=True)
            return X, None
        shape = None
        if not sparse.issparse(X):
            X, shape = _stacked(X)
            if not (reset or shape is None or shape == self.image_shape_ or self.image_shape_ is None):
                raise ValueError(f"The images have shape {shape}: expected {self.image_shape_}, as in the database.")
        return validate_data(self, X, reset=reset, accept_sparse="csr", dtype="numeric"), shape

    def _encode(self, X):
        """Normalised codes of rows, by batches, so that coders without sparse output need little memory."""
        batches = gen_batches(X.shape[0], BATCH)
        return sparse.vstack([self._encode_batch(_safe_indexing(X, rows)) for rows in batches], format="csr")

    def _encode_batch(self, X):
        codes = self.coder_.transform(X)
        if not sparse.issparse(codes):
            codes = np.asarray(codes)
        dtype = np.float32 if codes.dtype in (np.float16, np.float32) else np.float64
        codes = sparse.csr_array(codes.astype(dtype))  # a copy: it is changed, and the codes may be somebody's
        if not np.isfinite(codes.data).all():
            raise ValueError("The coder's output has infinite numbers or NaN: expected codes that are finite.")
        codes.sum_duplicates()
        codes.eliminate_zeros()
        return normalize(normalize(codes, "max", copy=False), copy=False)  # squares of very large numbers are infinite

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.three_d_array = True
        return tags


def _stacked(X):
    """An array with the axes of an image flattened, and the shape of an image; rows as they are, without one."""
    try:
        array = np.asarray(X)
    except ValueError:
        shapes = sorted({np.shape(image) for image in X})[:3]
        raise ValueError(f"The images have shapes such as {shapes}: expected one shape; resize or crop them.") from None
    if array.ndim not in (3, 4):
        return X, None
    return array.reshape(len(array), -1), array.shape[1:]
