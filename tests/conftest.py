"""What all tests share: settings that must stand before scipy or matplotlib is imported, skips, and fixtures.

Each worker of pytest-xdist reads this file, too. Compiled kernels are shared by all.
"""

import os
import signal
from importlib.util import find_spec

import pytest
from numba import config
from threadpoolctl import ThreadpoolController

from skl_sae._kernels import plan

# Recorded arrays must lie within those that they belong to.
plan.CHECKS = True
# scikit-learn skips its array API check without it.
os.environ.setdefault("SCIPY_ARRAY_API", "1")
# Tests draw without opening windows.
os.environ.setdefault("MPLBACKEND", "Agg")


# Files whose tests would train for hours with NUMBA_DISABLE_JIT=1, where kernels are interpreted. The other files,
# about kernels, layouts, threads and checks, run there, too.
LONG_WITHOUT_COMPILATION = {
    *(
        "cluster.rst",
        "checkpoints.rst",
        "sparse_coding.rst",
        "test_autoencoder.py",
        "test_benchmarks.py",
        "test_common.py",
    ),
    *(
        "test_data_checks.py",
        "test_common_coding.py",
        "test_ksvd.py",
        "test_recovery_autoencoder.py",
        "test_recovery.py",
    ),
    *("test_basis_pursuit.py", "test_unrolled.py", "test_abs_topk.py", "test_retrieval.py"),
    *("test_dead_units.py", "test_determinism.py", "test_extending.py", "test_gradients.py", "test_imputer.py"),
    *("test_interrupts.py", "test_missing_values.py", "test_pretraining.py", "test_published.py", "test_quantile.py"),
    *("compression.rst", "out_of_core.rst", "test_prune.py", "test_stored_weights.py", "test_compression_report.py"),
    *("test_loop.py", "test_readme.py", "test_sparse_rows.py", "test_state.py"),
    *("test_checkpoint.py", "test_checkpoint_files.py", "test_divergence.py", "test_interrupted_fit.py"),
    *("exchange.rst", "test_onnx.py"),
    *("test_baselines.py", "test_common_ensemble.py", "test_consensus.py", "test_description_length.py"),
    "test_stability.py",
}


def is_guide(path):
    """A page of the user guide: it trains and draws."""
    return path.suffix == ".rst" and path.parent.name == "guide"


def pytest_collection_modifyitems(items):
    """Skip what would take hours; and without matplotlib the doctests that draw, which cannot skip themselves."""
    if config.DISABLE_JIT:
        skip = pytest.mark.skip(reason="takes hours where kernels are not compiled")
        for item in items:
            examples = "skl_sae" in item.path.parts[-3:] or is_guide(item.path)
            if item.path.name in LONG_WITHOUT_COMPILATION or examples:
                item.add_marker(skip)
    if find_spec("matplotlib") is None:
        skip = pytest.mark.skip(reason="needs matplotlib")
        for item in items:
            if isinstance(item, pytest.DoctestItem) and ("inspection" in item.path.parts or is_guide(item.path)):
                item.add_marker(skip)


@pytest.fixture
def interruptible():
    """Ctrl-C raises, also in a process that was started in the background, where it is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def blas_threads():
    """Give BLAS two threads; the value is a function that tells how many it has now."""
    libraries = ThreadpoolController().select(user_api="blas")

    def count():
        return {library.num_threads for library in libraries.lib_controllers}

    with libraries.limit(limits=2):
        if count() != {2}:
            pytest.skip("this BLAS takes no limit of two threads")
        yield count
