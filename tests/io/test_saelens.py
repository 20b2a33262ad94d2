"""Folders of SAELens: read as its equations say, and written so that they say the same."""

import json
import pickle

import naive_exchange
import numpy as np
import pytest
from exchange_files import (
    N_FEATURES,
    N_UNITS,
    VERSIONS,
    K,
    assert_computes,
    assert_reads,
    bfloat16,
    data,
    saelens,
    weights,
    write_safetensors,
)
from safetensors.numpy import load_file, save_file
from sklearn.base import clone
from sklearn.datasets import load_digits

from skl_sae import SparseAutoencoder
from skl_sae.io import ModelFileError, load, meet_target_l0, save
from skl_sae.sparsity import L1, AbsTopK, BatchTopK, JumpReLU, Matryoshka, TopK

ARCHITECTURES = "standard", "topk", "abstopk", "jumprelu", "gated"
each_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES)


@pytest.mark.parametrize("centred", [True, False])
@each_architecture
def test_reads_the_published_equations(tmp_path, architecture, centred):
    tensors = weights(architecture)
    folder = saelens(tmp_path, tensors, architecture, apply_b_dec_to_input=centred)
    sae = assert_reads(folder, architecture, tensors, K, centred)
    assert (sae.n_components, sae.n_features_in_, sae.scale) == (N_UNITS, N_FEATURES, False)
    assert sae.transform(data()).dtype == np.float32
    assert sae.score(data()) <= 1 and repr(sae).startswith("SparseAutoencoder")


@each_architecture
def test_reads_the_types_of_files(tmp_path, architecture):
    for dtype in np.float16, np.float64:
        tensors = weights(architecture, dtype=dtype)
        sae = assert_reads(saelens(tmp_path / dtype.__name__, tensors, architecture), architecture, tensors, K)
        assert sae.coefs_[0].dtype == np.result_type(dtype, np.float32)


def test_reads_bfloat16(tmp_path):
    tensors, folder = weights("gated"), tmp_path
    saelens(folder, tensors, "gated", dtype="bfloat16")
    bits = {name: bfloat16(array) for name, array in tensors.items()}
    entries = {name: ("BF16", each.shape, each.tobytes()) for name, (each, _) in bits.items()}
    write_safetensors(folder / "sae_weights.safetensors", entries)
    assert_reads(folder, "gated", {name: numbers for name, (_, numbers) in bits.items()})


# models of ours


