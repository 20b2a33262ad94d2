"""Which values of an image are missing: by a mask, or NaN."""

import numpy as np

from ._pictures import read_picture, without_mask


def read_incomplete(image, mask):
    """The values of an image of which some are missing.

    Parameters
    ----------
    image : array-like of shape (height, width) or (height, width, channels)
        NaN is missing; what stands at other missing values is not read.
    mask : array-like or None
        Not zero where a value is missing. Of the shape of the image, or of its pixels. None: only NaN is missing.

    Returns
    -------
    values : ndarray of shape (height, width, channels)
        See `read_picture`; zero where they are missing.
    missing : ndarray of bool of the same shape
        Something is observed in each channel.
    """
    image = without_mask(image)
    hidden = np.zeros(image.shape, bool) if mask is None else _read_mask(mask, image.shape)
    if image.dtype.kind == "f":
        hidden = hidden | np.isnan(image)
    values = read_picture(np.where(hidden, image.dtype.type(0), image))
    missing = hidden.reshape(values.shape)
    empty = np.flatnonzero(missing.all(axis=(0, 1)))
    if empty.size:
        what = "every pixel" if missing.shape[2] == 1 else f"every pixel of channel {empty[0]}"
        raise ValueError(
            f"There is nothing to fill the image from: {what} is missing. The mask must be False, or zero, where a "
            "pixel is observed."
        )
    return values, missing


def _read_mask(mask, shape):
    """A mask as booleans of the shape of the image."""
    mask = np.asarray(mask)
    if mask.shape not in {shape, shape[:2]}:
        raise ValueError(
            f"mask must have the shape of the image, {shape}, or that of its pixels, {shape[:2]}: got {mask.shape}."
        )
    if mask.dtype.kind not in "buif" or np.isnan(mask).any():
        raise ValueError(
            f"mask must be boolean, or numbers that are not zero where a pixel is missing: got {mask.dtype}"
            f"{' with NaN' if mask.dtype.kind == 'f' else ''}."
        )
    return np.broadcast_to((mask != 0).reshape(mask.shape + (1,) * (len(shape) - mask.ndim)), shape)
