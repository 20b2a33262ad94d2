"""Random numbers of a training step, each of them a function of the step's key, the row and the unit.

So a mask needs no memory, is the same forward and backward and in every layout of a code, and does not depend on
tiles, blocks or threads. The key is an array of one number, which changes from step to step.
"""

import numpy as np

from .jit import jit, row_of
from .kernel import kernel

#: Largest key.
MAX_KEY = 2**32 - 1


def layer_key(key, layer):
    """Key of a layer's mask in a step; -1 is the input."""
    # Mixed, because keys are combined with rows by `^`, too: two rows of two layers must not get the same numbers.
    key = ((key ^ (layer + 2)) * 0x9E3779B1) & MAX_KEY
    return key ^ (key >> 16)


_layer_key = jit(layer_key)


@jit
def _mix(x):
    """An integer hash of 32 bits (two rounds of xorshift and multiplication)."""
    x ^= x >> 16
    x = (x * 0x7FEB352D) & 0xFFFFFFFF
    x ^= x >> 15
    x = (x * 0x846CA68B) & 0xFFFFFFFF
    return x ^ (x >> 16)


@kernel("T2!", "l1", "n", "n", "n", "n", "d1")
def _drop(x, key, layer, row, unit, limit, factor):
    """Drop an entry if its hash is below `limit`, multiply it by `factor` otherwise."""
    zero, factor, key = x.dtype.type(0), x.dtype.type(factor[0]), _layer_key(key[0], layer)
    for i in range(x.shape[0]):
        stream = _mix(key ^ ((row + i) & 0xFFFFFFFF))
        entries = row_of(x, i)
        for j in range(entries.size):
            kept = _mix((stream + unit + j) & 0xFFFFFFFF) >= limit
            entries[j] = entries[j] * factor if kept else zero


@kernel("T2", "i2", "i1", "T2!", "l1", "n", "n", "n", "d1")
def _drop_in_rows(x, index, count, out, key, layer, row, limit, factor):
    """The same of the entries of rows, written to `out`."""
    zero, factor, key = x.dtype.type(0), x.dtype.type(factor[0]), _layer_key(key[0], layer)
    for i in range(x.shape[0]):
        stream = _mix(key ^ ((row + i) & 0xFFFFFFFF))
        for j in range(count[i]):
            kept = _mix((stream + np.int64(index[i, j])) & 0xFFFFFFFF) >= limit
            out[i, j] = x[i, j] * factor if kept else zero


@kernel("l1", "i1", "T1", "T1!", "l1", "n", "n", "n", "n", "d1")
def _drop_in_units(ptr, rows, x, out, key, layer, row, unit, limit, factor):
    """The same of the entries of units."""
    zero, factor, key = x.dtype.type(0), x.dtype.type(factor[0]), _layer_key(key[0], layer)
    for u in range(ptr.size - 1):
        for q in range(ptr[u], ptr[u + 1]):
            stream = _mix(key ^ ((row + np.int64(rows[q])) & 0xFFFFFFFF))
            kept = _mix((stream + unit + u) & 0xFFFFFFFF) >= limit
            out[q] = x[q] * factor if kept else zero


@kernel("T2!", "T1", "l1", "n", "n")
def _fill(x, fill, key, row, limit):
    key = _layer_key(key[0], -1)
    for i in range(x.shape[0]):
        stream = _mix(key ^ ((row + i) & 0xFFFFFFFF))
        entries = row_of(x, i)
        for j in range(entries.size):
            hidden = _mix((stream + j) & 0xFFFFFFFF) < limit
            entries[j] = fill[j] if hidden else entries[j]


@kernel("T2!", "l1", "n", "n")
def _leave_out(target, key, row, limit):
    nan, key = target.dtype.type(np.nan), _layer_key(key[0], -1)
    for i in range(target.shape[0]):
        stream = _mix(key ^ ((row + i) & 0xFFFFFFFF))
        entries = row_of(target, i)
        for j in range(entries.size):
            entries[j] = entries[j] if _mix((stream + j) & 0xFFFFFFFF) < limit else nan


def _numbers(level):
    """What is dropped of 2**32 hashes, and what the rest is multiplied by."""
    return int(level * 2**32), np.array([1 / (1 - level)])


def drop(x, key, layer, row, unit, level):
    """Inverted dropout, in place, of the array `x` whose first entry is that of `row` and `unit`, at a layer."""
    _drop(x, key, layer, row, unit, *_numbers(level))


def drop_in_rows(index, x, count, out, key, layer, row, level):
    """The same of entries of rows, the first of which is `row`, written to `out`."""
    _drop_in_rows(x, index, count, out, key, layer, row, *_numbers(level))


def drop_in_units(ptr, rows, x, out, key, layer, row, unit, level):
    """The same of entries of units: `rows` are counted from `row`, and the first unit is `unit`."""
    _drop_in_units(ptr, rows, x, out, key, layer, row, unit, *_numbers(level))


def mask_inputs(x, fill, key, row, level):
    """Replace each entry with probability `level` by its feature's `fill`, in place."""
    _fill(x, fill, key, row, int(level * 2**32))


def leave_out_visible(target, key, row, level, share):
    """Write NaN over a `share` of the entries, drawn at random, that `mask_inputs` leaves as they are."""
    _leave_out(target, key, row, int((level + (1 - level) * (1 - share)) * 2**32))


def add_gaussian(x, known, key, row, size):
    """Add noise of standard deviation `size`, in place, except where `known`, of the same shape, is NaN.

    The rows of a tile share a generator, so the edges of tiles must not depend on the number of threads.
    """
    generator = np.random.Generator(np.random.Philox(key=np.array([layer_key(int(key[0]), -1), row], np.uint64)))
    noise = generator.standard_normal(x.shape, dtype=x.dtype)
    noise *= size
    noise[np.isnan(known)] = 0
    x += noise
