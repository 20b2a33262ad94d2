"""Pickles that call functions, ask for memory without end, or are no pickles of tensors. None may be read."""

import pickle

import numpy as np
from naive_torch_files import numbers, reference, tensor, text

STORAGE = reference("0", "<f4", 12)
VALUES = np.arange(12, dtype="<f4").reshape(3, 4)


def dictionary(*items):
    """A pickle of a dictionary with one entry."""
    return b"\x80\x02}(" + text("a") + b"".join(items) + b"u."


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
    "tensor_of_a_tuple": dictionary(REBUILD, b"(", numbers([1]) * 4, b"\x89}tR"),
    "tensor_of_a_string": dictionary(REBUILD, b"(", text("storage"), numbers([1]) * 3, b"\x89}tR"),
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
    "shorter": b"\x80\x02" + b"]" * 100_000 + b".",
    "many_marks": b"\x80\x02" + b"(" * 100_000 + b".",
    "longer": b"\x80\x02" + b")" * 2_000_000 + b".",
    # a few bytes that would make 2^900 objects, if anybody looked at them all
    "doubling": dictionary(numbers([1]), b"q\x01h\x01\x86" * 900, b"Q"),
    "doubling_value": dictionary(numbers([1]), b"q\x01h\x01\x86" * 900),
    "doubling_shape": dictionary(
        REBUILD, b"(", STORAGE, b"K\x00", numbers([1]), b"q\x01h\x01\x86" * 90, b"h\x01", b"\x89}tR"
    ),
    "deep": dictionary(b")" + b"\x85" * 100_000),
    "itself": b"\x80\x02}q\x01(" + text("a") + b"h\x01u.",
    "python": pickle.dumps({"a": Attack()}, 2),
    "python_4": pickle.dumps({"a": Attack()}, 4),
    "python_0": pickle.dumps({"a": Attack()}, 0),
    "array": pickle.dumps({"a": VALUES}, 2),
}
