"""How a sparse recovery autoencoder builds what is trained, in the place of the autoencoder's layers."""

import numpy as np

from ..._estimator.checks import check_corruption, differ
from ..._kernels.norms import unit_rows
from ..._model.architecture import Architecture
from ...sparsity import L1
from .code_target import CodePass
from .layerwise import pretrain_layers
from .pursued import AsFound, PursuedNetwork, PursuedTraining
from .recovery_start import atoms_of_codes, atoms_of_data, check_matrix, check_target, mean_norm
from .shrinkage import SoftThreshold
from .unrolled import Unrolled, UnrolledNetwork
from .unrolled_pass import UnrolledTraining

# Names of the parameters that hold the atoms, of the decoder and of the encoder.
ATOMS = {"dec0.weight", "unrolled.dictionary"}


class UnrolledCodeTraining(UnrolledTraining):
    """The training of an unrolled network by given codes; no unit is revived, because these say when it fires."""

    decoder_pass = CodePass

    def __init__(self, network, params, random_state):
        super().__init__(network, {**params, "dead_units": None}, random_state)
        self.params = params


class RecoveryBuildingMixin:
    """Networks, trainings and their start, for the parameters of a `SparseRecoveryAutoencoder`."""

    def _parameters(self):
        return {**super()._parameters(), **{name: getattr(self, name) for name in self.get_params(deep=False)}}

    @property
    def _unrolls(self):
        return self.recovery == "lista"

    @property
    def _is_plain(self):
        """Whether this is a `SparseAutoencoder` by another name."""
        plain = self._unrolls and self.n_layers == 1 and self.target is None
        return plain and self.dict_init is None and self.measurement_matrix is None

    @property
    def _is_centred(self):
        """Whether the mean is subtracted. Atoms that are given, and targets, are about the data as it is."""
        if self.center != "auto":
            return self.center
        return self.dict_init is None and self.measurement_matrix is None and self.target is None

    def _check_combination(self):
        """Raise where parameters contradict one another."""
        apart, pursued = self.target is not None or self.measurement_matrix is not None, not self._unrolls
        both, pursuit = "target and measurement_matrix", f"recovery={self.recovery!r}"
        reasons = [
            (apart and self.center is True, "center=True", both, "'auto'"),
            (apart and self.scale == "features", "scale='features'", both, "'auto'"),
            (
                self.target == "signals" and self.measurement_matrix is not None and self.corruption_emphasis > 0,
                f"corruption_emphasis={self.corruption_emphasis}",
                "target='signals' and a measurement_matrix",
                "0",
            ),
            (apart and self.early_stopping, "early_stopping=True", both, "False"),
            (apart and self.dead_units == "resample", "dead_units='resample'", both, "'auto'"),
            (self.recovery in ("lasso", "fista") and self.alpha == 0, "alpha=0", pursuit, "more, or recovery='omp'"),
            (pursued and self.sparsity is not None, f"sparsity={self.sparsity!r}", pursuit, "None"),
            (pursued and self.target is not None, f"target={self.target!r}", pursuit, "None"),
            (self.pretrain and pursued, f"pretrain={self.pretrain!r}", pursuit, "None"),
            (self.pretrain and self.n_layers == 1, f"pretrain={self.pretrain!r}", "n_layers=1", "None"),
            (pursued and self.dead_units == "auxiliary", "dead_units='auxiliary'", pursuit, "'auto'"),
            (self.target == "codes" and bool(self.corruption), "corruption", "target='codes'", "None"),
        ]
        for contradicts, got, with_what, expected in reasons:
            if contradicts:
                raise ValueError(f"{got} has no meaning with {with_what}: expected {expected}.")

    def _with_target(self, rows, y):
        """Rows with the signals or codes that they are to be turned into."""
        self._check_combination()
        if self.target is not None:
            A = check_matrix("measurement_matrix", self.measurement_matrix, rows.dtype, n_rows=rows.shape[1])
            signals = rows.shape[1] if A is None else A.shape[1]
            rows.target = check_target(self.target, y, rows, self.n_components if self.target == "codes" else signals)
        return rows

    def _kind_of_scale(self, architecture, choose):
        """Features have no units of their own where atoms, measurements or targets are given."""
        given = self.dict_init is not None or self.measurement_matrix is not None or self.target is not None
        kind = super()._kind_of_scale(architecture, choose)
        return "total" if given and kind == "features" and self.scale == "auto" else kind

    def _build(self, seen, rows, random_state, going_on=None, moments=None):
        """The same; a fit that goes on keeps the atoms and measurements that its dictionary belongs to."""
        if going_on:
            kept = ["measurement_matrix", "dict_init"]
            for name in kept if self.measurement_matrix is None else [*kept, "target"]:
                if differ({name: getattr(self, name)}, self._params):
                    raise ValueError(
                        f"{going_on} goes on from a fit with another {name}, to which its dictionary belongs: expected "
                        f"{name} as it was, or start anew: fit with warm_start=False."
                    )
        return super()._build(seen, rows, random_state, going_on, moments)

    def _design(self, n_features, dtype):
        """The architecture of the network, and its rule."""
        check_corruption(self.corruption, self.corruption_level, self.corruption_emphasis)
        A = check_matrix("measurement_matrix", self.measurement_matrix, dtype, n_rows=n_features)
        outputs = A.shape[1] if self.target == "signals" and A is not None else n_features
        if not self._unrolls:
            rule = AsFound()
        elif self.sparsity is not None:
            rule = self._new_rule("sparsity")
        else:
            rule = self._shrinkage(self.n_layers, self.positive)
        architecture = Architecture(
            encoder_sizes=(n_features, self.n_components),
            decoder_sizes=(outputs, self.n_components),
            activation=rule.default_activation,
            tied=not self._unrolls,
            dtype=dtype,
        )
        return architecture, rule

    def _shrinkage(self, n_layers, positive):
        """The rule that stands for the shrinkage of the last of some layers."""
        # half the squared error and alpha, as in the LASSO, are half of the objective
        alpha = 0.0 if self.target == "codes" else 2 * self.alpha
        kept = Unrolled(kept=self.unshrunk).share_kept(n_layers - 1)
        return L1(alpha) if positive else SoftThreshold(alpha, kept=kept)

    def _new_network(self, rows):
        architecture, rule = self._design(rows.shape[1], rows.dtype)
        frozen = set() if self._is_centred else {"dec0.bias"}
        if self.target == "codes":
            frozen |= {"dec0.weight"}
        if not self.learn_dictionary:
            frozen |= ATOMS if self.variant != "step" and self._unrolls else {*ATOMS, "enc0.weight"}
        if not self._unrolls:
            options = {"algorithm": self.recovery, "positive": self.positive}
            options |= {"n_nonzero_coefs": self.n_nonzero_coefs} if self.recovery == "omp" else {"alpha": self.alpha}
            return PursuedNetwork(architecture, rule, options, frozenset(frozen))
        if isinstance(rule, SoftThreshold):
            frozen |= {"enc0.bias"}  # as the layers before, which have none
        positive = architecture.activation != "identity"
        kind = Unrolled(self.n_layers, self.variant, positive, self.unshrunk)
        return UnrolledNetwork(architecture, rule, kind, frozenset(frozen))

    def _new_training(self, network, params, random_state):
        kind = PursuedTraining if not self._unrolls else UnrolledTraining
        if self.target == "codes":
            kind = UnrolledCodeTraining
        return kind(network, params, random_state)

    def _n_pretrained(self):
        return self.n_layers

    def _pretrain(self, training, rows, course):
        whole = training.network

        def new_stage(n_layers):
            kind = whole.unrolled._replace(n_layers=n_layers)
            rule = self._shrinkage(n_layers, kind.positive)
            architecture = whole.architecture._replace(activation=rule.default_activation)
            return UnrolledNetwork(architecture, rule, kind, whole.frozen)

        makers = new_stage, self._new_training
        return pretrain_layers(whole, rows, training.params, training.random_state, course, *makers)

    def _start(self, network, rows, random_state):
        """Write the first parameters: one layer as an autoencoder's, several as those of ISTA."""
        scaling, kind = network.scaling, network.architecture
        if not self._is_centred:
            scaling.offset = np.zeros_like(scaling.offset)
        scaling.codes_like_data = True
        if self._is_plain:
            super()._start(network, rows, random_state)
            return
        scaling.reads_sparse = False
        matrix = check_matrix("measurement_matrix", self.measurement_matrix, network.dtype)
        n_signal = kind.n_features if matrix is None else matrix.shape[1]
        given = check_matrix("dict_init", self.dict_init, network.dtype, self.n_components, n_signal)
        of_signals = given is not None or (self.target == "signals" and matrix is not None)
        if given is not None:
            atoms = given
        elif self.target == "codes":
            atoms = atoms_of_codes(rows)
        else:
            atoms = atoms_of_data(network, rows, of_signals, random_state)
        decodes_signals = matrix is None or self.target == "signals"
        if network.unit_norm and decodes_signals:
            atoms = unit_rows(atoms)
        measured = np.ascontiguousarray(atoms @ matrix.T) if of_signals and matrix is not None else atoms
        if scaling.scaled and (gain := mean_norm(measured)) > 0:
            scaling.gain, measured = gain, (measured / gain).astype(network.dtype)
        if decodes_signals and matrix is not None:  # atoms of signals, which are as large as the codes
            scaling.output_gain = scaling.gain
        else:
            atoms = measured
        network.parameters.units.decoder[:] = atoms
        network.start(measured, self.alpha)
        scaling.keeps_missing = True
