"""Compiled kernels on disk. Whatever is wrong with the folder or a file, kernels are compiled without it.

Numba keeps an index and numbered files for each function. Two processes that write at once can make an index point to
the code for other types, and nothing tells damaged code from good. Here each kernel and tuple of types has one file,
whose name and first bytes are made of what it is for; it is written aside and then takes its place.

Code is for the sources that it was made of: the contents of the kernel's file and of all files beside this one, since
kernels call kernels, and intrinsics write instructions, that are defined here. Times of files don't count.
"""

import hashlib
import inspect
import os
import pickle
import uuid
from functools import lru_cache
from pathlib import Path

import numba
from numba.core.caching import FunctionCache
from numba.core.serialize import dumps

from .._version import __version__
from .._warning import warn
from .compiling import announce
from .vectors import REGISTER

MAGIC = b"skl_sae kernel 2"
# Kinds of the errors that were met, and what the user is still to be told of the first.
_errors, _untold = [], []


def _digest(content):
    return hashlib.sha256(content).digest()


def _stamp_of_the_folder(folder):
    """Of the sources there; of the version where they can't be read, as in an archive."""
    try:
        paths = sorted(Path(folder).glob("*.py"))
        stamps = [(path.name, _digest(path.read_bytes())) for path in paths]
    except OSError:
        stamps = []
    return stamps or __version__


# Read with the modules themselves: a file that changes while this process runs is not what its kernels are made of.
HERE = _stamp_of_the_folder(os.path.dirname(__file__))


@lru_cache
def _stamp_of_a_file(path, time, size):
    """Read again when it changes: a notebook's module may be loaded again."""
    return _digest(Path(path).read_bytes())


def _stamp(function, locator):
    """Numba's stamp where the function's file can't be read: it knows archives and cells of notebooks."""
    try:
        path = inspect.getfile(function)
        status = os.stat(path)
        own = _stamp_of_a_file(path, status.st_mtime_ns, status.st_size)
    except OSError:
        own = locator.get_source_stamp()
    return own, HERE, REGISTER


class _Files:
    """The files of one function: a mark, digests of what the code is for and of the code, the code."""

    def __init__(self, folder, name, stamp):
        self._folder, self._name, self._stamp = folder, name, stamp

    def _path(self, key):
        return os.path.join(self._folder, f"{self._name}.{_digest(repr(key).encode()).hex()[:16]}.nbc")

    def _identity(self, key):
        return _digest(repr((numba.__version__, self._stamp, key)).encode())

    def load(self, key):
        try:
            with open(self._path(key), "rb") as file:
                content = file.read()
        except FileNotFoundError:
            return None
        start = len(MAGIC)
        mark, identity, digest, code = content[:start], content[start:][:32], content[start + 32 :][:32], content[80:]
        if mark[:-1] == MAGIC[:-1] and mark != MAGIC:  # of another version, in another format
            return None
        if mark != MAGIC or digest != _digest(code):
            raise ValueError(f"{self._path(key)} is damaged")
        return pickle.loads(code) if identity == self._identity(key) else None

    def save(self, key, data):
        code = dumps(data)
        path = self._path(key)
        aside = f"{path}.tmp.{uuid.uuid4().hex[:16]}"
        try:
            with open(aside, "wb") as file:
                file.write(MAGIC + self._identity(key) + _digest(code) + code)
            os.replace(aside, path)
        except BaseException:
            _remove(aside)
            raise


def _remove(path):
    try:
        os.unlink(path)
    except OSError:
        pass


class KernelCache(FunctionCache):
    """Numba's cache of one function, with files of our own, and without errors."""

    def __init__(self, function):
        super().__init__(function)
        name, locator = self._impl.filename_base, self._impl.locator
        self._cache_file = _Files(self.cache_path, name, _stamp(function, locator))

    def load_overload(self, sig, target_context):
        """Numba fills its tables of what can be compiled first, which takes longer than to load all kernels of a fit.

        Code needs none of them, but the runtime; and who compiles fills them anyway.
        """
        try:
            numba.core.runtime.rtsys.initialize(target_context)
            with self._guard_against_spurious_io_errors():
                found = self._load_overload(sig, target_context)
        except Exception as error:
            self._note(error)
            found = None
        if found is None:
            announce()
        return found

    def save_overload(self, sig, data):
        try:
            super().save_overload(sig, data)
        except Exception as error:
            self._note(error)

    def _note(self, error):
        """For `tell`: kernels are loaded in a thread that has no caller."""
        if not _errors:
            _untold.append(
                f"The cache of compiled kernels in {self.cache_path} can't be used ({type(error).__name__}: {error}). "
                "What is missing there is compiled anew in each process, which takes seconds. The environment variable "
                "NUMBA_CACHE_DIR names another folder."
            )
        _errors.append(type(error))


def tell():
    """Warn of what went wrong with the cache, at the caller's line, once in a process."""
    try:
        message = _untold.pop()
    except IndexError:
        return
    warn(message)
