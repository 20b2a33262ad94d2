"""Models of SAELens: a folder with `sae_weights.safetensors` and `cfg.json` (https://github.com/decoderesearch/SAELens).

A SAELens model encodes and decodes as the record in `_plain` says, with the weights of the encoder transposed. Around
that, older or unfinished models have factors that are folded in here: see the functions below `_tensors`.
"""

from pathlib import Path

import numpy as np

from .._version import __version__
from . import _safetensors
from ._contents import write_contents
from ._errors import ModelFileError
from ._json import expect, read_json
from ._plain import PlainSAE, from_estimator, to_estimator
from ._saelens_config import BATCH, KINDS, VERSION, further_settings, read_config, warn_of_wrong_threshold

WEIGHTS, CONFIG, SPARSITY = "sae_weights.safetensors", "cfg.json", "sparsity.safetensors"
SCALER, WHITENING = "activation_scaler.json", "activation_whitening.safetensors"
# Tensors of each kind besides W_enc, W_dec and b_dec, and their names in the record.
OF_KIND = {
    **{kind: {"b_enc": "encoder_bias"} for kind in ("standard", "topk", "abstopk")},
    "jumprelu": {"b_enc": "encoder_bias", "threshold": "threshold"},
    "gated": {"b_gate": "encoder_bias", "r_mag": "gain", "b_mag": "magnitude_bias"},
}
FACTORS = "scaling_factor", "finetuning_scaling_factor"
#: Shares of active rows below this are those of dead units: SAELens writes log10(share + 1e-10).
DEAD = -9.99


def recognises(path):
    """Whether a folder has both files."""
    return (path / WEIGHTS).is_file() and (path / CONFIG).is_file()


def read(folder):
    """A fitted estimator.

    Parameters
    ----------
    folder : path

    Returns
    -------
    sae : SparseAutoencoder
    """
    folder = Path(folder)
    config = read_config(folder / CONFIG)
    with np.errstate(all="ignore"):  # what becomes infinite is refused
        tensors, kind = _tensors(config, folder), KINDS[config.architecture]
    own = {name: tensors[theirs] for theirs, name in OF_KIND[kind].items()}
    plain = PlainSAE(
        **{"kind": kind, "encoder": tensors["W_enc"].T, "decoder": tensors["W_dec"], "bias": tensors["b_dec"]},
        **{"k": config.k, "centred": config.centred, **own},
    )
    sae = to_estimator(plain, folder)
    if kind == "jumprelu":
        warn_of_wrong_threshold(config, plain.threshold, folder)
    sae.file_metadata_ = {"saelens": config.kept}
    if (folder / SPARSITY).is_file():
        sae.dead_fraction_ = _dead_fraction(folder / SPARSITY, config)
    return sae


def write(sae, folder):
    """Write a model into a folder; see `skl_sae.io.save`."""
    plain = from_estimator(sae, "saelens")
    if plain.skip is not None:
        raise ValueError("Files of the format 'saelens' cannot hold a model with skip=True: use 'skl_sae'.")
    dtype = sae._network.dtype
    tensors = {"W_enc": plain.encoder.T, "W_dec": plain.decoder, "b_dec": plain.bias}
    tensors |= {theirs: getattr(plain, name) for theirs, name in OF_KIND[plain.kind].items()}
    tensors = {name: array.astype(dtype, order="C") for name, array in tensors.items()}
    write_contents(folder, (WEIGHTS, tensors), (CONFIG, _settings(sae, plain, dtype)), indent=2)
    (Path(folder) / SPARSITY).unlink(missing_ok=True)  # that of an earlier model in this folder


