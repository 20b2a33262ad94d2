"""All parameters of a network in one flat vector, with named views.

Every weight matrix is stored (inner, outer): a row belongs to the unit nearer the code, so the weights of a unit are
contiguous. Layers stand in pairs, the encoder's and the decoder's of one depth, outermost first, the matrices of a pair
before its vectors; the code's own pair also holds the rule's parameters. A tied pair has one matrix under two names.
The linear path past the code, if there is one, stands before them: ``skip.weight``, with the input on its first axis.
"""

from itertools import pairwise
from math import prod
from types import SimpleNamespace

from .._kernels.memory import empty, zeros
from . import batch_norm


class Units(SimpleNamespace):
    """Per-unit arrays by name, unit on axis 0: `encoder`, `encoder_bias`, `decoder` and the rule's own."""

    def block(self, lo, hi):
        """The units ``lo..hi`` of each array, as views."""
        return Units(**{name: array[lo:hi] for name, array in vars(self).items()})


class Parameters:
    """Views on `theta` by name: ``enc0.weight`` is the layer next to the data, the last one feeds the code.

    Parameters
    ----------
    architecture : Architecture
    own : dict of str to float
        Initial values of the rule's per-unit parameters.
    further : dict of str to tuple of int
        Names and shapes of arrays that a network of another kind has besides; they stand before all others.

    Attributes
    ----------
    theta : ndarray
        All numbers.
    start : dict of str to int
        Where each array begins in `theta`.
    views : dict of str to ndarray
        The arrays by name.
    units : Units
        The per-unit arrays of the code, by the names that rules know.
    unit_names : dict of str to str
        For each of these names, that in `views`.
    """

    def __init__(self, architecture, own, further=()):
        self.architecture, self.own, self.further = architecture, dict(own), dict(further)
        size = sum(_size(shape) for shape in self.shapes().values())
        self.theta = zeros(size, architecture.dtype)
        self._name()

    def shapes(self):
        """Shape of each array by name, in the order of the flat vector."""
        shapes, kind = dict(self.further), self.architecture
        if kind.skip:
            shapes["skip.weight"] = (kind.n_features, kind.n_features)
        encoder, decoder = list(pairwise(kind.encoder_sizes)), list(pairwise(kind.decoder_sizes))
        for i in range(max(len(encoder), len(decoder))):
            # the matrices first: then they begin on lines of the cache, if they are not of odd sizes
            for side, layers in ("enc", encoder), ("dec", decoder):
                if i < len(layers) and not (kind.tied and side == "dec"):
                    shapes[f"{side}{i}.weight"] = layers[i][::-1]
            if i < len(encoder):
                inner = encoder[i][1]
                shapes[f"enc{i}.bias"] = (inner,)
                shapes.update({f"enc{i}.{name}": (inner,) for name in self.norm_arrays})
                if i == len(encoder) - 1:
                    shapes.update({f"rule.{name}": (inner,) for name in self.own})
            if i < len(decoder):
                shapes[f"dec{i}.bias"] = (decoder[i][0],)
        return shapes

    def _name(self):
        self.start, self.views, position = {}, {}, 0
        for name, shape in self.shapes().items():
            size = _size(shape)
            self.start[name] = position
            self.views[name] = self.theta[position : position + size].reshape(shape)
            position += size
        kind = self.architecture
        if kind.tied:
            for i in range(kind.encoder_depth):
                self.start[f"dec{i}.weight"] = self.start[f"enc{i}.weight"]
                self.views[f"dec{i}.weight"] = self.views[f"enc{i}.weight"]
        self.unit_names = self._unit_names()
        self.units = Units(**{short: self.views[name] for short, name in self.unit_names.items()})

    def _unit_names(self):
        last = self.architecture.encoder_depth - 1
        return {
            "encoder": f"enc{last}.weight",
            "encoder_bias": f"enc{last}.bias",
            "decoder": f"dec{self.architecture.decoder_depth - 1}.weight",
            **{name: f"enc{last}.{name}" for name in self.norm_arrays},
            **{name: f"rule.{name}" for name in self.own},
        }

    @property
    def norm_arrays(self):
        """Names of the arrays of batch normalisation that each layer of the encoder has."""
        return tuple(batch_norm.ARRAYS) if self.architecture.batch_norm else ()

    @property
    def matrix_names(self):
        """Names of the arrays of weights; of a tied pair the encoder's."""
        return [name for name, shape in self.shapes().items() if len(shape) == 2]

    @property
    def decoder_names(self):
        """Names of the arrays of the decoder's weights, outermost first."""
        return [f"dec{i}.weight" for i in range(self.architecture.decoder_depth)]

    def part(self, vector, name):
        """The part of a vector aligned with `theta` that belongs to an array, as a view in its shape."""
        start, array = self.start[name], self[name]
        return vector[start : start + array.size].reshape(array.shape)

    @property
    def of_rule(self):
        """Where the rule's own parameters stand in `theta`: side by side."""
        starts = [self.start[f"rule.{name}"] for name in self.own]
        return slice(min(starts), max(starts) + self.architecture.n_units) if starts else slice(0)

    @property
    def nbytes(self):
        """Bytes in memory."""
        return self.theta.nbytes

    def __getitem__(self, name):
        return self.views[name]

    def copy(self):
        """Parameters of the same shapes with numbers of their own, writable even if these lie in a memory map."""
        other = Parameters.__new__(Parameters)
        theta = empty(self.theta.shape, self.theta.dtype)
        theta[:] = self.theta
        other.__setstate__({**self.__getstate__(), "theta": theta})
        return other

    def __getstate__(self):
        """Only what the views are made from."""
        return {name: getattr(self, name) for name in ("architecture", "own", "further", "theta")}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._name()


def _size(shape):
    """Number of entries, as an int whatever integers the shape consists of."""
    return prod(map(int, shape))
