"""The largest entries of each row, also by their sizes, and the bound that a number of entries of each column reach."""

from functools import partial

import numpy as np

from .jit import jit, row_of
from .kernel import kernel

# Rows of at most this many units are searched as they are; longer ones are thinned out by groups first.
SHORT_ROW = 2048
GROUP = 16
# After this many interpolations a bracket is bisected: ties and outliers can make interpolation slow.
INTERPOLATIONS = 8
# The step for the next row is at most this multiple of the distance that was needed for the last one: after an outlier
# it would shrink too slowly otherwise.
STEP_OF_WAY = 16
LARGEST_32, LARGEST_64 = (float(np.finfo(dtype).max) for dtype in (np.float32, np.float64))
# No fastmath: that a search ends, and at the right number, relies on the rounding of each operation as it is written.
exact = partial(jit, fastmath=False)


@jit
def _count_at_least(x, n, bound):
    total = x.dtype.type(0)
    for i in range(n):
        total += x.dtype.type(1) if x[i] >= bound else x.dtype.type(0)
    return total


@exact
def _middle(low, high, part, half):
    """A number inside a bracket, about `part` or else `half` of the way; an end only if no number lies between."""
    middle = low + part * (high - low)
    if low < middle < high:
        return middle
    return low + half * (high - low) if (low < 0) == (high < 0) else half * low + half * high


@exact
def _find_bound(x, n, k, floor, slack, guess, step):
    """Find a bound with at least k of the first n entries at or above it, at most `slack` more unless they are tied.

    Gallops from the guess, usually the bound of the row before, by `step`, usually how far the bounds of rows are
    apart; then divides the bracket in the ratio of the counts. Counting vectorises and comparing one by one does not.
    Guess and step may be any numbers, also infinite or NaN: they decide how long it takes, not what is found.

    Returns the bound, the number of entries at or above it, and its distance from the guess. Where no more than k
    entries are at or above `floor`, that is the bound.
    """
    real = x.dtype.type
    largest = real(LARGEST_32 if x.itemsize == 4 else LARGEST_64)
    bottom = floor if floor > -largest else -largest
    low = high = start = guess if bottom < guess <= largest else bottom
    found = above = _count_at_least(x, n, low)
    least = real(1e-3) * abs(low) + real(1e-30)
    step = step if least < step < largest else least
    while above >= k:
        low, found = high, above
        if found <= k + slack or low > largest:
            return low, found, abs(low - start)
        if high < largest:
            high = high + step if high + step < largest else largest
        else:
            high = real(np.inf)
        step += step
        above = _count_at_least(x, n, high)
    while found < k:
        if low <= floor:
            return floor, found, abs(low - start)
        high, above = low, found
        if low > -largest:
            low = low - step if low - step > bottom else bottom
        else:
            low = floor
        step += step
        found = _count_at_least(x, n, low)
    turns = 0
    while found > k + slack:  # the bracket loses at least one number a turn
        turns += 1
        part = real(found - k + 0.5) / real(found - above) if turns <= INTERPOLATIONS else real(0.5)
        part = real(0.05) if part < real(0.05) else real(0.95) if part > real(0.95) else part
        middle = _middle(low, high, part, real(0.5))
        if not low < middle < high:
            break
        count = _count_at_least(x, n, middle)
        if count >= k:
            low, found = middle, count
        else:
            high, above = middle, count
    return low, found, abs(low - start)


@jit
def _collect(x, n, bound, at):
    """Write the places of the entries at or above the bound, ascending; `at` has room for one more. No branches."""
    taken = 0
    for i in range(n):
        at[taken] = i
        taken += 1 if x[i] >= bound else 0
    return taken


@jit
def _keep_largest(row, bound, at, index, values):
    """Keep the entries at or above the bound; `index` and `values` have room for k.

    If there are more, those above the bound are kept, and of those equal to it the first.
    """
    k, n = index.size, _collect(row, row.size, bound, at)
    ties = k if n > k else n  # entries equal to the bound that still fit
    if n > k:
        for q in range(n):
            ties -= 1 if row[at[q]] > bound else 0
    kept = 0
    for q in range(n):
        x = row[at[q]]
        if kept < k and (x > bound or ties > 0):
            index[kept], values[kept] = at[q], x
            kept += 1
            ties -= 1 if x == bound else 0
    return kept


@jit
def _searched(row, sizes):
    """What entries are chosen by: themselves or, where `sizes` has room, their absolute values, which are written."""
    if sizes.size == 0:
        return row
    for j in range(row.size):
        sizes[j] = abs(row[j])
    return sizes


@jit
def _group_maxima(row, n_groups, out):
    """Maxima of the groups j, j + n_groups, j + 2 n_groups, ...: as if the row were folded, so that loops vectorise.

    NaN is left out: no comparison with it is true.
    """
    for q in range(n_groups):
        out[q] = -np.inf
    for t in range(GROUP):
        for q in range(n_groups):
            x = row[t * n_groups + q]
            out[q] = x if x > out[q] else out[q]
    for j in range(n_groups * GROUP, row.size):
        q = j % n_groups
        out[q] = row[j] if row[j] > out[q] else out[q]


@jit
def _next_step(x, step, way):
    """The step for the next row of `x`, from this row's and how far its bound was."""
    real = x.dtype.type
    mean, most = real(0.75) * step + real(0.25) * way, real(STEP_OF_WAY) * way
    return mean if mean < most else most


