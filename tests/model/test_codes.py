"""The three layouts of a code against the same sums over a dense matrix."""

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import config
from numpy.testing import assert_allclose, assert_array_equal

from skl_sae._model.codes import DenseCode, RowCode

EXAMPLES = 15 if config.DISABLE_JIT else 100


class Case:
    """A dense matrix with a support, as each layout; entries have a value and a gradient."""

    def __init__(self, n_rows, n_units, width, density, seed, dtype):
        rng = np.random.default_rng(seed)
        self.n_units, self.dtype = n_units, dtype
        self.support = rng.random((n_rows, n_units)) < density
        self.values = np.where(self.support, rng.standard_normal(self.support.shape), 0).astype(dtype)
        self.grad = np.where(self.support, rng.standard_normal(self.support.shape), 0).astype(dtype)
        self.pre = rng.standard_normal(self.support.shape).astype(dtype)
        self.weights = rng.standard_normal((n_units, width)).astype(dtype)
        self.rows = rng.standard_normal((n_rows, width)).astype(dtype)
        self.tolerance = {"rtol": 0, "atol": 1e-12 if dtype == np.float64 else 3e-5}

    def dense(self):
        return DenseCode(self.values.copy(), self.pre, self.support, grad=self.grad.copy())

    def row(self):
        code = RowCode.empty(*self.values.shape, self.dtype)
        code.compress(0, len(self.values), self.dense())
        for i in range(len(self.values)):
            code.grad[i, : code.count[i]] = self.grad[i, self.support[i]]
        return code

    def unit(self):
        return self.row().ordered(self.n_units, self.pre)


cases = st.builds(
    Case,
    n_rows=st.integers(1, 12),
    n_units=st.integers(1, 20),
    width=st.integers(1, 6),
    density=st.sampled_from([0, 0.1, 0.5, 1]),
    seed=st.integers(0, 1 << 30),
    dtype=st.sampled_from([np.float32, np.float64]),
)


@st.composite
def ranges(draw):
    """A case and a range of its units."""
    case = draw(cases)
    start = draw(st.integers(0, case.n_units))
    return case, start, draw(st.integers(start, case.n_units))


def active(code):
    """Number of entries that need a gradient."""
    code.count_active(n := np.zeros(1))
    return n[0]


def scattered(code, values, n_units):
    """The entries of a row code as a dense matrix."""
    dense = np.zeros((len(code.index), n_units))
    for i in range(len(dense)):
        for j in range(code.count[i]):
            dense[i, code.index[i, j]] += values[i, j]
    return dense


@settings(max_examples=EXAMPLES, deadline=None)
@given(cases)
def test_compress_keeps_the_support_in_order(case):
    code = case.row()
    got = [(i, code.index[i, j], code.values[i, j]) for i in range(len(code.index)) for j in range(code.count[i])]
    assert got == naive.entries_by_row(case.values, case.support)
    assert active(code) == active(case.dense()) == case.support.sum()


@settings(max_examples=EXAMPLES, deadline=None)
@given(cases)
def test_compress_without_a_support_keeps_what_is_not_zero(case):
    code = RowCode.empty(*case.values.shape, case.dtype)
    code.compress(0, len(case.values), DenseCode(case.values))
    assert_array_equal(scattered(code, code.values, case.n_units), case.values)
    assert active(code) == active(DenseCode(case.values)) == np.count_nonzero(case.values)


@settings(max_examples=EXAMPLES, deadline=None)
@given(cases)
def test_order_by_unit(case):
    """A stable counting sort: by unit, then row; every entry remembers where it stood."""
    rows = case.row()
    code = rows.ordered(case.n_units, case.pre)
    entries = naive.entries_by_unit(case.values, case.support)
    assert list(zip(code.row, code.unit, code.values)) == entries
    assert_array_equal(code.grad, [case.grad[i, j] for i, j, _ in entries])
    assert_array_equal(code.pre, [case.pre[i, j] for i, j, _ in entries])
    counts = case.support.sum(axis=0)
    assert_array_equal(code.ptr, [0, *np.cumsum(counts)])
    back = np.full_like(rows.values, np.nan)
    code.grad[:] = code.values
    code.restore_rows(back)
    assert_array_equal(scattered(rows, back, case.n_units), case.values)
    assert np.isnan(back).sum() == back.size - case.support.sum()


