"""The peers by name. Their modules are imported in the processes that need them, and nowhere else."""

import importlib

#: name: (module, class)
PEERS = {
    "ours": ("ours", "Ours"),
    "torch": ("pytorch", "Torch"),
    "torch-fused": ("pytorch", "TorchFused"),
    "torch-compile": ("pytorch", "TorchCompiled"),
    "torch-bf16": ("pytorch", "TorchBFloat16"),
    "keras": ("keras_fit", "Keras"),
    "jax": ("jax_jit", "Jax"),
    "mlp": ("sklearn_models", "MLP"),
    "dictionary": ("sklearn_models", "Dictionary"),
    "spams-online": ("spams_coding", "SpamsOnline"),
    "dictlearn": ("dictlearn_online", "Online"),
}

#: Of the other scripts.
MORE_PEERS = {
    "torch-own-start": ("pytorch", "TorchOwnStart"),
    "scikit-learn": ("sklearn_models", "SparseEncode"),
    "spams": ("spams_coding", "Spams"),
}


def load(name):
    """Class of a peer; ImportError if its library is missing."""
    module, attribute = (PEERS | MORE_PEERS)[name]
    return getattr(importlib.import_module(f"peers.{module}"), attribute)
