"""Sparse autoencoders for scikit-learn."""

from importlib import import_module

from ._autoencoder import SparseAutoencoder
from ._imputer import SparseAutoencoderImputer
from ._version import __version__ as __version__

# Imported when they are first asked for: `skl_sae.metrics` needs no import of its own.
_WINGS = (
    *("coding", "compression", "dask", "datasets", "ensemble", "image", "inspection", "io", "metrics", "outliers"),
    *("sparsity", "transfer"),
)

__all__ = ["SparseAutoencoder", "SparseAutoencoderImputer"]


def __getattr__(name):
    if name in _WINGS:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *_WINGS})
