"""No kernel leaves its arrays: under bounds checks, and between pages that may not be touched."""

import os
import subprocess
import sys
from pathlib import Path

import fuzz
import pytest
from numba import config

ROOT = Path(__file__).parents[2]
# Tests that call kernels, and few others: every kernel is compiled anew.
CALL_KERNELS = [f"kernels/test_{name}.py" for name in ("top_k", "quantile", "kernel", "products")]
CALL_KERNELS += [
    "model/test_codes.py",
    "model/test_sparse_rows.py",
    "model/test_activations.py",
    "model/test_losses.py",
]
CALL_KERNELS += ["sparsity/test_rules.py"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(config.DISABLE_JIT, reason="what is not compiled checks its bounds"),
]
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="pages are protected by a call of Linux")


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    """An environment in which numba checks bounds; kernels in the cache were compiled without."""
    return os.environ | {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path_factory.mktemp("checked"))}


def python(*arguments, env=None):
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, env=env, capture_output=True, text=True)


def test_the_environment_checks_bounds(checked):
    code = "import numpy as np; from skl_sae._kernels.reductions import sum_columns, sum_segments\n"
    code += "sum_segments(np.array([0, 9]), np.ones(3))"
    assert "IndexError" in python("-c", code, env=checked).stderr


def test_kernels_under_bounds_checks(checked):
    files = [f"tests/{name}" for name in CALL_KERNELS]
    done = python("-m", "pytest", "-q", "-p", "no:cacheprovider", *files, env=checked)
    assert done.returncode == 0, done.stdout[-3000:]


def test_random_fits_under_bounds_checks(checked):
    total = fuzz.run_apart(300, seed=1, environment=checked)
    assert fuzz.report(total)


@on_linux
@pytest.mark.parametrize("number, end", [(6, "True"), (-1, "False")], ids=["end", "start"])
def test_a_guarded_page_ends_the_process(number, end):
    code = "import sys; sys.path.insert(0, 'tests/kernels'); import numpy as np; from guard_pages import guarded\n"
    code += f"a = guarded(np.ones(6), {end}); print(a.sum(), flush=True)\n"
    code += f"np.lib.stride_tricks.as_strided(a[:1], (20,), (8 if {end} else -8,))[abs({number})]"
    done = python("-c", code)
    assert done.returncode < 0 and done.stdout == "6.0\n"


@on_linux
def test_kernels_between_guarded_pages():
    done = python("-X", "faulthandler", "tests/kernels/guard_pages.py")
    assert done.returncode == 0, done.stdout + done.stderr
