"""The fitted state: whole or as it was, whatever raises, whoever calls, however it is kept."""

import copy
import pickle
import sys
import threading
import warnings
from contextlib import contextmanager

import joblib
import numpy as np
import pytest
from interrupts import Interrupt
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.model_selection import GridSearchCV

from skl_sae import SparseAutoencoder, _autoencoder, _version
from skl_sae._estimator import fitted as fitted_state
from skl_sae._estimator import fitting
from skl_sae._kernels.plan import Plan
from skl_sae._model import inference
from skl_sae._model.network import Network
from skl_sae._model.scaling import Scaling
from skl_sae._training import chunks, course, loop, place, schedule, stage, step, training
from skl_sae._training.source import Source
from skl_sae.sparsity import L1, RULES, TopK

rng = np.random.default_rng(0)
X = (rng.exponential(size=(96, 6)) * (rng.random((96, 6)) < 0.4)) @ rng.normal(size=(6, 7))
MORE = X[::-1][:40] + 0.1 * rng.normal(size=(40, 7))
DEEP = {"hidden_layer_sizes": (9,), "learning_rate_init": 0.01}
CONFIGURATIONS = [
    *({"sparsity": rule, "solver": solver} for rule, solver in zip([None, *RULES], 5 * ["adam", "sgd"], strict=False)),
    {"sparsity": "topk", **DEEP},
    {"sparsity": "kl", **DEEP, "solver": "sgd"},
    {"sparsity": "jumprelu", **DEEP, "batch_norm": True, "dropout": 0.2},
    {"sparsity": "l1", "tied_weights": True, "corruption": "gaussian"},
    {"sparsity": "topk", "dead_units": "resample"},
]


def make(**params):
    return SparseAutoencoder(**{"n_components": 12, "batch_size": 16, "max_iter": 2, "random_state": 0, **params})


def plain(thing):
    """Anything that a model holds, so that two of them are equal if all their bits are."""
    if isinstance(thing, np.ndarray):
        return thing.dtype.str, thing.shape, tuple(map(plain, thing)) if thing.dtype == object else thing.tobytes()
    if isinstance(thing, dict):
        return {key: plain(value) for key, value in thing.items()}
    if isinstance(thing, list | tuple):
        return [plain(value) for value in thing]
    if isinstance(thing, np.random.RandomState):
        return plain(thing.get_state())
    if hasattr(thing, "__dict__") and not isinstance(thing, type):
        return type(thing).__name__, plain(thing.__getstate__() or {})
    return repr(thing)


def state(sae):
    """All that is kept but the parameters, which are not fitted."""
    return {name: value for name, value in plain(sae)[1].items() if name not in sae.get_params()}


def unpickled(sae):
    return pickle.loads(pickle.dumps(sae))


def parallel(*tasks):
    """Run each task in a thread of its own; raise what they raise."""
    errors, barrier = [], threading.Barrier(len(tasks))

    def run(task):
        try:
            barrier.wait(60)
            task()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(task,)) for task in tasks]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
            assert not thread.is_alive()
    finally:
        sys.setswitchinterval(before)
    if errors:
        raise errors[0]


# whatever raises


@contextmanager
def failing(owner, name, error, after=0, wraps=None):
    """Let a function raise at a later call."""
    original, calls = getattr(owner, name), []

    def function(*args, **kwargs):
        calls.append(1)
        if len(calls) > after:
            raise error
        return original(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, function)
        yield


