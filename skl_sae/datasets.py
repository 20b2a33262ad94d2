"""Data with a known answer (sparse features in superposition), and MNIST."""

from numbers import Integral, Real
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array, vstack
from scipy.special import ndtri
from sklearn.utils import check_array, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from ._kernels.norms import unit_rows

__all__ = ["load_mnist", "make_sparse_features"]

# Rows come in blocks, each with a random stream of its own: at most this many rows, and about this many entries.
_BLOCK_ROWS = 1 << 12
_BLOCK_ENTRIES = 1 << 21


# Magnitudes of the active features: one class and one row of _MAGNITUDES each.
# `mean` (n_features,) is the expected magnitude; `draw` gives one positive value for each entry of `features`.


class _Uniform:
    """Uniform on (0, 1]."""

    def __init__(self, n_features, rng):
        self.mean = np.full(n_features, 0.5)

    def draw(self, features, rng):
        return 1.0 - rng.random(len(features))


class _Constant:
    """Always 1: codes are binary."""

    def __init__(self, n_features, rng):
        self.mean = np.ones(n_features)

    def draw(self, features, rng):
        return np.ones(len(features))


class _Normal:
    """|N(m, s^2)|, with m falling linearly from 5 to 4 over the features and s drawn once as |N(0.5, 0.5^2)|."""

    def __init__(self, n_features, rng):
        self.mean = np.linspace(5.0, 4.0, n_features)
        self.std = np.abs(rng.normal(0.5, 0.5, n_features))

    def draw(self, features, rng):
        return np.abs(self.mean[features] + self.std[features] * rng.standard_normal(len(features)))


_MAGNITUDES = {"uniform": _Uniform, "constant": _Constant, "normal": _Normal}


# Which features fire


class _Trees:
    """Index arithmetic of complete trees whose features are numbered level by level.

    Two roots with two children each and depth 2 (features from 14 on stand outside)::

          0           1
         / \\         / \\
        2   3       4   5
       6 7 8 9    10 . . 13
    """

    def __init__(self, n_roots, n_children, depth):
        self.n_children = n_children
        self.starts = np.concatenate([[0], np.cumsum([n_roots * n_children**level for level in range(depth + 1)])])
        self.size = int(self.starts[-1])

    def children_of(self, level):
        """(n_parents, n_children) indices of the children of each feature of a level."""
        return np.arange(self.starts[level + 1], self.starts[level + 2]).reshape(-1, self.n_children)

    def condition(self, probabilities):
        """Probabilities, given its parent, that a child fires: cumulated over siblings, one array for each level.

        Siblings share at most one firing of their parent, so where they ask for more than their parent has, they
        are scaled down; `probabilities` is changed in place to what they get.
        """
        cumulated = []
        for level in range(len(self.starts) - 2):
            children = self.children_of(level)
            parents = probabilities[self.starts[level] : self.starts[level + 1], None]
            given = np.divide(probabilities[children], parents, out=np.zeros(children.shape), where=parents > 0)
            given /= np.maximum(given.sum(axis=1, keepdims=True), 1.0)
            probabilities[children] = given * parents
            cumulated.append(np.cumsum(given, axis=1))
        return cumulated


