"""Settings of strangers: whatever stands in a file, there is one error, and it names the file."""

import json

import pytest
from exchange_files import saelens, weights

from skl_sae.io import ModelFileError, load
from skl_sae.io._json import expect, read_json

BAD = {
    **{"nothing": b"", "half": b'{"d_in": 12', "no text": b"\xff\xfe\x00", "an array": b"[1, 2]", "a number": b"3"},
    **{"a name twice": b'{"d_in": 12, "d_in": 12}', "inside": b'{"metadata": {"a": 1, "a": 2}}'},
    **{"NaN": b'{"a": NaN}', "infinity": b'{"a": [-Infinity]}', "an overflow": b'{"a": 1e999}'},
    **{"many digits": b'{"a": ' + b"9" * 10_000 + b"}", "deep": b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"},
    "more than 64 bits": b'{"a": 9223372036854775808}',
    **{"rather deep": b'{"a": ' + b"[" * 60 + b"]" * 60 + b"}", "large": b'{"a": "' + b"x" * (1 << 24) + b'"}'},
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
def test_bad_json(tmp_path, content):
    folder = saelens(tmp_path, weights("topk"), "topk")
    (folder / "cfg.json").write_bytes(content)
    with pytest.raises(ModelFileError, match=r"cfg\.json cannot be read as JSON"):
        load(folder)


def test_good_json(tmp_path):
    settings = {"a": [[1, {"b": None}], "\N{SNOWMAN}", "\ud800"], "c": 1 << 62, "d": 1.5, "e": [], "f": True}
    (tmp_path / "a.json").write_text(json.dumps(settings))
    assert read_json(tmp_path / "a.json") == settings


WRONG = {
    **{"architecture": 3, "d_in": "12", "d_sae": 24.5, "k": "5", "apply_b_dec_to_input": 1, "metadata": []},
    **{"normalize_activations": {}, "rescale_acts_by_decoder_norm": "yes", "finetuning_scaling_factor": [1]},
}


@pytest.mark.parametrize("name", WRONG)
def test_settings_of_wrong_types(tmp_path, name):
    folder = saelens(tmp_path, weights("topk"), "topk", **{name: WRONG[name]})
    with pytest.raises(ModelFileError, match=f"cfg.json: got {name}="):
        load(folder)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("d_in", each) for each in (None, 0, -1, 11, True)),
        *(("d_sae", each) for each in (None, 0, -24, 25)),
        *(("k", each) for each in (None, 0, -1, 25, 5.5, True)),
        *(("architecture", each) for each in ("gated", "jumprelu", "no such")),
        *(("architecture", each) for each in ("matching_pursuit", "temporal", "transcoder", "skip_transcoder")),
    ],
)
def test_settings_that_do_not_fit(tmp_path, name, value):
    folder = saelens(tmp_path, weights("topk"), "topk", **{name: value})
    with pytest.raises(ModelFileError) as caught:
        load(folder)
    assert "expected" in str(caught.value).lower() or "missing" in str(caught.value)


@pytest.mark.parametrize("metadata", [{"sae_lens_version": 6}, {"sae_lens_version": "six"}, {"sae_lens_version": []}])
def test_strange_versions_are_old_ones(tmp_path, metadata):
    details = {"training_architecture_details": 7, "training_architecture": ["batchtopk"]}
    tensors = weights("jumprelu")
    load(saelens(tmp_path, tensors, "jumprelu", metadata={**metadata, **details}))


def test_types_of_settings():
    settings = {"a": 3.0, "b": True, "c": 2, "d": None, "e": float(1 << 60)}
    assert expect(settings, "a", int, None, "x") == 3 and expect(settings, "c", float, None, "x") == 2.0
    assert expect(settings, "d", int, 5, "x") == 5 and expect(settings, "missing", str, "s", "x") == "s"
    assert type(expect(settings, "e", int, None, "x")) is int
    for name, kind in ("b", int), ("b", float), ("a", bool), ("c", str):
        with pytest.raises(ModelFileError, match=f"got {name}="):
            expect(settings, name, kind, None, "x")


def test_folders_without_one_of_the_files(tmp_path):
    folder = saelens(tmp_path, weights("topk"), "topk")
    (folder / "cfg.json").unlink()
    with pytest.raises(ModelFileError, match=r"Found: sae_weights\.safetensors\. Known are.*cfg\.json"):
        load(folder)
