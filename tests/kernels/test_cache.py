"""Compiled kernels on disk: whatever is wrong there, they are compiled, and a warning says so once."""

import errno
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from numba import config

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(config.DISABLE_JIT, reason="nothing is compiled")

# Loads two small kernels for two dtypes, after something was done to the folder or to Python.
CODE = """
import builtins, errno, os, sys, warnings
import numpy as np
import skl_sae
from skl_sae._kernels import cache
from skl_sae._model.activations import ACTIVATIONS
{before}
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for dtype in (np.float32, np.float64):
        for name in ("relu", "sigmoid"):
            f, gradient = np.linspace(0, 1, 8, dtype=dtype)[None], np.ones((1, 8), dtype)
            ACTIVATIONS[name].backward(f, gradient)
            assert np.allclose(gradient, f > 0 if name == "relu" else f * (1 - f))
print("compiled", sum(calls), "warnings", len(caught), *(str(w.message) for w in caught))
"""
COUNT = """
from numba.core import dispatcher
calls, compile_ = [], dispatcher._FunctionCompiler.compile
def count(*args):
    calls.append(1)
    return compile_(*args)
dispatcher._FunctionCompiler.compile = count
"""


def load(folder, before=""):
    """Number of kernels that were compiled, number of warnings and their text, in a new process."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NUMBA_CACHE_DIR": str(folder)}
    code = CODE.format(before=COUNT + before)
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    words = result.stdout.split(maxsplit=4)
    return int(words[1]), int(words[3]), words[4] if len(words) > 4 else ""


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("filled")
    compiled, warned, _ = load(folder)
    assert compiled >= 4 and warned == 0
    assert load(folder) == (0, 0, "")
    return folder, compiled


@pytest.fixture
def folder(filled, tmp_path):
    """A copy, at another place: names of folders and files do not depend on it."""
    for path in filled[0].rglob("*.nbc"):
        copy = tmp_path / path.relative_to(filled[0])
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(path.read_bytes())
    return tmp_path


def flip(content):
    return content[:-100] + bytes([content[-100] ^ 1]) + content[-99:]


DAMAGE = {
    "empty": lambda content: b"",
    "cut in its head": lambda content: content[:20],
    "cut": lambda content: content[: len(content) // 2],
    "one bit": flip,
    "a foreign pickle": lambda content: pickle.dumps({"a": 1}),
    "text": lambda content: b"not a kernel",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_damaged_files_are_replaced(damage, folder, filled):
    for path in folder.rglob("*.nbc"):
        path.write_bytes(damage(path.read_bytes()))
    compiled, warned, text = load(folder)
    assert (compiled, warned) == (filled[1], 1)
    assert "NUMBA_CACHE_DIR" in text and str(folder) in text
    assert load(folder) == (0, 0, "")


def test_a_file_for_something_else_is_not_loaded(folder, filled):
    """The code for other types, or of another version, under the name of these."""
    paths = sorted(folder.rglob("*.nbc"))
    contents = [path.read_bytes() for path in paths]
    for path, content in zip(paths, contents[1:] + contents[:1]):
        path.write_bytes(content)
    assert load(folder) == (filled[1], 0, "")


FULL = """
def full(path, *args):
    raise OSError(errno.ENOSPC, "No space left on device", path)
"""
FAILURES = {
    "no space for the file": FULL + "cache.os.replace = full",
    "no space while it is written": FULL
    + """
class Full:
    def __init__(self, *args):
        self.file = open_(*args)
    def __enter__(self):
        return self
    def __exit__(self, *exception):
        self.file.close()
    def write(self, content):
        self.file.write(content[:100])
        full("")
    def read(self):
        return self.file.read()
open_ = open
cache.open = lambda *args: Full(*args) if "w" in args[1] else open_(*args)
""",
    "no permission to read": """
def closed(*args):
    raise PermissionError(errno.EACCES, "Permission denied")
cache.open = closed
""",
}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_kernels_are_compiled_where_the_cache_fails_later(failure, tmp_path, filled):
    """After it was found that the folder can be written."""
    compiled, warned, text = load(tmp_path, failure)
    assert (compiled, warned) == (filled[1], 1)
    assert "NUMBA_CACHE_DIR" in text and str(tmp_path) in text
    assert not list(tmp_path.rglob("*.tmp.*"))
    left = {path.stat().st_size for path in tmp_path.rglob("*.nbc")}
    assert not left


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_can_only_be_read(folder):
    for path in folder.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    folder.chmod(0o555)
    try:
        assert load(folder)[1] == 0
    finally:
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o755)


def test_no_folder_at_all(filled, tmp_path):
    """As in a read-only installation without a home: silently, because the import finds out."""
    environment = """
from numba.core.caching import CacheImpl
from importlib import reload
CacheImpl._locator_classes = []
from skl_sae._model import activations
ACTIVATIONS = reload(activations).ACTIVATIONS
"""
    assert load(tmp_path, environment)[:2] == (filled[1], 0)


def test_files_are_written_aside(tmp_path, monkeypatch):
    """A process that is killed on the way leaves no part of a kernel under its name."""
    from skl_sae._kernels import cache

    files, seen = cache._Files(str(tmp_path), "kernel", "stamp"), []
    replace = os.replace

    def look(source, target):
        seen.append((os.path.exists(target), len(Path(source).read_bytes())))
        replace(source, target)

    monkeypatch.setattr(cache.os, "replace", look)
    files.save("key", list(range(1000)))
    assert seen == [(False, Path(files._path("key")).stat().st_size)]
    assert files.load("key") == list(range(1000)) and files.load("other") is None
    assert cache._Files(str(tmp_path), "kernel", "other stamp").load("key") is None
    monkeypatch.setattr(cache.os, "replace", lambda *args: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
    with pytest.raises(OSError):
        files.save("key", 3)
    assert files.load("key") == list(range(1000)) and len(os.listdir(tmp_path)) == 1


@pytest.mark.slow
def test_processes_that_write_at_once_and_are_killed(tmp_path, filled):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NUMBA_CACHE_DIR": str(tmp_path)}
    for n in range(10):
        code = CODE.format(before=COUNT)
        processes = [
            subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.DEVNULL) for _ in range(3)
        ]
        try:
            processes[0].wait(1.5 + 0.3 * n)
        except subprocess.TimeoutExpired:
            pass
        for process in processes:
            process.kill()
            process.wait()
        for path in tmp_path.rglob("*.nbc"):
            assert path.stat().st_size > 1000
    assert load(tmp_path)[1] == 0
    assert load(tmp_path) == (0, 0, "")
