"""How a fit runs: passes, schedules, stopping, going on."""

import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from skl_sae import SparseAutoencoder
from skl_sae._model.rows import Rows
from skl_sae._training.schedule import SCHEDULES, Schedule, n_epochs
from skl_sae.sparsity import L1, RULES, TopK

rng = np.random.default_rng(0)
X = (rng.exponential(size=(200, 8)) * (rng.random((200, 8)) < 0.3)) @ rng.normal(size=(8, 10))


def make(**params):
    return SparseAutoencoder(**{"n_components": 16, "batch_size": 32, "max_iter": 10, "random_state": 0, **params})


def weights(sae):
    """All that is trained, in the network's own units."""
    return sae._network.parameters.theta


def moved(sae, other):
    return np.abs(weights(sae) - weights(other)).max()


# the whole fit


@pytest.mark.parametrize("rule", [None, *RULES])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("hidden", [(), (12,)])
def test_the_loss_falls(rule, solver, hidden):
    sae = make(sparsity=rule, solver=solver, hidden_layer_sizes=hidden, max_iter=40, learning_rate_init=0.01).fit(X)
    assert sae.loss_curve_[-1] < 0.9 * sae.loss_curve_[0]


def test_counters_and_curves():
    sae = make().fit(X)
    assert len(sae.loss_curve_) == sae.n_iter_ == 10
    assert sae.n_steps_ == 10 * 7  # 200 rows in batches of 32
    assert sae.loss_ == sae.loss_curve_[-1]
    assert sae.validation_scores_ is None


@pytest.mark.parametrize("rule, weight", [(None, 0), ("topk", 0), (None, 0.3)])
def test_the_loss_is_the_objective(rule, weight):
    """With a rate so small that nothing moves, the loss of an epoch is the objective at the start."""
    sae = make(sparsity=rule, weight_decay=weight, weight_l1=2 * weight, learning_rate_init=1e-15, batch_size=200)
    sae.set_params(dead_units=None).fit(X)
    p = sae._network.parameters
    W = np.concatenate([p["enc0.weight"].ravel(), p["dec0.weight"].ravel()])
    expected = -sae.score_samples(X).mean() / sae.scale_**2
    expected += weight / 2 * (W**2).sum() + 2 * weight * np.abs(W).sum()
    assert_allclose(sae.loss_, expected, rtol=1e-9)


def test_a_seed_decides_everything():
    assert moved(make().fit(X), make().fit(X)) == 0
    assert moved(make().fit(X), make().fit(X).fit(X)) == 0
    assert moved(make().fit(X), make(random_state=1).fit(X)) > 0.01
    generator = np.random.RandomState(0)
    first = make(random_state=generator).fit(X)
    assert moved(first, make().fit(X)) == 0
    assert moved(first, make(random_state=generator).fit(X)) > 0.01


def test_without_shuffling_rows_come_in_their_order():
    ordered = make(shuffle=False).fit(X)
    assert moved(ordered, make(shuffle=False).fit(X)) == 0
    assert moved(ordered, make(shuffle=False).fit(X[::-1])) > 1e-4
    assert moved(ordered, make().fit(X)) > 1e-4
    # one batch holds all rows: their order does not matter
    assert moved(make(batch_size=200).fit(X), make(batch_size=200, shuffle=False).fit(X)) < 1e-9


def test_a_batch_larger_than_the_data_is_all_of_it():
    assert moved(make(batch_size=200).fit(X), make(batch_size=10**9).fit(X)) == 0


@pytest.mark.parametrize("schedule, share", [("constant", 1.0), ("linear", 0.5), ("cosine", 0.5), ("cooldown", 0.9)])
def test_a_schedule_moves_the_weights_as_far_as_its_rates_add_up_to(schedule, share):
    """With a tiny rate the gradient is constant, and so is the step of Adam."""
    few = {"learning_rate_init": 1e-9, "batch_size": 200, "scale": False, "shuffle": False}
    start = weights(make(**{**few, "learning_rate_init": 1e-30}).fit(X))
    n_steps = 400
    end = weights(make(**few, learning_rate=schedule, max_iter=n_steps, tol=0, n_iter_no_change=n_steps).fit(X))
    distance = np.abs(end - start)[: 10 * 16].max()
    assert_allclose(distance, share * n_steps * 1e-9, rtol=0.02)


