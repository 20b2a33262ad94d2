"""The scale that a network sees data on, ``(x - offset) / (units * scale)``, and the one that codes are given on.

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
    kind : {"total", "features"} or None
        Whether `scale` alone, or the units of the features, too, come from the data; otherwise they are 1.
    units : ndarray of float64 of shape (n_features,)
        The unit of each feature.
    scale : float
        What data in these units is divided by.
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
    codes_like_data : bool
        Whether codes are given on the scale of the data, so that the decoder's rows keep their norms.
    gain, output_gain : float
        What the network makes, its codes and outputs, is on the scale of the data divided by these. Other than 1 where
        atoms or measurements are given that make data of another size than the codes or signals have.
    keeps_missing : bool
        Whether the encoder is shown where a value is missing: NaN, instead of `fill`.
    """

    def __init__(self, architecture):
        self.architecture = architecture
        n, self.kind, self.scale = architecture.n_features, None, 1.0
        self.offset, self.units = np.zeros(n, architecture.dtype), np.ones(n)
        self.fill, self.observed = self.offset, np.zeros(n)
        self.measured, self.reads_sparse, self.code_scale, self.code_rows = False, False, 1.0, 0
        self.codes_like_data = self.keeps_missing = False
        self.gain = self.output_gain = 1.0

    @property
    def scaled(self):
        """Whether data is divided by a scale of its own."""
        return self.kind is not None

    @property
    def scales_codes(self):
        """Whether codes are given on a scale of their own: data is scaled, and the code has no bounds."""
        return self.scaled and self.architecture.activation in ("relu", "identity")

    @property
    def divisor(self):
        """What each feature is divided by, in the type of the network."""
        return (self.units * self.scale).astype(self.architecture.dtype)

    @property
    def output_divisor(self):
        """The same of the reconstruction: an output of another width than the data has no units of its own."""
        kind = self.architecture
        if kind.decoder_sizes[0] == kind.n_features:
            return (self.units * (self.scale / self.output_gain)).astype(kind.dtype)
        return np.full(kind.decoder_sizes[0], self.scale / self.output_gain, kind.dtype)

    @property
    def shown(self):
        """What the encoder sees in the place of a missing value, on the scale of the data."""
        return np.full_like(self.fill, np.nan) if self.keeps_missing else self.fill

    @property
    def public(self):
        """The same as it is published: one number, or one a feature, in float64."""
        return self.scale if self.kind != "features" else self.units * self.scale

    @property
    def factor(self):
        """What each feature is multiplied by, in float64."""
        return 1 / (self.units * self.scale)

    # how it is found

    def measure(self, mean, variance, kind, units=None):
        """Set the offset to the mean, and the scale, of this `kind`, to the square root of the total variance.

        With `units` the total is that in units. A feature counts at most as if its unit were its standard deviation,
        so that outliers do not decide on the scale of the others.
        """
        self.offset = mean.astype(self.architecture.dtype)
        self.units, self.scale, self.kind = np.ones(mean.size), 1.0, kind
        self.measured = bool(variance.sum() > 0)
        if units is not None:
            self.units, mean, variance = units, mean / units, np.minimum(variance / units / units, 1.0)
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
        """Choose the products with sparse data once: a row then has the same code whatever rows are beside it.

        Those that visit what is stored know one factor for all features. The path past the code reads dense rows: its
        weights are larger than a tile anyway.
        """
        few = rows.sparse and rows.X.nnz < WORTH_IT * rows.X.shape[0] * rows.X.shape[1]
        self.reads_sparse = few and self.kind != "features" and not self.architecture.skip

    def set_code_scale(self, mean_square, n_rows, anew=False):
        """Give codes on the scale on which the mean square of an active entry is one, if they can be.

        A code with bounds, as of a sigmoid, means what it is, and so does one of data that is not scaled. The mean is
        one over about the last `CODE_ROWS` rows, or `anew` of these alone.
        """
        if self.codes_like_data:
            self.code_scale, self.code_rows = self.gain / self.scale, 0
        elif not self.scales_codes:
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
        rows.take(chosen, self.offset, self.factor, self.shown, x)
        if target is not None:
            rows.take(chosen, *self.target(), np.full_like(self.offset, np.nan), target)

    def target(self):
        """What is subtracted from the data to make the target, and what each feature is then multiplied by."""
        kind, offset = self.architecture, self.offset
        return offset if kind.centred else 0 * offset, self.factor if kind.rescaled else np.ones(offset.size)

    def own_target(self, width):
        """The same of targets that are not the data: codes or signals."""
        return np.zeros(width, self.architecture.dtype), np.full(width, self.gain / self.scale)

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
        if self.architecture.rescaled:
            y *= self.output_divisor
        if self.architecture.centred and y.shape[-1] == self.offset.size:  # others have no offset
            y += self.offset

    def in_units(self, x):
        """Bring differences, in place, to the units in which errors are measured."""
        if self.kind == "features":
            x /= self.units
