"""Images with noise, and what is left of it."""

import tracemalloc

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_sample_image
from sklearn.decomposition import PCA, MiniBatchDictionaryLearning
from sklearn.feature_extraction.image import extract_patches_2d, reconstruct_from_patches_2d
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import orthogonal_mp

from skl_sae import SparseAutoencoder
from skl_sae.coding import KSVD
from skl_sae.image import SparseImageCoder
from skl_sae.image._noise import estimate_sigma


def photograph(height=96, width=112, channels=None):
    image = load_sample_image("china.jpg")[100 : 100 + height, 200 : 200 + width]
    return image if channels == 3 else image[..., 1]


def with_noise(image, sigma, seed=0):
    return image + sigma * np.random.default_rng(seed).normal(size=image.shape)


def psnr(image, other):
    return 10 * np.log10(255**2 / np.mean((image - other.astype(float)) ** 2))


def quick(**parameters):
    return SparseImageCoder(max_patches=4000, random_state=0, **parameters)


def naive(noisy, atoms, sigma, patch, gain, weight=None):
    """Elad and Aharon's estimate, with the loops of scikit-learn; their weight is for values from 0 to 255."""
    patches = extract_patches_2d(noisy, patch).reshape(-1, patch[0] * patch[1])
    means = patches.mean(axis=1, keepdims=True)
    rows = patches - means
    found = np.zeros_like(rows)
    for i, row in enumerate(rows):
        if row @ row > len(row) * (gain * sigma) ** 2:
            found[i] = orthogonal_mp(atoms.T, row, tol=len(row) * (gain * sigma) ** 2) @ atoms
    mean = reconstruct_from_patches_2d((found + means).reshape(-1, *patch), noisy.shape)
    ones = np.ones((len(rows), *patch))
    sizes = [np.minimum(np.arange(n) + 1, np.minimum(p, n - p + 1)) for n, p in zip(noisy.shape, patch, strict=True)]
    counts = np.multiply.outer(*[np.minimum(size, size[::-1]) for size in sizes])
    assert np.isclose(counts.sum(), ones.sum())
    weight = 30 / 255 * np.ptp(mean) / sigma if weight is None else weight
    return (counts * mean + weight * noisy) / (counts + weight)


@pytest.mark.parametrize("patch", [(8, 8), (5, 6)])
def test_it_is_the_estimate_of_elad_and_aharon(patch):
    noisy = with_noise(photograph(40, 48), 20)
    coder = quick(patch_size=patch).fit(noisy, sigma=20)
    expected = naive(noisy, coder.coder_.components_, 20, patch, 1.15)
    np.testing.assert_allclose(coder.denoise(noisy, 20), expected, atol=1e-6)


def test_the_weight_of_the_noisy_image_is_the_published_one():
    """30 / sigma for values from 0 to 255, in any unit."""
    noisy = np.clip(with_noise(photograph(32, 32), 25), 0, 255).astype(np.uint8)
    coder = quick().fit(noisy, sigma=25)
    expected = naive(noisy / 255, coder.coder_.components_.astype(float), 25 / 255, (8, 8), 1.15, 30 / 25)
    assert np.abs(coder.denoise(noisy, 25).astype(float) - 255 * expected).max() < 0.51


def test_a_noisy_photograph_gets_better():
    image = photograph()
    noisy = with_noise(image, 25)
    adaptive = quick().fit_denoise(noisy, 25)
    assert psnr(image, noisy) < 20.4
    assert psnr(image, adaptive) > 23.5
    other = quick().fit(photograph(200, 240)).denoise(noisy, 25)
    assert psnr(image, other) > 23.5


def test_more_noise_than_is_there_smooths_more():
    noisy = with_noise(photograph(48, 48), 10)
    coder = quick().fit(noisy, sigma=10)
    roughness = [np.abs(np.diff(coder.denoise(noisy, sigma))).mean() for sigma in (0, 5, 10, 20, 40)]
    assert np.all(np.diff(roughness) < 0)
    np.testing.assert_array_equal(coder.denoise(noisy, 0), noisy)


