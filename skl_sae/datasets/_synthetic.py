"""Sparse features in superposition, with the codes and the dictionary that they were made of."""

import numpy as np
from scipy.sparse import vstack
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import StrOptions

from .._kernels.norms import unit_rows
from .._parameters import check_named_array, checked, integer, is_count, real
from ._dtype import check_dtype
from ._world import MAGNITUDES, Trees, World, zipf_probabilities

# Rows come in blocks, each with a random stream of its own, so that a table can be entered at any row. A block has at
# most this many rows, and about this many entries.
_BLOCK_ROWS = 1 << 12
_BLOCK_ENTRIES = 1 << 21
# With larger noise, bias or correlations the numbers would not be finite in float32.
LARGEST = 1e18


@checked(
    {
        "n_samples": [integer()],
        "n_features": [integer()],
        "n_dim": [integer()],
        "mean_active": [real(0, None, closed="neither")],
        "zipf_exponent": [real(0, None, closed="left")],
        "firing_probabilities": ["array-like", None],
        "correlation_scale": [real(0, LARGEST, closed="both")],
        "correlation_rank": [integer()],
        "hierarchy": [tuple, list, None],
        "magnitude": [StrOptions(set(MAGNITUDES))],
        "noise": [real(0, LARGEST, closed="both")],
        "bias": [real(0, LARGEST, closed="both")],
        "orthogonalize": ["boolean"],
        "start": [integer(0)],
        "sparse_codes": ["boolean"],
        "dtype": "no_validation",
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def make_sparse_features(
    n_samples=1000,
    n_features=512,
    n_dim=256,
    *,
    mean_active=5.0,
    zipf_exponent=0.5,
    firing_probabilities=None,
    correlation_scale=0.0,
    correlation_rank=25,
    hierarchy=None,
    magnitude="uniform",
    noise=0.0,
    bias=0.0,
    orthogonalize=False,
    start=0,
    sparse_codes=True,
    dtype=np.float32,
    random_state=None,
):
    r"""Generate sparse features in superposition, with their true codes and dictionary.

    .. math::

        x = b + D^T z + \varepsilon, \qquad z_i = s_i m_i, \qquad s_i \sim \mathrm{Bernoulli}(p_i)

    The rows of the dictionary :math:`D` are unit vectors of Gaussian direction. With more features than dimensions
    they overlap: a sparse autoencoder has to tell them apart by their sparsity.

    Parameters
    ----------
    **Shape**

    n_samples : int, default=1000
        Number of rows.
    n_features : int, default=512
        Number of true features: columns of the codes, rows of the dictionary.
    n_dim : int, default=256
        Number of columns of `X`.

    **Which features fire**

    mean_active : float, default=5.0
        Expected number of active features in a row, at most `n_features`.
    zipf_exponent : float, default=0.5
        Feature i = 1, 2, ... fires with probability proportional to i to the power -`zipf_exponent`, 1 at most.
        0 gives all features the same frequency.
    firing_probabilities : array-like of shape (n_features,), default=None
        The probabilities themselves. `mean_active` and `zipf_exponent` are then not used.
    correlation_scale : float, default=0.0
        Firing is made dependent by a Gaussian copula of correlation :math:`F F^T` off the diagonal, where the
        entries of F (n_features, `correlation_rank`) are normal with this standard deviation and rows are shortened
        to a norm below 1. Frequencies do not change. Children of a hierarchy depend on others through their parent.
    correlation_rank : int, default=25
        Number of columns of F.
    hierarchy : tuple (n_roots, n_children, depth), default=None
        The first features form complete trees, numbered level by level: the roots, then the `n_children` children
        of each root in turn, and so on for `depth` levels below the roots. A child fires only when its parent
        does, the children of a parent exclude each other, and the magnitude of a child is multiplied by that of its
        parent, relative to the parent's mean. Frequencies are kept; children that together ask for more than
        their parent's frequency share it in proportion.

    **Values**

    magnitude : {"uniform", "constant", "normal"}, default="uniform"
        Magnitude :math:`m_i` of an active feature: uniform on (0, 1], always 1, or :math:`|N(\mu_i, \sigma_i^2)|`
        with :math:`\mu_i` falling linearly from 5 to 4 over the features and :math:`\sigma_i` drawn once from
        :math:`|N(0.5, 0.5^2)|`.
    noise : float, default=0.0
        Standard deviation of the Gaussian noise on each entry of `X`.
    bias : float, default=0.0
        Norm of the constant vector b, of random direction.
    orthogonalize : bool, default=False
        Whether to reduce the overlaps of the dictionary: to zero if `n_features` <= `n_dim`, else to the smallest
        sum of squares (a tight frame).

    **Rows and output**

    start : int, default=0
        Number of the first row. A seed defines an endless table; this call returns its rows `start` to
        `start + n_samples - 1`. Fresh rows of the same features, for testing or for a stream, begin at another
        `start` with the same integer `random_state`.
    sparse_codes : bool, default=True
        Whether to return the codes as a CSR array. The dense array has ``n_samples * n_features`` entries.
    dtype : dtype, default=numpy.float32
        Type of all three arrays: float32 or float64.
    random_state : int, RandomState instance or None, default=None
        Determines features and rows. Pass an int for reproducible results.

    Returns
    -------
    X : ndarray of shape (n_samples, n_dim)
        The data.
    codes : CSR array or ndarray of shape (n_samples, n_features)
        The true codes, not negative.
    dictionary : ndarray of shape (n_features, n_dim)
        The true features, rows of norm 1.

    See Also
    --------
    skl_sae.metrics.dictionary_match : Compares a learned dictionary with the true one.

    Notes
    -----
    Two published settings:

    - the toy of Sharkey, Braun and Millidge (2022): ``p = 0.99 ** np.arange(512)``,
      ``make_sparse_features(n, 512, 256, firing_probabilities=5 * p / p.sum())``;
    - the world of SynthSAEBench-16k (Chanin and Garriga-Alonso 2026): ``p = np.arange(1, 16385) ** -0.5``,
      ``p = 5e-4 + (0.4 - 5e-4) * (p - p[-1]) / (p[0] - p[-1])``,
      ``make_sparse_features(n, 16384, 768, firing_probabilities=p, hierarchy=(128, 4, 3), correlation_scale=0.1,
      magnitude="normal", bias=0.5, orthogonalize=True)``. It differs in details: exclusion is exact by construction
      instead of corrected afterwards, and inside a tree the correlation acts on the roots.

    References
    ----------
    L. Sharkey, D. Braun and B. Millidge, *Taking features out of superposition with sparse autoencoders*, 2022.

    D. Chanin and A. Garriga-Alonso, *SynthSAEBench*, 2026, arXiv:2602.14687.

    Examples
    --------
    >>> import numpy as np
    >>> from skl_sae.datasets import make_sparse_features
    >>> X, codes, dictionary = make_sparse_features(1000, n_features=64, n_dim=32, mean_active=3, random_state=0)
    >>> X.shape, codes.shape, dictionary.shape
    ((1000, 32), (1000, 64), (64, 32))
    >>> np.allclose(X, codes @ dictionary, atol=1e-6)
    True
    >>> X_test, _, same = make_sparse_features(500, 64, 32, mean_active=3, start=1000, random_state=0)
    >>> np.array_equal(same, dictionary)
    True
    """
    dtype = check_dtype(dtype)
    seed = check_random_state(random_state).randint(np.iinfo(np.int32).max, size=4)
    rng = np.random.default_rng(seed)
    probabilities = _check_probabilities(n_features, mean_active, zipf_exponent, firing_probabilities)
    trees = _check_hierarchy(hierarchy, n_features)
    dictionary = _random_dictionary(n_features, n_dim, orthogonalize, rng).astype(dtype)
    direction = rng.standard_normal(n_dim)
    offset = (bias * direction / np.linalg.norm(direction)).astype(dtype)
    world = World(probabilities, trees, magnitude, correlation_scale, correlation_rank, rng)

    block = max(1, min(_BLOCK_ROWS, _BLOCK_ENTRIES // max(n_features, n_dim)))
    X = np.empty((n_samples, n_dim), dtype=dtype)
    parts = []
    for number in range(start // block, (start + n_samples - 1) // block + 1):
        rng = np.random.default_rng([*seed, number])
        codes = world.codes(block, rng).astype(dtype)
        first = number * block
        rows = slice(max(start - first, 0), min(start + n_samples - first, block))
        out = X[first + rows.start - start : first + rows.stop - start]
        parts.append(codes[rows])
        np.add(parts[-1] @ dictionary, offset, out=out)
        if noise > 0:
            out += noise * rng.standard_normal((block, n_dim), dtype=dtype)[rows]
        if not sparse_codes:
            parts[-1] = parts[-1].toarray()
    return X, vstack(parts, format="csr") if sparse_codes else np.concatenate(parts), dictionary


def _check_probabilities(n_features, mean_active, zipf_exponent, firing_probabilities):
    """The firing probability of each feature, float64."""
    if firing_probabilities is None:
        if mean_active > n_features:
            raise ValueError(f"mean_active is {mean_active}; expected at most n_features = {n_features}.")
        return zipf_probabilities(n_features, zipf_exponent, mean_active)
    probabilities = check_named_array(
        "firing_probabilities", firing_probabilities, ensure_2d=False, dtype=np.float64, copy=True
    )
    if probabilities.shape != (n_features,):
        raise ValueError(
            f"firing_probabilities has shape {probabilities.shape}; expected one for each feature, ({n_features},)."
        )
    if probabilities.min() < 0 or probabilities.max() > 1:
        raise ValueError(
            f"firing_probabilities lie between {probabilities.min():.3g} and {probabilities.max():.3g}; "
            "expected values in [0, 1]."
        )
    return probabilities


def _check_hierarchy(hierarchy, n_features):
    """The trees, or None."""
    if hierarchy is None:
        return None
    if len(hierarchy) != 3 or not all(map(is_count, hierarchy)):
        raise ValueError(f"hierarchy is {hierarchy}; expected three positive integers (n_roots, n_children, depth).")
    trees = Trees(*hierarchy)
    if trees.size > n_features:
        raise ValueError(
            f"hierarchy {hierarchy} needs {trees.size} features; expected at most n_features = {n_features}."
        )
    return trees


def _random_dictionary(n_features, n_dim, orthogonalize, rng):
    """Unit rows of Gaussian direction; on request as orthogonal as they can be.

    The nearest tight frame (the polar factor) and the unit norms are imposed in turn. It minimises the sum of the
    squared cosines, and is exact at once when n_features <= n_dim.
    """
    dictionary = rng.standard_normal((n_features, n_dim))
    if orthogonalize and n_features <= n_dim:
        left, _, right = np.linalg.svd(dictionary, full_matrices=False)
        dictionary = left @ right
    elif orthogonalize:
        for _ in range(3):
            dictionary = unit_rows(dictionary)
            values, vectors = np.linalg.eigh(dictionary.T @ dictionary)
            dictionary = dictionary @ (vectors / np.sqrt(values) @ vectors.T)
    return unit_rows(dictionary)
