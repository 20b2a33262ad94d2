"""Data in files is never copied: calls in a process that may take less memory than the file has."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import out_of_core_calls
import pytest
from numpy.testing import assert_array_equal

from skl_sae import SparseAutoencoder

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="RLIMIT_DATA has another meaning")

# Those that the default lane runs.
FEW = ["fit", "random order", "early stopping", "rows held out for a rule", "partial_fit", "float64", "Fortran order"]
FEW += ["wide", "score"]
COPY = "a copy in memory"


def run(folder, names):
    """What became of the calls, by name; the process tells when it dies."""
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, out_of_core_calls.__file__, str(folder), *names]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    told = dict(line.split(": ", 1) for line in result.stdout.splitlines())
    assert result.returncode == 0, f"{result.returncode} after {list(told)}: {result.stderr[-2000:]}"
    return told, result.stderr


def check(folder, names):
    told, trace = run(folder, [*names, COPY])
    assert told.pop(COPY).startswith("MemoryError"), "the limit holds"
    assert told == dict.fromkeys(names, "well"), trace


def test_calls_make_no_copy_of_a_file(tmp_path):
    check(tmp_path, FEW)


@pytest.mark.slow
def test_all_calls_make_no_copy_of_a_file(tmp_path):
    check(tmp_path, [name for name in out_of_core_calls.CALLS if name != COPY])


def test_a_mapped_file_is_read_where_it_lies(tmp_path):
    """The rows that training reads are the map itself, whatever scikit-learn's validation returns."""
    X = out_of_core_calls.write(tmp_path / "X.npy", 300)
    sae = SparseAutoencoder(4, max_iter=1)
    assert np.shares_memory(sae._read(sae, X, reset=True).X, X)
    assert not X.flags.writeable


def test_codes_of_chunks_are_those_of_the_whole(tmp_path):
    X = out_of_core_calls.write(tmp_path / "X.npy", 1000)
    sae = SparseAutoencoder(16, max_iter=1, random_state=0).fit(X)
    codes = np.lib.format.open_memmap(tmp_path / "codes.npy", "w+", np.float32, (1000, 16))
    for lo in range(0, 1000, 300):
        codes[lo : lo + 300] = sae.transform(X[lo : lo + 300])
    assert_array_equal(codes, sae.transform(X))