RULES = {
    **{"topk": "topk", "abs_topk": "abstopk", "batch_topk": "jumprelu", "matryoshka": "jumprelu"},
    **{"jumprelu": "jumprelu", "gated": "gated", "l1": "standard", "lifetime_topk": "standard"},
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("rule", [*RULES, "l1 with a target"])
def test_writes_the_published_equations(tmp_path, rule, batch_norm, dtype):
    X = load_digits(return_X_y=True)[0].astype(dtype) + 50
    sparsity = L1(target_l0=6) if rule not in RULES else rule
    sae = SparseAutoencoder(16, sparsity=sparsity, batch_norm=batch_norm, max_iter=2, random_state=0).fit(X)
    save(sae, tmp_path / "model", format="saelens")
    tensors = load_file(tmp_path / "model" / "sae_weights.safetensors")
    cfg = json.loads((tmp_path / "model" / "cfg.json").read_text())
    assert cfg["architecture"] == RULES.get(rule, "jumprelu") and {each.dtype for each in tensors.values()} == {
        np.dtype(dtype)
    }
    codes = naive_exchange.encode(cfg["architecture"], X, tensors, cfg.get("k"), cfg["apply_b_dec_to_input"])
    assert_computes(sae, X, codes, naive_exchange.decode(codes, tensors), 1e-5 if dtype is np.float32 else 1e-12)
    assert_computes(load(tmp_path / "model"), X, codes, sae.reconstruct(X), 1e-5 if dtype is np.float32 else 1e-12)


def test_the_settings_that_are_written(tmp_path):
    X = load_digits(return_X_y=True)[0]
    sae = SparseAutoencoder(16, sparsity=BatchTopK(3), max_iter=1, random_state=0).fit(X)
    save(sae, tmp_path / "model", format="saelens")
    cfg = json.loads((tmp_path / "model" / "cfg.json").read_text())
    metadata = cfg.pop("metadata")
    common = {"device": "cpu", "dtype": "float64", "normalize_activations": "none", "reshape_activations": "none"}
    sizes = {"d_in": 64, "d_sae": 16, "apply_b_dec_to_input": True}
    assert cfg == {"architecture": "jumprelu", **common, **sizes}
    assert metadata["sae_lens_version"].startswith("6.") and metadata["sae_lens_training_version"] is None
    assert metadata["training_library"].startswith("skl_sae ") and metadata["training_rule"] == "BatchTopK(k=3)"
    assert metadata["l0"] == 3 and metadata["num_dead_features"] == round(16 * sae.dead_fraction_)


@pytest.mark.parametrize(
    ("rule", "k", "l0"),
    [
        *((TopK(np.int64(4)), 4, 4), (TopK(4, transform_k=6), 6, 6), (AbsTopK(0.5), 8, 8)),
        *((Matryoshka(BatchTopK(4)), None, 4), (JumpReLU(), None, None)),
    ],
)
def test_the_number_of_active_units_is_written(tmp_path, rule, k, l0):
    X = load_digits(return_X_y=True)[0][:200]
    sae = SparseAutoencoder(16, sparsity=rule, max_iter=1, random_state=0).fit(X)
    save(sae, tmp_path / "model", format="saelens")
    cfg = json.loads((tmp_path / "model" / "cfg.json").read_text())
    assert cfg.get("k") == k and cfg["metadata"].get("l0") == l0
    np.testing.assert_allclose(load(tmp_path / "model").transform(X), sae.transform(X), atol=1e-10)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"skip": True}, "skip=True"),
        ({"hidden_layer_sizes": (8,)}, "hidden layers"),
        ({"activation": "tanh", "sparsity": None}, "activation='tanh'"),
        ({"output_activation": "relu"}, "output_activation='relu'"),
    ],
)
def test_what_files_cannot_hold_is_refused(tmp_path, options, reason):
    sae = SparseAutoencoder(6, max_iter=1, **options).fit(abs(data(200)))
    with pytest.raises(ValueError, match=reason) as caught:
        save(sae, tmp_path / "model", format="saelens")
    assert "skl_sae" in str(caught.value) and not (tmp_path / "model").exists()


# what files of older versions, and of unfinished trainings, have


def test_settings_of_before_version_6(tmp_path):
    tensors = weights("topk")
    old = {"hook_point": "blocks.2.attn.hook_z", "hook_point_head_index": None, "activation_fn_str": "topk"}
    old |= {"activation_fn_kwargs": {"k": K}, "sae_lens_version": "3.1.0", "normalize_activations": False}
    none = dict.fromkeys(("metadata", "k", "reshape_activations", "apply_b_dec_to_input"))
    folder = saelens(tmp_path / "old", tensors, "standard", **old, **none, model_name="gpt2-small", l1_coefficient=2.0)
    sae = assert_reads(folder, "topk", tensors, K)
    save(sae, tmp_path / "new", format="saelens")
    cfg = json.loads((tmp_path / "new" / "cfg.json").read_text())
    assert cfg["architecture"] == "topk" and cfg["k"] == K and cfg["l1_coefficient"] == 2.0
    assert not {"sae_lens_version", "activation_fn", "activation_fn_kwargs", "hook_point", "hook_name"} & set(cfg)
    assert cfg["reshape_activations"] == "hook_z"
    metadata = cfg["metadata"]
    assert metadata["hook_name"] == "blocks.2.attn.hook_z" and metadata["model_name"] == "gpt2-small"
    assert metadata["sae_lens_version"].startswith("6.") and metadata["sae_lens_training_version"] == "3.1.0"


def test_other_activations_of_before_version_6_are_refused(tmp_path):
    folder = saelens(tmp_path, weights("standard"), "standard", metadata=None, activation_fn_str="tanh-relu")
    with pytest.raises(ModelFileError, match="'tanh-relu'"):
        load(folder)


def test_a_factor_of_each_feature(tmp_path):
    tensors, factor = weights("standard"), np.linspace(0.5, 2, N_UNITS, dtype=np.float32)
    for name, each, tuned in ("ones", np.ones_like(factor), False), ("others", factor, True):
        old = {"metadata": None, "finetuning_scaling_factor": tuned}
        folder = saelens(tmp_path / name, {**tensors, "scaling_factor": each}, "standard", **old)
        sae, codes = load(folder), naive_exchange.encode("standard", data(), tensors)
        assert_computes(sae, data(), codes, naive_exchange.decode(codes * each, tensors))
    folder = saelens(tmp_path / "bad", {**tensors, "scaling_factor": factor}, "standard")
    with pytest.raises(ModelFileError, match="scaling_factor"):
        load(folder)


