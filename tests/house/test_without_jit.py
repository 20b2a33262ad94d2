"""The kernels as plain Python: a coverage tool and a debugger see them, and NumPy checks every index and overflow."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = ["model/test_codes.py", "kernels/test_top_k.py", "model/test_losses.py", "training/test_optimizers.py"]
FILES += ["training/test_regularisation.py"]


def run(*arguments):
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        [sys.executable, *arguments], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=600
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_kernels_without_compilation(name):
    """Like ``NUMBA_DISABLE_JIT=1 pytest tests/model/test_codes.py``."""
    run("-c", "import inspect, skl_sae._kernels.reductions as c; assert inspect.isfunction(c.sum_segments)")
    run("-m", "pytest", "-q", "-p", "no:cacheprovider", f"tests/{name}")
