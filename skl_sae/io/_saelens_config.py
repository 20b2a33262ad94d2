"""The settings of SAELens models, of all versions: `cfg.json`."""

import re
from typing import NamedTuple

from .._warning import warn
from ._errors import ModelFileError
from ._json import expect, read_json

#: The version whose settings are written; earlier ones than 6 are read by other rules.
VERSION = "6.54.12"
# Architectures by the names of files, and the kind of record that each is.
KINDS = {
    **{kind: kind for kind in ("standard", "topk", "abstopk", "jumprelu", "gated")},
    **dict.fromkeys(("batchtopk", "matryoshka_batchtopk"), "jumprelu"),
}
#: Architectures of unfinished trainings whose threshold is one number.
BATCH = "batchtopk", "matryoshka_batchtopk"
_TRANSCODES = "it predicts the activations of another layer, and an autoencoder reconstructs its input"
REFUSED = {
    "matching_pursuit": "its codes come from a pursuit in each row, not from an encoder: read W_dec and b_dec, and see "
    "skl_sae.coding.SparseCoder",
    "temporal": "its codes depend on the order of the rows",
    **dict.fromkeys(("transcoder", "skip_transcoder", "jumprelu_transcoder", "jumprelu_skip_transcoder"), _TRANSCODES),
}
NORMALISED_ROWS = "each row is to be normalised by itself before the encoder, which is no part of this model: do it to"
REFUSED_NORMALIZATIONS = {
    "layer_norm": f"{NORMALISED_ROWS} X, (x - mean) / (std + 1e-5) with ddof=1,",
    "constant_norm_rescale": f"{NORMALISED_ROWS} X, x * sqrt(n_features) / norm(x),",
}
NORMALIZATIONS = ("none", "expected_average_only_in", "covariance_whitening", *REFUSED_NORMALIZATIONS)

# Names of before version 6, and settings of that time that belong to the metadata now.
RENAMED = {"hook_point": "hook_name", "hook_point_head_index": "hook_head_index", "activation_fn_str": "activation_fn"}
METADATA = (
    *("model_name", "hook_name", "model_class_name", "hook_head_index", "model_from_pretrained_kwargs", "prepend_bos"),
    *("exclude_special_tokens", "neuronpedia_id", "context_size", "seqpos_slice", "dataset_path", "sae_lens_version"),
    *("sae_lens_training_version", "hook_name_out", "hook_head_index_out", "hf_hook_name", "hf_hook_name_out"),
)
# Settings that say what a model computes; those of files are not kept, because the writer knows better.
COMPUTES = (
    *("d_in", "d_sae", "dtype", "device", "apply_b_dec_to_input", "normalize_activations", "metadata", "architecture"),
    *("k", "rescale_acts_by_decoder_norm", "activation_fn", "activation_fn_kwargs", "finetuning_scaling_factor"),
    "sae_lens_version",
)
# Versions from which on norms were part of the choice of active units, and in which the threshold that follows from it
# was right again (SAELens issue 763).
RESCALES_SINCE, REPAIRED = (6, 14), (6, 54, 9)


class Config(NamedTuple):
    """What a file says about a model.

    Parameters
    ----------
    architecture : str
    n_features, n_units : int
    k : int or None
    centred : bool
        Whether the decoder's bias is subtracted from the input.
    by_norm : bool
        Whether active units are chosen by pre-activations times the norms of the decoder's rows.
    normalization : str
        What was done to the data before the training, and is still to be folded.
    fine_tuned : bool
        Whether the features have a factor of their own before they are decoded.
    kept : dict
        ``{"cfg": ..., "metadata": ...}``: what is written again.
    """

    architecture: str
    n_features: int
    n_units: int
    k: int | None
    centred: bool
    by_norm: bool
    normalization: str
    fine_tuned: bool
    kept: dict


