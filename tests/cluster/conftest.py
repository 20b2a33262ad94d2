"""A cluster of two worker processes that all tests of this folder share, and data in blocks."""

import logging
from pathlib import Path

import numpy as np
import pytest
from numba import config
from sklearn.datasets import load_digits

from skl_sae import SparseAutoencoder

# A connection that distributed gives up, when a worker starts slowly or has died, leaves a socket to the collector.
SOCKETS = "ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning"


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.filterwarnings(SOCKETS))
            if config.DISABLE_JIT:
                item.add_marker(pytest.mark.skip(reason="takes hours where kernels are not compiled"))


@pytest.fixture(scope="package")
def cluster():
    from distributed import LocalCluster

    options = {"processes": True, "dashboard_address": ":0", "silence_logs": logging.CRITICAL}
    with LocalCluster(n_workers=2, threads_per_worker=1, **options) as cluster:
        yield cluster


@pytest.fixture
def client(cluster):
    """A client of two workers that are there, also after a test that has killed one."""
    from distributed import Client

    with Client(cluster) as client:
        cluster.scale(2)
        client.wait_for_workers(2, timeout=120)
        yield client


@pytest.fixture(scope="session")
def digits():
    X = load_digits(return_X_y=True)[0] / 16
    return X + 0.01 * np.random.RandomState(0).standard_normal(X.shape)


@pytest.fixture
def blocks(digits):
    """The same in four blocks, of sizes that differ."""
    import dask.array as da

    return da.from_array(digits, chunks=((500, 500, 500, len(digits) - 1500), -1))


@pytest.fixture
def sae():
    return SparseAutoencoder(n_components=24, max_iter=3, batch_size=100, random_state=0)
