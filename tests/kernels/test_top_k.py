"""Selection of the largest entries of each row."""

import naive
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numba import config
from numpy.testing import assert_array_equal
from sklearn.base import clone

from skl_sae import SparseAutoencoder
from skl_sae._kernels.top_k import GROUP, SHORT_ROW, _find_bound, select_largest_entries
from skl_sae.sparsity import StepContext, TopK
from skl_sae.sparsity._topk import select_largest, smallest_live

# Where kernels are not compiled, differences of extreme numbers warn; a step is run without these warnings.
pytestmark = pytest.mark.filterwarnings("ignore:(overflow|invalid value) encountered:RuntimeWarning")
EXAMPLES = 20 if config.DISABLE_JIT else 300
DTYPES = [np.float32, np.float64]


def assert_stays_in_bounds(a, k):
    """The kernel writes into its arrays and nothing behind them."""
    n, behind = len(a), 3 * a.shape[1]
    index, values = np.full(n * k + behind, -7, np.int32), np.full(n * k + behind, -7, a.dtype)
    count = np.empty(n, np.int32)
    for floor, signed in (1e-45, False), (-np.inf, False), (0, True), (1e-45, True):
        with np.errstate(all="ignore"):
            at, to = index[: n * k].reshape(n, k), values[: n * k].reshape(n, k)
            select_largest_entries(a, a.dtype.type(floor), at, to, count, signed)
        assert count.min() >= 0 and count.max() <= k
        assert (index[n * k :] == -7).all() and (values[n * k :] == -7).all()


def selected(a, k, activation, signed=False):
    """The code of `select_largest` as a mask and a dense matrix."""
    assert_stays_in_bounds(a, min(k, a.shape[1]))
    code = select_largest(a.copy(), min(k, a.shape[1]), StepContext(activation), signed)
    mask, values = np.zeros(a.shape, int), np.zeros_like(a)
    for i in range(len(a)):
        at = code.index[i, : code.count[i]]
        mask[i, at] += 1
        values[i, at] = code.values[i, : code.count[i]]
    assert mask.max(initial=0) <= 1, "an entry was selected twice"
    assert code.values.dtype == a.dtype
    return mask.astype(bool), values


def assert_selects(a, k, activation):
    """Equality with the twin; with relu, what is not positive may be left out. NaN is never selected.

    By absolute values the same; zeros are left out.
    """
    keep = naive.largest(a, k) & ~np.isnan(a)
    if activation == "relu":
        keep &= a > 0
    mask, values = selected(a, k, activation)
    assert_array_equal(mask, keep)
    assert_array_equal(values, np.where(keep, a, 0))
    keep = naive.largest(abs(a), k) & ~np.isnan(a) & (a != 0)
    mask, values = selected(a, k, "identity", signed=True)
    assert_array_equal(mask, keep)
    assert_array_equal(values, np.where(keep, a, 0))


def rows(elements):
    """Rows of 1 to 70 numbers, with 1 to 3 rows."""
    shapes = st.tuples(st.integers(1, 3), st.integers(1, 70))
    return st.sampled_from(DTYPES).flatmap(lambda dtype: hnp.arrays(dtype, shapes, elements=elements))


activations = st.sampled_from(["relu", "identity"])
few_values = st.integers(-2, 2).map(float)
any_number = st.floats(width=32, allow_nan=False, allow_infinity=False)
with_minus_infinity = st.one_of(st.just(-np.inf), any_number)
tiny, big = float(np.finfo(np.float32).smallest_subnormal), float(np.finfo(np.float32).max)
extremes = st.sampled_from([-np.inf, -big, -1.0, -tiny, -0.0, 0.0, tiny, 2 * tiny, 3 * tiny, 1.0, big])
with_infinity = st.sampled_from([-np.inf, -1.0, 0.0, 1.0, 2.0, np.inf])


@settings(max_examples=EXAMPLES, deadline=None)
@given(rows(few_values), st.integers(1, 80), activations)
def test_ties_go_to_the_lowest_index(a, k, activation):
    assert_selects(a, k, activation)


@settings(max_examples=EXAMPLES, deadline=None)
@given(rows(any_number), st.integers(1, 80), activations)
def test_any_numbers(a, k, activation):
    assert_selects(a, k, activation)


