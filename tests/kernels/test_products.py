"""Dense products against NumPy's, and their bits, with the registers of this processor and as others make them."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numba import config
from numpy.lib.stride_tricks import as_strided
from numpy.testing import assert_allclose, assert_array_equal

from skl_sae._kernels import products, vectors
from skl_sae._kernels.products import (
    COLUMNS_IN_CACHE,
    COLUMNS_T,
    DEPTH,
    REGISTER,
    ROWS,
    ROWS_T,
    VECTORS,
    multiply,
    multiply_t,
)

ROOT = Path(__file__).parents[2]
LANES = (REGISTER or 64) // 4
needs_kernels = pytest.mark.skipif(not REGISTER, reason="NumPy's BLAS makes the products")
PRODUCTS = [multiply, multiply_t]
STARTS = ["none", "row", "out"]
each_product = pytest.mark.parametrize("product", PRODUCTS)
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])
each_start = pytest.mark.parametrize("initial", STARTS)


def within(a):
    """An array as a block of columns of a wider one, which is NaN outside."""
    wide = np.full((a.shape[0] + 2, a.shape[1] + 5), np.nan, a.dtype)
    wide[1:-1, 2:-3] = a
    return wide[1:-1, 2:-3]


def apart(a):
    """An array whose numbers lie apart, NaN in between."""
    wide = np.full((2 * a.shape[0], 3 * a.shape[1]), np.nan, a.dtype)
    wide[::2, ::3] = a
    return wide[::2, ::3]


def read_only(a):
    a.flags.writeable = False
    return a


LAYOUTS = {
    "C": lambda a: a,
    "Fortran": np.asfortranarray,
    "columns": within,
    "transposed columns": lambda a: within(a.T).T,
    "apart": apart,
    "reversed": lambda a: a[::-1, ::-1].copy()[::-1, ::-1],
}


class Case:
    """Factors of a product, views of all kinds.

    Whole numbers make every sum exact: what is left out, or counted twice, shows.
    """

    def __init__(self, product, shape, dtype, seed=0, layout="C", initial="none", whole=False):
        rows, inner, columns = shape
        self.product, self.dtype, self.kind = product, dtype, initial
        rng = np.random.default_rng(seed)

        def numbers(*shape):
            values = rng.integers(-8, 9, shape) if whole else rng.standard_normal(shape)
            return values.astype(dtype)

        self.x = read_only(LAYOUTS[layout](numbers(rows, inner)))
        self.w = numbers(inner, columns)
        self.weights = read_only(within(self.w if product is multiply else self.w.T))
        self.initial = {"none": None, "row": read_only(numbers(columns)), "out": numbers(rows, columns)}[initial]

    def run(self, rows=slice(None), columns=slice(None)):
        """The product of some rows with some columns, written between NaN."""
        x, weights = self.x[rows], self.weights[:, columns] if self.product is multiply else self.weights[columns]
        initial = self.initial
        if self.kind == "out":
            out = initial = within(self.initial[rows, columns])
        else:
            out = within(np.full((len(self.x), self.w.shape[1]), np.nan, self.dtype)[rows, columns])
            initial = None if initial is None else initial[columns]
        assert self.product(x, weights, out, initial) is out
        assert np.isnan(out.base).sum() - np.isnan(out).sum() == out.base.size - out.size, "written outside"
        return out

    def factors(self):
        """In double precision."""
        return (np.asarray(a, np.float64) for a in (self.x, self.w, 0 if self.initial is None else self.initial))

    def expected(self):
        x, w, initial = self.factors()
        return x @ w + initial

    def bound(self):
        """What rounding may add, in any order of the sum."""
        x, w, initial = self.factors()
        return (x.shape[1] + 2) * np.finfo(self.dtype).eps * (abs(x) @ abs(w) + abs(initial))


EDGES = {1, ROWS, ROWS_T, COLUMNS_T, LANES // 2, LANES, VECTORS * LANES // 2, VECTORS * LANES, COLUMNS_IN_CACHE}
sizes = st.integers(0, 120) | st.builds(
    lambda block, n, more: block * n + more, st.sampled_from(sorted(EDGES)), st.integers(1, 2), st.integers(-1, 1)
)
few, deep = st.integers(0, 30), st.integers(DEPTH - 1, DEPTH + 40)
shapes = st.tuples(sizes, sizes, sizes) | st.tuples(few, deep, few)


def cases(products=PRODUCTS, whole=False):
    return st.builds(
        Case,
        st.sampled_from(products),
        shapes,
        st.sampled_from([np.float32, np.float64]),
        seed=st.integers(0, 1 << 30),
        layout=st.sampled_from(list(LAYOUTS)),
        initial=st.sampled_from(STARTS),
        whole=st.just(whole),
    )


def parts(n):
    """Slices of n things."""
    return st.lists(st.integers(0, n), min_size=2, max_size=2).map(lambda ends: slice(*sorted(ends)))


@settings(max_examples=300, deadline=None)
@given(cases(whole=True))
def test_exact_where_sums_are(case):
    """Any shape, layout and initial; nothing beside the factors is read, nothing beside the product is written."""
    assert_array_equal(case.run(), case.expected())


@settings(max_examples=100, deadline=None)
@given(cases())
def test_equal_but_for_rounding(case):
    assert np.all(abs(case.run() - case.expected()) <= case.bound())


@each_product
@each_start
@each_dtype
@pytest.mark.parametrize("inner", [DEPTH, DEPTH + 1, 2 * DEPTH + 5])
def test_an_inner_dimension_of_several_blocks(inner, dtype, initial, product):
    shape = 2 * ROWS + 1, inner, VECTORS * LANES + LANES + 3
    case = Case(product, shape, dtype, layout="columns", initial=initial, whole=True)
    assert_array_equal(case.run(), case.expected())


@each_product
@each_start
@each_dtype
@pytest.mark.parametrize("columns", [0, 1, LANES, LANES + 3])
@pytest.mark.parametrize("rows", [0, 1, ROWS + 1])
def test_the_start_is_left_without_an_inner_dimension(rows, columns, dtype, initial, product):
    case = Case(product, (rows, 0, columns), dtype, initial=initial)
    assert_array_equal(case.run(), np.broadcast_to(0 if case.initial is None else case.initial, (rows, columns)))


@each_product
@each_dtype
def test_a_new_array_where_none_is_given(dtype, product):
    case = Case(product, (5, 7, 9), dtype, whole=True)
    out = product(case.x, case.weights)
    assert out.dtype == dtype and out.flags.c_contiguous
    assert_array_equal(out, case.expected())


# bits


@needs_kernels
@settings(max_examples=100, deadline=None)
@given(st.data())
def test_rows_have_the_same_bits_alone_and_among_others(data):
    case = data.draw(cases())
    assume(len(case.x))
    product, i = case.run(), data.draw(st.integers(0, len(case.x) - 1))
    assert_array_equal(case.run(rows=slice(i, i + 1)), product[i : i + 1])
    some = data.draw(parts(len(case.x)))
    assert_array_equal(case.run(rows=some), product[some])


@needs_kernels
@settings(max_examples=100, deadline=None)
@given(st.data())
def test_columns_have_the_same_bits_alone_and_among_others(data):
    """The first ones, and any block."""
    case = data.draw(cases())
    product, some = case.run(), data.draw(parts(case.w.shape[1]))
    for columns in slice(some.stop), some:
        assert_array_equal(case.run(columns=columns), product[:, columns])


@needs_kernels
@settings(max_examples=100, deadline=None)
@given(cases([multiply]), st.integers(0, 150) | st.integers(DEPTH - 1, DEPTH + 1))
def test_pieces_of_the_inner_dimension_have_the_bits_of_the_whole(case, cut):
    """Added to what is there one after another."""
    out = within(case.initial if case.kind == "out" else np.zeros((len(case.x), case.w.shape[1]), case.dtype))
    multiply(case.x[:, :cut], case.weights[:cut], out, out if case.kind == "out" else case.initial)
    multiply(case.x[:, cut:], case.weights[cut:], out, out)
    assert_array_equal(out, case.run())


@needs_kernels
@settings(max_examples=50, deadline=None)
@given(cases())
def test_the_layout_does_not_change_the_bits(case):
    product = case.run()
    for layout in LAYOUTS.values():
        case.x = layout(np.ascontiguousarray(case.x))
        assert_array_equal(case.run(), product)


@pytest.mark.parametrize("by_blas", [False, True])
@each_dtype
def test_a_row_has_the_same_bits_alone_and_among_others(dtype, by_blas, monkeypatch):
    """BLAS rounds a row by its place, and takes another routine for a single one."""
    if by_blas:
        monkeypatch.setattr(products, "REGISTER", 0)
    rng = np.random.default_rng(0)
    x, w, initial = (rng.standard_normal(shape).astype(dtype) for shape in [(101, 75), (41, 75), 41])
    product = products.multiply_rows_t(x, w, initial)
    assert_allclose(product, x @ w.T + initial, rtol=0, atol=1e-4 if dtype == np.float32 else 1e-12)
    for rows in (np.s_[:1], np.s_[100:], np.s_[7:9], np.s_[3:40], np.s_[::2], np.s_[::-1]):
        assert_array_equal(products.multiply_rows_t(x[rows], w, initial), product[rows])


# numbers that are not finite


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_what_is_not_finite_stays_in_its_row_or_column(data):
    """Also in the last vector, which is filled up, and where the inner dimension is shorter than one."""
    case = data.draw(cases(whole=True))
    rows, inner, columns = len(case.x), *case.w.shape
    assume(rows and inner and columns)
    i, k, j = (data.draw(st.integers(0, n - 1)) for n in (rows, inner, columns))
    value, bad = data.draw(st.sampled_from([np.inf, -np.inf, np.nan])), np.zeros((rows, columns), bool)
    product = case.run()
    where = data.draw(st.sampled_from(["x", "weights"] + (["initial"] if case.kind != "none" else [])))
    factor = np.array(getattr(case, where), order="C")
    if where == "x":
        factor[i, k], bad[i] = value, True
    elif where == "weights":
        factor[(k, j) if case.product is multiply else (j, k)], bad[:, j] = value, True
    elif case.kind == "row":
        factor[j], bad[:, j] = value, True
    else:
        factor[i, j], bad[i, j] = value, True
    setattr(case, where, factor)
    with np.errstate(invalid="ignore"):
        got = case.run()
    assert_array_equal(~np.isfinite(got), bad)
    assert_array_equal(got[~bad], product[~bad])


# arguments that do not fit


@needs_kernels
@each_product
@each_dtype
@pytest.mark.parametrize("rows, columns", [(9, 40), (1, 1)])
@pytest.mark.parametrize("more", [-1, 1])
def test_shapes_that_do_not_fit(more, rows, columns, dtype, product):
    """Nothing is written then."""
    case = Case(product, (rows, 20, columns), dtype)
    for shape in (rows + more, columns), (rows, columns + more):
        out = np.full(shape, 5, dtype)
        with pytest.raises(ValueError, match="shapes of the factors and of the product do not fit"):
            product(case.x, case.weights, out)
        assert np.all(out == 5)
    other = Case(product, (rows, 20 + more, columns), dtype)
    with pytest.raises(ValueError, match="shapes of the factors and of the product do not fit"):
        product(case.x, other.weights)


@each_product
@pytest.mark.parametrize("size", [0, 39, 41])
def test_a_start_that_does_not_fit(size, product):
    """It is the beginning of a longer array, so that what is read too much is there."""
    case = Case(product, (9, 20, 40), np.float64)
    initial = np.ones(80)[:size]
    with pytest.raises(ValueError):
        product(case.x, case.weights, initial=initial)


@needs_kernels
@each_product
@each_dtype
def test_a_start_whose_numbers_lie_apart(dtype, product):
    case = Case(product, (9, 20, 40), dtype, whole=True)
    with pytest.raises(ValueError, match="contiguous"):
        product(case.x, case.weights, initial=np.arange(80).astype(dtype)[::2])


APART = {
    "Fortran": np.asfortranarray,
    "apart": apart,
    "reversed": LAYOUTS["reversed"],
    "repeated": lambda a: as_strided(np.array(a, order="C"), strides=(a.shape[1] * a.itemsize, 0)),
}


@needs_kernels
@each_product
@each_dtype
@pytest.mark.parametrize("layout", APART.values(), ids=APART)
def test_rows_that_are_not_contiguous(layout, dtype, product):
    """Nothing is written then."""
    case = Case(product, (9, 20, 40), dtype)
    good, out = np.full((9, 40), 5, dtype), layout(np.full((9, 40), 5, dtype))
    for arguments in (layout(case.weights), good), (case.weights, out), (case.weights, out, out):
        with pytest.raises(ValueError, match="must be contiguous"):
            product(case.x, *arguments)
    assert np.all(good == 5) and np.all(out == 5)


@each_product
@each_dtype
@pytest.mark.parametrize("layout", APART.values(), ids=APART)
def test_rows_of_one_number_are_contiguous(layout, dtype, product):
    """Whatever stride NumPy notes for an axis of length one."""
    case = Case(product, (9, 20 if product is multiply else 1, 1), dtype, initial="row", whole=True)
    out = layout(np.full((9, 1), np.nan, dtype))
    product(case.x, layout(case.weights), out, layout(case.initial[None])[0])
    assert_array_equal(out, case.expected())


# other processors


AVX2, AVX512 = {"avx2": True, "fma": True}, {"avx2": True, "fma": True, "avx512f": True}
X86, ARM = "x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"


@pytest.mark.parametrize(
    "triple, features, options, expected",
    [
        (X86, {}, {}, 0),
        (X86, {"avx2": True, "fma": False}, {}, 0),
        (X86, {"avx2": False, "fma": True}, {}, 0),
        (X86, AVX2, {}, 32),
        (X86, AVX2 | {"avx512f": False}, {}, 32),
        (X86, AVX512, {}, 64),
        (X86, AVX512, {"ENABLE_AVX": 0}, 0),
        (X86, AVX512, {"DISABLE_JIT": 1}, 0),
        (X86, AVX512, {"CPU_NAME": "generic"}, 0),
        (X86, AVX512, {"CPU_FEATURES": "+avx2"}, 0),
        ("powerpc64le-unknown-linux-gnu", {}, {}, 0),
        (ARM, {}, {}, 16),
        (ARM, {"neon": True, "sve": True}, {"ENABLE_AVX": 0}, 16),
        ("arm64-apple-darwin23.6.0", {}, {}, 16),
        ("aarch64-pc-windows-msvc", {}, {}, 16),
        (ARM, {}, {"DISABLE_JIT": 1}, 0),
        (ARM, {}, {"CPU_NAME": "generic"}, 0),
        (ARM, {}, {"CPU_FEATURES": ""}, 0),
    ],
)
def test_registers(triple, features, options, expected, monkeypatch):
    """None where another processor is to be compiled for."""
    defaults = {"DISABLE_JIT": 0, "CPU_NAME": None, "CPU_FEATURES": None, "ENABLE_AVX": 1}
    for name, value in (defaults | options).items():
        monkeypatch.setattr(config, name, value)
    monkeypatch.setattr(vectors.binding, "get_process_triple", lambda: triple)
    monkeypatch.setattr(vectors.binding, "get_host_cpu_features", lambda: features)
    assert vectors._bytes_of_a_register() == expected


TESTS_ELSEWHERE = """
import sys
import pytest
from llvmlite import binding

