"""What holds for all formats: files of two models never pass for one, and what cannot be written is told before."""

import json
import os
import threading
from contextlib import nullcontext

import numpy as np
import pytest

from skl_sae import SparseAutoencoder
from skl_sae.io import ModelFileError, _atomic, load, save
from skl_sae.sparsity import TopK

FORMATS = "skl_sae", "saelens", "sparsify", "sentence_transformers"
OTHERS = FORMATS[1:]
X = np.random.default_rng(0).normal(size=(60, 7))


def fitted(k=3, seed=0):
    options = {"sparsity": TopK(k), "tied_weights": True, "scale": "total", "max_iter": 1, "random_state": seed}
    return SparseAutoencoder(9, **options).fit(X)


@pytest.mark.parametrize("format", OTHERS)
def test_a_model_of_another_format_is_in_the_way(format, tmp_path):
    for other in FORMATS:
        if other != format:
            save(fitted(), tmp_path / other, format=other)
            before = {path.name: path.read_bytes() for path in (tmp_path / other).iterdir()}
            with pytest.raises(ValueError, match=f"holds a model of the format '{other}'.*another folder"):
                save(fitted(4), tmp_path / other, format=format)
            assert {path.name: path.read_bytes() for path in (tmp_path / other).iterdir()} == before


def test_another_model_of_the_same_names_is_in_the_way(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"of a transformer")
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ValueError, match="another model than a SparseAutoEncoder"):
        save(fitted(), tmp_path, format="sentence_transformers")
    assert (tmp_path / "model.safetensors").read_bytes() == b"of a transformer"


@pytest.mark.parametrize("format", OTHERS)
def test_whatever_fails_files_of_two_models_are_no_model(format, tmp_path, monkeypatch):
    """As if the process had been killed: nothing is put back."""
    save(fitted(), tmp_path, format=format)
    first, replace, calls = load(tmp_path).transform(X), os.replace, []

    class Killed(BaseException):
        pass

    def killed(*args):
        calls.append(args)
        if len(calls) > n:
            raise Killed
        replace(*args)

    for n in range(4):
        calls.clear()
        with monkeypatch.context() as patch, pytest.raises(Killed) if n < 3 else nullcontext():
            patch.setattr(_atomic.os, "replace", killed)
            save(fitted(4, seed=1), tmp_path, format=format)
        if n == 0:
            np.testing.assert_array_equal(load(tmp_path).transform(X), first)
        elif n < 3:
            with pytest.raises(ModelFileError):
                load(tmp_path)
            save(fitted(), tmp_path, format=format)
    save(fitted(4, seed=1), tmp_path / "second", format=format)
    np.testing.assert_array_equal(load(tmp_path).transform(X), load(tmp_path / "second").transform(X))


@pytest.mark.parametrize("format", OTHERS)
def test_what_cannot_be_replaced_leaves_the_old_model(format, tmp_path, monkeypatch):
    save(fitted(), tmp_path, format=format)
    first, replace = load(tmp_path).transform(X), os.replace

    def refuse(source, target):
        if str(target).endswith(".safetensors"):
            raise OSError(1, "not permitted")
        replace(source, target)

    monkeypatch.setattr(_atomic.os, "replace", refuse)
    with pytest.raises(OSError, match="not permitted"):
        save(fitted(4), tmp_path, format=format)
    np.testing.assert_array_equal(load(tmp_path).transform(X), first)


@pytest.mark.skipif(_atomic.fcntl is None, reason="this system has no locks of folders")
def test_a_model_is_read_whole_while_others_replace_it(tmp_path):
    models, known, errors, done = [fitted(2), fitted(4, seed=1)], [], [], threading.Event()
    for model in models:
        save(model, tmp_path, format="saelens")
        known.append(load(tmp_path).transform(X).tobytes())

    def read():
        while not done.is_set():
            try:
                if load(tmp_path).transform(X).tobytes() not in known:
                    errors.append("mixed")
            except ModelFileError as error:
                errors.append(error)

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for i in range(30):
        save(models[i % 2], tmp_path, format="saelens")
    done.set()
    for thread in threads:
        thread.join()
    assert not errors, errors[0]


WRONG = {
    "a list": [1],
    "None": None,
    "a number": {"saelens": 3},
    "names that are numbers": {"sparsify": {2: 1, 10: 3}},
    "NumPy": {"saelens": {"metadata": {"layer": np.float32(3)}}},
    "NaN": {"sparsify": {"loss": float("nan")}},
    "a tuple": {"saelens": {"cfg": {"a": (1, 2)}}},
}


@pytest.mark.parametrize("metadata", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("format", FORMATS)
def test_metadata_that_would_not_come_back_is_refused(format, metadata, tmp_path):
    sae = fitted()
    sae.file_metadata_ = metadata
    with pytest.raises(ValueError, match=r"file_metadata_ is .*, expected a dict of dicts"):
        save(sae, tmp_path / "model", format=format)
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("format", OTHERS)
def test_metadata_does_not_change_what_is_computed(format, tmp_path):
    """Whoever gives such names wants something that files have other places for."""
    sae = fitted()
    settings = {"k": 1, "signed": True, "activation": "groupmax", "activation_fn": "topk", "input_dim": 3, "d_in": 3}
    settings |= {"normalize": True, "transcode": True, "finetuning_scaling_factor": True}
    sae.file_metadata_ = {format: {**settings, "cfg": settings, "k_aux": 5}}
    save(sae, tmp_path, format=format)
    np.testing.assert_allclose(load(tmp_path).reconstruct(X), sae.reconstruct(X), rtol=0, atol=1e-10)
    written = json.loads(next(tmp_path.glob("*.json")).read_text())
    assert written["k"] == 3
