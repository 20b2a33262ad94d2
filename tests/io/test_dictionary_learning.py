"""Files of dictionary_learning, against the published equations of its classes."""

import json

import numpy as np
import pytest
from naive_torch_files import as_bf16, dictionary_learning, draw, write_torch

from skl_sae.io import ModelFileError, load

N, D = 30, 7
LINEAR = {"encoder.weight": (N, D), "encoder.bias": (N,), "decoder.weight": (D, N)}
PLAIN = {"W_enc": (D, N), "b_enc": (N,), "W_dec": (N, D), "b_dec": (D,)}
GATES = {"gate_bias": (N,), "mag_bias": (N,), "r_mag": (N,), "decoder_bias": (D,)}
CLASSES = {
    "AutoEncoder": {**LINEAR, "bias": (D,)},
    "AutoEncoderNew": {**LINEAR, "decoder.bias": (D,)},
    "AutoEncoderTopK": {**LINEAR, "b_dec": (D,), "threshold": ()},
    "BatchTopKSAE": {**LINEAR, "b_dec": (D,), "threshold": ()},
    "MatryoshkaBatchTopKSAE": {**PLAIN, "threshold": ()},
    "JumpReluAutoEncoder": {**PLAIN, "threshold": (N,)},
    "GatedAutoEncoder": {"encoder.weight": (N, D), "decoder.weight": (D, N), **GATES},
}
HAVE_K = "AutoEncoderTopK", "BatchTopKSAE", "MatryoshkaBatchTopKSAE"
X = np.random.default_rng(7).normal(size=(50, D)) + 0.5


def arrays_of(name, dtype=np.float64):
    arrays = draw(CLASSES[name], dtype=dtype)
    arrays = {each: np.asarray(array, dtype) for each, array in arrays.items()}
    if name in HAVE_K:
        arrays |= {"k": np.array(4, np.int32), "threshold": np.array(0.6, np.float32)}
    if name.startswith("Matryoshka"):
        arrays["group_sizes"] = np.array([10, 20])
    return arrays


def written(folder, arrays, **trainer):
    folder.mkdir(parents=True, exist_ok=True)
    write_torch(folder / "ae.pt", arrays, folder="ae")
    if trainer:
        (folder / "config.json").write_text(json.dumps({"trainer": trainer, "buffer": {"d_submodule": D}}))


def assert_same(sae, expected, tol=1e-10):
    code, reconstruction = expected
    assert 0 < (code > 0).mean() < 0.7
    np.testing.assert_allclose(sae.transform(X), code, rtol=tol, atol=tol)
    np.testing.assert_allclose(sae.reconstruct(X), reconstruction, rtol=tol, atol=tol)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", CLASSES)
def test_reads(tmp_path, name, dtype):
    arrays = arrays_of(name, dtype)
    written(tmp_path / "sae", arrays, dict_class=name, k=4, activation_dim=D)
    assert_same(load(tmp_path / "sae"), dictionary_learning(arrays, name, X), 1e-5 if dtype == np.float32 else 1e-10)


@pytest.mark.parametrize("name", CLASSES)
def test_the_names_of_the_arrays_tell_the_class(tmp_path, name):
    arrays = arrays_of(name)
    written(tmp_path / "sae", arrays)
    if name in ("AutoEncoderTopK", "BatchTopKSAE"):
        with pytest.raises(ModelFileError, match="those of AutoEncoderTopK or of BatchTopKSAE"):
            load(tmp_path / "sae")
    else:
        assert_same(load(tmp_path / "sae"), dictionary_learning(arrays, name, X))


def test_k_stands_in_the_configuration_of_older_files(tmp_path):
    arrays = arrays_of("AutoEncoderTopK")
    expected = dictionary_learning(arrays, "AutoEncoderTopK", X)
    del arrays["k"], arrays["threshold"]
    written(tmp_path / "sae", arrays, dict_class="AutoEncoderTopK", k=4)
    assert_same(load(tmp_path / "sae"), expected)
    written(tmp_path / "sae", arrays, dict_class="AutoEncoderTopK")
    with pytest.raises(ModelFileError, match="k=None"):
        load(tmp_path / "sae")


