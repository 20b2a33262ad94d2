"""What a fitted coder does to make images small: bytes, and images from bytes."""

from sklearn.utils.validation import check_is_fitted

from .._parameters import with_plain_arguments
from ._codec import compress, decompress


class CompressingMixin:
    """Compression by the dictionary of the coder, which stays out of the bytes."""

    @with_plain_arguments
    def compress(self, image, *, psnr=None, max_bytes=None):
        """Compress an image to bytes.

        The bytes hold codes of patches side by side, not the dictionary: decompressing takes this coder, or a copy. A
        patch is described by atoms of the coder or by principal axes of the patches of the fit, whichever takes
        fewer bits for its error. The :ref:`user guide <guide_images>` has the format.

        Parameters
        ----------
        image : array-like of shape (height, width) or (height, width, channels), or a list of such arrays
            An image, or several of the same shape and type in one stream; these also as an array of shape (n_images,
            height, width, channels).
        psnr : float or None, default=None
            Peak signal-to-noise ratio to reach, in decibels: 255 or 65535 is the peak of integers, the range of the
            image's own values that of floating numbers. Integers can be reproduced exactly, with ``np.inf``. None, and
            `max_bytes` is None too: 35.
        max_bytes : int or None, default=None
            Number of bytes that must not be exceeded. Alone: the best quality of those tried that
            fit, which is nearly the best there is. With `psnr`: less quality
            where that does not fit.

        Returns
        -------
        data : bytes

        Raises
        ------
        ValueError
            If the quality cannot be reached, or the size; if the image has missing values; if the fitted coder has no
            atoms, that is, no ``components_``.

        See Also
        --------
        SparseImageCoder.decompress : The inverse.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.datasets import load_digits
        >>> from skl_sae.coding import KSVD
        >>> from skl_sae.image import SparseImageCoder
        >>> digits = (load_digits().images * 15).astype(np.uint8)
        >>> images = SparseImageCoder(KSVD(128, n_nonzero_coefs=4), random_state=0).fit(list(digits[:1500]))
        >>> data = images.compress(list(digits[1500:1600]), psnr=20)
        >>> len(data) < 100 * 64 / 4
        True
        >>> digits_again = images.decompress(data)
        >>> len(digits_again), digits_again[0].shape, digits_again[0].dtype
        (100, (8, 8), dtype('uint8'))
        """
        return compress(image, self._known_codebook(), psnr, max_bytes)

    @with_plain_arguments
    def decompress(self, data, *, max_pixels=1 << 26):
        """Decompress bytes from `compress`.

        What it gives is the same on every machine.

        Parameters
        ----------
        data : bytes
        max_pixels : int, default=67108864
            Largest number of pixels, all images together, each made up to whole patches. Larger images are refused
            before anything is allocated. Decompressing takes some 25 bytes of memory for each value, and at
            most about 75: 5 GB for a gray image at the default.

        Returns
        -------
        image : ndarray or list of ndarray
            Of the shape and type that was compressed, in the byte order of the machine.

        Raises
        ------
        CorruptImageError
            If the bytes are no image, damaged, larger than `max_pixels`, or compressed with another dictionary. It is a
            ``ValueError``.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.datasets import load_sample_image
        >>> from skl_sae.image import SparseImageCoder
        >>> image = load_sample_image("china.jpg")[:64, :60, 1]
        >>> images = SparseImageCoder(max_patches=1000, random_state=0).fit(image)
        >>> same = images.decompress(images.compress(image, psnr=np.inf))
        >>> np.array_equal(image, same)
        True
        """
        return decompress(data, self._known_codebook(), max_pixels)

    def _known_codebook(self):
        """The dictionary of compressed images."""
        check_is_fitted(self)
        if self._codebook is None:
            raise ValueError(
                f"Images are compressed with the atoms of the coder, but {type(self.coder_).__name__} has no "
                "components_. Use KSVD, MiniBatchDictionaryLearning or an autoencoder with one linear decoder layer."
            )
        return self._codebook
