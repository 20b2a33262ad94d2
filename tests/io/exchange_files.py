"""Files of other libraries as tests make them: random weights, and types that NumPy has not."""

import json

import naive_exchange
import numpy as np
from safetensors.numpy import save_file

from skl_sae.io import load

N_UNITS, N_FEATURES, K = 24, 12, 5
VERSIONS = {"sae_lens_version": "6.54.12", "sae_lens_training_version": "6.54.12"}
VECTORS = {"jumprelu": ("b_enc", "threshold"), "gated": ("b_gate", "r_mag", "b_mag")}


def data(n=60, dtype=np.float32):
    """Rows of random data, with a mean."""
    return (np.random.default_rng(7).standard_normal((n, N_FEATURES)) + 1).astype(dtype)


def weights(architecture, seed=0, dtype=np.float32):
    """Random tensors of a model."""
    random = np.random.default_rng(seed)
    tensors = {"W_enc": (N_FEATURES, N_UNITS), "W_dec": (N_UNITS, N_FEATURES), "b_dec": (N_FEATURES,)}
    tensors |= dict.fromkeys(VECTORS.get(architecture, ("b_enc",)), (N_UNITS,))
    tensors = {name: 0.5 * random.standard_normal(shape) for name, shape in tensors.items()}
    if architecture == "jumprelu":
        tensors["threshold"] = abs(tensors["threshold"])
    return {name: array.astype(dtype) for name, array in tensors.items()}


def saelens(folder, tensors, architecture, /, **settings):
    """Write a model of SAELens; settings that are None are left out."""
    folder.mkdir(exist_ok=True)
    save_file(tensors, folder / "sae_weights.safetensors")
    cfg = {"architecture": architecture, "d_in": N_FEATURES, "d_sae": N_UNITS, "dtype": "float32", "device": "cpu"}
    cfg |= {"k": K} if "topk" in architecture else {}
    cfg |= {"apply_b_dec_to_input": True, "normalize_activations": "none", "reshape_activations": "none"}
    cfg = {**cfg, "metadata": VERSIONS, **settings}
    text = json.dumps({name: value for name, value in cfg.items() if value is not None})
    (folder / "cfg.json").write_text(text, encoding="utf-8")
    return folder


def bfloat16(numbers):
    """The bits of numbers in bfloat16, cut off, and the numbers that these are."""
    bits = np.asarray(numbers, np.float32).view(np.uint32) >> 16
    return bits.astype("<u2"), (bits << 16).view(np.float32)


def write_safetensors(path, entries):
    """Write a file by its specification: of each array, by name, its type, shape and bytes."""
    header, first = {}, 0
    for name, (kind, shape, numbers) in entries.items():
        header[name] = {"dtype": kind, "shape": list(shape), "data_offsets": [first, first + len(numbers)]}
        first += len(numbers)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(numbers for *_, numbers in entries.values()))


def assert_computes(sae, X, codes, reconstruction, tolerance=1e-5):
    """Assert that a loaded model gives these codes and reconstructions, relative to the largest of them."""
    found = sae.transform(X)
    np.testing.assert_allclose(found, codes, rtol=0, atol=tolerance * abs(codes).max())
    scale = abs(reconstruction).max()
    np.testing.assert_allclose(sae.reconstruct(X), reconstruction, rtol=0, atol=tolerance * scale)
    if not sae.skip:
        np.testing.assert_allclose(sae.inverse_transform(found), reconstruction, rtol=0, atol=tolerance * scale)


def assert_reads(folder, architecture, tensors, k=None, centred=True):
    """Assert that a folder is read as the equations say of these tensors; return the model."""
    sae, X = load(folder), data()
    codes = naive_exchange.encode(architecture, X, tensors, k, centred)
    assert 0.02 < (codes != 0).mean() < 0.98
    assert_computes(sae, X, codes, naive_exchange.decode(codes, tensors))
    return sae
