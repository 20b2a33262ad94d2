"""Settings that must stand before anything imports scipy or matplotlib, and doctests that need matplotlib.

Each worker of pytest-xdist reads this file, too. Compiled kernels are shared by all.
"""

import os
from importlib.util import find_spec

import pytest

# scikit-learn skips its array API check without it.
os.environ.setdefault("SCIPY_ARRAY_API", "1")
# Nobody looks at windows.
os.environ.setdefault("MPLBACKEND", "Agg")


def pytest_collection_modifyitems(items):
    """Skip what draws where matplotlib, an optional package, is missing: tests skip themselves, doctests cannot."""
    if find_spec("matplotlib") is None:
        skip = pytest.mark.skip(reason="needs matplotlib")
        for item in items:
            if isinstance(item, pytest.DoctestItem) and ("inspection" in item.path.parts or item.name == "guide.rst"):
                item.add_marker(skip)
