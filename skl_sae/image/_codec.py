"""Images as streams of bytes, and back."""

import math

from .._parameters import is_count, is_number
from ._codebook import Codebook, atoms_of, axes_of, has_atoms
from ._codes import read_codes
from ._decoding import COARSEST, decode, nearest_step, scale
from ._encoding import Encoder
from ._sections import CorruptImageError
from ._stream import ARRAY, DEEP, FLAT, read_stream

# Aimed at where neither a quality nor a size is asked for, in decibels.
PSNR = 35.0


def learn_codebook(coder, rows, patch):
    """The dictionary of compressed images, or None for a coder without atoms.

    Parameters
    ----------
    coder : estimator
        Fitted.
    rows : ndarray of shape (n_patches, n_features)
        What it was fitted on.
    patch : tuple of int
        Height, width and channels.

    Returns
    -------
    codebook : Codebook or None
    """
    return Codebook(atoms_of(coder, rows, patch[2]), axes_of(rows, patch[2]), patch) if has_atoms(coder) else None


def compress(images, codebook, psnr, max_bytes):
    """A stream of bytes; see `SparseImageCoder.compress`."""
    _check(psnr, max_bytes)
    encoder, found = Encoder(images, codebook), {}

    def stream(index):
        if index not in found:
            found[index] = encoder.candidates(index)
        return encoder.best(found[index], index)

    data = None
    if psnr is not None or max_bytes is None:
        psnr = PSNR if psnr is None else psnr
        error = 10.0 ** (-psnr / 10)
        guess = nearest_step(2 * math.sqrt(max(error, encoder.least_error)))
        index = _last(lambda index: stream(index)[1] <= error, guess)
        if index < 0:
            raise ValueError(
                f"psnr={psnr} cannot be reached: the finest step gives {_decibels(stream(0)[1]):.1f}. Ask for less, or "
                "use more atoms."
            )
        data = stream(index)[0]
    if max_bytes is not None and (data is None or len(data) > max_bytes):
        index = COARSEST - _last(lambda index: len(stream(COARSEST - index)[0]) <= max_bytes, 100)
        if index > COARSEST:
            raise ValueError(
                f"max_bytes={max_bytes} is too small: this image takes {len(stream(COARSEST)[0])} at least."
            )
        fitting = [it for several in found.values() for it in several if len(it[0]) <= max_bytes]
        data = min(fitting, key=lambda it: (it[1], len(it[0])))[0]
    return data


def _check(psnr, max_bytes):
    exactly = isinstance(psnr, float) and psnr == math.inf
    if not (psnr is None or exactly or (is_number(psnr) and psnr > 0)):
        raise ValueError(f"psnr must be a positive number of decibels or None: got {psnr!r}.")
    if max_bytes is not None and not is_count(max_bytes):
        raise ValueError(f"max_bytes must be a positive int or None: got {max_bytes!r}.")


def _decibels(error):
    return -10 * math.log10(error) if error > 0 else math.inf


def _last(holds, guess):
    """The last index up to `COARSEST` at which something holds that holds up to there; -1 if nowhere."""
    low, high, stride = -1, COARSEST + 1, 4
    at = guess
    while low < at < high:
        if holds(at):
            low, at = at, at + stride
        else:
            high, at = at, at - stride
        if low >= 0 and high <= COARSEST:
            break
        stride *= 2
    while high - low > 1:
        at = (low + high) // 2
        low, high = (at, high) if holds(at) else (low, at)
    return low


def decompress(data, codebook, max_pixels):
    """What was compressed; see `SparseImageCoder.decompress`."""
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise TypeError(f"data must be bytes: got {type(data).__name__}.")
    if not (is_number(max_pixels) or (isinstance(max_pixels, float) and max_pixels == math.inf)):
        raise TypeError(f"max_pixels must be a number: got {max_pixels!r}.")
    header, reader = read_stream(bytes(data), max_pixels)
    sizes = header.patch_height, header.patch_width, header.channels
    atoms = header.n_atoms, header.n_axes
    if header.fingerprint != codebook.fingerprint or sizes != codebook.patch:
        raise CorruptImageError(
            f"The image was compressed with another dictionary: {atoms[0]} atoms and {atoms[1]} axes of shape {sizes}, "
            f"fingerprint {header.fingerprint.hex()}. This coder has {len(codebook.parts[0])} and "
            f"{len(codebook.parts[1])} of shape {codebook.patch}, fingerprint {codebook.fingerprint.hex()}. Use the "
            "coder that compressed it."
        )
    if header.step > COARSEST:
        raise CorruptImageError(f"The stream has a step of index {header.step}: expected {COARSEST} at most.")
    images = scale(decode(header, read_codes(reader, header, codebook), codebook), header)
    if header.kind == ARRAY:
        return images
    images = [image.reshape(header.shape) for image in images]
    return images[0] if header.kind in (FLAT, DEEP) else images
