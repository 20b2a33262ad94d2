"""Folders of sparsify and latentsae, against their published equations."""

import json
import os

import numpy as np
import pytest
from naive_torch_files import as_bf16, draw, sparsify, write_bf16, write_folder
from safetensors.numpy import load_file
from sklearn.datasets import load_digits

from skl_sae import SparseAutoencoder
from skl_sae.io import ModelFileError, load, save
from skl_sae.sparsity import AbsTopK, JumpReLU, TopK

N, D = 30, 7
SHAPES = {"encoder.weight": (N, D), "encoder.bias": (N,), "W_dec": (N, D), "b_dec": (D,)}
X = np.random.default_rng(7).normal(size=(50, D)) + 0.5


def written(folder, arrays, **config):
    config = {"activation": "topk", "num_latents": N, "k": 4, "d_in": D} | config
    write_folder(folder, "sae.safetensors", arrays, "cfg.json", config)
    return config


def assert_same(sae, expected, tol=1e-10, data=X):
    code, reconstruction = expected
    np.testing.assert_allclose(sae.transform(data), code, rtol=tol, atol=tol)
    np.testing.assert_allclose(sae.reconstruct(data), reconstruction, rtol=tol, atol=tol)


@pytest.mark.parametrize("config", [{}, {"signed": True}, {"k": 2, "multi_topk": True}])
@pytest.mark.parametrize("skip", [False, True])
def test_reads(tmp_path, config, skip):
    arrays = draw(SHAPES | ({"W_skip": (D, D)} if skip else {}))
    config = written(tmp_path / "sae", arrays, skip_connection=skip, **config)
    assert_same(load(tmp_path / "sae"), sparsify(arrays, config, X))


def test_the_number_of_units_may_be_a_factor(tmp_path):
    arrays = draw({**SHAPES, "encoder.weight": (3 * D, D), "encoder.bias": (3 * D,), "W_dec": (3 * D, D)})
    config = written(tmp_path / "sae", arrays, num_latents=0, expansion_factor=3)
    assert_same(load(tmp_path / "sae"), sparsify(arrays, config, X))


def test_numbers_of_16_bits(tmp_path):
    arrays = {name: as_bf16(array) for name, array in draw(SHAPES, dtype=np.float32).items()}
    config = written(tmp_path / "sae", arrays)
    expected = sparsify(arrays, config, X)
    write_bf16(tmp_path / "sae" / "sae.safetensors", arrays)
    sae = load(tmp_path / "sae")
    assert sae.components_.dtype == np.float32
    assert_same(sae, expected, 1e-5)
    arrays = draw(SHAPES, dtype=np.float16)
    config = written(tmp_path / "sae", arrays)
    assert_same(load(tmp_path / "sae"), sparsify(arrays, config, X), 1e-5)


def test_the_type_of_the_decoder_rules(tmp_path):
    arrays = draw(SHAPES)
    arrays["W_dec"] = arrays["W_dec"].astype(np.float16)
    config = written(tmp_path / "sae", arrays)
    assert_same(load(tmp_path / "sae"), sparsify(arrays, config, X), 1e-5)


LATENT = {"topk": {}, "abstopk": {}, "jumprelu": {"log_threshold": (N,)}, "batchtopk": {"batchtopk_threshold": ()}}


@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize("kind", LATENT)
def test_reads_latentsae(tmp_path, kind, centred):
    arrays = draw({**SHAPES, **LATENT[kind], **({"input_mean": (D,)} if centred else {})}, dtype=np.float32)
    if kind == "batchtopk":
        arrays["batchtopk_threshold"] = np.float32([0.7])[0]
    config = {"sae_type": kind, "mean_center": centred, "k": N if kind == "batchtopk" else 4}
    written(tmp_path / "sae", arrays, **config | {"sae_type": kind.upper()})  # as it writes names of an Enum
    assert_same(load(tmp_path / "sae"), sparsify(arrays, config, X), 1e-5)


def test_latentsae_is_active_at_the_threshold_itself(tmp_path):
    arrays = {name: np.zeros(shape, np.float32) for name, shape in SHAPES.items()}
    arrays["encoder.bias"][:3] = 0.5, 0.5 + 1e-7, 0.5 - 1e-7
    arrays["batchtopk_threshold"] = np.float32(0.5)
    written(tmp_path / "sae", arrays, sae_type="batchtopk", k=N)
    assert (load(tmp_path / "sae").transform(np.zeros((1, D), np.float32))[0, :3] > 0).tolist() == [True, True, False]


