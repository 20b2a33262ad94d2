"""Damaged and hostile files: each is refused with one error, or loads exactly; nothing is run, nothing crashes."""

import json
import os
import shutil
import tracemalloc
import warnings

import numpy as np
import pytest
from mutations import KINDS, VALUES, mutate, swap_a_value
from test_own import FITTED, Root, X, make, plain

from skl_sae.io import ModelFileError, _own, _safetensors, load, save
from skl_sae.sparsity import Matryoshka

# Models that have all parts that files can have.
MODELS = {
    "warm": lambda: make(warm_start=True, random_state=np.random.RandomState(0), dropout=0.1).fit(X),
    **{name: FITTED[name] for name in ("transferred", "8 bits", "a frame", "nested", "unrolled, chunks", "float32")},
}


@pytest.fixture(scope="module", params=MODELS)
def model(request, tmp_path_factory):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sae, folder = MODELS[request.param](), tmp_path_factory.mktemp("model")
    save(sae, folder)
    return sae, folder


def damaged(folder, room):
    shutil.rmtree(room, ignore_errors=True)
    shutil.copytree(folder, room)
    return room


def check_mutations(model, room, n_mutations, seed):
    sae, folder = model
    rng, refused, expected = np.random.default_rng(seed), 0, plain(sae)
    for _ in range(n_mutations):
        what = mutate(damaged(folder, room), rng)
        try:
            again = load(room)
        except ModelFileError as error:
            assert str(room) in str(error), what
            refused += 1
        else:
            assert plain(again) == expected, what
    assert refused > 0.7 * n_mutations


