"""Files of `dictionary_learning` (github.com/saprmarks/dictionary_learning): ``ae.pt``, and ``config.json`` beside it.

``ae.pt`` is the state of one of seven classes, which ``config.json`` names under ``trainer.dict_class``; without it
the names of the tensors tell the class, except that top-k and batch-top-k have the same. Rules of the classes (0.1.0):
all but `JumpReluAutoEncoder` and `AutoEncoderNew` subtract the decoder's bias from the input; `AutoEncoder` makes the
decoder's rows unit vectors when it is loaded, and moves their norms to the encoder; `AutoEncoderTopK` keeps a
threshold, but encodes with the k largest; the two of batch-top-k encode with one threshold, which is negative, and
counts as zero, where training ended too early to find it.
"""

import numpy as np

from . import _torch_files
from ._contents import check_arrays
from ._errors import ModelFileError
from ._json import expect, read_json
from ._plain import PlainSAE, to_estimator

WEIGHTS, CONFIG = "ae.pt", "config.json"


def recognises(path):
    """Whether it is such a folder or, from a folder of checkpoints, such a file."""
    return (path / WEIGHTS).is_file() or (path.suffix == ".pt" and path.is_file())


@np.errstate(all="ignore")  # what becomes infinite is refused
def read(path):
    """Read a folder or a file as a fitted estimator."""
    file = path / WEIGHTS if path.is_dir() else path
    arrays, (trainer, settings) = _torch_files.read(file), _trainer(file)
    given = expect(trainer, "dict_class", str, None, settings)
    if given is not None and given not in CLASSES:
        raise ModelFileError(f"{settings}: got dict_class={given[:100]!r}, expected one of {', '.join(CLASSES)}.")
    name = given or _class_by_names(arrays, file)
    make, needed, allowed = CLASSES[name]
    check_arrays(arrays, file, needed, allowed, ("k", "group_sizes"))
    for axes, names in AXES.items():
        for each in set(names) & set(arrays):
            if arrays[each].ndim != axes:
                raise ModelFileError(f"{file}: {each} has the shape {arrays[each].shape}, expected {axes} axes.")
    plain = make(arrays, _k(arrays, expect(trainer, "k", int, None, settings), file))
    sae = to_estimator(PlainSAE(**plain), file)
    sae.file_metadata_ = {"dictionary_learning": trainer}
    return sae


#: Numbers of axes that the functions below count on; `to_estimator` checks all shapes.
AXES = {2: ("encoder.weight", "decoder.weight", "W_enc", "W_dec"), 1: ("encoder.bias",)}


def _trainer(file):
    """What the configuration says about the training, beside a file or its folder of checkpoints; and its path."""
    for folder in [file.parent, *[file.parent.parent] * (file.parent.name == "checkpoints")]:
        if (folder / CONFIG).exists():
            return expect(read_json(folder / CONFIG), "trainer", dict, {}, folder / CONFIG), folder / CONFIG
    return {}, file.parent / CONFIG


def _class_by_names(arrays, file):
    fitting = [n for n, (_, needed, more) in CLASSES.items() if set(needed) <= set(arrays) <= {*needed, *more}]
    if len(fitting) == 1:
        return fitting[0]
    raise ModelFileError(
        f"{file}: its tensors are those of {' or of '.join(fitting) or 'no class that is known'}. Name the class in a "
        f'{CONFIG} beside it: {{"trainer": {{"dict_class": ...}}}}, one of {", ".join(CLASSES)}.'
    )


def _k(arrays, k, file):
    """The number of active units, of a class that has one, which is the `k` of the configuration, if there is one."""
    stored = arrays.get("k")
    if stored is None:
        return k
    if stored.shape != () or stored.dtype.kind != "i" or k not in (None, int(stored)):
        raise ModelFileError(f"{file}: its k is another one than that of {CONFIG} ({k}), or no whole number.")
    return int(stored)


def _linear(arrays):
    """Weights of two linear layers."""
    return {"encoder": arrays["encoder.weight"], "decoder": arrays["decoder.weight"].T}


def _plain_weights(arrays):
    """Weights and biases by short names, with inputs on the first axis."""
    given = {"encoder": arrays["W_enc"].T, "decoder": arrays["W_dec"]}
    return {**given, "encoder_bias": arrays["b_enc"], "bias": arrays["b_dec"]}


def _standard(arrays, _):
    encoder, decoder = _linear(arrays).values()
    bias, dtype = arrays["encoder.bias"], np.result_type(encoder, decoder, np.float32)
    norms = np.sqrt(np.einsum("ij,ij->i", decoder, decoder, dtype=np.float64))
    if encoder.shape == decoder.shape and bias.shape == norms.shape and not np.allclose(norms, 1):
        norms = np.where(norms > 0, norms, 1).astype(dtype)
        encoder, decoder, bias = encoder * norms[:, None], decoder / norms[:, None], bias * norms
    weights = {"encoder": encoder, "decoder": decoder, "encoder_bias": bias}
    return {"kind": "standard", **weights, "bias": arrays["bias"]}


def _new(arrays, _):
    biases = {"encoder_bias": arrays["encoder.bias"], "bias": arrays["decoder.bias"]}
    return {"kind": "standard", "centred": False, **_linear(arrays), **biases}


def _top_k(arrays, k):
    biases = {"encoder_bias": arrays["encoder.bias"], "bias": arrays["b_dec"]}
    return {"kind": "topk", "k": k, **_linear(arrays), **biases}


def _batch_top_k(arrays, _):
    biases = {"encoder_bias": arrays["encoder.bias"], "bias": arrays["b_dec"]}
    return {"kind": "jumprelu", "threshold": _threshold(arrays), **_linear(arrays), **biases}


def _matryoshka(arrays, _):
    return {"kind": "jumprelu", "threshold": _threshold(arrays), **_plain_weights(arrays)}


def _jumprelu(arrays, _):
    return {**_matryoshka(arrays, None), "centred": False}


def _gated(arrays, _):
    own = {"encoder_bias": "gate_bias", "magnitude_bias": "mag_bias", "gain": "r_mag", "bias": "decoder_bias"}
    return {"kind": "gated", **_linear(arrays), **{name: arrays[given] for name, given in own.items()}}


def _threshold(arrays):
    """Thresholds of units, from one for all or from theirs. Below zero they are those of relu."""
    units = arrays["b_enc" if "b_enc" in arrays else "encoder.bias"].shape
    threshold = np.maximum(arrays["threshold"], 0)
    return np.full(units, threshold) if threshold.shape == () else threshold


#: How each class is read, the names of its tensors, and those that older versions lack.
LINEAR = "encoder.weight", "encoder.bias", "decoder.weight"
PLAIN = "W_enc", "b_enc", "W_dec", "b_dec", "threshold"
GATES = "decoder_bias", "encoder.weight", "r_mag", "gate_bias", "mag_bias", "decoder.weight"
CLASSES = {
    "AutoEncoder": (_standard, ("bias", *LINEAR), ()),
    "AutoEncoderNew": (_new, (*LINEAR, "decoder.bias"), ()),
    "AutoEncoderTopK": (_top_k, (*LINEAR, "b_dec"), ("k", "threshold")),
    "BatchTopKSAE": (_batch_top_k, (*LINEAR, "b_dec", "threshold"), ("k",)),
    "MatryoshkaBatchTopKSAE": (_matryoshka, (*PLAIN, "k", "group_sizes"), ()),
    "JumpReluAutoEncoder": (_jumprelu, PLAIN, ()),
    "GatedAutoEncoder": (_gated, GATES, ()),
}