def _settings(sae, plain, dtype):
    """What `cfg.json` says: how the model computes, and what came with it when it was loaded."""
    kept = getattr(sae, "file_metadata_", {}).get("saelens", {})
    metadata, further = (dict(kept.get(name) or {}) for name in ("metadata", "cfg"))
    if sae.n_steps_ > 0:  # it has been trained here since then
        for name in ("l0", "num_dead_features", "training_architecture", "training_architecture_details"):
            metadata.pop(name, None)
        metadata |= {"training_library": f"skl_sae {__version__}", "training_rule": repr(sae.sparsity_)}
        metadata["sae_lens_training_version"] = None
    metadata.setdefault("sae_lens_training_version", None)  # where it is missing, SAELens writes its own
    rule = getattr(sae.sparsity_, "rule_", sae.sparsity_)
    known = {"l0": plain.k or getattr(rule, "k_", None), "num_dead_features": None}
    if np.isfinite(sae.dead_fraction_):
        known["num_dead_features"] = round(sae.dead_fraction_ * len(plain.encoder))
    for name, value in known.items():
        if value is not None:
            metadata.setdefault(name, value)
    of_kind = {"k": plain.k, "rescale_acts_by_decoder_norm": False} if "topk" in plain.kind else {}
    return {
        **{"reshape_activations": "none", **further_settings(further)},
        **{"architecture": plain.kind, "d_in": plain.encoder.shape[1], "d_sae": plain.encoder.shape[0], **of_kind},
        **{"dtype": dtype.name, "device": "cpu", "apply_b_dec_to_input": True, "normalize_activations": "none"},
        "metadata": {**metadata, "sae_lens_version": VERSION},
    }


def _tensors(config, folder):
    """All tensors of a finished model, checked, with the factors of an unfinished one folded in."""
    tensors = _safetensors.read(folder / WEIGHTS)[0]
    _finish(tensors, config)
    factors = [tensors.pop(name) for name in FACTORS if name in tensors]
    n, d = config.n_units, config.n_features
    shapes = {"W_enc": (d, n), "W_dec": (n, d), "b_dec": (d,)}
    shapes |= dict.fromkeys(OF_KIND[KINDS[config.architecture]], (n,))
    found = {name: array.shape for name, array in tensors.items()}
    if found != shapes or any(array.dtype.kind != "f" for array in tensors.values()):
        raise ModelFileError(
            f"{folder / WEIGHTS}: got the tensors {_in_words(tensors)}, expected numbers of the shapes "
            f"{', '.join(f'{name} {shape}' for name, shape in shapes.items())} for the architecture "
            f"{config.architecture!r}, d_in={d} and d_sae={n}."
        )
    for factor in factors:
        _fold_fine_tuning(tensors, factor, config, folder)
    if config.normalization == "expected_average_only_in":
        _fold_scale(tensors, _scaling_factor(folder), config)
    if config.normalization == "covariance_whitening":
        _fold_whitening(tensors, config, folder)
    elif config.by_norm:
        _fold_norms(tensors)
    return tensors


def _in_words(tensors):
    """Names and shapes, for errors."""
    return ", ".join(f"{name[:30]} {array.shape} of {array.dtype}" for name, array in sorted(tensors.items())[:12])


def _finish(tensors, config):
    """Give an unfinished model the threshold that the finished one has."""
    if config.architecture in BATCH and tensors.get("topk_threshold", np.empty(0)).size == 1:
        tensors["threshold"] = np.full(config.n_units, tensors.pop("topk_threshold").item())
    if config.architecture == "jumprelu" and "log_threshold" in tensors and "threshold" not in tensors:
        tensors["threshold"] = np.exp(_widened(tensors.pop("log_threshold")))


def _fold_fine_tuning(tensors, factor, config, folder):
    """A factor for each feature, between code and decoder, of models of before version 6."""
    if factor.dtype.kind == "f" and np.allclose(factor, 1):
        return
    if not config.fine_tuned or factor.shape != (config.n_units,):
        raise ModelFileError(
            f"{folder / WEIGHTS}: got a scaling_factor of the shape {factor.shape} that is not 1 throughout, with "
            f"finetuning_scaling_factor={config.fine_tuned}; expected {(config.n_units,)} and true."
        )
    tensors["W_dec"] = tensors["W_dec"] * factor[:, None]


