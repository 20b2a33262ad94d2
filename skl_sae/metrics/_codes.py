"""How sparse codes are.

A unit is active (it "fired") in a row when its value there is not zero. For non-negative codes this is "greater than
zero": an entry that a rule selected but that is 0, and an explicit zero of a sparse matrix, do not count.
"""

import numpy as np
from scipy.sparse import issparse

from .._kernels.sparse_structure import check_sparse_structure
from .._parameters import check_named_array
from ._blocks import row_chunks


def mean_active(blocks):
    """`l0` of codes that come by blocks of rows."""
    counts, n_samples = _active_counts(blocks)
    return float(counts.sum() / n_samples)


def share_of_dead(blocks):
    """`dead_fraction` of codes that come by blocks of rows."""
    counts, _ = _active_counts(blocks)
    return float(np.mean(counts == 0))


def _active_counts(blocks):
    """The number of rows in which each unit is active, and the number of rows."""
    counts = n_samples = 0
    for codes in blocks:
        active, n_rows = _active_in(codes)
        counts, n_samples = counts + active, n_samples + n_rows
    return counts, n_samples


def _active_in(codes):
    """The same of one block."""
    check_sparse_structure(codes, "codes")
    codes = check_named_array("codes", codes, accept_sparse="csr", dtype="numeric")
    n_samples, n_units = codes.shape
    if issparse(codes):
        if not codes.has_canonical_format:
            codes = codes.copy()  # entries given twice are one entry: their sum
            codes.sum_duplicates()
        return np.bincount(codes.indices[codes.data != 0], minlength=n_units), n_samples
    counts = np.zeros(n_units, dtype=np.int64)
    for rows in row_chunks(codes):
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
    return mean_active([codes])


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
    counts, n_samples = _active_counts([codes])
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
    return share_of_dead([codes])
