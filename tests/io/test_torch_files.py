"""The reader of PyTorch's files: what it refuses, and that nothing of a file is called."""

import pickle
import struct
import zipfile

import numpy as np
import pytest
from hostile_pickles import CALLS, HOSTILE, STORAGE, VALUES, dictionary
from naive_torch_files import reference, tensor, text, write_archive, write_torch

from skl_sae.io import ModelFileError, _torch_files


def read(path, data=None, **parts):
    """What the reader makes of an archive with another pickle, or with other files."""
    write_torch(path, {"a": VALUES}, ({"data.pkl": data} if data is not None else {}) | parts)
    return _torch_files.read(path)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "ae.pt"


def test_types_and_views(file):
    types = ("<f8", "<f4", "<f2", "<i8", "<i4", "?")
    arrays = {f"{n}": VALUES.astype(kind) for n, kind in enumerate(types)}
    arrays |= {"transposed": VALUES.T, "scalar": np.array(3, "<i4")}
    write_torch(file, arrays)
    found = _torch_files.read(file)
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        assert not found[name].flags.writeable
        np.testing.assert_array_equal(found[name], array)


def test_tensors_may_share_a_storage(file):
    parts = [tensor(STORAGE, 4, (2, 2), (4, 1)), text("b") + tensor(STORAGE, 0, (12,), (1,))]
    found = read(file, dictionary(*parts))
    np.testing.assert_array_equal(found["a"], VALUES[1:, :2])
    np.testing.assert_array_equal(found["b"], VALUES.ravel())


def test_the_state_of_a_module_keeps_something_beside(file):
    state = b"}" + text("_metadata") + b"ccollections\nOrderedDict\n)Rs"
    data = (
        b"\x80\x02ccollections\nOrderedDict\n)R(" + text("a") + tensor(STORAGE, 0, (12,), (1,)) + b"u" + state + b"b."
    )
    np.testing.assert_array_equal(read(file, data)["a"], VALUES.ravel())


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [
        (0, (13,), (1,)),
        (1, (12,), (1,)),
        (-1, (2,), (1,)),
        (0, (3, 4), (5, 1)),
        (11, (2,), (-1,)),
        (0, (-1,), (1,)),
        (0, (2000, 2000), (0, 0)),
        (0, (13, 1), (0, 0)),
        (2**31 - 1, (1,), (1,)),
        (0, (1,) * 70, (1,) * 70),
        (0, (2**31 - 1, 0), (1, 1)),
        (0, (0,), (1,)),
    ],
)
def test_views_stay_inside_of_their_storage(file, offset, shape, strides):
    with pytest.raises(ModelFileError, match="beyond its storage"):
        read(file, dictionary(tensor(STORAGE, offset, shape, strides)))


def test_sizes_of_storages_are_those_of_their_files(file):
    for storage in (reference("0", "<f4", 11), reference("0", "<f8", 12), reference("9", "<f4", 12)):
        with pytest.raises(ModelFileError, match="bytes for a storage"):
            read(file, dictionary(tensor(storage, 0, (1,), (1,))))
    with pytest.raises(ModelFileError, match="bytes for a storage"):
        read(file, dictionary(tensor(reference("../data.pkl", "?", 3), 0, (1,), (1,))))


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pickles_are_refused(file, name):
    """With one error each; those that would end this process do not."""
    with pytest.raises(ModelFileError) as caught:
        read(file, HOSTILE[name])
    assert len(str(caught.value)) < 500
    assert not CALLS


def test_the_attack_works_elsewhere():
    pickle.loads(HOSTILE["python"])
    assert CALLS.pop()


def test_archives_of_other_kinds(file):
    write_archive(file, {"a/data.pkl": b"x"}, zipfile.ZIP_DEFLATED)
    with pytest.raises(ModelFileError, match="compressed"):
        _torch_files.read(file)
    for files, reason in [
        ({"a/version": b"3"}, "without data.pkl"),
        ({"a/b/data.pkl": b""}, "without data.pkl"),
        ({"a/data.pkl": b"", "b/data.pkl": b""}, "without data.pkl"),
        ({"a/data.pkl": b"", "a/byteorder": b"big"}, "order of bytes"),
        ({f"a/{n}": b"" for n in range(10_001)}, "too many"),
    ]:
        write_archive(file, files)
        with pytest.raises(ModelFileError, match=reason):
            _torch_files.read(file)
    for content in (b"", pickle.dumps({}), b"PK\x03\x04", b"PK\x03\x04" + b"\0" * 100):
        file.write_bytes(content)
        with pytest.raises(ModelFileError):
            _torch_files.read(file)


def test_files_that_overlap_are_refused(file):
    """One file of an archive under many names would weigh many times what the archive does."""
    write_torch(file, {"a": np.zeros(10_000, "<f4")})
    data = file.read_bytes()
    start = struct.unpack("<I", data[-6:-2])[0]
    entries, end = data[start:-22], bytearray(data[-22:])
    one = entries[entries.index(b"archive/data/0") - 46 :][: 46 + len("archive/data/0")]
    more = b"".join(one.replace(b"data/0", b"data/%c" % c) for c in b"123456789abcdefgh")
    struct.pack_into("<HHI", end, 8, *[len(one) * 0 + 21] * 2, len(entries + more))
    file.write_bytes(data[:start] + entries + more + bytes(end))
    assert len(zipfile.ZipFile(file).infolist()) == 21
    with pytest.raises(ModelFileError, match="overlap"):
        _torch_files.read(file)


def test_one_flipped_bit_is_noticed(file):
    write_torch(file, {"a": VALUES})
    data = bytearray(file.read_bytes())
    data[data.index(VALUES.tobytes()) + 5] ^= 1
    file.write_bytes(bytes(data))
    with pytest.raises(ModelFileError, match="CRC"):
        _torch_files.read(file)
