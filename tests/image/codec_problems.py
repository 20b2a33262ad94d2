"""Images and coders for the tests of compression."""

from functools import cache

import numpy as np
from scipy.ndimage import gaussian_filter

from skl_sae.coding import KSVD
from skl_sae.image import SparseImageCoder


def picture(shape, dtype=np.uint8, seed=0):
    """Smooth noise with edges."""
    rng = np.random.default_rng(seed)
    values = gaussian_filter(rng.standard_normal(shape), [2, 2, *[0] * (len(shape) - 2)], mode="wrap")
    values = np.where(values > 0.05, 0.4, 0) + 2 * values
    values = (values - values.min()) / max(np.ptp(values), 1e-9)
    dtype = np.dtype(dtype)
    return (values * np.iinfo(dtype).max).astype(dtype) if dtype.kind == "u" else (3 * values - 1).astype(dtype)


@cache
def coder(channels=1, side=8):
    """A fitted coder."""
    shape = (48, 48) if channels == 1 else (48, 48, channels)
    ksvd = KSVD(40, n_nonzero_coefs=3, max_iter=4)
    return SparseImageCoder(ksvd, patch_size=side, max_patches=1500, random_state=0).fit(picture(shape, seed=9))