def test_damage_is_recognised(model, tmp_path):
    check_mutations(model, tmp_path / "model", 200 // len(MODELS) + 1, seed=0)


@pytest.mark.slow
def test_a_thousand_damages_are_recognised(model, tmp_path):
    check_mutations(model, tmp_path / "model", 1000 // len(MODELS) + 1, seed=1)


def sign(folder):
    """Make the checksums right: what somebody does who means harm."""
    content = json.loads((folder / _own.NAME).read_text())
    arrays = content["model"].get("arrays")
    if isinstance(arrays, dict) and isinstance(arrays.get("file"), str) and (folder / arrays["file"]).is_file():
        data = (folder / arrays["file"]).read_bytes()
        digest = _own.hashlib.sha256(data).hexdigest()
        name = _own.ARRAYS.format(digest[:16])
        (folder / arrays["file"]).rename(folder / name)
        arrays.update(file=name, n_bytes=len(data), sha256=digest)
    del content["sha256"]
    content["sha256"] = _own.digest_of(content)
    (folder / _own.NAME).write_text(json.dumps(content))


def check_forgeries(model, room, n_mutations, seed):
    """Whatever loads is an estimator that works, or tells in the words of its own checks why it does not."""
    sae, folder = model
    rng, n_features, loaded = np.random.default_rng(seed), sae.n_features_in_, 0
    data = np.tile(X, 3)[:10, :n_features]
    for _ in range(n_mutations):
        damaged(folder, room)
        if rng.integers(3):
            content = json.loads((room / _own.NAME).read_text())
            what = swap_a_value(content["model"], rng)
            (room / _own.NAME).write_text(json.dumps(content))
        else:
            what = mutate(room, rng, ["swapped value of the header", "overwritten part", "bit of the beginning"])
        try:
            sign(room)
        except (ValueError, KeyError, TypeError):
            continue
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                again = load(room)
            except ModelFileError:
                continue
            loaded += 1
            try:
                codes = again.transform(data)
                assert codes.shape == (10, again._n_features_out), what
                if again.n_components < 100:
                    again.partial_fit(data)
            except (ValueError, AttributeError, TypeError) as error:  # as of such parameters that a user sets
                assert str(error), what
    assert loaded


def test_forged_files_are_harmless(model, tmp_path):
    check_forgeries(model, tmp_path / "model", 60, seed=2)


@pytest.mark.slow
def test_many_forged_files_are_harmless(model, tmp_path):
    check_forgeries(model, tmp_path / "model", 300, seed=3)


def test_each_kind_of_damage_is_recognised(tmp_path):
    save(make(warm_start=True).fit(X), tmp_path / "model")
    rng = np.random.default_rng(0)
    for kind in KINDS:
        for _ in range(4):
            mutate(damaged(tmp_path / "model", tmp_path / "room"), rng, [kind])
            try:
                load(tmp_path / "room")
            except ModelFileError:
                break
        else:
            raise AssertionError(kind)


def edit(folder, *edits):
    """Change values of a model by their paths, and sign."""
    content = json.loads((folder / _own.NAME).read_text())
    for path, value in edits:
        *way, last = path.split(".")
        place = content["model"]
        for name in way:
            place = place[name]
        place[last] = value
    (folder / _own.NAME).write_text(json.dumps(content))
    sign(folder)


# Edits of a model, and what the error says.
FORGED = {
    "parameters.n_components": (10**12, r"ask for \d+ weights"),
    "parameters.hidden_layer_sizes": ({"tuple": [10**9, 10**9]}, r"ask for \d+ weights"),
    "parameters.learning_rate_init": ("fast", "learning_rate_init"),
    "parameters.surprise": (1, "no parameter 'surprise'"),
    "parameters.random_state": ({"generator": 3}, "range"),
    "parameters.sparsity": ({"rule": "os.system", "parameters": {"command": "true"}}, "rule os.system"),
    "n_features": (6, "weights|numbers|shape"),
    "dtype": ("float16", "float32"),
    "class": ("Pipeline", "Pipeline"),
    "surprise": (1, "unknown entry 'surprise'"),
    "attributes.n_steps_": (-1, "n_steps_ is -1, expected a count"),
    "attributes.loss_": ("low", "loss_ is 'low', expected a number"),
    "attributes.loss_curve_": ([1.0, "x"], "loss_curve_"),
    "network.scaling.scale": (0.0, "expected a positive number"),
    "network.scaling.code_scale": ({"float": "nan"}, "expected a positive number"),
    "network.scaling.kind": ("both", "kind is 'both'"),
    "network.stored": (True, "masked"),
    "training.optimizer_steps": (True, "expected a count"),
    "training.densities": ([2.0], "shares"),
    "training.dead_units.n_rows": (0, "idle"),
    "generators.0.position": (10**6, "random state 0 is damaged"),
    "feature_names": (["a"], "1 names of features, expected 7"),
    "output": ("files", "output is 'files'"),
}


@pytest.mark.parametrize("path", FORGED)
def test_values_out_of_range_are_refused(path, tmp_path):
    value, message = FORGED[path]
    save(make(warm_start=True, random_state=np.random.RandomState(0)).fit(X), tmp_path)
    if path.startswith("generators"):
        content = json.loads((tmp_path / _own.NAME).read_text())
        content["model"]["generators"][0]["position"] = value
        (tmp_path / _own.NAME).write_text(json.dumps(content))
        sign(tmp_path)
    else:
        edit(tmp_path, (path, value))
    with pytest.raises(ModelFileError, match=message):
        load(tmp_path)


def test_any_value_in_any_place_is_refused_or_loads(tmp_path):
    """The parameters of a rule, of which each may be any value of JSON."""
    save(make(sparsity=Matryoshka(Root())).fit(X), tmp_path)
    for value in VALUES:
        edit(tmp_path, ("parameters.sparsity.parameters.prefixes", value))
        try:
            load(tmp_path, trusted=[Root])
        except ModelFileError:
            pass


@pytest.mark.parametrize("name", ["network.theta", "training.first", "scaling.units"])
def test_numbers_that_are_not_finite_are_refused(name, tmp_path):
    save(make(warm_start=True).fit(X), tmp_path)
    path = next(tmp_path.glob("*.safetensors"))
    arrays, _ = _safetensors.read(path)
    arrays = {key: array.copy() for key, array in arrays.items()}
    arrays[name][3] = np.nan
    _safetensors.write(path, {name: arrays[name], **arrays})
    sign(tmp_path)
    with pytest.raises(ModelFileError, match=f"{name} has numbers that are not finite"):
        load(tmp_path)


def test_a_header_allocates_nothing(tmp_path):
    """Sizes that files say are compared with theirs before any memory is taken."""
    save(make().fit(X), tmp_path)
    edits = [("parameters.n_components", 10**6), ("n_features", 10**5), ("parameters.hidden_layer_sizes", [10**7])]
    for each in edits:
        edit(tmp_path, each)
        tracemalloc.start()
        with pytest.raises(ModelFileError):
            load(tmp_path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 1 << 20


def test_many_layers_take_no_time(tmp_path):
    """Layers of one unit have hardly any weights, but building a million of them takes minutes."""
    save(make().fit(X), tmp_path)
    path = next(tmp_path.glob("*.safetensors"))
    arrays = dict(_safetensors.read(path)[0])
    arrays["network.theta"] = np.zeros(5 * 10**6)
    _safetensors.write(path, arrays)
    sign(tmp_path)
    edit(tmp_path, ("parameters.hidden_layer_sizes", [1] * 10**6))
    with pytest.raises(ModelFileError, match="layers"):
        load(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_not_waited_for(tmp_path):
    save(make().fit(X), tmp_path)
    path = next(tmp_path.glob("*.safetensors"))
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(ModelFileError, match="no file"):
        load(tmp_path)


def test_without_verification_sizes_are_checked_all_the_same(tmp_path):
    sae = make().fit(X)
    save(sae, tmp_path)
    path = next(tmp_path.glob("*.safetensors"))
    content = bytearray(path.read_bytes())
    content[8 + int.from_bytes(content[:8], "little")] ^= 1  # in the first weight
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match="checksum"):
        load(tmp_path)
    load(tmp_path, verify=False)
    path.write_bytes(content[:-1])
    with pytest.raises(ModelFileError, match="its size"):
        load(tmp_path, verify=False)
