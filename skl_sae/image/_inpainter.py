"""The methods of `SparseImageCoder` that fill in what is missing: they check and wire."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._parameters import is_count, with_plain_arguments
from ._denoising import Network
from ._filling import fill_smoothly
from ._inpainting import BoundedPursuit, Cosines, MeanOf, falling_errors, inpaint
from ._learning import is_dictionary
from ._masks import read_incomplete
from ._noise import check_sigma
from ._pictures import full_scale, write_picture
from ._progress import Progress

# The error that the coder is allowed at first, as a share of the patches' deviation: cosines have been there before.
FIRST_ERROR = 1 / 4


class InpainterMixin:
    """Inpainting by a coder of patches."""

    @with_plain_arguments
    def inpaint(self, image, mask=None, *, sigma=0.0, max_iter=30):
        """Fill in the missing pixels of an image.

        They are filled in by cosines first, and then by the coder and cosines together: patches are coded as if all of
        them were known, the mean of the estimates that overlap is the next filling, and so on, with an error that is
        large at first and then falls. Holes of any size are filled, but hardly continued into where they are much wider
        than a patch.

        Parameters
        ----------
        image : array-like of shape (height, width) or (height, width, channels)
            The image, with as many channels as those of ``fit``. NaN is missing; what stands at other missing pixels is
            not read.
        mask : array-like of shape (height, width) or that of the image, default=None
            True, or not zero, where a pixel or a value of a channel is missing, as in
            ``skimage.restoration.inpaint_biharmonic``. None: only NaN is missing.
        sigma : float, default=0.0
            Standard deviation of the noise of the observed pixels, in the unit of the image. Nothing smaller is
            described.
        max_iter : int, default=30
            Number of fillings by cosines. The coder's, after them, are half as many.

        Returns
        -------
        filled : ndarray
            Of the shape and type of the image. Observed pixels are as they were; others are rounded and clipped where
            the type is an integer.

        Raises
        ------
        ValueError
            For a mask of another shape, and where nothing is observed in a channel.
        """
        check_is_fitted(self)
        self._validate_params()
        values, missing, sigma = _read(image, mask, sigma, max_iter)
        self._check_channels(values)
        self._check_stride(self.patch_shape_)
        cosines = self._fill_by_cosines(values, missing, self.patch_shape_[:2], sigma, max_iter)
        return _write(self._fill_by_coder(cosines, missing, sigma, max_iter), missing, image)

    @with_plain_arguments
    def fit_inpaint(self, image, mask=None, *, sigma=0.0, max_iter=30):
        """Fill in the missing pixels of an image with a coder that is fitted to the image itself.

        The coder learns from the image as cosines fill it in. It then knows the image's own textures, and fills them in
        better than one that is fitted to others.

        Parameters
        ----------
        image : array-like of shape (height, width) or (height, width, channels)
            See `inpaint`.
        mask : array-like of shape (height, width) or that of the image, default=None
            See `inpaint`.
        sigma : float, default=0.0
            See `inpaint`.
        max_iter : int, default=30
            See `inpaint`.

        Returns
        -------
        filled : ndarray
            Of the shape and type of the image. Observed pixels are as they were.
        """
        self._validate_params()
        values, missing, sigma = _read(image, mask, sigma, max_iter)
        cosines = self._fill_by_cosines(values, missing, self._patch(), sigma, max_iter)
        self.fit(write_picture(cosines, image), sigma=sigma * full_scale(np.asarray(image).dtype) or None)
        return _write(self._fill_by_coder(cosines, missing, sigma, max_iter), missing, image)

    def _fill_by_cosines(self, values, missing, patch, sigma, max_iter):
        estimate, tell = Cosines((*patch, values.shape[2])), Progress("Cosines", self.verbose)
        guess, errors = fill_smoothly(values, missing), falling_errors(1.0, max_iter)
        return inpaint(guess, missing, sigma, estimate, patch, self.stride, errors, tell)

    def _fill_by_coder(self, values, missing, sigma, max_iter):
        if is_dictionary(self.coder_):
            estimate = BoundedPursuit(self.coder_.components_)
        else:
            estimate = Network(self.coder_, self._noise)
            sigma = max(sigma, self._noise or 0.0)  # less is nothing that it has learned to see
        estimate = MeanOf(estimate, Cosines(self.patch_shape_))
        errors, tell = falling_errors(FIRST_ERROR, -(-max_iter // 2)), Progress("Inpainting", self.verbose)
        return inpaint(values, missing, sigma, estimate, self.patch_shape_[:2], self.stride, errors, tell)


def _read(image, mask, sigma, max_iter):
    """The values of an incomplete image, where they are missing, and their noise in their own unit."""
    check_sigma(sigma, "")
    if not is_count(max_iter):
        raise ValueError(f"max_iter must be an integer of at least 1: got {max_iter!r}.")
    values, missing = read_incomplete(image, mask)
    return values, missing, sigma / full_scale(np.asarray(image).dtype)


def _write(filled, missing, image):
    """The image with its missing values from a filled one, and all others untouched."""
    image = np.asarray(image)
    filled = np.where(missing.reshape(image.shape), write_picture(filled, image), image)
    return filled.astype(image.dtype, copy=False)  # in the byte order of the image
