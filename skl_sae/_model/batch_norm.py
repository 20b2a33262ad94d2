"""Batch normalisation of a block of units: forward, backward, and what is folded into the weights for inference.

Each unit's pre-activations are centred and divided by their standard deviation over the batch, then multiplied by a
trained gain; the layer's bias is the shift (Ioffe and Szegedy, *Batch Normalization*, 2015, arXiv:1502.03167,
algorithm 1). Inference uses running statistics. A batch of one row has no variance: there they serve, too.
"""

import numpy as np

from .._kernels.jit import row_of
from .._kernels.kernel import kernel

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


@kernel("T2", "T1!", "T1!", "T1!", "T1!", "T1!")
def _moments(a, centre, spread, inverse, mean, variance):
    """Mean and variance of each column, in two passes, and the running statistics."""
    real = a.dtype.type
    n, share, epsilon = real(a.shape[0]), real(1 - MEMORY), real(EPSILON)
    for j in range(centre.size):
        centre[j] = 0
        spread[j] = 0
    for i in range(a.shape[0]):
        row = row_of(a, i)
        for j in range(row.size):
            centre[j] += row[j]
    for j in range(centre.size):
        centre[j] /= n
    for i in range(a.shape[0]):
        row = row_of(a, i)
        for j in range(row.size):
            spread[j] += (row[j] - centre[j]) * (row[j] - centre[j])
    for j in range(centre.size):
        spread[j] /= n
        mean[j] += share * (centre[j] - mean[j])
        variance[j] += share * (spread[j] * (n / (n - real(1))) - variance[j])
        inverse[j] = real(1) / np.sqrt(spread[j] + epsilon)


@kernel("T1", "T1!")
def _invert(variance, inverse):
    real = variance.dtype.type
    for j in range(variance.size):
        inverse[j] = real(1) / np.sqrt(variance[j] + real(EPSILON))


@kernel("T2!", "T2!", "T1", "T1", "T1", "T1")
def _standardise(a, standardised, gain, bias, centre, inverse):
    for i in range(a.shape[0]):
        row, out = row_of(a, i), row_of(standardised, i)
        for j in range(row.size):
            x = (row[j] - centre[j]) * inverse[j]
            out[j] = x
            row[j] = gain[j] * x + bias[j]


def forward(a, standardised, gain, bias, mean, variance, inverse):
    """Normalise `a` in place, and update the running statistics.

    Parameters
    ----------
    a : ndarray of shape (n_rows, n_units)
        ``x @ W.T``, without bias.
    standardised : ndarray of shape (n_rows, n_units)
        Receives ``(a - mean) / sd``.
    gain, bias, mean, variance : ndarray of shape (n_units,)
        The last two are the running statistics.
    inverse : ndarray of shape (n_units,)
        Receives one over the standard deviation that is used.
    """
    centre = mean
    if len(a) > 1:
        centre, spread = np.empty_like(mean), np.empty_like(variance)
        _moments(a, centre, spread, inverse, mean, variance)
    else:
        _invert(variance, inverse)
    _standardise(a, standardised, gain, bias, centre, inverse)


@kernel("T2", "T2", "T1!", "T1!")
def _sums(delta, standardised, d_gain, d_bias):
    for j in range(d_gain.size):
        d_gain[j] = 0
        d_bias[j] = 0
    for i in range(delta.shape[0]):
        d, x = row_of(delta, i), row_of(standardised, i)
        for j in range(d.size):
            d_bias[j] += d[j]
            d_gain[j] += d[j] * x[j]


@kernel("T2!", "T2", "T1", "T1", "T1", "T1")
def _pull(delta, standardised, inverse, gain, d_gain, d_bias):
    """Of one row, mean and variance are given."""
    real = delta.dtype.type
    share = real(1) / real(delta.shape[0]) if delta.shape[0] > 1 else real(0)
    for i in range(delta.shape[0]):
        d, x = row_of(delta, i), row_of(standardised, i)
        for j in range(d.size):
            d[j] = gain[j] * inverse[j] * (d[j] - share * d_bias[j] - x[j] * (share * d_gain[j]))


def backward(delta, standardised, inverse, gain, d_gain, d_bias):
    """Turn the gradient of the normalised values into that of `a`, in place; those of gain and bias are written."""
    _sums(delta, standardised, d_gain, d_bias)
    _pull(delta, standardised, inverse, gain, d_gain, d_bias)


def factor(gain, variance):
    """What inference multiplies a unit's weights by."""
    return gain / np.sqrt(variance + gain.dtype.type(EPSILON))
