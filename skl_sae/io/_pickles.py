"""Pickles of tensors by name, read without running them: an interpreter of the few operations that they need.

`pickle` calls whatever a file names. Here nothing is called: the two functions and the types that PyTorch writes stand
for records, and any other name, operation or argument is an error. A file cannot make more than its own length of
objects either: operations that copy, or that ask for memory, are not among those that are known.
"""

import io
import pickletools
from typing import NamedTuple

from ._errors import ModelFileError

#: A state of a few arrays takes some thousand bytes.
LONGEST = 200_000


class Name(str):
    """A name of a module and of something in it, that a file asks for."""


class Storage(NamedTuple):
    """Where the numbers of some tensors stand: a type by name, a file in the archive, and how many there are."""

    kind: str
    key: str
    size: int


class Tensor(NamedTuple):
    """A view of a storage; nothing of it has been checked but the types."""

    storage: Storage
    offset: int
    shape: tuple
    strides: tuple


class Entries(dict):
    """A dictionary of a file: its keys are strings. What PyTorch keeps beside the entries is left out."""

    __slots__ = ()


MARK = Name("a mark")
DICTIONARY, TENSOR = Name("collections OrderedDict"), Name("torch._utils _rebuild_tensor_v2")
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
NUMBERS = "BININT", "BININT1", "BININT2", "LONG1"
ARGUMENTS = *NUMBERS, "BINUNICODE", "BINFLOAT"
PUT, GET = ("BINPUT", "LONG_BINPUT"), ("BINGET", "LONG_BINGET")
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


def read(data, storages, source):
    """What a pickle holds: `Entries` of tensors, numbers and strings.

    Parameters
    ----------
    data : bytes
    storages : collection of str
        Names of the types of storages that are known, without their module.
    source : path
        For errors.

    Returns
    -------
    state : object
    """
    machine = _Machine({Name(f"torch {name}") for name in storages})
    try:
        if len(data) > LONGEST:
            raise _Refused(f"it is longer than {LONGEST} bytes")
        for operation, argument, _ in pickletools.genops(io.BytesIO(data)):
            if operation.name == "STOP":
                return machine.end()
            machine.step(operation.name, argument)
        raise _Refused("it has no end")
    except (_Refused, ValueError, IndexError, KeyError, TypeError, OverflowError) as error:
        reason = error if isinstance(error, _Refused) else f"{type(error).__name__} in its operations"
        raise ModelFileError(
            f"{source}: its pickle is damaged, or asks for more than tensors by name: {reason}."
        ) from (error)


class _Refused(Exception):
    """What a pickle does is not known."""


class _Machine:
    """A stack, a memory of what has been made, and the operations on them."""

    def __init__(self, storages):
        self.stack, self.memo, self.storages = [], {}, storages

    def end(self):
        """The one object that is left."""
        if len(self.stack) != 1:
            raise _Refused("it leaves no single object")
        return self.stack[0]

    def step(self, name, argument):
        """One operation."""
        if name in CONSTANTS:
            self.stack.append(CONSTANTS[name])
        elif name in ARGUMENTS:
            self.stack.append(argument)
        elif name in PUT:
            self.memo[argument] = self.stack[-1]
        elif name in GET:
            self.stack.append(self.memo[argument])
        elif name in TUPLES:
            self.stack.append(tuple(self.take(TUPLES[name])))
        else:
            operation = OPERATIONS.get(name)
            if operation is None:
                raise _Refused(f"the operation {name}")
            operation(self, argument)

    def take(self, count):
        """Take the last few objects off the stack."""
        if count > len(self.stack):
            raise _Refused("it takes objects from an empty stack")
        first = len(self.stack) - count
        taken = self.stack[first:]
        del self.stack[first:]
        if any(each is MARK for each in taken):
            raise _Refused("it takes objects across a mark")
        return taken

    def take_marked(self):
        """Take what stands behind the last mark, and the mark."""
        count = 0
        while self.stack[-1 - count] is not MARK:
            count += 1
        taken = self.take(count)
        self.stack.pop()
        return taken

    def protocol(self, number):
        if number != 2:
            raise _Refused(f"protocol {number}, expected 2")

    def mark(self, _):
        self.stack.append(MARK)

    def name(self, argument):
        name = Name(argument)
        if name not in self.storages and name not in (DICTIONARY, TENSOR):
            raise _Refused(f"the name {argument[:100]!r}")
        self.stack.append(name)

    def make_tuple(self, _):
        self.stack.append(tuple(self.take_marked()))

    def make_entries(self, _):
        self.stack.append(Entries())

    def set_one(self, _):
        self.set(self.take(2))

    def set_many(self, _):
        self.set(self.take_marked())

    def set(self, items):
        if len(items) % 2 or type(self.stack[-1]) is not Entries:
            raise _Refused("entries of something else than a dictionary")
        for key, value in zip(items[::2], items[1::2]):
            if type(key) is not str:
                raise _Refused("an entry without a name")
            self.stack[-1][key] = value

    def storage(self, _):
        (record,) = self.take(1)
        word, kind, key, device, size = record if type(record) is tuple and len(record) == 5 else [None] * 5
        if type(word) is not str or word != "storage" or type(kind) is not Name or kind not in self.storages:
            raise _Refused("a reference to something else than numbers of a known type")
        if type(key) is not str or type(device) is not str or type(size) is not int:
            raise _Refused("a storage without a name, a device or a size")
        self.stack.append(Storage(kind.partition(" ")[2], key, size))

    def call(self, _):
        function, arguments = self.take(2)
        if type(function) is Name and function == DICTIONARY and type(arguments) is tuple and arguments == ():
            self.stack.append(Entries())
        elif type(function) is Name and function == TENSOR and type(arguments) is tuple and len(arguments) in (6, 7):
            self.stack.append(_tensor(*arguments[:4]))
        else:
            raise _Refused("a call of something that is no function of tensors, or with other arguments")

    def drop_state(self, _):
        target, state = self.take(2)
        if type(target) is not Entries or type(state) is not Entries:
            raise _Refused("a state of something else than a dictionary")
        self.stack.append(target)


OPERATIONS = {
    **{"PROTO": _Machine.protocol, "MARK": _Machine.mark, "GLOBAL": _Machine.name, "TUPLE": _Machine.make_tuple},
    **{"EMPTY_DICT": _Machine.make_entries, "SETITEM": _Machine.set_one, "SETITEMS": _Machine.set_many},
    **{"BINPERSID": _Machine.storage, "REDUCE": _Machine.call, "BUILD": _Machine.drop_state},
}


def _tensor(storage, offset, shape, strides):
    """A tensor, of arguments of the right types."""
    numbers = (offset, *shape, *strides) if type(shape) is type(strides) is tuple else (None,)
    if type(storage) is not Storage or len(shape) != len(strides) or any(type(each) is not int for each in numbers):
        raise _Refused("a tensor that is no view of a storage")
    return Tensor(storage, offset, shape, strides)
