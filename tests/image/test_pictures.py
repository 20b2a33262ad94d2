"""Images of any type, shape and size in, and out again."""

import numpy as np
import pytest

from skl_sae.image import SparseImageCoder
from skl_sae.image._pictures import list_of_images, read_picture, read_pictures, write_picture

TYPES = [np.uint8, np.uint16, np.float16, np.float32, np.float64]


def image_of(shape, dtype):
    values = np.random.default_rng(0).random(shape)
    return (values * (np.iinfo(dtype).max if np.issubdtype(dtype, np.integer) else 1)).astype(dtype)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (5, 7, 3), (5, 7, 4), (1, 9), (1, 1), (9, 1, 3)])
def test_round_trip(shape, dtype):
    image = image_of(shape, dtype)
    values = read_picture(image)
    assert values.ndim == 3 and values.dtype == (np.float64 if dtype == np.float64 else np.float32)
    assert 0 <= values.min() and values.max() <= 1 and values.flags.c_contiguous
    back = write_picture(values, image)
    assert back.dtype == image.dtype and back.shape == image.shape
    np.testing.assert_array_equal(back, image)


def test_every_integer_comes_back():
    image = np.arange(1 << 16, dtype=np.uint16).reshape(256, 256)
    np.testing.assert_array_equal(write_picture(read_picture(image), image), image)


def test_integers_are_clipped_and_rounded():
    like = np.zeros((1, 4), np.uint8)
    values = np.array([-0.1, 0.4999 / 255, 0.5001 / 255, 1.2], np.float32).reshape(1, 4, 1)
    np.testing.assert_array_equal(write_picture(values, like), [[0, 0, 1, 255]])


def test_floating_values_are_clipped_to_their_type():
    like = np.zeros((1, 2), np.float16)
    np.testing.assert_array_equal(write_picture(np.array([[[1e5], [-1e5]]]), like), [[65504, -65504]])


def test_large_single_values_have_room_for_sums():
    assert read_picture(np.full((2, 2), 1e35, np.float32)).dtype == np.float64


def test_views_and_other_byte_orders():
    image = image_of((8, 6, 3), np.float64)
    np.testing.assert_array_equal(read_picture(image[::-1, ::2]), image[::-1, ::2])
    np.testing.assert_array_equal(read_picture(image.astype(">f8")), image)
    integers = image_of((8, 6), np.uint16)
    swapped = integers.astype(">u2")
    np.testing.assert_array_equal(read_picture(swapped), read_picture(integers))
    back = write_picture(read_picture(swapped), swapped)
    np.testing.assert_array_equal(back, integers)
    assert back.dtype == swapped.dtype
    frozen = image.copy()
    frozen.flags.writeable = False
    np.testing.assert_array_equal(read_picture(frozen), image)


@pytest.mark.parametrize(
    "image, message",
    [
        (np.zeros((4, 4), int), r"uint8, uint16 or a floating type: got int64"),
        (np.zeros((4, 4), bool), r"got bool"),
        (np.zeros((4, 4), complex), r"Complex data not supported"),
        (np.zeros(4), r"must have shape \(height, width\)"),
        (np.zeros((4, 4, 2)), r"1, 3 or 4 channels"),
        (np.zeros((0, 4)), r"at least one pixel"),
        (np.array([[1.0, np.nan]]), r"NaN, the first at row 0, column 1"),
        (np.array([[1.0, np.inf]]), r"infinite values, the first at row 0, column 1"),
        (np.array([[1.0, 1e200]]), r"1e\+150"),
    ],
)
def test_what_is_no_image(image, message):
    with pytest.raises(ValueError, match=message):
        read_picture(image)


def test_one_image_or_several():
    gray, colour = np.zeros((5, 6)), np.zeros((5, 6, 3))
    assert len(list_of_images(gray)) == len(list_of_images(colour)) == 1
    assert len(list_of_images([gray, gray])) == len(list_of_images(np.zeros((2, 5, 6, 1)))) == 2
    assert [values.shape for values in read_pictures([gray, np.zeros((9, 2, 1))])] == [(5, 6, 1), (9, 2, 1)]


@pytest.mark.parametrize(
    "images, message",
    [
        ([], "images is empty"),
        (np.zeros((2, 5, 6)), "Pass several gray images as a list"),
        ([[0.0, 1.0], [1.0, 0.0]], "Pass np.asarray"),
        ([np.zeros((5, 6)), np.zeros((5, 6, 3))], "same number of channels"),
        ([np.zeros((5, 6)), np.full((5, 6), np.inf)], r"images\[1\] has infinite"),
    ],
)
def test_what_are_no_images(images, message):
    with pytest.raises(ValueError, match=message):
        read_pictures(images)


@pytest.mark.parametrize("several", [False, True])
def test_a_masked_image_is_refused(several):
    image = np.ma.array(np.zeros((9, 9), np.uint8), mask=np.eye(9, dtype=bool))
    coder = SparseImageCoder(max_patches=10)
    calls = [coder.fit] if several else [coder.fit, coder.fit_denoise, coder.fit_inpaint]
    for call in calls:
        with pytest.raises(TypeError, match="masked array, whose mask would be ignored"):
            call([image, image] if several else image)
