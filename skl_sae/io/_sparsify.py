"""Folders of sparsify (`eai-sparsify`), EleutherAI's library of top-k autoencoders, and of `latentsae`, its relative.

``sae.safetensors`` holds ``encoder.weight`` and ``W_dec`` (units, features), ``encoder.bias``, ``b_dec`` and, with a
skip connection, ``W_skip`` with outputs on the first axis; ``cfg.json`` says the rest (sparsify 1.3.3, `SparseCoder`).
All tensors are cast to the type of the first one by name, which is ``W_dec``. `latentsae` 0.2.0 adds ``sae_type``, and
a mean that is subtracted from the input beside ``b_dec``.
"""

import json

import numpy as np

from .._warning import warn
from . import _safetensors
from ._atomic import write_files
from ._contents import Config, check_names
from ._errors import ModelFileError
from ._plain import PlainSAE, from_estimator, to_estimator

WEIGHTS, CONFIG = "sae.safetensors", "cfg.json"
NAMES = {"encoder": "encoder.weight", "encoder_bias": "encoder.bias", "decoder": "W_dec", "bias": "b_dec"}
# Arrays that a kind of latentsae has besides.
OWN = {"topk": (), "abstopk": (), "jumprelu": ("log_threshold",), "batchtopk": ("batchtopk_threshold",)}


def recognises(path):
    """Whether it is such a folder."""
    return (path / WEIGHTS).is_file()


def read(path):
    """Read a folder as a fitted estimator."""
    config, source = Config.read(path / CONFIG), path / WEIGHTS
    arrays, _ = _safetensors.read(source)
    latent = "sae_type" in config.values
    kind, names, mean = _kind(config), [*NAMES.values()], config.boolean("mean_center", False)
    names += ["W_skip"] * config.boolean("skip_connection", False) + ["input_mean"] * mean + [*OWN[kind]]
    check_names(arrays, source, names)
    features = config.integer("d_in", 1)
    units = config.integer("num_latents", 0, 0) or features * config.integer("expansion_factor", 1, 32)
    if arrays["encoder.weight"].shape != (units, features):
        raise ModelFileError(
            f"{source}: encoder.weight has the shape {arrays['encoder.weight'].shape}, expected {(units, features)} "
            f"from {CONFIG}: the number of units, and d_in."
        )
    arrays = _cast(arrays, np.float32 if latent else arrays["W_dec"].dtype)
    if mean and arrays["input_mean"].shape == arrays["b_dec"].shape:
        arrays["b_dec"] = arrays["b_dec"] + arrays.pop("input_mean")
    if "input_mean" in arrays:
        raise ModelFileError(f"{source}: input_mean has the shape {arrays['input_mean'].shape}, b_dec another one.")
    plain = {name: arrays[given] for name, given in NAMES.items()}
    if "W_skip" in arrays:
        plain["skip"] = arrays["W_skip"].T
    return to_estimator(PlainSAE(**_rule(kind, config, arrays, units), **plain), source)


def _kind(config):
    """The rule in words, of `OWN`; raise where it is none of ours."""
    refused = {
        "a transcoder, which predicts other data than it reads": config.boolean("transcode", False),
        "a skip connection of latentsae, which reads centred data": config.boolean("use_skip", False),
        f"activation={config.values.get('activation')!s:.50}": config.text("activation", "topk") != "topk",
    }
    for reason, holds in refused.items():
        if holds:
            raise ModelFileError(f"{config.source}: a model with {reason} cannot be read as an autoencoder of skl_sae.")
    kind = config.text("sae_type", "abstopk" if config.boolean("signed", False) else "topk").lower()
    if kind not in OWN:
        raise ModelFileError(f"{config.source}: got sae_type={kind!s:.50}, expected one of {', '.join(OWN)}.")
    return kind


def _cast(arrays, dtype):
    """Arrays in another type, of those that hold real numbers; what is too large for it becomes infinite."""
    with np.errstate(over="ignore"):
        return {name: a.astype(dtype, copy=False) if a.dtype.kind == "f" else a for name, a in arrays.items()}


def _rule(kind, config, arrays, units):
    """What the rule knows, as `PlainSAE` has it."""
    k = config.integer("k", 1, 32)
    if kind in ("topk", "abstopk"):
        return {"kind": kind, "k": k}
    cap = min(k if kind == "batchtopk" else config.integer("jumprelu_max_active", 1, 512), units)
    if cap < units:
        warn(
            f"{config.source}: latentsae cuts each row at the {cap} largest units above the threshold; here a row has "
            "all units above it. Rows with more than these have other codes."
        )
    if kind == "jumprelu":
        with np.errstate(over="ignore"):
            return {"kind": "jumprelu", "threshold": np.exp(arrays["log_threshold"])}
    threshold = arrays["batchtopk_threshold"]
    if threshold.shape != ():
        raise ModelFileError(f"{config.source}: batchtopk_threshold has the shape {threshold.shape}, expected ().")
    if threshold > 0:  # there a unit at the threshold is active
        threshold = np.nextafter(threshold, np.zeros_like(threshold))
    return {"kind": "jumprelu", "threshold": np.full(units, np.maximum(threshold, 0))}


def write(sae, folder):
    """Write a folder that `SparseCoder.load_from_disk` reads."""
    plain = from_estimator(sae, "sparsify")
    if plain.kind != "topk":
        raise ValueError(
            f"Files of the format 'sparsify' hold TopK with activation='relu', got {sae.sparsity_!r}. Use the format "
            "'skl_sae', or 'saelens', which knows more rules."
        )
    dtype = sae.components_.dtype
    arrays = {given: getattr(plain, name).astype(dtype) for name, given in NAMES.items()}
    if plain.skip is not None:
        arrays["W_skip"] = plain.skip.T.astype(dtype)
    units, features = plain.encoder.shape
    unit_norm = np.allclose(np.linalg.norm(plain.decoder, axis=1), 1)
    config = {
        **{"activation": "topk", "expansion_factor": max(1, units // features), "normalize_decoder": bool(unit_norm)},
        **{"num_latents": units, "k": plain.k, "multi_topk": False, "skip_connection": plain.skip is not None},
        **{"transcode": False, "d_in": features},
    }
    write_files(
        folder,
        {
            WEIGHTS: lambda path: _safetensors.write(path, arrays),
            CONFIG: lambda path: path.write_text(json.dumps(config), encoding="utf-8"),
        },
    )