@settings(max_examples=EXAMPLES, deadline=None)
@given(ranges())
def test_decode(what):
    """Adds the decoder's rows of a range of units; the rows of a whole tile, and of a part."""
    case, start, stop = what
    expected = 1 + case.values[:, start:stop].astype(float) @ case.weights[start:stop].astype(float)
    for code in case.dense(), case.row():
        out = np.ones_like(case.rows)
        code.decode(case.weights, start, stop, out)
        assert_allclose(out, expected, **case.tolerance)
        part = np.ones_like(case.rows[1:])
        code.rows(1, len(case.rows)).decode(case.weights, start, stop, part)
        assert_allclose(part, expected[1:], **case.tolerance)


@settings(max_examples=EXAMPLES, deadline=None)
@given(ranges())
def test_pull(what):
    """Writes the dot products of a range of units, and nothing else."""
    case, start, stop = what
    products = case.rows.astype(float) @ case.weights.T.astype(float)
    inside = (np.arange(case.n_units) >= start) & (np.arange(case.n_units) < stop)
    dense = case.dense()
    dense.pull(case.weights, case.rows, start, stop)
    assert_allclose(dense.grad, np.where(inside, products, case.grad), **case.tolerance)
    code = case.row()
    code.pull(case.weights, case.rows, start, stop)
    expected = np.where(case.support, np.where(inside, products, case.grad), 0)
    assert_allclose(scattered(code, code.grad, case.n_units), expected, **case.tolerance)


@settings(max_examples=EXAMPLES, deadline=None)
@given(ranges(), st.booleans())
def test_correlate(what, add):
    """The gradient of the weights of a block of units: written, or added to what is there."""
    case, start, stop = what
    expected = case.values.astype(float).T @ case.rows.astype(float) + (5 if add else 0)
    for code in case.dense(), case.unit():
        part, out = code.block(start, stop), np.full_like(case.weights[start:stop], 5)
        part.correlate("seen", case.rows, out, add)
        assert_allclose(out, expected[start:stop], **case.tolerance)


@settings(max_examples=EXAMPLES, deadline=None)
@given(ranges(), st.integers(0, 100))
def test_per_unit_and_by_unit(what, seed):
    """A rule need not know the layout."""
    case, start, stop = what
    v = np.random.default_rng(seed).standard_normal(stop - start).astype(case.dtype)
    products = case.values[:, start:stop].astype(float) * v
    for code in case.dense(), case.unit():
        part = code.block(start, stop)
        product = part.values * part.per_unit(v)
        assert product.shape == part.values.shape
        sums = part.by_unit(product)
        assert sums.dtype == case.dtype
        assert_allclose(sums, products.sum(axis=0), **case.tolerance)


def test_blocks_and_rows_are_views():
    case = Case(6, 9, 3, 0.5, 0, np.float64)
    dense, rows, units = case.dense(), case.row(), case.unit()
    for part, whole in [
        (dense.block(2, 5), dense),
        (dense.rows(1, 4), dense),
        (rows.rows(1, 4), rows),
        (units.block(2, 5), units),
    ]:
        assert np.shares_memory(part.grad, whole.grad)
        assert np.shares_memory(part.values, whole.values)
    block = units.block(2, 5)
    assert_array_equal(
        block.unit + 2, [j for _, j, _ in naive.entries_by_unit(case.values, case.support) if 2 <= j < 5]
    )
    assert units.block(4, 4).values.size == 0


@pytest.mark.parametrize("layout", ["dense", "row"])
def test_gradient_as_a_code(layout):
    """Decoding the gradient is how it passes through the encoder."""
    case = Case(6, 9, 3, 0.5, 0, np.float64)
    out = np.zeros_like(case.rows)
    getattr(case, layout)().as_gradient().decode(case.weights, 0, 9, out)
    assert_allclose(out, case.grad @ case.weights, atol=1e-12)


def test_put_collects_tiles():
    """Tiles written into a whole batch, in place or copied."""
    case = Case(6, 9, 3, 0.5, 0, np.float64)
    whole = DenseCode(np.zeros((6, 9)), np.zeros((6, 9)), np.zeros((6, 9), bool))
    rows, tiles = RowCode.empty(6, 9, np.float64), case.row()
    for lo, hi in [(0, 4), (4, 6)]:
        whole.put(np.s_[lo:hi], case.dense().rows(lo, hi))
        rows.put(lo, hi, tiles.rows(lo, hi))
    for name in "values", "pre", "support":
        assert_array_equal(getattr(whole, name), getattr(case, name))
    assert_array_equal(scattered(rows, rows.values, 9), case.values)