def test_momentum():
    """With a gradient that hardly changes, step t of heavy-ball momentum is (1 - 0.9^t) / (1 - 0.9) plain steps."""
    n_steps, few = 28, {"solver": "sgd", "batch_size": 200, "scale": False, "shuffle": False, "tol": 0}
    few["dead_units"] = None

    def path(rate=1e-7, **params):
        sae = make(**few, learning_rate_init=rate, learning_rate="constant", max_iter=n_steps, **params)
        return weights(sae.fit(X))[: 10 * 16]

    start = path(1e-30)
    plain, heavy, nesterov = (
        path(**params) - start
        for params in ({"momentum": 0}, {"momentum": 0.9, "nesterovs_momentum": False}, {"momentum": 0.9})
    )
    at, t = np.abs(plain).argmax(), np.arange(1, n_steps + 1)
    assert_allclose(heavy[at] / plain[at], ((1 - 0.9**t) / 0.1).mean(), rtol=1e-3)
    assert_allclose(nesterov[at] / plain[at], ((1 - 0.9 ** (t + 1)) / 0.1).mean(), rtol=1e-3)


def test_weight_penalties_shrink_the_weights():
    free, l2, l1 = make(max_iter=60).fit(X), make(max_iter=60, weight_decay=0.1).fit(X), make(weight_l1=0.01).fit(X)
    assert np.linalg.norm(l2.components_) < 0.8 * np.linalg.norm(free.components_)
    assert np.abs(l1.components_).sum() < 0.8 * np.abs(make().fit(X).components_).sum()


def test_divergence_says_what_to_do():
    diverging = {"solver": "sgd", "learning_rate_init": 1e6, "max_iter": 50}
    message = r"diverged. Lower learning_rate_init \(now 1000000.0\)"
    with pytest.raises(ValueError, match=message):
        make(**diverging).fit(X)
    with pytest.raises(ValueError, match=message):
        make(**diverging, batch_size=1).partial_fit(X)


# length and stopping


@pytest.mark.parametrize(
    "n_rows, batch_size, epochs",
    [
        (1, 128, 1500),  # the fewest steps: 1500
        (178, 128, 750),
        (1797, 128, 100),  # 15 steps an epoch: 100 epochs are as many
        (1797, 32, 100),
        (20_000, 128, 64),  # 10,000 steps
        (128_000, 128, 10),
        (10**7, 128, 10),
    ],
)
def test_the_length_of_a_fit_is_told_in_steps(n_rows, batch_size, epochs):
    assert n_epochs("auto", n_rows, batch_size) == epochs
    assert n_epochs(7, n_rows, batch_size) == 7


def test_a_small_table_gets_the_fewest_steps():
    assert make(max_iter="auto", n_components=4, batch_size=200).fit(X).n_steps_ == 1500


def test_the_constant_schedule_stops_when_the_loss_no_longer_falls():
    sae = make(learning_rate="constant", tol=10.0, max_iter=50, n_iter_no_change=4).fit(X)
    assert sae.n_iter_ == 1 + 4 + 1  # the first sets the mark, four are let pass, one more ends the fit


@pytest.mark.parametrize("schedule", ["linear", "cosine", "cooldown"])
def test_a_decaying_schedule_runs_to_its_end_without_a_warning(schedule):
    assert make(learning_rate=schedule, tol=10.0, max_iter=30, n_iter_no_change=4).fit(X).n_iter_ == 30


def test_a_fit_that_still_improves_warns():
    with pytest.warns(ConvergenceWarning, match="max_iter=12 epochs were reached") as caught:
        make(learning_rate="constant", tol=1e-12, max_iter=12).fit(X)
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    "params",
    [{"learning_rate": "constant", "tol": 0}, {"early_stopping": True}, {"learning_rate": "constant", "max_iter": 5}],
)
def test_no_warning_where_nothing_was_promised(params):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert make(**{"max_iter": 20, **params}).fit(X).n_iter_ == make(**{"max_iter": 20, **params}).max_iter