def refusals(sae, call):
    """Let calls fail in all ways; yields the name of each."""

    def refused(error, data, **params):
        before = sae.get_params(deep=False)
        with pytest.raises(error):
            call(sae.set_params(**params), data)
        sae.set_params(**before)

    outlier = X.copy()
    outlier[50, 3] = 1e300
    refused(ValueError, outlier)
    yield "an outlier"
    refused(ValueError, X, learning_rate_init=1e300, solver="sgd")
    yield "a rate"
    refused(ValueError, sparse.csr_array(np.where(X > 2, np.nan, X)))
    yield "NaN in a sparse matrix"
    refused(ValueError, np.where(X > 2, np.inf, X))
    yield "an infinity"
    refused(ValueError, X, loss="binary_cross_entropy", output_activation="sigmoid")
    yield "data out of range"
    refused(ValueError, X, sparsity=TopK(0))
    yield "a parameter"
    if sae.warm_start or call.__name__ == "partial_fit":
        refused(ValueError, X[:, :4])
        yield "another width"
        refused(ValueError, X, n_components=13)
        yield "another shape"
    for owner, name, after in (Plan, "run", 2), (Source, "choose", 3):
        with failing(owner, name, ZeroDivisionError, after):
            refused(ZeroDivisionError, X)
        yield name
    with failing(inference, "active_mean_square", MemoryError):
        refused(MemoryError, X)
    yield "memory at the end"
    with failing(Scaling, "set_code_scale", KeyboardInterrupt), failing(Network, "copy", MemoryError, after=2):
        refused(BaseException, X)
    yield "memory, and again while the failure is undone"


def fitted(params):
    return make(**params).fit(X)


def streamed(params):
    return make(**params).partial_fit(X).partial_fit(MORE)


SITUATIONS = {
    "fit": (fitted, SparseAutoencoder.fit),
    "warm fit": (lambda params: fitted({**params, "warm_start": True}), SparseAutoencoder.fit),
    "warm fit of a pickle": (lambda params: unpickled(fitted({**params, "warm_start": True})), SparseAutoencoder.fit),
    "warm fit of a stream": (lambda params: streamed({**params, "warm_start": True}), SparseAutoencoder.fit),
    "stream": (streamed, SparseAutoencoder.partial_fit),
    "stream after fit": (fitted, SparseAutoencoder.partial_fit),
    "stream of a pickle": (lambda params: unpickled(streamed(params)), SparseAutoencoder.partial_fit),
}


# Every configuration in a warm fit and in a stream, some in the others.
SOME = [(params, name) for i, params in enumerate(CONFIGURATIONS) for name in list(SITUATIONS)[i % 3 :: 3]]
SOME += [(params, name) for params in CONFIGURATIONS for name in ("warm fit", "stream") if (params, name) not in SOME]


@pytest.mark.parametrize("params, situation", SOME, ids=repr)
def test_whatever_raises_leaves_the_model_as_it_was(params, situation):
    """Bit for bit; and what follows is as if nothing had failed."""
    start, call = SITUATIONS[situation]
    sae, twin = start(params), start(params)
    network, before = sae._network, state(twin)
    assert state(sae) == before
    for failure in refusals(sae, call):
        assert sae._network is network
        assert state(sae) == before, failure
    for each in sae, twin:
        call(each, MORE)
    assert state(sae) == state(twin) != before
    for each in sae, twin:
        each.partial_fit(X)
    assert state(sae) == state(twin)


@pytest.mark.parametrize("call", [SparseAutoencoder.fit, SparseAutoencoder.partial_fit])
def test_a_first_call_that_raises_leaves_nothing(call):
    sae = make(sparsity="l1")
    for error, owner, name in (
        (MemoryError, inference, "active_mean_square"),
        (ZeroDivisionError, L1, "penalty"),
        (KeyboardInterrupt, training.Training, "_step"),
    ):
        with failing(owner, name, error), pytest.raises(error):
            call(sae, X)
        assert not [name for name in vars(sae) if name.endswith("_") or name in ("_network", "_training")]
    assert state(call(sae, X)) == state(call(make(sparsity="l1"), X))


@pytest.mark.parametrize("warm_start", [False, True])
def test_warnings_that_are_errors_leave_the_model_as_it_was(warm_start):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcdefg"))
    unobserved = pandas.DataFrame(np.where(np.arange(7) == 2, np.nan, X), columns=list("ABCDEFG"))
    sae = make(warm_start=warm_start).fit(frame)
    before = state(sae)
    with pytest.raises(UserWarning, match="no observed value: C"):
        sae.set_params(warm_start=False).fit(unobserved)
    assert state(sae) == before
    with pytest.warns(UserWarning, match="no observed value: C"):
        sae.fit(unobserved)
    sae.partial_fit(frame.rename(columns=str.upper))
    with pytest.warns(UserWarning, match="no observed value: C"):
        sae.fit(unobserved)
    before = state(sae)
    with pytest.raises(UserWarning, match="no observed value: C"):
        sae.partial_fit(unobserved)
    assert state(sae) == before


@pytest.mark.parametrize("call", [SparseAutoencoder.fit, SparseAutoencoder.partial_fit])
def test_blas_has_one_thread_to_the_end(call, monkeypatch, blas_threads):
    seen, check = [], Network.has_finite_coefs
    monkeypatch.setattr(Network, "has_finite_coefs", lambda self: seen.append(blas_threads()) or check(self))
    call(make(), X)
    assert seen == [{1}]
    assert blas_threads() == {2}


def test_a_failed_fit_does_not_move_a_generator_that_is_nobody_elses():
    sae = make(warm_start=True, random_state=3).fit(X)
    generator, steps = sae._training.random_state.get_state(), sae.n_steps_
    with failing(inference, "active_mean_square", MemoryError), pytest.raises(MemoryError):
        sae.fit(X)
    assert plain(sae._training.random_state.get_state()) == plain(generator)
    assert (sae.n_steps_, sae._training.n_steps, sae._training.optimizer.n_steps) == 3 * (steps,)


# interrupts

INTERRUPTED = [_autoencoder, fitting, loop, course, stage, place, training, chunks, fitted_state, step]
SLOW = [pytest.param(1, marks=pytest.mark.slow)]


@pytest.mark.parametrize("every", [41, *SLOW])
@pytest.mark.parametrize("changed", [{}, {"sparsity__k": 3}], ids=["same", "changed"])
@pytest.mark.parametrize("call", [SparseAutoencoder.fit, SparseAutoencoder.partial_fit])
def test_an_interrupt_at_any_line(call, changed, every):
    """The model is as before or all done; the next call, and a pickle, go on from there."""
    few, start = X[:12], make(sparsity="topk", batch_size=6, warm_start=True, max_iter=1)

    def begin():
        return call(call(unpickled(start), few), few).set_params(**changed)

    before = state(begin())
    after = state(call(begin(), MORE))
    following = {repr(before): state(call(begin(), few)), repr(after): state(call(call(begin(), MORE), few))}
    n, seen = 1, set()
    while True:
        sae, interrupt = begin(), Interrupt(n, INTERRUPTED, by_signal=False)
        try:
            with interrupt:
                call(sae, MORE)
        except KeyboardInterrupt:
            pass
        if not interrupt.done:
            break
        now = repr(state(sae))
        seen.add(now)
        assert now in following, n
        assert state(call(unpickled(sae), few)) == following[now], n
        assert state(call(sae, few)) == following[now], n
        n += every
    assert n > 400 and repr(before) in seen


