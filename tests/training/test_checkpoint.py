"""A fit that was killed and is called again ends with the bits of one that was not."""

from datetime import timedelta

import numpy as np
import pytest
from scipy import sparse

from skl_sae import SparseAutoencoder
from skl_sae._estimator import checkpoints
from skl_sae._training.training import Training
from skl_sae.sparsity import L1, BatchTopK, JumpReLU, Matryoshka

rng = np.random.default_rng(0)
X = rng.random((330, 6)) ** 3 @ rng.standard_normal((6, 10))
MISSING = np.where(rng.random(X.shape) < 0.2, np.nan, X)
NONNEGATIVE = abs(X) / abs(X).max()
CSR = sparse.csr_array(np.where(X > np.quantile(X, 0.8), X, 0))
WIDE = sparse.random_array((330, 400), density=0.004, format="csr", random_state=np.random.RandomState(0))
ALWAYS = timedelta(microseconds=1)

FEW = {"n_components": 14, "batch_size": 55, "max_iter": 4, "random_state": 3}
DEEP = {"hidden_layer_sizes": (12,), **FEW}
LAYERS = {**DEEP, "pretrain": "layerwise", "pretrain_max_iter": 2, "max_iter": 2}
CONFIGURATIONS = {
    **{
        name: ({"sparsity": name}, X)
        for name in ("topk", "abs_topk", "batch_topk", "lifetime_topk", "l1", "kl", "jumprelu", "gated", "matryoshka")
    },
    "none": ({"sparsity": None}, X),
    "targets": ({"sparsity": L1(target_l0=3)}, X),
    "nested": ({"sparsity": Matryoshka(BatchTopK(3))}, X),
    "jumprelu, sgd": ({"sparsity": JumpReLU(target_l0=3), "solver": "sgd"}, X),
    "float32": ({}, X.astype(np.float32)),
    "integers": ({}, (10 * X).astype(np.int16)),
    "Fortran": ({}, np.asfortranarray(X)),
    "CSR": ({}, CSR),
    "wide CSR": ({"learning_rate": "constant"}, WIDE),
    "missing": ({}, MISSING),
    "sgd": ({"solver": "sgd"}, X),
    "sgd, plain": ({"solver": "sgd", "momentum": 0.0, "nesterovs_momentum": False}, X),
    "masking": ({"corruption": "masking", "corruption_emphasis": 0.5}, X),
    "gaussian": ({"corruption": "gaussian", "sparsity": "l1"}, X),
    "dropout": ({**DEEP, "dropout": 0.3}, X),
    "batch norm": ({**DEEP, "batch_norm": True, "sparsity": "l1"}, X),
    "tied": ({**DEEP, "tied_weights": True, "weight_decay": 1e-3}, X),
    "skip": ({"skip": True, "corruption": "masking"}, X),
    "sigmoid": ({"loss": "binary_cross_entropy", "output_activation": "sigmoid"}, NONNEGATIVE),
    "in order": ({"shuffle": False}, X),
    "resample": ({"dead_units": "resample", "sparsity": "topk", "n_components": 60, "max_iter": 9}, X),
    "auxiliary": ({"dead_units": "auxiliary", "n_components": 60, "max_iter": 9}, X),
    "stops early": ({"early_stopping": True, "max_iter": 9, "n_iter_no_change": 1, "tol": 0.02}, X),
    "stops early, cosine": (
        {"early_stopping": True, "learning_rate": "cosine", "max_iter": 12, "n_iter_no_change": 1, "tol": 0.5},
        X,
    ),
    "stalls": ({"learning_rate": "constant", "max_iter": 9, "n_iter_no_change": 1, "tol": 0.5}, X),
    "layers": (LAYERS, X),
    "layers only": ({**LAYERS, "pretrain": "layerwise_only"}, X),
    "layers of a rule": ({**LAYERS, "sparsity": "l1", "corruption": "gaussian"}, X),
    "layers, normalised": ({**LAYERS, "batch_norm": True, "dropout": 0.2, "early_stopping": True}, X),
    "a RandomState": ({"random_state": np.random.RandomState(5)}, X),
    "another generator": ({"random_state": np.random.RandomState(np.random.PCG64(5))}, X),
}


class Killed(BaseException):
    """In the place of a signal that kills the process."""


@pytest.fixture
def killed_after(monkeypatch):
    """Ends the process, as it were, after some steps: nothing of the library comes to know of it."""
    step = Training._step

    def choose(n):
        left = [n]

        def counted(self, *args):
            if left[0] == 0:
                raise Killed
            left[0] -= 1
            return step(self, *args)

        monkeypatch.setattr(Training, "_step", counted)

    return choose


def fingerprint(sae):
    """All that a fit has learned, to the bit."""
    network, training = sae._network, sae._training
    scaling = {
        name: np.asarray(value).tolist() for name, value in vars(network.scaling).items() if name != "architecture"
    }
    numbers = [sae.loss_curve_, sae.auxiliary_loss_curve_, sae.validation_scores_, sae.pretrain_loss_curves_]
    numbers += [sae.n_iter_, sae.n_steps_, sae.dead_fraction_, scaling, sae._dead_units.idle.tolist()]
    if training is not None:
        moments, counters, densities = training.state()
        numbers += [{name: each.tobytes() for name, each in moments.items()}, counters[:2], densities, training.key]
        numbers += [training.n_earlier_steps, checkpoints._encoded(counters[3])]
    return network.parameters.theta.tobytes(), numbers


def copied(params):
    """Parameters with generators of their own."""
    params, generator = dict(params), params.get("random_state")
    if isinstance(generator, np.random.RandomState):
        params["random_state"] = np.random.RandomState(type(generator._bit_generator)(5))
    return params


def assert_resumes(make, fit, folder, killed_after, every, at):
    """Kill it after some steps, and again after some more, and compare."""
    whole = fit(make())
    expected, generator = fingerprint(whole), drawn(whole)
    for n in at:
        killed_after(n)
        with pytest.raises(Killed):
            fit(make(), checkpoint=folder, every=every)
    killed_after(-1)
    resumed = fit(make(), checkpoint=folder, every=every)
    assert fingerprint(resumed) == expected
    assert drawn(resumed) == generator
    killed_after(0)  # the same call again takes no step
    assert fingerprint(fit(make(), checkpoint=folder, every=every)) == expected
    killed_after(-1)


def drawn(sae):
    """What the caller's generator gives next."""
    return sae.random_state.randint(1 << 30) if isinstance(sae.random_state, np.random.RandomState) else None


@pytest.fixture
def quick_disk(monkeypatch):
    """Nothing waits for the disk."""
    monkeypatch.setattr("os.fsync", lambda handle: None)


@pytest.mark.usefixtures("quick_disk")
@pytest.mark.parametrize("every", [1, ALWAYS], ids=["epoch", "step"])
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_killed_fit_resumes_to_the_same_bits(name, every, killed_after, tmp_path):
    params, data = CONFIGURATIONS[name]

    def make():
        return SparseAutoencoder(**{**FEW, **copied(params), "warm_start": True})

    at = (8, 6) if every == 1 else (3, 4, 0, 6)
    assert_resumes(make, lambda sae, **how: sae.fit(data, **how), tmp_path, killed_after, every, at)
