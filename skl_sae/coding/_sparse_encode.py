"""`sparse_encode`, and the algorithms by name."""

import warnings
from numbers import Integral, Real

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from .._kernels.sparse_structure import check_sparse_structure
from ._coder import Options, encode
from ._dictionary import Dictionary
from ._pursuit import Pursuit
from ._signals import Signals

# Algorithms by name.
CODERS = {"omp": Pursuit}
# Those for rows that share one support.
GROUP_CODERS = {}

CONSTRAINTS = {
    "X": ["array-like", "sparse matrix"],
    "dictionary": ["array-like"],
    "algorithm": [StrOptions({*CODERS})],
    "n_nonzero_coefs": [Interval(Integral, 1, None, closed="left"), None],
    "tol": [Interval(Real, 0, None, closed="left"), None],
    "alpha": [Interval(Real, 0, None, closed="left"), None],
    "positive": ["boolean"],
    "mask": ["array-like", None],
    "groups": ["array-like", None],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "sparse_output": ["boolean"],
}


@validate_params(CONSTRAINTS, prefer_skip_nested_validation=True)
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
    max_iter=1000,
    sparse_output=False,
):
    r"""Find a sparse code of each row with a fixed dictionary.

    The code z of a row x makes :math:`x \approx z D` with few entries that are not zero.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The signals; NaN is a missing entry. CSR is never made dense as a whole, and a memory-mapped array is read tile
        by tile.
    dictionary : array-like of shape (n_components, n_features)
        Atoms, as rows, of any norms.
    """
    X, atoms, dtype = check_signals(X, dictionary)
    n_nonzero_coefs = _n_nonzero(n_nonzero_coefs, tol, atoms.shape, algorithm)
    options = Options(n_nonzero_coefs, tol, 1.0 if alpha is None else alpha, positive, max_iter)
    coder = _coder_class(algorithm, groups is not None)(Dictionary(atoms), options)
    signals = Signals(X, dtype, check_mask(mask, X), check_groups(groups, X))
    codes, failed = encode(signals, coder, sparse_output)
    if failed:
        warnings.warn(
            f"{failed} of {len(signals)} rows have not converged after max_iter={max_iter} iterations. Raise max_iter "
            "or tol, or scale the data.",
            ConvergenceWarning,
            stacklevel=2,
        )
    return codes


def check_signals(X, dictionary):
    """Validated signals, atoms in the precision of the codes, and that precision: float32 for data in float32."""
    check_sparse_structure(X)
    X = check_array(X, accept_sparse="csr", dtype="numeric", ensure_all_finite="allow-nan", input_name="X")
    if sparse.issparse(X) and np.isnan(X.data).any():
        raise ValueError(
            "X is sparse and has NaN: got a missing value among the stored ones. Use a dense array or fill it."
        )
    dtype = np.dtype(np.float32 if X.dtype == np.float32 else np.float64)
    atoms = check_array(dictionary, dtype=dtype, input_name="dictionary")
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
    return np.unique(groups, return_inverse=True)[1]


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
