"""Codes for the kernel scripts: k random units a row."""

import numpy as np
from scipy import sparse

from skl_sae._model.codes import RowCode

#: rows, inputs, units, k
SHAPES = [(128, 64, 128, 16), (256, 784, 1000, 25), (256, 784, 1024, 51), (4096, 768, 6144, 32)]


def random_code(n_rows, n_units, k):
    """The same code as a `RowCode` and as a CSR matrix."""
    rng = np.random.default_rng(0)
    index = np.sort(rng.random((n_rows, n_units)).argpartition(k, axis=1)[:, :k].astype(np.int32), axis=1)
    values = rng.random((n_rows, k), dtype=np.float32)
    code = RowCode(index, values, np.full(n_rows, k, np.int32), grad=values.copy())
    indptr = np.arange(0, n_rows * k + 1, k)
    return code, sparse.csr_matrix((values.ravel(), index.ravel(), indptr), shape=(n_rows, n_units))
