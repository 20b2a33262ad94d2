"""Images by sparse codes of their patches: the estimator, which checks and wires."""

from numbers import Integral

import numpy as np
from sklearn.base import _fit_context, clone
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods
from sklearn.utils.validation import check_is_fitted

from .._doc_link import DocLinkMixin
from .._parameters import PlainParametersMixin, integer, is_count, real
from ..coding import KSVD
from ._codec import learn_codebook
from ._compressing import CompressingMixin
from ._denoiser import DenoiserMixin
from ._denoising import Noise
from ._inpainter import InpainterMixin
from ._learning import accept_noise, draw_patches, learn_to_remove
from ._noise import check_sigma
from ._pictures import full_scale, list_of_images, read_picture, read_pictures

COUNT = integer()


class SparseImageCoder(DocLinkMixin, DenoiserMixin, CompressingMixin, InpainterMixin, PlainParametersMixin):
    """Restore and compress images by sparse codes of their patches.

    A coder learns to describe small patches of images, each less its mean, by a few atoms.

    An image is an array of shape (height, width) or (height, width, channels), with 1, 3 or 4 channels, of uint8,
    uint16 or a floating type. It may have any size. Results have the shape and the type of the image. Integers are read
    as shares of the largest one, 255 or 65535; floating values are read as they are.

    Read more in the :ref:`user guide <guide_images>`.

    Parameters
    ----------
    coder : estimator or None, default=None
        What encodes patches, one a row: an estimator with ``transform`` and ``inverse_transform``, such as
        :class:`~skl_sae.coding.KSVD`, :class:`~skl_sae.SparseAutoencoder` or scikit-learn's
        :class:`~sklearn.decomposition.MiniBatchDictionaryLearning`. A clone of it is fitted; a fitted one is used as it
        is if it is wrapped in :class:`~sklearn.frozen.FrozenEstimator`. None means ``KSVD(256,
        n_nonzero_coefs=8, max_iter=10, convergence_tol=0.0)``, which begins with cosines where patches are square and
        gray.

    patch_size : int or tuple of int, default=8
        Height and width of a patch, in pixels. Smaller images are padded with their last row and column.

    stride : int, default=1
        Distance between neighbouring patches in pixels, where these overlap and are averaged. With 1 the results are
        best, a larger one is faster by its square. At most the side of a patch.

    max_patches : int or None, default=65536
        Number of patches that ``fit`` learns from, at most; they are drawn at random. None: all.

    noise : float or None, default=None
        For an autoencoder that is to learn denoising: the standard deviation of the noise, in the unit of the images,
        that is added to the patches of the images of ``fit``, which are clean. In ``denoise`` patches are scaled so
        that their noise is the same. None: the autoencoder is fitted as it is.

    gain : float, default=1.15
        How far the root mean square of what is taken for noise may exceed the standard deviation of the noise, as a
        factor. A pursuit ends when no more than that is left of a patch; and a patch with no more becomes its mean.

    blend : float, default=30 / 255
        Weight of the noisy image in the mean of the overlapping patches, which weigh one each: `blend` times the range
        of the values over sigma, and less for a larger `stride`, by its square. The range is that of the integers, or
        of a floating image without its noise, the mean of the patches.

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
        "noise": [real(0, None, closed="neither"), None],
        "gain": [real(0, None, closed="neither")],
        "blend": [real(0, None, closed="left")],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        coder=None,
        *,
        patch_size=8,
        stride=1,
        max_patches=65536,
        noise=None,
        gain=1.15,
        blend=30 / 255,
        random_state=None,
        verbose=False,
    ):
        self.coder = coder
        self.patch_size = patch_size
        self.stride = stride
        self.max_patches = max_patches
        self.noise = noise
        self.gain = gain
        self.blend = blend
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, images, y=None, *, sigma=None):
        """Learn to encode the patches of images.

        Parameters
        ----------
        images : array-like of shape (height, width) or (height, width, channels), or a list of such arrays
            One image, or several of any sizes and with the same number of channels; several also as an array of shape
            (n_images, height, width, channels).
        y : None
            Ignored.
        sigma : float or None, default=None
            Standard deviation of the noise of the images, in their unit. A :class:`~skl_sae.coding.KSVD` with
            ``algorithm="omp"`` then codes each patch with as many atoms as leave no more than this noise, in the place
            of its own `tol` and `n_nonzero_coefs`. None: the images are clean.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        patch, random_state = self._patch(), check_random_state(self.random_state)
        pictures, unit = read_pictures(images), self._unit(images, sigma)
        shape = (*patch, pictures[0].shape[2])
        rows = draw_patches(pictures, patch, self.max_patches, random_state)
        coder = self._new_coder(shape, random_state)
        if self.noise is not None:
            rows = learn_to_remove(coder, self.noise / unit, rows)
        if sigma is not None and sigma > 0:
            accept_noise(coder, Noise(sigma / unit, self.gain).squared_error(rows.shape[1]))
        coder.fit(rows, None)
        self.coder_, self.patch_shape_, self._codebook = coder, shape, learn_codebook(coder, rows, shape)
        self._noise = None if self.noise is None else self.noise / unit
        return self

    def _unit(self, images, sigma):
        """What `noise` and `sigma` of ``fit`` are divided by."""
        units = {full_scale(np.asarray(image).dtype) for image in list_of_images(images)}
        if sigma is not None:
            check_sigma(sigma)
        if sigma is not None and self.noise is not None:
            raise ValueError(
                f"Got noise={self.noise}, which is added to clean images, and sigma={sigma}, which says that they are "
                "noisy: expected one of them."
            )
        if len(units) > 1 and (sigma is not None or self.noise is not None):
            raise ValueError("Noise is in the unit of the images: got images of different types. Convert them to one.")
        return units.pop()

    def _patch(self):
        """Height and width of a patch."""
        size = (self.patch_size,) * 2 if isinstance(self.patch_size, Integral) else self.patch_size
        if len(size) != 2 or not all(map(is_count, size)):
            raise ValueError(f"patch_size must be an int or a pair of ints of at least 1: got {size}.")
        self._check_stride(size)
        return tuple(int(side) for side in size)

    def _check_stride(self, size):
        """Patches must cover the image."""
        if self.stride > min(size[:2]):
            raise ValueError(
                f"Got stride={self.stride} and patches of {size[0]} x {size[1]} pixels: expected a stride of at most "
                f"{min(size[:2])}, so that they cover the image."
            )

    def _new_coder(self, shape, random_state):
        """The coder to fit."""
        if self.coder is None:
            start = "dct2" if shape[0] == shape[1] and shape[2] == 1 else "data"
            coder = KSVD(256, n_nonzero_coefs=8, max_iter=10, convergence_tol=0.0, dict_init=start)
        else:
            coder = clone(self.coder)
        if self.random_state is not None and "random_state" in coder.get_params(deep=False):
            coder.set_params(random_state=random_state.randint(1 << 31))
        return coder

    def _read(self, image):
        """The values of an image with the channels of the fit."""
        check_is_fitted(self)
        values = read_picture(image)
        self._check_channels(values)
        return values

    def _check_channels(self, values):
        """Refuse an image that has other channels than those of the fit."""
        if values.shape[2] != self.patch_shape_[2]:
            raise ValueError(
                f"The image has {values.shape[2]} channels, but SparseImageCoder was fitted on images with "
                f"{self.patch_shape_[2]}."
            )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        return tags
