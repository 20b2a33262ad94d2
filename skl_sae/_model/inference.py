"""Encoding and decoding of whole data sets, tile by tile: the memory needed is the output and a constant.

Inside, codes are on the network's own scale; `encode` gives and `decode` takes them on `Scaling.code_scale`.
"""

import numpy as np
from scipy import sparse

from .._kernels.blas import single_threaded_blas
from .._kernels.products import REGISTER
from .._kernels.reductions import explained_fraction
from .._kernels.threads import run
from .activations import ACTIVATIONS
from .codes import RowCode
from .network import REMEDY, TOO_LARGE

# Numbers in the widest array of a tile, and the fewest rows of one: products with fewer read the weights too often.
TILE_SIZE, FEWEST_ROWS = 1 << 18, 4
# Numbers in the widest array of a single tile up to which the limit of BLAS is not worth its time: as long as the work
# on a row. OpenBLAS has one thread anyway for sums over fewer than 10000 numbers.
SMALL = 1 << 13
# Tiles whose results are held at once.
WAVE = 16
# Rows, evenly spaced, that the scale of the codes is taken from, at most.
CODE_SCALE_ROWS = 4096
# Of these, the rows that are decoded to see whether that gives finite numbers: a share of the work of a small chunk.
DECODED_ROWS = 256
# The sum of their squares must stay below this, so that the sum over all rows is finite, too.
LARGEST_SQUARES = 1e300


