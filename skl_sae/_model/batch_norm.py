"""Batch normalisation of a block of units: forward, backward, and what is folded into the weights for inference.

Each unit's pre-activations are centred and divided by their standard deviation over the batch, then multiplied by a
trained gain; the layer's bias is the shift (Ioffe and Szegedy, *Batch Normalization*, 2015, arXiv:1502.03167,
algorithm 1). Inference uses running statistics. A batch of one row has no variance: there they serve, too.
"""

import numpy as np

from .._kernels.jit import jit, row_of

#: Added to the variance.
EPSILON = 1e-5
#: A variance up to this share of the squared mean is taken for rounding.
FLAT = 1e-10
#: Share of the running statistics that is kept at each step.
MEMORY = 0.9
#: Per-unit arrays and their initial values; all but the gain are state, without a gradient.
ARRAYS = {"norm_gain": 1.0, "norm_mean": 0.0, "norm_variance": 1.0}


def measure(a, gain, mean, variance):
    """Set gain and running statistics such that normalising `a` subtracts its mean and changes nothing else.

    A unit whose values are equal but for rounding, as on a single row, tells nothing of its variance: 1 is assumed.
    """
    mean[:], variance[:] = a.mean(axis=0), a.var(axis=0)
    variance[variance <= FLAT * mean**2] = 1
    gain[:] = np.sqrt(variance + EPSILON)


@jit
def _moments(a, mean, variance):
    """Mean and variance of each column, in two passes."""
    n = a.dtype.type(a.shape[0])
    mean[:] = 0
    variance[:] = 0
    for i in range(a.shape[0]):
        row = row_of(a, i)
        for j in range(row.size):
            mean[j] += row[j]
    for j in range(mean.size):
        mean[j] /= n
    for i in range(a.shape[0]):
        row = row_of(a, i)
        for j in range(row.size):
            variance[j] += (row[j] - mean[j]) * (row[j] - mean[j])
    for j in range(mean.size):
        variance[j] /= n


@jit
def _standardise(a, standardised, gain, bias, centre, inverse):
    for i in range(a.shape[0]):
        row, out = row_of(a, i), row_of(standardised, i)
        for j in range(row.size):
            x = (row[j] - centre[j]) * inverse[j]
            out[j] = x
            row[j] = gain[j] * x + bias[j]


def forward(a, standardised, gain, bias, mean, variance):
    """Normalise `a` in place, and update the running statistics.

    Parameters
    ----------
    a : ndarray of shape (n_rows, n_units)
        ``x @ W.T``, without bias.
    standardised : ndarray of shape (n_rows, n_units)
        Receives ``(a - mean) / sd``.
    gain, bias, mean, variance : ndarray of shape (n_units,)
        The last two are the running statistics.

    Returns
    -------
    inverse : ndarray of shape (n_units,)
        One over the standard deviation that was used.
    """
    centre, spread = mean, variance
    if len(a) > 1:
        centre, spread = np.empty_like(mean), np.empty_like(variance)
        _moments(a, centre, spread)
        mean += (1 - MEMORY) * (centre - mean)
        variance += (1 - MEMORY) * (spread * (len(a) / (len(a) - 1)) - variance)
    inverse = 1 / np.sqrt(spread + a.dtype.type(EPSILON))
    _standardise(a, standardised, gain, bias, centre, inverse)
    return inverse


@jit
def _sums(delta, standardised, d_gain, d_bias):
    d_gain[:] = 0
    d_bias[:] = 0
    for i in range(delta.shape[0]):
        d, x = row_of(delta, i), row_of(standardised, i)
        for j in range(d.size):
            d_bias[j] += d[j]
            d_gain[j] += d[j] * x[j]


@jit
def _pull(delta, standardised, factor, from_gain, from_bias):
    for i in range(delta.shape[0]):
        d, x = row_of(delta, i), row_of(standardised, i)
        for j in range(d.size):
            d[j] = factor[j] * (d[j] - from_bias[j] - x[j] * from_gain[j])


def backward(delta, standardised, inverse, gain):
    """Turn the gradient of the normalised values into that of `a`, in place; returns those of gain and bias."""
    d_gain, d_bias = np.empty_like(gain), np.empty_like(gain)
    _sums(delta, standardised, d_gain, d_bias)
    share = 1 / len(delta) if len(delta) > 1 else 0  # of one row, mean and variance are given
    _pull(delta, standardised, gain * inverse, share * d_gain, share * d_bias)
    return d_gain, d_bias


def factor(gain, variance):
    """What inference multiplies a unit's weights by."""
    return gain / np.sqrt(variance + gain.dtype.type(EPSILON))
