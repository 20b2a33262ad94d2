"""`sparse_encode`, and the algorithms by name."""

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array
from sklearn.utils._param_validation import StrOptions

from .._kernels.sparse_structure import check_sparse_structure
from .._parameters import check_named_array, checked, integer, real
from .._warning import warn
from ._basis_pursuit import BasisPursuit
from ._coders.coder import Options, encode
from ._coders.dictionary import Dictionary
from ._coders.fista import Fista
from ._coders.group_pursuit import GroupPursuit
from ._coders.iterative_thresholding import IterativeThresholding
from ._coders.lasso import Lasso
from ._coders.pursuit import Pursuit
from ._coders.signals import Signals
from ._coders.thresholding import Threshold, TopK

# Algorithms by name.
CODERS = {
    "omp": Pursuit,
    "lasso": Lasso,
    "fista": Fista,
    "threshold": Threshold,
    "topk": TopK,
    "iht": IterativeThresholding,
    "basis_pursuit": BasisPursuit,
}
# Those for rows that share one support.
GROUP_CODERS = {"omp": GroupPursuit}

CONSTRAINTS = {
    "X": ["array-like", "sparse matrix"],
    "dictionary": ["array-like"],
    "algorithm": [StrOptions({*CODERS})],
    "n_nonzero_coefs": [integer(), None],
    "tol": [real(0, None, closed="left"), None],
    "alpha": [real(0, None, closed="left"), None],
    "positive": ["boolean"],
    "mask": ["array-like", None],
    "groups": ["array-like", None],
    "max_iter": [integer()],
    "sparse_output": ["boolean"],
}


@checked(CONSTRAINTS, prefer_skip_nested_validation=True)
def sparse_encode(
    X,
    dictionary,
    *,
    algorithm="omp",
    n_nonzero_coefs=None,
    tol=None,
    alpha=None,
    positive=False,
    mask=None,
    groups=None,
    max_iter=10000,
    sparse_output=False,
):
    r"""Find a sparse code of each row with a fixed dictionary.

    The code z of a row x has few entries that are not zero, and :math:`x \approx z D`. Of a row with missing entries it
    describes what is observed.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Signals, as rows; NaN is a missing entry. CSR is never made dense as a whole, and an array in a file is read by
        tiles.
    dictionary : array-like of shape (n_components, n_features)
        Atoms, as rows, of any norms. Atoms of zeros are never used.
    algorithm : {"omp", "lasso", "fista", "threshold", "topk", "iht", "basis_pursuit"}, default="omp"
        What is minimised, and how.

        - "omp": :math:`\|x - zD\|^2` with at most `n_nonzero_coefs` atoms, greedily: orthogonal matching pursuit
          [1]_ [2]_. An atom is chosen by its product with the residual over its norm.
        - "lasso": :math:`\frac{1}{2} \|x - zD\|^2 + \alpha \|z\|_1`, by coordinate descent on a working set of atoms.
        - "fista": the same by accelerated gradient steps [3]_, which "lasso" outruns; they are what networks unroll.
        - "threshold": no optimisation; products with the atoms, shrunk by `alpha`, as in scikit-learn.
        - "topk": no optimisation; each atom's own least-squares coefficient, where the `n_nonzero_coefs` atoms that
          explain most are kept.
        - "iht": at most `n_nonzero_coefs` atoms, by gradient steps each followed by keeping the largest [4]_.
        - "basis_pursuit": :math:`\|z\|_1` with :math:`zD = x`, or with a `tol`, :math:`\|x - zD\| \leq` `tol`.
    n_nonzero_coefs : int, default=None
        Number of active atoms, at most, of "omp", "topk" and "iht"; more than there are count as all. None is a tenth
        of the features, or with "omp" and a `tol` as many as it takes.
    tol : float, default=None
        - "omp", "iht": the squared norm of the residual at which a row is done, as in scikit-learn's `orthogonal_mp`.
          Of a row with missing entries its share. Both this and `n_nonzero_coefs` may be given.
        - "lasso", "fista": the duality gap over the squared norm of the row at which it is done; None is 1e-10 in
          float64 ("fista": 1e-8) and 1e-5 in float32.
        - "basis_pursuit": the largest norm of the residual; None is zero.
    alpha : float, default=None
        Weight of the L1 norm in "lasso" and "fista", and what "threshold" takes away; None is 1, as in scikit-learn.
    positive : bool, default=False
        Codes are not negative.
    mask : array-like of bool of shape (n_samples, n_features), default=None
        False where an entry is missing; what stands there is not read. NaN needs no mask.
    groups : array-like of shape (n_samples,), default=None
        A label for each row. Rows of one label get the same active atoms, such as the colours of a patch; "omp" only,
        in its simultaneous form [5]_. `tol` is then that of the group's mean.
    max_iter : int, default=10000
        Iterations of "lasso" (rounds over all atoms), "fista", "iht" and "basis_pursuit", at most.
    sparse_output : bool, default=False
        Return CSR instead of a dense array.

    Returns
    -------
    codes : {ndarray, csr_array} of shape (n_samples, n_components)
        In float32 if X is, otherwise in float64. A row of zeros, or of which nothing is observed, has no active atom;
        neither has one that is smaller than `tol`.

    Raises
    ------
    ValueError
        For shapes that do not fit, NaN in the dictionary or in CSR, infinite or complex numbers, an algorithm that
        cannot code groups, and for an equation that has no solution ("basis_pursuit").

    Warns
    -----
    ConvergenceWarning
        If rows have not converged after `max_iter` iterations.

    See Also
    --------
    sklearn.decomposition.sparse_encode : The same in scikit-learn, with least-angle regression too.

    Notes
    -----
    The code of a row depends neither on the rows beside it nor on the number of threads, to the bit, and multiplying X
    by a number multiplies the codes, if `alpha` or `tol` follow. Options that an algorithm does not read are ignored,
    as in scikit-learn.

    References
    ----------
    .. [1] Y. C. Pati, R. Rezaiifar and P. S. Krishnaprasad, "Orthogonal Matching Pursuit", Asilomar Conference on
       Signals, Systems and Computers, 1993.
    .. [2] R. Rubinstein, M. Zibulevsky and M. Elad, "Efficient Implementation of the K-SVD Algorithm using Batch
       Orthogonal Matching Pursuit", Technion, CS-2008-08, 2008.
    .. [3] A. Beck and M. Teboulle, "A Fast Iterative Shrinkage-Thresholding Algorithm for Linear Inverse Problems",
       SIAM Journal on Imaging Sciences 2(1), 2009.
    .. [4] T. Blumensath and M. E. Davies, "Iterative hard thresholding for compressed sensing", Applied and
       Computational Harmonic Analysis 27(3), 2009.
    .. [5] J. A. Tropp, A. C. Gilbert and M. J. Strauss, "Algorithms for simultaneous sparse approximation. Part I:
       Greedy pursuit", Signal Processing 86(3), 2006.

    Examples
    --------
    >>> from sklearn.datasets import make_sparse_coded_signal
    >>> from skl_sae.coding import sparse_encode
    >>> X, dictionary, codes = make_sparse_coded_signal(
    ...     n_samples=100, n_components=60, n_features=30, n_nonzero_coefs=3, random_state=0
    ... )
    >>> found = sparse_encode(X, dictionary, n_nonzero_coefs=3)
    >>> print(f"{(abs(found - codes).max(axis=1) < 1e-9).mean():.0%}")
    100%
    """
    X, atoms, dtype = check_signals(X, dictionary, masked=mask is not None)
    n_nonzero_coefs = _n_nonzero(n_nonzero_coefs, tol, atoms.shape, algorithm)
    options = Options(n_nonzero_coefs, tol, 1.0 if alpha is None else alpha, positive, max_iter)
    coder = _coder_class(algorithm, groups is not None)(Dictionary(atoms), options)
    signals = Signals(X, dtype, check_mask(mask, X), check_groups(groups, X))
    codes, failed = encode(signals, coder, sparse_output)
    if failed:
        warn(
            f"{failed} of {len(signals)} rows have not converged after max_iter={max_iter} iterations. Raise max_iter "
            "or tol, or scale the data.",
            ConvergenceWarning,
        )
    return codes