@pytest.mark.parametrize("kind", ["jumprelu", "batchtopk"])
def test_latentsae_cuts_rows_and_that_is_said(tmp_path, kind):
    arrays = draw({**SHAPES, **LATENT[kind]}, dtype=np.float32)
    arrays["batchtopk_threshold"] = np.float32(-1.0)
    arrays = {name: array for name, array in arrays.items() if name in {*SHAPES, *LATENT[kind]}}
    config = written(tmp_path / "sae", arrays, sae_type=kind, k=17, jumprelu_max_active=17)
    with pytest.warns(UserWarning, match="at the 17 largest units"):
        sae = load(tmp_path / "sae")
    code = sparsify(arrays, config, X)[0]
    few = (code > 0).sum(axis=1) < 17
    assert few.any()
    np.testing.assert_allclose(sae.transform(X)[few], code[few], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"transcode": True}, "transcoder"),
        ({"activation": "groupmax"}, "groupmax"),
        ({"use_skip": True}, "centred data"),
        ({"sae_type": "gated"}, "gated"),
        ({"k": 0}, "a whole number from 1"),
        ({"k": "4"}, "got k='4'"),
        ({"k": True}, "got k='True'"),
        ({"d_in": D + 1}, "expected .30, 8."),
        ({"d_in": None}, "expected .30, 0."),
        ({"num_latents": 10**15}, "expected .10{15}, 7."),
        ({"skip_connection": True}, "W_skip"),
        ({"skip_connection": 1}, "of the type bool"),
    ],
)
def test_what_cannot_be_read_says_why(tmp_path, change, reason):
    written(tmp_path / "sae", draw(SHAPES), **change)
    with pytest.raises(ModelFileError, match=reason):
        load(tmp_path / "sae")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"W_dec": (D, N)}, "decoder has the shape"),
        ({"b_dec": (1,)}, "bias has the shape"),
        ({"encoder.bias": ()}, "encoder_bias has the shape"),
        ({"W_skip": (D, D)}, "W_skip"),
    ],
)
def test_arrays_that_do_not_belong_together(tmp_path, change, reason):
    written(tmp_path / "sae", draw(SHAPES | change))
    with pytest.raises(ModelFileError, match=reason):
        load(tmp_path / "sae")


def test_the_configuration_is_missing_or_damaged(tmp_path):
    written(tmp_path / "sae", draw(SHAPES))
    path = tmp_path / "sae" / "cfg.json"
    path.unlink()
    with pytest.raises(ModelFileError, match="missing"):
        load(tmp_path / "sae")
    for content in (b"{", b"[]", b"\xff", b"[" * 100_000, b" " * 10_000_001, b'{"d_in": 1' + b"0" * 5000 + b"}"):
        path.write_bytes(content)
        with pytest.raises(ModelFileError, match="JSON"):
            load(tmp_path / "sae")
    path.unlink()
    os.mkfifo(path)  # nobody writes to it: reading would wait for ever
    with pytest.raises(ModelFileError, match="no file"):
        load(tmp_path / "sae")


def test_what_else_the_configuration_says_is_written_again(tmp_path):
    further = {"multi_topk": True, "hookpoint": "layers.3", "nested": {"a": [1, None]}}
    before = written(tmp_path / "sae", draw(SHAPES), normalize_decoder=False, expansion_factor=4, **further)
    save(load(tmp_path / "sae"), tmp_path / "again", "sparsify")
    after = json.loads((tmp_path / "again" / "cfg.json").read_text())
    assert after == {**before, "skip_connection": False, "transcode": False}


# writing


@pytest.fixture(scope="module")
def digits():
    return load_digits().data[:300]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"scale": False, "skip": True},
        {"scale": "total", "sparsity": TopK(5, transform_k=8)},
        {"scale": "features", "tied_weights": True},
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_writes(tmp_path, digits, options, dtype):
    data, tol = digits.astype(dtype), 2e-4 if dtype == np.float32 else 1e-9
    sae = SparseAutoencoder(24, random_state=0, max_iter=3, **({"sparsity": TopK(5)} | options)).fit(data)
    save(sae, tmp_path / "sae", "sparsify")
    arrays = load_file(tmp_path / "sae" / "sae.safetensors")
    config = json.loads((tmp_path / "sae" / "cfg.json").read_text())
    assert {array.dtype for array in arrays.values()} == {np.dtype(dtype)}
    assert config["d_in"] == 64
    code = sparsify(arrays, config, digits)[0]
    assert config["k"] == sae.sparsity_.transform_k_
    np.testing.assert_allclose(code, sae.transform(data), rtol=tol, atol=tol)
    again = load(tmp_path / "sae")
    np.testing.assert_allclose(again.transform(data), sae.transform(data), rtol=tol, atol=tol)
    if config["k"] == 5:
        np.testing.assert_allclose(sparsify(arrays, config, digits)[1], sae.reconstruct(data), rtol=tol, atol=10 * tol)
        np.testing.assert_allclose(again.reconstruct(data), sae.reconstruct(data), rtol=tol, atol=10 * tol)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"sparsity": AbsTopK(5)}, "hold TopK"),
        ({"sparsity": JumpReLU()}, "hold TopK"),
        ({"hidden_layer_sizes": (9,)}, "hidden layers"),
    ],
)
def test_what_cannot_be_written_says_why(tmp_path, digits, options, reason):
    sae = SparseAutoencoder(8, random_state=0, max_iter=1, **({"sparsity": TopK(5)} | options)).fit(digits)
    with pytest.raises(ValueError, match=reason):
        save(sae, tmp_path / "sae", "sparsify")
    assert not (tmp_path / "sae").exists()
