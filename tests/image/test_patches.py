"""Patches of images as rows and back, against scikit-learn's loops and plain NumPy."""

import numpy as np
import pytest
from sklearn.feature_extraction.image import extract_patches_2d, reconstruct_from_patches_2d

from skl_sae.image import _patches
from skl_sae.image._learning import draw_patches
from skl_sae.image._patches import Average, bands, extract, padded, side_positions


def image_of(*shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def all_positions(shape, patch, stride=1):
    parts = list(bands(shape, patch, stride))
    return tuple(np.concatenate(each) for each in zip(*parts, strict=True))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("patch", [(1, 1), (8, 8), (3, 5), (20, 31)])
def test_patches_are_those_of_scikit_learn(patch, channels, dtype):
    image, atol = image_of(20, 31, channels, dtype=dtype), 1e-5 if dtype == np.float32 else 1e-12
    rows, means = extract(image, *all_positions(image.shape, patch), patch)
    pixels = extract_patches_2d(image, patch).reshape(len(rows), -1, channels)
    np.testing.assert_allclose(means, pixels.mean(axis=1), atol=atol)
    np.testing.assert_allclose(rows.reshape(pixels.shape), pixels - pixels.mean(axis=1)[:, None], atol=atol)
    assert rows.dtype == means.dtype == dtype


@pytest.mark.parametrize("dtype, atol", [(np.float32, 1e-5), (np.float64, 1e-12)])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_mean_is_that_of_scikit_learn(channels, dtype, atol):
    image = image_of(17, 22, channels, dtype=dtype)
    positions = all_positions(image.shape, (5, 4))
    rows = image_of(len(positions[0]), 5 * 4 * channels, dtype=dtype, seed=1)
    average = Average(image.shape, (5, 4), dtype)
    average.add(rows, np.zeros((len(rows), channels)), *positions)
    expected = reconstruct_from_patches_2d(rows.reshape(-1, 5, 4, channels), image.shape)
    np.testing.assert_allclose(average.result(), expected.reshape(image.shape), atol=atol)


@pytest.mark.parametrize("stride", [1, 2, 3, 7, 50])
def test_patches_of_a_grid_give_the_image_back(stride):
    image = image_of(40, 53, 3)
    average = Average(image.shape, (8, 6), image.dtype)
    for tops, lefts in bands(image.shape, (8, 6), min(stride, 6)):
        average.add(*extract(image, tops, lefts, (8, 6)), tops, lefts)
    np.testing.assert_allclose(average.result(), image, atol=1e-12)


def test_pixels_without_a_patch_and_an_image_in_the_mean():
    image = image_of(9, 9, 1)
    tops, lefts = np.array([0, 3, 3]), np.array([0, 2, 5])
    rows, means = image_of(3, 16, seed=1), image_of(3, 1, seed=2)
    average = Average(image.shape, (4, 4), image.dtype)
    average.add(rows, means, tops, lefts)
    sums, counts = np.zeros((9, 9)), np.zeros((9, 9))
    for row, mean, top, left in zip(rows, means, tops, lefts, strict=True):
        sums[top : top + 4, left : left + 4] += row.reshape(4, 4) + mean
        counts[top : top + 4, left : left + 4] += 1
    np.testing.assert_allclose(average.result()[..., 0], np.where(counts > 0, sums / np.maximum(counts, 1e-9), 0))
    average.mix(image, 0.7)
    np.testing.assert_allclose(average.result()[..., 0], (sums + 0.7 * image[..., 0]) / (counts + 0.7))


def test_side_positions_cover_the_side():
    np.testing.assert_array_equal(side_positions(10, 4, 3), [0, 3, 6])
    np.testing.assert_array_equal(side_positions(11, 4, 3), [0, 3, 6, 7])
    np.testing.assert_array_equal(side_positions(4, 4, 9), [0])


def test_bands_are_small_and_change_no_bit(monkeypatch):
    image = image_of(60, 40, 1, dtype=np.float32)

    def mean():
        average = Average(image.shape, (8, 8), image.dtype)
        for tops, lefts in bands(image.shape, (8, 8), 1):
            rows, means = extract(image, tops, lefts, (8, 8))
            average.add(rows * rows, means, tops, lefts)
        return average.result()

    whole = mean()
    monkeypatch.setattr(_patches, "BAND", 33 * 64 * 3)
    assert max(len(tops) for tops, _ in bands(image.shape, (8, 8), 1)) == 33 * 3
    np.testing.assert_array_equal(mean(), whole)


def test_threads_change_no_bit(monkeypatch):
    image = image_of(150, 130, 3, dtype=np.float32)
    positions = all_positions(image.shape, (8, 8))

    def both():
        rows, means = extract(image, *positions, (8, 8))
        average = Average(image.shape, (8, 8), image.dtype)
        average.add(rows * rows, means, *positions)
        return rows, average.result()

    several = both()
    monkeypatch.setattr(_patches, "run", lambda task, n, inline=False: [task(block, 0) for block in reversed(range(n))])
    for one, other in zip(both(), several, strict=True):
        np.testing.assert_array_equal(one, other)


def test_small_images_are_padded():
    image = image_of(3, 20, 1)
    larger = padded(image, (8, 8))
    assert larger.shape == (8, 20, 1)
    np.testing.assert_array_equal(larger[:3], image)
    np.testing.assert_array_equal(larger[3:], np.repeat(image[2:], 5, axis=0))
    assert padded(larger, (8, 8)) is larger


def test_patches_are_drawn_from_all_images():
    pictures = [np.full((10, 12, 1), value, np.float32) for value in (1, 2)]
    for picture in pictures:
        picture += np.arange(120).reshape(10, 12, 1) ** 2
    every = draw_patches(pictures, (4, 4), None, np.random.RandomState(0))
    assert every.shape == (2 * 7 * 9, 16)
    expected = extract_patches_2d(pictures[1][..., 0], (4, 4)).reshape(-1, 16)
    np.testing.assert_allclose(every[63:], expected - expected.mean(axis=1, keepdims=True), atol=1e-2)
    some = draw_patches(pictures, (4, 4), 50, np.random.RandomState(0))
    assert some.shape == (50, 16)
    places = {tuple(row) for row in every}
    assert all(tuple(row) in places for row in some)
    np.testing.assert_array_equal(some, draw_patches(pictures, (4, 4), 50, np.random.RandomState(0)))
