"""The format of this library: what is saved comes back with the same bits, and goes on with the same bits."""

import json
import mmap
import sys
import threading
import time
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
import safetensors.numpy
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import InconsistentVersionWarning, NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from test_state import CONFIGURATIONS, MORE, X, make
from test_state import plain as plain_of

from skl_sae import SparseAutoencoder, SparseAutoencoderImputer
from skl_sae._model.stored_network import StoredNetwork
from skl_sae.coding import SparseRecoveryAutoencoder
from skl_sae.compression import prune, quantize
from skl_sae.io import ModelFileError, _own, load, save
from skl_sae.sparsity import L1, BaseSparsity, BatchTopK, Gated, JumpReLU, Matryoshka, TopK
from skl_sae.transfer import SparseTransfer

rng = np.random.default_rng(0)
MISSING = np.where(rng.random(X.shape) < 0.1, np.nan, X)
MATRIX = rng.normal(size=(7, 10))


def recovery(**params):
    defaults = {"n_components": 12, "batch_size": 16, "max_iter": 2, "random_state": 0}
    return SparseRecoveryAutoencoder(**{**defaults, **params})


class Root(BaseSparsity):
    """A rule of a user, with a parameter and with state of its own in an array."""

    def __init__(self, power=0.5):
        self.power = power

    def initialize(self, n_units, activation):
        return {"counted": 0.0}

    def after_step(self, codes, p, step):
        p.counted += 1


