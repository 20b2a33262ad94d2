"""BatchTopK: a budget of active entries for a whole batch; deployed as one threshold."""

import numpy as np

from .._kernels.kernel import recordable
from .._kernels.quantile import beyond, upper_quantile
from .._kernels.top_k import batch_bound, clear_others, mark_reaching
from .._model.codes import DenseCode
from ._base import BaseSparsity
from ._topk import resolve_k, smallest_live

# Rows that the running mean of the threshold goes back over; the smallest weight of a step, however few rows it has.
RECENT_ROWS, SLOWEST = 300, 0.01


class Threshold(BaseSparsity):
    """What BatchTopK and JumpReLU deploy: ``f = act(a) * (a > threshold)``, with a threshold for each unit."""

    def encode(self, a, p, step):
        """Keep what exceeds the unit's threshold."""
        keep = a > p.threshold
        step.activation.forward(a)
        a *= keep
        return [DenseCode(a)]


class BatchTopK(BaseSparsity):
    r"""The ``k * rows`` largest entries of a batch: rows share a budget, so that some have more active units.

    ``transform`` must not depend on what else is in the batch. There the code is :math:`f = \mathrm{act}(a) \odot
    1[a > \theta]` with one threshold. At the end of ``fit``, :math:`\theta` is the exact quantile that gives a mean
    of k active units over the training data (the validation data, where there is some). After a chunk of
    ``partial_fit`` it is that of up to 500 rows of the chunk; if the chunk has fewer than 300, a running mean over
    about the last 300 rows, but 100 steps at most, of a number just below the smallest entry kept.

    Parameters
    ----------
    k : int, float or None, default=None
        Mean number of units kept in a row; see :class:`TopK`.

    Attributes
    ----------
    k_ : int
        Mean number of units kept, resolved.
    threshold_ : float
        The threshold, on the scale of the codes that ``transform`` gives: an entry is active where its pre-activation,
        ``X @ coefs_[0] + intercepts_[0]`` without hidden layers, exceeds it.

    References
    ----------
    Bussmann, Leask & Nanda, *BatchTopK Sparse Autoencoders*, 2024, arXiv:2412.06410.

    Examples
    --------
    >>> from skl_sae.sparsity import BatchTopK
    >>> BatchTopK(16)
    BatchTopK(k=16)
    """

    scope = "batch"
    dead_units = "auxiliary"

    def __init__(self, k=None):
        self.k = k

    def initialize(self, n_units, activation):
        """Resolve the number of units; the threshold is state."""
        if activation not in ("relu", "identity"):
            raise ValueError(
                f"BatchTopK puts a threshold on the code: expected activation='relu' or 'identity', got {activation!r}."
            )
        self._lowest = 0.0 if activation == "relu" else -np.inf
        self.k_ = resolve_k("k", self.k, n_units)
        return {"threshold": 0.0}

    @recordable
    def encode(self, a, p, step):
        """Keep the largest entries of the batch; entries tied with the last one stay too."""
        bounds, keep = np.empty(a.shape[1], a.dtype), np.empty(a.shape, bool)
        batch_bound(a, self.k_ * len(a), np.array([smallest_live(a.dtype, step)], np.float64), bounds)
        mark_reaching(a, bounds, keep)
        step.activation.forward(a)
        clear_others(keep, a)
        return [DenseCode(a, support=keep, selects=True)]

    def after_step(self, codes, p, step):
        """Update the running mean of the batch's bound; in the first steps a plain mean, so its start has no weight."""
        values = codes[0].values
        if values.size:
            rate = min(1.0, max(SLOWEST, 1 / (RECENT_ROWS * step.weight), 1 / step.number))
            p.threshold[:] = (1 - rate) * p.threshold + rate * self._finite(self._bound(values, p.threshold.size), p)

    def _bound(self, values, n_units):
        """A number below the smallest entry kept, by half the distance to the next one: it must not lie on data."""
        if self.k_ == n_units:
            return -np.inf
        smallest = values.min()
        following = float(np.min(values, where=values > smallest, initial=np.inf))
        if following == np.inf:
            return beyond(smallest, -1)
        return float(smallest) - (following / 2 - float(smallest) / 2)

    def _finite(self, bound, p):
        """The bound as a threshold: a finite number, also where nothing is excluded."""
        return max(self._lowest, bound, float(np.finfo(p.threshold.dtype).min))

    def after_fit(self, tiles, p):
        """Set the threshold to the exact quantile."""
        p.threshold[:] = self._finite(upper_quantile(tiles, self.k_)[0], p)

    def after_chunk(self, tiles, p):
        """Set the threshold to the exact quantile of rows of the chunk: its steps have moved what they were told."""
        self.after_fit(tiles, p)

    def publish(self, p, unit):
        """Set the threshold."""
        self.threshold_ = float(p.threshold[0]) / unit

    def deployed(self):
        """Return the thresholded code."""
        return Threshold()
