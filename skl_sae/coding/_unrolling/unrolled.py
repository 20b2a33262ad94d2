r"""Unrolled networks: iterations of a pursuit as layers, whose numbers are learned.

A layer makes a code z of the input x and of the code of the layer before, which is zero before the first one:

========  ==============================================  =========================================
coupled   :math:`\eta(z - (z B - x) W_t^\top)`              Chen et al. 2018; B is the dictionary
lista     :math:`\eta(z S + x W^\top)`                      Gregor & LeCun 2010; S and W are shared
step      :math:`\eta(z - \gamma_t (z W - x) W^\top)`       W is the dictionary; a step size a layer
========  ==============================================  =========================================

with :math:`\eta` a shrinkage by thresholds of each layer and unit. The last layer is the code's layer of the network:
its weights are the encoder's, and in the place of the shrinkage a rule acts. Weights are stored (units, inputs).
"""

from typing import NamedTuple

import numpy as np

from ..._kernels.blas import single_threaded_blas
from ..._kernels.jit import row_of
from ..._kernels.kernel import add, kernel
from ..._kernels.products import REGISTER, multiply, multiply_t
from ..._kernels.reductions import all_finite
from ..._model.network import REMEDY, TOO_LARGE, Network
from .shrinkage import SoftThreshold, no_bound, shrink

# More units a layer are let pass unshrunk, as a share of all, up to a largest share.
KEPT_STEP = 0.012


class Unrolled(NamedTuple):
    """What kind of layers stand in front of the code's.

    Parameters
    ----------
    n_layers : int
        That of the code included.
    variant : {"coupled", "lista", "step"}
    positive : bool
        Whether the codes of the layers have no negative entries.
    kept : float
        Largest share of the units whose values a layer does not shrink.
    """

    n_layers: int = 1
    variant: str = "coupled"
    positive: bool = False
    kept: float = 0.0

    def share_kept(self, layer):
        """Share of the units that a layer, counted from 0, does not shrink."""
        return min(KEPT_STEP * (layer + 1), self.kept)


@kernel("T2", "T2!")
def fill_with_zeros(x, out):
    """Copy; what is missing becomes zero."""
    zero = x.dtype.type(0)
    for i in range(x.shape[0]):
        a, b = row_of(x, i), row_of(out, i)
        for c in range(a.size):
            b[c] = a[c] if a[c] == a[c] else zero


@kernel("T2", "T2!")
def subtract_from(x, u):
    """``u <- x - u``, and zero where x is missing."""
    zero = x.dtype.type(0)
    for i in range(x.shape[0]):
        a, b = row_of(x, i), row_of(u, i)
        for c in range(a.size):
            b[c] = a[c] - b[c] if a[c] == a[c] else zero


@kernel("T2", "T1", "T2!")
def scale_by(x, factor, out):
    """``out <- factor[0] * x``."""
    for i in range(x.shape[0]):
        a, b = row_of(x, i), row_of(out, i)
        for c in range(a.size):
            b[c] = factor[0] * a[c]


class Room(NamedTuple):
    """Arrays for a pass: of each layer its input, the same times its step size, its code, and bounds of `shrink`."""

    residuals: list
    inputs: list
    codes: list
    bounds: list

    def rows(self, lo, hi):
        """Rows ``lo..hi``, as views."""
        return Room(*([array[lo:hi] for array in arrays] for arrays in self))


