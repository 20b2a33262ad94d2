"""Denoising, as methods of the estimator."""

import numpy as np

from ._denoising import Network, Noise, Pursuit, denoise
from ._learning import is_dictionary
from ._noise import check_sigma, estimate_sigma
from ._pictures import full_scale, is_integer, read_picture, write_picture
from ._progress import Progress


class DenoiserMixin:
    """Methods of an estimator that reads images (`_read`), has a fitted `coder_` and the parameters of denoising."""

    def denoise(self, image, sigma=None):
        """Remove white noise from an image.

        Every patch is replaced by its estimate, and the estimates that overlap are averaged. With a dictionary
        (:class:`~skl_sae.coding.KSVD`, scikit-learn's dictionary learning) the estimate is found by orthogonal matching
        pursuit: as few atoms as leave no more than the noise. Otherwise it is what the coder's ``transform`` and
        ``inverse_transform`` make of the patch; see `noise`.

        Parameters
        ----------
        image : array-like of shape (height, width) or (height, width, channels)
            The image, with as many channels as those of ``fit``.
        sigma : float or None, default=None
            Standard deviation of the noise, in the unit of the image. None: it is estimated from the finest wavelet
            coefficients, which takes fine textures for noise; give it where it is known.

        Returns
        -------
        denoised : ndarray
            Of the shape and type of the image. Integers are rounded, and clipped to their range.
        """
        values = self._read(image)
        self._validate_params()
        self._check_stride(self.patch_shape_)
        sigma = self._sigma(values, np.asarray(image).dtype, sigma)
        if sigma <= np.finfo(values.dtype).eps * np.abs(values).max():
            return write_picture(values, image)
        if is_dictionary(self.coder_):
            estimate = Pursuit(self.coder_.components_)
        else:
            estimate = Network(self.coder_, self._noise)
        integers, tell = is_integer(np.asarray(image).dtype), Progress("Denoising", self.verbose)

        def weigh(mean):
            values_range = 1.0 if integers else float(np.ptp(mean))
            return self.blend * values_range / sigma / self.stride**2

        denoised = denoise(values, Noise(sigma, self.gain), estimate, self.patch_shape_[:2], self.stride, weigh, tell)
        return write_picture(denoised, image)

    def fit_denoise(self, image, sigma=None):
        """Learn from the noisy image itself, and remove its noise.

        The same as ``fit(image, sigma=sigma).denoise(image, sigma)``. With the default coder this is the adaptive
        method of Elad and Aharon.

        Parameters
        ----------
        image : array-like of shape (height, width) or (height, width, channels)
            The image.
        sigma : float or None, default=None
            Standard deviation of the noise, in the unit of the image. None: it is estimated.

        Returns
        -------
        denoised : ndarray
            Of the shape and type of the image.
        """
        values, dtype = read_picture(image), np.asarray(image).dtype
        sigma = self._sigma(values, dtype, sigma) * full_scale(dtype)
        return self.fit(image, sigma=sigma).denoise(image, sigma)

    def _sigma(self, values, dtype, sigma):
        """The noise of an image in the unit of its values; estimated if nobody has said it."""
        if sigma is None:
            return estimate_sigma(values)
        return check_sigma(sigma) / full_scale(dtype)
