"""Ctrl-C during `fit` leaves a usable model of the last finished step; elsewhere, the model that was there before."""

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import skl_sae
from skl_sae import SparseAutoencoder
from skl_sae._estimator.fitting import FittingMixin
from skl_sae._training import loop
from skl_sae._training.training import Training
from skl_sae.coding import SparseRecoveryAutoencoder
from skl_sae.sparsity import L1, BatchTopK, JumpReLU

pytestmark = [
    pytest.mark.usefixtures("interruptible"),
    pytest.mark.skipif(os.name == "nt", reason="signals are sent as on POSIX"),
]

rng = np.random.default_rng(0)
X = rng.random((300, 5)) ** 3 @ rng.standard_normal((5, 9))
FEW = {"n_components": 12, "batch_size": 60, "max_iter": 4, "random_state": 0}
N_STEPS = 5
LAYERS = {**FEW, "hidden_layer_sizes": (10, 11), "pretrain": "layerwise", "pretrain_max_iter": 2}


def press():
    """Ctrl-C, which Python has seen when this returns."""
    os.kill(os.getpid(), signal.SIGINT)
    for _ in range(100):
        time.sleep(0)


@pytest.fixture
def pressed_in(monkeypatch):
    """Ctrl-C in steps of these numbers, counted over all layers; the parameters after each step are noted."""
    step = Training._step

    def choose(*numbers):
        seen = []

        def with_an_interrupt(self, *args):
            losses = step(self, *args)
            seen.append(self.network.parameters.theta.copy())
            if len(seen) - 1 in numbers:
                press()
            return losses

        monkeypatch.setattr(Training, "_step", with_an_interrupt)
        return seen

    return choose


def interrupted(sae, *args, match="Training interrupted by user", **how):
    with pytest.warns(UserWarning, match=match):
        return sae.fit(*args, **how)


@pytest.mark.parametrize("number", [0, 2, N_STEPS - 1, N_STEPS, 2 * N_STEPS + 1, 4 * N_STEPS - 1])
def test_the_weights_are_those_of_the_last_finished_step(number, pressed_in):
    seen, epoch = pressed_in(number), number // N_STEPS + 1
    sae = interrupted(
        SparseAutoencoder(**FEW), X, match=f"user in epoch {epoch}, after {number + 1} steps: .* last step"
    )
    assert len(seen) == number + 1 == sae.n_steps_
    assert_array_equal(sae._network.parameters.theta, seen[-1])
    assert sae.n_iter_ == len(sae.loss_curve_) == len(sae.auxiliary_loss_curve_) == epoch
    assert np.isfinite(sae.loss_curve_).all() and sae.loss_ == sae.loss_curve_[-1]
    assert np.isfinite(sae.score(X)) and sae.transform(X).shape == (300, 12)
    assert_array_equal(sae.partial_fit(X).components_, sae.components_)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_loss_of_an_epoch_that_was_cut_off_is_that_of_its_steps(pressed_in):
    pressed_in()
    whole = SparseAutoencoder(**FEW).fit(X)
    pressed_in(N_STEPS + 1)
    sae = interrupted(SparseAutoencoder(**FEW), X)
    assert sae.loss_curve_[0] == whole.loss_curve_[0]
    assert sae.loss_curve_[1] == pytest.approx(whole.loss_curve_[1], rel=0.3)


@pytest.mark.parametrize("rule", [BatchTopK(3), JumpReLU(target_l0=3), L1(target_l0=3), L1(0.01)], ids=repr)
def test_the_rule_is_calibrated(rule, pressed_in):
    pressed_in(3 * N_STEPS + 2)
    sae = interrupted(SparseAutoencoder(**{**FEW, "max_iter": 99}, sparsity=rule), X)
    if not hasattr(rule, "target_l0") or rule.target_l0 is not None:
        assert np.count_nonzero(sae.transform(X)) / len(X) == pytest.approx(3, rel=0.5)
    assert np.isfinite(sae.score(X))


def test_early_stopping_keeps_the_best_epoch_so_far(pressed_in):
    seen = pressed_in(3 * N_STEPS + 1)
    sae = SparseAutoencoder(**{**FEW, "max_iter": 50}, early_stopping=True)
    interrupted(sae, X, X_val=X[:60], match="weights of epoch [1-3], the one with the best score")
    best = int(np.argmax(sae.validation_scores_))
    assert len(sae.validation_scores_) == 3 and len(sae.loss_curve_) == 4
    assert sae.score(X[:60]) == sae.validation_scores_[best]
    assert_array_equal(sae._network.parameters.theta, seen[(best + 1) * N_STEPS - 1])


def test_early_stopping_without_an_epoch_keeps_the_last_step(pressed_in):
    seen = pressed_in(2)
    sae = interrupted(SparseAutoencoder(**FEW, early_stopping=True), X, X_val=X[:60], match="weights of the last step")
    assert sae.validation_scores_ == []
    assert_array_equal(sae._network.parameters.theta, seen[-1])


SCRIPT = """
import sys, warnings
import numpy as np
from skl_sae import SparseAutoencoder

X = np.random.default_rng(0).normal(size=(2000, 60)).astype(np.float32)
SparseAutoencoder(n_components=128, max_iter=1).fit(X)
print("begun", flush=True)
with warnings.catch_warnings(record=True) as caught:
    sae = SparseAutoencoder(n_components=128, max_iter=10**6).fit(X)
assert any("Training interrupted by user" in str(each.message) for each in caught), caught
assert np.isfinite(sae.transform(X)).all() and 1 <= sae.n_iter_ < 10**6
print("well")
"""


def test_a_program_goes_on():
    """As from a terminal, at any moment of a fit with threads."""
    environment = {**os.environ, "PYTHONPATH": str(Path(skl_sae.__file__).parents[1]), "NUMBA_NUM_THREADS": "4"}
    command = [sys.executable, "-c", SCRIPT]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout.readline() == "begun\n"
        time.sleep(0.3)
        program.send_signal(signal.SIGINT)
        assert program.communicate(timeout=60)[0] == "well\n"


# who else may be pressed


def state(sae):
    return {name: value for name, value in vars(sae).items() if not name.startswith("_lock")}


def test_the_second_time_raises_at_once(pressed_in, monkeypatch):
    sae = SparseAutoencoder(**FEW).fit(X)
    before = state(sae)
    seen, look = pressed_in(2), loop.calibrate

    def twice(*args):
        press()
        return look(*args)

    monkeypatch.setattr(loop, "calibrate", twice)  # after the steps
    with pytest.raises(KeyboardInterrupt):
        sae.fit(X + 1)
    assert len(seen) == 3 and state(sae) == before
    monkeypatch.setattr(loop, "calibrate", look)

    def step(self, *args):
        press()
        press()
        pytest.fail("the second one was not raised")

    monkeypatch.setattr(Training, "_step", step)
    with pytest.raises(KeyboardInterrupt):
        sae.fit(X + 1)
    assert state(sae) == before
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("owner, name", [(FittingMixin, "_build"), (SparseAutoencoder, "_commit"), (loop, "calibrate")])
def test_before_and_after_the_steps_it_raises(owner, name, monkeypatch):
    sae = SparseAutoencoder(**FEW).fit(X)
    before, call = state(sae), getattr(owner, name)

    def pressed(*args, **how):
        press()
        return call(*args, **how)

    monkeypatch.setattr(owner, name, pressed)
    with pytest.raises(KeyboardInterrupt):
        sae.fit(X + 1)
    assert state(sae) == before


def test_a_handler_that_is_somebody_elses_is_left_alone(pressed_in):
    noted = []
    signal.signal(signal.SIGINT, lambda *args: noted.append(1))
    pressed_in(2)
    sae = SparseAutoencoder(**FEW).fit(X)
    assert noted == [1] and sae.n_steps_ == 4 * N_STEPS


def test_a_handler_that_is_set_meanwhile_stays(monkeypatch):
    mine = lambda *args: None
    step = Training._step
    monkeypatch.setattr(Training, "_step", lambda *args: [signal.signal(signal.SIGINT, mine), step(*args)][1])
    SparseAutoencoder(**FEW).fit(X)
    assert signal.getsignal(signal.SIGINT) is mine


def test_another_thread_has_no_handler(pressed_in):
    seen, during = pressed_in(), []
    sae = SparseAutoencoder(**{**FEW, "max_iter": 300})
    thread = threading.Thread(target=sae.fit, args=(X,))
    thread.start()
    while len(seen) < 5:
        time.sleep(0.001)
    during.append(signal.getsignal(signal.SIGINT))
    thread.join()
    assert during == [signal.default_int_handler] and sae.n_iter_ == 300


@pytest.mark.parametrize("failure", [ZeroDivisionError, KeyboardInterrupt])
def test_the_handler_is_restored_after_an_error(failure, monkeypatch):
    monkeypatch.setattr(Training, "_step", lambda *args: (_ for _ in ()).throw(failure))
    with pytest.raises(failure):
        SparseAutoencoder(**FEW).fit(X)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_chunk_is_undone(pressed_in):
    sae = SparseAutoencoder(**FEW).partial_fit(X)
    codes = sae.transform(X)
    pressed_in(2)
    with pytest.raises(KeyboardInterrupt):
        sae.partial_fit(X)
    assert_array_equal(sae.transform(X), codes)


def test_a_warning_that_is_an_error_leaves_the_estimator_as_it_was(pressed_in):
    sae = SparseAutoencoder(**FEW).fit(X)
    before = state(sae)
    pressed_in(2)
    with pytest.raises(UserWarning, match="Training interrupted by user"):  # the settings of these tests
        sae.fit(X + 1)
    assert state(sae) == before


@pytest.mark.parametrize("how", ["raises", "pressed"])
def test_a_callback_that_is_interrupted_ends_the_fit(how):
    pytest.importorskip("sklearn.callback", reason="callbacks came with scikit-learn 1.9")

    class Callback:
        ended, tidied = 0, False

        def setup(self, estimator, context): ...

        def teardown(self, estimator, context):
            self.tidied = True

        def on_fit_task_begin(self, estimator, context): ...

        def on_fit_task_end(self, estimator, context):
            self.ended += 1
            if self.ended == 2:
                if how == "raises":
                    raise KeyboardInterrupt
                press()

    callback = Callback()
    sae = SparseAutoencoder(**{**FEW, "learning_rate": "constant"})
    interrupted(sae.set_callbacks(callback), X, match="in epoch 2, after 10 steps")
    expected = SparseAutoencoder(**{**FEW, "learning_rate": "constant", "max_iter": 2}).fit(X)
    assert callback.tidied
    assert_array_equal(sae.transform(X), expected.transform(X))


# layers that are trained one by one


IN_LAYERS = [0, N_STEPS + 2, 2 * N_STEPS + 3, 5 * N_STEPS + 2]


@pytest.mark.parametrize(
    "pretrain, number",
    [(pretrain, n) for pretrain in ("layerwise", "layerwise_only") for n in IN_LAYERS] + [("layerwise", 32)],
)
def test_what_the_layers_have_learned_so_far_is_kept(pretrain, number, pressed_in):
    sae, seen = SparseAutoencoder(**{**LAYERS, "pretrain": pretrain}), pressed_in(number)
    interrupted(sae, X, match=f"in epoch {number // N_STEPS + 1}, after")
    assert len(seen) == number + 1
    done = min(number // N_STEPS + 1, 6)
    assert [len(curve) for curve in sae.pretrain_loss_curves_] == [min(max(done - 2 * i, 0), 2) for i in range(3)]
    assert np.isfinite(sae.score(X)) and 0 <= sae.dead_fraction_ < 1
    curves = [*sae.pretrain_loss_curves_, sae.loss_curve_ if number >= 6 * N_STEPS else []]
    assert sae.loss_ == [curve for curve in curves if curve][-1][-1]
    sae.partial_fit(X)


@pytest.mark.parametrize("number", [3, 2 * N_STEPS + 2, 6 * N_STEPS + 2])
@pytest.mark.parametrize("variant", ["coupled", "lista", "step"])
def test_the_layers_of_an_unrolled_network(variant, number, pressed_in):
    pressed_in(number)
    few = {**FEW, "variant": variant, "pretrain": "layerwise", "pretrain_max_iter": 2}
    sae = interrupted(SparseRecoveryAutoencoder(n_layers=3, **few), X)
    assert np.isfinite(sae.score(X))
    sae.partial_fit(X)


# going on


@pytest.mark.parametrize("number", [2, N_STEPS - 1, 3 * N_STEPS + 2])
@pytest.mark.parametrize("params", [FEW, {**LAYERS, "hidden_layer_sizes": (10,)}, {**FEW, "early_stopping": True}])
def test_the_same_call_resumes(params, number, pressed_in, tmp_path):
    pressed_in()
    expected, sae = SparseAutoencoder(**params).fit(X), SparseAutoencoder(**params)
    pressed_in(number)
    interrupted(sae, X, checkpoint=tmp_path, match="The same call resumes the fit from ")
    seen = pressed_in()
    sae.fit(X, checkpoint=tmp_path)
    total = sum(map(len, [sae.loss_curve_, *(sae.pretrain_loss_curves_ or [])])) * N_STEPS
    assert len(seen) == total - number - 1
    assert_array_equal(sae.transform(X), expected.transform(X))
    assert sae.loss_curve_ == expected.loss_curve_
    assert sae.pretrain_loss_curves_ == expected.pretrain_loss_curves_


def test_a_warm_fit_goes_on_from_the_interrupted_one(pressed_in):
    pressed_in(N_STEPS + 2)
    sae = interrupted(SparseAutoencoder(**FEW, warm_start=True), X)
    seen, score = pressed_in(), sae.score(X)
    sae.fit(X)
    assert len(seen) == 4 * N_STEPS and sae.n_steps_ == 5 * N_STEPS + 3
    assert sae.score(X) > score


@pytest.mark.parametrize("fitted", [True, False])
def test_a_warm_fit_resumes_from_the_estimator_as_it_was(fitted, pressed_in, tmp_path):
    """Also if it was not fitted before: now it is."""
    pressed_in()
    sae = SparseAutoencoder(**FEW, warm_start=True)
    if fitted:
        sae.fit(X)
    start, expected = pickle.dumps(sae), pickle.loads(pickle.dumps(sae)).fit(X)
    pressed_in(N_STEPS + 2)
    interrupted(sae, X, checkpoint=tmp_path, match="The same call, of the estimator as it was before, resumes")
    pressed_in()
    with pytest.raises(ValueError, match="warm_start=True goes on from another model than then"):
        sae.fit(X, checkpoint=tmp_path)
    assert_array_equal(pickle.loads(start).fit(X, checkpoint=tmp_path).transform(X), expected.transform(X))
