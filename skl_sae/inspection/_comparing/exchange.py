"""A test of two sets of rows as a whole: whether they could be exchanged."""

import numpy as np
from scipy.sparse import csr_array, hstack
from sklearn.utils import gen_batches

# Numbers of weights of rows, and of sums, that are held at a time.
_ENTRIES = 1 << 22
# Statistics that differ by less than this part of their size are equal.
_SAME = 1e-9
# What varies by less than this part of its size does not vary.
_ROUNDING = 1e-12


def permutation_test(codes, n_a, n_permutations, random):
    r"""Permutation test of the first `n_a` rows against the others.

    The statistic is a sum over the units, of squared differences of mean values and of rates of activity,

    .. math::

        T = \sum_j \frac{(\bar f_{aj} - \bar f_{bj})^2}{\operatorname{var} f_j}
        + \sum_j \frac{(\bar g_{aj} - \bar g_{bj})^2}{\operatorname{var} g_j}, \qquad g = [f \ne 0]

    with variances over all rows, which permutations leave as they are. The p-value is the rank of T among those of
    random permutations, itself counted.

    Parameters
    ----------
    codes : csr_array of shape (n_samples, n_units)
        Codes of all rows, without stored zeros.
    n_a : int
        Rows of the first set.
    n_permutations : int
        Number of permutations.
    random : RandomState
        What draws them.

    Returns
    -------
    statistic, p_value : float
    """
    n = codes.shape[0]
    active = csr_array((np.ones(codes.nnz), codes.indices, codes.indptr), shape=codes.shape)
    both = hstack([_standardised(codes), _standardised(active)], format="csr")
    labels = np.zeros(n)
    labels[:n_a] = 1 / n_a
    labels[n_a:] = -1 / (n - n_a)
    statistic = _statistics(both, labels[None])[0]
    more = 1
    for some in gen_batches(n_permutations, max(1, _ENTRIES // max(both.shape))):
        weights = np.array([labels[random.permutation(n)] for _ in range(some.stop - some.start)])
        more += np.count_nonzero(_statistics(both, weights) >= statistic * (1 - _SAME))
    return float(statistic), float(more / (n_permutations + 1))


def _standardised(codes):
    """Codes divided by their standard deviations; those of a unit that does not vary become zero."""
    codes = codes.astype(np.float64)
    n = codes.shape[0]
    largest = abs(codes).max(axis=0).toarray().ravel()
    codes = codes.multiply(1 / np.where(largest > 0, largest, 1.0)).tocsr()
    mean = codes.sum(axis=0) / n
    n_zeros = n - np.bincount(codes.indices, minlength=codes.shape[1])
    squares = np.bincount(codes.indices, (codes.data - mean[codes.indices]) ** 2, minlength=codes.shape[1])
    variance = (squares + n_zeros * mean**2) / n
    varies = variance > _ROUNDING**2
    return codes.multiply(np.where(varies, 1 / np.sqrt(np.where(varies, variance, 1.0)), 0.0)).tocsr()


def _statistics(both, weights):
    """The statistic for each row of weights, which add up to zero."""
    return np.square(both.T @ weights.T).sum(axis=0)
