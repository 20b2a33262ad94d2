"""Kernels that are written with llvmlite: blocks of any shape, vectors of any length, and the instructions for ARM."""

import collections
import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import numba
import numpy as np
import pytest
from numba import config
from numpy.testing import assert_array_equal

from skl_sae._kernels import products, sparse_products, sparse_weights, vectors

ROOT = Path(__file__).parents[2]
needs_kernels = pytest.mark.skipif(not products.REGISTER, reason="no kernel is written with llvmlite here")
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@pytest.fixture(params=[16, 32, 64], ids=lambda register: f"{register} bytes")
def register(request, monkeypatch):
    """Other registers than this processor's are made of its own, or are parts of them."""
    for module in vectors, sparse_products, sparse_weights:
        monkeypatch.setattr(module, "REGISTER", request.param)
    return request.param


def numbers(rng, *shape, dtype):
    """Small and whole, so that sums are exact in any order."""
    return rng.integers(-8, 9, shape).astype(dtype)


def check_block(block, x, weights, product, lanes):
    """All starts, several pieces of the inner dimension; nothing is written beside the block."""

    @numba.njit
    def run(x, weights, out, initial, mode, first, last):
        block(x, weights, out, initial, mode, 1, 2, first, last)

    rng, shape = np.random.default_rng(1), (product(0, lanes).shape[0] + 2, product(0, lanes).shape[1] + 4)
    for first, last in [(0, lanes), (0, 3 * lanes), (1, 3 * lanes), (2, 2 + 2 * lanes - 1)]:
        initial, start = numbers(rng, shape[1], dtype=x.dtype), numbers(rng, *shape, dtype=x.dtype)
        for mode, base in [
            (products.FROM_ZERO, 0),
            (products.FROM_INITIAL, initial[2:-2]),
            (products.FROM_OUT, start[1:-1, 2:-2]),
        ]:
            out = start.copy()
            run(x, weights, out, initial, mode, first, last)
            expected = start.copy()
            expected[1:-1, 2:-2] = base + product(first, last)
            assert_array_equal(out, expected)


@needs_kernels
@each_dtype
@pytest.mark.parametrize("rows, columns", [(1, 1), (2, 3), (3, 4), (3, 5), (2, 11)])
def test_a_block_of_sums_along_the_inner_dimension(rows, columns, dtype, register):
    """Its rows begin at any lane, and end in the same vector, the next or one behind it."""
    rng, lanes = np.random.default_rng(0), register // np.dtype(dtype).itemsize
    x = numbers(rng, rows + 2, 3 * lanes, dtype=dtype)
    weights = numbers(rng, columns + 4, 3 * lanes, dtype=dtype)

    def product(first, last):
        return x[1:-1, first:last] @ weights[2:-2, first:last].T

    check_block(products._block_t(rows, columns), x, weights, product, lanes)


@needs_kernels
@each_dtype
@pytest.mark.parametrize("rows, vectors_in_a_row", [(1, 1), (3, 2)])
def test_a_block_of_vectors_along_the_columns(rows, vectors_in_a_row, dtype, register):
    rng, lanes = np.random.default_rng(0), register // np.dtype(dtype).itemsize
    x = numbers(rng, rows + 2, 3 * lanes, dtype=dtype)
    weights = numbers(rng, 3 * lanes, vectors_in_a_row * lanes + 4, dtype=dtype)

    def product(first, last):
        return x[1:-1, first:last] @ weights[first:last, 2:-2]

    check_block(products._block(rows, vectors_in_a_row), x, weights, product, lanes)


