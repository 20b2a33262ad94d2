"""After a fit with a penalty that makes codes too small: one factor on the codes that undoes it."""

import numpy as np

from .._model import inference

# Rows, evenly spaced, that the factor is found from, at most.
ROWS = 4096


def undo_shrinkage(network, rows):
    """Enlarge the codes by the factor at which the reconstruction has the least squared error, about its mean.

    With P the reconstructions without intercept, :math:`c = \\mathrm{cov}(X, P) / \\mathrm{var}(P)`, summed over the
    features, is a factor on encoder and threshold of a relu code, and the output's intercept follows the means. Where
    the decoder has hidden layers, shares the encoder's weights or is not alone, the code stays as it is.
    """
    kind = network.architecture
    if kind.decoder_depth > 1 or kind.tied or kind.skip or not kind.centred or kind.activation != "relu":
        return
    mean_x, mean_p, factor = _regression(network, rows)
    if not 1 < factor < np.inf:
        return
    units, names = network.parameters.units, ["encoder", "encoder_bias", "threshold"]
    if kind.batch_norm:
        names[0] = "norm_gain"  # normalised pre-activations do not depend on the size of the weights
    for name in names:
        getattr(units, name)[:] *= factor
    network.parameters["dec0.bias"][:] = mean_x - factor * mean_p


def _regression(network, rows):
    """Means of the data and of the reconstructions without intercept, of observed values, and the factor."""
    if len(rows) > ROWS:
        rows = rows.subset(np.linspace(0, len(rows) - 1, ROWS).astype(np.int64))
    n = network.architecture.n_features
    count, sums, products = np.zeros(n), np.zeros((2, n)), np.zeros((2, n))
    for x, p in inference.decoded_codes(network, rows):
        seen = ~np.isnan(x)
        x, p = np.where(seen, x, 0).astype(np.float64), np.where(seen, p, 0).astype(np.float64)
        count += seen.sum(axis=0)
        sums += x.sum(axis=0), p.sum(axis=0)
        products += np.einsum("ij,ij->j", x, p), np.einsum("ij,ij->j", p, p)
    mean_x, mean_p = sums / np.maximum(count, 1)
    with np.errstate(all="ignore"):
        covariance, variance = (products - np.stack([mean_x, mean_p]) * mean_p * count).sum(axis=1)
        return mean_x, mean_p, covariance / variance