features = binding.get_host_cpu_features()
features.update({name: False for name in features if name.startswith("avx512")})
binding.get_host_cpu_features = lambda: features

from numba.core.registry import cpu_target

cpu_target.target_context  # from now on numba compiles for this processor
triple = binding.get_process_triple
if sys.argv[1] == "16":
    binding.get_process_triple = lambda: "aarch64-unknown-linux-gnu"

from skl_sae._kernels import products

binding.get_process_triple = triple
assert sys.argv[1] == str(products.REGISTER), products.REGISTER
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "-k", "not elsewhere", "tests/kernels/test_products.py"]))
"""


def has_registers_of_32_bytes():
    has = vectors.binding.get_host_cpu_features().get
    return has("avx2") and has("fma")


on_avx2 = pytest.mark.skipif(not has_registers_of_32_bytes(), reason="needs AVX2 and FMA")


@pytest.mark.parametrize(
    "register, options",
    [
        pytest.param(32, {}, marks=on_avx2, id="AVX2"),
        pytest.param(16, {}, marks=on_avx2, id="as for NEON"),
        pytest.param(0, {"NUMBA_DISABLE_JIT": "1"}, id="not compiled"),
        pytest.param(0, {"NUMBA_CPU_NAME": "generic"}, marks=pytest.mark.slow, id="any processor"),
    ],
)
def test_elsewhere(register, options, tmp_path):
    """These tests without AVX-512, in blocks and vectors as for NEON, and where BLAS makes the products."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    environment |= {"PYTHONPATH": str(ROOT), "NUMBA_CACHE_DIR": str(tmp_path), "OPENBLAS_NUM_THREADS": "1", **options}
    result = subprocess.run(
        [sys.executable, "-c", TESTS_ELSEWHERE, str(register)],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stdout + result.stderr
