"""What a training step is told in arrays: rows of the data, on their way into it, and the settings of the optimizer."""

import numpy as np

from .._kernels.kernel import recordable
from .._kernels.noise import add_gaussian, leave_out_visible, mask_inputs
from .._model.sparse_rows import SparseRows

# Most numbers that an optimizer is told at each step.
N_SETTINGS = 4


class Source:
    """What a step reads: the rows of a batch, on the network's scale, perhaps corrupted.

    Arrays are made once, and filled for each fit or batch, so that plans can be recorded.

    Parameters
    ----------
    network : Network
    params : dict
        Parameters of the estimator.
    batch_size : int
    own_target : bool
        Whether the target is not the input.
    target_width : int
        Number of columns of the target.
    addresses : Addresses
        Told where the data is.

    Attributes
    ----------
    load : callable
        ``load(lo, hi, x, target)`` writes rows of the batch.
    sparse : SparseRows or None
        The batch for products that read it as it is.
    settings : ndarray of float64
        Of the optimizer, in this step.
    """

    def __init__(self, network, params, batch_size, own_target, target_width, addresses):
        self.params, self.own_target, self.addresses = params, own_target, addresses
        self.scaling, n = network.scaling, network.architecture.n_features
        self.chosen, self.key = np.zeros(batch_size, np.int64), np.zeros(1, np.int64)
        offset, fill = (np.zeros(n, network.dtype) for _ in range(2))
        missing = np.full(target_width, np.nan, network.dtype)
        self.shift = offset, np.zeros(n), fill
        self.target_shift = np.zeros_like(missing), np.ones(target_width), missing
        self.masked, self.factor, self.settings = np.zeros_like(offset), np.zeros(1), np.zeros(N_SETTINGS)
        self.rows = self.sparse = self.kind = None

    def take(self, network, rows):
        """Read from these rows from now on. Returns whether plans hold no longer."""
        self.rows, self.scaling, scaling = rows, network.scaling, network.scaling
        offset, factor, fill = self.shift
        offset[:], factor[:], fill[:] = scaling.offset, scaling.factor, scaling.shown
        self.masked[:], self.factor[0] = (scaling.shown - scaling.offset) / scaling.divisor, 1 / scaling.scale
        target = scaling.target() if rows.target is None else scaling.own_target(self.target_shift[0].size)
        self.target_shift[0][:], self.target_shift[1][:] = target
        for name, array in rows.arrays().items():
            self.addresses.follow(name, array)
        for name, array in (rows.target.arrays() if rows.target is not None else {}).items():
            self.addresses.follow(f"target.{name}", array)
        reads_sparse = rows.sparse and scaling.reads_sparse and not self.params["corruption"]
        before, self.kind = self.kind, (rows.kind(), reads_sparse)
        if self.kind != before:
            self.sparse = SparseRows(rows.X, self.chosen, offset, self.factor) if reads_sparse else None
        elif reads_sparse:
            self.sparse.read(rows.X)  # what is recorded from now on must be the arrays that are followed
        return self.kind != before

    def choose(self, batch, key, settings):
        """Let a batch be these rows of the data, in the step with this key and these settings of the optimizer."""
        self.chosen[: len(batch)], self.key[0] = self.rows.numbers(batch), key
        self.settings[: len(settings)] = settings

    @property
    def load(self):
        """Function that a plan records, if the data is read by a kernel and nothing is drawn for it."""
        if self.rows.direct and self._target.direct and self.params["corruption"] != "gaussian":
            return self._load
        return self._load_each_time

    @property
    def _target(self):
        return self.rows if self.rows.target is None else self.rows.target

    def _load_each_time(self, lo, hi, x, target):
        self.rows.gather(self.chosen[lo:hi], *self.shift, x)
        if self.own_target:
            self._target.gather(self.chosen[lo:hi], *self.target_shift, target)
        level = self.params["corruption_level"]
        if self.params["corruption"] == "masking":
            mask_inputs(x, self.masked, self.key, lo, level)
            if self.params["corruption_emphasis"]:
                leave_out_visible(target, self.key, lo, level, self.params["corruption_emphasis"])
        elif self.params["corruption"] is not None:
            known = target if self.rows.target is None else x
            add_gaussian(x, known, self.key, lo, level / np.sqrt(x.shape[1]) if self.scaling.scaled else level)

    @recordable
    def _load(self, lo, hi, x, target):
        self._load_each_time(lo, hi, x, target)