def test_early_stopping_keeps_the_weights_of_the_best_epoch():
    # a rate that ends far from where the validation score was best
    noise = np.random.default_rng(1).normal(size=(60, 30))
    sae = make(
        n_components=60, sparsity=None, max_iter=400, batch_size=8, early_stopping=True, learning_rate="constant"
    )
    held_out = np.random.default_rng(2).normal(size=(60, 30))
    sae.set_params(tol=0, n_iter_no_change=5, learning_rate_init=0.1).fit(noise, X_val=held_out)
    scores = sae.validation_scores_
    assert sae.n_iter_ == len(scores) == len(sae.loss_curve_) < 400
    assert np.argmax(scores) == len(scores) - 1 - 6
    assert sae.score(held_out) == max(scores) > scores[-1]


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("n_epochs, epoch, end", [(40, 20, 25), (40, 2, 3), (40, 35, 40), (40, 40, 40), (40, 9, 12)])
def test_a_fit_that_is_to_finish_decays_over_a_quarter_of_the_epochs_so_far(name, n_epochs, epoch, end):
    """From the rate and the progress that it has, to zero and to one; later calls change nothing."""
    schedule, undisturbed = Schedule(name, n_epochs, 4), Schedule(name, n_epochs, 4)
    progress, rate = schedule.at(4 * epoch)
    schedule.finish_from(epoch)
    if name == "constant":
        assert schedule.n_epochs == epoch
        return
    schedule.finish_from(epoch + 1)
    assert (schedule.n_epochs, schedule.n_steps) == (end, 4 * end)
    assert undisturbed.n_steps == 160
    share = np.arange(4 * (end - epoch)) / (4 * (end - epoch) or 1)
    at = np.array([schedule.at(4 * epoch + step) for step in range(len(share))]).reshape(-1, 2)
    assert_allclose(at, np.column_stack([progress + (1 - progress) * share, rate * (1 - share)]), atol=1e-15)


class Told(TopK):
    """Notes what the steps are told."""

    told = []

    def after_step(self, codes, p, step):
        self.told.append((step.progress, step.n_steps))


@pytest.mark.parametrize("learning_rate", ["cooldown", "cosine", "linear", "constant"])
def test_a_stall_of_the_validation_score_begins_the_decay(learning_rate):
    """Scores that count as no better: the first epoch sets the mark, three are let pass, one more begins the decay."""
    Told.told.clear()
    sae = make(sparsity=Told(2), learning_rate=learning_rate, max_iter=40, tol=10.0, n_iter_no_change=3)
    sae.set_params(early_stopping=True).fit(X, X_val=X[:50])
    progress, n_steps = np.transpose(Told.told)
    planned, after = np.arange(35) / 280, 5 + 2 if learning_rate != "constant" else 5
    assert sae.n_iter_ == len(sae.validation_scores_) == after
    assert_allclose(progress[:35], planned)
    assert (n_steps[:35] == 280).all()
    assert (n_steps[35:] == 49).all()
    assert_allclose(progress[35:], 0.125 + 0.875 * np.arange(len(progress) - 35) / 14)
    assert sae.score(X[:50]) == max(sae.validation_scores_)


def test_the_decay_gains_where_the_score_has_stalled():
    """With a rate at which the score only rattles, the last epochs leave much less unexplained."""
    sae = make(n_components=24, sparsity=TopK(4), learning_rate_init=0.05, max_iter=200, n_iter_no_change=8)
    sae.set_params(early_stopping=True).fit(X, X_val=X[:50])
    n = int(np.ceil(sae.n_iter_ / 1.25))
    assert 10 < n < sae.n_iter_ < 200
    assert 1 - max(sae.validation_scores_[n:]) < 0.75 * (1 - max(sae.validation_scores_[:n]))


def test_a_fraction_of_the_rows_is_held_out():
    sae = make(early_stopping=True, validation_fraction=0.25, max_iter=3).fit(X)
    assert sae.n_steps_ == 3 * 5  # 150 rows in batches of 32
    assert len(sae.validation_scores_) == 3
    assert make(early_stopping=True, max_iter=3, random_state=1).fit(X).validation_scores_ != sae.validation_scores_


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_validation_data_is_used_in_the_type_of_the_fit(dtype):
    sae = make(early_stopping=True, max_iter=3).fit(X.astype(dtype), X_val=X[:50].astype(np.float32))
    assert sae.transform(X).dtype == dtype
    assert sae.n_steps_ == 3 * 7
    assert sae.score(X[:50].astype(np.float32)) == max(sae.validation_scores_)


# going on: warm_start


@pytest.mark.parametrize("max_iter", [1, 10])
def test_the_moments_of_the_data_are_taken_once(max_iter, monkeypatch):
    """Two passes over the rows, for the means and for the squares, and two over the held-out rows."""
    passes, add_up = [], Rows._sum
    monkeypatch.setattr(Rows, "_sum", lambda self, *args: passes.append(len(self)) or add_up(self, *args))
    make(early_stopping=True, max_iter=max_iter).fit(X, X_val=X[:60])
    assert sorted(passes) == [60, 60, 200, 200]