def test_an_interrupt_before_a_chunk_is_published():
    sae, twin = streamed({}), streamed({})
    for follow in (lambda each: each.set_params(beta_1=0.8).partial_fit(X), lambda each: each.partial_fit(MORE)):
        with failing(SparseAutoencoder, "_commit", KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
            sae.partial_fit(X)
        assert state(sae) == state(unpickled(sae)) == state(twin)
        follow(sae), follow(twin)
        assert state(sae) == state(twin)


def test_an_interrupt_while_a_failure_is_undone():
    """In its middle: the arrays are half restored."""
    sae, twin = streamed({}), streamed({})
    for follow in (lambda each: each.set_params(beta_1=0.8).partial_fit(X), lambda each: each.partial_fit(MORE)):
        with failing(Scaling, "set_code_scale", ValueError), failing(training.DeadUnits, "copy", KeyboardInterrupt, 1):
            with pytest.raises(KeyboardInterrupt):
                sae.partial_fit(X)
        assert state(sae) == state(twin)
        follow(sae), follow(twin)
        assert state(sae) == state(twin)


# threads


def in_a_row(n, data=MORE, start=None):
    """A model, and the codes and the state after each of some equal chunks."""
    sae = start or make().partial_fit(X)
    codes, states = [sae.transform(X).tobytes()], [state(sae)]
    for _ in range(n):
        sae.partial_fit(data)
        codes.append(sae.transform(X).tobytes())
        states.append(state(sae))
    return sae, codes, states


@pytest.mark.parametrize("n_threads, n_chunks", [(2, 12), pytest.param(7, 40, marks=pytest.mark.slow)])
def test_threads_that_train_and_one_that_transforms(n_threads, n_chunks):
    """Chunks come one after the other, and a reader sees the model between two of them."""
    expected, codes, _ = in_a_row(n_threads * n_chunks)
    sae, seen = make().partial_fit(X), []
    trainers = [lambda: [sae.partial_fit(MORE) for _ in range(n_chunks)]] * n_threads
    readers = [lambda: [seen.append(sae.transform(X).tobytes()) for _ in range(2 * n_chunks)]] * (n_threads - 1)
    parallel(*trainers, *readers)
    assert state(sae) == state(expected)
    assert set(seen) <= set(codes)


@pytest.mark.parametrize("n_threads", [2, pytest.param(8, marks=pytest.mark.slow)])
def test_threads_that_fit(n_threads):
    """The model is that of one of them."""
    data = [X + i for i in range(n_threads)]
    sae = make(max_iter=4)
    parallel(*(lambda each=each: [sae.fit(each) for _ in range(3)] for each in data))
    assert state(sae) in [state(make(max_iter=4).fit(each)) for each in data]


def test_threads_that_begin_a_stream():
    sae, expected = make(), make().partial_fit(X).partial_fit(X)
    parallel(*2 * [lambda: sae.partial_fit(X)])
    assert state(sae) == state(expected)


class Meanwhile:
    """Data, during whose conversion something happens, as another thread could do it."""

    def __init__(self, data, happen):
        self.data, self.happen = data, happen

    def __array__(self, dtype=None, copy=None):
        self.happen()
        return self.data


@pytest.mark.parametrize("method", ["transform", "impute", "score", "score_samples"])
def test_data_is_checked_against_the_network_that_reads_it(method):
    sae = make().fit(X)
    expected = getattr(sae, method)(X)
    result = getattr(sae, method)(Meanwhile(X, lambda: sae.fit(X[:, :4])))
    assert np.array_equal(result, expected)
    sae.fit(X)
    with pytest.raises(ValueError, match="X has 4 features, but SparseAutoencoder is expecting 7"):
        getattr(sae, method)(Meanwhile(X[:, :4], lambda: sae.fit(X[:, :4])))


@pytest.mark.parametrize("kept", [unpickled, copy.deepcopy, copy.copy])
def test_a_model_is_kept_while_a_thread_trains(kept):
    """Each copy is one of the published models, with its moments."""
    n, copies = 30, []
    expected, _, states = in_a_row(n)
    sae = make().partial_fit(X)
    parallel(lambda: [sae.partial_fit(MORE) for _ in range(n)], lambda: [copies.append(kept(sae)) for _ in range(n)])
    assert state(sae) == state(expected)
    for each in copies:
        assert state(each) in states


def test_a_model_is_kept_in_the_middle_of_a_chunk():
    sae, (_, _, states) = make().partial_fit(X), in_a_row(2)
    sae.partial_fit(MORE)
    step, copies = training.Training._step, []

    def kept_step(self, *args):
        loss = step(self, *args)
        copies.append(unpickled(sae))
        return loss

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training.Training, "_step", kept_step)
        sae.partial_fit(MORE)
    assert len(copies) == 3
    for each in copies:
        assert state(each) == states[1]
        assert state(each.partial_fit(MORE)) == states[2]
    assert state(sae) == states[2]