@needs_kernels
@each_dtype
def test_weighted_sums_of_rows(dtype, register):
    """Widths that take every number of vectors, and columns that fill none."""
    combine = numba.njit(sparse_products._combine_by_registers)
    rng, lanes = np.random.default_rng(0), register // np.dtype(dtype).itemsize
    count, index = np.array([0, 3, 1, 5], np.int32), rng.integers(0, 7, 20).astype(np.int32)
    values, no_ptr = numbers(rng, 20, dtype=dtype), np.empty(0, np.int64)
    for width in [0, 1, lanes - 1, lanes, 3 * lanes + 1, 15 * lanes + lanes // 2, 16 * lanes]:
        x, start = numbers(rng, 7, width, dtype=dtype), numbers(rng, 4, width, dtype=dtype)
        for add in False, True:
            out = start.copy()
            combine(no_ptr, count, 5, index, values, x, out, add)
            for i, n in enumerate(count):
                entries = slice(5 * i, 5 * i + n)
                assert_array_equal(out[i], add * start[i] + values[entries] @ x[index[entries]])


@needs_kernels
@each_dtype
def test_tiles_of_rows_times_sparse_weights(dtype, register):
    """Every number of vectors; rows of weights without an entry, and with any number of them."""
    add = numba.njit(sparse_weights._add_by_tile.function)
    rng, lanes = np.random.default_rng(0), register // np.dtype(dtype).itemsize
    ptr = np.array([0, 0, 1, 3, 6, 10, 15, 24])
    index, values = rng.integers(0, 11, 24).astype(np.int32), numbers(rng, 24, dtype=dtype)
    for width in [0, lanes, 2 * lanes, 15 * lanes, 16 * lanes]:
        columns, out = numbers(rng, 11, width, dtype=dtype), numbers(rng, 7, width, dtype=dtype)
        expected = out.copy()
        add(ptr, index, values, columns, out)
        for u in range(7):
            entries = slice(ptr[u], ptr[u + 1])
            assert_array_equal(out[u], expected[u] + values[entries] @ columns[index[entries]])


# ARM's instructions

ASSEMBLY = """
import inspect
import json
import sys
from llvmlite import binding

binding.initialize_all_targets()
binding.initialize_all_asmprinters()
triple = "aarch64-unknown-linux-gnu"
try:
    binding.Target.from_triple(triple)
except RuntimeError:
    sys.exit("no target")
binding.get_process_triple = lambda: triple

from numba import config, njit, types
from skl_sae._kernels import products, sparse_products

assert products.REGISTER == 16
config.CPU_NAME, config.CPU_FEATURES = "generic", ""
number, assembly = getattr(types, sys.argv[1]), {}
one, two = types.Array(number, 1, "A"), types.Array(number, 2, "A")
code, row, ptr = (types.Array(kind, 1, "C") for kind in (number, types.int32, types.int64))
combined = ptr, row, types.intp, row, code, two, two, types.boolean
kernels = {
    "multiply": (products._multiply, (two, two, two, one, types.intp)),
    "multiply_t": (products._multiply_t, (two, two, two, one, types.intp)),
    "combine": (sparse_products._combine_by_registers, combined),
}
for name, (kernel, signature) in kernels.items():
    compiled = njit(signature, error_model="numpy")(inspect.unwrap(kernel))
    assembly[name] = compiled.inspect_asm(compiled.signatures[0])
print(json.dumps(assembly))
"""
# An FMA of vectors, with their kind, and whether one factor is a single lane; a loop, with what is in it.
FMA = re.compile(r"fmla\tv\d+\.(\w+), v\d+\.\w+, v\d+\.\w+(\[0\])?")
LOOP = re.compile(r"^(\.L\w+):\n((?:\t.*\n)*?)\tb\.\w+\t\1$", re.MULTILINE)


@cache
def assembly(number):
    """Of kernels by name, for a processor that has nothing but what each ARM of 64 bits has."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    environment |= {"PYTHONPATH": str(ROOT), "NUMBA_CACHE_DIR": os.environ.get("NUMBA_CACHE_DIR", "")}
    done = subprocess.run([sys.executable, "-c", ASSEMBLY, number], env=environment, capture_output=True, text=True)
    if done.stderr.strip() == "no target":
        pytest.skip("llvmlite was built without ARM")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def loops(code):
    """The loops that have FMAs and no branch inside: their instructions, the one with the most FMAs first."""
    found = [body for _, body in LOOP.findall(code) if FMA.search(body)]
    return sorted(found, key=lambda body: -len(FMA.findall(body)))


def names(body):
    return collections.Counter(re.findall(r"^\t(\w+)", body, re.MULTILINE))


@pytest.mark.skipif(config.DISABLE_JIT, reason="nothing is compiled")
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="numba's runtime has the names that it has on Linux")
@pytest.mark.parametrize(
    "kernel, sums, loads, lane",
    [("multiply", 24, 3 + 8, "[0]"), ("multiply_t", 24, 3 + 8, ""), ("combine", 8, 8 + 1, "[0]")],
)
@pytest.mark.parametrize("number, kind", [("float32", "4s"), ("float64", "2d")])
def test_the_loop_of_a_block_on_arm(number, kind, kernel, sums, loads, lane):
    """An FMA for each vector of sums and a load for each operand: no sum leaves its register."""
    first, *others = loops(assembly(number)[kernel])
    assert FMA.findall(first) == [(kind, lane)] * sums
    assert names(first)["ldr"] + 2 * names(first)["ldp"] <= loads, first
    assert others
    for body in [first, *others]:
        assert set(names(body)) <= {"fmla", "ldr", "ldp", "ldrsw", "add", "adds", "madd", "mul", "sub", "subs", "cmp"}
        assert "[sp" not in body
        assert {kind for kind, _ in FMA.findall(body)} == {kind}
