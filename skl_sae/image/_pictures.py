"""Images in and out: any size, gray or with channels, integers of 8 and 16 bits or floating."""

import numpy as np
from scipy import sparse

# Numbers of channels of an image whose last axis is that of channels.
CHANNELS = 1, 3, 4
# Larger values have squares that are not finite.
LARGEST = 1e150
# Sums of larger values over the pixels of a patch, or the patches of a pixel, may be too large for float32.
LARGEST_SINGLE = 1e30


def is_integer(dtype):
    """Whether values are integers of 8 or 16 bits without a sign, in any byte order."""
    return np.dtype(dtype).newbyteorder("=") in (np.uint8, np.uint16)


def full_scale(dtype):
    """The value that is read as 1: the largest one of integers."""
    return float(np.iinfo(dtype).max) if is_integer(dtype) else 1.0


def read_picture(image, name="image"):
    """The values of an image as floating numbers, integers as shares of the largest one.

    Parameters
    ----------
    image : array-like of shape (height, width) or (height, width, channels)
    name : str
        What errors call it.

    Returns
    -------
    values : ndarray of shape (height, width, channels)
        C-contiguous, in float64 if the image is or if it has values above `LARGEST_SINGLE`, otherwise in float32. It
        may be the image's own memory.
    """
    if sparse.issparse(image):
        raise TypeError(f"{name} is sparse: expected a dense array. Use its method toarray.")
    image = without_mask(image, name)
    if image.dtype.kind == "c":
        raise ValueError(
            f"{name} is complex: got {image.dtype}. Complex data not supported; take real and imaginary part."
        )
    if not is_integer(image.dtype) and image.dtype.kind != "f":
        raise ValueError(
            f"{name} must have values of uint8, uint16 or a floating type: got {image.dtype}. Convert it; for "
            "example, image.astype(np.uint8) if it has integers from 0 to 255."
        )
    if image.ndim not in (2, 3) or 0 in image.shape or (image.ndim == 3 and image.shape[2] not in CHANNELS):
        raise ValueError(
            f"{name} must have shape (height, width) or (height, width, channels) with 1, 3 or 4 channels, and at "
            f"least one pixel: got {image.shape}. Pass several images as a list."
        )
    dtype = np.float64 if image.dtype.itemsize >= 8 else np.float32
    with np.errstate(over="ignore"):
        values = np.ascontiguousarray(image.reshape(*image.shape[:2], -1), dtype)
    if is_integer(image.dtype):
        return values / dtype(full_scale(image.dtype))
    largest = _check_finite(values, name)
    return values.astype(np.float64) if largest > LARGEST_SINGLE and dtype == np.float32 else values


def _check_finite(values, name):
    """The largest size of values, all of which may be worked on."""
    infinite = np.isinf(values)
    if infinite.any():
        row, column, _ = np.argwhere(infinite)[0]
        raise ValueError(f"{name} has infinite values, the first at row {row}, column {column}: expected finite ones.")
    largest = float(np.nanmax(np.abs(values), initial=0))
    if largest > LARGEST:
        raise ValueError(f"{name} has values up to {largest:.3g}: expected at most {LARGEST:.0e}. Rescale it.")
    missing = np.isnan(values)
    if missing.any():
        row, column, _ = np.argwhere(missing)[0]
        raise ValueError(
            f"{name} has NaN, the first at row {row}, column {column}: expected finite values. Fill them first, for "
            "example with inpaint(image, mask=np.isnan(image))."
        )
    return largest


def write_picture(values, like):
    """Values as an image of the shape and the type of another one, clipped to its range; integers are rounded."""
    like = np.asarray(like)
    if not is_integer(like.dtype):
        most = np.finfo(like.dtype).max
        return np.clip(values, -most, most).reshape(like.shape).astype(like.dtype)
    top = full_scale(like.dtype)
    return np.clip(np.rint(values * top), 0, top).astype(like.dtype).reshape(like.shape)


def list_of_images(images):
    """One image, or a list or an array of several, as a list.

    An array of two axes is an image. One of three is an image with channels if its last axis is 1, 3 or 4 long.
    """
    if isinstance(images, (list, tuple)):
        several = list(images)
        if several and np.ndim(several[0]) < 2:
            raise ValueError(
                f"images must be an image or a list of images: got a list whose first item has {np.ndim(several[0])} "
                "axes. Pass np.asarray(image) for an image that is a list of rows."
            )
    elif sparse.issparse(images):
        several = [images]
    else:
        images = without_mask(images)
        if images.ndim == 3 and images.shape[2] not in CHANNELS:
            raise ValueError(
                f"An array of shape {images.shape} is no image with 1, 3 or 4 channels. Pass several gray images as a "
                "list, list(images), or as an array of shape (n_images, height, width, 1)."
            )
        several = list(images) if images.ndim == 4 else [images]
    if not several:
        raise ValueError("images is empty: expected at least one image.")
    return several


def without_mask(image, name="image"):
    """An image as an array; a masked one is refused, because nobody would look at its mask."""
    if np.ma.isMaskedArray(image):
        raise TypeError(
            f"{name} is a masked array, whose mask would be ignored: expected an array. To fill in what is masked, use "
            "inpaint(image.data, mask=image.mask)."
        )
    return np.asarray(image)


def read_pictures(images):
    """The values of all images, which have the same number of channels; see `read_picture`."""
    several = list_of_images(images)
    names = ["image"] if len(several) == 1 else [f"images[{i}]" for i in range(len(several))]
    pictures = [read_picture(image, name) for image, name in zip(several, names, strict=True)]
    channels = sorted({values.shape[2] for values in pictures})
    if len(channels) > 1:
        raise ValueError(f"Images must have the same number of channels: got some with {channels}.")
    return pictures
