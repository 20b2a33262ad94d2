"""Damaged and hostile files of all formats of other libraries: one clear error, or exactly the model that they say."""

import subprocess
import sys
from pathlib import Path

import malformed
import pytest

from skl_sae.io._formats import FORMATS

# The files of this library have their own tests.
FOREIGN = [name for name in FORMATS if name != "skl_sae"]


def test_all_formats_are_damaged():
    assert set(malformed.BASES) == set(FOREIGN)


@pytest.mark.parametrize("count", [100, pytest.param(1000, marks=pytest.mark.slow)])
def test_damaged_files(tmp_path, count):
    """In a process of their own, which they must not end."""
    command = [sys.executable, malformed.__file__, str(count), str(tmp_path), *FOREIGN]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800, cwd=Path(malformed.__file__).parent)
    assert done.returncode == 0, f"{done.stdout[-300:]}\n{done.stderr[-3000:]}"
    models = [int(number) for number in done.stdout.splitlines()[-1].split()]
    assert len(models) == len(FOREIGN)
    assert all(0.05 * count < number < 0.6 * count for number in models), models
