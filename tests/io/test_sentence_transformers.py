"""Folders of the module SparseAutoEncoder, against its published equations."""

import json

import numpy as np
import pytest
from naive_torch_files import draw, sentence_transformers, write_folder
from safetensors.numpy import load_file
from sklearn.datasets import load_digits

from skl_sae import SparseAutoencoder
from skl_sae.io import ModelFileError, load, save
from skl_sae.sparsity import L1, TopK

N, D = 30, 7
SHAPES = {"pre_bias": (D,), "latent_bias": (N,), "encoder.weight": (N, D)}
CONFIG = {"input_dim": D, "hidden_dim": N, "k": 4, "k_aux": 30, "normalize": False, "dead_threshold": 30}
X = np.random.default_rng(7).normal(size=(50, D)) + 0.5


def written(folder, arrays, **config):
    arrays = {"stats_last_nonzero": np.zeros(N, np.int64), **arrays}
    write_folder(folder, "model.safetensors", arrays, "config.json", CONFIG | config)


@pytest.mark.parametrize("name", ["encoder.weight", "decoder.linear.weight"])
def test_reads_the_shared_weight_under_either_name(tmp_path, name):
    arrays = draw(SHAPES)
    arrays[name] = arrays.pop("encoder.weight")
    written(tmp_path / "sae", arrays, k_aux=29)
    sae, (code, reconstruction) = load(tmp_path / "sae"), sentence_transformers(arrays, CONFIG, X)
    assert sae.tied_weights
    save(sae, tmp_path / "again", "sentence_transformers")
    assert json.loads((tmp_path / "again" / "config.json").read_text()) == CONFIG | {"k_aux": 29}
    np.testing.assert_allclose(sae.transform(X), code, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(sae.reconstruct(X), reconstruction, rtol=1e-10, atol=1e-10)


def test_what_cannot_be_read_says_why(tmp_path):
    arrays = draw(SHAPES)
    other = {"decoder.linear.weight": arrays["encoder.weight"] + 1}
    folder = tmp_path / "sae"
    for change, config, reason in [
        ({}, {"normalize": True}, "standardises each row"),
        ({}, {"hidden_dim": N + 1}, "expected .31, 7."),
        ({}, {"k": 2.5}, "got k='2.5'"),
        (other, {}, "the same one as both"),
        ({"encoder.bias": np.ones(N)}, {}, "encoder.bias"),
        ({"latent_bias": np.ones(N + 1)}, {}, "encoder_bias has the shape"),
        ({"pre_bias": np.full(D, np.nan)}, {}, "not finite"),
    ]:
        written(folder, arrays | change, **config)
        with pytest.raises(ModelFileError, match=reason):
            load(folder)
    del arrays["encoder.weight"]
    written(folder, arrays)
    with pytest.raises(ModelFileError, match="one weight"):
        load(folder)
    (folder / "config.json").write_text(json.dumps({"model_type": "bert", "hidden_size": 384}))
    with pytest.raises(ModelFileError, match="input_dim"):
        load(folder)


@pytest.fixture(scope="module")
def digits():
    return load_digits().data[:300]


@pytest.mark.parametrize("scale", [False, "total"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_writes_codes_times_one_number(tmp_path, digits, scale, dtype):
    data, tol = digits.astype(dtype), 2e-4 if dtype == np.float32 else 1e-9
    options = {"tied_weights": True, "scale": scale, "random_state": 0, "max_iter": 3}
    sae = SparseAutoencoder(24, sparsity=TopK(5), **options).fit(data)
    save(sae, tmp_path / "sae", "sentence_transformers")
    arrays = load_file(tmp_path / "sae" / "model.safetensors")
    assert arrays["encoder.weight"].dtype == dtype
    config = json.loads((tmp_path / "sae" / "config.json").read_text())
    assert set(config) == set(CONFIG)
    factor = sae.scale_ * sae.code_scale_  # as the documentation says
    expected = sae.transform(data) * factor, sae.reconstruct(data)
    for given, wanted in zip(sentence_transformers(arrays, config, digits), expected):
        np.testing.assert_allclose(given, wanted, rtol=tol, atol=100 * tol)
    again = load(tmp_path / "sae")
    np.testing.assert_allclose(again.transform(data), expected[0], rtol=tol, atol=100 * tol)
    save(again, tmp_path / "again", "sentence_transformers")  # the number is one from here on
    np.testing.assert_allclose(load(tmp_path / "again").transform(data), expected[0], rtol=tol, atol=100 * tol)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({}, "fit with tied_weights=True"),
        ({"tied_weights": True, "scale": "features"}, "scale='total'"),
        ({"tied_weights": True, "skip": True}, "path past the code"),
        ({"tied_weights": True, "sparsity": L1()}, "hold TopK"),
    ],
)
def test_what_cannot_be_written_says_what_to_do(tmp_path, digits, options, reason):
    sae = SparseAutoencoder(8, random_state=0, max_iter=1, **({"sparsity": TopK(5)} | options)).fit(digits)
    with pytest.raises(ValueError, match=reason):
        save(sae, tmp_path / "sae", "sentence_transformers")
    assert not (tmp_path / "sae").exists()