def test_a_shallow_copy_trains_on_its_own():
    sae, twin, other = streamed({}), streamed({}), streamed({})
    shallow = copy.copy(sae)
    sae.partial_fit(X), twin.partial_fit(X)
    shallow.partial_fit(MORE), other.partial_fit(MORE)
    sae.partial_fit(MORE), twin.partial_fit(MORE)
    assert state(sae) == state(twin)
    assert state(shallow) == state(other)


# pickles


@pytest.mark.parametrize("version", ["0.0.0", None])
def test_a_pickle_of_another_version_warns(version):
    sae = make().fit(X)
    kept = sae.__getstate__()
    assert kept["_skl_sae_version"] == _version.__version__
    assert "_skl_sae_version" not in vars(sae)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        unpickled(sae)
    if version is None:
        del kept["_skl_sae_version"]
    else:
        kept["_skl_sae_version"] = version
    other = SparseAutoencoder.__new__(SparseAutoencoder)
    with pytest.warns(
        InconsistentVersionWarning, match=f"SparseAutoencoder from version {version or 'unknown'}"
    ) as seen:
        other.__setstate__(kept)
    assert seen[0].filename == __file__
    assert state(other) == state(sae)


@pytest.mark.parametrize("warm_start, n_vectors", [(False, 1), (True, 3)])
def test_a_pickle_holds_the_parameters_and_moments_once(warm_start, n_vectors):
    wide = np.random.default_rng(0).normal(size=(50, 300))
    sae = make(n_components=100, warm_start=warm_start).fit(wide)
    size = sae._network.parameters.theta.nbytes
    assert len(pickle.dumps(sae)) < n_vectors * size + 25_000
    sae.partial_fit(wide).partial_fit(wide)
    assert any(name.startswith("_lock_") for name in vars(sae))
    assert len(pickle.dumps(sae)) < 3 * size + 25_000
    assert not any(name.startswith("_lock_") for name in vars(unpickled(sae)))


def through_joblib(sae, path, **how):
    joblib.dump(sae, path / "model.joblib")
    return joblib.load(path / "model.joblib", **how)


@pytest.mark.parametrize("start", [fitted, streamed], ids=["fit", "stream"])
@pytest.mark.parametrize("params", CONFIGURATIONS[::3], ids=repr)
def test_kept_models_are_the_same_and_go_on(params, start, tmp_path):
    sae = start({**params, "warm_start": True})
    before = state(sae)
    copies = [unpickled(sae), copy.deepcopy(sae), through_joblib(sae, tmp_path)]
    copies.append(through_joblib(sae, tmp_path, mmap_mode="r"))
    for call in SparseAutoencoder.partial_fit, SparseAutoencoder.fit, SparseAutoencoder.partial_fit:
        assert [state(each) for each in copies] == [state(sae)] * len(copies)
        for each in sae, *copies:
            call(each, X)
    assert state(sae) != before


@pytest.mark.parametrize("call", [SparseAutoencoder.partial_fit, SparseAutoencoder.fit])
@pytest.mark.parametrize("params", CONFIGURATIONS[::3], ids=repr)
def test_a_model_from_a_read_only_memory_map_goes_on(params, call, tmp_path):
    sae = streamed({**params, "warm_start": True})
    mapped = through_joblib(sae, tmp_path, mmap_mode="r")
    assert not mapped._network.parameters.theta.flags.writeable
    assert_array_equal(mapped.transform(X), sae.transform(X))
    before = (tmp_path / "model.joblib").read_bytes()
    for _ in range(2):
        assert state(call(mapped, X)) == state(call(sae, X))
    assert (tmp_path / "model.joblib").read_bytes() == before
    assert not hasattr(clone(mapped), "n_iter_")


