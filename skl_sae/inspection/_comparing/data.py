"""Two data sets, compared by the units of a model."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import issparse, vstack
from scipy.stats import false_discovery_control
from sklearn.utils import check_random_state

from ..._extras import extra
from ..._parameters import checked, integer, real
from .._model import InspectedModel
from .._units.facts import facts_of
from .._units.gathering import gather
from .differences import compare_levels, compare_rates
from .exchange import permutation_test
from .wording import summarise


@dataclass(frozen=True, eq=False)
class DataComparison:
    """What `compare_data` has found; printed, it is its summary.

    Parameters
    ----------
    units : DataFrame
        A row a unit, see `compare_data`.
    statistic : float
        Of the permutation test of the two sets as a whole.
    p_value : float
        Of that test.
    n_rows : tuple of int
        Rows of both sets.
    names : tuple of str
        What the sets are called.
    level : float
        The false discovery rate of the column "differs".
    n_permutations : int
        Number of permutations.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.decomposition import PCA
    >>> from skl_sae.inspection import compare_data
    >>> X, y = load_iris(return_X_y=True)
    >>> comparison = compare_data(PCA(2).fit(X), X[y == 0], X[y == 1], random_state=0)
    >>> comparison.p_value
    0.001
    >>> comparison.n_rows
    (50, 50)
    """

    units: object
    statistic: float
    p_value: float
    n_rows: tuple
    names: tuple
    level: float
    n_permutations: int

    @property
    def summary(self):
        """The differences in words."""
        return summarise(self)

    def __str__(self):
        return self.summary


@checked(
    {
        "n_top": [integer()],
        "level": [real(0, 1, closed="neither")],
        "confidence": [real(0, 1, closed="neither")],
        "n_permutations": [integer()],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def compare_data(
    estimator,
    X_a,
    X_b,
    *,
    feature_names=None,
    names=("a", "b"),
    n_top=5,
    level=0.05,
    confidence=0.95,
    n_permutations=999,
    random_state=None,
):
    r"""Compare two data sets by the units of a fitted model; needs pandas.

    Two questions are asked of each unit. Is it active in one set more often (Fisher's exact test of the rates)? Where
    it is active, are its values larger in one (Mann and Whitney's test)? False discoveries among all answers are
    controlled by the step-up procedure of Benjamini and Hochberg: of m p-values in increasing order, those up to the
    largest i with

    .. math::

        p_{(i)} \le \frac{i}{m} \, \text{level}

    are discoveries, of which a share of at most `level` is false on average, where tests are independent or
    depend on one another positively. A q-value is the smallest level at which a test is a discovery.

    Whether the sets differ at all is one more question, answered by a permutation test. If the rows of both sets are
    exchangeable, its p-value is at most :math:`\alpha` with a probability of at most :math:`\alpha`, in samples of any
    size and whatever the model is. The statistic is the sum over the units of the squared differences of mean values
    and of rates, each divided by its variance over all rows. Sets that differ in neither, as where values of both signs
    only spread wider, are not told apart, nor those that differ only in what the codes leave out.

    Rows are the units of exchange: where rows hang together, as those of one patient, pass one of each. The model must
    not know which set a row is from: fit it on rows of neither set, or on those of both. Otherwise the rows that it
    has learned from differ from new ones for that reason alone.

    Parameters
    ----------
    estimator : estimator
        Fitted, with ``transform`` and ``inverse_transform``, or a pipeline of such.
    X_a, X_b : {array-like, sparse matrix} of shape (n_rows, n_features)
        The sets; NaN is a missing value, where the estimator takes it.
    feature_names : array-like of str of shape (n_features,), default=None
        Names of the columns. None takes those that the data or the estimator has.
    names : tuple of two str, default=("a", "b")
        What the sets are called in the summary.
    n_top : int, default=5
        Number of examples of a unit from each set.
    level : float, default=0.05
        The false discovery rate.
    confidence : float, default=0.95
        Of the intervals, each for itself.
    n_permutations : int, default=999
        Number of permutations; the smallest p-value is one over this number and one.
    random_state : int, RandomState instance or None, default=None
        Permutations.

    Returns
    -------
    comparison : DataComparison
        Its `units` is a DataFrame with a row a unit, those that differ first, by the size of the difference. "name":
        as of ``describe_units``, from the rows of both sets. "differs": whether one of its tests is a discovery.
        "rate_a", "rate_b": shares of the rows in which it is active. "rate_difference": that of b minus that of a, with
        "rate_low" and "rate_high" (Newcombe's interval). "rate_q": q-value. "level_a", "level_b": mean values where it
        is active. "superiority": the probability that a value from b is above one from a, both active (ties count
        one half), with "superiority_low" and "superiority_high". "level_q": q-value. "rows_a", "rows_b": rows of
        either set with the largest values by size. Its `summary` says in words what differs; `p_value` is that of the
        permutation test.

    See Also
    --------
    describe_units : What units stand for, in one set.

    References
    ----------
    Y. Benjamini and Y. Hochberg, *Controlling the False Discovery Rate*, Journal of the Royal Statistical Society B 57,
    1995.

    R. G. Newcombe, *Interval estimation for the difference between independent proportions*, Statistics in Medicine 17,
    1998; *Confidence intervals for an effect size measure based on the Mann-Whitney statistic, Part 2*, Statistics in
    Medicine 25, 2006.

    B. Phipson and G. K. Smyth, *Permutation p-values should never be zero*, Statistical Applications in Genetics and
    Molecular Biology 9, 2010, arXiv:1603.05766.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from skl_sae import SparseAutoencoder
    >>> from skl_sae.inspection import compare_data
    >>> X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    >>> sae = SparseAutoencoder(16, max_iter=20, random_state=0).fit(X)
    >>> comparison = compare_data(sae, X[y == 0], X[y == 1], names=("malignant", "benign"), random_state=0)
    >>> print(comparison.summary.splitlines()[0])
    malignant (212 rows) and benign (357 rows) differ: p = 0.001, by 999 permutations of the rows.
    """
    with extra("report"):
        import pandas as pd
    names = _two_names(names)
    _check_columns(X_a, X_b)
    model = InspectedModel(estimator, feature_names)
    X_a, X_b = model.read(X_a), model.read(X_b)
    if X_a.shape[1] != X_b.shape[1]:
        raise ValueError(f"X_a has {X_a.shape[1]} columns and X_b {X_b.shape[1]}; expected the same columns.")
    X, n_a, n_b = _stacked(X_a, X_b), X_a.shape[0], X_b.shape[0]
    of_numbers = InspectedModel(model.model, model.feature_names if model.has_names else None)
    gathered = gather(of_numbers, X, n_top=n_top, keep_codes=True)
    codes, unit_names = gathered.codes, facts_of(gathered, n_top).names
    statistic, p_value = permutation_test(codes, n_a, n_permutations, check_random_state(random_state))
    table, order = _table(unit_names, codes[:n_a].tocsc(), codes[n_a:].tocsc(), level, confidence, n_top)
    units = pd.DataFrame(table, index=pd.RangeIndex(len(order), name="unit")).iloc[order]
    return DataComparison(units, statistic, p_value, (n_a, n_b), names, level, n_permutations)


def _table(unit_names, codes_a, codes_b, level, confidence, n_top):
    """Columns of the table, and the order of its rows."""
    n_a, n_b = codes_a.shape[0], codes_b.shape[0]
    active_a, active_b = np.diff(codes_a.indptr), np.diff(codes_b.indptr)
    rates = compare_rates(active_a, active_b, n_a, n_b, confidence)
    levels = compare_levels(codes_a, codes_b, confidence)
    rate_q, level_q = np.split(_q_values(np.concatenate([rates.p_value, levels.p_value])), 2)
    differs = np.fmin(rate_q, level_q) <= level
    table = {"name": unit_names, "differs": differs, "rate_a": active_a / n_a, "rate_b": active_b / n_b}
    table |= {"rate_difference": rates.estimate, "rate_low": rates.low, "rate_high": rates.high, "rate_q": rate_q}
    table |= {"level_a": _means(codes_a), "level_b": _means(codes_b), "superiority": levels.estimate}
    table |= {"superiority_low": levels.low, "superiority_high": levels.high, "level_q": level_q}
    table |= {"rows_a": _largest(codes_a, n_top), "rows_b": _largest(codes_b, n_top)}
    # Of a level, what counts is in how many rows it can differ.
    of_rate = np.where(rate_q <= level, np.abs(rates.estimate), 0.0)
    of_level = np.abs(2 * levels.estimate - 1) * np.minimum(active_a / n_a, active_b / n_b)
    size = np.fmax(of_rate, np.where(level_q <= level, of_level, 0.0))
    return table, np.lexsort((-size, ~differs))


def _two_names(names):
    given, names = names, tuple(map(str, names)) if hasattr(names, "__len__") and getattr(names, "ndim", 1) else ()
    if isinstance(given, str | dict | set) or len(names) != 2 or names[0] == names[1]:
        raise ValueError(f"Got names={given!r}; expected two different ones, of X_a and of X_b.")
    return names


def _check_columns(X_a, X_b):
    """Columns of two data frames must have the same order, also where the estimator knows no names."""
    if hasattr(X_a, "columns") and hasattr(X_b, "columns") and list(X_a.columns) != list(X_b.columns):
        raise ValueError(
            f"X_a has the columns {list(X_a.columns)[:5]}... and X_b {list(X_b.columns)[:5]}...; expected the same "
            "ones in the same order."
        )


def _stacked(X_a, X_b):
    if issparse(X_a) != issparse(X_b):
        raise TypeError("Got one sparse set and one dense; expected both sparse or both dense.")
    return vstack([X_a, X_b], format="csr") if issparse(X_a) else np.vstack([X_a, X_b])


def _q_values(p):
    """The smallest false discovery rate at which each test is a discovery; NaN where there was no test."""
    q = np.full(p.shape, np.nan)
    tested = ~np.isnan(p)
    if tested.any():
        q[tested] = false_discovery_control(p[tested])
    return q


def _means(codes):
    """Mean value of each unit where it is active."""
    n = np.diff(codes.indptr)
    return np.where(n > 0, codes.sum(axis=0) / np.maximum(n, 1), np.nan)


def _largest(codes, n_top):
    """Rows with the largest values of each unit, by size."""
    rows = []
    for start, stop in zip(codes.indptr, codes.indptr[1:], strict=False):
        best = np.argsort(-np.abs(codes.data[start:stop]), kind="stable")[:n_top]
        rows.append(codes.indices[start:stop][best].tolist())
    return rows
