"""What training must leave as it is, and what it pulls back to where it was."""

import numpy as np

from .._kernels.jit import row_of
from .._kernels.kernel import kernel


class Restraint:
    r"""Bounds on what training does to the parameters of a network.

    Entries that are `fixed` stay to the bit: pruned weights, or units that are taken over from another network. Entries
    with an `anchor` are pulled to it by :math:`\tfrac12 \text{strength} \sum (\theta - \text{anchor})^2`, which is
    added to the loss (L2-SP; Li, Grandvalet & Davoine, *Explicit inductive bias for transfer learning*, ICML 2018,
    section 3). All arrays are aligned with the flat vector of parameters, and never written to.

    Parameters
    ----------
    fixed : ndarray of bool of shape (n_parameters,), optional
    anchor : ndarray of shape (n_parameters,), optional
        NaN where nothing pulls.
    strength : float, default=0.0
    """

    def __init__(self, fixed=None, anchor=None, strength=0.0):
        self.fixed, self.strength, self.anchor = fixed, float(strength), anchor if strength else None
        if self.anchor is not None and fixed is not None:
            self.anchor = np.where(fixed, np.nan, anchor)

    def of(self, dtype):
        """The same for parameters of this type."""
        return Restraint(self.fixed, None if self.anchor is None else self.anchor.astype(dtype), self.strength)

    def holds_numbers(self, theta):
        """Whether a fixed entry is anything but zero."""
        return self.fixed is not None and bool(theta[self.fixed].any())

    def keep(self, theta, change, part=slice(None)):
        """Let a function change parameters of a part of the vector, but for those that are fixed."""
        if self.fixed is None:
            change()
            return
        theta, fixed = theta[part], self.fixed[part]
        before = theta[fixed]
        change()
        theta[fixed] = before

    def apply(self, theta, start, gradient, costs):
        """Turn the gradient of the slice that begins at `start` into that of what may move, and what it is pulled by.

        Recorded. `costs` gives a new array of one number for the pull's part of the loss.
        """
        at = slice(start, start + gradient.size)
        if self.anchor is not None:
            strength = np.array([self.strength])
            _pull(*(array[at].reshape(gradient.shape) for array in (theta, self.anchor)), gradient, strength, costs())
        if self.fixed is not None and self.fixed[at].any():
            _stop(self.fixed[at].reshape(gradient.shape), gradient)

    def free_rows(self, start, rows):
        """Ranges of the rows of a matrix, that begins at `start` in the vector, that are not fixed as a whole."""
        if self.fixed is None:
            return [(0, len(rows))]
        free = ~self.fixed[start : start + rows.size].reshape(rows.shape).all(axis=1)
        edges = np.flatnonzero(np.diff(free, prepend=False, append=False))
        return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


@kernel("T2", "T2", "T2!", "d1", "d1!")
def _pull(theta, anchor, gradient, strength, value):
    s, total = theta.dtype.type(strength[0]), 0.0
    for i in range(gradient.shape[0]):
        p, a, g = row_of(theta, i), row_of(anchor, i), row_of(gradient, i)
        for j in range(g.size):
            if not np.isnan(a[j]):
                away = p[j] - a[j]
                g[j] += s * away
                total += np.float64(away) * np.float64(away)
    value[0] = 0.5 * strength[0] * total


@kernel("b2", "T2!")
def _stop(fixed, gradient):
    for i in range(gradient.shape[0]):
        held, g = row_of(fixed, i), row_of(gradient, i)
        for j in range(g.size):
            if held[j]:
                g[j] = 0
