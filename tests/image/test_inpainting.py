"""Inpainting: against a twin in plain NumPy, against no coder at all, and what must hold of any image and any mask."""

import numpy as np
import pytest
from scipy.fft import dctn, idctn
from sklearn.base import clone
from sklearn.datasets import load_sample_image
from sklearn.decomposition import MiniBatchDictionaryLearning

from skl_sae import SparseAutoencoder
from skl_sae.coding import KSVD
from skl_sae.image import SparseImageCoder
from skl_sae.image._denoising import Noise
from skl_sae.image._filling import fill_smoothly
from skl_sae.image._inpainting import (
    Cosines,
    MeanOf,
    falling_errors,
    inpaint,
    offsets,
    positions_of_holes,
    typical_deviation,
)


def photograph(dtype=np.uint8, channels=1):
    """A detail of a photograph, gray or coloured."""
    image = load_sample_image("china.jpg")[100:172, 200:280]
    image = image[..., 1] if channels == 1 else image
    if dtype == np.uint16:
        return image.astype(np.uint16) * 257
    return image if dtype == np.uint8 else (image / 255).astype(dtype)


def small_coder(**options):
    ksvd = KSVD(96, n_nonzero_coefs=4, max_iter=3, convergence_tol=0.0)
    return SparseImageCoder(ksvd, stride=2, max_patches=2000, random_state=0, **options)


@pytest.fixture(scope="module")
def coder():
    return small_coder().fit(photograph())


def random_mask(shape, share=0.5, seed=0):
    return np.random.default_rng(seed).random(shape) < share


def psnr(image, other):
    return 10 * np.log10(255**2 / np.mean((np.asarray(image, float) - other) ** 2))


def naive_inpaint(values, missing, sigma, patch, stride, max_iter):
    """The loop with cosines, patch by patch."""
    height, width = values.shape
    coarse = max(stride, patch // 2)

    def corners(length, first, step):
        return sorted({0, length - patch, *range(first, length - patch, step)})

    def pieces(first, step):
        for a in corners(height, first[0], step):
            for b in corners(width, first[1], step):
                if missing[a : a + patch, b : b + patch].any():
                    yield slice(a, a + patch), slice(b, b + patch)

    start = np.sqrt(np.mean([np.var(values[piece]) for piece in pieces((0, 0), patch)]))
    for i, allowed in enumerate(np.maximum(np.geomspace(start, start / 40, max_iter), sigma)):
        last = i == max_iter - 1
        step = stride if last else coarse
        sums, counts = np.zeros_like(values), np.zeros_like(values)
        for piece in pieces(offsets(i, step), step):
            mean = values[piece].mean()
            code = dctn(values[piece] - mean, norm="ortho")
            code[np.abs(code) <= 3 * allowed] = 0
            sums[piece] += idctn(code, norm="ortho") + mean
            counts[piece] += 1
        estimate = sums / np.maximum(counts, 1)
        values = np.where(missing, values + (1 if last else 1.5) * (estimate - values), values)
    return values


@pytest.mark.parametrize("sigma", [0.0, 0.05])
def test_naive_twin(sigma):
    truth = photograph(np.float64)[:29, :34]
    missing = random_mask(truth.shape)
    guess = fill_smoothly(truth[..., None], missing[..., None])
    cosines = Cosines((8, 8, 1))
    errors = falling_errors(1.0, 6)
    found = inpaint(guess, missing[..., None], sigma, cosines, (8, 8), 3, errors, lambda share: None)
    np.testing.assert_allclose(found[..., 0], naive_inpaint(guess[..., 0], missing, sigma, 8, 3, 6), atol=1e-12)


def test_the_guess_repeats_what_is_linear():
    """Where single pixels are missing it is near; observed ones are not touched; a plane stays one on the whole."""
    rows, columns = np.mgrid[:40, :33]
    plane = (rows + 2 * columns)[..., None] / 100
    missing = random_mask(plane.shape, 0.3)
    filled = fill_smoothly(np.where(missing, np.nan, plane), missing)
    assert (filled[~missing] == plane[~missing]).all()
    assert np.abs(filled - plane).max() < 0.08
    constant = fill_smoothly(np.where(missing, np.nan, 0.7), missing)
    np.testing.assert_allclose(constant, 0.7, rtol=1e-14)


@pytest.mark.parametrize("stride", [1, 2, 3, 4, 6])
def test_offsets_visit_all_places(stride):
    assert len({offsets(i, stride) for i in range(stride**2)}) == stride**2
    assert all(0 <= place < stride for i in range(50) for place in offsets(i, stride))


@pytest.mark.parametrize("first", [(0, 0), (2, 3)])
@pytest.mark.parametrize("shape", [(8, 9), (20, 23)])
def test_every_missing_pixel_is_in_a_patch(shape, first):
    missing = random_mask((*shape, 1), 0.1, seed=3)
    tops, lefts = positions_of_holes(missing, (8, 5), 4, *first)
    covered = np.zeros(shape, bool)
    for a, b in zip(tops, lefts, strict=True):
        assert missing[a : a + 8, b : b + 5].any()
        covered[a : a + 8, b : b + 5] = True
    assert covered[missing[..., 0]].all()


def test_deviation_of_patches():
    values = np.random.default_rng(0).normal(5, 0.3, (64, 64, 1))
    assert typical_deviation(values, np.ones_like(values, bool), (8, 8)) == pytest.approx(0.3, rel=0.1)
    assert typical_deviation(values, np.zeros_like(values, bool), (8, 8)) == 0.0


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float16, np.float32, np.float64])
@pytest.mark.parametrize("channels", [1, 3])
def test_types_and_observed_pixels(dtype, channels):
    image = photograph(dtype, channels)
    missing = random_mask(image.shape[:2])
    filled = small_coder().fit(image).inpaint(image, missing, max_iter=5)
    assert filled.dtype == image.dtype and filled.shape == image.shape
    assert (filled[~missing] == image[~missing]).all() and np.isfinite(filled).all()
    unit = {np.uint8: 1, np.uint16: 257}.get(dtype, 1 / 255)
    hole = np.where(missing if channels == 1 else missing[..., None], 0, image / unit)
    assert psnr(filled / unit, image / unit) > psnr(hole, image / unit) + 10


