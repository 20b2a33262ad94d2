"""Kernels: compiled once for a type of numbers, whatever the layouts of the arrays, and rows read as contiguous."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import config
from numba.core.errors import TypingError
from numpy.testing import assert_array_equal

import skl_sae._kernels.kernel
from skl_sae._kernels.jit import row_of
from skl_sae._kernels.kernel import kernel

DTYPES = [np.float32, np.float64]
EXAMPLES = 15 if config.DISABLE_JIT else 100
each_dtype = pytest.mark.parametrize("dtype", DTYPES)
compiled = pytest.mark.skipif(config.DISABLE_JIT, reason="NumPy reads rows of any stride, and any types")


def affine_rows(x, out, factors, n):
    """``x * factors + n``, and the sum of `x`."""
    total = 0.0
    for i in range(x.shape[0]):
        row, result = row_of(x, i), row_of(out, i)
        for j in range(len(row)):
            result[j] = row[j] * factors[j] + n
            total += row[j]
    return total


affine = kernel("T2", "T2!", "T1", "n")(affine_rows)


def within(a):
    """An array as a block of columns of a wider one, which is NaN outside."""
    wide = np.full((a.shape[0] + 2, a.shape[1] + 5), np.nan, a.dtype)
    wide[1:-1, 2:-3] = a
    return wide[1:-1, 2:-3]


def read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


LAYOUTS = {
    "C": np.ascontiguousarray,
    "columns": within,
    "every other row": lambda a: np.repeat(a, 2, axis=0)[::2],
    "from below": lambda a: a[::-1].copy()[::-1],
}
APART = {
    "Fortran": np.asfortranarray,
    "every other number": lambda a: np.repeat(a, 2, axis=1)[:, ::2],
    "reversed": lambda a: a[:, ::-1].copy()[:, ::-1],
}
layouts = st.sampled_from(list(LAYOUTS.values()))


def numbers(*shape, dtype=np.float64):
    """Whole numbers: sums are exact."""
    return np.random.default_rng(0).integers(-8, 9, shape).astype(dtype)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.integers(0, 9), st.integers(0, 40), layouts, layouts, st.booleans(), st.sampled_from(DTYPES))
def test_rows_of_views(rows, columns, layout, layout_out, frozen, dtype):
    """Rows that lie apart, arrays that are read-only, arrays without rows or columns; nothing is written beside."""
    x, factors = layout(numbers(rows, columns, dtype=dtype)), numbers(columns, dtype=dtype)
    if frozen:
        x.flags.writeable = factors.flags.writeable = False
    out = layout_out(np.full((rows, columns), np.nan, dtype))
    assert affine(x, out, factors, 3) == x.sum()
    assert_array_equal(out, x * factors + dtype(3))
    if layout_out is within:
        assert np.isnan(out.base).sum() == out.base.size - out.size


@each_dtype
def test_arrays_of_one_axis_are_rows(dtype):
    """Also those that lie in others, and no numbers at all."""
    wide, wide_out, factors = numbers(12, dtype=dtype), np.full(14, np.nan, dtype), numbers(9, dtype=dtype)
    for x in wide[2:11], read_only(wide[2:11]), wide[:0]:
        out, factor = wide_out[3 : 3 + len(x)], factors[: len(x)]
        assert affine(x, out, factor, -1) == x.sum()
        assert_array_equal(out, x * factor - dtype(1))
        assert np.isnan(wide_out).sum() == wide_out.size - 9


@compiled
@each_dtype
def test_vectors_must_be_contiguous(dtype):
    x, factors = numbers(3, 4, dtype=dtype), numbers(8, dtype=dtype)[::2]
    with pytest.raises(TypeError, match="No matching definition"):
        affine(x, np.empty_like(x), factors, 0)


@compiled
@each_dtype
@pytest.mark.parametrize("layout", APART.values(), ids=APART)
def test_rows_must_be_contiguous(layout, dtype):
    x, factors = numbers(3, 4, dtype=dtype), numbers(4, dtype=dtype)
    with pytest.raises(ValueError, match=r"Rows must be contiguous\."):
        affine(layout(x), np.empty_like(x), factors, 0)
    out = layout(np.full((3, 4), 5, dtype))
    with pytest.raises(ValueError, match=r"Rows must be contiguous\."):
        affine(x, out, factors, 0)
    assert np.all(out == 5)
    with pytest.raises(ValueError, match=r"Rows must be contiguous\."):
        affine(x.reshape(-1)[::3], np.empty(4, dtype), factors, 0)


@each_dtype
@pytest.mark.parametrize("layout", [*LAYOUTS.values(), *APART.values()], ids=[*LAYOUTS, *APART])
@pytest.mark.parametrize("shape", [(5, 1), (0, 1), (5, 0), (0, 4)])
def test_any_stride_of_at_most_one_column(shape, layout, dtype):
    x, factors = layout(numbers(*shape, dtype=dtype)), numbers(shape[1], dtype=dtype)
    out = layout(np.empty(shape, dtype))
    assert affine(x, out, factors, 2) == x.sum()
    assert_array_equal(out, x * factors + dtype(2))


def test_a_kernel_is_compiled_once_for_each_dtype(monkeypatch):
    """At its first call, for all layouts."""
    made, jit = [], skl_sae._kernels.kernel.jit
    monkeypatch.setattr(skl_sae._kernels.kernel, "jit", lambda *args: made.append(jit(*args)) or made[-1])
    affine = kernel("T2", "T2!", "T1", "n")(affine_rows)
    assert not made
    for n, dtype in enumerate(DTYPES, 1):
        x, factors = numbers(3, 4, dtype=dtype), numbers(8, dtype=dtype)
        for layout in LAYOUTS.values():
            for factor in factors[:4], read_only(factors[:4]):
                affine(layout(x), layout(x), factor, 1)
                affine(read_only(layout(x)), layout(x), factor, np.int32(1))
        affine(x[0], x[0].copy(), factors[:4], True)
        assert len(made) == n
    if not config.DISABLE_JIT:
        assert [len(dispatcher.signatures) for dispatcher in made] == [1, 1]


def test_a_kernel_keeps_its_name_and_docstring():
    assert affine.__name__ == "affine_rows" and affine.__doc__ == affine_rows.__doc__


@compiled
def test_what_is_read_only_is_not_written():
    """Neither an argument in a place that is written, nor the row of one in a place that is read."""
    x = numbers(3, 4)
    with pytest.raises(TypeError, match="No matching definition"):
        affine(x, read_only(x), x[0], 0)

    @kernel("T2")
    def write(x):
        row_of(x, 0)[0] = 1

    with pytest.raises(TypingError, match="readonly"):
        write(x)


@compiled
def test_dtypes_of_one_call_agree():
    x, factors = numbers(3, 4), numbers(4)
    with pytest.raises(TypeError, match="No matching definition"):
        affine(x, x.astype(np.float32), factors, 0)
    with pytest.raises(TypeError, match="No matching definition"):
        affine(x.astype(np.float32), x.astype(np.float32), factors, 0)
