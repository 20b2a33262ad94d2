"""The bound that a given number of entries a row exceed, over data of any length."""

import numpy as np


def upper_quantile(tiles, mean_count):
    """Bound that on average `mean_count` entries of a row exceed; minus infinity where rows have no more entries.

    Exact, in two passes and little memory: floats are ordered like integers made of their bits. The first pass counts
    the entries by their leading bits, the second sorts those that share the leading bits of the bound.

    Parameters
    ----------
    tiles : callable
        Each call returns an iterator over the same arrays (rows, units).
    mean_count : float

    Returns
    -------
    bound : float
        Entries greater than this number ``round(mean_count * n_rows)``, fewer where some are tied with it.
    """
    counts, n_rows = np.zeros(1 << 16, np.int64), 0
    for x in tiles():
        counts += np.bincount(_leading_bits(x).ravel(), minlength=counts.size)
        n_rows += len(x)
    budget = round(mean_count * n_rows)
    above = counts[::-1].cumsum()[::-1]  # of each value of the leading bits, how many have those or higher ones
    if above[0] <= budget:
        return -np.inf
    leading = int(np.flatnonzero(above > budget)[-1])
    rank = budget - (above[leading + 1] if leading + 1 < above.size else 0)
    same = np.concatenate([x[_leading_bits(x) == leading] for x in tiles()])
    return float(np.sort(same)[::-1][rank])


def _leading_bits(x):
    """The 16 leading bits of each float, as an integer in the order of the floats."""
    unsigned = np.dtype(f"u{x.itemsize}")
    bits = np.ascontiguousarray(x).view(unsigned) >> unsigned.type(8 * x.itemsize - 16)
    sign = unsigned.type(1 << 15)
    return np.where(bits & sign, ~bits & unsigned.type((1 << 16) - 1), bits | sign).astype(np.int64)
