"""Compiled kernels on disk: whatever is wrong there, they are compiled, and a warning says so once."""

import errno
import importlib.util
import itertools
import os
import pickle
import shutil
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from numba import config

import skl_sae
from skl_sae._kernels import cache, products
from skl_sae._kernels.jit import jit
from skl_sae._kernels.kernel import kernel

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
assert {{w.filename for w in caught}} <= {{"<string>"}}, "the line is not that of the caller"
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


def in_process(code, folder, root=ROOT):
    """What some code prints in a new process, with the package that is in `root`."""
    environment = {**os.environ, "PYTHONPATH": str(root), "NUMBA_CACHE_DIR": str(folder)}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"  # files that are edited twice in a second look the same
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, cwd=root)
    assert result.returncode == 0, result.stderr
    return result.stdout


def load(folder, before="", root=ROOT):
    """Number of kernels that were compiled, number of warnings and their text, in a new process."""
    words = in_process(CODE.format(before=COUNT + before), folder, root).split(maxsplit=4)
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
    "empty, cut in its head, cut": [
        lambda content: b"",
        lambda content: content[:20],
        lambda content: content[: len(content) // 2],
    ],
    "one bit, a foreign pickle, text": [
        flip,
        lambda content: pickle.dumps({"a": 1}),
        lambda content: b"not a kernel",
    ],
}


@pytest.mark.parametrize("damages", DAMAGE.values(), ids=DAMAGE)
def test_damaged_files_are_replaced(damages, folder, filled):
    for path, damage in zip(sorted(folder.rglob("*.nbc")), itertools.cycle(damages)):
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


def test_what_is_loaded_needs_no_tables_of_the_compiler(folder):
    """Filling them takes longer than loading all kernels of a fit."""
    refuse = """
from numba.core.base import BaseContext
def refuse(self):
    raise AssertionError("not needed")
BaseContext.refresh = refuse
"""
    assert load(folder, refuse) == (0, 0, "")