@kernel("T2", "d1", "i1!", "T1!", "i2!", "T2!", "i1!")
def _select_from_short_rows(a, least, at, sizes, index, values, count):
    real, none = a.dtype.type, np.int64(0)
    floor = real(least[0])
    bound, step = real(0), real(0)
    for i in range(a.shape[0]):
        row = _searched(row_of(a, i), sizes)
        bound, _, way = _find_bound(row, row.size, index.shape[1], floor, none, bound, step)
        step = _next_step(a, step, way)
        count[i] = _keep_largest(row, bound, at, row_of(index, i), row_of(values, i))


@kernel("T2", "d1", "i1!", "T1!", "i2!", "T2!", "i1!")
def _select_from_long_rows(a, least, at, sizes, index, values, count):
    """The k-th largest of the groups' maxima is a lower bound of the k-th largest entry.

    So only the groups whose maximum reaches that bound hold candidates, and they are little more than k.
    """
    m, k, real = a.shape[1], index.shape[1], a.dtype.type
    floor, n_groups = real(least[0]), m // GROUP
    groups, places = np.empty(n_groups + 1, np.int32), np.empty(m + 1, np.int32)
    maxima, x = np.empty(n_groups, a.dtype), np.empty(m + 1, a.dtype)  # better aligned than by NumPy
    bound, group_bound, step = real(0), real(0), real(0)
    for i in range(a.shape[0]):
        row = _searched(row_of(a, i), sizes)
        _group_maxima(row, n_groups, maxima)
        group_bound, _, _ = _find_bound(maxima, n_groups, k, floor, np.int64(2), group_bound, step)
        n = np.int64(0)
        for g in range(_collect(maxima, n_groups, group_bound, groups)):
            for j in range(groups[g], m, n_groups):
                x[n], places[n] = row[j], j
                n += 1 if row[j] >= group_bound else 0
        bound, found, way = _find_bound(x, n, k, group_bound, np.int64(0), bound, step)
        step = _next_step(a, step, way)
        if found != k:
            count[i] = _keep_largest(row, bound, at, row_of(index, i), row_of(values, i))
            continue
        count[i] = k
        for q in range(min(k, _collect(x, n, bound, at))):
            index[i, q], values[i, q] = places[at[q]], x[at[q]]


@kernel("T2", "i2", "i1", "T2!")
def _take_entries(a, index, count, values):
    """Write the entries that were chosen."""
    for i in range(count.size):
        for q in range(count[i]):
            values[i, q] = a[i, index[i, q]]


def select_largest_entries(a, floor, index, values, count, signed=False):
    """Keep the k largest entries, at least `floor`, of each row; `index` and `values` have k columns.

    If `signed`, it is their absolute values that are the largest and at least `floor`.
    """
    m, k = a.shape[1], index.shape[1]
    grouped = m > SHORT_ROW and m // GROUP >= 2 * k
    select = _select_from_long_rows if grouped else _select_from_short_rows
    at, sizes = np.empty(m + 1, np.int32), np.empty(m if signed else 0, a.dtype)
    select(a, np.array([floor], np.float64), at, sizes, index, values, count)
    if signed:
        _take_entries(a, index, count, values)


@kernel("T2", "n", "d1", "T1!")
def column_bounds(a, n_kept, least, bounds):
    """The n_kept-th largest entry of each column, at least ``least[0]``; sixteen at a time are copied to rows."""
    n_rows, width, real = a.shape[0], 16, a.dtype.type
    floor, columns, bound, step = real(least[0]), np.empty((width, n_rows), a.dtype), real(0), real(0)
    for first in range(0, a.shape[1], width):
        stop = min(first + width, a.shape[1])
        for i in range(n_rows):
            for j in range(first, stop):
                columns[j - first, i] = a[i, j]
        for j in range(first, stop):
            bound, _, way = _find_bound(columns[j - first], n_rows, n_kept, floor, np.int64(0), bound, step)
            step = _next_step(a, step, way)
            bounds[j] = bound


@kernel("T2", "T1", "b2!")
def mark_reaching(a, bounds, keep):
    """Write of each entry whether it reaches the bound of its column."""
    for i in range(a.shape[0]):
        row, marks = row_of(a, i), row_of(keep, i)
        for j in range(row.size):
            marks[j] = row[j] >= bounds[j]


@kernel("b2", "T2!", fastmath=False)
def clear_others(keep, a):
    """Multiply by zero where an entry is not kept: what is not finite becomes NaN, and is seen."""
    one, zero = a.dtype.type(1), a.dtype.type(0)
    for i in range(a.shape[0]):
        marks, row = row_of(keep, i), row_of(a, i)
        for j in range(row.size):
            row[j] *= one if marks[j] else zero


@kernel("T2", "n", "d1", "T1!")
def batch_bound(a, n_kept, least, bounds):
    """Write, for each column, the n_kept-th largest entry of the whole array, at least ``least[0]``."""
    real, width = a.dtype.type, a.shape[1]
    x = np.empty(a.shape[0] * width, a.dtype)
    for i in range(a.shape[0]):
        row = row_of(a, i)
        for j in range(width):
            x[i * width + j] = row[j]
    bound, _, _ = _find_bound(x, x.size, n_kept, real(least[0]), np.int64(0), real(0), real(0))
    for j in range(bounds.size):
        bounds[j] = bound
