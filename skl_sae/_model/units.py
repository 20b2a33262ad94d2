"""The unit of each feature, and whether features have units of their own: from moments and from a sample of rows.

The sample is read a block of features at a time; dense and sparse rows of the same numbers give the same units.
"""

import numpy as np

# Rows of the sample, evenly spaced, and numbers in it, at most; but of wide data as many rows as a batch may have.
SAMPLE_ROWS, SAMPLE_SIZE, FEWEST_SAMPLED = 4096, 1 << 22, 128
# Among fewer values none is called an outlier, and among fewer rows features are not said to have units of their own.
ENOUGH_VALUES = 20
# The share of values at either end that may be outliers, one value at least.
TRIMMED = 0.01
# How many times smaller than the standard deviation a unit may be: values far out then count up to the square of this.
SHRUNK = 16
# What varies by less than so many times the rounding of its size does not vary.
ROUNDING = 64
# Features have units of their own if those near the upper end are so many times as large as those near the lower one.
APART, UPPER, LOWER = 30, 0.97, 0.1


def find_units(rows, mean, variance):
    """The unit of each feature: its standard deviation, or less where single values lie far out; of a constant one, 1.

    It is half the width that is left without the outermost hundredth of the values at either end, between the standard
    deviation and a sixteenth of it. Of a feature that is rarely anything but one value, it says nothing.

    Parameters
    ----------
    rows : Rows
    mean, variance : ndarray of float64 of shape (n_features,)
        Of all data, of which the rows may be a part.

    Returns
    -------
    units : ndarray of float64 of shape (n_features,)
    """
    deviation, core, kind = np.sqrt(variance), _core(rows), np.finfo(rows.dtype)
    inner = np.clip(core / 2, deviation / SHRUNK, deviation)
    units = np.where(core > 0, inner, deviation)
    rounding = np.maximum(ROUNDING * kind.eps * np.abs(mean), kind.tiny / kind.eps)
    return np.maximum(np.where(variance > 0, units, 1.0), rounding)


def have_own_units(rows):
    """Whether features are evidently measured in different units.

    Two sizes of a feature, its range and its standard deviation, are compared over the features that vary, and must
    both differ. Rare features of one kind, such as pixels at the border, have about one range; standardised ones have
    one standard deviation.
    """
    if len(rows) < ENOUGH_VALUES:
        return False
    largest, widths, deviations = _sizes(rows)
    varies = widths > ROUNDING * np.finfo(rows.dtype).eps * largest
    if not varies.any():
        return False
    ratios = [np.subtract(*np.quantile(np.log(size[varies]), [UPPER, LOWER])) for size in (widths, deviations)]
    return bool(min(ratios) > np.log(APART))


def _sample(rows):
    most = min(SAMPLE_ROWS, max(FEWEST_SAMPLED, SAMPLE_SIZE // rows.shape[1]))
    return rows.sample(most)


def _sizes(rows):
    """Largest size, range and standard deviation of each feature, in a sample of rows."""
    largest, widths, deviations = np.zeros((3, rows.shape[1]))
    for features, x in _sample(rows).blocks_of_features():
        low, high = np.nan_to_num(np.fmin.reduce(x)), np.nan_to_num(np.fmax.reduce(x))
        largest[features] = np.maximum(abs(low), abs(high))
        seen = x == x
        x = np.where(seen, x - low, 0)
        count = np.maximum(np.count_nonzero(seen, axis=0), 1)
        squares = np.square(x - x.sum(axis=0) / count, where=seen, out=x).sum(axis=0)
        widths[features], deviations[features] = high - low, np.sqrt(squares / count)
    return largest, widths, deviations


def _core(rows):
    """The width of each feature without its outermost values, in a sample.

    It is 0 where there are too few values to tell, or where the inner half of them is all the same.
    """
    core = np.zeros(rows.shape[1])
    for features, x in _sample(rows).blocks_of_features():
        x.sort(axis=0)  # missing values come last
        count = np.count_nonzero(x == x, axis=0)
        enough = count >= ENOUGH_VALUES
        outer = np.maximum(1, (TRIMMED * count).astype(np.int64))
        inner = _width(x, count // 4, count, enough)
        core[features] = np.where(inner > 0, _width(x, outer, count, enough), 0)
    return core


def _width(x, skipped, count, enough):
    """The width of sorted columns without some values at either end; 0 where there are not `enough`."""
    low, high = (x[np.where(enough, at, 0), np.arange(count.size)] for at in (skipped, count - 1 - skipped))
    return np.where(enough, high - low, 0)
