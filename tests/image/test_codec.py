"""Compressed images: they come back, as well as was asked for, and on every machine the same."""

import pickle

import numpy as np
import pytest
from codec_problems import coder, picture
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA, MiniBatchDictionaryLearning

from skl_sae import SparseAutoencoder
from skl_sae._kernels import threads
from skl_sae.coding import KSVD
from skl_sae.image import CorruptImageError, SparseImageCoder
from skl_sae.image import _codec as codec
from skl_sae.image._codes import read_codes
from skl_sae.image._decoding import step_of
from skl_sae.image._stream import read_stream

INTEGERS = np.uint8, np.uint16


def quality(image, again):
    """PSNR as `compress` has it."""
    image, again = np.asarray(image), np.asarray(again)
    peak = np.iinfo(image.dtype).max if image.dtype.kind == "u" else float(np.ptp(image.astype(float)))
    error = np.mean((image.astype(np.float64) - again.astype(np.float64)) ** 2)
    return np.inf if error == 0 else 10 * np.log10(peak**2 / error)


@pytest.mark.parametrize("dtype", [*INTEGERS, np.float16, np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize("shape", [(40, 33), (8, 8, 1), (3, 5), (1, 1), (17, 9, 3), (4, 20, 4)])
def test_shape_type_and_quality(shape, dtype):
    images = coder(1 if len(shape) == 2 else shape[2])
    image = picture(shape, dtype)
    data = images.compress(image, psnr=30)
    again = images.decompress(data)
    assert (again.shape, again.dtype) == (image.shape, image.dtype)
    assert quality(image, again) >= 30
    assert images.compress(image, psnr=30) == data


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers_can_be_exact(dtype):
    image = picture((19, 23), dtype)
    np.testing.assert_array_equal(coder().decompress(coder().compress(image, psnr=np.inf)), image)


@pytest.mark.parametrize("value", [0, 7, 255, 0.0, -3.5, 1e149])
def test_constant_images_are_exact_and_small(value):
    image = np.full((50, 60), value, np.uint8 if isinstance(value, int) else np.float64)
    data = coder().compress(image, psnr=100)
    np.testing.assert_array_equal(coder().decompress(data), image)
    assert len(data) < 100


def test_wide_ranges():
    image = picture((30, 30), np.float64)
    for scaled in (1e-300 * image, 1e149 * image, 1e9 + image):
        assert quality(scaled, coder().decompress(coder().compress(scaled, psnr=40))) > 39.9


def test_several_images():
    gray = [picture((20, 12), seed=i) for i in range(5)]
    data = coder().compress(gray, psnr=30)
    again = coder().decompress(data)
    assert isinstance(again, list)
    assert [image.shape for image in again] == [(20, 12)] * 5
    assert quality(np.stack(gray), np.stack(again)) >= 30
    assert len(data) < sum(len(coder().compress(image, psnr=30)) for image in gray)
    array = np.stack(gray)[..., None]
    assert coder().decompress(coder().compress(array)).shape == array.shape
    one = coder().decompress(coder().compress(gray[:1]))
    assert isinstance(one, list)
    assert len(one) == 1
    with pytest.raises(ValueError, match="same shape and type"):
        coder().compress([gray[0], gray[1][:-1]])


def test_more_bytes_are_better():
    image = picture((40, 40))
    streams = [coder().compress(image, psnr=psnr) for psnr in (20, 30, 45)]
    assert np.all(np.diff([len(data) for data in streams]) > 0)
    for data, psnr in zip(streams, (20, 30, 45), strict=True):
        # steps are half a decibel apart
        assert psnr <= quality(image, coder().decompress(data)) < psnr + 2
    assert quality(image, coder().decompress(coder().compress(image))) >= codec.PSNR


def test_a_limit_of_bytes():
    image = picture((40, 48))
    others = [coder().compress(image, psnr=psnr) for psnr in range(20, 50)]
    for limit in (150, 500):
        data = coder().compress(image, max_bytes=limit)
        assert 0.7 * limit < len(data) <= limit
        # none of these fits and is much better
        fitting = [quality(image, coder().decompress(other)) for other in others if len(other) <= limit]
        assert quality(image, coder().decompress(data)) >= max(fitting) - 0.5
    best = coder().compress(image, psnr=30)
    assert coder().compress(image, psnr=30, max_bytes=len(best)) == best
    assert len(coder().compress(image, psnr=60, max_bytes=500)) <= 500
    with pytest.raises(ValueError, match=r"max_bytes=20 is too small: this image takes \d+ at least"):
        coder().compress(image, max_bytes=20)


def test_what_is_refused():
    image = picture((20, 20))
    for psnr in (0, -3, "best"):
        with pytest.raises(ValueError, match="psnr must be a positive number"):
            coder().compress(image, psnr=psnr)
    with pytest.raises(ValueError, match="max_bytes must be a positive int"):
        coder().compress(image, max_bytes=0.5)
    with pytest.raises(ValueError, match="NaN"):
        coder().compress(np.where(picture((9, 9), float) > 0, 1.0, np.nan))
    with pytest.raises(ValueError, match="psnr=1000 cannot be reached: the finest step gives"):
        coder().compress(picture((20, 20), float), psnr=1000)
    with pytest.raises(ValueError, match="has 3 channels, but the coder was fitted on images with 1"):
        coder().compress(np.dstack([image] * 3))
    with pytest.raises(TypeError, match="max_pixels must be a number: got None"):
        coder().decompress(b"SPIC", max_pixels=None)
    with pytest.raises(TypeError, match="data must be bytes: got str"):
        coder().decompress("SPIC")


@pytest.mark.parametrize(
    "estimator",
    [
        SparseAutoencoder(32, max_iter=3, random_state=0),
        MiniBatchDictionaryLearning(24, max_iter=3, random_state=0),
        PCA(12),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_any_coder_with_atoms(estimator):
    image = picture((40, 40))
    images = SparseImageCoder(estimator, max_patches=800, random_state=0).fit(image)
    assert quality(image, images.decompress(images.compress(image, psnr=35))) >= 35


class Rounded(TransformerMixin, BaseEstimator):
    """A coder without atoms."""

    def fit(self, X, y=None):
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        return np.round(X, 1)

    inverse_transform = transform


def test_a_coder_without_atoms_is_refused():
    images = SparseImageCoder(Rounded()).fit(picture((20, 20)))
    with pytest.raises(ValueError, match="Rounded has no components_"):
        images.compress(picture((20, 20)))
    deep = SparseAutoencoder(16, hidden_layer_sizes=(24,), max_iter=2, random_state=0)
    with pytest.raises(ValueError, match="one linear decoder layer"):
        SparseImageCoder(deep, max_patches=500).fit(picture((30, 30))).decompress(b"")


def test_atoms_that_say_nothing():
    """Patches of one pixel have a mean, and nothing else."""
    image = picture((9, 7))
    for side in (1, (1, 2), (9, 7)):
        images = SparseImageCoder(KSVD(3, n_nonzero_coefs=1, max_iter=2), patch_size=side, random_state=0).fit(image)
        np.testing.assert_array_equal(images.decompress(images.compress(image, psnr=np.inf)), image)


def test_another_dictionary_is_refused():
    data = coder().compress(picture((20, 20)))
    other = SparseImageCoder(PCA(5)).fit(picture((30, 30)))
    with pytest.raises(CorruptImageError, match=r"another dictionary: 40 atoms and 63 axes of shape \(8, 8, 1\)"):
        other.decompress(data)
    copy = pickle.loads(pickle.dumps(coder()))
    np.testing.assert_array_equal(copy.decompress(data), coder().decompress(data))


def test_decoded_as_the_format_says():
    """Plain NumPy, patch by patch."""
    image = picture((21, 30), np.uint8)
    codebook = coder()._codebook
    data = coder().compress(image, psnr=36)
    header, reader = read_stream(data, 1 << 20)
    codes = read_codes(reader, header, codebook)
    assert 0 < codes.by_axes.sum() < len(codes.by_axes) or len(set(codes.by_axes)) == 1
    step, at, entries = step_of(header.step), [0, 0], [0, 0]
    again = np.zeros((24, 32))
    for i, by_axes in enumerate(codes.by_axes.astype(int).tolist()):
        part, atoms = codes.parts[by_axes], codebook.parts[by_axes].integers
        n = part.counts[at[by_axes]]
        some = slice(entries[by_axes], entries[by_axes] + n)
        sums = sum(
            (level * atoms[k].astype(object) for k, level in zip(part.atoms[some], part.levels[some].tolist())), 0
        )
        at[by_axes] += 1
        entries[by_axes] += n
        top, left = divmod(i, 4)
        patch = sums.astype(float) * (step / (1 << 20)) + codes.means[top, left, 0] * (step / 8)
        again[8 * top : 8 * top + 8, 8 * left : 8 * left + 8] = patch.reshape(8, 8)
    expected = np.rint(np.clip(again, 0, 1)[:21, :30] * 255).astype(np.uint8)
    np.testing.assert_array_equal(coder().decompress(data), expected)


def test_the_same_bytes_with_any_number_of_threads(monkeypatch):
    image, images, streams = picture((80, 80, 3)), coder(3), set()
    for n in (1, 2, 4):
        monkeypatch.setattr(threads, "n_threads", lambda n=n: n)
        monkeypatch.setattr(threads, "n_slots", lambda n=n: n)
        streams.add(images.compress(image, psnr=25))
    assert len(streams) == 1


def test_steps_are_a_twelfth_of_an_octave_apart():
    steps = np.array([step_of(index) for index in range(codec.COARSEST + 1)])
    np.testing.assert_allclose(np.diff(np.log2(steps)), 1 / 12, rtol=1e-9)
    assert steps[0] == 2.0**-18


def test_atoms_beat_axes_on_their_own_kind():
    """Digits take fewer bytes than by principal axes alone."""
    digits = [np.uint8(image * 15) for image in load_digits().images]
    ksvd = SparseImageCoder(KSVD(128, n_nonzero_coefs=4, max_iter=10), random_state=0).fit(digits[:600])
    axes = SparseImageCoder(PCA(63), random_state=0).fit(digits[:600])
    ours, theirs = (len(images.compress(digits[1400:], psnr=22)) for images in (ksvd, axes))
    assert ours < 0.95 * theirs