# Names of configurations, and what makes a fitted estimator of them.
FITTED = {
    **{f"{i} {params}": (lambda params=params: make(**params).fit(X)) for i, params in enumerate(CONFIGURATIONS)},
    "float32": lambda: make().fit(X.astype(np.float32)),
    "chunks": lambda: make(sparsity="batch_topk").partial_fit(X).partial_fit(MORE),
    "warm": lambda: make(warm_start=True).fit(X).fit(MORE),
    "warm, another solver": lambda: make(warm_start=True, solver="sgd").fit(X).set_params(solver="adam"),
    "missing": lambda: make(corruption="masking").fit(MISSING),
    "sparse rows": lambda: make().fit(sparse.random_array((200, 300), density=0.005, rng=1).tocsr()),
    "features": lambda: make(scale="features", n_components=np.int64(9)).fit(X * np.logspace(-3, 3, 7)),
    "not scaled": lambda: make(scale=False).fit(X),
    "skip": lambda: make(skip=True, weight_decay=1e-3).fit(X),
    "positive": lambda: make(positive_decoder=True, sparsity="l1").partial_fit(X),
    "probabilities": lambda: make(output_activation="sigmoid", loss="binary_cross_entropy").fit(X > 0),
    "stopped": lambda: make(early_stopping=True).fit(X),
    "stacked": lambda: make(hidden_layer_sizes=[9, 8], pretrain="layerwise").fit(X),
    "mirrored": lambda: make(hidden_layer_sizes=np.array([9]), tied_weights=True, hidden_activation="tanh").fit(X),
    "normalised": lambda: make(batch_norm=True, sparse_output=True).partial_fit(X),
    "dropout in chunks": lambda: make(dropout=0.3).partial_fit(X),
    "constant": lambda: make().fit(np.ones((30, 3))),
    "one row": lambda: make(n_components=2).partial_fit(X[:1]),
    "one feature": lambda: make().fit(X[:, :1]),
    "target of L1": lambda: make(sparsity=L1(0.1, target_l0=3)).fit(X),
    "target of JumpReLU": lambda: make(sparsity=JumpReLU(target_l0=3)).partial_fit(X),
    "target of Gated": lambda: make(sparsity=Gated(target_l0=3)).fit(X),
    "tanh": lambda: make(sparsity=JumpReLU(cost="tanh")).fit(X),
    "nested": lambda: make(sparsity=Matryoshka(BatchTopK(3), prefixes=(0.25, 1), weights=[1, 2.5])).partial_fit(X),
    "shares": lambda: make(sparsity=TopK(np.float32(0.25), transform_k=np.int32(5))).fit(X),
    "a generator": lambda: make(random_state=np.random.RandomState(3), shuffle=True).partial_fit(X),
    "a generator, warm": lambda: make(random_state=np.random.RandomState(3), warm_start=True).fit(X),
    "no seed": lambda: make(random_state=None).fit(X),
    "set since": lambda: make(warm_start=True).fit(X).set_params(n_components=5, sparsity=L1(), max_iter=7),
    "a frame": lambda: make().fit(pd.DataFrame(X, columns=[*"abcdef", '\N{GREEK SMALL LETTER ALPHA} "'])),
    "output": lambda: make().fit(pd.DataFrame(X, columns=[*"abcdefg"])).set_output(transform="pandas"),
    "pruned": lambda: prune(make().fit(X), 0.5),
    "pruned, warm": lambda: prune(make(warm_start=True).fit(X), 0.5, fine_tune_X=X),
    "without dead units": lambda: prune(make(n_components=40).fit(X), 0.95, drop_dead=True),
    "sparse weights": lambda: prune(make(hidden_layer_sizes=9).fit(X.astype("f")), 0.7).sparsify(),
    "sparse weights, tied": lambda: prune(make(tied_weights=True, batch_norm=True).fit(X), 0.7).sparsify(),
    "16 bits": lambda: quantize(make(skip=True).fit(X)),
    "8 bits": lambda: quantize(prune(make(sparsity="jumprelu").fit(X), 0.9).sparsify(), 8),
    "sparse, some held": lambda: transferred(mode="finetune", freeze="decoder").sparsify(),
    "transferred": lambda: (
        SparseTransfer(make().fit(X), random_state=0, mode="finetune", l2_sp=0.1).partial_fit(MORE).estimator_
    ),
    "frozen layers": lambda: transferred(mode="finetune", freeze="decoder"),
    "extended": lambda: (
        SparseTransfer(make().fit(X), random_state=0, mode="extend", n_new_components=3).fit(MORE).estimator_
    ),
    "unrolled": lambda: recovery().fit(X),
    "unrolled, chunks": lambda: recovery(sparsity="topk", n_layers=2).partial_fit(X.astype(np.float32)),
    "unrolled, shared": lambda: recovery(variant="lista", positive=True, unshrunk=0.1, warm_start=True).fit(X),
    "unrolled, steps": lambda: recovery(variant="step", dict_init=rng.normal(size=(12, 7))).partial_fit(X),
    "unrolled, one layer": lambda: recovery(n_layers=1, center=False).fit(X),
    "pretrained": lambda: recovery(pretrain="layerwise").fit(X),
    "pursuit": lambda: recovery(recovery="omp", n_nonzero_coefs=2).partial_fit(X),
    "lasso": lambda: recovery(recovery="lasso", learn_dictionary=False, dict_init=rng.normal(size=(12, 7))).fit(X),
    "measurements": lambda: recovery(measurement_matrix=MATRIX).partial_fit(X),
    "codes": lambda: recovery(target="codes", warm_start=True).fit(X, np.maximum(X @ rng.normal(size=(7, 12)), 0)),
    "signals": lambda: recovery(target="signals", measurement_matrix=MATRIX.tolist()).fit(X, X @ MATRIX),
}


def transferred(**params):
    """What a pruned autoencoder has become on other data."""
    source = prune(make().fit(X), 0.5)
    return SparseTransfer(source, random_state=0, **params).fit(MORE).partial_fit(X).estimator_


@pytest.fixture(scope="module", autouse=True)
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def plain(sae):
    """All that an estimator holds; a network may say that it has no restraint, or say nothing."""
    things = plain_of(sae)
    if isinstance(sae, SparseAutoencoder):
        network = things[1].get("_network", (None, {}))[1]
        network.setdefault("restraint", "None")
    return things


