"""The published equations of other libraries in plain NumPy, and files as PyTorch writes them."""

import json
import struct
import zipfile

import numpy as np
from safetensors.numpy import save_file


def relu(a):
    return np.maximum(a, 0)


def largest(a, k, size=None):
    """The k largest entries of each row, by their `size`; the others are zero."""
    order = np.argsort(a if size is None else size, axis=1)[:, ::-1][:, :k]
    kept = np.zeros_like(a)
    np.put_along_axis(kept, order, np.take_along_axis(a, order, axis=1), axis=1)
    return kept


def widen(arrays):
    """Arrays in double precision."""
    return {name: np.asarray(array, np.float64) for name, array in arrays.items()}


def sparsify(arrays, config, X):
    """Codes and reconstructions of sparsify, and of latentsae."""
    kind = np.float32 if "sae_type" in config else arrays["W_dec"].dtype
    p = widen({name: array.astype(kind) for name, array in arrays.items()})
    mean = p.get("input_mean", 0)
    a = (X - mean - p["b_dec"]) @ p["encoder.weight"].T + p["encoder.bias"]
    kind, k = config.get("sae_type", "topk"), 32 if config.get("k") is None else int(config["k"])
    if config.get("signed") or kind == "abstopk":
        f = largest(a, k, abs(a))
    elif kind == "topk":
        f = largest(relu(a), k)
    elif kind == "jumprelu":
        f = largest(a * (a > np.exp(p["log_threshold"])), config.get("jumprelu_max_active", 512))
    else:
        f = largest(relu(a) * (relu(a) >= p["batchtopk_threshold"]), k)
    return f, f @ p["W_dec"] + p["b_dec"] + mean + (X @ p["W_skip"].T if "W_skip" in p else 0)


def sentence_transformers(arrays, config, X):
    """Codes and reconstructions of the module SparseAutoEncoder."""
    p = widen(arrays)
    weight = p["encoder.weight"] if "encoder.weight" in p else p["decoder.linear.weight"]
    k = 8 if config.get("k") is None else int(config["k"])
    f = relu(largest((X - p["pre_bias"]) @ weight.T + p["latent_bias"], k))
    return f, f @ weight + p["pre_bias"]


def dictionary_learning(arrays, name, X):
    """Codes and reconstructions of a class of dictionary_learning, as `from_pretrained` makes it."""
    p = widen(arrays)
    if "encoder.weight" in p:
        encoder, decoder = p["encoder.weight"].T, p["decoder.weight"].T
    else:
        encoder, decoder = p["W_enc"], p["W_dec"]
    if name == "AutoEncoder":
        norms = np.linalg.norm(decoder, axis=1)
        f = relu((X - p["bias"]) @ (encoder * norms) + p["encoder.bias"] * norms)
        return f, f @ (decoder / norms[:, None]) + p["bias"]
    if name == "AutoEncoderNew":
        f = relu(X @ encoder + p["encoder.bias"])
        return f, f @ decoder + p["decoder.bias"]
    if name == "GatedAutoEncoder":
        a = (X - p["decoder_bias"]) @ encoder
        f = (a + p["gate_bias"] > 0) * relu(np.exp(p["r_mag"]) * a + p["mag_bias"])
        return f, f @ decoder + p["decoder_bias"]
    bias = p["encoder.bias"] if "encoder.bias" in p else p["b_enc"]
    a = (X - (0 if name == "JumpReluAutoEncoder" else p["b_dec"])) @ encoder + bias
    f = largest(relu(a), int(p["k"])) if name == "AutoEncoderTopK" else relu(a) * (relu(a) > p["threshold"])
    return f, f @ decoder + p["b_dec"]


def draw(shapes, seed=0, dtype=np.float64):
    """Random arrays of some shapes."""
    rng = np.random.default_rng(seed)
    return {name: (rng.normal(size=shape) / 2).astype(dtype) for name, shape in shapes.items()}


def bf16(array):
    """The bits in bfloat16 of numbers that it can hold."""
    return (np.asarray(array, "<f4").view("<u4") >> 16).astype("<u2")


def as_bf16(array):
    """The numbers nearest to zero from some that bfloat16 can hold."""
    return (bf16(array).astype("<u4") << 16).view("<f4").reshape(array.shape)


def write_folder(folder, weights, arrays, name, config):
    """Write a safetensors file and a configuration."""
    folder.mkdir(exist_ok=True)
    save_file({name: np.asarray(array, order="C") for name, array in arrays.items()}, folder / weights)
    (folder / name).write_text(json.dumps(config))


def write_bf16(path, arrays):
    """Write a safetensors file of numbers in bfloat16."""
    header, data = {}, b""
    for name, array in arrays.items():
        part = bf16(array).tobytes()
        header[name] = {"dtype": "BF16", "shape": array.shape, "data_offsets": [len(data), len(data) + len(part)]}
        data += part
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


# files of PyTorch

STORAGES = {
    "<f8": "Double",
    "<f4": "Float",
    "<f2": "Half",
    "<u2": "BFloat16",
    "<i8": "Long",
    "<i4": "Int",
    "|b1": "Bool",
    "|u1": "Byte",
}


def text(word):
    """The operation that puts a string on the stack."""
    return b"X" + struct.pack("<I", len(word)) + word.encode()


def number(value):
    """The operation that puts a small number on the stack."""
    return b"J" + struct.pack("<i", value)


def numbers(values):
    """The operations for a tuple of numbers."""
    return b"(" + b"".join(map(number, values)) + b"t"


def reference(key, dtype, size):
    """The operations for a storage."""
    kind = f"ctorch\n{STORAGES[np.dtype(dtype).str]}Storage\n".encode()
    return b"(" + text("storage") + kind + text(key) + text("cpu") + number(size) + b"tQ"


def tensor(storage, offset, shape, strides):
    """The operations for a tensor, of which a storage is a part."""
    hooks = b"ccollections\nOrderedDict\n)R"
    view = number(offset) + numbers(shape) + numbers(strides)
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + view + b"\x89" + hooks + b"tR"


def write_torch(path, arrays, parts=None, folder="archive"):
    """Write arrays as `torch.save` does; `parts` take the place of some files of the archive, None leaves one out."""
    pickle, files = b"\x80\x02}(", {}
    for key, (name, array) in enumerate(arrays.items()):
        size, strides = array.size, [step // array.itemsize for step in array.strides]
        pickle += text(name) + tensor(reference(str(key), array.dtype, size), 0, array.shape, strides)
        files[f"data/{key}"] = (array if array.flags.c_contiguous else array.T).tobytes()
    files = {"data.pkl": pickle + b"u.", "byteorder": b"little", **files, "version": b"3\n"} | (parts or {})
    write_archive(path, {f"{folder}/{name}": data for name, data in files.items() if data is not None})


def write_archive(path, files, compression=zipfile.ZIP_STORED):
    """Write a zip archive."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