@pytest.mark.parametrize("name", ["BatchTopKSAE", "MatryoshkaBatchTopKSAE", "JumpReluAutoEncoder"])
def test_thresholds_below_zero_are_those_of_relu(tmp_path, name):
    arrays = arrays_of(name)
    arrays["threshold"] = np.full_like(arrays["threshold"], -1)
    written(tmp_path / "sae", arrays, dict_class=name)
    assert_same(load(tmp_path / "sae"), dictionary_learning(arrays, name, X))


def test_units_without_a_decoder_stay_as_they_are(tmp_path):
    arrays = arrays_of("AutoEncoder")
    arrays["decoder.weight"][:, 3] = 0
    written(tmp_path / "sae", arrays)
    sae = load(tmp_path / "sae")
    np.testing.assert_allclose(np.linalg.norm(sae.components_, axis=1), np.arange(N) != 3)
    assert np.isfinite(sae.transform(X)).all()


def test_checkpoints_are_files_below_the_folder(tmp_path):
    arrays, trainer = arrays_of("BatchTopKSAE"), {"dict_class": "BatchTopKSAE", "k": 4, "lm_name": "pythia"}
    written(tmp_path / "sae", arrays, **trainer)
    (tmp_path / "sae" / "checkpoints").mkdir()
    path = tmp_path / "sae" / "checkpoints" / "ae_100.pt"
    write_torch(path, arrays)
    for each in (path, tmp_path / "sae" / "ae.pt"):
        assert_same(load(each), dictionary_learning(arrays, "BatchTopKSAE", X))
        assert load(each).file_metadata_ == {"dictionary_learning": trainer}


def test_numbers_of_16_bits_and_transposed_arrays(tmp_path):
    arrays = {name: np.asfortranarray(array) for name, array in arrays_of("JumpReluAutoEncoder", np.float16).items()}
    written(tmp_path / "sae", arrays)
    assert_same(load(tmp_path / "sae"), dictionary_learning(arrays, "JumpReluAutoEncoder", X), 1e-5)
    arrays = {name: as_bf16(array) for name, array in arrays_of("JumpReluAutoEncoder", np.float32).items()}
    bits = {name: (array.view("<u4") >> 16).astype("<u2") for name, array in arrays.items()}
    written(tmp_path / "sae", bits)
    assert_same(load(tmp_path / "sae"), dictionary_learning(arrays, "JumpReluAutoEncoder", X), 1e-5)


@pytest.mark.parametrize(
    ("change", "trainer", "reason"),
    [
        ({}, {"dict_class": "CrossCoder"}, "got dict_class='CrossCoder'"),
        ({}, {"dict_class": ["AutoEncoderTopK"]}, "of the type str"),
        ({}, {"dict_class": "GatedAutoEncoder"}, "has arrays of the names"),
        ({}, {"dict_class": "AutoEncoderTopK", "k": 5}, "is another one"),
        ({"k": np.array(0, np.int32)}, {"dict_class": "AutoEncoderTopK"}, "k=0"),
        ({"k": np.array(4.0)}, {"dict_class": "AutoEncoderTopK"}, "no whole number"),
        ({"encoder.weight": np.ones(3)}, {"dict_class": "AutoEncoderTopK"}, "expected 2 axes"),
        ({"b_dec": np.ones(3)}, {"dict_class": "AutoEncoderTopK"}, "bias has the shape"),
        ({"b_dec": np.ones(D, np.int64)}, {"dict_class": "AutoEncoderTopK"}, "int64"),
        ({"threshold": np.ones(3)}, {"dict_class": "BatchTopKSAE"}, "threshold has the shape"),
    ],
)
def test_what_cannot_be_read_says_why(tmp_path, change, trainer, reason):
    written(tmp_path / "sae", arrays_of("AutoEncoderTopK") | change, **trainer)
    with pytest.raises(ModelFileError, match=reason):
        load(tmp_path / "sae")