def check_signals(X, dictionary, masked=False):
    """Validated signals, atoms in the precision of the codes, and that precision: float32 for data in float32.

    With a mask, what it covers may be anything; the rest is looked at tile by tile.
    """
    check_sparse_structure(X)
    finite = False if masked else "allow-nan"
    X = check_array(X, accept_sparse="csr", dtype="numeric", ensure_all_finite=finite, input_name="X")
    if sparse.issparse(X) and np.isnan(X.data).any():
        raise ValueError(
            "X is sparse and has NaN: got a missing value among the stored ones. Use a dense array or fill it."
        )
    dtype = np.dtype(np.float32 if X.dtype == np.float32 else np.float64)
    atoms = check_named_array("dictionary", dictionary, dtype=dtype)
    if atoms.shape[1] != X.shape[1]:
        raise ValueError(
            f"The dictionary has shape {atoms.shape}, that is atoms of {atoms.shape[1]} features, and X has "
            f"{X.shape[1]}. Atoms are the rows: expected shape (n_components, {X.shape[1]})."
        )
    return X, atoms, dtype


def check_mask(mask, X):
    """A mask of X's shape, True where an entry is observed; None without one."""
    if mask is None:
        return None
    if sparse.issparse(X):
        raise ValueError("mask needs a dense X: got CSR, whose entries that are not stored are zeros and not missing.")
    mask = np.asarray(mask)
    if mask.shape != X.shape or mask.dtype != bool:
        raise ValueError(f"mask must be boolean and of the shape of X, {X.shape}: got {mask.dtype} of {mask.shape}.")
    return mask


def check_groups(groups, X):
    """Labels of the rows' groups as integers; None without any."""
    if groups is None:
        return None
    groups = np.asarray(groups)
    if groups.shape != X.shape[:1]:
        raise ValueError(f"groups must have one label for each of the {X.shape[0]} rows: got shape {groups.shape}.")
    try:
        return np.unique(groups, return_inverse=True)[1]
    except TypeError:
        raise ValueError(
            "groups must be labels of one type, numbers or strings: got some that have no order."
        ) from None


def _n_nonzero(n_nonzero_coefs, tol, shape, algorithm):
    """The number of active atoms asked for; without one, a tenth of the features, as in scikit-learn."""
    if n_nonzero_coefs is None:
        n_nonzero_coefs = min(shape) if tol is not None and algorithm == "omp" else max(1, shape[1] // 10)
    return min(n_nonzero_coefs, shape[0])


def _coder_class(algorithm, grouped):
    """The class of an algorithm; for rows with one support in common, one that can find it."""
    if not grouped:
        return CODERS[algorithm]
    if algorithm not in GROUP_CODERS:
        raise ValueError(f"groups need an algorithm of {sorted(GROUP_CODERS)}: got {algorithm!r}.")
    return GROUP_CODERS[algorithm]