@pytest.mark.parametrize("steps, warm_steps", [(7, 7), (40, 7)])
def test_a_target_is_driven_at_by_the_length_of_the_fit_at_hand(steps, warm_steps, monkeypatch):
    """A warm fit is not longer for the steps of the fits before it."""
    lengths = []
    monkeypatch.setattr(L1, "after_step", lambda rule, codes, p, step: lengths.append(step.n_steps))
    sae = make(sparsity=L1(target_l0=3), batch_size=200, max_iter=steps, warm_start=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sae.fit(X).set_params(max_iter=warm_steps).fit(X)
    assert lengths == [steps] * steps + [warm_steps] * warm_steps


def test_a_warm_start_goes_on_from_the_last_weights_and_moments():
    cold = make(learning_rate="constant", shuffle=False, max_iter=10).fit(X)
    warm = make(learning_rate="constant", shuffle=False, max_iter=5, warm_start=True).fit(X).fit(X)
    assert moved(cold, warm) == 0  # as if it had never stopped
    assert warm.n_iter_ == 5
    assert warm.n_steps_ == cold.n_steps_
    assert warm.loss_curve_ == cold.loss_curve_[5:]

    without_moments = make(learning_rate="constant", shuffle=False, max_iter=5, warm_start=True).fit(X)
    del without_moments._training.optimizer.first, without_moments._training.optimizer.second
    assert moved(without_moments.fit(X), warm) > 1e-4


def test_a_warm_start_begins_the_schedule_anew():
    warm = make(warm_start=True, learning_rate_init=0.01).fit(X)
    before = clone(warm).fit(X)
    assert moved(before, warm) == 0
    assert moved(before, warm.fit(X)) > 0.01


def test_a_warm_start_takes_new_parameters():
    def second(**params):
        return make(warm_start=True, activation="identity").fit(X).set_params(**params).fit(X)

    usual = second()
    wide = second(sparsity__k=7)
    assert (np.count_nonzero(usual.transform(X), axis=1) == 2).all()
    assert (np.count_nonzero(wide.transform(X), axis=1) == 7).all()
    for params in ({"learning_rate_init": 0.1}, {"weight_decay": 1.0}, {"beta_1": 0.1}, {"solver": "sgd"}):
        assert moved(second(**params), usual) > 1e-3, params
    assert second(n_iter_no_change=3, max_iter=3).n_iter_ == 3


@pytest.mark.parametrize(
    "params, data, message",
    [
        ({"n_components": 17}, X, r"enc0.weight was \(16, 10\), now \(17, 10\)"),
        ({}, X[:, :4], r"enc0.weight was \(16, 10\), now \(16, 4\)"),
        ({"hidden_layer_sizes": (5,)}, X, r"enc0.weight was \(16, 10\), now \(5, 10\)"),
        ({"tied_weights": True}, X, r"dec0.weight was \(16, 10\), now None"),
        ({"sparsity": "kl"}, X, r"rule.mean_activation was None, now \(16,\)"),
    ],
)
def test_a_warm_start_refuses_other_shapes_and_keeps_what_it_had(params, data, message):
    sae = make(warm_start=True).fit(X)
    before = sae.transform(X)
    with pytest.raises(ValueError, match="warm_start=True needs the shapes of the last fit: " + message):
        sae.set_params(**params).fit(data)
    assert_array_equal(sae.transform(X), before)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize(
    "before, now",
    [
        ({}, {"scale": False}),
        ({"output_activation": "tanh"}, {}),
        ({}, {"scale": "features"}),
        ({"scale": "features"}, {"scale": True}),
    ],
)
def test_going_on_with_another_scale_is_refused(before, now, method):
    """Weights are for data on the scale of the first fit."""
    data = X / abs(X).max()
    sae = make(warm_start=True, **before).fit(data)
    kept = sae.transform(data)
    sae.set_params(**{"output_activation": "identity", **now})
    with pytest.raises(ValueError, match=r"scale=.*output_activation='identity', for data that is"):
        getattr(sae, method)(data)
    assert_array_equal(sae.transform(data), kept)
    sae.set_params(**{"scale": "auto", "output_activation": "identity", **before})
    getattr(sae, method)(data)


def test_a_warm_start_may_change_the_type_of_the_data():
    sae = make(warm_start=True).fit(X)
    expected = clone(sae).fit(X).fit(X).transform(X)
    codes = sae.fit(X.astype(np.float32)).transform(X)
    assert codes.dtype == np.float32
    assert_allclose(codes, expected, atol=1e-3)
    assert sae.fit(X).transform(X).dtype == np.float64


# going on: partial_fit


def test_partial_fit_takes_one_row():
    sae = make()
    for row in X[:50]:
        sae.partial_fit(row[None])
    assert sae.n_iter_ == sae.n_steps_ == len(sae.loss_curve_) == 50
    assert np.isfinite(weights(sae)).all()


@pytest.mark.parametrize("rule", [None, *RULES])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_a_chunk_is_the_same_as_its_batches_one_by_one(rule, solver):
    params = {"sparsity": rule, "solver": solver, "shuffle": False}
    whole = make(**params).partial_fit(X[:32]).partial_fit(X[32:192])
    parts = make(**params)
    for lo in range(0, 192, 32):
        parts.partial_fit(X[lo : lo + 32])
    assert moved(whole, parts) == 0
    assert whole.n_steps_ == parts.n_steps_ == 6


def test_passes_at_a_constant_rate_are_a_fit_at_a_constant_rate():
    fitted = make(learning_rate="constant", max_iter=6).fit(X)
    passes = make(learning_rate="cooldown")
    for _ in range(6):
        passes.partial_fit(X)
    assert moved(fitted, passes) == 0
    assert passes.loss_curve_ == fitted.loss_curve_
    assert passes.n_iter_ == 6


def test_the_first_chunk_sets_the_scale_of_the_data():
    sae = make().partial_fit(X).partial_fit(100 * X + 7)
    assert_allclose(sae.mean_, X.mean(axis=0))
    assert_allclose(sae.scale_, np.sqrt(X.var(axis=0).sum()))


def test_partial_fit_is_not_offered_with_early_stopping():
    sae = make(early_stopping=True)
    assert not hasattr(sae, "partial_fit")
    for call in (lambda: sae.partial_fit(X), lambda: SparseAutoencoder.partial_fit(sae, X)):
        with pytest.raises(AttributeError, match="has no attribute 'partial_fit'") as raised:
            call()
        assert "got early_stopping=True, expected False" in str(raised.value.__cause__)
    assert hasattr(sae.set_params(early_stopping=False), "partial_fit")


@pytest.mark.parametrize("network", [{}, {"hidden_layer_sizes": (12,)}, {"tied_weights": True}, {"sparsity": "kl"}])
def test_an_unpickled_estimator_goes_on_with_the_same_bits(network):
    sae = make(**network).partial_fit(X)
    again = pickle.loads(pickle.dumps(sae))
    for each in (sae, again):
        each.partial_fit(X).partial_fit(X[:50])
    assert moved(sae, again) == 0
    warm = make(**network, warm_start=True).fit(X)
    assert moved(pickle.loads(pickle.dumps(warm)).fit(X), warm.fit(X)) == 0


def test_an_unpickled_estimator_keeps_the_layout_of_its_codes():
    """A code of low density is compressed from the second step on: the first one after a pickle is no other first."""
    sae = make(n_components=64, sparsity=L1(1.0), learning_rate_init=0.01)
    for _ in range(10):
        sae.partial_fit(X)
    again = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(sae))))
    assert 0 < sae._training.densities[0] < 0.15
    assert moved(sae.partial_fit(X), again.partial_fit(X)) == 0
    # nor is the first one with a larger workspace
    assert sae._training.workspace.passes[0].code.compressed
    sae.partial_fit(np.where(np.arange(200)[:, None] == 3, np.nan, X)[:20])
    assert sae._training.workspace.passes[0].code.compressed