@pytest.mark.parametrize("architecture", ["topk", "abstopk"])
def test_units_chosen_by_the_norms_of_the_decoder(tmp_path, architecture):
    """Codes are pre-activations times the norms; a row of zeros has none."""
    tensors = weights(architecture)
    tensors["W_dec"][[2, 5]] = 0
    sae = load(saelens(tmp_path, tensors, architecture, rescale_acts_by_decoder_norm=True))
    norms = np.linalg.norm(tensors["W_dec"].astype(float), axis=1)
    scaled = {**tensors, "W_enc": tensors["W_enc"] * norms, "b_enc": tensors["b_enc"] * norms}
    codes = naive_exchange.encode(architecture, data(), scaled, K)
    reconstruction = naive_exchange.decode(codes / np.where(norms > 0, norms, 1), tensors)
    assert not codes[:, [2, 5]].any()
    assert_computes(sae, data(), codes, reconstruction)


def scaler(folder, factor, **others):
    (folder / "activation_scaler.json").write_text(json.dumps({"scaling_factor": factor, **others}))


@pytest.mark.parametrize("centred", [True, False])
@each_architecture
def test_data_that_is_multiplied_by_a_number(tmp_path, architecture, centred):
    tensors, factor = weights(architecture), 0.37
    options = {"apply_b_dec_to_input": centred, "normalize_activations": "expected_average_only_in"}
    folder = saelens(tmp_path, tensors, architecture, **options)
    with pytest.raises(ModelFileError, match=r"expected_average_only_in.*activation_scaler\.json"):
        load(folder)
    scaler(folder, None)
    with pytest.raises(ModelFileError, match="got None"):
        load(folder)
    scaler(folder, factor)
    codes = naive_exchange.encode(architecture, factor * data(), tensors, K, centred)
    assert_computes(load(folder), data(), codes, naive_exchange.decode(codes, tensors) / factor)


@pytest.mark.parametrize("centred", [True, False])
@each_architecture
def test_data_that_is_whitened(tmp_path, architecture, centred):
    tensors, random = weights(architecture), np.random.default_rng(3)
    mean, matrix = random.standard_normal(N_FEATURES), random.standard_normal((N_FEATURES, N_FEATURES))
    options = {"apply_b_dec_to_input": centred, "normalize_activations": "covariance_whitening"}
    folder = saelens(tmp_path, tensors, architecture, **options)
    with pytest.raises(ModelFileError, match=r"activation_whitening\.safetensors"):
        load(folder)
    inverse = np.linalg.inv(matrix)
    maps = {"mean": mean, "matrix": matrix, "inverse_matrix": inverse}
    save_file(maps, folder / "activation_whitening.safetensors")
    codes = naive_exchange.encode(architecture, (data() - mean) @ matrix, tensors, K, centred)
    assert_computes(load(folder), data(), codes, naive_exchange.decode(codes, tensors) @ inverse + mean)
    save_file({"mean": mean, "matrix": matrix}, folder / "activation_whitening.safetensors")
    with pytest.raises(ModelFileError, match="inverse_matrix"):
        load(folder)


@pytest.mark.parametrize("normalization", ["layer_norm", "constant_norm_rescale", "no such"])
def test_rows_that_are_normalised_are_refused(tmp_path, normalization):
    folder = saelens(tmp_path, weights("standard"), "standard", normalize_activations=normalization)
    with pytest.raises(ModelFileError, match=normalization):
        load(folder)


@pytest.mark.parametrize("factor", [None, 0.4])
@pytest.mark.parametrize("architecture", ["batchtopk", "matryoshka_batchtopk"])
def test_unfinished_trainings_of_batch_topk(tmp_path, architecture, factor):
    """As SAELens finishes them: the factor on the data first, which the threshold follows, then the norms."""
    tensors, threshold = weights(architecture), 0.5
    normalization = "none" if factor is None else "expected_average_only_in"
    options = {"rescale_acts_by_decoder_norm": True, "normalize_activations": normalization, "k": 5.5}
    saelens(tmp_path, {**tensors, "topk_threshold": np.array(threshold)}, architecture, **options)
    scaler(tmp_path, factor)
    factor = factor or 1
    norms = np.linalg.norm(tensors["W_dec"].astype(float), axis=1) / factor
    expected = {"W_enc": tensors["W_enc"] * factor * norms, "b_enc": tensors["b_enc"] * norms}
    expected |= {"W_dec": tensors["W_dec"] / factor / norms[:, None], "b_dec": tensors["b_dec"] / factor}
    assert_reads(tmp_path, "jumprelu", {**expected, "threshold": np.full(N_UNITS, threshold / factor)})