@pytest.mark.parametrize("dtype", [">u2", ">f4"])
def test_other_byte_orders(dtype):
    native = photograph(np.dtype(dtype).newbyteorder("=").type)
    image, missing = native.astype(dtype), random_mask(native.shape)
    options = {"sigma": native.max() / 50, "max_iter": 3}
    filled = small_coder().fit_inpaint(image, missing, **options)
    assert filled.dtype == image.dtype
    np.testing.assert_array_equal(filled, small_coder().fit_inpaint(native, missing, **options))


def test_the_mean_of_estimates():
    rows, cosines = np.random.default_rng(0).normal(size=(5, 64)), Cosines((8, 8, 1))
    mean = MeanOf(cosines, lambda rows, noise: 3 * rows)(rows, Noise(0.2, 1.0))
    np.testing.assert_allclose(mean, (cosines(rows, Noise(0.2, 1.0)) + 3 * rows) / 2)


def test_better_than_smooth(coder):
    """By cosines and atoms of the photograph itself, with half of it missing."""
    image, missing = photograph(), random_mask((72, 80))
    smooth = fill_smoothly(image[..., None].astype(float), missing[..., None])[..., 0]
    fitted, adaptive = coder.inpaint(image, missing), small_coder().fit_inpaint(image, missing)
    assert psnr(fitted, image) > psnr(smooth, image) + 1
    assert psnr(adaptive, image) > psnr(smooth, image) + 1


def test_stripes_go_through_a_hole():
    """A texture that smoothness can't continue; the hole is larger than a patch."""
    rows, columns = np.mgrid[:64, :64]
    image = 128 + 80 * np.sin((rows + columns) * 2 * np.pi / 6)
    missing = np.zeros(image.shape, bool)
    missing[26:37, 26:37] = True
    filled = small_coder().fit_inpaint(np.where(missing, np.nan, image) / 255) * 255
    error = np.abs(filled - image)[missing]
    assert np.sqrt(np.mean(error**2)) < 0.25 * 80


@pytest.mark.parametrize("make", ["mask", "nan", "both"])
def test_nan_and_mask_say_the_same(coder, make):
    image, missing = photograph(np.float32), random_mask((72, 80))
    expected = coder.inpaint(image, missing.astype(np.int8) * 7, max_iter=4)
    holes, half = image.copy(), missing & (np.arange(80) < 40)
    holes[missing] = {"mask": np.inf, "nan": np.nan, "both": np.nan}[make]
    mask = {"mask": missing, "nan": None, "both": half}[make]
    assert (coder.inpaint(holes, mask, max_iter=4) == expected).all()


def test_what_is_missing_is_not_read(coder):
    image, missing = photograph(), random_mask((72, 80))
    other = np.where(missing, 255 - image, image).astype(np.uint8)
    assert (coder.inpaint(image, missing, max_iter=4) == coder.inpaint(other, missing, max_iter=4)).all()


def test_missing_values_of_single_channels():
    image = photograph(np.uint8, 3)
    missing = random_mask(image.shape)
    coder = small_coder().fit(image)
    filled = coder.inpaint(image, missing)
    assert (filled[~missing] == image[~missing]).all()
    # what two other channels tell is more than what the pixels beside do
    assert psnr(filled, image) > psnr(coder.inpaint(image, missing.all(axis=2) | missing[..., :1][..., 0]), image)


@pytest.mark.parametrize(
    "missing",
    [
        pytest.param(np.s_[10:60, 15:70], id="a square wider than patches"),
        pytest.param(np.s_[:40], id="the upper half"),
        pytest.param(np.s_[:, 1:], id="all but one column"),
        pytest.param(np.s_[:-1], id="all but one row"),
    ],
)
def test_large_holes(coder, missing):
    image = photograph(np.float64)
    holes = image.copy()
    holes[missing] = np.nan
    filled = coder.inpaint(holes, max_iter=4)
    observed = ~np.isnan(holes)
    assert np.isfinite(filled).all() and (filled[observed] == image[observed]).all()
    assert filled.min() > image.min() - 0.5 and filled.max() < image.max() + 0.5


