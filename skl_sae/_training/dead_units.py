"""Units that no longer fire: how they are told, and how they are revived."""

from functools import partial

import numpy as np

from .._kernels.jit import row_of
from .._kernels.kernel import kernel, recordable
from .._kernels.norms import unit_rows
from .._model.codes import Decoding
from .._model.inference import squared_errors
from ..sparsity import BaseSparsity
from ..sparsity._topk import select_largest

#: A unit is dead when it has not fired for this share of an epoch, and for at least so many rows.
DEAD_EPOCHS, DEAD_ROWS = 0.25, 1000
#: Rows of a stream that its share of dead units looks back at, at least: rare units are not dead ones.
STREAM_ROWS = 10_000
#: Units of a row that the auxiliary loss lets learn, at most.
AUXILIARY_UNITS = 256
#: Norm of a resampled unit's encoder row, relative to the mean of the living.
RESAMPLED_NORM = 0.2


@kernel("T2", "b1", "T2!")
def mask_living(a, dead, out):
    """Write the pre-activations of the dead units, and for the others NaN, which is never among the largest."""
    none = a.dtype.type(np.nan)
    for i in range(a.shape[0]):
        x, y = row_of(a, i), row_of(out, i)
        for j in range(x.size):
            y[j] = x[j] if dead[j] else none


class DeadUnits:
    """Counts for each unit the rows since it fired. A unit fires where its value is not zero.

    Parameters
    ----------
    n_units : int

    Attributes
    ----------
    idle : ndarray of shape (n_units,)
        Rows since a unit fired; all rows, if it never did.
    n_rows : int
        Rows so far.
    """

    def __init__(self, n_units):
        self.idle, self.n_rows = np.zeros(n_units, np.int64), 0

    def copy(self):
        """Counts of its own."""
        other = DeadUnits(self.idle.size)
        other.idle[:], other.n_rows = self.idle, self.n_rows
        return other

    def numbers(self):
        """What files hold beside `idle`."""
        return {"n_rows": int(self.n_rows)}

    def take(self, numbers, idle):
        """Know what other counts have known."""
        self.n_rows, self.idle[:] = numbers["n_rows"], idle

    def only(self, chosen):
        """Counts of some of the units."""
        other = DeadUnits(np.count_nonzero(chosen))
        other.idle[:], other.n_rows = self.idle[chosen], self.n_rows
        return other

    def count(self, fired, n_rows):
        """Note a step."""
        self.idle += n_rows
        self.idle[fired] = 0
        self.n_rows += n_rows

    def share(self, n_rows):
        """Share of the units that have not fired in the last `n_rows` rows, or in all rows if these are fewer.

        Before the first row it is zero: nothing is known of any unit.
        """
        if not self.n_rows:
            return 0.0
        return float((self.idle >= min(n_rows, self.n_rows)).mean())

    def mask(self, epoch_rows):
        """Which units are dead, in epochs of `epoch_rows` rows."""
        return self.idle >= max(DEAD_EPOCHS * epoch_rows, DEAD_ROWS)


class Auxiliary(BaseSparsity):
    r"""A second rule beside another one: dead units learn to reconstruct what the living leave over.

    Of the dead units the k with the largest pre-activations in each row (absolute ones, where the code is signed)
    reconstruct the residual e, without the decoder's bias: :math:`w \min(n_{dead} / k, 1) \sum \|\hat e - e\|^2 / \sum
    \|e - \bar e\|^2` is added to the loss.
    The residual takes no gradient; encoder and decoder of the dead units do.

    Parameters
    ----------
    k : int
        Number of dead units a row.
    weight : float, default=1/32
        Weight w of the loss.
    signed : bool, default=False
        Whether absolute pre-activations count.

    References
    ----------
    Gao et al., *Scaling and evaluating sparse autoencoders*, 2024, appendix A.2.
    """

    scope = "row"

    def __init__(self, k, weight=1 / 32, signed=False):
        self.k, self.weight, self.signed = k, weight, signed

    @recordable
    def encode(self, a, p, step):
        """Select among the dead units; the pre-activations of the others are NaN, see `mask_living`."""
        code = select_largest(a, self.k, step, self.signed)
        code.decoding = Decoding([(a.shape[1], self.weight)], target="residual")
        return [code]

    def share(self, dead):
        """Part of the weight that counts in a step: all of it if there are `k` dead units."""
        return min(np.count_nonzero(dead) / self.k, 1.0)


def auxiliary_rule(network):
    """Return the second rule by which dead units learn from the residual."""
    kind = network.architecture
    k = max(1, min(AUXILIARY_UNITS, kind.n_units, kind.decoder_sizes[-2] // 2))
    return Auxiliary(k, signed=network.rule.signed)


def resample(network, optimizer, rows, dead, random_state):
    """Restart dead units, all but what the network's restraint fixes of them; see `_resample`."""
    if network.restraint is None:
        _resample(network, optimizer, rows, dead, random_state)
    else:
        change = partial(_resample, network, optimizer, rows, dead, random_state)
        network.restraint.keep(network.parameters.theta, change)


def _resample(network, optimizer, rows, dead, random_state):
    """Restart dead units on rows that are badly reconstructed.

    Rows are drawn with probability proportional to the square of their loss. The decoder row becomes the row's
    direction, the encoder row the same at a fifth of the mean norm of the living, the bias zero, and the optimizer
    forgets what it knew of the unit (Bricken et al., *Towards Monosemanticity*, 2023, appendix).
    """
    units = np.flatnonzero(dead)
    if not units.size:
        return
    weights = squared_errors(network, rows) ** 2
    chance = weights / weights.sum() if weights.sum() > 0 else None
    n_drawn = min(len(units), len(rows) if chance is None else np.count_nonzero(chance))
    drawn = random_state.choice(len(rows), n_drawn, replace=False, p=chance)
    units, p = units[:n_drawn], network.parameters
    x = np.empty((n_drawn, network.architecture.n_features), network.dtype)
    network.scaling.load(rows, drawn, x)
    x = unit_rows(x)
    alive = np.linalg.norm(p.units.encoder[~dead], axis=1)
    p.units.decoder[units] = x
    p.units.encoder[units] = x * (RESAMPLED_NORM * alive.mean() if alive.size else 1.0)
    p.units.encoder_bias[units] = 0
    names = ["encoder", "encoder_bias", "decoder"]
    if network.architecture.batch_norm:
        # the size of the pre-activations is the gain's, whatever the norm of the encoder's row
        names.append("norm_gain")
        gain = np.abs(p.units.norm_gain[~dead])
        p.units.norm_gain[units] = RESAMPLED_NORM * gain.mean() if alive.size else 1.0
    for name in names:
        start, width = p.start[p.unit_names[name]], getattr(p.units, name)[0].size
        for unit in units:
            optimizer.forget(start + unit * width, start + (unit + 1) * width)