def test_patches_that_are_no_more_than_noise_become_their_mean():
    noisy = with_noise(np.full((40, 40), 100.0), 10)
    coders = quick().fit(photograph()), SparseImageCoder(SparseAutoencoder(16, max_iter=2), noise=10).fit(photograph())
    for coder in coders:
        coder.set_params(gain=1.5, blend=0)
        tops = np.arange(33)
        means = np.lib.stride_tricks.sliding_window_view(noisy, (8, 8)).mean(axis=(2, 3))
        sums = np.zeros((40, 40))
        counts = np.zeros((40, 40))
        for top in tops:
            for left in tops:
                sums[top : top + 8, left : left + 8] += means[top, left]
                counts[top : top + 8, left : left + 8] += 1
        np.testing.assert_allclose(coder.denoise(noisy, 10), sums / counts, rtol=1e-6)


@pytest.mark.parametrize("scale", [1e-140, 1e-3, 1e140])
def test_the_unit_of_the_values_does_not_matter(scale):
    noisy = with_noise(photograph(32, 40), 15)
    expected = quick().fit_denoise(noisy, 15)
    np.testing.assert_allclose(quick().fit_denoise(noisy * scale, 15 * scale) / scale, expected, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(30, 25), (30, 25, 1), (30, 25, 3), (30, 25, 4), (5, 40), (1, 30), (1, 1, 3)])
def test_any_image(shape, dtype):
    rng = np.random.default_rng(0)
    top = np.iinfo(dtype).max if np.issubdtype(dtype, np.integer) else 1
    image = (top * np.clip(0.5 + 0.1 * rng.normal(size=shape), 0, 1)).astype(dtype)
    coder = quick(coder=KSVD(16, max_iter=2), stride=3)
    out = coder.fit_denoise(image, 0.1 * top)
    assert out.shape == shape and out.dtype == dtype
    if min(shape[:2]) > 8:
        assert out.std() < 0.7 * image.std()


def test_large_single_values():
    noisy = with_noise(photograph(32, 40), 15).astype(np.float32)
    largest = np.finfo(np.float32).max / np.abs(noisy).max()
    expected = quick().fit_denoise(noisy, 15)
    for scale in (1e34, 0.99 * largest):
        out = quick().fit_denoise(noisy * np.float32(scale), 15 * scale)
        assert out.dtype == np.float32
        np.testing.assert_allclose(out / scale, expected, rtol=0, atol=2)


def test_integers_are_denoised_as_floating_values_are():
    """Apart from the weight of the noisy image: the range of floating values is that of the image."""
    noisy = np.clip(with_noise(photograph(40, 40), 20), 0, 255).astype(np.uint8)
    coder = quick(blend=0.0).fit(noisy, sigma=20)
    as_float = coder.denoise(noisy.astype(np.float32) / np.float32(255), 20 / 255)
    assert np.abs(coder.denoise(noisy, 20) - np.clip(255 * as_float, 0, 255)).max() < 1
    np.testing.assert_array_equal(coder.denoise(noisy, np.float32(20)), coder.denoise(noisy, 20))
    sixteen = coder.denoise(noisy.astype(np.uint16) * 257, 20 * 257)
    assert np.abs(coder.denoise(noisy, 20) - sixteen / 257).max() < 1
    swapped = coder.denoise((noisy.astype(np.uint16) * 257).astype(">u2"), 20 * 257)
    np.testing.assert_array_equal(swapped, sixteen)


def test_a_constant_image_stays():
    image = np.full((20, 20), 0.3)
    np.testing.assert_allclose(quick(coder=KSVD(16, max_iter=2)).fit_denoise(image, 0.1), image, atol=1e-12)
    np.testing.assert_allclose(quick(coder=KSVD(16, max_iter=2)).fit_denoise(image), image, atol=1e-12)


@pytest.mark.parametrize("sigma", [5, 20, 50])
def test_the_noise_is_estimated(sigma):
    smooth = np.add.outer(np.linspace(0, 200, 128), np.linspace(0, 50, 100) ** 1.2)
    assert abs(estimate_sigma(with_noise(smooth, sigma)[..., None]) / sigma - 1) < 0.05
    colour = np.stack([smooth] * 3, axis=-1)
    assert abs(estimate_sigma(with_noise(colour, sigma).astype(np.float32)) / sigma - 1) < 0.05
    assert estimate_sigma(smooth[..., None]) < 0.1
    assert estimate_sigma(np.ones((9, 9, 1))) == estimate_sigma(np.ones((2, 2, 1))) == 0


