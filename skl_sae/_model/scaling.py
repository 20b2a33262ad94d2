"""The scale that a network sees data on, ``(x - offset) / scale``, and the one that codes are given on.

See `Scale of the data` in the class docstring of `SparseAutoencoder`.
"""

import numpy as np

from .sparse_rows import WORTH_IT, SparseRows

# The scale of the codes comes from a running mean over about so many rows.
CODE_ROWS = 1000


class Scaling:
    """Offset and scale of the data, what missing values are replaced by, and the scale of the codes.

    Arrays are replaced and never written, so that copies may share them.

    Parameters
    ----------
    architecture : Architecture

    Attributes
    ----------
    offset, fill : ndarray of shape (n_features,)
        What is subtracted from the data, and what a missing value is replaced by, on the scale of the data.
    scale : float
        What data is divided by.
    scaled : bool
        Whether `scale` comes from the data; otherwise it is 1.
    observed : ndarray of shape (n_features,)
        Number of values behind `fill`.
    measured : bool
        Whether offset and scale come from data with some variance.
    reads_sparse : bool
        Whether the first layer reads sparse rows as they are, because nearly all their entries are zero.
    code_scale : float
        What codes are divided by before they are given.
    code_rows : int
        Number of rows behind `code_scale`, up to `CODE_ROWS`.
    """

    def __init__(self, architecture):
        self.architecture = architecture
        self.offset, self.scale, self.scaled = np.zeros(architecture.n_features, architecture.dtype), 1.0, False
        self.fill, self.observed = self.offset, np.zeros(architecture.n_features)
        self.measured, self.reads_sparse, self.code_scale, self.code_rows = False, False, 1.0, 0

    # how it is found

    def can_scale(self, scale):
        """Whether data is divided by a scale where the parameter of the estimator is `scale`."""
        return bool(scale) and self.architecture.centred and self.architecture.loss == "squared_error"

    def measure(self, mean, variance, scale):
        """Set the offset to the mean and, with `scale`, the scale to the square root of the total variance."""
        self.offset = mean.astype(self.architecture.dtype)
        self.scale, self.scaled = 1.0, self.can_scale(scale)
        self.measured = bool(variance.sum() > 0)
        if self.scaled:
            total = float(variance.sum()) or float(mean @ mean)  # a single row has no variance
            self.scale = float(np.sqrt(total)) or 1.0

    def observe(self, mean, count, anew):
        """Set what a missing value is filled with: the mean of the feature's values so far, or `anew` of these alone.

        Features without any value are filled with 0.
        """
        before, fill = (np.zeros_like(self.observed), 0.0) if anew else (self.observed, self.fill)
        self.observed = before + count
        step = count / np.maximum(self.observed, 1)
        self.fill = (fill + (mean - fill) * step).astype(self.architecture.dtype)

    def look_at_density(self, rows):
        """Choose the products with sparse data once: a row then has the same code whatever rows are beside it."""
        few = rows.sparse and rows.X.nnz < WORTH_IT * rows.X.shape[0] * rows.X.shape[1]
        self.reads_sparse = few and not self.architecture.skip  # that path's weights are larger than a tile anyway

    def set_code_scale(self, mean_square, n_rows, anew=False):
        """Give codes on the scale on which the mean square of an active entry is one, if they can be.

        A code with bounds, as of a sigmoid, means what it is, and so does one of data that is not scaled. The mean is
        one over about the last `CODE_ROWS` rows, or `anew` of these alone.
        """
        if not self.scaled or self.architecture.activation not in ("relu", "identity"):
            self.code_scale, self.code_rows = 1.0, 0  # an earlier network may have had an activation without bounds
        elif 0 < mean_square < np.inf:
            before = 0 if anew else self.code_rows
            share = n_rows / (before + n_rows)
            self.code_scale = float(np.sqrt((1 - share) * self.code_scale**2 + share * mean_square))
            self.code_rows = min(before + n_rows, CODE_ROWS)

    def of(self, architecture):
        """A copy for a network of another architecture on the same data; its arrays have the architecture's type."""
        other = Scaling(architecture)
        other.__dict__.update(self.__dict__, architecture=architecture)
        other.offset, other.fill = self.offset.astype(architecture.dtype), self.fill.astype(architecture.dtype)
        return other

    # rows of the data, as the network sees them

    def load(self, rows, chosen, x, target=None):
        """Write the `chosen` rows of the data as inputs, and as targets: with NaN where a value is missing."""
        rows.take(chosen, self.offset, 1 / self.scale, self.fill, x)
        if target is not None:
            centred = self.architecture.centred
            offset, factor = (self.offset, 1 / self.scale) if centred else (np.zeros_like(self.offset), 1.0)
            rows.take(chosen, offset, factor, np.full_like(self.offset, np.nan), target)

    def sparse_rows(self, rows, chosen):
        """The `chosen` rows for the products of the first layer; None where products with dense rows are faster."""
        if rows.sparse and self.reads_sparse:
            return SparseRows(rows.X, rows.numbers(chosen), self.offset, 1 / self.scale)
        return None

    def inputs(self, rows, chosen):
        """The `chosen` rows as the encoder reads them: an array (rows, features), or a `SparseRows`."""
        x = self.sparse_rows(rows, chosen)
        if x is None:
            x = np.empty((len(chosen), self.architecture.n_features), self.architecture.dtype)
            self.load(rows, chosen, x)
        return x

    # and back

    def restore(self, y):
        """Bring reconstructions, in place, to the scale of the data."""
        if self.architecture.centred:
            y *= self.scale
            y += self.offset
