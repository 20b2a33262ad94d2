"""Mean average precision of what is found for queries."""

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import pairwise_distances_chunked
from sklearn.utils import check_consistent_length, column_or_1d

from .._kernels import threads
from .._kernels.sparse_structure import check_sparse_structure
from .._parameters import check_named_array, checked, integer
from .._warning import warn

# Megabytes of distances that are computed at a time.
WORKING_MEMORY = 64


@checked(
    {
        "queries": ["array-like", "sparse matrix"],
        "database": ["array-like", "sparse matrix", None],
        "y_queries": ["array-like"],
        "y_database": ["array-like"],
        "k": [integer(), None],
        "metric": [str, callable],
    },
    prefer_skip_nested_validation=True,
)
def mean_average_precision(queries, database, y_queries, y_database, *, k=None, metric="cosine"):
    r"""Mean average precision of the rows of a database, ranked by their distance from queries.

    A row of the database is relevant to a query if both have the same label. With :math:`r_i` 1 where the i-th nearest
    row is relevant and 0 elsewhere, and R relevant rows in the database, a query has the average precision

    .. math::

        \mathrm{AP} = \frac{1}{\min(R, k)} \sum_{i=1}^{k} r_i \, \frac{r_1 + \dots + r_i}{i}

    and the mean is over queries. Rows at equal distance, such as those without any unit in common with the query, have
    no order: AP is then the mean over all their orders [1]_, so the order of the database plays no part.

    Parameters
    ----------
    queries : {array-like, sparse matrix} of shape (n_queries, n_features)
        One query a row; the distances of shape (n_queries, n_database) if `metric` is "precomputed".
    database : {array-like, sparse matrix} of shape (n_database, n_features) or None
        What is ranked, one item a row; not read if `metric` is "precomputed".
    y_queries : array-like of shape (n_queries,)
        Labels of the queries: numbers or strings.
    y_database : array-like of shape (n_database,)
        Labels of the database.
    k : int, default=None
        Number of nearest rows that count; None for all.
    metric : str or callable, default="cosine"
        A distance of :func:`sklearn.metrics.pairwise_distances`.

    Returns
    -------
    float
        Between 0 and 1. In the order of chance it is about the share of relevant rows. Queries to which nothing is
        relevant are left out; if that is all of them, NaN.

    Warns
    -----
    UndefinedMetricWarning
        If nothing is relevant to any query.

    Notes
    -----
    Distances are computed by blocks of 64 MB.

    References
    ----------
    .. [1] F. McSherry and M. Najork, "Computing Information Retrieval Performance Measures Efficiently in the Presence
       of Tied Scores", European Conference on Information Retrieval, 2008.

    Examples
    --------
    >>> from skl_sae.metrics import mean_average_precision
    >>> database = [[1.0, 0.0], [0.9, 0.1], [0.5, 0.5], [0.0, 1.0]]
    >>> mean_average_precision([[1.0, 0.0]], database, ["a"], ["a", "b", "a", "b"])
    0.833...
    """
    check_sparse_structure(queries, "queries")
    queries = check_named_array("queries", queries, accept_sparse="csr", dtype="numeric")
    y_queries, y_database = column_or_1d(y_queries), column_or_1d(y_database)
    check_consistent_length(queries, y_queries)
    if metric == "precomputed":
        shape = (len(y_queries), len(y_database))
        if queries.shape != shape:
            raise ValueError(f"The distances have shape {queries.shape}: expected {shape}, (n_queries, n_database).")
        return mean_of([average_precisions(queries, y_queries, y_database, k)])
    check_sparse_structure(database, "database")
    database = check_named_array("database", database, accept_sparse="csr", dtype="numeric")
    check_consistent_length(database, y_database)

    def of_block(distances, start):
        return average_precisions(distances, y_queries[start : start + len(distances)], y_database, k)

    options = {"metric": metric, "reduce_func": of_block, "working_memory": WORKING_MEMORY}
    return mean_of(pairwise_distances_chunked(queries, database, **options))


def mean_of(blocks):
    """The mean of blocks of average precisions, without those that are not defined."""
    found = np.concatenate(list(blocks))
    found = found[~np.isnan(found)]
    if found.size == 0:
        warn(
            "Mean average precision is not defined: no label of the queries is one of the database's.",
            UndefinedMetricWarning,
        )
        return float("nan")
    return float(found.mean())


def average_precisions(distances, y_queries, y_database, k=None):
    """Average precision of each query; NaN where nothing is relevant.

    Parameters
    ----------
    distances : ndarray of shape (n_queries, n_database)
    y_queries : ndarray of shape (n_queries,)
    y_database : ndarray of shape (n_database,)
    k : int or None

    Returns
    -------
    ndarray of shape (n_queries,), float64
    """

    def task(i, slot):
        return _average_precision(distances[i], y_database == y_queries[i], k)

    return np.array(threads.run(task, len(distances)))


def _average_precision(distances, relevant, k):
    n_relevant = np.count_nonzero(relevant)
    if n_relevant == 0:
        return np.nan
    k = distances.size if k is None else min(k, distances.size)
    if k < distances.size:  # rows that are as near as the k-th may take its place
        near = np.flatnonzero(distances <= np.partition(distances, k - 1)[k - 1])
        distances, relevant = distances[near], relevant[near]
    order = np.argsort(distances)
    distances, found = distances[order], np.concatenate([[0], np.cumsum(relevant[order])])
    first = np.flatnonzero(np.concatenate([[True], distances[1:] != distances[:-1]]))  # of rows at equal distance
    size = np.diff(first, append=distances.size)
    hits = found[first + size] - found[first]
    # of a tied row at one place, the chance that it is relevant, and the relevant ones expected before it if it is
    chance, slope = hits / size, (hits - 1) / np.maximum(size - 1, 1)
    place = np.arange(k)
    group = np.repeat(np.arange(first.size), size)[:k]
    before = found[first][group] + (place - first[group]) * slope[group]
    return float((chance[group] * (before + 1) / (place + 1)).sum() / min(n_relevant, k))