def test_logarithms_of_thresholds(tmp_path):
    tensors = weights("jumprelu")
    stored = {name: array for name, array in tensors.items() if name != "threshold"}
    folder = saelens(tmp_path, {**stored, "log_threshold": np.log(tensors["threshold"])}, "jumprelu")
    assert_reads(folder, "jumprelu", tensors)


def test_thresholds_below_zero_do_nothing(tmp_path):
    tensors = weights("jumprelu")
    tensors["threshold"] -= 0.4
    assert (tensors["threshold"] < 0).any()
    assert_reads(saelens(tmp_path, tensors, "jumprelu"), "jumprelu", tensors)


def test_how_often_units_were_active_tells_the_dead(tmp_path):
    folder, logs = saelens(tmp_path, weights("topk"), "topk"), np.full(N_UNITS, -3, np.float32)
    assert np.isnan(load(folder).dead_fraction_)
    logs[:6] = -10
    save_file({"sparsity": logs}, folder / "sparsity.safetensors")
    sae = load(folder)
    assert sae.dead_fraction_ == 0.25
    save(sae, folder, format="saelens")
    assert not (folder / "sparsity.safetensors").exists()  # it was about the model before
    assert json.loads((folder / "cfg.json").read_text())["metadata"]["num_dead_features"] == 6
    save_file({"sparsity": logs[1:]}, folder / "sparsity.safetensors")
    with pytest.raises(ModelFileError, match="sparsity"):
        load(folder)


# what is unknown comes out again


def test_unknown_settings_are_kept(tmp_path):
    metadata = {**VERSIONS, "hook_name": "blocks.3.hook_resid_post", "notes": {"deep": [1, None, "\N{SNOWMAN}"]}}
    metadata |= {"l0": 4.5, "training_architecture": "topk"}
    folder = saelens(tmp_path / "a", weights("topk"), "topk", metadata=metadata, of_tomorrow=[1, 2])
    sae = pickle.loads(pickle.dumps(load(folder)))
    assert sae.file_metadata_["saelens"]["metadata"]["hook_name"] == "blocks.3.hook_resid_post"
    assert not hasattr(clone(sae), "file_metadata_")
    save(sae, tmp_path / "b", format="saelens")
    cfg = json.loads((tmp_path / "b" / "cfg.json").read_text(encoding="utf-8"))
    assert cfg["metadata"] == metadata and cfg["of_tomorrow"] == [1, 2]
    sae.partial_fit(data())
    save(sae, tmp_path / "c", format="saelens")
    trained = json.loads((tmp_path / "c" / "cfg.json").read_text(encoding="utf-8"))["metadata"]
    assert trained["notes"] == metadata["notes"] and trained["l0"] == K and "training_architecture" not in trained
    assert trained["sae_lens_training_version"] is None and trained["training_library"].startswith("skl_sae")


# known bad files


DETAILS = {"k": 3, "rescale_acts_by_decoder_norm": True}
BAD = {"training_architecture": "batchtopk", "training_architecture_details": DETAILS}


@pytest.mark.parametrize(
    ("version", "details", "bad"),
    [
        *(("6.14.0", {}, True), ("6.54.8", BAD, True), ("6.54.9", BAD, False), ("6.13.1", {}, False)),
        *(("6.50.0", {"training_architecture": "jumprelu"}, False), (None, BAD, False), ("strange", BAD, False)),
        ("6.50.0", {**BAD, "training_architecture_details": {"rescale_acts_by_decoder_norm": False}}, False),
    ],
)
def test_thresholds_that_may_be_wrong_are_told(tmp_path, version, details, bad, recwarn):
    tensors = weights("jumprelu")
    tensors["threshold"][:] = 0.3
    metadata = {**VERSIONS, "sae_lens_training_version": version, **details}
    assert_reads(saelens(tmp_path, tensors, "jumprelu", metadata=metadata), "jumprelu", tensors)
    assert ["meet_target_l0" in str(each.message) for each in recwarn.list] == [True] * bad