def test_the_estimate_is_that_of_scikit_image():
    restoration = pytest.importorskip("skimage.restoration")
    pytest.importorskip("pywt")
    for sigma in (5, 20):
        noisy = with_noise(photograph(200, 300), sigma)
        assert abs(estimate_sigma(noisy[..., None]) / restoration.estimate_sigma(noisy) - 1) < 0.03


def test_the_estimate_is_what_denoise_takes():
    noisy = with_noise(photograph(64, 64), 25)
    sigma = estimate_sigma(noisy[..., None])
    np.testing.assert_array_equal(quick().fit_denoise(noisy), quick().fit_denoise(noisy, sigma))


def test_a_larger_stride_is_nearly_as_good():
    image = photograph()
    noisy = with_noise(image, 25)
    coder = quick().fit(noisy, sigma=25)
    best = psnr(image, coder.denoise(noisy, 25))
    assert best - 1 < psnr(image, coder.set_params(stride=3).denoise(noisy, 25)) < best


def test_other_dictionaries():
    image = photograph(64, 64)
    noisy = with_noise(image, 25)
    learner = MiniBatchDictionaryLearning(64, max_iter=5, transform_algorithm="threshold", random_state=0)
    assert psnr(image, SparseImageCoder(learner, max_patches=1000).fit(image).denoise(noisy, 25)) > 22
    assert psnr(image, SparseImageCoder(PCA(8)).fit(image).denoise(noisy, 25)) > 22


@pytest.mark.parametrize("coder", [KSVD(32, n_nonzero_coefs=2, max_iter=2, random_state=0), PCA(8)])
def test_a_frozen_coder_is_used_as_it_is(coder):
    image = photograph(40, 40)
    noisy = with_noise(image, 25)
    fitted = SparseImageCoder(coder, random_state=0).fit(image)
    frozen = SparseImageCoder(FrozenEstimator(fitted.coder_), random_state=0).fit(noisy)
    np.testing.assert_array_equal(frozen.denoise(noisy, 25), fitted.denoise(noisy, 25))


def test_ksvd_is_told_of_the_noise():
    noisy = with_noise(photograph(40, 40), 25)
    ksvd = KSVD(32, n_nonzero_coefs=3, max_iter=2, random_state=0)
    coder = SparseImageCoder(ksvd, gain=1.2).fit(noisy, sigma=25)
    assert coder.coder_.tol == pytest.approx(64 * (1.2 * 25) ** 2) and coder.coder_.n_nonzero_coefs is None
    assert ksvd.tol is None and ksvd.n_nonzero_coefs == 3
    assert SparseImageCoder(ksvd).fit(noisy).coder_.n_nonzero_coefs == 3


def test_an_autoencoder_learns_to_remove_noise():
    image = photograph(160, 200)
    sae = SparseAutoencoder(128, sparsity=None, max_iter=10, random_state=0)
    coder = SparseImageCoder(sae, noise=25, max_patches=10000, random_state=0).fit(image)
    assert coder.coder_.corruption == "gaussian" and sae.corruption is None
    for sigma, least in ((25, 23.5), (12, 26.5)):
        noisy = with_noise(image[:64, :64], sigma, seed=1)
        assert psnr(image[:64, :64], coder.denoise(noisy, sigma)) > least


def test_the_noise_that_an_autoencoder_sees_has_the_size_that_was_asked_for():
    image = photograph(64, 64)
    for scale in ("auto", "total", False):
        sae = SparseAutoencoder(8, max_iter=1, scale=scale, random_state=0)
        coder = SparseImageCoder(sae, noise=25, random_state=0).fit(image)
        patches = extract_patches_2d(image / 255, (8, 8)).reshape(-1, 64)
        patches -= patches.mean(axis=1, keepdims=True)
        patches = patches[(patches**2).sum(axis=1) > 0.03 * 64 * (25 / 255) ** 2]  # not the sky
        deviation = 1 if scale is False else np.sqrt(patches.var(axis=0).mean())
        assert coder.coder_.corruption_level * deviation == pytest.approx(25 / 255, rel=1e-4)