# going on


@pytest.mark.parametrize("keep", [lambda sae: sae, unpickled], ids=["", "pickle"])
@pytest.mark.parametrize("params", [{}, {"sparsity": "l1", **DEEP}, {"solver": "sgd"}], ids=repr)
def test_a_warm_start_that_is_asked_for_after_the_fit(params, keep):
    """The loss goes on from where it was."""
    sae = make(**{**params, "max_iter": 30, "learning_rate": "constant", "tol": 0}).fit(X)
    first, last, n_steps = *sae.loss_curve_[:1], sae.loss_, sae.n_steps_
    sae = keep(sae).set_params(warm_start=True, max_iter=3).fit(X)
    assert sae.loss_curve_[0] < last + 0.1 * (first - last)
    assert sae.n_steps_ == n_steps + 3 * 6


def test_a_warm_start_takes_another_seed():
    def second(seed, keep=lambda sae: sae):
        return state(keep(make(warm_start=True).fit(X)).set_params(random_state=seed).fit(X))

    same, other = second(0), second(1)
    assert same["_network"] != other["_network"]
    assert other == second(1, unpickled)
    assert other["_network"] == second(np.random.RandomState(1))["_network"]
    assert same["_network"] == state(make(warm_start=True).fit(X).fit(X))["_network"]


# attributes


@pytest.mark.parametrize("params", CONFIGURATIONS[8:], ids=repr)
def test_attributes_are_read_only_and_no_views_of_the_network(params):
    sae = streamed(params)
    arrays = [*sae.coefs_, *sae.intercepts_, sae.intercept_, sae.mean_]
    if not sae.hidden_layer_sizes:
        arrays.append(sae.components_)
    for array in arrays:
        with pytest.raises(ValueError, match="read-only"):
            array[:] = 0
        for own in (sae._network.parameters.theta, sae._network.scaling.offset, sae._network.scaling.fill):
            assert not np.shares_memory(array, own)
    before = state(sae)
    for array in arrays:
        array.flags.writeable = True  # the copy is the caller's
        array[:] = 0
    if "mean_" in before:
        before["mean_"] = plain(sae.mean_)
    assert state(sae) == before


# parameters by value


@pytest.mark.parametrize("rule", ["topk", TopK()], ids=["name", "object"])
def test_a_parameter_of_the_rule_takes_effect_every_time(rule):
    sae = make(sparsity=rule, activation="identity")
    for k in (2, 5, 3, 3, 7):
        sae.set_params(sparsity__k=k).partial_fit(X)
        assert sae.sparsity_.k == k
        assert (np.count_nonzero(sae.transform(X), axis=1) == k).all()


def test_changes_in_place_take_effect():
    rule, widths = TopK(2), [9]
    sae = make(sparsity=rule, activation="identity", hidden_layer_sizes=widths).partial_fit(X)
    rule.k = 5
    sae.partial_fit(X)
    assert (np.count_nonzero(sae.transform(X), axis=1) == 5).all()
    widths[0] = 10
    with pytest.raises(ValueError, match=r"enc0.weight was \(9, 7\), now \(10, 7\)"):
        sae.partial_fit(X)
    widths[0] = 9
    sae.partial_fit(X)


def test_widths_in_an_array_are_compared_by_value():
    widths = np.array([9, 8])
    sae, twin = make(hidden_layer_sizes=widths), make(hidden_layer_sizes=(9, 8))
    for each in sae, twin:
        each.partial_fit(X).partial_fit(X)
    training = sae._training
    assert sae.partial_fit(X)._training is training
    sae.set_params(hidden_layer_sizes=widths.copy()).partial_fit(X)
    assert sae._training is training
    assert plain(sae._network) == plain(twin.partial_fit(X).partial_fit(X)._network)
    widths = sae.hidden_layer_sizes
    widths[1] = 7
    with pytest.raises(ValueError, match="needs the shapes of the last fit"):
        sae.partial_fit(X)