def test_partial_fit_goes_on_from_a_fit():
    sae = make(learning_rate_init=0.01).fit(X)
    before, n_steps = make(learning_rate_init=0.01).fit(X), sae.n_steps_
    sae.partial_fit(X)
    assert 0 < moved(sae, before) < 1
    assert sae.n_steps_ == n_steps + 7
    assert sae.n_iter_ == len(sae.loss_curve_) == 11
    assert sae.loss_ < before.loss_curve_[0]
    for _ in range(2):
        sae.partial_fit(X)
    assert sae.n_steps_ == n_steps + 21


def test_partial_fit_takes_a_new_learning_rate():
    sae = make(learning_rate_init=0.01).partial_fit(X)
    before = weights(sae)
    sae.set_params(learning_rate_init=1e-30).partial_fit(X)
    assert_array_equal(weights(sae), before)


def test_fit_starts_from_nothing_after_partial_fit():
    assert moved(make().partial_fit(X).fit(X), make().fit(X)) == 0


def test_partial_fit_keeps_the_type_of_the_first_chunk():
    sae = make().partial_fit(X.astype(np.float32)).partial_fit(X)
    assert sae.transform(X).dtype == np.float32


def test_a_rule_that_is_shared_between_fits_in_progress():
    rule = TopK(3)
    one, other = make(sparsity=rule), make(sparsity=rule, n_components=8)
    for _ in range(3):
        one.partial_fit(X)
        other.partial_fit(X)
    alone = make(sparsity=TopK(3))
    for _ in range(3):
        alone.partial_fit(X)
    assert moved(one, alone) == 0
