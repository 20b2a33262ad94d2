"""The reader of PyTorch's files: what it refuses, and that nothing of a file is called."""

import pickle
import struct
import zipfile

import numpy as np
import pytest
from naive_torch_files import numbers, reference, tensor, text, write_archive, write_torch

from skl_sae.io import ModelFileError, _torch_files

VALUES = np.arange(12, dtype="<f4").reshape(3, 4)
STORAGE = reference("0", "<f4", 12)


def dictionary(*items):
    """A pickle of a dictionary with one entry."""
    return b"\x80\x02}(" + text("a") + b"".join(items) + b"u."


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


CALLS = []


def canary(*args):
    CALLS.append(args)


class Attack:
    """Calls `canary` when it is unpickled."""

    def __reduce__(self):
        return canary, (1,)


EXIT = b"cos\n_exit\nK\x01\x85R"
GETATTR = b"cbuiltins\ngetattr\n" + b"cos\n" + b"system\n" + text("x") + b"\x86R"
REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n"
ORDERED = b"ccollections\nOrderedDict\n"
HOSTILE = {
    "exit": dictionary(EXIT),
    "eval": dictionary(b"cbuiltins\neval\n" + text("1 + 1") + b"\x85R"),
    "attribute": dictionary(GETATTR),
    "stack_global": dictionary(text("os"), text("_exit"), b"\x93K\x01\x85R"),
    "instance": dictionary(b"(K\x01ios\n_exit\n"),
    "object": dictionary(b"(cos\n_exit\nK\x01o"),
    "new_object": dictionary(ORDERED, b")\x81"),
    "extension": dictionary(b"\x82\x01"),
    "state_of_a_function": dictionary(REBUILD, b"}", text("__code__"), text("x"), b"sb"),
    "state_of_a_tensor": dictionary(tensor(STORAGE, 0, (1,), (1,)), b"}", text("storage"), b"Nsb"),
    "call_of_a_type": dictionary(b"ctorch\nFloatStorage\n", b"K\x01\x85R"),
    "call_of_a_string": dictionary(text("collections OrderedDict"), b")R"),
    "call_of_a_tensor": dictionary(tensor(STORAGE, 0, (1,), (1,)), b")R"),
    "dictionary_with_arguments": dictionary(ORDERED, b"(", ORDERED, b"ttR"),
    "tensor_without_arguments": dictionary(REBUILD, b")R"),
    "tensor_of_a_tuple": dictionary(REBUILD, b"(", numbers([1]) * 4, b"tR"),
    "tensor_of_a_string": dictionary(REBUILD, b"(", text("storage"), numbers([1]) * 3, b"tR"),
    "untyped": dictionary(STORAGE.replace(b"torch\nFloatStorage", b"torch.storage\nUntypedStorage")),
    "reference_to_a_string": dictionary(text("storage"), b"Q"),
    "reference_of_a_number": dictionary(b"(", text("storage"), ORDERED, text("0"), text("cpu"), b"K\x01tQ"),
    "persistent_line": dictionary(b"Pstorage\n"),
    "key_is_a_tuple": b"\x80\x02}()K\x01u.",
    "odd": b"\x80\x02}()u.",
    "entries_of_a_tuple": b"\x80\x02)" + text("a") + b"K\x01s.",
    "empty": b"",
    "no_end": b"\x80\x02}",
    "no_start": b".",
    "two_objects": b"\x80\x02}}.",
    "no_mark": b"\x80\x02}u.",
    "across_a_mark": b"\x80\x02}(" + text("a") + b"s.",
    "a_mark": b"\x80\x02(.",
    "unknown": b"\x80\x02\xff.",
    "protocol": b"\x80\x04}.",
    "not_ours": b"\x80\x02]K\x01a.",
    "number": b"\x80\x02K\x01.",
    "value": dictionary(b"K\x01"),
    "far_memo": b"\x80\x02K\x01r\xff\xff\xff\xff.",
    "unset_memo": b"\x80\x02h\x05.",
    "long_string": b"\x80\x02X\xff\xff\xff\xffabc.",
    "long_number": b"\x80\x02\x8b\xff\xff\xff\x7f\x01.",
    "decimal": b"\x80\x02I" + b"9" * 100_000 + b"\n.",
    "shorter": b"\x80\x02" + b"]" * 900_000 + b".",
    "many_marks": b"\x80\x02" + b"(" * 900_000 + b".",
    "longer": b"\x80\x02" + b")" * 2_000_000 + b".",
    # a few bytes that would make 2^900 objects, if anybody looked at them all
    "doubling": dictionary(numbers([1]), b"q\x01" + b"h\x01h\x01\x86q\x01" * 900, b"Q"),
    "doubling_value": dictionary(numbers([1]), b"q\x01" + b"h\x01h\x01\x86q\x01" * 900),
    "doubling_shape": dictionary(
        REBUILD, b"(", STORAGE, b"K\x00", numbers([1]), b"q\x01" + b"h\x01h\x01\x86q\x01" * 90, b"h\x01", b"tR"
    ),
    "deep": dictionary(b")" + b"\x85" * 900_000),
    "itself": b"\x80\x02}q\x01(" + text("a") + b"h\x01u.",
    "python": pickle.dumps({"a": Attack()}, 2),
    "python_4": pickle.dumps({"a": Attack()}, 4),
    "python_0": pickle.dumps({"a": Attack()}, 0),
    "array": pickle.dumps({"a": VALUES}, 2),
}


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
