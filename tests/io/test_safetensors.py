"""Arrays in files: what is written others read, what others write is read, and what is refused they refuse, too."""

import json

import numpy as np
import pytest
import safetensors.numpy
from mutations import mutate
from numpy.testing import assert_array_equal

from skl_sae.io import ModelFileError, _safetensors

rng = np.random.default_rng(0)
DTYPES = [np.dtype(kind) for kind in _safetensors.TYPES.values()]
ARRAYS = {
    "weights": rng.normal(size=(5, 3)).astype(np.float32),
    **{dtype.name: (9 * rng.random((2, 3, 1))).astype(dtype) for dtype in DTYPES},
    "none": np.zeros((0, 4)),
    "number": np.float64(3.5),
    "transposed": rng.normal(size=(3, 4)).T,
    "big-endian": np.arange(3, dtype=">i8"),
}


def assert_same(got, expected):
    assert got.keys() == expected.keys()
    for name, array in expected.items():
        assert_array_equal(got[name], array)
        assert got[name].dtype == np.asarray(array).dtype.newbyteorder("<"), name


def test_others_read_what_is_written(tmp_path):
    path = tmp_path / "arrays.safetensors"
    _safetensors.write(path, ARRAYS, {"kind": "test"})
    assert_same(safetensors.numpy.load_file(path), ARRAYS)
    arrays, metadata = _safetensors.read(path)
    assert_same(arrays, ARRAYS)
    assert metadata == {"kind": "test"}


def test_what_others_write_is_read(tmp_path):
    path = tmp_path / "arrays.safetensors"
    plain = {name: np.array(array, array.dtype.newbyteorder("<"), order="C") for name, array in ARRAYS.items()}
    safetensors.numpy.save_file(plain, path, {"kind": "test"})
    arrays, metadata = _safetensors.read(path)
    assert_same(arrays, ARRAYS)
    assert metadata == {"kind": "test"}
    safetensors.numpy.save_file({}, path)
    assert _safetensors.read(path) == ({}, {})


@pytest.mark.parametrize("dtype", ["f4", "f8", "i1"])
def test_the_first_array_begins_on_a_line(dtype, tmp_path):
    path = tmp_path / "arrays.safetensors"
    for n in range(1, 20):
        arrays = {"first": np.ones(n, dtype), "other": np.ones(n, "i8"), "x" * n: np.ones(3, "f4")}
        _safetensors.write(path, arrays)
        read, _ = _safetensors.read(path)
        assert read["first"].ctypes.data % 64 == 0
        assert all(array.flags.aligned for array in read.values())


def test_numbers_of_16_bits_are_widened(tmp_path):
    path, numbers = tmp_path / "arrays.safetensors", np.array([1.0, -2.5, 0.15625, np.inf], np.float32)
    halves = (numbers.view(np.uint32) >> 16).astype(np.uint16)
    _safetensors.write(path, {"halves": halves})
    path.write_bytes(path.read_bytes().replace(b'"U16"', b'"BF16"').replace(b"] ", b"]", 1))
    content = path.read_bytes()
    size = len(content) - halves.nbytes - 8
    path.write_bytes(size.to_bytes(8, "little") + content[8:])
    assert_array_equal(_safetensors.read(path)[0]["halves"], numbers)


def test_arrays_that_are_not_aligned_are_copied(tmp_path):
    path, header = tmp_path / "arrays.safetensors", {"x": {"dtype": "F64", "shape": [2], "data_offsets": [0, 16]}}
    for n_spaces in range(9):
        text = json.dumps(header).encode() + b" " * n_spaces
        path.write_bytes(len(text).to_bytes(8, "little") + text + np.array([1.5, 2.5]).tobytes())
        array = _safetensors.read(path)[0]["x"]
        assert array.flags.aligned
        assert_array_equal(array, [1.5, 2.5])


def test_an_array_of_endless_axes_is_refused_at_once(tmp_path):
    path, header = tmp_path / "arrays.safetensors", {"dtype": "F32", "shape": [2**62] * 300_000, "data_offsets": [0, 0]}
    text = json.dumps({"x": header}).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text)
    with pytest.raises(ModelFileError, match="300000 axes"):  # the product of so many takes a minute
        _safetensors.read(path)


def write_and_damage(path, generator):
    _safetensors.write(path, {"a": np.ones((2, 3)), "b": np.arange(4), "c": np.array([True, False])}, {"x": "y"})
    kinds = ["swapped value of the header", "length of the header", "bit of the beginning", "truncation"]
    return mutate(path.parent, generator, kinds)


@pytest.mark.parametrize("n_files", [300, pytest.param(5000, marks=pytest.mark.slow)])
def test_damage_is_refused_as_by_the_package(n_files, tmp_path):
    """What is read here is read there, to the same bits."""
    path, generator, n_read = tmp_path / "arrays.safetensors", np.random.default_rng(n_files), 0
    for _ in range(n_files):
        what = write_and_damage(path, generator)
        try:
            arrays, _ = _safetensors.read(path)
        except ModelFileError as error:
            assert str(path) in str(error), what
            continue
        n_read += 1
        try:
            theirs = safetensors.numpy.load_file(path)
        except Exception as error:  # what they call an error, we call one, too
            raise AssertionError(what) from error
        assert_same(arrays, theirs)
    assert 0 < n_read < n_files / 2
