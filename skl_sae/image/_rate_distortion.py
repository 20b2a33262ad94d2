"""Levels of atoms that cost few bits for what they explain.

A patch x becomes a sum of atoms d_k of norm one, times integer levels q_k, times the quantiser's step s. The levels
make

    ||x - s sum_k q_k d_k||^2 + price * s^2 * bits(q)

small, by the best change of a single level, to 0 or to one of the two whole numbers around the best value, again and
again until there is none. So atoms that come later make good what rounding has spoilt, and an atom joins only if it is
worth its bits. These are estimated from how often each atom was used, and which levels there were, in the pass before.
"""

import numpy as np

from .._kernels.jit import jit, row_of
from .._kernels.kernel import kernel
from .._kernels.threads import partition, run

# Price of a bit, in squares of the step. At high rates the slope of the distortion is ln(2) / 6 = 0.116.
PRICE = 0.1
# A patch may have so many more entries by atoms, which are more than the axes, than by axes.
MORE = 2
# Levels with a cost of their own; for larger ones an octave has two bits. Patches that one thread works on.
LEVELS, PATCHES = 256, 64
LARGEST = float(1 << 26)


class Costs:
    """Bits of codes with one part of the dictionary, and the counts that they come from.

    Parameters
    ----------
    n_atoms : int
    """

    def __init__(self, n_atoms):
        self.use, self.base = np.full(n_atoms, np.log2(max(n_atoms, 2)) - 1), 0.0
        self.level = np.r_[0, 2 + 2 * np.log2(np.arange(1, LEVELS))]
        self.share = 1.0
        self.clear()

    def clear(self):
        self._used, self._levels = np.zeros(len(self.use)), np.zeros(LEVELS)
        self._n, self._all = 0, 0

    def count(self, levels, n):
        """Count the codes of some patches, of n that were to be coded."""
        self._used += np.count_nonzero(levels, axis=0)
        sizes = np.abs(levels[levels != 0])
        self._levels += np.bincount(np.minimum(sizes, LEVELS - 1), minlength=LEVELS)
        self._n, self._all = self._n + len(levels), self._all + n

    def update(self):
        """Bits by what was counted; nothing stays counted."""
        share = (self._used + 0.3) / (self._n + 1)
        self.use, self.base = np.log2(1 - share) - np.log2(share), -np.log2(1 - share).sum()
        sizes = np.arange(1, LEVELS)
        octave = np.frexp(np.maximum(sizes / 8, 1))[1]
        group = np.where(sizes <= 8, sizes, 7 + octave)
        counts, width = np.bincount(group, self._levels[1:]) + 0.05, np.bincount(group)
        probability = counts / np.maximum(width, 1) / counts[1:].sum()
        self.level = np.maximum.accumulate(np.r_[0, 1 - np.log2(probability[group])])
        self.share = (self._n + 0.5) / (self._all + 1)
        self.clear()


def choose_levels(rows, part, costs, step, most):
    """Levels for patches.

    Parameters
    ----------
    rows : ndarray of shape (n_patches, n_features)
    part : Part
    costs : Costs
    step : float
    most : ndarray of int64 of shape (n_patches,)
        Largest number of entries of each patch.

    Returns
    -------
    levels : ndarray of int32 of shape (n_patches, n_atoms)
    objectives : ndarray of shape (n_patches,)
        Without the square of the patch, which is the same for all parts.
    """
    levels = np.zeros((len(rows), len(part)), np.int32)
    price = PRICE * step**2
    objectives = np.full(len(rows), price * (costs.base - np.log2(costs.share)))
    if not len(part):
        return levels, np.full(len(rows), np.inf)
    products = rows @ part.atoms.T
    options = np.array([step, price])
    blocks = partition(len(rows), PATCHES, multiple=1)

    def work(block, slot):
        some = slice(*blocks[block])
        given = products[some], part.gram, costs.use, costs.level, options, most[some]
        _search(*given, levels[some], objectives[some])

    run(work, len(blocks))
    return levels, objectives


def choose_part(rows, codebook, costs, step):
    """Levels by each part, and whether those by axes cost less.

    Returns
    -------
    levels : list of ndarray of int32 of shape (n_patches, n_atoms)
    by_axes : ndarray of bool of shape (n_patches,)
    """
    most = np.full(len(rows), rows.shape[1])
    atoms, axes = codebook.parts
    by_axes, price_of_axes = choose_levels(rows, axes, costs[1], step, most)
    if len(axes):
        most = np.minimum(most, np.count_nonzero(by_axes, axis=1) + MORE)
    by_atoms, price_of_atoms = choose_levels(rows, atoms, costs[0], step, most)
    return [by_atoms, by_axes], price_of_axes < price_of_atoms


@kernel("d2!", "d2", "d1", "d1", "d1", "l1", "i2!", "d1!")
def _search(products, gram, use, level, options, most, levels, objectives):
    """Change levels one by one; `products` become those of what is left."""
    step, price = options[0], options[1]
    for i in range(products.shape[0]):
        left, chosen, n = row_of(products, i), row_of(levels, i), 0
        for _ in range(3 * most[i] + 16):
            best, atom, to = 1e-12 * price, -1, np.int64(0)
            for k in range(left.size):
                old = np.int64(chosen[k])
                if old == 0 and (2 * abs(left[k]) <= step or n >= most[i]):
                    continue
                paid = 0.0 if old == 0 else use[k] + _bits(level, abs(old))
                wanted = min(max(left[k] / step + old, -LARGEST), LARGEST)
                low, sign = np.int64(abs(wanted)), np.int64(1 if wanted > 0 else -1)
                for size in (np.int64(0), low, low + 1):
                    if sign * size != old:
                        change = (sign * size - old) * step
                        bits = (0.0 if size == 0 else use[k] + _bits(level, size)) - paid
                        gain = (2 * left[k] - change) * change - price * bits
                        if gain > best:
                            best, atom, to = gain, k, sign * size
            if atom < 0:
                break
            old = np.int64(chosen[atom])
            n += np.int64(to != 0) - np.int64(old != 0)
            change, products_of = (to - old) * step, row_of(gram, atom)
            chosen[atom] = to
            objectives[i] -= best
            for k in range(left.size):
                left[k] -= change * products_of[k]


@jit
def _bits(level, size):
    """Bits of the sign and the size of a level."""
    last = level.size - 1
    return level[size] if size <= last else level[last] + 2 * np.log2(size / last)
