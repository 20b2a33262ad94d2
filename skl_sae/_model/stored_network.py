"""A network for inference alone, whose weights are kept sparse, or in few bits."""

import zlib

import numpy as np
from scipy import sparse

from . import batch_norm
from .activations import ACTIVATIONS
from .network import Network
from .parameters import Parameters, Units
from .restraint import Restraint
from .stored_matrix import StoredMatrix


class StoredParameters(Parameters):
    """Parameters whose matrices are `StoredMatrix`; there is no flat vector.

    Parameters
    ----------
    parameters : Parameters
    matrices : dict of str to StoredMatrix
        By name; of a tied pair the encoder's.

    Attributes
    ----------
    matrices : dict of str to StoredMatrix
    vectors : dict of str to ndarray
    """

    def __init__(self, parameters, matrices):
        self.architecture, self.own, self.further = parameters.architecture, parameters.own, parameters.further
        vectors = [name for name, shape in parameters.shapes().items() if len(shape) == 1]
        self.matrices, self.vectors = matrices, {name: parameters[name].copy() for name in vectors}
        self._name()

    def _name(self):
        self.views = {name: (self.matrices | self.vectors)[name] for name in self.shapes()}
        if self.architecture.tied:
            for i in range(self.architecture.encoder_depth):
                self.views[f"dec{i}.weight"] = self.views[f"enc{i}.weight"]
        self.unit_names = self._unit_names()
        self.units = Units(**{short: self.views[name] for short, name in self.unit_names.items()})

    @property
    def nbytes(self):
        """Bytes in memory."""
        return sum(array.nbytes for array in [*self.matrices.values(), *self.vectors.values()])

    def copy(self):
        """The same, as nothing here is ever written to."""
        return self

    def to_dense(self):
        """Parameters with these numbers, in arrays."""
        dense = Parameters(self.architecture, self.own, self.further)
        for name in self.shapes():
            dense[name][:] = self.matrices[name].to_dense() if name in self.matrices else self.vectors[name]
        return dense

    def __getstate__(self):
        names = "architecture", "own", "further", "matrices", "vectors"
        return {name: getattr(self, name) for name in names}


class StoredNetwork(Network):
    """A network that encodes and decodes as another one does, and is not trained.

    Parameters
    ----------
    network : Network
    bits : {16, 8}, optional
        Bits of a weight; those of its type by default.
    sparsely : bool
        Whether weights that are zero are left out, but for those that training may change where others are fixed.

    Attributes
    ----------
    masked : bool
        Whether training left some entries as they were: of sparse weights those that are left out.
    held : bytes or None
        The other ones of these entries, as compressed bits.
    """

    def __init__(self, network, bits=None, sparsely=True):
        vars(self).update(vars(network.copy()))
        p, fixed = network.parameters, network.restraint and network.restraint.fixed
        self.masked, self.restraint, self.held, matrices = fixed is not None, None, None, {}
        for name in p.matrix_names:
            matrices[name] = matrix = StoredMatrix.of(p[name], bits)
            if sparsely:
                mask = p.part(fixed, name) if self.masked else True
                matrices[name] = matrix.kept((p[name] != 0) | ~np.asarray(mask))
        self.parameters = StoredParameters(p, matrices)
        if self.masked:
            held = fixed ^ self._left_out(p)
            self.held = zlib.compress(np.packbits(held)) if held.any() else None

    def _left_out(self, parameters):
        """Which of the numbers of a flat vector of parameters sparse weights do not have."""
        out = np.zeros(parameters.theta.size, bool)
        for name, matrix in self.parameters.matrices.items():
            parameters.part(out, name)[...] = ~matrix.support()
        return out

    @property
    def sparse(self):
        """Whether the weights are kept as CSR."""
        return any(matrix.sparse for matrix in self.parameters.matrices.values())

    @property
    def bits(self):
        """Bits of a weight, where they are fewer than those of its type."""
        return next(iter(self.parameters.matrices.values())).bits

    def sparsely(self):
        """The same numbers, without those that are zero."""
        return self if self.sparse else StoredNetwork(self.opened(), self.bits)

    def assert_trains(self, how):
        """Raise: nothing can be learned here."""
        raise ValueError(
            f"{how} goes on from dense weights in full precision; got weights that are kept sparse or in few bits. "
            "Call densify() first; or start anew with fit and warm_start=False."
        )

    def opened(self):
        """A network that can be trained, with the same numbers."""
        network = Network.__new__(Network)
        kept = {name: value for name, value in vars(self.copy()).items() if name not in ("masked", "held")}
        vars(network).update(kept)
        network.parameters = p = self.parameters.to_dense()
        if self.masked:
            fixed = self._left_out(p)
            if self.held is not None:
                fixed |= np.unpackbits(np.frombuffer(zlib.decompress(self.held), np.uint8), count=fixed.size) > 0
            network.restraint = Restraint(fixed)
        return network

    # the parameters on the scale of the data

    def coefs(self):
        """As of the dense network; in CSR those that are kept so."""
        p, kind = self.parameters, self.architecture
        kept = [p[f"enc{i}.weight"] for i in range(kind.encoder_depth)]
        kept += [p[f"dec{i}.weight"] for i in reversed(range(kind.decoder_depth))]
        dense = self.opened().coefs()
        return [sparse.csr_array(each) if matrix.sparse else each for matrix, each in zip(kept, dense, strict=True)]

    def intercepts(self):
        """As of the dense network."""
        return self.opened().intercepts()

    def skip_coef(self):
        """As of the dense network."""
        return self.opened().skip_coef()

    # inference

    def encoder(self):
        """Weights and bias of each encoder layer, with batch normalisation folded in."""
        p, layers = self.parameters, []
        for i in range(self.architecture.encoder_depth):
            weight, bias = p[f"enc{i}.weight"], p[f"enc{i}.bias"]
            if self.architecture.batch_norm:
                factor = batch_norm.factor(p[f"enc{i}.norm_gain"], p[f"enc{i}.norm_variance"])
                weight, bias = weight.multiplied(factor), bias - factor * p[f"enc{i}.norm_mean"]
            layers.append((weight, bias))
        return layers

    def project(self, x, weight, bias):
        """``x @ weight.T + bias``."""
        return weight.multiply_t(x, bias)

    def decode(self, code):
        """Reconstruction of a tile of codes as `transform` gives them: an array or CSR."""
        return super().decode(code.toarray() if sparse.issparse(code) else code)

    def decode_units(self, code):
        """The decoded code, without bias."""
        decoder = self.parameters.units.decoder
        u = np.zeros((len(code.values), decoder.shape[1]), self.dtype)
        decoder.decode(code, u)
        return u

    def decode_hidden(self, u):
        """From the first decoder layer's output `u`, which is overwritten, to the output layer's pre-activations."""
        for i in range(self.architecture.decoder_depth - 1, 0, -1):
            ACTIVATIONS[self.architecture.hidden_activation].forward(u)
            bias = self.parameters[f"dec{i - 1}.bias"]
            below = np.array(np.broadcast_to(bias, (len(u), bias.size)), order="C")
            self.parameters[f"dec{i - 1}.weight"].add_multiple(u, below)
            u = below
        return u

    def add_skip(self, x, u):
        """Add what the path past the code makes of the inputs `x`."""
        self.parameters["skip.weight"].add_multiple(x, u)