@pytest.mark.parametrize("uneven", [False, True])
def test_thresholds_are_set_by_data(tmp_path, uneven):
    """By one factor, so that their ratios stay; the model before stays as it is."""
    tensors, X = weights("jumprelu"), data(500)
    if not uneven:
        tensors["threshold"][:] = 3
    sae = load(saelens(tmp_path, tensors, "jumprelu"))
    before, other = sae.transform(X), meet_target_l0(sae, X, 4)
    assert abs((other.transform(X) != 0).sum(axis=1).mean() - 4) < 0.01
    ratios = other.sparsity_.threshold_ / sae.sparsity_.threshold_
    np.testing.assert_allclose(ratios, ratios[0], rtol=1e-5)
    assert ratios[0] != 1 and np.array_equal(sae.transform(X), before)
    other.partial_fit(X)
    assert other.file_metadata_ == sae.file_metadata_


def test_thresholds_of_zero_become_one_for_all(tmp_path):
    tensors, X = weights("jumprelu"), data(500)
    tensors["threshold"][3] = 0
    sae = load(saelens(tmp_path, tensors, "jumprelu"))
    other = meet_target_l0(sae, X, 4)
    assert np.unique(other.sparsity_.threshold_).size == 1
    assert abs((other.transform(X) != 0).sum(axis=1).mean() - 4) < 0.01
    with pytest.warns(UserWarning, match="out of reach"):
        every = meet_target_l0(sae, X, N_UNITS)
    assert not every.sparsity_.threshold_.any()


def test_targets_that_cannot_be_are_refused(tmp_path):
    sae = load(saelens(tmp_path, weights("topk"), "topk"))
    with pytest.raises(ValueError, match="has none"):
        meet_target_l0(sae, data(), 4)
    sae = load(saelens(tmp_path / "other", weights("jumprelu"), "jumprelu"))
    for target in 0, N_UNITS + 1, "4", np.nan:
        with pytest.raises(ValueError, match="target_l0"):
            meet_target_l0(sae, data(), target)


# training goes on


@each_architecture
def test_training_goes_on_from_a_file(tmp_path, architecture):
    """The first chunk moves what it must and wrecks nothing, also where the decoder's rows do not have norm one."""
    X = load_digits(return_X_y=True)[0].astype(np.float32)
    rule = {"standard": L1(), "abstopk": "abs_topk"}.get(architecture, architecture)
    trained = SparseAutoencoder(32, sparsity=rule, max_iter=5, random_state=0).fit(X)
    save(trained, tmp_path, format="saelens")
    tensors = load_file(tmp_path / "sae_weights.safetensors")
    for name in {"W_enc", "b_enc", "threshold", "b_gate", "b_mag"} & set(tensors):
        tensors[name] = tensors[name] / np.float32(8)
    save_file({**tensors, "W_dec": tensors["W_dec"] * 8}, tmp_path / "sae_weights.safetensors")
    sae = load(tmp_path)
    before, codes = sae.score(X), sae.transform(X)
    np.testing.assert_allclose(codes, trained.transform(X) / 8, atol=1e-4 * codes.max())
    active = (codes != 0).mean()
    sae.partial_fit(X[:300])
    assert sae.score(X) > before - 0.03
    assert abs((sae.transform(X) != 0).mean() - active) < 0.1 * active
    sae.set_params(learning_rate_init=sae.learning_rate_init / 2).partial_fit(X[300:600])
    assert sae.score(X) > before - 0.03


def test_the_first_steps_leave_thresholds_of_units_that_are_silent(tmp_path):
    tensors = weights("jumprelu")
    tensors["threshold"] += np.float32(1e4)
    sae = load(saelens(tmp_path, tensors, "jumprelu"))
    sae.set_params(sparsity=JumpReLU(), dead_units=None, batch_size=10)
    thresholds = sae.sparsity_.threshold_
    sae.partial_fit(data(1000))
    np.testing.assert_allclose(sae.sparsity_.threshold_, thresholds, rtol=0.02)


@each_architecture
def test_the_files_of_this_library_keep_what_was_loaded(tmp_path, architecture):
    """The metadata, and that the decoder's rows have norms of their own."""
    sae = load(saelens(tmp_path / "a", weights(architecture), architecture))
    sae.set_params(random_state=0)
    save(sae, tmp_path / "b")
    other = load(tmp_path / "b")
    assert other.file_metadata_ == sae.file_metadata_
    for each in sae, other:
        each.partial_fit(data())
    assert np.array_equal(other.transform(data()), sae.transform(data()))
    assert not np.allclose(np.linalg.norm(other.components_, axis=1), 1, atol=0.1)
