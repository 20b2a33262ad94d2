"""Check sparse matrices from outside: SciPy and compiled kernels trust index arrays; wrong ones read stray memory."""

import numpy as np
from scipy import sparse


def check_sparse_structure(X, name="X"):
    """Raise where a sparse matrix has indices that point out of its arrays; do nothing for what is not sparse.

    Call it before anything else touches the matrix: SciPy's own conversions and reductions can crash on a bad one.
    Flags such as ``has_canonical_format`` are not looked at: duplicates and any order of indices are safe.

    Parameters
    ----------
    X : object
        What the user passed.
    name : str
        What it is called in messages.
    """
    if not sparse.issparse(X) or X.ndim != 2:
        return
    check = {"csr": _check_compressed, "csc": _check_compressed, "bsr": _check_compressed}
    check |= {"coo": _check_coordinates, "lil": _check_lists, "dok": _check_keys, "dia": _check_diagonals}
    kind = X.format.upper()
    for problem in check[X.format](X):
        raise ValueError(
            f"{name} is a {kind} matrix that is not well formed: got {problem}. Make it anew from what it was made of; "
            "where only the room behind the last entry is too long, its method prune is enough."
        )


def _check_compressed(X):
    """CSR; CSC, whose axes are swapped; BSR, whose rows and columns are blocks."""
    major, minor = X.shape[::-1] if X.format == "csc" else X.shape
    if X.format == "bsr":
        if X.data.ndim != 3 or 0 in X.data.shape[1:] or major % X.data.shape[1] or minor % X.data.shape[2]:
            yield f"blocks of shape {X.data.shape[1:]}, expected one that divides {X.shape}"
        major, minor = major // X.data.shape[1], minor // X.data.shape[2]
    yield from _check_arrays(X, {"data": None, "indices": "iu", "indptr": "iu"}, 3 if X.format == "bsr" else 1)
    indptr = X.indptr
    if indptr.size != major + 1:
        yield f"{indptr.size} numbers in indptr, expected {major + 1}"
    first, last = int(indptr[0]), int(indptr[-1])
    if first != 0:
        yield f"an indptr that starts with {first}, expected 0"
    if (indptr[1:] < indptr[:-1]).any():
        yield "an indptr that falls, expected one that never does"
    if not last == X.indices.size == len(X.data):  # SciPy reads stray memory where there are more, too: see tocoo
        yield f"an indptr that ends with {last} for {X.indices.size} indices and {len(X.data)} values, expected as many"
    yield from _check_range(X.indices, minor, "indices")


def _check_coordinates(X):
    """COO."""
    yield from _check_arrays(X, {"data": None, "row": "iu", "col": "iu"})
    if not X.row.size == X.col.size == X.data.size:
        yield f"{X.row.size} rows and {X.col.size} columns for {X.data.size} values, expected as many"
    yield from _check_range(X.row, X.shape[0], "rows")
    yield from _check_range(X.col, X.shape[1], "columns")


def _check_lists(X):
    """LIL."""
    yield from _check_arrays(X, {"data": "O", "rows": "O"})
    if not len(X.rows) == len(X.data) == X.shape[0]:
        yield f"{len(X.rows)} lists of columns and {len(X.data)} of values, expected {X.shape[0]}"
    for columns, values in zip(X.rows, X.data, strict=True):
        if len(columns) != len(values):
            yield f"a row of {len(columns)} columns and {len(values)} values, expected as many"
        if columns and not 0 <= min(columns) <= max(columns) < X.shape[1]:
            yield f"columns from {min(columns)} to {max(columns)}, expected 0 to {X.shape[1] - 1}"


def _check_keys(X):
    """DOK."""
    for at in X.keys():
        if not all(0 <= i < n for i, n in zip(at, X.shape, strict=True)):
            yield f"an entry at {at} in a matrix of shape {X.shape}"


def _check_diagonals(X):
    """DIA."""
    yield from _check_arrays(X, {"offsets": "iu"})
    if X.data.ndim != 2 or len(X.data) != X.offsets.size:
        yield f"values of shape {X.data.shape} for {X.offsets.size} diagonals"


def _check_arrays(X, kinds, n_axes=1):
    """Report attributes that are not arrays of the right kind of numbers with one axis; values have `n_axes`."""
    for attribute, kind in kinds.items():
        array = getattr(X, attribute)
        if not isinstance(array, np.ndarray):
            yield f"a {attribute} of type {type(array).__name__}, expected an array"
        if array.ndim != (n_axes if attribute == "data" else 1):
            yield f"a {attribute} of {array.ndim} axes"
        if kind is not None and array.dtype.kind not in kind:
            yield f"a {attribute} of type {array.dtype}, expected integers"


def _check_range(numbers, stop, name):
    """Report numbers that are not from 0 to below `stop`. In one pass: without signs, negative numbers are large."""
    if numbers.size and int(numbers.view(numbers.dtype.str.replace("i", "u")).max()) >= stop:
        low, high = int(numbers.min()), int(numbers.max())
        yield f"{name} from {low} to {high}, expected 0 to {stop - 1}" if stop else f"{name} in a matrix without any"