@pytest.mark.parametrize("start", [fitted, streamed], ids=["fit", "stream"])
def test_another_number_of_units_is_refused(start):
    sae = start({}).set_params(n_components=13)
    with pytest.raises(ValueError, match=r"partial_fit needs the shapes of the last fit: enc0.weight was \(12, 7\)"):
        sae.partial_fit(X)
    assert sae.set_params(n_components=12).partial_fit(X).transform(X).shape == (96, 12)


# subclasses


class Narrow(SparseAutoencoder):
    """A constructor of its own."""

    def __init__(self, n_components=12, random_state=0):
        super().__init__(n_components, sparsity=TopK(3), batch_size=16, max_iter=2, random_state=random_state)


def test_a_subclass_with_a_constructor_of_its_own():
    sae = Narrow().fit(X)
    assert state(sae)["_network"] == state(make(sparsity=TopK(3)).fit(X))["_network"]
    assert clone(Narrow(5)).get_params() == {"n_components": 5, "random_state": 0}
    stream = Narrow().partial_fit(X).partial_fit(MORE)
    assert state(stream)["_network"] == state(streamed({"sparsity": TopK(3)}))["_network"]
    assert state(unpickled(stream).partial_fit(X)) == state(stream.partial_fit(X))
    search = GridSearchCV(Narrow(), {"n_components": [4, 16]}, cv=2, error_score="raise").fit(X)
    assert search.best_estimator_.transform(X).shape == (96, search.best_params_["n_components"])
    assert "Narrow" in repr(sae) and not sae._repr_html_().count("Error")


# streams that begin with little


class Rota(TopK):
    """Of three units, the first fires in every row, the second in each 2000th, the third never."""

    n = 0

    def encode(self, a, p, step):
        if len(a) == 100:
            Rota.n += 1
            a[:] = [5, 4 if Rota.n % 20 == 0 else -1, -1]
        return super().encode(a, p, step)


@pytest.mark.parametrize("chunks", [[500], [500] * 8, [100] * 40, [1900] * 7 + [1500], [12_000], [500] * 30])
def test_dead_units_of_a_stream(chunks):
    """A unit that never fired is dead from the start, however the rows are cut; a rare one is not."""
    Rota.n = 0
    sae = make(sparsity=Rota(3), n_components=3, batch_size=100, dead_units=None, learning_rate_init=1e-12)
    for n_rows in chunks:
        sae.partial_fit(np.random.default_rng(0).standard_normal((n_rows, 4)))
    assert sae.dead_fraction_ == pytest.approx(2 / 3 if sum(chunks) < 2000 else 1 / 3)


def test_a_unit_that_stops_firing_is_dead_after_ten_thousand_rows():
    sae = make(sparsity=TopK(1), dead_units=None, learning_rate_init=1e-9, batch_size=1000).partial_fit(X)
    busy = sae.dead_fraction_
    assert busy < 6 / 12
    same = np.repeat(X[:1], 1000, axis=0)
    for _ in range(9):
        assert sae.partial_fit(same).dead_fraction_ == busy
    assert sae.partial_fit(same).dead_fraction_ == 11 / 12


@pytest.mark.parametrize("warm_start", [False, True])
def test_a_stream_after_a_fit_knows_what_fired_there(warm_start):
    sae = make(warm_start=warm_start, dead_units=None, learning_rate_init=1e-9).fit(X)
    silent = sae.dead_fraction_
    assert sae.partial_fit(X[:1]).dead_fraction_ == silent < 0.5


FIRST_CHUNKS = {
    "zeros": np.zeros((5, 7)),
    "equal rows": np.repeat(X[:1], 5, axis=0),
    "one row": X[:1],
    "sparse": sparse.csr_array(np.repeat(X[:1], 5, axis=0)),
    "missing": np.full((5, 7), np.nan),
}


