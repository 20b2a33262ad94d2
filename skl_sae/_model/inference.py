"""Encoding and decoding of whole data sets, tile by tile: the memory needed is the output and a constant.

Inside, codes are in the network's own unit; `encode` gives and `decode` takes them in units of `Network.code_scale`.
"""

import numpy as np
from scipy import sparse

from .._kernels.blas import single_threaded_blas
from .._kernels.layouts import pack_rows, scatter_rows
from .._kernels.threads import run
from .activations import ACTIVATIONS
from .codes import RowCode
from .network import REMEDY, TOO_LARGE

# Numbers in the widest array of a tile, and the fewest rows of one: products with fewer read the weights too often.
TILE_SIZE, FEWEST_ROWS = 1 << 18, 4
# Tiles that are encoded before their codes are appended to a compressed output.
WAVE = 16
# Rows, evenly spaced, that the unit of the codes is taken from, at most.
CODE_SCALE_ROWS = 4096
# Of these, the rows that are decoded to see whether that gives finite numbers: a share of the work of a small chunk.
DECODED_ROWS = 256
# What the sum of their squares must stay below, so that sums over all rows are finite.
LARGEST_SQUARES = 1e300


def _tiles(n_rows, network):
    p = network.parameters
    step = max(FEWEST_ROWS, TILE_SIZE // max(*p.encoder_sizes, *p.decoder_sizes))
    return [(lo, min(n_rows, lo + step)) for lo in range(0, n_rows, step)]


def _for_tiles(network, n_rows, visit):
    """Call ``visit(lo, hi)`` for each tile of rows."""
    tiles = _tiles(n_rows, network)
    with single_threaded_blas():
        run(lambda i, slot: visit(*tiles[i]), len(tiles))


def _codes(network, rule, rows):
    """Function that encodes rows ``lo..hi``, in the network's own unit of codes."""
    layers = network.encoder()
    return lambda lo, hi: network.encode(network.inputs(rows, np.arange(lo, hi)), rule, layers)


def _reconstruction(network, code):
    """What a code of `_codes` is decoded to, in the units of the data."""
    p = network.parameters
    u = np.zeros((len(code.values), p.decoder_sizes[-2]), network.dtype)
    code.decode(p.units.decoder, 0, p.n_units, u)
    return network.outputs(u)


def encode(network, rule, rows):
    """Codes of all rows, as an array (n_rows, n_units)."""
    out = np.empty((len(rows), network.parameters.n_units), network.dtype)
    codes = _codes(network, rule, rows)

    def visit(lo, hi):
        code = codes(lo, hi)
        if isinstance(code, RowCode):
            scatter_rows(code.index, code.values, code.count, out[lo:hi])
        else:
            out[lo:hi] = code.values
        network.give(out[lo:hi])

    _for_tiles(network, len(rows), visit)
    return out


def encode_sparse(network, rule, rows):
    """Codes of all rows, as a CSR array with sorted indices."""
    n, m = len(rows), network.parameters.n_units
    tiles, codes = _tiles(n, network), _codes(network, rule, rows)
    indptr = np.zeros(n + 1, np.int64)
    indices, data, size = np.empty(0, np.int32), np.empty(0, network.dtype), 0
    pieces = {}

    def encode_tile(i):
        lo, hi = tiles[i]
        code = codes(lo, hi)
        if not isinstance(code, RowCode):
            dense, code = code, RowCode.empty(hi - lo, m, network.dtype)
            code.compress(0, hi - lo, dense)
        pieces[i] = pack_rows(code.index, code.values, code.count)
        indptr[lo + 1 : hi + 1] = code.count

    with single_threaded_blas():
        for first in range(0, len(tiles), WAVE):
            wave = range(first, min(len(tiles), first + WAVE))
            run(lambda i, slot, wave=wave: encode_tile(wave[i]), len(wave))
            needed = size + sum(pieces[i][0].size for i in wave)
            if needed > indices.size:
                room = max(needed, int(needed / tiles[wave[-1]][1] * n))  # as if the rest were like what has been seen
                indices.resize(room, refcheck=False)
                data.resize(room, refcheck=False)
            for i in wave:
                index, values = pieces.pop(i)
                indices[size : size + index.size], data[size : size + index.size] = index, values
                size += index.size
    np.cumsum(indptr, out=indptr)
    indices.resize(size, refcheck=False)
    data.resize(size, refcheck=False)
    network.give(data)
    if size <= np.iinfo(np.int32).max:
        indptr = indptr.astype(np.int32)
    codes = sparse.csr_array((data, indices, indptr), shape=(n, m))
    codes.has_canonical_format = True
    return codes


def active_mean_square(network, rows, most=CODE_SCALE_ROWS):
    """Mean square of the active entries of the codes, in the network's own unit, and the number of rows looked at.

    Codes without an active entry have a mean square of 0. Raises ValueError where the network gives numbers that are
    not finite, in a code or in one of the first reconstructions.
    """
    n = len(rows)
    sample = rows if n <= most else rows.subset(np.linspace(0, n - 1, most).astype(np.int64))
    codes, sums = _codes(network, _trained_rule(network), sample), {}

    def visit(lo, hi):
        code = codes(lo, hi)
        if lo < DECODED_ROWS:
            x_hat = _reconstruction(network, code.rows(0, DECODED_ROWS - lo))
            if not np.square(x_hat, dtype=np.float64).sum() < LARGEST_SQUARES:
                raise ValueError("The squares of the reconstructions are not finite.")
        values = code.values
        if isinstance(code, RowCode):
            values = np.where(np.arange(values.shape[1]) < code.count[:, None], values, 0)
        sums[lo] = np.square(values, dtype=np.float64).sum(), np.count_nonzero(values)

    _for_tiles(network, len(sample), visit)
    squares, count = np.sum([sums[lo] for lo in sorted(sums)], axis=0)
    return float(squares / max(count, 1)), len(sample)


def hidden_values(network, rows, depth):
    """Values of the hidden layer `depth` of the encoder, counted from 1, as an array (n_rows, width)."""
    layers = network.encoder()[:depth]
    out = np.empty((len(rows), network.parameters.encoder_sizes[depth]), network.dtype)

    def visit(lo, hi):
        h = network.pre_activations(network.inputs(rows, np.arange(lo, hi)), layers)
        ACTIVATIONS[network.hidden_activation].forward(h)
        out[lo:hi] = h

    _for_tiles(network, len(rows), visit)
    return out


def pre_activations(network, rows):
    """Pre-activations of the units, an iterator over tiles (rows, units)."""
    layers = network.encoder()
    for lo, hi in _tiles(len(rows), network):
        yield network.pre_activations(network.inputs(rows, np.arange(lo, hi)), layers)


def decode(network, codes):
    """Reconstructions of codes, dense or CSR, as an array (n_rows, n_features)."""
    out = np.empty((codes.shape[0], network.parameters.encoder_sizes[0]), network.dtype)

    def visit(lo, hi):
        out[lo:hi] = network.decode(codes[lo:hi])

    _for_tiles(network, len(out), visit)
    return out


def reconstruct(network, rule, rows, visit):
    """Call ``visit(lo, hi, x, x_hat)`` for each tile with the data and its reconstruction."""
    codes = _codes(network, rule, rows)

    def reconstruct_tile(lo, hi):
        visit(lo, hi, rows.tile(lo, hi), _reconstruction(network, codes(lo, hi)))

    _for_tiles(network, len(rows), reconstruct_tile)


def squared_errors(network, rows):
    """Squared error of the observed entries of each row, in float64, with the number of units of the training."""
    errors = np.empty(len(rows))

    def visit(lo, hi, x, x_hat):
        differences = np.subtract(x, x_hat, dtype=np.float64)
        differences[np.isnan(x)] = 0
        errors[lo:hi] = np.einsum("ij,ij->i", differences, differences)

    reconstruct(network, _trained_rule(network), rows, visit)
    return errors


def score_samples(network, rows):
    """Minus the squared error of each row; of a row without any observed value minus infinity, the lowest."""
    scores = -squared_errors(network, rows)
    if rows.missing:
        for lo, hi in rows.pieces():
            scores[lo:hi][np.isnan(rows.tile(lo, hi)).all(axis=1)] = -np.inf
    return scores


def _trained_rule(network):
    """The rule of the training, or where that must see more than a row, the deployed one."""
    return network.rule if network.rule.scope in ("entry", "row") else network.rule.deployed()


def impute(network, rows):
    """The data with its missing values reconstructed, but those of features that were never observed."""
    if rows.sparse:
        return rows.X.copy()
    out, known = np.array(rows.X, rows.dtype, order="C"), network.observed > 0
    if not rows.missing:
        return out

    def visit(lo, hi, x, x_hat):
        np.copyto(out[lo:hi], x_hat, where=np.isnan(x) & known)

    reconstruct(network, _trained_rule(network), rows, visit)
    return out


def explained_variance(network, rows, mean=None):
    """One minus the squared error over the total variance, both over all observed entries.

    The variance is about the mean of the rows, or about a given one. It is not defined, NaN, where nothing is observed
    or, about their own mean, for a single row.
    """
    own_mean, variance, count = rows.moments()
    if not count.any() or (mean is None and len(rows) < 2):
        return np.nan
    residual = squared_errors(network, rows).sum()
    total = ((variance + (0 if mean is None else (own_mean - mean) ** 2)) * count).sum()
    if not np.isfinite(residual) or not np.isfinite(total):
        raise ValueError(f"{TOO_LARGE} sums of squares are not finite. {REMEDY}")
    if total > 0:
        return float(1 - residual / total)
    return 1.0 if residual == 0 else 0.0
