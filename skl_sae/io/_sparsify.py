"""Folders of sparsify (`eai-sparsify`), EleutherAI's library of top-k autoencoders, and of `latentsae`, its relative.

``sae.safetensors`` holds ``encoder.weight`` and ``W_dec`` (units, features), ``encoder.bias``, ``b_dec`` and, with a
skip connection, ``W_skip`` with outputs on the first axis; ``cfg.json`` says the rest (sparsify 1.3.3, `SparseCoder`).
All tensors are cast to the type of the first one by name, which is ``W_dec``. `latentsae` 0.2.0 adds ``sae_type``, and
a mean that is subtracted from the input beside ``b_dec``.
"""

import numpy as np

from .._warning import warn
from . import _safetensors
from ._contents import check_arrays, write_contents
from ._errors import ModelFileError
from ._json import expect, read_json
from ._plain import PlainSAE, from_estimator, to_estimator

WEIGHTS, CONFIG = "sae.safetensors", "cfg.json"
NAMES = {"encoder": "encoder.weight", "encoder_bias": "encoder.bias", "decoder": "W_dec", "bias": "b_dec"}
# Settings that say what a model computes; those of files are not kept, because the writer knows better.
COMPUTES = (
    *("activation", "expansion_factor", "normalize_decoder", "num_latents", "k", "skip_connection", "transcode"),
    *("d_in", "signed"),
)
# Arrays that a kind of latentsae has besides.
OWN = {"topk": (), "abstopk": (), "jumprelu": ("log_threshold",), "batchtopk": ("batchtopk_threshold",)}


def recognises(path):
    """Whether it is such a folder."""
    return (path / WEIGHTS).is_file()


@np.errstate(all="ignore")  # what becomes infinite is refused
def read(path):
    """Read a folder as a fitted estimator."""
    settings, source = path / CONFIG, path / WEIGHTS
    config = read_json(settings)
    arrays, _ = _safetensors.read(source)
    kind, names, mean = _kind(config, settings), [*NAMES.values()], expect(config, "mean_center", bool, False, settings)
    skip = expect(config, "skip_connection", bool, False, settings)
    check_arrays(arrays, source, [*names, *["W_skip"] * skip, *["input_mean"] * mean, *OWN[kind]])
    features, factor = (expect(config, *value, settings) for value in (("d_in", int, 0), ("expansion_factor", int, 32)))
    shape = expect(config, "num_latents", int, 0, settings) or features * factor, features
    if arrays["encoder.weight"].shape != shape:
        raise ModelFileError(
            f"{source}: encoder.weight has the shape {arrays['encoder.weight'].shape}, expected {shape} from {CONFIG}: "
            "num_latents, or d_in times expansion_factor where it is 0, and d_in."
        )
    dtype = np.float32 if "sae_type" in config else arrays["W_dec"].dtype
    arrays = {name: array.astype(dtype, copy=False) for name, array in arrays.items()}
    if mean:
        if arrays["input_mean"].shape != arrays["b_dec"].shape:
            raise ModelFileError(f"{source}: input_mean has the shape {arrays['input_mean'].shape}, b_dec another one.")
        arrays["b_dec"] = arrays["b_dec"] + arrays["input_mean"]
    weights = {name: arrays[given] for name, given in NAMES.items()}
    rule = _rule(kind, config, arrays, settings)
    sae = to_estimator(PlainSAE(**rule, **weights, skip=arrays["W_skip"].T if skip else None), source)
    sae.file_metadata_ = {"sparsify" if "sae_type" not in config else "latentsae": _further(config)}
    return sae


def _kind(config, settings):
    """The rule in words, of `OWN`; raise where it is none of ours."""
    activation = expect(config, "activation", str, "topk", settings)
    refused = {
        "a transcoder, which predicts other data than it reads,": expect(config, "transcode", bool, False, settings),
        "a skip connection of latentsae, which reads centred data,": expect(config, "use_skip", bool, False, settings),
        f"activation={activation[:50]!r}": activation != "topk",
    }
    for reason, holds in refused.items():
        if holds:
            raise ModelFileError(f"{settings}: {reason} cannot be read as an autoencoder of skl_sae.")
    signed = expect(config, "signed", bool, False, settings)
    kind = expect(config, "sae_type", str, "abstopk" if signed else "topk", settings).lower()
    if kind not in OWN:
        raise ModelFileError(f"{settings}: got sae_type={kind[:50]!r}, expected one of {', '.join(OWN)}.")
    return kind


def _further(config):
    """What a configuration says besides how the model computes: it is written again."""
    return {name: value for name, value in config.items() if name not in COMPUTES}


def _rule(kind, config, arrays, settings):
    """What the rule knows, as `PlainSAE` has it."""
    k, units = expect(config, "k", int, 32, settings), len(arrays["encoder.weight"])
    if kind in ("topk", "abstopk"):
        return {"kind": kind, "k": k}
    cap = k if kind == "batchtopk" else expect(config, "jumprelu_max_active", int, 512, settings)
    if cap < 1:
        raise ModelFileError(f"{settings}: got {cap} units at most that are active in a row, expected 1 or more.")
    if cap < units:
        warn(
            f"{settings}: latentsae cuts each row at the {cap} largest units above the threshold; here a row has all "
            "units above it. Rows with more than these have other codes."
        )
    if kind == "jumprelu":
        return {"kind": "jumprelu", "threshold": np.exp(arrays["log_threshold"])}
    threshold = arrays["batchtopk_threshold"]
    if threshold.shape != ():
        raise ModelFileError(f"{settings}: batchtopk_threshold has the shape {threshold.shape}, expected ().")
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
    config = {
        **{"multi_topk": False, **_further(getattr(sae, "file_metadata_", {}).get("sparsify", {}))},
        **{"activation": "topk", "expansion_factor": max(1, units // features)},
        "normalize_decoder": plain.has_unit_rows,
        **{"num_latents": units, "k": plain.k, "skip_connection": plain.skip is not None, "transcode": False},
        "d_in": features,
    }
    write_contents(folder, (WEIGHTS, arrays), (CONFIG, config))
