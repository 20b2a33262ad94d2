"""Where another library is needed, its tests are left out without it."""

import pytest


@pytest.fixture
def torch():
    return pytest.importorskip("torch")
