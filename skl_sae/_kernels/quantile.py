"""The bound that a given number of entries a row exceed, over data of any length."""

import numpy as np

# Distance of a bound from the data where there is data on one side only, relative to the nearest number.
MARGIN = 1e-3


def upper_quantile(tiles, mean_count):
    """Bound that on average `mean_count` entries of a row exceed; minus infinity where rows have no more entries.

    Where it can, it lies between two entries and not on one. Then the last bits of an entry, which depend on the
    processor and on the layout of the data, do not decide whether it exceeds the bound.

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
        Entries greater than this number ``round(mean_count * n_rows)``, fewer where some are tied. NaN is not greater.
    reached : float
        The mean number of entries of a row that are.
    """
    counts, n_rows = np.zeros(1 << 16, np.int64), 0
    for x in tiles():
        counts += np.bincount(_leading_bits(x).ravel(), minlength=counts.size)
        n_rows += len(x)
    counts[0] = 0  # NaN does not count
    budget = round(min(mean_count * n_rows, counts.sum()))
    above = counts[::-1].cumsum()[::-1]  # number of entries with these leading bits or higher ones
    if above[0] <= budget:
        return -np.inf, int(above[0]) / n_rows
    leading = int(np.flatnonzero(above > budget)[-1])
    higher = int(above[leading + 1]) if leading + 1 < above.size else 0
    same, lowest_above = [], np.inf
    for x in tiles():
        bits = _leading_bits(x)
        same.append(x[bits == leading])
        lowest_above = np.min(x, where=bits > leading, initial=lowest_above)
    same = np.sort(np.concatenate(same))
    excluded = same[same.size - 1 - (budget - higher)]
    kept = same[np.searchsorted(same, excluded, "right") :]
    reached = (higher + kept.size) / n_rows
    if reached == 0:
        return beyond(excluded, 1), 0.0
    return between(excluded, same.dtype.type(kept[0] if kept.size else lowest_above)), reached


def between(low, high):
    """A number between two of a floating-point type, in this type; the lower one where nothing lies between them."""
    with np.errstate(all="ignore"):
        middle = low.dtype.type(0.5 * float(low) + 0.5 * float(high))
    return float(middle if low < middle < high else low)


def beyond(number, sign):
    """A finite number a little above one of a floating-point type, or below it; in this type."""
    limits = np.finfo(number.dtype)
    smallest, least, most = float(limits.tiny), float(limits.min), float(limits.max)
    near = min(max(float(number), least), most)
    return float(number.dtype.type(min(max(near + sign * max(abs(near) * MARGIN, smallest), least), most)))


def lowest(tiles):
    """A finite number a little below all entries."""
    return beyond(min(np.min(x, where=x > -np.inf, initial=np.finfo(x.dtype).max) for x in tiles()), -1)


def _leading_bits(x):
    """The 16 leading bits of each float, as an integer in the order of the floats; 0, below all, for NaN."""
    unsigned = np.dtype(f"u{x.itemsize}")
    one_zero = np.ascontiguousarray(x) + x.dtype.type(0)  # -0.0 becomes 0.0
    bits = one_zero.view(unsigned) >> unsigned.type(8 * x.itemsize - 16)
    sign = unsigned.type(1 << 15)
    ordered = np.where(bits & sign, ~bits & unsigned.type((1 << 16) - 1), bits | sign).astype(np.int64)
    ordered[np.isnan(x)] = 0
    return ordered