class _World:
    """Everything that is drawn once; `codes` then gives any block of rows."""

    def __init__(self, probabilities, trees, magnitude, correlation_scale, correlation_rank, rng):
        self.trees = trees
        self.cumulated = trees.condition(probabilities) if trees else []
        self.probabilities = probabilities
        self.magnitudes = _MAGNITUDES[magnitude](len(probabilities), rng)
        # A child fires through its parent only.
        self.own = np.arange(len(probabilities))
        if trees:
            self.own = np.delete(self.own, np.s_[trees.starts[1] : trees.size])
        self.factor = None
        if correlation_scale > 0:
            factor = rng.normal(0.0, correlation_scale, (len(self.own), correlation_rank)).astype(np.float32)
            factor /= np.maximum(np.linalg.norm(factor, axis=1, keepdims=True) / 0.995, 1.0)
            self.factor = factor

    def codes(self, n_rows, rng):
        """Codes of a block of rows, as a CSR array in float64."""
        draw = self._independent if self.factor is None else self._correlated
        rows, own = draw(n_rows, rng)
        features = self.own[own]
        values = self.magnitudes.draw(features, rng)
        parts = [(rows, features, values)]
        for level, cumulated in enumerate(self.cumulated):
            rows, features, values = self._children(level, cumulated, rows, features, values, rng)
            parts.append((rows, features, values))
        rows, features, values = (np.concatenate(column) for column in zip(*parts, strict=True))
        cells = rows.astype(np.int32), features.astype(np.int32)
        return csr_array((values, cells), shape=(n_rows, len(self.probabilities)))

    def _independent(self, n_rows, rng):
        """Each cell fires on its own. Cost: the number of active cells, not of all cells.

        Poisson events with rate -log(1 - p) a cell leave at least one event in a cell with probability p, and the
        events of a column fall on its rows uniformly: throw them and merge those that meet.
        """
        rates = -np.log1p(-np.minimum(self.probabilities[self.own], 1.0 - 1e-15))
        columns = np.repeat(np.arange(len(rates)), rng.poisson(rates * n_rows))
        cells = np.unique(rng.integers(n_rows, size=len(columns)) * len(rates) + columns)
        return np.divmod(cells, len(rates))

    def _correlated(self, n_rows, rng):
        """Gaussian copula g = F z + sqrt(1 - |F|^2) e; a feature fires where g exceeds its (1 - p) quantile."""
        own_share = np.sqrt(1.0 - np.sum(self.factor**2, axis=1))
        g = rng.standard_normal((n_rows, len(self.own)), dtype=np.float32)
        g *= own_share
        g += rng.standard_normal((n_rows, self.factor.shape[1]), dtype=np.float32) @ self.factor.T
        return np.nonzero(g > -ndtri(self.probabilities[self.own]).astype(np.float32))

    def _children(self, level, cumulated, rows, parents, values, rng):
        """Every firing parent of a level lets at most one child fire, larger when the parent is."""
        start, stop = self.trees.starts[level : level + 2]
        inside = (parents >= start) & (parents < stop)
        rows, parents, values = rows[inside], parents[inside], values[inside]
        chosen = np.sum(rng.random((len(rows), 1)) >= cumulated[parents - start], axis=1)
        fires = chosen < self.trees.n_children
        rows, parents, values, chosen = rows[fires], parents[fires], values[fires], chosen[fires]
        children = self.trees.children_of(level)[parents - start, chosen]
        return rows, children, self.magnitudes.draw(children, rng) * values / self.magnitudes.mean[parents]


def _zipf_probabilities(n_features, exponent, mean_active):
    """p_i = min(1, c i^-exponent), with c such that they add up to mean_active."""
    weights = np.arange(1, n_features + 1) ** -float(exponent)
    certain = 0
    # Features that reach 1 stay there, and the others share the rest; weights fall, so they are the first ones.
    while weights[certain] * (mean_active - certain) / weights[certain:].sum() > 1.0:
        certain += 1
        if certain == n_features:
            return np.ones(n_features)
    probabilities = weights * (mean_active - certain) / weights[certain:].sum()
    probabilities[:certain] = 1.0
    return probabilities


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