def _over_tiles(network, n_rows, work, wave=WAVE):
    """Yield ``lo, hi, work(lo, hi)`` for each tile of rows, in order; all threads work on a wave of tiles at once.

    BLAS is limited while they work only: whoever reads the tiles may stop half way, and keep this generator. For one
    small tile it is not, where our own kernels make the products.
    """
    kind = network.architecture
    width = max(*kind.encoder_sizes, *kind.decoder_sizes)
    step = max(FEWEST_ROWS, TILE_SIZE // width)
    if REGISTER and 0 < n_rows <= min(step, SMALL // width):
        yield 0, n_rows, work(0, n_rows)
        return
    tiles = [(lo, min(n_rows, lo + step)) for lo in range(0, n_rows, step)]
    for first in range(0, len(tiles), wave):
        at_once = tiles[first : first + wave]
        with single_threaded_blas():
            results = run(lambda i, slot, at_once=at_once: work(*at_once[i]), len(at_once))
        for i, (lo, hi) in enumerate(at_once):
            result, results[i] = results[i], None
            yield lo, hi, result


def _for_tiles(network, n_rows, visit):
    """Call ``visit(lo, hi)`` for each tile of rows."""
    for _ in _over_tiles(network, n_rows, visit, wave=max(1, n_rows)):
        pass


def _codes(network, rule, rows):
    """Function that encodes rows ``lo..hi``, on the network's own scale of codes."""
    layers, scaling = network.encoder(), network.scaling
    return lambda lo, hi: network.encode(scaling.inputs(rows, np.arange(lo, hi)), rule, layers)


def _reconstructions(network, rule, rows):
    """Function that reconstructs rows ``lo..hi``, on the scale of the data."""
    layers, scaling = network.encoder(), network.scaling

    def reconstruct(lo, hi):
        x = scaling.inputs(rows, np.arange(lo, hi))
        return _decoded(network, network.encode(x, rule, layers), x)

    return reconstruct


def _decoded(network, code, x):
    """What a code on the network's own scale, of the inputs `x`, is decoded to, on the scale of the data."""
    return network.outputs(network.decode_units(code), x)


def encode(network, rule, rows):
    """Codes of all rows, as an array (n_rows, n_units)."""
    out = np.empty((len(rows), network.architecture.n_units), network.dtype)
    codes = _codes(network, rule, rows)

    def visit(lo, hi):
        codes(lo, hi).to_dense(out[lo:hi])
        network.give(out[lo:hi])

    _for_tiles(network, len(rows), visit)
    return out


def encode_sparse(network, rule, rows, kind=sparse.csr_array):
    """Codes of all rows, in CSR of this kind with sorted indices."""
    n, m = len(rows), network.architecture.n_units
    codes, counts = _codes(network, rule, rows), np.zeros(n + 1, np.int64)
    indices, data, size = np.empty(0, np.int32), np.empty(0, network.dtype), 0

    def packed(lo, hi):
        code = codes(lo, hi).to_rows()
        counts[lo + 1 : hi + 1] = code.count
        return code.packed()

    for _, hi, (index, values) in _over_tiles(network, n, packed):
        if size + index.size > indices.size:
            # room for all rows, if the others are like those seen so far
            room = max(size + index.size, int((size + index.size) / hi * n))
            indices.resize(room, refcheck=False)
            data.resize(room, refcheck=False)
        indices[size : size + index.size], data[size : size + index.size] = index, values
        size += index.size
    indices.resize(size, refcheck=False)
    data.resize(size, refcheck=False)
    network.give(data)
    indptr = counts.cumsum(dtype=np.int32 if size <= np.iinfo(np.int32).max else np.int64)
    codes = kind((data, indices, indptr), shape=(n, m))
    codes.has_canonical_format = True
    return codes


def active_mean_square(network, rows, most=CODE_SCALE_ROWS):
    """Mean square of the active entries of the codes, on the network's own scale, and the number of rows looked at.

    Codes without an active entry have a mean square of 0. Raises ValueError where the network gives numbers that are
    not finite, in a code or in one of the first reconstructions.
    """
    sample = rows.sample(most)
    rule, layers = network.rule.scored(), network.encoder()

    def sums(lo, hi):
        x = network.scaling.inputs(sample, np.arange(lo, hi))
        code = network.encode(x, rule, layers)
        if lo < DECODED_ROWS:
            n_decoded = DECODED_ROWS - lo
            x_hat = _decoded(network, code.rows(0, n_decoded), x[:n_decoded] if network.architecture.skip else None)
            if not np.square(x_hat, dtype=np.float64).sum() < LARGEST_SQUARES:
                raise ValueError("The squares of the reconstructions are not finite.")
        values = code.values
        if isinstance(code, RowCode):
            values = np.where(np.arange(values.shape[1]) < code.count[:, None], values, 0)
        return np.square(values, dtype=np.float64).sum(), np.count_nonzero(values)

    squares = count = 0
    for _, _, (of_tile, active) in _over_tiles(network, len(sample), sums):
        squares, count = squares + of_tile, count + active
    return float(squares / max(count, 1)), len(sample)


def check_codes(network, rows):
    """Raise ValueError where `transform` would give codes that are not finite."""
    codes = _codes(network, network.rule.deployed(), rows)
    _for_tiles(network, len(rows), lambda lo, hi: network.give(codes(lo, hi).values))


def decoded_codes(network, rows):
    """Targets and decoded codes without intercept, both on the network's scale: an iterator over tiles of rows."""
    codes = _codes(network, network.rule.scored(), rows)

    def tile(lo, hi):
        x, target = (np.empty((hi - lo, rows.shape[1]), network.dtype) for _ in range(2))
        network.scaling.load(rows, np.arange(lo, hi), x, target)
        return target, network.decode_units(codes(lo, hi))

    for _, _, pair in _over_tiles(network, len(rows), tile):
        yield pair


def hidden_values(network, rows, depth):
    """Values of the hidden layer `depth` of the encoder, counted from 1, as an array (n_rows, width)."""
    layers, kind = network.encoder()[:depth], network.architecture
    out = np.empty((len(rows), kind.encoder_sizes[depth]), network.dtype)

    def visit(lo, hi):
        h = network.pre_activations(network.scaling.inputs(rows, np.arange(lo, hi)), layers)
        ACTIVATIONS[kind.hidden_activation].forward(h, out[lo:hi])

    _for_tiles(network, len(rows), visit)
    return out


def pre_activations(network, rows):
    """Pre-activations of the units, an iterator over tiles (rows, units)."""
    layers, scaling = network.encoder(), network.scaling

    def tile(lo, hi):
        return network.pre_activations(scaling.inputs(rows, np.arange(lo, hi)), layers)

    for _, _, a in _over_tiles(network, len(rows), tile):
        yield a


def decode(network, codes):
    """Reconstructions of codes, dense or CSR, as an array (n_rows, n_features)."""
    out = np.empty((codes.shape[0], network.architecture.decoder_sizes[0]), network.dtype)

    def visit(lo, hi):
        out[lo:hi] = network.decode(codes[lo:hi])

    _for_tiles(network, len(out), visit)
    return out


def reconstruct(network, rows):
    """Reconstructions of all rows, as an array (n_rows, n_features), with as many active units as in the training."""
    out = np.empty((len(rows), network.architecture.decoder_sizes[0]), network.dtype)
    reconstruction = _reconstructions(network, network.rule.scored(), rows)

    def visit(lo, hi):
        out[lo:hi] = reconstruction(lo, hi)

    _for_tiles(network, len(out), visit)
    return out


def squared_errors(network, rows, of_unobserved=0.0):
    """Squared error of the observed entries of each row, in float64, with as many active units as in the training.

    Errors are in the units of `Scaling`: on the scale of the data, unless each feature has a unit of its own. A row
    without any observed value has the error `of_unobserved`.
    """
    errors, reconstruction = np.empty(len(rows)), _reconstructions(network, network.rule.scored(), rows)

    def visit(lo, hi):
        x = rows.tile(lo, hi)
        differences = np.subtract(x, reconstruction(lo, hi), dtype=np.float64)
        network.scaling.in_units(differences)
        missing = np.isnan(x)
        differences[missing] = 0
        errors[lo:hi] = np.einsum("ij,ij->i", differences, differences)
        errors[lo:hi][missing.all(axis=1)] = of_unobserved

    _for_tiles(network, len(rows), visit)
    return errors


def score_samples(network, rows):
    """Minus the squared error of each row; of a row without any observed value minus infinity, the lowest."""
    return -squared_errors(network, rows, of_unobserved=np.inf)


def impute(network, rows):
    """The data with its missing values reconstructed, but those of features that were never observed."""
    if rows.sparse:
        return rows.X.copy()
    out, known = np.array(rows.X, rows.dtype, order="C"), network.scaling.observed > 0
    if not rows.missing:
        return out
    reconstruction = _reconstructions(network, network.rule.scored(), rows)

    def visit(lo, hi):
        np.copyto(out[lo:hi], reconstruction(lo, hi), where=np.isnan(out[lo:hi]) & known)

    _for_tiles(network, len(rows), visit)
    return out


def explained_variance(network, rows, mean=None):
    """One minus the squared error over the total variance, both over all observed entries and in units of `Scaling`.

    The variance is about the mean of the rows, or about a given one. It is not defined, NaN, where nothing is observed
    or, about their own mean, for a single row.
    """
    own_mean, variance, count = rows.moments()
    if not count.any() or (mean is None and len(rows) < 2):
        return np.nan
    residual = squared_errors(network, rows).sum()
    squares = variance + (0 if mean is None else (own_mean - mean) ** 2)
    total = (squares / network.scaling.units / network.scaling.units * count).sum()
    if not np.isfinite(residual) or not np.isfinite(total):
        raise ValueError(f"{TOO_LARGE} sums of squares are not finite. {REMEDY}")
    return float(explained_fraction(residual, total))