class UnrolledNetwork(Network):
    """A network whose encoder is unrolled.

    Parameters
    ----------
    architecture : Architecture
        With one layer on each side.
    rule : BaseSparsity
    unrolled : Unrolled
    frozen : frozenset of str
        Names of parameters that training leaves as they are.
    """

    shaped_by = "n_components, recovery, n_layers, variant, target, positive"

    def __init__(self, architecture, rule, unrolled, frozen=frozenset()):
        self.unrolled, self.frozen = unrolled, frozen
        super().__init__(architecture, rule)
        self.unit_norm = self.unit_norm and "dec0.weight" not in frozen

    @property
    def stepped(self):
        """Whether layers have step sizes."""
        return self.unrolled.variant == "step" and self.unrolled.n_layers > 1

    def further(self):
        """Names and shapes of what the layers before the code's have."""
        (n_inputs, n_units), variant, n = self.architecture.encoder_sizes, self.unrolled.variant, self.unrolled.n_layers
        if n == 1:
            return {}
        weight = (n_units, n_inputs)
        shapes = {"coupled": {"unrolled.dictionary": weight}, "lista": {"unrolled.lateral": (n_units, n_units)}}
        shapes = dict(shapes.get(variant, {}))
        if variant == "coupled":
            shapes |= {f"unrolled{t}.weight": weight for t in range(n - 1)}
        if variant == "step":
            shapes |= {f"unrolled{t}.step": (1,) for t in range(n)}
        return shapes | {f"unrolled{t}.threshold": (n_units,) for t in range(n - 1)}

    def start(self, atoms, alpha):
        """Let the layers be steps of ISTA, from zero, for the LASSO with these atoms and the weight `alpha`.

        The step size is one over the Lipschitz constant of the gradient.
        """
        p, n = self.parameters, self.unrolled.n_layers
        with single_threaded_blas():
            step = 1 / (1.001 * max(np.linalg.norm(atoms.astype(np.float64), 2) ** 2, np.finfo(self.dtype).tiny))
            if self.unrolled.variant == "lista" and n > 1:
                p["unrolled.lateral"][:] = np.eye(len(atoms)) - step * (atoms @ atoms.T)
        p["enc0.weight"][:] = atoms if self.stepped else step * atoms
        p["enc0.bias"][:] = self.rule.initial_bias
        for name, view in p.views.items():
            if name == "unrolled.dictionary":
                view[:] = atoms
            elif name.startswith("unrolled") and not name.startswith("unrolled."):
                view[:] = {"weight": step * atoms, "step": step, "threshold": step * alpha}[name.partition(".")[2]]
        self.set_thresholds(step * alpha)

    def set_thresholds(self, threshold):
        """Let the code's layer have these thresholds, if it shrinks: by those of its rule, or by relu and intercept."""
        if isinstance(self.rule, SoftThreshold):
            self.parameters.units.threshold[:] = threshold
        elif self.rule.only_charges and self.architecture.activation == "relu":
            self.parameters["enc0.bias"][:] = -threshold

    @property
    def dictionary(self):
        """The atoms that the residual of a layer is taken with; None in the form that has no residual."""
        if self.unrolled.variant == "lista" or self.unrolled.n_layers == 1:
            return None
        return self.parameters["unrolled.dictionary" if self.unrolled.variant == "coupled" else "enc0.weight"]

    def weight(self, layer):
        """What a layer's input is multiplied with."""
        if self.unrolled.variant == "coupled" and layer < self.unrolled.n_layers - 1:
            return self.parameters[f"unrolled{layer}.weight"]
        return self.parameters["enc0.weight"]

    def forward(self, x, room, out):
        """Write the pre-activations of the code of some rows, in which NaN is missing. Calls kernels only."""
        p, kind = self.parameters, self.unrolled
        fill_with_zeros(x, room.residuals[0])
        for t in range(kind.n_layers):
            last = t == kind.n_layers - 1
            before, a = (room.codes[t - 1] if t else None), (out if last else room.codes[t])
            if t and self.dictionary is not None:
                multiply(before, self.dictionary, room.residuals[t])
                subtract_from(x, room.residuals[t])
            if self.stepped:
                scale_by(room.residuals[t], p[f"unrolled{t}.step"], room.inputs[t])
            multiply_t(room.inputs[t], self.weight(t), a, p["enc0.bias"] if last else None)
            if t and self.dictionary is not None:
                add(before, a)
            elif t:
                multiply(before, p["unrolled.lateral"], a, a)
            if not last:
                n_kept = int(kind.share_kept(t) * a.shape[1])
                shrink(a, p[f"unrolled{t}.threshold"], kind.positive, n_kept, room.bounds[t])
        return out

    def largest_pre_activations(self, norm):
        """A bound on the norm of the pre-activations of the code, for inputs of a norm up to this one."""
        size, p = 0.0, self.parameters
        for t in range(self.unrolled.n_layers):
            weight = np.linalg.norm(self.weight(t))
            if self.stepped:
                weight *= abs(float(p[f"unrolled{t}.step"][0]))
            if t and self.dictionary is None:
                growth = np.linalg.norm(p["unrolled.lateral"])
            else:
                growth = 1 + weight * np.linalg.norm(self.dictionary) if t else 0.0
            size = growth * size + weight * norm
        return size + np.linalg.norm(p["enc0.bias"])

    def room(self, allocate, n_rows):
        """Arrays for `forward`, each of its own; ``allocate(width)`` makes one of them."""
        (n_inputs, n_units), n = self.architecture.encoder_sizes, self.unrolled.n_layers
        residuals = [allocate(n_inputs)] * n if self.dictionary is None else [allocate(n_inputs) for _ in range(n)]
        inputs = [allocate(n_inputs) for _ in range(n)] if self.stepped else residuals
        bounds = [no_bound(n_rows, self.dtype) for _ in range(n - 1)]
        return Room(residuals, inputs, [allocate(n_units) for _ in range(n - 1)], bounds)

    def pre_activations(self, x, layers):
        """Pre-activations of the code's layer, of a tile of rows from `Scaling.inputs`.

        The products of BLAS depend on the rows beside a row: where it makes them, rows are encoded one by one.
        """
        a = np.empty((len(x), self.architecture.n_units), self.dtype)
        at_once = max(1, len(x)) if REGISTER else 1
        room = self._small_room(at_once)
        for lo in range(0, len(x), at_once):
            self.forward(x[lo : lo + at_once], room, a[lo : lo + at_once])
        if not all_finite(a):
            raise ValueError(f"{TOO_LARGE} the sums of the encoder are not finite in {self.dtype}. {REMEDY}")
        return a

    def _small_room(self, n_rows):
        """Arrays for `forward` where only the last code is wanted: layers take turns."""
        (n_inputs, n_units), n = self.architecture.encoder_sizes, self.unrolled.n_layers
        residual, scaled = (np.empty((n_rows, n_inputs), self.dtype) for _ in range(2))
        turns = [np.empty((n_rows, n_units), self.dtype) for _ in range(min(2, n - 1))]
        inputs = scaled if self.stepped else residual
        bounds = [no_bound(n_rows, self.dtype) for _ in range(n - 1)]
        return Room([residual] * n, [inputs] * n, [turns[t % 2] for t in range(n - 1)], bounds)
