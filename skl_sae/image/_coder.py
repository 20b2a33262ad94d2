"""Images by sparse codes of their patches: the estimator, which checks and wires."""

from numbers import Integral

from sklearn.base import BaseEstimator, _fit_context, clone
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval
from sklearn.utils.validation import check_is_fitted

from ..coding import KSVD
from ._codec import compress, decompress, learn_codebook
from ._learning import draw_patches
from ._pictures import read_picture, read_pictures

COUNT = Interval(Integral, 1, None, closed="left")


class SparseImageCoder(BaseEstimator):
    """Restore and compress images by sparse codes of their patches.

    A coder learns to describe small patches of images, each less its mean, by a few atoms.

    An image is an array of shape (height, width) or (height, width, channels), with 1, 3 or 4 channels, of uint8,
    uint16 or a floating type. It may have any size. Results have the shape and the type of the image. Integers are read
    as shares of the largest one, 255 or 65535; floating values are read as they are.

    Read more in the user guide.

    Parameters
    ----------
    coder : estimator or None, default=None
        What encodes patches, one a row: an estimator with ``transform`` and ``inverse_transform``, such as
        :class:`~skl_sae.coding.KSVD`, :class:`~skl_sae.SparseAutoencoder` or scikit-learn's
        :class:`~sklearn.decomposition.MiniBatchDictionaryLearning`. A clone of it is fitted. None means ``KSVD(256,
        n_nonzero_coefs=8, max_iter=10)``, which begins with cosines where patches are square and gray.

    patch_size : int or tuple of int, default=8
        Height and width of a patch, in pixels. Smaller images are padded with their last row and column.

    stride : int, default=1
        Distance between neighbouring patches in pixels, where these overlap and are averaged. With 1 the results are
        best, a larger one is faster by its square.

    max_patches : int or None, default=65536
        Number of patches that ``fit`` learns from, at most; they are drawn at random. None: all.

    random_state : int, RandomState instance or None, default=None
        Which patches are drawn, and the `random_state` of the coder; None keeps the coder's own.

    verbose : bool, default=False
        Whether to print how far the work has come.

    Attributes
    ----------
    coder_ : estimator
        The fitted coder.

    patch_shape_ : tuple of int
        Height, width and channels of a patch.

    See Also
    --------
    sklearn.feature_extraction.image.PatchExtractor : Patches as rows for any estimator.

    Examples
    --------
    >>> from sklearn.datasets import load_sample_image
    >>> from skl_sae.image import SparseImageCoder
    >>> image = load_sample_image("china.jpg")[:64, :64, 1]
    >>> SparseImageCoder(max_patches=1000, random_state=0).fit(image).patch_shape_
    (8, 8, 1)
    """

    _parameter_constraints = {
        "coder": [HasMethods(["fit", "transform", "inverse_transform"]), None],
        "patch_size": [COUNT, tuple],
        "stride": [COUNT],
        "max_patches": [COUNT, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(self, coder=None, *, patch_size=8, stride=1, max_patches=65536, random_state=None, verbose=False):
        self.coder = coder
        self.patch_size = patch_size
        self.stride = stride
        self.max_patches = max_patches
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, images, y=None):
        """Learn to encode the patches of images.

        Parameters
        ----------
        images : array-like of shape (height, width) or (height, width, channels), or a list of such arrays
            One image, or several of any sizes and with the same number of channels; several also as an array of shape
            (n_images, height, width, channels).
        y : None
            Ignored.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        patch, random_state = self._patch(), check_random_state(self.random_state)
        pictures = read_pictures(images)
        shape = (*patch, pictures[0].shape[2])
        rows = draw_patches(pictures, patch, self.max_patches, random_state)
        coder = self._new_coder(shape, random_state)
        coder.fit(rows)
        codebook = learn_codebook(coder, rows, shape)
        self.coder_, self.patch_shape_, self._codebook = coder, shape, codebook
        return self

    def compress(self, image, *, psnr=None, max_bytes=None):
        """Compress an image to bytes.

        The bytes hold codes of patches side by side, not the dictionary: decompressing takes this coder, or a copy. A
        patch is described by atoms of the coder or by principal axes of the patches of the fit, whichever takes
        fewer bits for its error. The user guide has the format.

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
            Number of bytes that must not be exceeded. Alone: the best quality that fits. With `psnr`: less quality
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

    def decompress(self, data, *, max_pixels=1 << 26):
        """Decompress bytes from `compress`.

        What it gives is the same on every machine.

        Parameters
        ----------
        data : bytes
        max_pixels : int, default=67108864
            Largest number of pixels, all images together, each made up to whole patches. Larger images are refused
            before anything is allocated.

        Returns
        -------
        image : ndarray or list of ndarray
            Of the shape and type that was compressed.

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

    def _patch(self):
        """Height and width of a patch."""
        size = self.patch_size
        if isinstance(size, Integral):
            return int(size), int(size)
        if len(size) != 2 or not all(isinstance(side, Integral) and side >= 1 for side in size):
            raise ValueError(f"patch_size must be an int or a pair of ints of at least 1: got {size}.")
        return tuple(int(side) for side in size)

    def _new_coder(self, shape, random_state):
        """The coder to fit."""
        if self.coder is None:
            start = "dct2" if shape[0] == shape[1] and shape[2] == 1 else "data"
            coder = KSVD(256, n_nonzero_coefs=8, max_iter=10, dict_init=start)
        else:
            coder = clone(self.coder)
        if self.random_state is not None and "random_state" in coder.get_params(deep=False):
            coder.set_params(random_state=random_state.randint(1 << 31))
        return coder

    def _read(self, image, allow_nan=False):
        """The values of an image with the channels of the fit."""
        check_is_fitted(self)
        values = read_picture(image, allow_nan)
        if values.shape[2] != self.patch_shape_[2]:
            raise ValueError(
                f"The image has {values.shape[2]} channels, but SparseImageCoder was fitted on images with "
                f"{self.patch_shape_[2]}."
            )
        return values

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags
