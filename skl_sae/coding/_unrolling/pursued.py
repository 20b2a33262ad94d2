"""Networks whose encoder is a pursuit: codes are found with the decoder as it is, and teach it."""

from ..._kernels.kernel import recordable
from ..._model.codes import DenseCode
from ..._model.network import Network
from ..._training.encoder import EncoderPass
from ..._training.training import Training
from ...sparsity import BaseSparsity
from .._sparse_encode import sparse_encode


class AsFound(BaseSparsity):
    """The rule of a code that is sparse already. It takes no gradient, and its atoms have norm one."""

    scope = "row"
    unit_norm = True
    default_activation = "identity"
    dead_units = "resample"

    @recordable
    def encode(self, a, p, step):
        """Leave the code as it was found."""
        return [DenseCode(a, selects=True)]


class PursuedNetwork(Network):
    """A network that finds codes by `sparse_encode`, with the decoder's rows as atoms.

    The encoder has no weights of its own: the architecture is tied.

    Parameters
    ----------
    architecture : Architecture
    rule : BaseSparsity
    pursuit : dict
        Options of `sparse_encode`.
    frozen : frozenset of str
        Names of parameters that training leaves as they are.
    """

    shaped_by = "n_components, recovery"

    def __init__(self, architecture, rule, pursuit, frozen=frozenset()):
        self.pursuit, self.frozen = pursuit, frozen | {"enc0.bias"}
        super().__init__(architecture, rule)
        self.unit_norm = "enc0.weight" not in frozen

    def start(self, atoms, alpha):
        """Write the atoms; pursuits have no other numbers."""
        self.parameters.units.decoder[:] = atoms

    def has_bounded_codes(self):
        """A pursuit takes no atoms that depend on others, so its codes are of the size of the data."""
        return True

    def find(self, x):
        """Codes of rows, in which NaN is missing."""
        return sparse_encode(x, self.parameters.units.decoder, **self.pursuit)

    def pre_activations(self, x, layers):
        """The same of a tile of rows from `Scaling.inputs`."""
        return self.find(x)


class PursuedPass(EncoderPass):
    """The encoder of such a network, in the place of an `EncoderPass`: nothing to be learned in it."""

    def __init__(self, network, batch_size, dropout=0.0, window=None):
        super().__init__(network, batch_size, dropout, window)
        self.network = network

    def forward(self, batch, lo, hi, out):
        """Codes of rows ``lo..hi``, in `out`."""

        def find(x, out):
            out[:] = self.network.find(x)

        batch.plan.call(find, self.inputs[0][lo:hi], out)
        return out

    def correlate(self, batch, i, code, out, add=False):
        """Nothing: the code is what it is."""


class PursuedTraining(Training):
    """The training of such a network."""

    encoder_pass = PursuedPass
