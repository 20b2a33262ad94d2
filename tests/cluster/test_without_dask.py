"""Where Dask is not installed, what needs it says how to get it, and nothing else needs it."""

from processes import run_well

CODE = """
import sys
sys.modules["dask"] = sys.modules["distributed"] = None
import numpy as np
from skl_sae import SparseAutoencoder
from skl_sae.dask import fit, transform
X = np.random.RandomState(0).standard_normal((30, 4))
for use in fit, transform:
    try:
        use(SparseAutoencoder(2, max_iter=1), X)
    except ImportError as error:
        assert 'skl-sae[dask]' in str(error), error
    else:
        raise AssertionError(use)
print("well")
"""


def test_the_error_names_the_extra():
    run_well(CODE, timeout=120)