def read_config(path):
    """Read the settings of a file, or say why such a model cannot be read.

    Parameters
    ----------
    path : path

    Returns
    -------
    config : Config
    """
    cfg = read_json(path)
    metadata = expect(cfg, "metadata", dict, {}, path)
    version = version_of(cfg.get("sae_lens_version") or metadata.get("sae_lens_version"))
    if version is None or version < (6,):
        cfg, metadata = _modern(cfg, path)
    architecture = expect(cfg, "architecture", str, "standard", path)
    if architecture not in KINDS:
        reason = REFUSED.get(architecture, "it is not known")
        raise ModelFileError(
            f"{path}: models of the architecture {architecture[:60]!r} are not read: {reason}. Expected one of "
            f"{', '.join(KINDS)}."
        )
    counts = [expect(cfg, name, int, None, path) for name in ("d_in", "d_sae")]
    if None in counts:
        raise ModelFileError(f"{path}: d_in or d_sae is missing. Found {', '.join(map(str, cfg))[:300] or 'nothing'}.")
    return Config(
        architecture,
        *counts,
        k=expect(cfg, "k", int, None, path) if "topk" in KINDS[architecture] else None,
        centred=expect(cfg, "apply_b_dec_to_input", bool, True, path),
        by_norm="topk" in architecture and expect(cfg, "rescale_acts_by_decoder_norm", bool, False, path),
        normalization=_normalization(cfg, path),
        fine_tuned=expect(cfg, "finetuning_scaling_factor", bool, False, path),
        kept={"cfg": further_settings(cfg), "metadata": metadata},
    )


def further_settings(cfg):
    """What the settings say besides how the model computes: it is written again."""
    return {name: value for name, value in cfg.items() if name not in COMPUTES}


def version_of(text):
    """The numbers of a version, as a tuple; None where there are none."""
    match = re.match(r"(\d{1,6})\.(\d{1,6})(?:\.(\d{1,6}))?", text) if isinstance(text, str) else None
    return None if match is None else tuple(int(number or 0) for number in match.groups())


def _modern(cfg, path):
    """Settings of before version 6 under their names of today, and the metadata that stood among them."""
    cfg = {**{RENAMED.get(name, name): value for name, value in cfg.items()}}
    activation = expect(cfg, "activation_fn", str, "relu", path)
    if activation == "topk":
        k = expect(cfg, "activation_fn_kwargs", dict, {}, path).get("k")
        cfg |= {"architecture": "topk", "k": k if k is not None else cfg.get("k")}
    elif activation != "relu":
        raise ModelFileError(f"{path}: got activation_fn={activation[:60]!r}, expected 'relu' or 'topk'.")
    if isinstance(cfg.get("normalize_activations"), bool):
        cfg["normalize_activations"] = "expected_average_only_in" if cfg["normalize_activations"] else "none"
    if "reshape_activations" not in cfg and "hook_z" in expect(cfg, "hook_name", str, "", path):
        cfg["reshape_activations"] = "hook_z"
    metadata = {**expect(cfg, "metadata", dict, {}, path), **{name: cfg[name] for name in METADATA if name in cfg}}
    if metadata.get("sae_lens_training_version") is None:
        metadata["sae_lens_training_version"] = metadata.get("sae_lens_version")
    return {name: value for name, value in cfg.items() if name not in METADATA}, metadata


def _normalization(cfg, path):
    """What was done to the data, if a model without it can do the same."""
    name = expect(cfg, "normalize_activations", str, "none", path)
    if name not in NORMALIZATIONS:
        raise ModelFileError(
            f"{path}: got normalize_activations={name[:60]!r}, expected one of {', '.join(NORMALIZATIONS)}."
        )
    if name in REFUSED_NORMALIZATIONS:
        raise ModelFileError(
            f"{path}: normalize_activations={name!r}: {REFUSED_NORMALIZATIONS[name]} and set normalize_activations to "
            "'none' in a copy of the file; reconstructions are of the normalised rows then."
        )
    return name


def warn_of_wrong_threshold(config, threshold, folder):
    """Warn of a model whose threshold may be wrong by a factor, as some versions of SAELens have written it."""
    metadata = config.kept["metadata"]
    version, trained_as = version_of(metadata.get("sae_lens_training_version")), metadata.get("training_architecture")
    details = metadata.get("training_architecture_details")
    by_norm = details.get("rescale_acts_by_decoder_norm", True) if isinstance(details, dict) else True
    is_one = trained_as in BATCH or (trained_as is None and threshold[0] > 0 and (threshold == threshold[0]).all())
    if config.architecture == "jumprelu" and version and RESCALES_SINCE <= version < REPAIRED and is_one and by_norm:
        warn(
            f"{folder}: its threshold of {float(threshold[0]):.3g} was written by SAELens "
            f"{metadata['sae_lens_training_version']}, which before {'.'.join(map(str, REPAIRED))} was wrong by a "
            "factor for BatchTopK models whose data had been normalised (its issue 763); the file does not tell "
            "whether it had. Compare the number of active units with the k of the training; "
            "skl_sae.io.meet_target_l0(sae, X, k) sets the threshold by data."
        )