def _scaling_factor(folder):
    """The number that data was multiplied by in an unfinished training."""
    path = folder / SCALER
    factor = expect(read_json(path), "scaling_factor", float, None, path) if path.is_file() else None
    if factor is None or not factor > 0:
        raise ModelFileError(
            f"{folder}: with normalize_activations='expected_average_only_in' data is multiplied by a number before "
            f"the encoder: got {factor}, expected it as scaling_factor, above 0, in {SCALER}. Save the finished model, "
            "or set normalize_activations to 'none' in a copy of the file and multiply X by sqrt(n_features) / (mean "
            "norm of its rows)."
        )
    return factor


def _fold_scale(tensors, factor, config):
    """A factor on the data. A threshold on what the norms of the decoder have a part in follows them."""
    tensors["W_enc"] = _widened(tensors["W_enc"]) * factor
    for name in "W_dec", "b_dec":
        tensors[name] = _widened(tensors[name]) / factor
    if config.architecture in BATCH and config.by_norm:
        tensors["threshold"] = tensors["threshold"] / factor


def _fold_norms(tensors):
    """Move the norms of the decoder's rows to the encoder: units are chosen, and codes are given, by their product.

    The threshold of an unfinished model is one on the product already.
    """
    encoder, bias, decoder = (_widened(tensors[name]) for name in ("W_enc", "b_enc", "W_dec"))
    norms = np.sqrt(np.einsum("ij,ij->i", decoder, decoder, dtype=np.float64)).astype(decoder.dtype)
    tensors["W_enc"], tensors["b_enc"] = encoder * norms, bias * norms
    tensors["W_dec"] = decoder / np.where(norms > 0, norms, 1)[:, None]


def _fold_whitening(tensors, config, folder):
    """An affine map of the data to uncorrelated features, ``(x - mean) @ matrix``, and back.

    It changes the norms of the decoder's rows, which are therefore folded before.
    """
    path, d = folder / WHITENING, config.n_features
    if not path.is_file():
        raise ModelFileError(
            f"{folder}: with normalize_activations='covariance_whitening' data is whitened before the encoder: "
            f"expected the maps in {WHITENING}. Save the finished model, which contains them."
        )
    maps, shapes = _safetensors.read(path)[0], {"mean": (d,), "matrix": (d, d), "inverse_matrix": (d, d)}
    if {name: array.shape for name, array in maps.items()} != shapes or any(m.dtype.kind != "f" for m in maps.values()):
        raise ModelFileError(f"{path}: got the tensors {_in_words(maps)}, expected the shapes {shapes}.")
    if config.by_norm:
        _fold_norms(tensors)
    mean, matrix, inverse = (maps[name].astype(np.float64) for name in shapes)
    dtype = _widened(tensors["W_enc"]).dtype
    encoder = matrix @ tensors["W_enc"]
    if not config.centred:
        shift = mean @ encoder
        for name in {"b_enc", "b_gate", "b_mag"} & set(tensors):
            tensors[name] = tensors[name] - (shift * np.exp(tensors["r_mag"]) if name == "b_mag" else shift)
    tensors["W_enc"], tensors["W_dec"] = encoder.astype(dtype), (tensors["W_dec"] @ inverse).astype(dtype)
    tensors["b_dec"] = (tensors["b_dec"] @ inverse + mean).astype(dtype)


def _widened(array):
    """Numbers of 16 bits as float32."""
    return array.astype(np.float32) if array.itemsize < 4 else array


def _dead_fraction(path, config):
    """The share of dead units, from the logarithms of how often each was active."""
    logs = _safetensors.read(path)[0].get("sparsity", np.empty(0))
    if logs.shape != (config.n_units,) or logs.dtype.kind != "f":
        raise ModelFileError(f"{path}: expected a tensor sparsity of the shape {(config.n_units,)}, got {logs.shape}.")
    return float(np.mean(logs < DEAD))