@pytest.mark.filterwarnings("ignore:The first chunk", "ignore:.*no observed value")
@pytest.mark.parametrize("first", FIRST_CHUNKS.values(), ids=FIRST_CHUNKS)
@pytest.mark.parametrize("sparse_stream", [False, True], ids=["dense", "sparse"])
def test_a_first_chunk_without_variance(first, sparse_stream):
    """The scale of the data, and the start, come from the first chunk that has some; the weights are then the same."""
    data = sparse.csr_array(X) if sparse_stream else X
    sae, expected = make().partial_fit(first).partial_fit(first), make().partial_fit(data)
    steps = sae.n_steps_
    sae.partial_fit(data)
    assert sae.scale_ == expected.scale_
    assert_array_equal(sae.mean_, expected.mean_)
    assert_array_equal(sae._network.parameters.theta, expected._network.parameters.theta)
    assert sae.n_steps_ == steps + expected.n_steps_


@pytest.mark.parametrize("value", [0.0, 1e6])
def test_a_warm_start_after_constant_data(value):
    """The scale of the data, and the start, come from the first fit to data with some variance."""
    sae, constant = make(warm_start=True), np.full((50, 7), value)
    sae.fit(constant).fit(constant)
    assert_array_equal(sae.fit(X).transform(X), make().fit(X).transform(X))


@pytest.mark.parametrize("container", [np.array, sparse.csr_array], ids=["dense", "sparse"])
def test_a_stream_of_single_rows_learns(container):
    stream, whole = make(learning_rate_init=0.01), make(max_iter=60).fit(X)
    for _ in range(6):
        for row in X:
            stream.partial_fit(container(row[None]))
    assert np.isfinite(stream.loss_curve_).all()
    assert stream.score(X) > 0.5 * whole.score(X) > 0


# batches


@pytest.mark.parametrize("n_rows, batch_size", [(1, 5), (5, 5), (6, 5), (96, 16), (97, 16), (127, 16), (1000, 7)])
def test_batches_are_of_nearly_equal_size(n_rows, batch_size):
    edges = schedule.batch_edges(n_rows, batch_size)
    sizes = np.diff(edges)
    assert (edges[0], edges[-1]) == (0, n_rows)
    assert sizes.max() <= batch_size and sizes.max() - sizes.min() <= 1
    assert len(sizes) == -(-n_rows // batch_size)


def test_one_more_row_does_no_harm():
    """A batch of its own would move the weights as far as one of 128 rows."""
    digits = load_digits().data
    scores = [
        SparseAutoencoder(64, learning_rate="constant", max_iter=15, tol=0, random_state=0)
        .fit(digits[:n])
        .score(digits)
        for n in (1408, 1409)
    ]
    assert abs(scores[0] - scores[1]) < 0.01


def test_a_chunk_can_be_undone_after_one_whose_end_was_interrupted(monkeypatch):
    """The room for copies of the moments is never what the state itself consists of."""
    X = np.random.default_rng(0).normal(size=(60, 8))
    sae = SparseAutoencoder(6, random_state=0).partial_fit(X).partial_fit(X)
    with monkeypatch.context() as patch:
        patch.setattr(
            "skl_sae._training.training.Training.close_chunk", lambda self: (_ for _ in ()).throw(KeyboardInterrupt)
        )
        with pytest.raises(KeyboardInterrupt):
            sae.partial_fit(X)
    twin = pickle.loads(pickle.dumps(sae))
    with pytest.raises(ValueError, match="Training failed"):
        sae.partial_fit(np.where(np.arange(60)[:, None] == 59, 1e140, X))
    for each in (sae, twin):
        each.partial_fit(X)
    assert sae._network.parameters.theta.tobytes() == twin._network.parameters.theta.tobytes()
