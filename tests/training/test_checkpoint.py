"""A fit that was killed and is called again ends with the bits of one that was not."""

import os
import pickle
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.utils import check_random_state

import skl_sae
from skl_sae import SparseAutoencoder
from skl_sae._estimator import checkpoints
from skl_sae._training import order
from skl_sae._training.schedule import Schedule
from skl_sae._training.training import Training
from skl_sae.coding import SparseRecoveryAutoencoder
from skl_sae.sparsity import L1, BatchTopK, JumpReLU, Matryoshka

rng = np.random.default_rng(0)
X = rng.random((330, 6)) ** 3 @ rng.standard_normal((6, 10))
MISSING = np.where(rng.random(X.shape) < 0.2, np.nan, X)
NONNEGATIVE = abs(X) / abs(X).max()
CSR = sparse.csr_array(np.where(X > np.quantile(X, 0.8), X, 0))
WIDE = sparse.random_array((330, 400), density=0.004, format="csr", random_state=np.random.RandomState(0))
ALWAYS = timedelta(microseconds=1)
N_BATCHES = 6

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
    "positive": ({"positive_decoder": True, "sparsity": "l1", "hidden_layer_sizes": (9,)}, X),
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
    """Ends the process, as it were, after some steps: nothing of the library comes to know of it.

    The value is a function that tells how many steps there have been.
    """
    step = Training._step

    def choose(n):
        left = [n]

        def counted(self, *args):
            if left[0] == 0:
                raise Killed
            left[0] -= 1
            return step(self, *args)

        monkeypatch.setattr(Training, "_step", counted)
        return lambda: n - left[0]

    return choose


def fingerprint(sae):
    """All that a fit has learned, to the bit."""
    network, training = sae._network, sae._training
    scaling = {
        name: np.asarray(value).tolist() for name, value in vars(network.scaling).items() if name != "architecture"
    }
    numbers = [sae.loss_curve_, sae.auxiliary_loss_curve_, sae.validation_scores_, sae.pretrain_loss_curves_]
    numbers += [sae.n_iter_, sae.n_steps_, sae.dead_fraction_, scaling]
    numbers += [sae._dead_units.idle.tolist(), sae._dead_units.n_rows]
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


def assert_resumes(make, fit, folder, killed_after, every):
    """Kill it when it has taken so many steps in all, some of them again, and compare."""
    n_steps = killed_after(-1)
    whole = fit(make())
    expected, generator, n = fingerprint(whole), drawn(whole), n_steps()
    done = 0
    for at in (8, n - 3) if every == 1 else (3, 7, 7, 13, n - 4):
        killed_after(at - done)
        with pytest.raises(Killed):
            fit(make(), checkpoint=folder, every=every)
        done = at // N_BATCHES * N_BATCHES if every == 1 else at
    n_steps = killed_after(-1)
    resumed = fit(make(), checkpoint=folder, every=every)
    assert n_steps() == n - done
    assert fingerprint(resumed) == expected
    assert drawn(resumed) == generator
    n_steps = killed_after(-1)  # the same call again takes no step
    assert fingerprint(fit(make(), checkpoint=folder, every=every)) == expected
    assert n_steps() == 0


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

    assert_resumes(make, lambda sae, **how: sae.fit(data, **how), tmp_path, killed_after, every)


@pytest.mark.usefixtures("quick_disk")
def test_the_best_weights_so_far_are_kept(killed_after, monkeypatch, tmp_path):
    """They are those of the first epoch, before the end of the process."""
    norm = lambda network, *rows: lambda: -float(abs(network.parameters.theta).sum())
    monkeypatch.setattr("skl_sae._training.loop.validation_score", norm)
    make = lambda: SparseAutoencoder(**{**FEW, "max_iter": 9}, early_stopping=True, warm_start=True, n_iter_no_change=2)
    assert np.argmax(make().fit(X).validation_scores_) == 0
    assert_resumes(make, lambda sae, **how: sae.fit(X, **how), tmp_path, killed_after, ALWAYS)


@pytest.mark.usefixtures("quick_disk")
@pytest.mark.parametrize("every", [1, ALWAYS], ids=["epoch", "step"])
@pytest.mark.parametrize("data, block, window", [(X, 20, 4), (CSR, 20, 4), (X, 8, 3)], ids=["dense", "CSR", "small"])
def test_shuffled_blocks(data, block, window, every, killed_after, monkeypatch, tmp_path):
    """Several windows of several blocks; small ones are of less rows than a batch."""
    monkeypatch.setattr(order, "BLOCK_BYTES", 10 * 8 * block)
    monkeypatch.setattr(order, "WINDOW", window)
    make = lambda: SparseAutoencoder(**FEW, shuffle="blocks", warm_start=True)
    assert_resumes(make, lambda sae, **how: sae.fit(data, **how), tmp_path, killed_after, every)


@pytest.mark.usefixtures("quick_disk")
@pytest.mark.parametrize("at", [13, 14, 15])
def test_a_fit_that_diverges(at, killed_after, monkeypatch, tmp_path):
    """Whether it was killed or not, before or after it has begun to, the weights of the last good epoch are left."""
    rate = Schedule.at
    rates = lambda self, step: (rate(self, step)[0], rate(self, step)[1] * (1e30 if step >= 14 else 1))
    monkeypatch.setattr(Schedule, "at", rates)

    def fit(**how):
        sae = SparseAutoencoder(**FEW)
        with pytest.raises(ValueError, match=r"Training failed: .* after 1\d steps.* weights of epoch 2, the last"):
            sae.fit(X.astype(np.float32), **how)
        return fingerprint(sae)

    expected = fit()
    killed_after(at)
    with pytest.raises(Killed):
        SparseAutoencoder(**FEW).fit(X.astype(np.float32), checkpoint=tmp_path, every=ALWAYS)
    killed_after(-1)
    for _ in range(2):
        assert fit(checkpoint=tmp_path, every=ALWAYS) == expected


# in processes that are killed


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.parametrize(
    "n_kills, options",
    [
        (6, []),
        pytest.param(200, [], marks=pytest.mark.slow),
        pytest.param(12, ["--interpreters"], marks=pytest.mark.slow),
    ],
)
def test_a_process_that_is_killed_loses_nothing(n_kills, options, tmp_path):
    script = Path(__file__).parent / "killed_fits.py"
    environment = {**os.environ, "PYTHONPATH": str(Path(skl_sae.__file__).parents[1]), "NUMBA_NUM_THREADS": "1"}
    command = [sys.executable, str(script), str(tmp_path), str(n_kills), "0", *options]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0 and done.stdout.strip().endswith("well"), done.stdout + done.stderr


# other ways to call it


@pytest.mark.usefixtures("quick_disk")
@pytest.mark.parametrize("every", [1, ALWAYS], ids=["epoch", "step"])
def test_validation_data(every, killed_after, tmp_path):
    params = {**FEW, "early_stopping": True, "warm_start": True}
    make = lambda: SparseAutoencoder(**params)
    fit = lambda sae, **how: sae.fit(X, X_val=MISSING[:50], **how)
    assert_resumes(make, fit, tmp_path, killed_after, every)


@pytest.mark.usefixtures("quick_disk")
def test_a_warm_fit(killed_after, tmp_path):
    """The one before it must be there again, as a pickle or by the same calls."""
    start = pickle.dumps(SparseAutoencoder(**FEW, warm_start=True).fit(X[::-1]))
    make = lambda: pickle.loads(start)
    assert_resumes(make, lambda sae, **how: sae.fit(X, **how), tmp_path, killed_after, ALWAYS)
    other = SparseAutoencoder(**FEW, warm_start=True).fit(X[:90])
    with pytest.raises(ValueError, match="warm_start=True goes on from another model than then"):
        other.fit(X, checkpoint=tmp_path)


@pytest.mark.usefixtures("quick_disk")
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"variant": "lista", "pretrain": "layerwise", "pretrain_max_iter": 2},
        {"pretrain": "layerwise", "pretrain_max_iter": 2},
        {"pretrain": "layerwise_only", "pretrain_max_iter": 2, "variant": "step"},
        {"recovery": "omp", "n_nonzero_coefs": 2, "n_components": 30},
        {"target": "signals"},
    ],
    ids=repr,
)
def test_a_recovery_autoencoder(params, killed_after, tmp_path):
    params = {**FEW, "n_layers": 2, "warm_start": True, **params}
    fit = lambda sae, **how: sae.fit(X, abs(X), **how)
    assert_resumes(lambda: SparseRecoveryAutoencoder(**params), fit, tmp_path, killed_after, ALWAYS)


@pytest.mark.usefixtures("quick_disk")
def test_a_memory_map_that_is_read_only(killed_after, tmp_path):
    np.save(tmp_path / "X.npy", X.astype(np.float32))
    fit = lambda sae, **how: sae.fit(np.load(tmp_path / "X.npy", mmap_mode="r"), **how)
    make = lambda: SparseAutoencoder(**FEW, warm_start=True)
    assert_resumes(make, fit, tmp_path / "a" / "b", killed_after, ALWAYS)


@pytest.mark.usefixtures("quick_disk")
def test_without_a_seed_the_first_start_is_resumed(killed_after, tmp_path):
    """What NumPy's own generator gives afterwards is the same, too."""
    make = lambda: SparseAutoencoder(**{**FEW, "random_state": None}, early_stopping=True)
    generator = check_random_state(None)
    generator.seed(8)
    expected, following = make().fit(X), generator.random()
    for seed, n in (8, 9), (1, 3):
        generator.seed(seed)
        killed_after(n)
        with pytest.raises(Killed):
            make().fit(X, checkpoint=tmp_path, every=ALWAYS)
    generator.seed(2)
    killed_after(-1)
    assert_array_equal(make().fit(X, checkpoint=tmp_path).transform(X), expected.transform(X))
    assert generator.random() == following


@pytest.mark.parametrize("every", [1, ALWAYS], ids=["epoch", "step"])
def test_callbacks_hear_of_the_epochs_that_are_left(every, killed_after, tmp_path):
    pytest.importorskip("sklearn.callback", reason="callbacks came with scikit-learn 1.9")

    class Callback:
        def __init__(self, stop_after):
            self.left, self.told = stop_after, 0

        def setup(self, estimator, context): ...

        def teardown(self, estimator, context): ...

        def on_fit_task_begin(self, estimator, context): ...

        def on_fit_task_end(self, estimator, context):
            self.told += context.parent is not None
            self.left -= context.parent is not None
            return self.left == 0

    killed_after(8)
    with pytest.raises(Killed):
        SparseAutoencoder(**FEW).fit(X, checkpoint=tmp_path, every=every)
    killed_after(-1)
    callback = Callback(stop_after=2)
    sae = SparseAutoencoder(**FEW).set_callbacks(callback).fit(X, checkpoint=tmp_path, every=every)
    assert callback.told == 2 and sae.n_iter_ == 3
    again = SparseAutoencoder(**FEW).fit(X, checkpoint=tmp_path, every=every)
    assert again.n_iter_ == 3  # it was stopped, and stays so