@validate_params(
    {
        "n_samples": [Interval(Integral, 1, None, closed="left")],
        "n_features": [Interval(Integral, 1, None, closed="left")],
        "n_dim": [Interval(Integral, 1, None, closed="left")],
        "mean_active": [Interval(Real, 0, None, closed="neither")],
        "zipf_exponent": [Interval(Real, 0, None, closed="left")],
        "firing_probabilities": ["array-like", None],
        "correlation_scale": [Interval(Real, 0, None, closed="left")],
        "correlation_rank": [Interval(Integral, 1, None, closed="left")],
        "hierarchy": [tuple, list, None],
        "magnitude": [StrOptions(set(_MAGNITUDES))],
        "noise": [Interval(Real, 0, None, closed="left")],
        "bias": [Interval(Real, 0, None, closed="left")],
        "orthogonalize": ["boolean"],
        "start": [Interval(Integral, 0, None, closed="left")],
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
    n_samples : int, default=1000
        Number of rows.
    n_features : int, default=512
        Number of true features: columns of the codes, rows of the dictionary.
    n_dim : int, default=256
        Number of columns of `X`.
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
    dtype = _check_dtype(dtype)
    seed = check_random_state(random_state).randint(np.iinfo(np.int32).max, size=4)
    rng = np.random.default_rng(seed)
    probabilities = _check_probabilities(n_features, mean_active, zipf_exponent, firing_probabilities)
    trees = _check_hierarchy(hierarchy, n_features)
    dictionary = _random_dictionary(n_features, n_dim, orthogonalize, rng).astype(dtype)
    direction = rng.standard_normal(n_dim)
    offset = (bias * direction / np.linalg.norm(direction)).astype(dtype)
    world = _World(probabilities, trees, magnitude, correlation_scale, correlation_rank, rng)

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


def _check_dtype(dtype):
    """A floating-point dtype."""
    dtype = np.dtype(dtype)
    if dtype not in (np.float32, np.float64):
        raise ValueError(f"dtype is {dtype}; expected float32 or float64.")
    return dtype


def _check_probabilities(n_features, mean_active, zipf_exponent, firing_probabilities):
    """The firing probability of each feature, float64."""
    if firing_probabilities is None:
        if mean_active > n_features:
            raise ValueError(f"mean_active is {mean_active}; expected at most n_features = {n_features}.")
        return _zipf_probabilities(n_features, zipf_exponent, mean_active)
    probabilities = check_array(
        firing_probabilities, ensure_2d=False, dtype=np.float64, copy=True, input_name="firing_probabilities"
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
    if len(hierarchy) != 3 or not all(isinstance(n, Integral) and n >= 1 for n in hierarchy):
        raise ValueError(f"hierarchy is {hierarchy}; expected three positive integers (n_roots, n_children, depth).")
    trees = _Trees(*hierarchy)
    if trees.size > n_features:
        raise ValueError(
            f"hierarchy {hierarchy} needs {trees.size} features; expected at most n_features = {n_features}."
        )
    return trees


# Images


def load_mnist(path=None, *, dtype=np.float32):
    """Load the MNIST digits, pixels in [0, 1], with the usual division into training and test set.

    Parameters
    ----------
    path : str or path-like, default=None
        A ``.npz`` file with `X`, of shape (70000, 784) and values 0 to 255, and `y`, of shape (70000,), the test set
        last. By default the data come from `sklearn.datasets.fetch_openml`, which keeps them in its cache.
    dtype : dtype, default=numpy.float32
        Type of the pixels: float32 or float64.

    Returns
    -------
    X_train : ndarray of shape (60000, 784)
        Training images.
    y_train : ndarray of shape (60000,)
        Training digits, int64.
    X_test : ndarray of shape (10000, 784)
        Test images.
    y_test : ndarray of shape (10000,)
        Test digits, int64.

    Examples
    --------
    >>> from skl_sae.datasets import load_mnist
    >>> X_train, y_train, X_test, y_test = load_mnist()  # doctest: +SKIP
    """
    dtype = _check_dtype(dtype)
    if path is None:
        from sklearn.datasets import fetch_openml  # here: it is slow to import

        X, y = fetch_openml("mnist_784", version=1, return_X_y=True, as_frame=False)
    else:
        with np.load(Path(path), allow_pickle=False) as archive:
            missing = {"X", "y"} - set(archive.files)
            if missing:
                raise ValueError(
                    f"{path} has the arrays {sorted(archive.files)}; expected 'X' and 'y' ({sorted(missing)} missing)."
                )
            X, y = archive["X"], archive["y"]
    if X.shape != (70000, 784) or y.shape != (70000,):
        raise ValueError(f"X has shape {X.shape} and y {y.shape}; expected (70000, 784) and (70000,).")
    X = X.astype(dtype)
    X /= 255
    y = y.astype(np.int64)
    return X[:60000], y[:60000], X[60000:], y[60000:]