@settings(max_examples=EXAMPLES, deadline=None)
@given(rows(extremes | with_minus_infinity), st.integers(1, 80), activations)
@example(np.array([[-np.inf, 3, 2, 1]]), 2, "identity")
def test_extreme_numbers(a, k, activation):
    assert_selects(a, k, activation)


@settings(max_examples=EXAMPLES, deadline=None)
@given(rows(with_infinity), st.integers(1, 80), activations)
@example(np.array([[np.inf, 1, 2, 0]]), 2, "relu")
def test_infinite_numbers(a, k, activation):
    """A diverging network must end in an error message, not in memory written out of bounds."""
    assert_selects(a, k, activation)


@settings(max_examples=EXAMPLES // 5, deadline=None)
@given(st.integers(0, 1 << 30), st.integers(1, 40), st.sampled_from([1, 4, 1000]), st.sampled_from(DTYPES), activations)
def test_wide_rows(seed, k, levels, dtype, activation):
    """Rows wide enough for the bound from the maxima of 16 groups; few levels give many ties."""
    rng = np.random.default_rng(seed)
    a = (np.round(levels * rng.standard_normal((3, rng.integers(600, 1000)))) / levels).astype(dtype)
    assert_selects(a, k, activation)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("k", [1, 3, 31, 32, 40])
def test_equal_entries(k, dtype):
    a = np.full((2, 32), 0.5, dtype)
    assert_array_equal(selected(a, k, "relu")[0], np.arange(32) < [[k], [k]])


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_selects_by_the_pre_activation(activation):
    """Saturated activations are equal, their pre-activations are not."""
    a = np.array([[50.0, 60.0, 70.0, 40.0], [-60.0, -50.0, -70.0, -40.0]])
    mask, values = selected(a, 2, activation)
    assert_array_equal(mask, [[False, True, True, False], [False, True, False, True]])
    np.testing.assert_allclose(values, np.where(mask, naive.ACTIVATIONS[activation](a), 0), atol=1e-16)


@settings(max_examples=EXAMPLES, deadline=None)
@given(rows(with_infinity | st.just(np.nan)), st.integers(1, 80), activations)
@example(np.full((1, 40), np.nan), 5, "identity")
@example(np.array([[np.nan, 1, 2], [0, 3, 1]]), 2, "identity")
def test_nan_is_not_selected_and_hides_nothing(a, k, activation):
    assert_selects(a, k, activation)


BAD_ROWS = {
    "largest": [np.finfo(np.float32).max],
    "lowest": [-np.finfo(np.float32).max],
    "both": [-np.finfo(np.float32).max, np.finfo(np.float32).max],
    "infinite": [np.inf, -np.inf, 1],
    "NaN": [np.nan],
    "NaN and numbers": [np.nan, 1e30, -1, 0],
    "denormal": [1e-45, 2e-45, 0],
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", ["relu", "identity"])
@pytest.mark.parametrize("n_units, k", [(SHORT_ROW + 1, 1), (SHORT_ROW + 64, 16), (4096, 32), (300, 16)])
@pytest.mark.parametrize("bad", BAD_ROWS.values(), ids=BAD_ROWS)
def test_rows_after_a_bad_one(bad, n_units, k, activation, dtype):
    """The bound of a row is where the search in the next one starts: it may cost time there, but change nothing."""
    rng = np.random.default_rng(0)
    a = rng.standard_normal((12, n_units)) * 10.0 ** rng.integers(-30, 30, (12, 1))
    for at in 0, 1, 5:
        a[at] = rng.choice(bad, n_units)
    a[7, :: n_units // 7] = np.nan
    a[9, :k] = np.inf
    assert_selects(a.astype(dtype), k, activation)


@pytest.mark.parametrize("activation", ["relu", "identity"])
def test_nan_first_in_every_group_of_a_long_row(activation):
    a = np.random.default_rng(0).standard_normal((3, SHORT_ROW + 70)).astype(np.float32)
    a[:, : a.shape[1] // GROUP] = np.nan
    assert_selects(a, 16, activation)


extreme_numbers = (
    st.sampled_from([0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 5e-324, -5e-324, 1e-45, -1e-45]) | st.floats()
)


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    st.sampled_from(DTYPES),
    st.lists(extreme_numbers, min_size=1, max_size=12),
    st.integers(1, 14),
    st.integers(0, 2),
    st.booleans(),
    extreme_numbers,
    extreme_numbers,
)
def test_the_search_ends_at_a_bound_whatever_the_numbers(dtype, x, k, slack, live, guess, step):
    """Guess and step come from other rows: they may be anything."""
    with np.errstate(all="ignore"):
        x, floor = (
            np.array(x).astype(dtype),
            smallest_live(np.dtype(dtype), StepContext("relu" if live else "identity")),
        )
        bound, found, _ = _find_bound(x, x.size, k, floor, slack, dtype(guess), dtype(step))
    assert found == np.count_nonzero(x >= bound)
    if found >= k:
        assert found <= k + slack or np.count_nonzero(x > bound) < k
    else:
        assert bound == floor


def test_the_smallest_live_number_needs_no_arithmetic():
    with np.errstate(all="raise"):
        for dtype in DTYPES:
            assert smallest_live(np.dtype(dtype), StepContext("relu")) == np.finfo(dtype).smallest_subnormal
            assert smallest_live(np.dtype(dtype), StepContext("relu")).dtype == dtype


@pytest.mark.parametrize("n_units, k", [(2112, 16), (4096, 32)])
def test_an_outlier_leaves_the_codes_of_the_rows_after_it(n_units, k):
    """A marker for missing values, before rows of a small scale."""
    X = (np.random.default_rng(0).normal(size=(200, 64)) * 1e-4).astype(np.float32)
    sae = SparseAutoencoder(n_units, sparsity=TopK(k), max_iter=1, random_state=0).fit(X)
    clean = sae.transform(X)
    for bad in -3e33, 1e33:
        Y = X.copy()
        Y[0, 0] = bad
        codes = sae.transform(Y)
        assert np.count_nonzero(codes, axis=1).max() <= k
        assert_array_equal(codes[1:], clean[1:])


@pytest.mark.parametrize("k", [1, 7, 32, 33, 0.1, 0.5, 1.0, 1e-9, None, np.int64(3), np.float32(0.25)])
@pytest.mark.parametrize("n_units", [1, 8, 32, 300])
def test_number_of_units(k, n_units):
    rule = TopK(k)
    rule.initialize(n_units, "relu")
    plain = k if k is None else int(k) if isinstance(k, int | np.integer) else float(k)
    assert rule.k_ == rule.transform_k_ == naive.number_of_units(plain, n_units)


@pytest.mark.parametrize("name", ["k", "transform_k"])
@pytest.mark.parametrize("k", [0, -1, 0.0, 1.5, -0.5, True, "all", np.nan])
def test_number_of_units_out_of_range(name, k):
    with pytest.raises(ValueError, match=rf"Got {name}={k!r}, expected"):
        TopK(**{name: k}).initialize(8, "relu")


def test_deployed_rule_keeps_transform_k():
    rule = TopK(2, transform_k=5)
    rule.initialize(8, "relu")
    a = np.random.default_rng(0).random((4, 8))
    code = rule.deployed().encode(a.copy(), None, StepContext("relu"))[0]
    assert_array_equal(code.count, [5] * 4)
    assert_array_equal(rule.encode(a.copy(), None, StepContext("relu"))[0].count, [2] * 4)
    assert rule.k_ == 2 and clone(rule).k == 2


class LastUnits(TopK):
    """Of equal entries the ones of higher index."""

    def encode(self, a, p, step):
        codes = super().encode(a[:, ::-1].copy(), p, step)
        codes[0].index = (a.shape[1] - 1 - codes[0].index).astype(np.int32)
        return codes


def test_a_subclass_keeps_its_encode_in_transform():
    rule = LastUnits(2, transform_k=3)
    rule.initialize(8, "relu")
    code = rule.deployed().encode(np.ones((1, 8)), None, StepContext("relu"))[0]
    assert_array_equal(np.sort(code.index), [[5, 6, 7]])
    assert rule.deployed().deployed().k_ == 3
