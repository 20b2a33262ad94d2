"""Random numbers of a training step, each of them a function of the step's key, the row and the unit.

So a mask needs no memory, is the same forward and backward and in every layout of a code, and does not depend on
tiles, blocks or threads.
"""

import numpy as np

from .jit import jit

#: Largest key.
MAX_KEY = 2**32 - 1


def layer_key(key, layer):
    """Key of a layer's mask in a step; -1 is the input."""
    # Mixed, because keys are combined with rows by `^`, too: two rows of two layers must not get the same numbers.
    key = ((key ^ (layer + 2)) * 0x9E3779B1) & MAX_KEY
    return key ^ (key >> 16)


@jit
def _mix(x):
    """An integer hash of 32 bits (two rounds of xorshift and multiplication)."""
    x ^= x >> 16
    x = (x * 0x7FEB352D) & 0xFFFFFFFF
    x ^= x >> 15
    x = (x * 0x846CA68B) & 0xFFFFFFFF
    return x ^ (x >> 16)


@jit
def _drop(x, key, row, unit, limit, factor):
    """Drop an entry if its hash is below `limit`, multiply it by `factor` otherwise."""
    zero, factor = x.dtype.type(0), x.dtype.type(factor)
    for i in range(x.shape[0]):
        stream = _mix(key ^ ((row + i) & 0xFFFFFFFF))
        entries = x[i]
        for j in range(entries.size):
            kept = _mix((stream + unit + j) & 0xFFFFFFFF) >= limit
            entries[j] = entries[j] * factor if kept else zero


@jit
def _drop_entries(x, rows, units, key, row, unit, limit, factor):
    zero, factor = x.dtype.type(0), x.dtype.type(factor)
    for q in range(x.size):
        stream = _mix(key ^ ((row + int(rows[q])) & 0xFFFFFFFF))
        kept = _mix((stream + unit + int(units[q])) & 0xFFFFFFFF) >= limit
        x[q] = x[q] * factor if kept else zero


@jit
def _fill(x, fill, key, row, limit):
    for i in range(x.shape[0]):
        stream = _mix(key ^ ((row + i) & 0xFFFFFFFF))
        entries = x[i]
        for j in range(entries.size):
            hidden = _mix((stream + j) & 0xFFFFFFFF) < limit
            entries[j] = fill[j] if hidden else entries[j]


def drop(x, key, row, unit, level):
    """Inverted dropout, in place, of the array `x` whose first entry is that of `row` and `unit`."""
    _drop(x, key, row, unit, int(level * 2**32), 1 / (1 - level))


def drop_entries(x, rows, units, key, row, unit, level):
    """Do the same to single entries, whose `rows` and `units` are counted from `row` and `unit`."""
    _drop_entries(x, rows, units, key, row, unit, int(level * 2**32), 1 / (1 - level))


def mask_inputs(x, fill, key, row, level):
    """Replace each entry with probability `level` by its feature's `fill`, in place."""
    _fill(x, fill, key, row, int(level * 2**32))


def add_gaussian(x, target, key, row, size):
    """Add noise of standard deviation `size`, in place, except where the target is missing.

    The rows of a tile share a generator, so the edges of tiles must not depend on the number of threads.
    """
    generator = np.random.Generator(np.random.Philox(key=np.array([key, row], np.uint64)))
    noise = generator.standard_normal(x.shape, dtype=x.dtype)
    noise *= size
    noise[np.isnan(target)] = 0
    x += noise
