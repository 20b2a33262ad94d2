"""Encoding and decoding of whole data sets, tile by tile: the memory needed is the output and a constant."""

import numpy as np
from scipy import sparse

from ._activations import ACTIVATIONS
from ._blas import single_threaded_blas
from ._codes import RowCode
from ._numba import jit
from ._parallel import run

# Numbers in the widest array of a tile.
TILE_SIZE = 1 << 18
# Tiles that are encoded before their codes are appended to a compressed output.
WAVE = 16


def _tiles(n_rows, network):
    p = network.parameters
    step = max(16, TILE_SIZE // max(*p.encoder_sizes, *p.decoder_sizes))
    return [(lo, min(n_rows, lo + step)) for lo in range(0, n_rows, step)]


def _inputs(network, rows, lo, hi):
    """Rows ``lo..hi`` in the network's units, as the encoder reads them."""
    chosen = np.arange(lo, hi)
    x = network.sparse_rows(rows, chosen)
    if x is None:
        x = np.empty((hi - lo, network.parameters.encoder_sizes[0]), network.dtype)
        network.load(rows, chosen, x)
    return x


def encode(network, rule, rows):
    """Codes of all rows, as an array (n_rows, n_units)."""
    out = np.empty((len(rows), network.parameters.n_units), network.dtype)
    tiles, layers = _tiles(len(rows), network), network.encoder()

    def encode_tile(i, slot):
        lo, hi = tiles[i]
        code = network.encode(_inputs(network, rows, lo, hi), rule, layers)
        if isinstance(code, RowCode):
            _scatter_rows(code.index, code.values, code.count, out[lo:hi])
        else:
            out[lo:hi] = code.values

    with single_threaded_blas():
        run(encode_tile, len(tiles))
    return out


def encode_sparse(network, rule, rows):
    """Codes of all rows, as a CSR array with sorted indices."""
    n, m = len(rows), network.parameters.n_units
    tiles, layers = _tiles(n, network), network.encoder()
    indptr = np.zeros(n + 1, np.int64)
    indices, data, size = np.empty(0, np.int32), np.empty(0, network.dtype), 0
    pieces = {}

    def encode_tile(i, slot):
        lo, hi = tiles[i]
        code = network.encode(_inputs(network, rows, lo, hi), rule, layers)
        if not isinstance(code, RowCode):
            dense, code = code, RowCode.empty(hi - lo, m, network.dtype)
            code.compress(0, hi - lo, dense)
        pieces[i] = _pack_rows(code.index, code.values, code.count)
        indptr[lo + 1 : hi + 1] = code.count

    with single_threaded_blas():
        for first in range(0, len(tiles), WAVE):
            wave = range(first, min(len(tiles), first + WAVE))
            run(lambda i, slot, wave=wave: encode_tile(wave[i], slot), len(wave))
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
    if size <= np.iinfo(np.int32).max:
        indptr = indptr.astype(np.int32)
    codes = sparse.csr_array((data, indices, indptr), shape=(n, m))
    codes.has_canonical_format = True
    return codes


def hidden_values(network, rows, depth):
    """Values of the hidden layer `depth` of the encoder, counted from 1, as an array (n_rows, width)."""
    layers = network.encoder()[:depth]
    out = np.empty((len(rows), network.parameters.encoder_sizes[depth]), network.dtype)
    tiles = _tiles(len(rows), network)

    def encode_tile(i, slot):
        lo, hi = tiles[i]
        h = network.pre_activations(_inputs(network, rows, lo, hi), layers)
        ACTIVATIONS[network.hidden_activation].forward(h)
        out[lo:hi] = h

    with single_threaded_blas():
        run(encode_tile, len(tiles))
    return out


def pre_activations(network, rows):
    """Pre-activations of the units, an iterator over tiles (rows, units)."""
    layers = network.encoder()
    for lo, hi in _tiles(len(rows), network):
        yield network.pre_activations(_inputs(network, rows, lo, hi), layers)


def decode(network, codes):
    """Reconstructions of codes, dense or CSR, as an array (n_rows, n_features)."""
    p = network.parameters
    out = np.empty((codes.shape[0], p.encoder_sizes[0]), network.dtype)
    tiles = _tiles(len(out), network)

    def decode_tile(i, slot):
        lo, hi = tiles[i]
        out[lo:hi] = network.decode(codes[lo:hi])

    with single_threaded_blas():
        run(decode_tile, len(tiles))
    return out


def reconstruct(network, rule, rows, visit):
    """Call ``visit(lo, hi, x, x_hat)`` for each tile with the data and its reconstruction."""
    tiles, layers = _tiles(len(rows), network), network.encoder()

    def reconstruct_tile(i, slot):
        lo, hi = tiles[i]
        code = network.encode(_inputs(network, rows, lo, hi), rule, layers)
        u = np.zeros((hi - lo, network.parameters.decoder_sizes[-2]), network.dtype)
        code.decode(network.parameters.units.decoder, 0, network.parameters.n_units, u)
        visit(lo, hi, rows.tile(lo, hi), network.outputs(u))

    with single_threaded_blas():
        run(reconstruct_tile, len(tiles))


def squared_errors(network, rows):
    """Squared error of the observed entries of each row, in float64, with the number of units of the training."""
    errors = np.empty(len(rows))

    def visit(lo, hi, x, x_hat):
        squares = np.square(x - x_hat, dtype=np.float64)
        if rows.missing:
            squares[np.isnan(squares)] = 0
        errors[lo:hi] = squares.sum(axis=1)

    reconstruct(network, _trained_rule(network), rows, visit)
    return errors


def _trained_rule(network):
    """The rule of the training, or where that must see more than a row, the deployed one."""
    return network.rule if network.rule.scope in ("entry", "row") else network.rule.deployed()


def impute(network, rows):
    """The data with its missing values reconstructed, but those of features that were never observed."""
    out, known = rows.X.copy(), network.observed > 0
    if not rows.missing:
        return out

    def visit(lo, hi, x, x_hat):
        np.copyto(out[lo:hi], x_hat, where=np.isnan(x) & known)

    reconstruct(network, _trained_rule(network), rows, visit)
    return out


def explained_variance(network, rows):
    """One minus the squared error over the total variance about the mean, both over all observed entries."""
    residual = squared_errors(network, rows).sum()
    _, variance, count = rows.moments()
    total = (variance * count).sum()
    if total > 0:
        return float(1 - residual / total)
    return 1.0 if residual == 0 else 0.0


@jit
def _scatter_rows(index, values, count, out):
    for i in range(out.shape[0]):
        o = out[i]
        for j in range(o.size):
            o[j] = 0
        for j in range(count[i]):
            o[index[i, j]] = values[i, j]


@jit
def _pack_rows(index, values, count):
    """The entries of all rows in one piece, by ascending unit within a row."""
    n = 0
    for i in range(count.size):
        n += count[i]
    out_index, out_values = np.empty(n, np.int32), np.empty(n, values.dtype)
    q = 0
    for i in range(count.size):
        first = q
        for j in range(count[i]):
            unit, value, at = index[i, j], values[i, j], q
            while at > first and out_index[at - 1] > unit:
                out_index[at], out_values[at] = out_index[at - 1], out_values[at - 1]
                at -= 1
            out_index[at], out_values[at] = unit, value
            q += 1
    return out_index, out_values
