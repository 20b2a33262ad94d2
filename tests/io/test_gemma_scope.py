"""Files of Gemma Scope, 1 and 2."""

import io
import json
import zipfile

import numpy as np
import pytest
from exchange_files import N_FEATURES, N_UNITS, assert_reads, weights
from safetensors.numpy import load_file, save_file

from skl_sae.io import ModelFileError, load, save

CONFIG = {"architecture": "jump_relu", "model_name": "gemma-v3-1b-pt", "hf_hook_point_in": "model.layers.7.output"}


def lower(tensors):
    return {name.lower(): array for name, array in tensors.items()}


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("names", [dict, lower])
def test_reads_the_first_collection(tmp_path, names, write):
    """The encoder sees the data without the decoder's bias taken off."""
    tensors = weights("jumprelu")
    write(tmp_path / "params.npz", **names(tensors))
    sae = assert_reads(tmp_path, "jumprelu", tensors, centred=False)
    assert_reads(tmp_path / "params.npz", "jumprelu", tensors, centred=False)
    save(sae, tmp_path / "other", format="saelens")
    assert_reads(tmp_path / "other", "jumprelu", tensors, centred=False)


def test_reads_arrays_by_columns_and_of_other_types(tmp_path):
    tensors = {name: np.asfortranarray(array.astype(">f8")) for name, array in weights("jumprelu").items()}
    np.savez(tmp_path / "params.npz", **tensors)
    assert_reads(tmp_path, "jumprelu", tensors, centred=False)


@pytest.mark.parametrize("config", [None, CONFIG])
def test_reads_the_second_collection(tmp_path, config):
    tensors = weights("jumprelu")
    save_file(lower(tensors), tmp_path / "params.safetensors")
    if config is not None:
        (tmp_path / "config.json").write_text(json.dumps(config))
    sae = assert_reads(tmp_path, "jumprelu", tensors, centred=False)
    assert sae.file_metadata_["gemma_scope"] == (config or {})
    save(sae, tmp_path / "other", format="saelens")
    metadata = json.loads((tmp_path / "other" / "cfg.json").read_text())["metadata"]
    assert "training_library" not in metadata
    if config is not None:
        assert metadata["model_name"] == "gemma-v3-1b-pt" and metadata["hf_hook_name"] == "model.layers.7.output"