@pytest.mark.parametrize(
    "parameters, sigma, message",
    [
        ({"noise": 5.0}, None, "KSVD, which has no parameter corruption"),
        ({"coder": SparseAutoencoder(), "noise": 5.0}, 5.0, "expected one of them"),
        ({"patch_size": (8,)}, None, "pair of ints"),
        ({"patch_size": (8, 0)}, None, "pair of ints"),
        ({"stride": 9}, None, "stride of at most 8"),
        ({"stride": 7, "patch_size": (8, 6)}, None, "stride of at most 6"),
        ({}, -1.0, "sigma must be a number of at least 0"),
        ({}, np.nan, "sigma must be a number of at least 0"),
        ({}, 1e300, "sigma must be a number of at least 0 and at most 1e.150"),
        ({}, "25", "sigma must be a number of at least 0"),
    ],
)
def test_what_does_not_fit_together(parameters, sigma, message):
    with pytest.raises(ValueError, match=message):
        SparseImageCoder(**parameters).fit(photograph(20, 20), sigma=sigma)


def test_noise_of_images_of_different_types():
    images = [photograph(20, 20), photograph(20, 20) / 255]
    quick(coder=KSVD(8, max_iter=1)).fit(images)
    with pytest.raises(ValueError, match="images of different types"):
        quick().fit(images, sigma=3)


def test_other_channels_than_in_the_fit():
    coder = quick(coder=KSVD(8, max_iter=1)).fit(photograph(20, 20, channels=3))
    with pytest.raises(ValueError, match="has 1 channels, but SparseImageCoder was fitted on images with 3"):
        coder.denoise(photograph(20, 20), 10)


def test_colours():
    image = photograph(64, 64, channels=3)
    noisy = with_noise(image, 25)
    assert psnr(image, quick().fit_denoise(noisy, 25)) > psnr(image, noisy) + 5


def test_progress_is_told(capsys):
    noisy = with_noise(photograph(64, 64), 25)
    coder = quick(coder=KSVD(16, max_iter=2, verbose=True), verbose=True)
    coder.fit_denoise(noisy, 25)
    printed = capsys.readouterr().out
    assert "Iteration 2, loss" in printed and "Denoising: 100 %" in printed
    clone(coder).set_params(verbose=False, coder__verbose=False).fit_denoise(noisy, 25)
    assert capsys.readouterr().out == ""


def test_the_same_seed_gives_the_same_bits():
    noisy = with_noise(photograph(64, 64), 25)
    first = quick().fit_denoise(noisy, 25)
    np.testing.assert_array_equal(first, quick().fit_denoise(noisy, 25))


def test_a_stride_that_is_too_large_after_the_fit():
    coder = quick(coder=KSVD(8, max_iter=1)).fit(photograph(20, 20))
    with pytest.raises(ValueError, match="stride of at most 8"):
        coder.set_params(stride=9).denoise(photograph(20, 20), 10)


@pytest.mark.parametrize("parameters", [{"gain": -1.0}, {"blend": -1.0}, {"stride": 0}])
def test_parameters_that_are_wrong_after_the_fit(parameters):
    coder = quick(coder=KSVD(16, max_iter=2)).fit(photograph(20, 20)).set_params(**parameters)
    with pytest.raises(ValueError, match=f"The '{next(iter(parameters))}' parameter"):
        coder.denoise(photograph(20, 20), 10)
    with pytest.raises(ValueError, match=f"The '{next(iter(parameters))}' parameter"):
        coder.inpaint(photograph(20, 20), np.eye(20))


def test_memory_is_bounded():
    noisy = with_noise(np.full((1000, 1000), 0.5), 0.1).astype(np.float32)
    coder = quick(coder=KSVD(8, max_iter=1), gain=2.0).fit(noisy[:40, :40], sigma=0.1)
    coder.denoise(noisy[:200, :200], 0.1)
    tracemalloc.start()
    try:
        coder.denoise(noisy, 0.1)
        assert tracemalloc.get_traced_memory()[1] < 80e6  # all patches are 252 MB
    finally:
        tracemalloc.stop()


def test_the_image_is_not_changed():
    noisy = with_noise(photograph(32, 32), 25)
    kept = noisy.copy()
    noisy.flags.writeable = False
    quick(coder=KSVD(16, max_iter=2)).fit_denoise(noisy, 25)
    np.testing.assert_array_equal(noisy, kept)
