"""Training and encoding on a Dask cluster. In this folder ``import dask`` is the library, as imports are absolute."""

from ._fit import fit
from ._transform import transform

__all__ = ["fit", "transform"]
