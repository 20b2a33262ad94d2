"""Where a sparse recovery autoencoder begins: the atoms it is given, or that data and given codes tell."""

import numpy as np

from ..._kernels.blas import single_threaded_blas
from ..._kernels.norms import unit_rows
from ..._kernels.sparse_structure import check_sparse_structure
from ..._model.initialization import draw_sample, initialize
from ..._model.rows import Rows
from ..._parameters import check_named_array

# Weight, relative to the mean square of a unit's codes, that keeps least squares apart from units never used.
RIDGE = 1e-8


def check_matrix(name, matrix, dtype, n_rows=None, n_columns=None):
    """Return a parameter that is a matrix as an array, or None; raise if it has not the shape expected."""
    if matrix is None:
        return None
    matrix = check_named_array(name, matrix, dtype=dtype, order="C")
    for axis, expected, what in (0, n_rows, "rows"), (1, n_columns, "columns"):
        if expected is not None and matrix.shape[axis] != expected:
            raise ValueError(f"{name} has {matrix.shape[axis]} {what}, expected {expected}.")
    return matrix


def check_target(kind, y, rows, width):
    """Rows of the target `y`, checked: codes or signals, one row a sample, of this width if it is known."""
    if y is None:
        raise ValueError(f"target={kind!r} learns from y, the {kind} that belong to X: got y=None.")
    check_sparse_structure(y)
    options = {"accept_sparse": "csr"} if kind == "codes" else {"ensure_all_finite": "allow-nan"}
    y = check_named_array("y", y, dtype=rows.dtype, order="C", **options)
    if y.shape[0] != len(rows) or width not in (None, y.shape[1]):
        expected = f"({len(rows)}, {'n_features' if width is None else width})"
        raise ValueError(f"target={kind!r}: y has the shape {y.shape}, expected {expected}.")
    return Rows(y, rows.dtype)


def atoms_of_data(network, rows, signals, random_state):
    """Directions of rows of the data, or of the signals that are to be made of it, half mixed with random ones."""
    initialize(network, rows, picked := draw_sample(rows, network, random_state), random_state)
    if not signals or network.architecture.decoder_sizes == network.architecture.encoder_sizes:
        return unit_rows(network.parameters.units.decoder)
    x = rows.target.subset(rows.numbers(picked[: network.architecture.n_units])).tile(0, network.architecture.n_units)
    x = np.nan_to_num(x)
    return unit_rows(unit_rows(x) + unit_rows(random_state.standard_normal(x.shape))).astype(network.dtype)


def atoms_of_codes(rows):
    """The atoms with which given codes reconstruct the data with the least squared error."""
    n_units, n_features = rows.target.shape[1], rows.shape[1]
    gram, products = np.zeros((n_units, n_units)), np.zeros((n_units, n_features))
    with single_threaded_blas():
        for lo, hi in rows.pieces():
            z = rows.target.subset(rows.numbers(np.arange(lo, hi))).tile(0, hi - lo).astype(np.float64)
            gram += z.T @ z
            products += z.T @ np.nan_to_num(rows.tile(lo, hi).astype(np.float64))
        gram[np.diag_indices(n_units)] += RIDGE * np.trace(gram) / n_units + np.finfo(float).tiny
        return np.linalg.solve(gram, products).astype(rows.dtype)


def mean_norm(atoms):
    """Root mean square of the norms of atoms that are not zero; 1 if all are."""
    largest = float(abs(atoms).max())
    if not largest:
        return 1.0
    squares = np.square(atoms / atoms.dtype.type(largest), dtype=np.float64).sum(axis=1)
    return largest * float(np.sqrt(squares[squares > 0].mean()))


def lift(atoms, matrix, given):
    """Atoms of signals whose measurements are `atoms`: those nearest to the given ones, or of the least norm."""
    matrix = matrix.astype(np.float64)
    with single_threaded_blas():
        known = np.zeros((len(atoms), matrix.shape[1])) if given is None else given.astype(np.float64)
        return (known + (atoms - known @ matrix.T) @ np.linalg.pinv(matrix).T).astype(atoms.dtype)