def test_kernels_are_compiled_after_others_were_loaded(folder, filled):
    for path in sorted(folder.rglob("*.nbc"))[::2]:
        path.unlink()
    compiled, warned, _ = load(folder)
    assert 0 < compiled < filled[1] and warned == 0
    assert load(folder) == (0, 0, "")


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
    "no folder any more": """
def gone(path, *args):
    raise FileNotFoundError(errno.ENOENT, "No such file or directory", path)
cache.open = gone
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


@pytest.mark.parametrize("in_the_way", [False, True])
def test_a_folder_that_is_not_there(in_the_way, filled, tmp_path):
    """It is made; where it cannot be, kernels are kept beside the sources."""
    copy_of_the_package(tmp_path)
    folder = tmp_path / "not" / "there"
    if in_the_way:
        folder.parent.write_text("a file")
    assert load(folder, root=tmp_path) == (filled[1], 0, "")
    assert load(folder, root=tmp_path) == (0, 0, "")
    assert any(folder.rglob("*.nbc")) != in_the_way


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


def test_a_file_of_another_format_is_replaced(tmp_path):
    """Silently: an older version of the package has left it."""
    from skl_sae._kernels import cache

    files = cache._Files(str(tmp_path), "kernel", "stamp")
    files.save("key", 3)
    path = Path(files._path("key"))
    path.write_bytes(b"skl_sae kernel 0" + path.read_bytes()[len(cache.MAGIC) :])
    assert files.load("key") is None
    files.save("key", 4)
    assert files.load("key") == 4


def test_files_are_written_aside(tmp_path, monkeypatch):
    """A process that is killed on the way leaves no part of a kernel under its name."""
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


def copy_of_the_package(root):
    """Its sources, without what is cached beside them."""
    return shutil.copytree(Path(skl_sae.__file__).parent, root / "skl_sae", ignore=lambda *_: {"__pycache__"})


# A file, what is edited there, a call, and what it gives before and after.
EDITS = {
    "an intrinsic that writes instructions": (
        *("vectors.py", "vector] * 3)\n", "vector] * 3)\n        b = self.builder.fneg(b)\n"),
        "from skl_sae._kernels.products import multiply; x = np.arange(6, dtype=np.float32).reshape(2, 3);"
        "print(multiply(x, np.ones((3, 64), np.float32)).sum())",
        *("960.0", "-960.0"),
    ),
    "a plain kernel": (
        *("reductions.py", "total += row[j] != 0", "total += 1 + (row[j] != 0)"),
        "from skl_sae._kernels.reductions import count_nonzero; count_nonzero(np.arange(3.0), n := np.zeros(1));"
        "print(int(n[0]))",
        *("2", "5"),
    ),
    "an intrinsic that kernels elsewhere call": (
        *("jit.py", "builder.mul(args[1], step)", "builder.mul(args[1].type(0), step)"),
        "from skl_sae._model.activations import ACTIVATIONS; x = np.ones((2, 2));"
        "ACTIVATIONS['relu'].backward(np.array([[1.0, 1], [0, 0]]), x); print(x.sum())",
        *("2.0", "4.0"),
    ),
}


@pytest.mark.parametrize("name, old, new, code, right, wrong", EDITS.values(), ids=EDITS)
def test_an_edit_is_seen(name, old, new, code, right, wrong, tmp_path):
    """Of any file that a kernel is made of; and so is the way back."""
    if name == "vectors.py" and not products.REGISTER:
        pytest.skip("NumPy's BLAS makes the products")
    package = copy_of_the_package(tmp_path)
    (package / "__init__.py").write_text("")  # estimators take a second to import
    path = package / "_kernels" / name
    source = path.read_text(encoding="utf-8")
    assert source.count(old) == 1
    versions = [(source, right), (source.replace(old, new), wrong)]
    if name == "reductions.py":  # once is enough
        versions.append((source, right))
    for content, expected in versions:
        path.write_text(content, encoding="utf-8")
        code_of_both = f"import numpy as np, skl_sae; assert {str(tmp_path)!r} in skl_sae.__file__; {code}"
        assert in_process(code_of_both, tmp_path / "cache", tmp_path).strip() == expected


def test_code_outlives_a_touch_and_a_copy(tmp_path):
    """Beside the sources, as it is without NUMBA_CACHE_DIR; no time of a file counts."""
    package = copy_of_the_package(tmp_path / "first")
    assert load("", root=tmp_path / "first")[0] > 0
    for path in package.rglob("*.py"):
        os.utime(path, (1e9, 1e9))
    assert load("", root=tmp_path / "first") == (0, 0, "")
    shutil.copytree(tmp_path / "first", tmp_path / "second", copy_function=shutil.copyfile)
    assert load("", root=tmp_path / "second") == (0, 0, "")


def test_the_stamp_of_a_folder(tmp_path):
    """Names and contents of its sources; without any, the version of the package."""
    assert cache._stamp_of_the_folder(tmp_path) == skl_sae.__version__
    assert cache._stamp_of_the_folder(tmp_path / "missing") == skl_sae.__version__
    stamps = []
    for name, content in [("a.py", "x"), ("b.py", "x"), ("a.py", ""), ("a.py", "xx"), ("b.py", "")]:
        (tmp_path / name).write_text(content)
        stamps.append(cache._stamp_of_the_folder(tmp_path))
    assert all(stamps.count(stamp) == 1 for stamp in stamps)
    (tmp_path / "a.pyc").write_text("no source")
    os.utime(tmp_path / "a.py", (1, 1))
    assert cache._stamp_of_the_folder(tmp_path) == stamps[-1]


def twice(x):
    return 2 * x


@pytest.fixture
def new_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_stamp_knows_the_registers(new_folder, monkeypatch):
    """The same processor may be given in a way that leaves the products to BLAS."""
    before = cache.KernelCache(twice)._cache_file._stamp
    assert before == cache.KernelCache(twice)._cache_file._stamp
    monkeypatch.setattr(cache, "REGISTER", 1)
    assert cache.KernelCache(twice)._cache_file._stamp != before


def test_a_function_without_a_file(new_folder, monkeypatch):
    """As from ``exec`` or the prompt: compiled without a cache, or with numba's stamp where it knows the source."""
    names = {}
    exec(compile("def function(x): return x + 1", "<stdin>", "exec"), names)
    assert jit(names["function"])(1) == 2
    assert not list(new_folder.rglob("*.nbc"))

    class Locator:
        get_source_stamp = lambda self: "numba's"

    assert cache._stamp(names["function"], Locator())[0] == "numba's"
    assert cache._stamp(twice, Locator())[0] != "numba's"


MODULE = """
from skl_sae._kernels.jit import row_of
from skl_sae._kernels.kernel import kernel
FACTOR = {}

@kernel("T2")
def scaled(x):
    return FACTOR * row_of(x, 0)[0]
"""


def test_a_file_that_changes_while_it_is_in_use(tmp_path, new_folder):
    """Code is kept for what it was made of, not for what is there when it is compiled."""

    def read():
        spec = importlib.util.spec_from_file_location("edited", path)
        module = importlib.util.module_from_spec(spec)
        exec(compile(path.read_text(), path, "exec"), module.__dict__)
        return module

    path, one = tmp_path / "edited.py", np.ones((1, 1))
    path.write_text(MODULE.format(3))
    first = read()
    path.write_text(MODULE.format(50))
    assert first.scaled(one) == 3
    assert read().scaled(one) == 50
    path.write_text(MODULE.format(3))
    assert read().scaled(one) == 3


@pytest.mark.parametrize("thread", [False, True])
@pytest.mark.parametrize("views", [False, True])
def test_the_warning_points_at_the_caller(views, thread, new_folder, monkeypatch):
    """Not at the thread that compiles nor at numba; and where nobody else called, at what started the thread."""
    for name in "_errors", "_untold":
        monkeypatch.setattr(cache, name, [])
    monkeypatch.setattr(cache._Files, "load", lambda *args: 1 / 0)
    compiled, x = (kernel("T2") if views else jit)(twice), np.ones((1, 1))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if thread:
            worker = threading.Thread(target=compiled, args=(x,))
            worker.start()
            worker.join()
        assert np.all(compiled(x) == 2)
        assert np.all(compiled(x.astype(np.float32)) == 2)
    assert [warning.filename for warning in caught] == [threading.__file__ if thread else __file__]
    assert "ZeroDivisionError" in str(caught[0].message) and str(new_folder) in str(caught[0].message)


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
