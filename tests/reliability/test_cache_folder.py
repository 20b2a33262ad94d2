"""A folder for compiled kernels that cannot be used: a whole fit compiles what it needs, and gives the same bits."""

import hashlib
import os

import numpy as np
import pytest
from numba import config
from processes import run_well

from skl_sae import SparseAutoencoder

pytestmark = [pytest.mark.slow, pytest.mark.skipif(config.DISABLE_JIT, reason="nothing is compiled")]

CODE = """
import errno, hashlib, os, shutil, sys, warnings
import numpy as np
from skl_sae import SparseAutoencoder
from skl_sae._kernels import cache

def full(*args):
    raise OSError(errno.ENOSPC, "No space left on device")

what, folder, expected = sys.argv[1:]
if what == "full":
    cache.os.replace = full
X = np.random.default_rng(0).normal(size=(60, 9))
sae = SparseAutoencoder(12, max_iter=2, random_state=0)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    sae.fit(X)
    if what == "removed":
        shutil.rmtree(folder)
    codes = sae.partial_fit(X).transform(X)
told = [each for each in caught if "NUMBA_CACHE_DIR" in str(each.message)]
assert len(told) == (what == "full"), caught
assert hashlib.sha256(codes.tobytes()).hexdigest() == expected
print("well")
"""


@pytest.mark.parametrize("what", ["missing", "a file stands there", "full", "removed"])
def test_a_fit_whose_cache_folder_is(what, tmp_path):
    """A folder that is not there is made, as often as need be; that it is full is told once."""
    X = np.random.default_rng(0).normal(size=(60, 9))
    sae = SparseAutoencoder(12, max_iter=2, random_state=0).fit(X).partial_fit(X)
    expected = hashlib.sha256(sae.transform(X).tobytes()).hexdigest()
    folder = tmp_path / "not" / "there"
    if what == "a file stands there":
        (tmp_path / "not").write_text("")
    run_well(CODE, what, str(folder), expected, timeout=300, NUMBA_CACHE_DIR=str(folder), NUMBA_NUM_THREADS="2")
    if what != "removed":
        assert any(folder.rglob("*.nbc")) == (what == "missing")
    assert not [name for _, _, names in os.walk(tmp_path) for name in names if ".tmp." in name]