@pytest.mark.parametrize(
    ("changes", "config"),
    [
        ({"affine_skip_connection": np.zeros((N_FEATURES, N_FEATURES), np.float32)}, {}),
        ({"w_dec": np.zeros((N_UNITS, 3, N_FEATURES), np.float32)}, {}),
        ({"w_dec": np.zeros((N_UNITS, 5), np.float32), "b_dec": np.zeros(5, np.float32)}, {}),
        ({}, {"hf_hook_point_out": "model.layers.7.mlp"}),
        ({}, {"affine_connection": True}),
    ],
)
def test_transcoders_are_refused(tmp_path, changes, config):
    save_file({**lower(weights("jumprelu")), **changes}, tmp_path / "params.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({**CONFIG, **config}))
    with pytest.raises(ModelFileError, match="transcoder"):
        load(tmp_path)


@pytest.mark.parametrize("architecture", ["topk", 3, ["jump_relu"]])
def test_other_architectures_are_refused(tmp_path, architecture):
    save_file(lower(weights("jumprelu")), tmp_path / "params.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"architecture": architecture}))
    with pytest.raises(ModelFileError, match="architecture"):
        load(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        *({name: None} for name in ("W_enc", "W_dec", "b_enc", "b_dec", "threshold")),
        {"more": np.zeros(3)},
        {"W_enc": np.zeros((N_UNITS, N_FEATURES))},
        {"W_enc": np.zeros(3), "W_dec": np.zeros(3)},
        {"W_enc": np.zeros((0, 0)), "W_dec": np.zeros((0, 0))},
        {"threshold": np.zeros(N_UNITS + 1)},
        {"threshold": np.zeros(N_UNITS, int)},
        {"threshold": np.full(N_UNITS, "a")},
        {"threshold": np.full(N_UNITS, np.inf)},
        {"b_dec": np.full(N_FEATURES, np.nan)},
        {"W_enc": np.zeros((N_FEATURES, N_UNITS), np.longdouble)},
    ],
)
def test_wrong_arrays_are_refused(tmp_path, changes):
    arrays = {name: array for name, array in {**weights("jumprelu"), **changes}.items() if array is not None}
    np.savez(tmp_path / "params.npz", **arrays)
    with pytest.raises(ModelFileError, match=r"params\.npz"):
        load(tmp_path)


class Executes:
    def __reduce__(self):
        return pytest.fail, ("a pickle was executed",)


def npy(header):
    """The beginning of a file of an array, with any header."""
    text = header.encode("latin1") + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


HEADER = "{'descr': %s, 'fortran_order': False, 'shape': %s}"


@pytest.mark.parametrize(
    "content",
    [
        npy(HEADER % ("'<f4'", "(1000000000000,)")),
        npy(HEADER % ("'<f4'", "(-1,)")),
        npy(HEADER % ("'<f4'", "(10**9,)")),
        npy(HEADER % ("'|O'", "(1,)")) + bytes(8),
        npy(HEADER % ("'V0'", "(5,)")),
        npy(HEADER % ("[('a', '<f4')]", "(2,)")) + bytes(8),
        npy("(" * 9000),
        npy("[" * 3000 + "]" * 3000),
        npy("{"),
        npy("'\\"),
        npy("__import__('os').abort()"),
        b"",
        b"\x93NUMPY\x09\x00",
    ],
)
def test_hostile_headers_are_refused(tmp_path, content):
    with zipfile.ZipFile(tmp_path / "params.npz", "w") as archive:
        archive.writestr("W_enc.npy", content)
    with pytest.raises(ModelFileError, match=r"params\.npz"):
        load(tmp_path)


def test_pickles_are_not_executed(tmp_path):
    array = np.empty(1, object)
    array[0] = Executes()
    np.savez(tmp_path / "params.npz", W_enc=array)
    with pytest.raises(ModelFileError):
        load(tmp_path)


def test_files_that_expand_without_end_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "params.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("W_enc.npy", "w") as file:
            file.write(npy(HEADER % ("'<f4'", "(8, 1048576)")))
            file.write(bytes(32 << 20))
    with pytest.raises(ModelFileError, match="expanded"):
        load(tmp_path)


def test_files_that_expand_at_once_are_refused(tmp_path):
    """These expand as a whole, whatever size they claim: zipfile asks their decompressors for no limit."""
    for compression in zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2:
        with zipfile.ZipFile(tmp_path / "params.npz", "w", compression) as archive:
            archive.writestr("W_enc.npy", npy(HEADER % ("'<f4'", "(8, 16)")) + bytes(512))
        with pytest.raises(ModelFileError, match="compressed in another way"):
            load(tmp_path)


def test_damaged_archives_are_refused(tmp_path):
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **weights("jumprelu"))
    whole, path = bytearray(buffer.getvalue()), tmp_path / "params.npz"
    for content in b"", whole[: len(whole) // 2], b"PK\x05\x06" + bytes(18), bytes(100):
        path.write_bytes(content)
        with pytest.raises(ModelFileError):
            load(path)
    whole[300] ^= 255  # inside the compressed numbers
    path.write_bytes(whole)
    with pytest.raises(ModelFileError):
        load(path)


def test_what_is_written_by_others_is_not_written(tmp_path):
    save_file(lower(weights("jumprelu")), tmp_path / "params.safetensors")
    with pytest.raises(ValueError, match="'saelens'"):
        save(load(tmp_path), tmp_path / "other", format="gemma_scope")
    assert set(load_file(tmp_path / "params.safetensors")) == {"w_enc", "w_dec", "b_enc", "b_dec", "threshold"}
