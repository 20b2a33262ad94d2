"""Bits for columns of numbers that need not be exact."""

from typing import NamedTuple

import numpy as np

from ._blocks import dense_rows, row_chunks


class Spread(NamedTuple):
    """How far the observed values of each column spread.

    Variances are of numbers that are divided by two to the power of `exponent`, or squares could leave the range of
    numbers.
    """

    shares: np.ndarray
    variances: np.ndarray
    exponent: int


def spread(X):
    """Share of observed values and variance of each column."""
    n_samples, n_features = X.shape
    reference, largest = np.full(n_features, np.nan), np.zeros(n_features)
    counts = np.zeros(n_features)
    for rows in row_chunks(X):
        block = dense_rows(X, rows)
        missing = np.isnan(block)
        counts += len(block) - missing.sum(axis=0)
        first = block[missing.argmin(axis=0), np.arange(n_features)]
        reference = np.where(np.isnan(reference), first, reference)
        largest = np.fmax(largest, np.fmax.reduce(np.abs(0.5 * block - 0.5 * reference)))
    exponent = int(np.frexp(largest.max())[1]) + 1
    mean, squares = np.zeros((2, n_features))
    for rows in row_chunks(X):
        mean += np.nansum(scaled_difference(dense_rows(X, rows), reference, exponent), axis=0)
    mean /= np.maximum(counts, 1)
    for rows in row_chunks(X):
        squares += np.nansum((scaled_difference(dense_rows(X, rows), reference, exponent) - mean) ** 2, axis=0)
    return Spread(counts / n_samples, squares / np.maximum(counts, 1), exponent)


def scaled_difference(a, b, exponent):
    """Difference of two arrays, divided by two to the power of `exponent`."""
    return np.ldexp(0.5 * a - 0.5 * b, 1 - exponent)


def noise_level(columns, tolerance):
    """The error D of each column that adds up to a share of the variance: the mean of min(D, variance) is that share.

    What is known as reverse water-filling: a column that varies less than D need not be told at all.
    """
    order = np.argsort(columns.variances, kind="stable")
    variances, shares = columns.variances[order], columns.shares[order]
    total = shares @ variances
    if total == 0:
        raise ValueError("The columns of X do not vary; expected data of which something can be described.")
    told = np.cumsum(shares[::-1])[::-1]
    below = np.concatenate([[0.0], np.cumsum(shares * variances)[:-1]])
    levels = (tolerance * total - below) / np.where(told > 0, told, 1)
    return levels[np.flatnonzero((levels <= variances) & (told > 0))[0]]


def bits_of_columns(variances, shares, noise):
    """Bits a row for Gaussian columns of these variances, each known up to an error of `noise`."""
    return float(0.5 * shares @ np.log2(np.maximum(1, variances / noise)))