def rows(sae):
    data = np.tile(X, (1, -(-sae.n_features_in_ // 7)))[:, : sae.n_features_in_]
    if sae.loss == "binary_cross_entropy":
        return data > 0
    names = getattr(sae, "feature_names_in_", None)
    return data if names is None else pd.DataFrame(data, columns=names)


def round_trip(sae, folder, **options):
    save(sae, folder)
    return load(folder, **options)


@pytest.mark.parametrize("name", FITTED)
def test_everything_comes_back(name, tmp_path):
    """All that the estimator holds, to the bit, and so all that it does; a training goes on as the one in memory."""
    sae = FITTED[name]()
    again = round_trip(sae, tmp_path / "model")
    assert type(again) is type(sae)
    assert plain(again) == plain(sae)
    data = rows(sae)
    for method in "transform", "reconstruct", "score", "score_samples":
        with np.errstate(all="ignore"):
            got, expected = (getattr(each, method)(data) for each in (again, sae))
        assert plain(got) == plain(expected), method
    if hasattr(sae, "inverse_transform"):
        codes = np.asarray(rng.random((5, sae._n_features_out)))
        assert_array_equal(again.inverse_transform(codes), sae.inverse_transform(codes))
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == files(tmp_path / "model")


def files(folder):
    return sorted([_own.NAME, json.loads((folder / _own.NAME).read_text())["model"]["arrays"]["file"]])


GOES_ON = [name for name in FITTED if name not in ("set since", "no seed", "codes", "signals")]


@pytest.mark.parametrize("name", GOES_ON)
def test_training_goes_on_with_the_same_bits(name, tmp_path):
    sae = FITTED[name]()
    again = round_trip(sae, tmp_path)
    data = rows(sae)[::2]
    ways = ["partial_fit"] * 2 if not sae.early_stopping else []
    ways += ["fit"] if sae.warm_start else []
    if isinstance(sae._network, StoredNetwork):
        with pytest.raises(ValueError, match="densify"):
            again.partial_fit(data)
        sae.densify(), again.densify()
    for way in ways:
        for each in sae, again:
            getattr(each, way)(data)
        assert plain(again) == plain(sae)
        again = round_trip(again, tmp_path)
    assert plain(again) == plain(sae)


def test_a_generator_stays_the_one_that_its_owner_has(tmp_path):
    again = round_trip(make(random_state=np.random.RandomState(1)).partial_fit(X), tmp_path)
    assert again.random_state is again._params["random_state"] is again._training.random_state


def test_weights_are_mapped_and_not_copied(tmp_path):
    for dtype in np.float32, np.float64:
        again = round_trip(make(n_components=13, warm_start=True).fit(X.astype(dtype)), tmp_path)
        theta = again._network.parameters.theta
        arrays = [theta, *again._network.parameters.views.values(), *again._training.optimizer.moments().values()]
        for array in arrays:
            assert isinstance(mapped(array), mmap.mmap)
            assert not array.flags.writeable
        assert theta.ctypes.data % 64 == 0
        before = theta.copy()
        again.partial_fit(X)
        assert_array_equal(load(tmp_path)._network.parameters.theta, before)


def mapped(array):
    """What an array is a view of."""
    while isinstance(array, np.ndarray) and array.base is not None:
        array = array.base
    return array.obj if isinstance(array, memoryview) else array


@pytest.mark.slow
def test_a_mapped_model_goes_to_other_processes(tmp_path):
    again = round_trip(make().fit(X), tmp_path)
    tasks = (joblib.delayed(transformed)(again, X[i::2]) for i in range(2))
    for i, codes in enumerate(joblib.Parallel(2, max_nbytes=1)(tasks)):
        assert_array_equal(codes, again.transform(X[i::2]))
    assert plain(clone(again)) == plain(make())
    save(make(random_state=1).fit(X), tmp_path)  # the file of the first one is gone
    (codes,) = joblib.Parallel(2)([joblib.delayed(transformed)(again, X)])
    assert_array_equal(codes, again.transform(X))


def transformed(sae, data):
    return sae.transform(data)


def test_other_libraries_read_the_arrays(tmp_path):
    sae = make().fit(X)
    save(sae, tmp_path)
    arrays = safetensors.numpy.load_file(next(tmp_path.glob("*.safetensors")))
    assert_array_equal(arrays["network.theta"], sae._network.parameters.theta)
    assert_array_equal(arrays["scaling.offset"], sae.mean_)


def test_a_model_of_callbacks_can_be_saved(tmp_path):
    """What they are given during a fit has a network, and not yet all other attributes."""
    sae, snapshot = make().fit(X), make()
    vars(snapshot).update({name: vars(sae)[name] for name in ("_network", "n_features_in_")})
    again = round_trip(snapshot, tmp_path)
    assert_array_equal(again.transform(X), sae.transform(X))


def test_a_model_in_training_is_saved_as_it_was_after_some_chunk(tmp_path):
    def steps(sae):
        yield sae
        for _ in range(30):
            yield sae.partial_fit(MORE)

    known = {sae._network.parameters.theta.tobytes(): plain(sae) for sae in steps(make().partial_fit(X))}
    sae = make().partial_fit(X)
    thread = threading.Thread(target=lambda: list(steps(sae)))
    thread.start()
    running = True
    while running:
        running = thread.is_alive()
        again = round_trip(sae, tmp_path)
        assert plain(again) == known[again._network.parameters.theta.tobytes()]
    thread.join()


def test_saving_twice_gives_the_same_files(tmp_path):
    sae = make(warm_start=True).fit(X)
    for name in "a", "b":
        save(sae, tmp_path / name)
    save(load(tmp_path / "a"), tmp_path / "c")
    contents = [{path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in "abc"]
    assert contents[0] == contents[1] == contents[2]


# rules of users


def test_a_rule_of_a_user_is_given_and_never_looked_up(tmp_path):
    for rule in Root(0.25), Matryoshka(Root()):
        sae = make(sparsity=rule).partial_fit(X)
        save(sae, tmp_path)
        with pytest.raises(ModelFileError, match=r"test_own\.Root.*load\(folder, trusted=\[Root\]\)"):
            load(tmp_path)
        again = load(tmp_path, trusted=[Root])
        assert plain(again) == plain(sae)
        assert plain(again.partial_fit(MORE)) == plain(sae.partial_fit(MORE))
    with pytest.raises(TypeError, match="derived from BaseSparsity"):
        load(tmp_path, trusted=[dict])


def test_a_name_in_a_file_imports_nothing(tmp_path):
    save(make(sparsity=Root()).fit(X), tmp_path)
    change(tmp_path, lambda model: model["parameters"]["sparsity"].update(rule="this.Zen"))
    with pytest.raises(ModelFileError, match=r"this\.Zen"):
        load(tmp_path, trusted=Root)
    assert "this" not in sys.modules


class Odd(BaseSparsity):
    """A rule whose one parameter has a name that files use for something else."""

    def __init__(self, array=None):
        self.array = array


class Odder(BaseSparsity):
    def __init__(self, rule=None, parameters=(1, 2)):
        self.rule, self.parameters = rule, parameters


@pytest.mark.parametrize("rule", [Odd(), Odd(Odd(3)), Odd(np.arange(3.0)), Odder(), Odder(TopK(2), np.inf)])
def test_names_of_parameters_are_not_mixed_up_with_those_of_files(rule, tmp_path):
    save(make(sparsity=rule).fit(X), tmp_path)
    assert plain(load(tmp_path, trusted=[Odd, Odder])) == plain(make(sparsity=rule).fit(X))


def test_a_rule_with_state_outside_its_arrays_is_refused(tmp_path):
    class Forgetful(BaseSparsity):
        def after_step(self, codes, p, step):
            self.steps_ = getattr(self, "steps_", 0) + 1

    with pytest.raises(ValueError, match=r"no state but its parameters of units.*joblib"):
        save(make(sparsity=Forgetful()).fit(X), tmp_path / "model")
    assert not (tmp_path / "model").exists()


# what is refused


def test_what_cannot_be_saved_is_told(tmp_path):
    for thing in make_pipeline(StandardScaler()), SparseAutoencoderImputer(), SparseTransfer(make()), "sae":
        with pytest.raises(TypeError, match=r"joblib\.dump or skops"):
            save(thing, tmp_path)

    class Mine(SparseAutoencoder):
        pass

    with pytest.raises(TypeError, match=r"got Mine.*joblib\.dump"):
        save(Mine(4, max_iter=1).fit(X), tmp_path)
    with pytest.raises(NotFittedError):
        save(make(), tmp_path)
    with pytest.raises(ValueError, match="expected one of 'skl_sae'"):
        save(make().fit(X), tmp_path, format="pickle")
    sae = recovery(dict_init=pd.DataFrame(np.eye(12, 7))).fit(X)
    with pytest.raises(ValueError, match=r"parameters\.dict_init is a DataFrame.*arrays of numbers"):
        save(sae, tmp_path)
    with pytest.raises(ValueError, match="'n_components' parameter"):
        save(make().fit(X).set_params(n_components="many"), tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_is_no_model_is_told(tmp_path):
    with pytest.raises(ModelFileError, match="does not exist"):
        load(tmp_path / "nothing")
    (tmp_path / "picture.png").write_bytes(b"...")
    for path in tmp_path, tmp_path / "picture.png":
        with pytest.raises(ModelFileError, match=r"holds no model of a format that is known.*skl_sae\.json"):
            load(path)


# versions


def change(folder, edit, **head):
    """Edit the description of a model, with the checksum that belongs to it."""
    content = json.loads((folder / _own.NAME).read_text())
    edit(content["model"])
    content.update(head)
    del content["sha256"]
    content["sha256"] = _own.digest_of(content)
    (folder / _own.NAME).write_text(json.dumps(content))


def test_another_version_of_the_library_warns(tmp_path):
    sae = make().fit(X)
    save(sae, tmp_path)
    change(tmp_path, lambda model: None, skl_sae_version="0.0.1")
    with pytest.warns(InconsistentVersionWarning, match=r"version 0\.0\.1"):
        assert plain(load(tmp_path)) == plain(sae)


def test_parameters_that_an_older_version_lacked_have_their_defaults(tmp_path):
    save(make(sparsity=TopK(3)).fit(X), tmp_path)

    def edit(model):
        del model["parameters"]["corruption_emphasis"], model["parameters"]["sparsity"]["parameters"]["transform_k"]

    change(tmp_path, edit)
    assert plain(load(tmp_path)) == plain(make(sparsity=TopK(3)).fit(X))


def test_a_newer_format_is_refused(tmp_path):
    save(make().fit(X), tmp_path)
    change(tmp_path, lambda model: None, format_version=2)
    with pytest.raises(ModelFileError, match=r"format 2.*up to 1.*Install a newer one"):
        load(tmp_path)


@pytest.mark.slow
def test_a_large_model_loads_in_no_time(tmp_path):
    """24 576 units of 768 features, 151 MB: mapped, in less than a second with its checksum."""
    data = rng.normal(size=(200, 768)).astype(np.float32)
    sae = SparseAutoencoder(24_576, max_iter=1, batch_size=200, random_state=0, dead_units=None).fit(data)
    save(sae, tmp_path)
    load(tmp_path)
    for limit, options in (1.0, {}), (0.2, {"verify": False}):
        times = []
        for _ in range(5):
            start = time.perf_counter()
            again = load(tmp_path, **options)
            times.append(time.perf_counter() - start)
        assert min(times) < limit, times
        assert isinstance(mapped(again._network.parameters.theta), mmap.mmap)
    assert_array_equal(again.transform(data[:3]), sae.transform(data[:3]))