def test_one_observed_pixel(coder):
    holes = np.full((30, 21), np.nan)
    holes[20, 3] = 0.25
    np.testing.assert_allclose(coder.inpaint(holes), 0.25, rtol=1e-6)


def test_nothing_missing(coder):
    image = photograph()
    filled = coder.inpaint(image, np.zeros(image.shape, bool))
    assert (filled == image).all() and not np.shares_memory(filled, image)
    assert (coder.inpaint(image) == image).all()


def test_image_smaller_than_a_patch(coder):
    image = np.full((3, 2), 77, np.uint8)
    assert (coder.inpaint(image, [[1, 0], [0, 0], [0, 1]]) == 77).all()


@pytest.mark.parametrize("scale", [1e-30, 1e30, 1e37])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scales(scale, dtype):
    image, missing = photograph(np.float32).astype(dtype), random_mask((72, 80))
    one = small_coder().fit_inpaint(image, missing, max_iter=5)
    other = small_coder().fit_inpaint(image * dtype(scale), missing, max_iter=5)
    np.testing.assert_allclose(other / dtype(scale), one, atol=0.05)


def test_noise_is_not_described(coder):
    """With noisy pixels, what is filled in is closer to the truth if the noise is told."""
    truth, missing = photograph().astype(float), random_mask((72, 80))
    noisy = truth + np.random.default_rng(1).normal(0, 30, truth.shape)
    noisy, hidden = noisy / 255, missing
    told, not_told = (coder.inpaint(noisy, missing, sigma=sigma) for sigma in (30 / 255, 0.0))
    assert psnr(255 * told[hidden], truth[hidden]) > psnr(255 * not_told[hidden], truth[hidden]) + 0.5
    assert (told[~hidden] == noisy[~hidden]).all()


@pytest.mark.parametrize(
    "other",
    [
        SparseAutoencoder(96, max_iter=20),
        MiniBatchDictionaryLearning(40, max_iter=3, transform_algorithm="threshold"),
    ],
    ids=lambda other: type(other).__name__,
)
def test_other_coders(other):
    image, missing = photograph(), random_mask((72, 80))
    holes = np.where(missing, 0, image)
    coder = SparseImageCoder(clone(other), stride=2, max_patches=2000, random_state=0).fit(image)
    assert psnr(coder.inpaint(image, missing), image) > psnr(holes, image) + 12


def test_the_same_bits(coder):
    image, missing = photograph(), random_mask((72, 80))
    assert (coder.inpaint(image, missing, max_iter=4) == coder.inpaint(image, missing, max_iter=4)).all()


def test_progress(coder, capsys):
    image, missing = photograph(), random_mask((72, 80))
    chatty = small_coder(verbose=True).fit(image)
    chatty.inpaint(image, missing, max_iter=2)
    assert "Inpainting: 100 %" in capsys.readouterr().out


@pytest.mark.parametrize(
    "mask, message",
    [
        (np.zeros((72, 79)), "mask must have the shape of the image"),
        (np.zeros((72, 80, 1)), "mask must have the shape of the image"),
        (np.full((72, 80), "a"), "mask must be boolean"),
        (np.full((72, 80), np.nan), "mask must be boolean.*with NaN"),
        (np.ones((72, 80)), "every pixel is missing"),
    ],
)
def test_bad_masks(coder, mask, message):
    with pytest.raises(ValueError, match=message):
        coder.inpaint(photograph(), mask)


@pytest.mark.parametrize(
    "options, message",
    [({"sigma": -1}, "sigma must be"), ({"sigma": np.nan}, "sigma must be"), ({"max_iter": 0}, "max_iter must be")],
)
def test_bad_options(coder, options, message):
    with pytest.raises(ValueError, match=message):
        coder.inpaint(photograph(), np.eye(72, 80), **options)


def test_parameters_that_changed_after_the_fit():
    """The patches are those of the fit; a stride that leaves gaps is refused, and so is a wrong patch."""
    image, missing = photograph(), random_mask((72, 80))
    coder = small_coder().fit(image)
    expected = coder.inpaint(image, missing, max_iter=2)
    assert (coder.set_params(patch_size=5).inpaint(image, missing, max_iter=2) == expected).all()
    with pytest.raises(ValueError, match="expected a stride of at most 8"):
        coder.set_params(stride=9).inpaint(image, missing)
    with pytest.raises(ValueError, match="patch_size"):
        coder.set_params(stride=2, patch_size="large").fit_inpaint(image, missing)


def test_a_channel_of_which_nothing_is_known():
    image = photograph(np.uint8, 3)
    missing = np.zeros(image.shape, bool)
    missing[..., 1] = True
    with pytest.raises(ValueError, match="every pixel of channel 1 is missing"):
        small_coder().fit(image).inpaint(image, missing)


def test_other_channels_than_those_of_the_fit(coder):
    with pytest.raises(ValueError, match="3 channels"):
        coder.inpaint(photograph(np.uint8, 3), np.eye(72, 80))
