"""Folders of the module `SparseAutoEncoder` of sentence-transformers, which makes embeddings sparse.

``model.safetensors`` holds ``pre_bias``, ``latent_bias``, one weight (units, features) for both sides, and counts of
steps since each unit has fired; ``config.json`` holds the arguments of the module (sentence-transformers 6.2.0). Where
a layer is shared the file has its weight under one of two names.

With tied weights the module computes f = relu(top k of (x - b) W^T + c) and b + f W. A tied model of ours is tied on
its own scale of the data and of its codes; on the data's scale W_d = r^2 W_e with one number r. With W = r W_e and
c = r b_e its pre-activations are those of ours times r, so that the same units are the k largest, and the codes are
times r, too; with W_d = r W the reconstruction is the same. Features in units of their own leave no such number.
"""

from pathlib import Path

import numpy as np

from . import _safetensors
from ._contents import check_arrays, write_contents
from ._errors import ModelFileError
from ._json import expect, read_json
from ._plain import PlainSAE, from_estimator, to_estimator

WEIGHTS, CONFIG = "model.safetensors", "config.json"
SHARED = "encoder.weight", "decoder.linear.weight"
COUNTS = "stats_last_nonzero"
# Settings of the module's own training, which are written again. It takes no others.
OF_TRAINING = "k_aux", "dead_threshold"
# How far, relative to the largest weight, a decoder may be from a multiple of the encoder and count as tied.
ROUNDING = 1e-5


def recognises(path):
    """Whether it is such a folder; files of these names hold other models, too."""
    return (path / WEIGHTS).is_file() and (path / CONFIG).is_file()


def read(path):
    """Read a folder as a fitted estimator."""
    settings, source = path / CONFIG, path / WEIGHTS
    config = read_json(settings)
    features = expect(config, "input_dim", int, None, settings)
    if features is None:
        raise ModelFileError(f"{settings} has no input_dim: it belongs to another model than a SparseAutoEncoder.")
    shape = expect(config, "hidden_dim", int, 512, settings), features
    if expect(config, "normalize", bool, False, settings):
        raise ModelFileError(
            f"{settings}: the module standardises each row (normalize=true) and undoes it at the end, which no "
            "autoencoder of skl_sae does. Standardise rows before a model that was trained with normalize=False."
        )
    arrays, _ = _safetensors.read(source)
    check_arrays(arrays, source, ("pre_bias", "latent_bias"), (*SHARED, COUNTS), (COUNTS,))
    weights = [arrays[name] for name in SHARED if name in arrays]
    if not weights or not all(np.array_equal(weights[0], other) for other in weights):
        raise ModelFileError(f"{source}: expected one weight as {' or '.join(SHARED)}, or the same one as both.")
    if weights[0].shape != shape:
        raise ModelFileError(f"{source}: the weight has the shape {weights[0].shape}, expected {shape} from {CONFIG}.")
    biases = {"encoder_bias": arrays["latent_bias"], "bias": arrays["pre_bias"]}
    k = expect(config, "k", int, 8, settings)
    plain = PlainSAE("topk", encoder=weights[0], decoder=weights[0], tied=True, k=k, **biases)
    sae = to_estimator(plain, source)
    sae.file_metadata_ = {"sentence_transformers": _of_training(config)}
    return sae


def _of_training(config):
    return {name: config[name] for name in OF_TRAINING if name in config}


def write(sae, folder):
    """Write a folder that `SparseAutoEncoder.load` reads. Its codes are those of the estimator times one number."""
    if recognises(Path(folder)) and "input_dim" not in read_json(Path(folder) / CONFIG):
        raise ValueError(f"{folder} holds another model than a SparseAutoEncoder: give the module a folder of its own.")
    plain = from_estimator(sae, "sentence_transformers")
    if plain.kind != "topk" or plain.skip is not None:
        raise ValueError(
            "Files of the format 'sentence_transformers' hold TopK with activation='relu', without a path past the "
            f"code: got {sae.sparsity_!r}, skip={plain.skip is not None}. Use the format 'skl_sae'."
        )
    ratio = _ratio(plain, sae)
    dtype, units = sae.components_.dtype, len(plain.encoder)
    arrays = {
        **{"pre_bias": plain.bias.astype(dtype), "latent_bias": (plain.encoder_bias * ratio).astype(dtype)},
        **{SHARED[0]: (plain.encoder * ratio).astype(dtype), COUNTS: np.zeros(units, np.int64)},
    }
    kept = _of_training(getattr(sae, "file_metadata_", {}).get("sentence_transformers", {}))
    config = {
        **{"input_dim": plain.encoder.shape[1], "hidden_dim": units, "k": plain.k, "normalize": False},
        **{"k_aux": min(512, units), "dead_threshold": 30, **kept},
    }
    write_contents(folder, (WEIGHTS, arrays), (CONFIG, config), indent=4)


def _ratio(plain, sae):
    """The number whose square times the encoder is the decoder."""
    size = np.sum(plain.encoder * plain.encoder)
    square = np.sum(plain.decoder * plain.encoder) / size if size > 0 else 1.0
    rest = np.abs(plain.decoder - square * plain.encoder).max()
    if not (square > 0 and rest <= ROUNDING * np.abs(plain.decoder).max()):
        tied = sae._network.architecture.tied
        remedy = "fit with scale='total'" if tied else "fit with tied_weights=True"
        reason = "features have units of their own" if tied else "the decoder is not that of tied weights"
        raise ValueError(
            f"The module of the format 'sentence_transformers' has one weight for encoder and decoder, and here "
            f"{reason}: {remedy}, or use the format 'skl_sae'."
        )
    return np.sqrt(square)
